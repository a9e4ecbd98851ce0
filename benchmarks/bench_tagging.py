"""Time of an epoch of RNNTagger, with and without a CRF, and of a hand-written loop.

    python benchmarks/bench_tagging.py

The hand-written loop trains the same bidirectional GRU on packed sequences, with the
CRF of pytorch-crf, on the same data with the same mini-batches, Adam and gradient
clipping. All are measured alternately; the script prints medians of ratios. It requires
pytorch-crf.
"""

import argparse
import statistics
import warnings

import numpy as np
import torch
import torchcrf
from _timing import show_ratio, time_in_turn
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_rnn import RaggedArray, RNNTagger

BATCH, N_STEPS, N_FEATURES, HIDDEN, N_CLASSES = 32, 50, 32, 64, 17
N_BATCHES = 20
SETTINGS = {
    "hidden_size": HIDDEN,
    "dropout": 0.0,
    "learning_rate": 1e-3,
    "learning_rate_schedule": None,
    "weight_averaging": 0.0,
    "batch_size": BATCH,
    "max_epochs": 1,
    "random_state": 0,
}


def make_data():
    """Return ragged sequences of noise, and labels of each step."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(N_STEPS // 4, N_STEPS + 1, BATCH * N_BATCHES)
    X = [rng.normal(size=(n, N_FEATURES)).astype("f4") for n in lengths]
    return X, [rng.integers(0, N_CLASSES, n) for n in lengths]


class HandWritten(nn.Module):
    """A bidirectional GRU on packed sequences, a linear layer, a CRF or a softmax."""

    def __init__(self, crf):
        super().__init__()
        self.gru = nn.GRU(N_FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, N_CLASSES)
        self.crf = torchcrf.CRF(N_CLASSES, batch_first=True) if crf else None

    def forward(self, x, lengths, y):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], True)
        scores = self.head(states)
        mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
        if self.crf is not None:
            return -self.crf(scores, y, mask, reduction="token_mean")
        return nn.functional.cross_entropy(scores[mask], y[mask])


def train_by_hand(X, y, crf):
    """Train for one epoch."""
    torch.manual_seed(0)
    model = HandWritten(crf)
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    tensors = [tuple(map(torch.from_numpy, pair)) for pair in zip(X, y, strict=True)]
    for rows in torch.randperm(len(X)).split(BATCH):
        parts = [tensors[i] for i in rows]
        lengths = torch.tensor([len(t) for _, t in parts])
        x = nn.utils.rnn.pad_sequence([x for x, _ in parts], batch_first=True)
        target = nn.utils.rnn.pad_sequence([t for _, t in parts], batch_first=True)
        adam.zero_grad()
        model(x, lengths, target).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    n_rounds = parser.parse_args().rounds
    X, y = make_data()
    ragged = RaggedArray.from_sequences(X)

    def fit(crf):
        return lambda: RNNTagger(crf=crf, **SETTINGS).fit(ragged, y)

    warnings.simplefilter("ignore", ConvergenceWarning)
    steps = (
        lambda: train_by_hand(X, y, True),
        lambda: train_by_hand(X, y, False),
        fit(True),
        fit(False),
    )
    by_hand_crf, by_hand, with_crf, without = time_in_turn(steps, n_rounds, pause=0.1)
    per_batch = [1e3 * statistics.median(t) / N_BATCHES for t in (with_crf, without)]
    print("RNNTagger, ms a mini-batch, with and without a CRF:", per_batch)
    print("with a CRF / without:", show_ratio(with_crf, without))
    print(
        "hand-written with pytorch-crf / RNNTagger:", show_ratio(by_hand_crf, with_crf)
    )
    print("hand-written without a CRF / RNNTagger:", show_ratio(by_hand, without))


if __name__ == "__main__":
    main()
