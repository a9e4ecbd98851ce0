"""
The states of a machine in a sensor log
=======================================

Is the machine idle or at work, at each moment of its log? A tagger answers at each
step, from the whole log; a classifier could only give one answer for all of it.
"""

# %%
# Each sequence stands for a log of one sensor. The signal follows one of two rules, in
# both of which it is as large: in state 0 each value is like the one before, in state 1
# it is like its negative. One value alone tells nothing of the state; how values follow
# each other does. The state changes at one step in twenty, on average.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_rnn import RNNTagger
from sklearn_rnn.datasets import make_regime_switch
from sklearn_rnn.metrics import step_accuracy_score

X, y = make_regime_switch(300, n_steps=100, random_state=0)
X_test, y_test = make_regime_switch(100, n_steps=100, random_state=1)


# %%
# The honest baseline is gradient boosting on a window of nine values around each step.
# The tagger reads each log in both directions. With ``crf=True`` it also learns how
# rarely states change, so its path of states has no flicker.
def windows(X):
    """Return the values of each step and of four steps before and after it."""
    padded = np.pad(X[..., 0], [(0, 0), (4, 4)])
    return np.lib.stride_tricks.sliding_window_view(padded, 9, axis=1).reshape(-1, 9)


trees = HistGradientBoostingClassifier(random_state=0)
trees.fit(windows(X), np.ravel(y))
answers = {
    "window and trees": trees.predict(windows(X_test)).reshape(y_test.shape),
    "RNNTagger": RNNTagger(max_epochs=15, random_state=0).fit(X, y).predict(X_test),
}
tagger = RNNTagger(crf=True, max_epochs=15, random_state=0).fit(X, y)
answers["RNNTagger, crf=True"] = tagger.predict(X_test)
for name, states in answers.items():
    changes = np.mean([np.count_nonzero(np.diff(s)) for s in states])
    accuracy = step_accuracy_score(y_test, states)
    print(f"{name}: accuracy {accuracy:.3f}, {changes:.1f} changes of state in a log")
true_changes = np.count_nonzero(np.diff(y_test, axis=1)) / len(y_test)
print(f"truth: {true_changes:.1f} changes of state in a log")

# %%
# One log of the test part, below it a strip of states for each model. The lowest curve
# is the probability of state 1 at each step, summed over all paths of states: between
# 0 and 1 where the log leaves it open.
i = 0
rows = {"truth": y_test[i], **{name: states[i] for name, states in answers.items()}}
figure, (signal, strips, sure) = plt.subplots(
    3, 1, figsize=(9, 6), sharex=True, height_ratios=[2, 1.5, 1], layout="constrained"
)
signal.plot(X_test[i, :, 0], lw=1)
signal.set(ylabel="sensor", title="A log, and the state at each of its steps")
strips.imshow(
    np.stack(list(rows.values())), aspect="auto", cmap="coolwarm", interpolation="none"
)
strips.set_yticks(range(len(rows)), rows)
sure.plot(tagger.predict_proba(X_test[i : i + 1])[0][:, 1])
sure.set(xlabel="step", ylabel="probability\nof state 1", ylim=(-0.05, 1.05))
figure.savefig("machine_states.png", dpi=100)
print("figure saved: machine_states.png")

# %%
# :ref:`sphx_glr_auto_examples_plot_part_of_speech.py` tags words;
# :ref:`sphx_glr_auto_examples_plot_life_at_each_cycle.py` answers with a number at each
# step. :doc:`/tagging` has more of both.
