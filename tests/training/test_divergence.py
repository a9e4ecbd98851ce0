"""Losses and gradients that become infinite or NaN."""

import numpy as np
import pytest
from training_tools import make_regressor

NAMES_THE_EPOCH = r"in epoch \d+\. Try a smaller 'learning_rate'"
UNSTABLE = {
    "cell": "rnn",
    "nonlinearity": "relu",
    "learning_rate": 1e9,
    "max_grad_norm": None,
    "optimizer": "sgd",
    "learning_rate_schedule": None,
}


@pytest.fixture
def wide(rng):
    """Long sequences of large numbers."""
    return rng.normal(size=(40, 50, 1)) * 10, rng.normal(size=40)


def test_a_nonfinite_loss_raises_an_error_with_the_epoch(wide):
    regressor = make_regressor(**UNSTABLE)
    with pytest.raises(ValueError, match=NAMES_THE_EPOCH):
        regressor.fit(*wide)
    assert not hasattr(regressor, "net_")


def test_a_diverging_warm_start_leaves_the_fitted_estimator_unchanged(wide):
    X, y = wide
    regressor = make_regressor(**{**UNSTABLE, "learning_rate": 1e-3}, warm_start=True)
    before = regressor.fit(X, y).predict(X)
    with pytest.raises(ValueError, match=NAMES_THE_EPOCH):
        regressor.set_params(learning_rate=1e9).fit(X, y)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(regressor.predict(X), before)
    assert regressor.n_iter_ == 5
