"""Random draws, from decoders that are tables."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from sklearn_rnn._decoding import Settings, Uniforms, choose, draw

P = np.array([0.5, 0.05, 0.3, 0.15])
FREE = Settings(1.0, None, None, np.array([], int))


class Chain:
    """A Markov chain: the state is the last token."""

    def __init__(self, transitions):
        self.log_p = np.log(transitions)
        self.n_rows = []

    def start(self, n_rows):
        return np.repeat(self.log_p[:1], n_rows, axis=0), np.zeros(n_rows, int)

    def step(self, tokens, state):
        self.n_rows.append(len(state))
        return self.log_p[tokens], tokens

    def reorder(self, state, rows):
        return state[rows]


def frequencies(settings, n=4000):
    uniform = np.random.default_rng(0).random(n)
    chosen = choose(np.log(np.repeat([P], n, axis=0)), settings, uniform)
    return np.bincount(chosen, minlength=len(P))


def p_value(counts, expected):
    possible = expected > 0
    assert counts[~possible].sum() == 0
    return chisquare(counts[possible], counts.sum() * expected[possible]).pvalue


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (FREE, P),
        (FREE._replace(temperature=0.5), P**2 / (P**2).sum()),
        (FREE._replace(temperature=2.0), P**0.5 / (P**0.5).sum()),
        (FREE._replace(top_k=2), np.array([0.5, 0, 0.3, 0]) / 0.8),
        (FREE._replace(top_p=0.79), np.array([0.5, 0, 0.3, 0]) / 0.8),
        (FREE._replace(top_p=0.81), np.array([0.5, 0, 0.3, 0.15]) / 0.95),
        (FREE._replace(top_k=2, top_p=0.81), np.array([0.5, 0, 0.3, 0]) / 0.8),
        (FREE._replace(forbidden=np.array([0])), np.array([0, 0.05, 0.3, 0.15]) * 2),
    ],
)
def test_frequencies_are_those_of_the_distribution(settings, expected):
    assert p_value(frequencies(settings), expected) > 0.01


def test_one_token_to_choose_from_is_the_most_probable():
    log_p = np.log(np.random.default_rng(0).dirichlet(np.ones(9), 50))
    uniform = np.random.default_rng(1).random(50)
    greedy = choose(log_p, FREE._replace(temperature=0.0), uniform)
    np.testing.assert_array_equal(greedy, log_p.argmax(axis=1))
    for settings in (FREE._replace(top_k=1), FREE._replace(top_p=1e-9)):
        np.testing.assert_array_equal(choose(log_p, settings, uniform), greedy)


@pytest.mark.parametrize("temperature", [1e-300, 1e-3, 1.0, 1e300])
def test_the_ends_of_the_unit_interval_draw_possible_tokens(temperature):
    log_p = np.array([[-np.inf, -1.0, -2.0, -np.inf]] * 2)
    uniform = np.array([0.0, np.nextafter(1, 0)])
    settings = FREE._replace(temperature=temperature)
    chosen = choose(log_p, settings, uniform)
    assert chosen[0] == 1
    assert chosen[1] == (1 if temperature < 0.1 else 2)


TRANSITIONS = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.3, 0.1, 0.6]])


def draw_from_chain(n, **options):
    chain = Chain(TRANSITIONS)
    drawn = draw(chain, chain.start(n), 50, FREE, Uniforms(0, range(n)), **options)
    return *drawn, chain


def test_rows_that_ended_leave_the_batch():
    tokens, _, chain = draw_from_chain(200, end=0)
    lengths = np.array([len(row) for row in tokens])
    for t, n_rows in enumerate(chain.n_rows):
        assert n_rows == (lengths > t).sum()
    assert 0 not in itertools.chain.from_iterable(tokens)


def test_log_probability_is_that_of_the_tokens_and_the_end():
    tokens, total, _ = draw_from_chain(20, end=0)
    for row, log_p in zip(tokens, total, strict=True):
        expected = 0.0
        for a, b in itertools.pairwise([0, *row, 0]):
            expected += np.log(TRANSITIONS)[a, b]
        assert log_p == expected


def test_a_row_does_not_depend_on_the_others():
    many = draw_from_chain(70, end=0)[0]
    few = draw_from_chain(3, end=0)[0]
    assert many[:3] == few
    assert max(map(len, many)) > 3


def test_a_row_without_an_end_has_the_maximum_length():
    assert {len(row) for row in draw_from_chain(5)[0]} == {50}


@pytest.mark.parametrize("size", [1, 3, 200])
def test_the_numbers_of_a_row_are_its_own(size):
    def draw_numbers(rows, n_steps=150):
        uniforms = Uniforms(7, rows, size)
        return np.array([uniforms.next() for _ in range(n_steps)]).swapaxes(0, 1)

    many = draw_numbers(range(5))
    assert many.shape == (5, 150, size)
    assert len(np.unique(many)) == many.size
    np.testing.assert_array_equal(draw_numbers(range(3, 5)), many[3:])


def test_rows_that_are_left_out_change_no_numbers():
    expected, uniforms = Uniforms(7, range(5)), Uniforms(7, range(5))
    kept = np.arange(5)
    for rows in ([0, 2, 3, 4], [1, 2], [1]):
        for _ in range(40):
            np.testing.assert_array_equal(uniforms.next(), expected.next()[kept])
        uniforms.keep(np.array(rows))
        kept = kept[rows]


def test_stops_are_looked_for_after_each_token():
    tokens, _, _ = draw_from_chain(50, stops=lambda row: row[-2:] == [1, 2])
    assert all(row[-2:] == [1, 2] or len(row) == 50 for row in tokens)
    for row in tokens:
        assert [1, 2] not in [list(pair) for pair in itertools.pairwise(row[:-1])]
