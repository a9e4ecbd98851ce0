"""Made data: what the formula says, and that the answer needs memory."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.datasets import (
    make_adding_problem,
    make_delayed_copy,
    make_parity,
    make_regime_switch,
    make_sine_mixtures,
)

MAKERS = [
    make_adding_problem,
    make_delayed_copy,
    make_parity,
    make_regime_switch,
    make_sine_mixtures,
]
every_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda m: m.__name__)


# What all of them promise -----------------------------------------------------------


@every_maker
def test_one_length_gives_an_array_and_a_range_a_ragged_one(make):
    X, y = make(30, n_steps=7, random_state=0)
    assert isinstance(X, np.ndarray)
    assert X.shape[:2] == (30, 7)
    X, y = make(30, n_steps=(3, 7), random_state=0)
    assert isinstance(X, RaggedArray)
    assert len(X) == len(y) == 30
    assert set(X.lengths) == {3, 4, 5, 6, 7}


@every_maker
def test_a_seed_gives_the_same_data_and_another_seed_others(make):
    X, y = make(20, n_steps=30, random_state=1)
    X_again, y_again = make(20, n_steps=30, random_state=np.random.RandomState(1))
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)
    assert (make(20, n_steps=30, random_state=2)[0] != X).any()


@every_maker
def test_one_sample_of_the_fewest_steps_is_possible(make):
    fewest = 2 if make is make_adding_problem else 1
    X, y = make(1, n_steps=fewest, random_state=0)
    assert X.shape[:2] == (1, fewest)
    assert len(y) == 1


@every_maker
@pytest.mark.parametrize("n_steps", [0, (5, 4), (3,), (1.5, 3), (0, 3)])
def test_wrong_lengths_are_named(make, n_steps):
    with pytest.raises(ValueError, match=f"'n_steps' parameter of {make.__name__} mus"):
        make(n_steps=n_steps)


@every_maker
@pytest.mark.parametrize(
    "wrong", [{"n_samples": 0}, {"n_steps": "long"}, {"random_state": "seed"}]
)
def test_other_wrong_parameters_are_named(make, wrong):
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"'{name}' parameter of {make.__name__} must"):
        make(**wrong)


# What each of them promises ---------------------------------------------------------


def test_the_adding_problem_adds_one_number_of_each_half():
    X, y = make_adding_problem(200, n_steps=(2, 9), random_state=0)
    for x, total in zip(X, y, strict=True):
        first, second = np.flatnonzero(x[:, 1])
        assert first < len(x) // 2 <= second
        assert total == x[first, 0] + x[second, 0]


def test_the_delayed_copy_is_the_first_symbol():
    X, y = make_delayed_copy(200, n_steps=(1, 9), n_classes=3, random_state=0)
    assert set(y) == {0, 1, 2}
    assert (X.values.sum(axis=1) == 1).all()
    assert [x[0].argmax() for x in X] == y.tolist()


def test_parity_is_that_of_the_number_of_ones():
    X, y = make_parity(200, n_steps=(1, 9), random_state=0)
    assert set(X.values.ravel()) == {0, 1}
    assert [int(x.sum()) % 2 for x in X] == y.tolist()


def test_sine_mixtures_are_the_two_sines_of_their_class():
    X, y = make_sine_mixtures(7, n_steps=200, n_classes=3, noise=0, random_state=0)
    assert np.bincount(y).tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])
    frequency, time = [0.05, 0.15, 0.25, 0.35], np.arange(200)
    for x, label in zip(X[:, :, 0], y, strict=True):
        waves = [
            wave(2 * np.pi * frequency[label + part] * time)
            for part in (0, 1)
            for wave in (np.sin, np.cos)
        ]
        residual = np.linalg.lstsq(np.stack(waves, axis=1), x)[1]
        np.testing.assert_allclose(residual, 0, atol=1e-18)


def test_noise_is_the_standard_deviation_of_what_is_no_sine():
    quiet = make_sine_mixtures(50, n_steps=200, noise=0, random_state=0)[0]
    noisy = make_sine_mixtures(50, n_steps=200, noise=0.7, random_state=0)[0]
    assert np.std(noisy - quiet) == pytest.approx(0.7, rel=0.03)


def test_a_regime_is_an_autoregression_of_its_sign():
    X, y = make_regime_switch(400, random_state=0)
    x = X[:, :, 0]
    sign = np.where(y == 0, 1, -1)
    shocks = x[:, 1:] - 0.9 * sign[:, 1:] * x[:, :-1]  # what the formula leaves over
    assert np.std(shocks) == pytest.approx(np.sqrt(1 - 0.81), rel=0.02)
    assert abs(np.corrcoef(shocks.ravel(), x[:, :-1].ravel())[0, 1]) < 0.02
    for regime in (0, 1):  # each step alone is the same in both
        assert np.mean(x[y == regime]) == pytest.approx(0, abs=0.05)
        assert np.std(x[y == regime]) == pytest.approx(1, rel=0.05)


def test_regimes_switch_as_often_as_they_should():
    _, y = make_regime_switch(400, switch_probability=0.2, random_state=0)
    assert np.mean(y[:, 1:] != y[:, :-1]) == pytest.approx(0.2, abs=0.01)
    assert np.mean(y[:, 0]) == pytest.approx(0.5, abs=0.1)
    _, y = make_regime_switch(5, n_steps=50, switch_probability=0, random_state=0)
    assert (y == y[:, :1]).all()


def test_ragged_regimes_have_a_label_for_each_step():
    X, y = make_regime_switch(20, n_steps=(5, 50), random_state=0)
    assert isinstance(y, RaggedArray)
    np.testing.assert_array_equal(y.offsets, X.offsets)
    assert set(y.values.ravel()) == {0, 1}


# Memory is what they need -----------------------------------------------------------


def memoryless_accuracy(table, y):
    return cross_val_score(LogisticRegression(), table, y, cv=5).mean()


@pytest.mark.parametrize(
    ("make", "bound"),  # chance is 1/4, 1/2, 1/3
    [(make_delayed_copy, 0.4), (make_parity, 0.55), (make_sine_mixtures, 0.4)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_last_step_and_the_mean_of_the_steps_stay_near_chance(make, bound):
    X, y = make(2000, n_steps=30, random_state=0)
    for table in (X[:, -1], X.mean(axis=1)):
        assert memoryless_accuracy(table, y) < bound


def test_no_marked_number_of_the_adding_problem_can_be_left_out():
    X, y = make_adding_problem(2000, random_state=0)
    marked = X[:, :, 0][X[:, :, 1] == 1].reshape(-1, 2)
    assert np.var(y) == pytest.approx(1 / 6, rel=0.1)
    assert np.var(y - marked[:, 0]) == pytest.approx(1 / 12, rel=0.1)
    means = np.c_[X[:, :, 0].mean(axis=1), np.ones(2000)]
    assert np.linalg.lstsq(means, y)[1] / 2000 > 0.85 / 6


def test_one_step_of_a_regime_says_nothing_and_two_say_much():
    X, y = make_regime_switch(50, random_state=0)
    x = X[:, :, 0]
    alone = np.stack([x, x**2], axis=2)[:, 1:].reshape(-1, 2)
    assert memoryless_accuracy(alone, y[:, 1:].ravel()) < 0.56
    product = (x[:, 1:] * x[:, :-1]).reshape(-1, 1)
    assert memoryless_accuracy(product, y[:, 1:].ravel()) > 0.8


def test_a_recurrent_network_learns_sine_mixtures():
    X, y = make_sine_mixtures(300, random_state=0)
    classifier = RNNClassifier(max_epochs=10, random_state=0).fit(X[:200], y[:200])
    assert classifier.score(X[200:], y[200:]) > 0.9
