"""Gradient clipping, and the gradient norm in the history."""

import numpy as np
import pytest
import torch
from training_tools import make_classifier, weights_of


def test_clipping_bounds_the_update_and_the_norm_before_it_is_recorded(ragged):
    X, y = ragged
    params = {"optimizer": torch.optim.SGD, "learning_rate_schedule": None}
    params |= {"batch_size": 40, "max_epochs": 1, "learning_rate": 1.0}
    start = weights_of(make_classifier(**{**params, "learning_rate": 1e-30}).fit(X, y))
    clipped = make_classifier(**params, max_grad_norm=1e-3).fit(X, y)
    free = make_classifier(**params, max_grad_norm=None).fit(X, y)

    def distance(estimator):
        moved = weights_of(estimator)
        return sum(((moved[k] - start[k]) ** 2).sum() for k in start).sqrt().item()

    assert distance(clipped) == pytest.approx(1e-3, rel=1e-2)
    norm = free.history_[0]["grad_norm"]
    assert distance(free) == pytest.approx(norm, rel=1e-3)
    assert clipped.history_[0]["grad_norm"] == pytest.approx(norm)  # before clipping


def test_history_records_the_mean_gradient_norm_of_each_epoch(ragged):
    X, y = ragged
    # the weights stay as they are, and every sample is a batch
    params = {"learning_rate": 1e-30, "batch_size": 1, "max_epochs": 2}
    classifier = make_classifier(**params, max_grad_norm=1e-3).fit(X, y)
    module, norms = classifier.module_, []
    for x, label in zip(X, y, strict=True):
        module.zero_grad()
        target = torch.tensor([classifier.classes_.tolist().index(label)])
        torch.nn.functional.cross_entropy(
            module(torch.tensor(x)[None]), target
        ).backward()
        norms.append(sum((p.grad**2).sum() for p in module.parameters()).sqrt().item())
    recorded = classifier.history_[:, "grad_norm"]
    assert recorded == pytest.approx([np.mean(norms)] * 2, rel=1e-4)
