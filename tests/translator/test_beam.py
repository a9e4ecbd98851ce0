"""Beam search, against the enumeration of all sequences."""

import itertools

import numpy as np
import pytest

from sklearn_rnn._decoding import Candidates, beam


class Trigrams:
    """A token depends on the two before; the state is these two, row by row."""

    def __init__(self, seed, n_tokens=3):
        rng = np.random.default_rng(seed)
        self.log_p = np.log(rng.dirichlet(np.ones(n_tokens), (n_tokens, n_tokens)))

    def start(self, n, width):
        self.width = width
        state = np.zeros((n * width, 2), int)
        state[:, 0] = np.repeat(np.arange(n), width)  # searches differ
        return self.find_candidates(state), state

    def step(self, tokens, state):
        state = np.stack([state[:, 1], tokens], axis=1)
        return self.find_candidates(state), state

    def find_candidates(self, state):
        log_p = self.log_p[state[:, 0], state[:, 1]]
        tokens = np.argsort(-log_p, axis=1)[:, : self.width]
        return Candidates(np.take_along_axis(log_p, tokens, axis=1), tokens)

    def reorder(self, state, rows):
        return state[rows]


def enumerate_all(model, first, max_length, penalty):
    """Return (score, tokens, log probability) of all sequences that end, best first."""
    found = []
    for n in range(max_length):
        for tokens in itertools.product([1, 2], repeat=n):
            a, b, total = first, 0, 0.0
            for token in [*tokens, 0]:
                total += model.log_p[a, b, token]
                a, b = b, token
            found.append((total / (n + 1) ** penalty, list(tokens), total))
    return sorted(found, key=lambda item: -item[0])


def search(model, n, width, max_length, penalty):
    first = model.start(n, width)
    return beam(model, first, width, max_length, end=0, length_penalty=penalty)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_the_space_finds_the_best(seed, penalty):
    model = Trigrams(seed)
    results = search(model, 3, 64, 5, penalty)
    for i, hypotheses in enumerate(results):
        complete = [h for h in hypotheses if h.is_complete]
        expected = enumerate_all(model, i, 5, penalty)
        assert len(complete) == len(expected) == 31
        for h, (score, tokens, total) in zip(complete, expected, strict=True):
            assert h.tokens == tokens
            assert h.log_probability == pytest.approx(total, rel=1e-12)
            assert h.score == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_searches_do_not_depend_on_one_another(width):
    model = Trigrams(1)
    together = search(model, 3, width, 8, 1.0)
    for i in range(3):
        candidates, state = model.start(3, width)
        rows = slice(i * width, (i + 1) * width)
        first = Candidates(*(field[rows] for field in candidates)), state[rows]
        alone = beam(model, first, width, 8, end=0, length_penalty=1.0)
        assert alone[0] == together[i]


def test_a_beam_of_one_takes_the_most_probable_token():
    model = Trigrams(2)
    for i, (h,) in enumerate(search(model, 3, 1, 6, 1.0)):
        a, b, tokens = i, 0, []
        while len(tokens) < 6:
            token = int(model.log_p[a, b].argmax())
            if token == 0:
                break
            tokens.append(token)
            a, b = b, token
        assert h.tokens == tokens
        assert h.is_complete == (len(tokens) < 6)
