"""Problems that need memory, with bounds that a memoryless model cannot reach."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import make_adding_problem, make_delayed_copy, make_parity

RECURRENT_ONLY = {
    "conv_channels": None,
    "bidirectional": False,
    "pooling": "last",
    "random_state": 0,
}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_adding_problem(cell):
    """The sum of the two marked numbers; their mean alone leaves the variance 1/6."""
    X, y = make_adding_problem(800, random_state=0)
    regressor = RNNRegressor(**RECURRENT_ONLY, cell=cell, max_epochs=40)
    regressor.fit(X[:600], y[:600])
    error = np.mean((regressor.predict(X[600:]) - y[600:]) ** 2)
    assert error < 0.02  # one mark alone explains half: 1/12


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_delayed_copy(cell):
    """The class is the first step; others follow. Chance is 1/4."""
    X, y = make_delayed_copy(600, random_state=0)
    classifier = RNNClassifier(**RECURRENT_ONLY, cell=cell, max_epochs=40)
    classifier.fit(X[:400], y[:400])
    assert classifier.score(X[400:], y[400:]) > 0.95


def test_parity():
    """Every bit counts, in ragged strings: no sum, no window, no average tells."""
    X, y = make_parity(2000, n_steps=(1, 10), random_state=0)
    classifier = RNNClassifier(**RECURRENT_ONLY, max_epochs=60).fit(X[:1500], y[:1500])
    assert classifier.score(X[1500:], y[1500:]) > 0.95


def test_a_model_without_memory_stays_at_chance_on_the_delayed_copy():
    """The bound above means something: the last step alone knows nothing."""
    X, y = make_delayed_copy(600, random_state=0)
    classifier = RNNClassifier(**RECURRENT_ONLY, max_epochs=10)
    classifier.fit(X[:400, -1:], y[:400])
    assert classifier.score(X[400:, -1:], y[400:]) < 0.4
