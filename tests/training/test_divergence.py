"""Losses and gradients that become infinite or NaN."""

import numpy as np
import pytest
from training_tools import make_regressor


@pytest.mark.parametrize("fresh", [True, False])
def test_a_loss_that_is_not_finite_is_an_error_that_names_the_epoch(rng, fresh):
    X, y = rng.normal(size=(40, 50, 1)) * 10, rng.normal(size=40)
    regressor = make_regressor(
        cell="rnn",
        nonlinearity="relu",
        learning_rate=1e9,
        max_grad_norm=None,
        optimizer="sgd",
        learning_rate_schedule=None,
        warm_start=True,
    )
    if not fresh:
        regressor.set_params(learning_rate=1e-3).fit(X, y)
        before = regressor.predict(X)
        regressor.set_params(learning_rate=1e9)
    with pytest.raises(
        ValueError, match=r"in epoch \d+\. Try a smaller 'learning_rate'"
    ):
        regressor.fit(X, y)
    if fresh:
        assert not hasattr(regressor, "net_")
    else:
        assert np.isfinite(regressor.predict(X)).all()
        assert np.abs(regressor.predict(X) - before).max() < 10
