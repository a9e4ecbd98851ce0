"""
Next notes of a chorale
=======================

This example predicts the notes of a chorale for four voices, one beat ahead. Several
notes sound at once, so this is multilabel tagging: each step has 88 labels of 0 or 1,
one per key of a piano.
"""

# %%
# The data are Bach's chorales on a grid of quarter notes. Each is an array of shape
# (n_steps, 88), with 1 for keys that sound. They are downloaded once. If the download
# fails, the example uses generated pieces instead: the chords I, IV and V in turn, each
# for one or two beats.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNTagger
from sklearn_rnn.datasets import fetch_jsb_chorales


def make_chorales(n_pieces, random_state):
    """Make pieces of three chords in turn, one or two beats each."""
    rng = np.random.default_rng(random_state)
    pieces = []
    for tonic in rng.integers(27, 39, size=n_pieces):
        roots = tonic + np.repeat([0, 5, 7] * 8, rng.integers(1, 3, size=24))
        roll = np.zeros((len(roots), 88), dtype=int)
        for interval in (0, 4, 7, 12):
            roll[np.arange(len(roots)), roots + interval] = 1
        pieces.append(roll)
    return pieces


try:
    rolls, test_rolls = (
        fetch_jsb_chorales(subset=subset).data for subset in ("train", "test")
    )
except OSError as error:
    print(f"{error}\nUsing generated pieces instead.")
    rolls, test_rolls = make_chorales(200, 0), make_chorales(50, 1)

# %%
# X contains all beats except the last, y all beats except the first. With
# ``bidirectional=False``, a prediction depends only on the notes so far. A
# bidirectional network would find y in the later steps of X.
tagger = RNNTagger(
    bidirectional=False,
    hidden_size=128,
    dropout=0.3,
    max_epochs=30,
    batch_size=16,
    random_state=0,
)
tagger.fit([roll[:-1] for roll in rolls], [roll[1:] for roll in rolls])
probabilities = tagger.predict_proba([roll[:-1] for roll in test_rolls])
p = np.concatenate(list(probabilities))


# %%
# The usual measure is the negative log-likelihood per step, summed over the 88 keys.
# The first beat is not scored, because nothing precedes it. There are two baselines:
# the frequency of each key, and the frequency with which each key continues or starts,
# given the last beat.
def loss(p, truth):
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return -np.log(np.where(truth, p, 1 - p)).sum(axis=1).mean()


now = np.concatenate([roll[:-1] for roll in rolls])
then = np.concatenate([roll[1:] for roll in rolls])
continues = (then * now).sum(axis=0) / np.maximum(now.sum(axis=0), 1)
starts = (then * (1 - now)).sum(axis=0) / np.maximum((1 - now).sum(axis=0), 1)
test_now = np.concatenate([roll[:-1] for roll in test_rolls])
test_then = np.concatenate([roll[1:] for roll in test_rolls])
print(f"frequency of each key: {loss(then.mean(axis=0), test_then):.2f} nats per step")
last = np.where(test_now, continues, starts)
print(f"given the last beat: {loss(last, test_then):.2f} nats per step")
print(f"network: {loss(p, test_then):.2f} nats per step")

# %%
# The figure shows the first 40 beats of a test piece. The shading is the probability of
# each key, predicted one beat ahead; the dots are the notes of the piece.
roll, probability = test_rolls[0][1:41], probabilities[0][:40]
figure, axis = plt.subplots(figsize=(10, 5), layout="constrained")
image = axis.imshow(
    probability.T, aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=1
)
step, key = np.nonzero(roll)
axis.plot(step, key, ".", color="darkred", label="note of the piece")
axis.set(
    xlabel="beat",
    ylabel="key of the piano",
    ylim=(key.min() - 4, key.max() + 4),
    title="Notes of a chorale, predicted one beat ahead",
)
axis.legend(loc="upper right")
figure.colorbar(image, label="predicted probability")
figure.savefig("notes_that_sound_next.png", dpi=100)
print("figure saved: notes_that_sound_next.png")

# %%
# A multilabel tagger predicts each key independently, given all notes so far, so it
# does not model which keys sound together. For other step labels, see :doc:`/tagging`.
