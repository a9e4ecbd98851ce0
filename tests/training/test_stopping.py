"""Stopping by the training loss."""

import numpy as np
from training_tools import make_regressor


def test_training_loss_stops_training_without_a_planned_end(rng):
    X, y = rng.normal(size=(40, 3, 1)), rng.normal(size=40)
    params = {"tol": 10.0, "n_iter_no_change": 3, "max_epochs": 50}
    stopped = make_regressor(**params, learning_rate_schedule=None).fit(X, y)
    assert stopped.n_iter_ == 1 + 3
    planned = make_regressor(**params, learning_rate_schedule="onecycle").fit(X, y)
    assert planned.n_iter_ == 50


def test_tolerance_is_absolute_also_for_negative_losses(rng):
    """skorch's default, relative, loosens the bar where the loss is below zero."""
    X = rng.normal(size=(100, 3, 1))
    y = X[:, :, 0].mean(axis=1)
    regressor = make_regressor(
        loss="gaussian",
        max_epochs=200,
        learning_rate_schedule=None,
        n_iter_no_change=5,
        tol=0.1,
    ).fit(X, y)
    curve = np.array(regressor.loss_curve_)
    assert curve.min() < -0.5
    best = np.minimum.accumulate(curve)
    improved = np.flatnonzero(curve[1:] < best[:-1] - 0.1) + 1
    assert regressor.n_iter_ == improved[-1] + 5 + 1 < 200
