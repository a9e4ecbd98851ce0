"""
The notes that sound next
=========================

Four voices sing a chorale. Which notes sound at the next beat? Several do at once, so
each step has 88 labels of 0 or 1, one for each key of a piano: a multilabel tagger.
"""

# %%
# The chorales of Bach on a grid of quarter notes, if the file of
# https://github.com/czhuang/JSB-Chorales-dataset lies beside the repository, in
# ``shared/data``. Otherwise chords go round in the keys of a scale, by a rule: I, IV,
# V, and back, one or two beats each.
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNTagger

FOLDER = Path("..", "shared", "data") / "jsb_chorales"
FILE = FOLDER / "jsb-chorales-quarter.json"


def make_chorales(n_pieces, random_state):
    """Make pieces of three chords in turn, each for one or two beats."""
    rng = np.random.default_rng(random_state)
    pieces = []
    for key in rng.integers(48, 60, size=n_pieces):
        chords = [key + shift + np.array([0, 4, 7, 12]) for shift in (0, 5, 7)] * 8
        pieces.append(np.repeat(chords, rng.integers(1, 3, size=24), axis=0).tolist())
    return pieces


if FILE.exists():
    chorales = json.loads(FILE.read_text())
    pieces, test_pieces = chorales["train"], chorales["test"]
else:
    print("The chorales are not here: pieces of three chords are made.")
    pieces, test_pieces = make_chorales(200, 0), make_chorales(50, 1)


def to_roll(piece):
    """Return the piano roll: 1 where a key sounds, of shape (n_steps, 88)."""
    roll = np.zeros((len(piece), 88), dtype=int)
    for step, notes in enumerate(piece):
        roll[step, np.array(notes, dtype=int) - 21] = 1
    return roll


# %%
# X is all beats but the last, y all but the first. With ``bidirectional=False`` an
# answer knows only the notes so far; a network that read backwards would see y in X.
rolls = [to_roll(piece) for piece in pieces]
test_rolls = [to_roll(piece) for piece in test_pieces]
tagger = RNNTagger(
    bidirectional=False,
    hidden_size=128,
    dropout=0.3,
    max_epochs=30,
    batch_size=16,
    random_state=0,
)
tagger.fit([roll[:-1] for roll in rolls], [roll[1:] for roll in rolls])
answers = tagger.predict_proba([roll[:-1] for roll in test_rolls])
p = np.concatenate(list(answers))


# %%
# The usual measure is the negative log-likelihood of a step, summed over the 88 keys;
# the first beat, which nothing precedes, is left out. Beside the network: how often
# each key sounds, and the keys that sound now, with how often a key goes on or begins.
def loss(p, truth):
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return -np.log(np.where(truth, p, 1 - p)).sum(axis=1).mean()


now = np.concatenate([roll[:-1] for roll in rolls])
then = np.concatenate([roll[1:] for roll in rolls])
goes_on = (then * now).sum(axis=0) / np.maximum(now.sum(axis=0), 1)
begins = (then * (1 - now)).sum(axis=0) / np.maximum((1 - now).sum(axis=0), 1)
test_now = np.concatenate([roll[:-1] for roll in test_rolls])
test_then = np.concatenate([roll[1:] for roll in test_rolls])
print(f"each key by itself: {loss(then.mean(axis=0), test_then):.2f} nats a step")
last = np.where(test_now, goes_on, begins)
print(f"each key, from the last beat: {loss(last, test_then):.2f} nats a step")
print(f"network: {loss(p, test_then):.2f} nats a step")

# %%
# The first 40 beats of a test piece: shading is the probability of a key, told one beat
# before; the dots are the notes that came.
roll, probability = test_rolls[0][1:41], answers[0][:40]
figure, axis = plt.subplots(figsize=(10, 5), layout="constrained")
image = axis.imshow(
    probability.T, aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=1
)
step, key = np.nonzero(roll)
axis.plot(step, key, ".", color="darkred", label="sounds")
axis.set(
    xlabel="beat",
    ylabel="key of the piano",
    ylim=(key.min() - 4, key.max() + 4),
    title="The notes of the next beat: told, and sung",
)
axis.legend(loc="upper right")
figure.colorbar(image, label="probability, one beat before")
figure.savefig("notes_that_sound_next.png", dpi=100)
print("figure saved: notes_that_sound_next.png")

# %%
# A multilabel tagger takes each key as a question of its own, given all notes so far;
# that the keys of one chord go together it cannot tell. :doc:`/tagging` has more.
