"""Warm starts: a second fit continues from the weights of the first."""

import numpy as np
import pytest
import torch
from training_tools import make_classifier


def test_warm_start_continues_and_cold_start_begins_again(ragged):
    X, y = ragged
    warm = make_classifier(warm_start=True).fit(X, y)
    first = list(warm.loss_curve_)
    warm.fit(X, y)
    assert warm.n_iter_ == len(warm.loss_curve_) == len(warm.history_) == 10
    assert warm.loss_curve_[:5] == first
    assert warm.loss_curve_[5] < first[0]
    cold = make_classifier().fit(X, y)
    assert cold.fit(X, y).loss_curve_ == first


def test_warm_start_uses_changed_parameters(ragged):
    warm = make_classifier(warm_start=True).fit(*ragged)
    warm.set_params(optimizer="sgd", batch_size=7, max_epochs=2).fit(*ragged)
    assert isinstance(warm.net_.optimizer_, torch.optim.SGD)
    assert warm.history_[-1]["train_batch_count"] == 6


def test_warm_start_refuses_other_classes(ragged):
    X, y = ragged
    warm = make_classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"labels \[.*'sideways'.*\], which are not"):
        warm.fit(X, np.where(np.arange(40) < 3, "sideways", y))
