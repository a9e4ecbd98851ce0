"""The default networks, and a hand-written PyTorch loop for each.

Part of bench_speed.py. A row of the table is a complete fit of an estimator with no
parameter set, or one. The hand-written loop trains the same layers with the same
mini-batches, Adam and gradient clipping; ragged data are packed.
"""

from typing import NamedTuple

import numpy as np
import torch
from _peers import N_CLASSES
from _timing import show_ratio, time_in_turn
from torch import nn

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn._sequences import TokenIds

BATCH, N_BATCHES, N_FEATURES, HIDDEN = 32, 20, 8, 64
N_TOKENS, EMBEDDING = 10_000, 64


class Case(NamedTuple):
    """One row: the data, and the parameters that are set."""

    title: str
    params: dict
    shortest: int
    longest: int
    tokens: bool = False

    @property
    def ragged(self):
        return self.shortest < self.longest


CASES = [
    *(Case(f"``RNNClassifier()``, {n} steps", {}, n, n) for n in (100, 24, 10)),
    *(
        Case(f"``RNNClassifier()``, {n // 4} to {n} steps", {}, n // 4, n)
        for n in (100, 24, 10)
    ),
    *(
        Case(f"``{name}={value!r}``, 100 steps", {name: value}, 100, 100)
        for name, value in (
            ("cell", "lstm"),
            ("pooling", "attention"),
            ("dropout", 0.3),
        )
    ),
    Case("5 to 40 tokens", {"embedding_dim": EMBEDDING}, 5, 40, tokens=True),
]


def make_data(case):
    """Return sequences of noise, or of tokens, of Zipf's frequencies, and classes."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(case.shortest, case.longest + 1, BATCH * N_BATCHES)
    y = rng.integers(0, N_CLASSES, len(lengths))
    if case.tokens:
        weight = 1 / np.arange(1, N_TOKENS + 1)
        share = weight / weight.sum()
        ids = rng.choice(np.arange(1, N_TOKENS + 1), lengths.sum(), p=share)
        return TokenIds(ids, np.concatenate([[0], lengths.cumsum()])), y
    X = [rng.normal(size=(n, N_FEATURES)).astype("f4") for n in lengths]
    return (RaggedArray.from_sequences(X) if case.ragged else np.stack(X)), y


def make_classifier(case, n_epochs):
    alone = {"random_kernels": None, "ngrams": None}
    return RNNClassifier(**alone, max_epochs=n_epochs, **case.params, random_state=0)


class HandWritten(nn.Module):
    """Layers of a fitted RNNClassifier, as they are written by hand."""

    def __init__(self, classifier):
        super().__init__()
        params, stem = classifier, classifier.module_.stem
        self.embedding = None
        size = N_FEATURES
        if classifier.module_.inputs.output_size == EMBEDDING:
            self.embedding = nn.Embedding(N_TOKENS + 1, EMBEDDING)
            size = EMBEDDING
        n_layers = 0 if stem is None else len(stem.convolutions)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size if i == 0 else 64, 64, 9, stride=2, padding=4)
            for i in range(n_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(n_layers))
        rnn = {"gru": nn.GRU, "lstm": nn.LSTM}[params.cell]
        size = 64 if n_layers else size
        self.rnn = rnn(size, HIDDEN, batch_first=True, bidirectional=True)
        self.attention = None
        n_pooled = 4 * HIDDEN
        if params.pooling == "attention":
            n_pooled = 2 * HIDDEN
            project = nn.Linear(n_pooled, n_pooled)
            score = nn.Linear(n_pooled, 1, bias=False)
            self.attention = nn.Sequential(project, nn.Tanh(), score)
        self.dropout = nn.Dropout(classifier.module_.dropout.p)
        self.head = nn.Linear(n_pooled, N_CLASSES)

    def forward(self, x, lengths=None):
        x = x if self.embedding is None else self.embedding(x[..., 0])
        mask = None
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if lengths is not None:
                x = x * make_mask(lengths, x.shape[1])
                lengths = (lengths + 1) // 2
            x = convolution(x.transpose(1, 2)).transpose(1, 2)
            x = torch.relu(norm(x))
        if lengths is None:
            states, _ = self.rnn(x)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            packed, _ = self.rnn(packed)
            states, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
            mask = make_mask(lengths, states.shape[1])
        return self.head(self.dropout(self.pool(states, lengths, mask)))

    def pool(self, states, lengths, mask):
        if self.attention is not None:
            return (states * self.attention(states).softmax(1)).sum(1)
        if lengths is None:
            return torch.cat([states.mean(1), states.amax(1)], dim=1)
        mean = states.sum(1) / lengths.unsqueeze(1)
        return torch.cat([mean, states.masked_fill(~mask, -torch.inf).amax(1)], dim=1)


def make_mask(lengths, n_steps):
    """Return which steps are valid, (batch, n_steps, 1)."""
    return (torch.arange(n_steps) < lengths.unsqueeze(1)).unsqueeze(-1)


def fit_by_hand(model, X, y, n_epochs):
    """Train with a hand-written PyTorch loop."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    y = torch.from_numpy(y)
    ragged = isinstance(X, RaggedArray)
    parts = [torch.from_numpy(x.copy()) for x in X] if ragged else torch.from_numpy(X)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(X)).split(BATCH):
            lengths = None
            if ragged:
                batch = [parts[i] for i in rows]
                lengths = torch.tensor([len(x) for x in batch])
                x = nn.utils.rnn.pad_sequence(batch, batch_first=True)
            else:
                x = parts[rows]
            adam.zero_grad()
            loss_function(model(x, lengths), y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()


def compare_default(case, n_rounds, keras, n_epochs=10):
    """Return the ratios PyTorch loop, and Keras, over sklearn_rnn."""
    X, y = make_data(case)
    fitted = make_classifier(case, 1).fit(X, y)
    keras_times = []

    def own():
        make_classifier(case, n_epochs).fit(X, y)

    def by_hand():
        fit_by_hand(HandWritten(fitted).train(), X, y, n_epochs)

    def with_keras():
        if keras is not None and not case.ragged and not case.params:
            size = BATCH, case.longest, N_FEATURES, HIDDEN
            keras_times.append(keras.time_fit("default", size, n_epochs))

    ours, hand, _ = time_in_turn([own, by_hand, with_keras], n_rounds, pause=0.1)
    others = show_ratio(keras_times[1:], ours) if keras_times else ""
    return [case.title, show_ratio(hand, ours), others]
