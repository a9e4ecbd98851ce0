"""Small estimators, and comparison of their weights, for tests of training."""

import torch

from sklearn_rnn import RNNClassifier, RNNRegressor

TINY = {
    "hidden_size": 8,
    "conv_channels": None,
    "bidirectional": False,
    "random_state": 0,
}


def make_classifier(**params):
    return RNNClassifier(**{**TINY, "max_epochs": 5, **params})


def make_regressor(**params):
    return RNNRegressor(**{**TINY, "max_epochs": 5, **params})


def weights_of(estimator):
    return {k: v.clone() for k, v in estimator.module_.state_dict().items()}


def assert_weights_equal(a, b):
    assert all(torch.equal(a[key], b[key]) for key in a)
