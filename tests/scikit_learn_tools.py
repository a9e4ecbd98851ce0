"""Estimators and data for tests of the tools of scikit-learn.

Most of these tests run on three containers: a 3-D array, a list of arrays and a
RaggedArray. The problem is easily separable, so a score above 0.9 proves that each
sequence has kept its own target on the way through scikit-learn. If a plain loop over
`fit` and `predict` must give the same result, the two are compared.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor

N_SAMPLES, N_STEPS, N_FEATURES = 60, 8, 2
SMALL = {
    "hidden_size": 4,
    "conv_channels": None,
    "bidirectional": False,
    "learning_rate": 0.2,
    "batch_size": 30,
    "max_epochs": 8,
    "random_state": 0,
}


def make_classifier(**params):
    return RNNClassifier(**{**SMALL, **params})


def make_regressor(**params):
    return RNNRegressor(**{**SMALL, **params})


def step_means(X):
    """A table: the mean of each feature over the steps of each sequence."""
    return np.array([x.mean(axis=0) for x in X], dtype=float)


def map_values(function, X):
    """Apply a function of values to any container, and return the same container."""
    if isinstance(X, RaggedArray):
        return RaggedArray(function(X.values), X.offsets)
    return [function(x) for x in X] if isinstance(X, list) else function(X)


def take(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


class StepScaler(TransformerMixin, BaseEstimator):
    """A custom scaler for any container: StandardScaler on the table of steps."""

    def fit(self, X, y=None):
        self.scaler_ = StandardScaler().fit(np.concatenate(list(X)))
        return self

    def transform(self, X):
        return map_values(self._transform_values, X)

    def _transform_values(self, values):
        steps = values.reshape(-1, values.shape[-1])
        return self.scaler_.transform(steps).reshape(values.shape)


def tanh(X):
    return map_values(np.tanh, X)
