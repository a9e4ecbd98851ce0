"""partial_fit: one epoch at a constant learning rate."""

import numpy as np
import pytest
from training_tools import (
    assert_weights_equal,
    make_classifier,
    make_regressor,
    weights_of,
)


def test_partial_fit_is_an_epoch_at_a_constant_rate(ragged):
    X, y = ragged
    params = {"learning_rate_schedule": None, "max_epochs": 4}
    whole = make_classifier(**params, batch_size=8, dropout=0.3).fit(X, y)
    streamed = make_classifier(batch_size=8, dropout=0.3)
    for _ in range(4):
        streamed.partial_fit(X, y, classes=["down", "up"])
    assert streamed.loss_curve_ == whole.loss_curve_
    assert_weights_equal(weights_of(streamed), weights_of(whole))


def test_partial_fit_accepts_classes_that_come_later(ragged):
    X, y = ragged
    up = y == "up"
    classifier = make_classifier().partial_fit(
        [x for x, u in zip(X, up, strict=True) if u], y[up], classes=["up", "down"]
    )
    assert list(classifier.classes_) == ["down", "up"]
    classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 2
    with pytest.raises(ValueError, match="classes"):
        make_classifier().partial_fit(X, y)


def test_partial_fit_after_fit_uses_the_full_learning_rate(ragged):
    regressor = make_regressor().fit(ragged[0], np.arange(40.0))
    regressor.partial_fit(ragged[0], np.arange(40.0))
    assert regressor.history_[-2]["lr"] < 0.005
    assert regressor.history_[-1]["lr"] == 0.01
