"""
Commands to actions, and where it fails
=======================================

"jump twice after walk left" stands for four actions: turn left, walk, jump, jump. A
translator learns such commands from a tenth of them. Does it know the rules, then? The
commands follow SCAN, a data set made for this question: where answers are longer than
all of training, most are wrong. See :doc:`/translation`.
"""

# %%
# A command is one phrase, or two joined by "and" or "after". A phrase is an action with
# a direction, once, twice or thrice. (SCAN also has "around", four turns, which is left
# out here to train in seconds.)
import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNTranslator
from sklearn_rnn.metrics import exact_match_score

VERBS = {"walk": ["WALK"], "look": ["LOOK"], "run": ["RUN"], "jump": ["JUMP"]}
TIMES = {"": 1, " twice": 2, " thrice": 3}


def make_phrases():
    """Return the actions of each phrase."""
    actions = dict(VERBS)
    for (verb, own), side in product([("turn", []), *VERBS.items()], ["left", "right"]):
        turn = [side.upper()]
        actions[f"{verb} {side}"] = turn + own
        actions[f"{verb} opposite {side}"] = turn + turn + own
    return {f"{p}{t}": a * n for p, a in actions.items() for t, n in TIMES.items()}


def make_commands():
    """Return the actions of each command."""
    phrases = make_phrases()
    commands = dict(phrases)
    for (p, a), (q, b) in product(phrases.items(), repeat=2):
        commands[f"{p} and {q}"] = a + b
        commands[f"{p} after {q}"] = b + a
    return commands


commands = make_commands()
X = np.array(list(commands), dtype=object)
y = np.array([" ".join(actions) for actions in commands.values()], dtype=object)
n_actions = np.array([len(actions) for actions in commands.values()])
print(f"{len(X)} commands, up to {n_actions.max()} actions")
print(X[-1], "->", y[-1])

# %%
# Two splits: 1,000 commands of all lengths, or 1,000 of those with at most 9 actions.
# All 72 phrases alone are in both. Up to 50 other commands of each length are the test
# set of both.
MOST_ACTIONS, N_TRAIN = 9, 1000
n_phrases = len(make_phrases())  # the first commands
shuffled = np.random.default_rng(0).permutation(np.arange(n_phrases, len(X)))
lengths = np.unique(n_actions[shuffled])
of_length = [shuffled[n_actions[shuffled] == n] for n in lengths]
test = np.concatenate([rows[: min(50, len(rows) // 2)] for rows in of_length])
others = np.concatenate([np.arange(n_phrases), shuffled[~np.isin(shuffled, test)]])
short = others[n_actions[others] <= MOST_ACTIONS]
train = {
    "commands of all lengths": others[:N_TRAIN],
    f"at most {MOST_ACTIONS} actions": short[:N_TRAIN],
}

# %%
# An answer counts if all its actions are right. The loss still falls at the end, of
# which the estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
predicted = {}
for name, rows in train.items():
    translator = RNNTranslator(
        hidden_size=64,
        dropout=0.1,
        batch_size=32,
        max_epochs=12,
        learning_rate=0.01,
        max_length=30,
        random_state=0,
    )
    predicted[name] = translator.fit(X[rows], y[rows]).predict(X[test])
    for text, part in (
        ("up to", n_actions[test] <= MOST_ACTIONS),
        ("more than", n_actions[test] > MOST_ACTIONS),
    ):
        score = exact_match_score(y[test][part], predicted[name][part])
        print(f"trained on {name}, tested on {text} {MOST_ACTIONS}: {score:.1%} right")

# %%
# Trained on short answers, the translator knows both phrases of a long command, and
# "and" and "after" from shorter ones. Yet it ends its answers about where those of
# training ended: it has not learned to count.
rows = np.flatnonzero(n_actions[test] == n_actions.max())[:1]
print(X[test][rows][0])
for name, answers in predicted.items():
    print(f"{name}: {len(answers[rows][0].split())} of {n_actions.max()} actions")

# %%
# The figure shows the share of right answers by their number of actions.
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for (name, answers), marker in zip(predicted.items(), "os", strict=True):
    is_right = answers == y[test]
    share = [is_right[n_actions[test] == n].mean() for n in lengths]
    ax.plot(lengths, share, marker=marker, label=f"trained on {name}")
ax.axvspan(MOST_ACTIONS + 0.5, lengths.max() + 0.5, color="0.93", zorder=0)
ax.set(xlabel="actions of the right answer", ylabel="share of right answers")
ax.set(ylim=(-0.03, 1.03), xticks=lengths)
ax.legend(loc="lower left")
fig.savefig("commands_to_actions.png", dpi=120)
