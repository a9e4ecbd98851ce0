"""
How a chorale goes on
=====================

This example learns the chorales of Bach and continues one of which it has seen only the
beginning. Several notes sound at once, so each step is a set of notes: an
:class:`~sklearn_rnn.RNNGenerator` predicts the probability of each of the 88 keys of a
piano, draws the notes of the next beat, and reads them before it draws those after. See
:doc:`/generation`.
"""

# %%
# The data are chorales on a grid of quarter notes, from
# https://github.com/czhuang/JSB-Chorales-dataset, if the file is in ``../shared/data``.
# Otherwise the example uses generated pieces: the chords I, IV and V in turn, each for
# one or two beats.
import base64
import json
import wave
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNGenerator

FOLDER = Path("..", "shared", "data") / "jsb_chorales"
FILE = FOLDER / "jsb-chorales-quarter.json"


def make_chorales(n_pieces, random_state):
    """Make pieces of three chords in turn, one or two beats each."""
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
    print("The chorales are not available. Using generated pieces instead.")
    pieces, test_pieces = make_chorales(200, 0), make_chorales(50, 1)


def to_roll(piece):
    """Return the piano roll, of shape (n_steps, 88), with 1 for keys that sound."""
    roll = np.zeros((len(piece), 88), dtype=int)
    for step, notes in enumerate(piece):
        roll[step, np.array(notes, dtype=int) - 21] = 1
    return roll


# %%
# The score of new pieces is their mean log-likelihood per beat, in nats. It is compared
# with that of independent keys, each as frequent as in the training data.
rolls = [to_roll(piece) for piece in pieces]
test_rolls = [to_roll(piece) for piece in test_pieces]
generator = RNNGenerator(
    hidden_size=128, dropout=0.3, batch_size=8, max_epochs=20, random_state=0
)
generator.fit(rolls)
print(f"network: {generator.score(test_rolls):.2f} nats per beat")
p = np.clip(np.concatenate(rolls).mean(axis=0), 1e-4, 1 - 1e-4)
test_beats = np.concatenate(test_rolls)
frequency = np.log(np.where(test_beats, p, 1 - p)).sum(axis=1).mean()
print(f"frequency of each key: {frequency:.2f} nats per beat")

# %%
# The beginning of a test piece is the prompt, a part of each result. A low temperature
# makes improbable notes rarer, so that chords are held and voices fall silent; at a
# high one the music strays.
N_GIVEN, N_NEW = 16, 32
piece = test_rolls[0]
versions = {"the piece itself": piece[: N_GIVEN + N_NEW]}
for temperature in (0.7, 1.0, 1.5):
    versions[f"temperature {temperature}"] = generator.sample(
        prompt=piece[:N_GIVEN],
        max_length=N_NEW,
        temperature=temperature,
        random_state=0,
    )[0]

figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, sharey=True)
for axis, (title, roll) in zip(axes.flat, versions.items(), strict=True):
    beat, key = np.nonzero(roll)
    given = beat < N_GIVEN
    axis.plot(beat[given], key[given], "s", color="0.6", markersize=4, label="given")
    axis.plot(
        beat[~given], key[~given], "s", color="C0", markersize=4, label="what follows"
    )
    axis.axvline(N_GIVEN - 0.5, color="0.8")
    axis.set_title(title)
    chords = np.diff(roll[N_GIVEN - 1 :], axis=0)
    print(f"{title}: {np.abs(chords).sum(axis=1).mean():.1f} keys change at each beat")
for axis in axes[1]:
    axis.set_xlabel("beat")
for axis in axes[:, 0]:
    axis.set_ylabel("key of the piano")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper right", ncols=2)
figure.suptitle("A chorale, continued after its first 16 beats")
figure.tight_layout()
figure.savefig("chorale_goes_on.png", dpi=100)
print("figure saved: chorale_goes_on.png")


# %%
# To hear it, add a decaying tone for each note, and write the sum as a WAV file. The
# first eight seconds are the beginning that was given.
RATE = 8000


def to_sound(roll, seconds=0.5):
    """Return the samples of a piano roll, from -1 to 1."""
    time = np.arange(int(RATE * seconds)) / RATE
    sound = np.zeros((len(roll), len(time)))
    for beat, key in zip(*np.nonzero(roll), strict=True):
        frequency = 440 * 2 ** ((key - 48) / 12)
        sound[beat] += np.sin(2 * np.pi * frequency * time) * np.exp(-4 * time)
    return sound.ravel() / np.abs(sound).max()


class Player:
    """A WAV file that notebooks and this page play."""

    def __init__(self, path):
        self.content = base64.b64encode(Path(path).read_bytes()).decode()

    def _repr_html_(self):
        return f'<audio controls src="data:audio/wav;base64,{self.content}"></audio>'


with wave.open("chorale_goes_on.wav", "wb") as file:
    file.setparams((1, 2, RATE, 0, "NONE", ""))
    sound = to_sound(versions["temperature 0.7"])
    file.writeframes((32000 * sound).astype("<i2").tobytes())
print("sound saved: chorale_goes_on.wav")
Player("chorale_goes_on.wav")

# %%
# The notes of a beat are drawn independently of one another, given all beats before. A
# model of which notes sound together would draw them one after the other, as tokens.
