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
    """Compare two dicts of tensors: the same names, and values equal to the bit."""
    torch.testing.assert_close(a, b, rtol=0, atol=0)
