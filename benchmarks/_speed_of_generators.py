"""Training of a generator, and a hand-written PyTorch loop. Part of bench_speed.py.

One text of random characters, in lanes with carried states: the loop trains the same
layers, with tied weights, with the same mini-batches, Adam and gradient clipping. The
loss of a large vocabulary is measured by itself.
"""

import numpy as np
import torch
from _timing import show_ratio, time_in_turn
from torch import nn

from sklearn_rnn import RNNGenerator
from sklearn_rnn.nn import vocabulary_gradients, vocabulary_loss

N_LANES, TRUNCATE, HIDDEN, N_CHARACTERS, N_WINDOWS = 32, 128, 256, 63, 8
N_TOKENS = N_CHARACTERS + 2  # with the boundary and what is unknown


class HandWritten(nn.Module):
    """Characters, a GRU, and a head with the weights of the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(N_TOKENS, HIDDEN)
        self.rnn = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, N_TOKENS)
        self.head.weight = self.embedding.weight

    def forward(self, x, state):
        outputs, state = self.rnn(self.embedding(x), state)
        return self.head(outputs), state


def fit_by_hand(ids, n_epochs):
    model, loss_function = HandWritten(), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters())
    for _ in range(n_epochs):
        state = None
        for begin in range(0, N_WINDOWS * TRUNCATE, TRUNCATE):
            window = ids[:, begin : begin + TRUNCATE + 1]
            adam.zero_grad()
            logits, state = model(window[:, :-1], state)
            state = state.detach()
            target = window[:, 1:].reshape(-1)
            loss_function(logits.reshape(-1, N_TOKENS), target).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()


def compare_generator(n_rounds, n_epochs=2):
    """Return the ratio PyTorch loop over `RNNGenerator`."""
    rng = np.random.default_rng(0)
    size = N_LANES, N_WINDOWS * TRUNCATE + 1
    ids = rng.integers(0, N_CHARACTERS, size)
    text = "".join(chr(48 + k) for k in ids[:, 1:].ravel())
    params = {"batch_size": N_LANES, "truncate": TRUNCATE, "hidden_size": HIDDEN}

    def own():
        generator = RNNGenerator(
            **params, end_token=False, max_epochs=n_epochs, random_state=0
        )
        generator.fit([text])

    def by_hand():
        fit_by_hand(torch.from_numpy(ids), n_epochs)

    own_times, hand = time_in_turn([own, by_hand], n_rounds, pause=0.1)
    return show_ratio(hand, own_times)


def compare_vocabulary(n_rounds, n_words=8000, n_positions=960, size=256):
    """Return time ratios of torch to the loss of a large vocabulary.

    Forward and backward: by `vocabulary_loss`, for autograd, and by
    `vocabulary_gradients`, for networks that are trained without it.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n_positions, size, generator=generator).requires_grad_()
    head = nn.Linear(size, n_words)
    targets = torch.randint(n_words, (n_positions,), generator=generator)
    weights = torch.full((n_positions,), 1 / n_positions)

    def by_torch():
        nn.functional.cross_entropy(head(x), targets).backward()

    def by_autograd():
        losses = vocabulary_loss(x, head.weight, head.bias, targets)
        losses.mean().backward()

    def by_chain():
        vocabulary_gradients(x, head.weight, head.bias, targets, weights)

    functions = [by_torch, by_autograd, by_chain]
    torchs, *own = time_in_turn(functions, 3 * n_rounds, pause=0.1)
    return [show_ratio(torchs, times) for times in own]
