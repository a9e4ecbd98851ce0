"""Problems that need memory, with bounds that a memoryless model cannot reach."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier, RNNRegressor

RECURRENT_ONLY = {
    "conv_channels": None,
    "bidirectional": False,
    "pooling": "last",
    "random_state": 0,
}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_adding_problem(rng, cell):
    """The sum of the two marked numbers; their mean alone leaves the variance 1/6."""
    n_samples, n_steps = 800, 20
    values = rng.uniform(size=(n_samples, n_steps))
    marks = np.zeros((n_samples, n_steps))
    rows = np.arange(n_samples)
    marks[rows, rng.integers(0, n_steps // 2, n_samples)] = 1
    marks[rows, rng.integers(n_steps // 2, n_steps, n_samples)] = 1
    X, y = np.stack([values, marks], axis=2), (values * marks).sum(axis=1)
    regressor = RNNRegressor(**RECURRENT_ONLY, cell=cell, max_epochs=40)
    regressor.fit(X[:600], y[:600])
    error = np.mean((regressor.predict(X[600:]) - y[600:]) ** 2)
    assert error < 0.02  # one mark alone explains half: 1/12


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_delayed_copy(rng, cell):
    """The class is the first step; noise follows. Chance is 1/4."""
    y = rng.integers(0, 4, 600)
    X = rng.normal(size=(600, 20, 4))
    X[:, 0] = 3 * np.eye(4)[y]
    classifier = RNNClassifier(**RECURRENT_ONLY, cell=cell, max_epochs=40)
    classifier.fit(X[:400], y[:400])
    assert classifier.score(X[400:], y[400:]) > 0.95


def test_parity(rng):
    """Every bit counts, in ragged strings: no sum, no window, no average tells."""
    X = [rng.integers(0, 2, n) for n in rng.integers(1, 11, 2000)]
    y = np.array([x.sum() % 2 for x in X])
    classifier = RNNClassifier(**RECURRENT_ONLY, max_epochs=60).fit(X[:1500], y[:1500])
    assert classifier.score(X[1500:], y[1500:]) > 0.95


def test_a_model_without_memory_stays_at_chance_on_the_delayed_copy(rng):
    """The bound above means something: the last step alone knows nothing."""
    y = rng.integers(0, 4, 600)
    X = rng.normal(size=(600, 20, 4))
    X[:, 0] = 3 * np.eye(4)[y]
    classifier = RNNClassifier(**RECURRENT_ONLY, max_epochs=10)
    classifier.fit(X[:400, -1:], y[:400])
    assert classifier.score(X[400:, -1:], y[400:]) < 0.4
