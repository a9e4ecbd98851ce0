"""
How a chorale and a folk tune go on
===================================

This example learns the chorales of Bach, then British and American folk tunes, and
continues pieces of which it has seen only the beginning. Several notes sound at once,
so each step is a set of notes: an :class:`~sklearn_rnn.RNNGenerator` predicts the
probability of each of the 88 keys of a piano, draws the notes of the next step, and
reads them before it draws those after. See :doc:`/generation`.
"""

# %%
# Each piece is an array of shape (n_steps, 88), with 1 for keys that sound. A step of a
# chorale is a quarter note, that of a folk tune mostly an eighth. The pieces are
# downloaded once. If the download fails, the example uses generated pieces instead: the
# chords I, IV and V in turn, each for a few steps, below a random voice.
import base64
import warnings
import wave
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNGenerator
from sklearn_rnn.datasets import fetch_jsb_chorales, fetch_nottingham


def make_pieces(n_pieces, max_steps, random_state):
    """Make pieces of chords that last 1 to `max_steps` steps."""
    rng = np.random.default_rng(random_state)
    pieces = []
    for tonic in rng.integers(27, 39, size=n_pieces):
        lengths = rng.integers(1, max_steps + 1, size=24)
        roots = tonic + np.repeat([0, 5, 7] * 8, lengths)
        roll = np.zeros((len(roots), 88), dtype=int)
        for interval in (0, 4, 7, 12 + rng.choice([0, 4, 7], size=len(roots))):
            roll[np.arange(len(roots)), roots + interval] = 1
        pieces.append(roll)
    return pieces


try:
    chorales, test_chorales = (
        fetch_jsb_chorales(subset=subset).data for subset in ("train", "test")
    )
    tunes, test_tunes = (
        fetch_nottingham(subset=subset).data for subset in ("train", "test")
    )
except OSError as error:
    print(f"{error}\nUsing generated pieces instead.")
    chorales, test_chorales = make_pieces(200, 2, 0), make_pieces(50, 2, 1)
    tunes, test_tunes = make_pieces(100, 8, 2), make_pieces(50, 8, 3)


# %%
# The score of new pieces is their mean log-likelihood per step, in nats. It is compared
# with that of independent keys, each as frequent as in the training data.
def print_scores(generator, pieces, test_pieces):
    p = np.clip(np.concatenate(list(pieces)).mean(axis=0), 1e-4, 1 - 1e-4)
    steps = np.concatenate(list(test_pieces))
    frequency = np.log(np.where(steps, p, 1 - p)).sum(axis=1).mean()
    print(f"frequency of each key: {frequency:.2f} nats per step")
    print(f"network: {generator.score(test_pieces):.2f} nats per step")


generator = RNNGenerator(
    hidden_size=128, dropout=0.3, batch_size=8, max_epochs=20, random_state=0
)
generator.fit(chorales)
print_scores(generator, chorales, test_chorales)


# %%
# The beginning of a test piece is the prompt, a part of each result. A low temperature
# makes improbable notes rarer, so that chords are held and voices fall silent; at a
# high one the music strays.
def continue_piece(generator, piece, n_given, n_new):
    """Return the piece itself and three others that begin alike."""
    versions = {"the piece itself": piece[: n_given + n_new]}
    for temperature in (0.7, 1.0, 1.5):
        versions[f"temperature {temperature}"] = generator.sample(
            prompt=piece[:n_given],
            max_length=n_new,
            temperature=temperature,
            random_state=0,
        )[0]
    return versions


def draw(versions, n_given):
    figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, sharey=True)
    for axis, (title, roll) in zip(axes.flat, versions.items(), strict=True):
        step, key = np.nonzero(roll)
        given = step < n_given
        axis.plot(
            step[given], key[given], "s", color="0.6", markersize=4, label="given"
        )
        axis.plot(
            step[~given],
            key[~given],
            "s",
            color="C0",
            markersize=4,
            label="what follows",
        )
        axis.axvline(n_given - 0.5, color="0.8")
        axis.set_title(title)
        n_changes = np.abs(np.diff(roll[n_given - 1 :], axis=0)).sum(axis=1)
        print(f"{title}: {n_changes.mean():.1f} keys change at each step")
    for axis in axes[1]:
        axis.set_xlabel("step")
    for axis in axes[:, 0]:
        axis.set_ylabel("key of the piano")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper right", ncols=2)
    return figure


chorale = continue_piece(generator, test_chorales[0], n_given=16, n_new=32)
figure = draw(chorale, n_given=16)
figure.suptitle("A chorale, continued after its first 16 steps")
figure.tight_layout()
figure.savefig("chorale_goes_on.png", dpi=100)
print("figure saved: chorale_goes_on.png")


# %%
# To hear it, add a decaying tone for each note, and write the sum as a WAV file. The
# first eight seconds are the beginning that was given. If the package ``mido`` is
# installed, the notes are written as a MIDI file, too, for other instruments.
RATE = 8000


def to_notes(roll):
    """Return the first step, the step after the last, and the key of each note."""
    changes = np.diff(roll, axis=0, prepend=0, append=0).T
    return [
        (start, end, key)
        for key, change in enumerate(changes)
        for start, end in zip(
            np.flatnonzero(change > 0), np.flatnonzero(change < 0), strict=True
        )
    ]


def write_sound(path, roll, seconds):
    """Write steps of `seconds` as a WAV file."""
    n = int(RATE * seconds)
    sound = np.zeros(len(roll) * n)
    for start, end, key in to_notes(roll):
        time = np.arange((end - start) * n) / RATE
        frequency = 440 * 2 ** ((key - 48) / 12)
        tone = np.sin(2 * np.pi * frequency * time) * np.exp(-2 * time)
        sound[start * n : end * n] += tone
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((32000 * sound / np.abs(sound).max()).astype("<i2").tobytes())
    print(f"sound saved: {path}")


def write_midi(path, roll, seconds):
    """Write steps of `seconds` as a MIDI file, if mido is installed."""
    try:
        import mido
    except ImportError:
        return
    file = mido.MidiFile()
    track = file.add_track()
    notes = to_notes(roll)
    events = [(end, "note_off", key) for _, end, key in notes]
    events += [(start, "note_on", key) for start, _, key in notes]
    ticks_per_step = round(2 * seconds * file.ticks_per_beat)  # 120 beats a minute
    last = 0
    for step, kind, key in sorted(events):
        wait = int(step - last) * ticks_per_step
        track.append(mido.Message(kind, note=key + 21, time=wait))
        last = step
    file.save(path)
    print(f"MIDI saved: {path}")


class Player:
    """A WAV file that notebooks and this page play."""

    def __init__(self, path):
        self.content = base64.b64encode(Path(path).read_bytes()).decode()

    def _repr_html_(self):
        return f'<audio controls src="data:audio/wav;base64,{self.content}"></audio>'


write_sound("chorale_goes_on.wav", chorale["temperature 0.7"], seconds=0.5)
write_midi("chorale_goes_on.mid", chorale["temperature 0.7"], seconds=0.5)
Player("chorale_goes_on.wav")

# %%
# Folk tunes have a melody above chords. The network holds chords for several steps,
# while the melody moves. At a low temperature the melody falls silent: each of its keys
# is improbable at any one step. The loss still falls after eight epochs, of which the
# estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
generator = RNNGenerator(
    hidden_size=128,
    dropout=0.1,
    learning_rate=0.01,
    batch_size=8,
    max_epochs=8,
    random_state=0,
)
generator.fit(tunes)
print_scores(generator, tunes, test_tunes)
tune = continue_piece(generator, test_tunes[0], n_given=32, n_new=64)
figure = draw(tune, n_given=32)
figure.suptitle("A folk tune, continued after its first 32 steps")
figure.tight_layout()
figure.savefig("folk_tune_goes_on.png", dpi=100)
print("figure saved: folk_tune_goes_on.png")

# %%
# Again, the first eight seconds are the beginning that was given.
write_sound("folk_tune_goes_on.wav", tune["temperature 1.0"], seconds=0.25)
write_midi("folk_tune_goes_on.mid", tune["temperature 1.0"], seconds=0.25)
Player("folk_tune_goes_on.wav")

# %%
# The notes of a step are drawn independently of one another, given all steps before. A
# model of which notes sound together would draw them one after the other, as tokens.
