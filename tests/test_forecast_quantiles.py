"""RNNForecaster with quantiles and calibrated intervals."""

import numpy as np
import pytest

from sklearn_rnn import RNNForecaster, config_context
from sklearn_rnn.metrics import interval_coverage_score, weighted_quantile_loss
from sklearn_rnn.model_selection import make_origins

LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
SMALL = {"hidden_size": 8, "max_epochs": 3, "context": 16, "random_state": 0}


def make_series(n_series, seed, n_steps=150):
    """Return walks whose steps are wide on even series, of very unequal scale."""
    draw = np.random.default_rng(seed)
    scales = np.exp(draw.normal(0, 3, n_series))
    return [s * draw.normal(size=n_steps).cumsum() + s for s in scales]


SERIES = make_series(60, 1, 100)


def make_forecaster(**params):
    options = {"horizon": 3, "quantiles": LEVELS, "calibration_origins": 30}
    return RNNForecaster(**(options | SMALL | params))


@pytest.fixture(scope="module")
def fitted():
    return make_forecaster().fit(SERIES)


@pytest.fixture(scope="module")
def later():
    X, y, _ = make_origins(make_series(90, 2), 3, step=7, first=60)
    return X, y


# Training ----------------------------------------------------------------------------


def test_the_median_alone_is_the_absolute_error(fitted):
    alone = make_forecaster(quantiles=[0.5]).fit(SERIES)
    other = make_forecaster(quantiles=None).fit(SERIES)
    expected = [loss / 2 for loss in other.loss_curve_]
    np.testing.assert_allclose(alone.loss_curve_, expected, rtol=1e-4)
    np.testing.assert_allclose(alone.predict(SERIES), other.predict(SERIES), rtol=1e-3)


def test_kernels_and_torch_train_alike(fitted):
    with config_context(kernels="torch"):
        other = make_forecaster().fit(SERIES)
    np.testing.assert_allclose(fitted.loss_curve_, other.loss_curve_, rtol=1e-3)


# Quantiles ---------------------------------------------------------------------------


@pytest.mark.parametrize("calibration_origins", [0, 30])
def test_quantiles_never_cross(fitted, later, calibration_origins):
    forecaster = fitted
    if calibration_origins == 0:
        forecaster = make_forecaster(calibration_origins=0, max_epochs=1).fit(SERIES)
    quantiles = forecaster.predict_quantiles(later[0])
    assert quantiles.shape == (len(later[0]), 3, 5)
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_the_middle_quantile_is_the_forecast():
    forecaster = make_forecaster(calibration_origins=0, max_epochs=1).fit(SERIES)
    median = forecaster.predict_quantiles(SERIES, 0.5)
    np.testing.assert_array_equal(median[..., 0], forecaster.predict(SERIES))
    without = make_forecaster(
        quantiles=[0.05, 0.25, 0.75, 0.95], calibration_origins=0, max_epochs=1
    )
    quantiles = without.fit(SERIES).predict_quantiles(SERIES)
    all_levels = forecaster.predict_quantiles(SERIES)
    np.testing.assert_array_equal(quantiles, all_levels[..., [0, 1, 3, 4]])


def test_calibrated_quantiles_have_their_share_below(fitted, later):
    X, y = later
    levels = [0.1, 0.5, 0.8]
    quantiles = fitted.predict_quantiles(X, levels)
    shares = (y[..., np.newaxis] <= quantiles).mean(axis=(0, 1))
    np.testing.assert_allclose(shares, levels, atol=0.05)


def test_quantiles_tell_wide_from_narrow():
    """Series whose noise is announced by the size of the last steps."""
    draw = np.random.default_rng(5)
    series = []
    for _ in range(30):
        size = np.repeat(draw.choice([0.2, 2.0], 25), 8)
        series.append(size * draw.normal(size=200))
    forecaster = make_forecaster(scaling=None, horizon=1, max_epochs=10).fit(series)
    X, y, _ = make_origins(series, 1, step=8, first=172)
    lower, upper = forecaster.predict_interval(X, 0.8)
    recent = np.array([np.abs(x[-4:]).mean() for x in X])
    width = (upper - lower)[:, 0]
    assert width[recent > 1].mean() > 1.6 * width[recent < 0.3].mean()
    plain = make_forecaster(scaling=None, horizon=1, quantiles=None, max_epochs=1).fit(
        series
    )
    alone = [f.predict_quantiles(X, LEVELS) for f in (forecaster, plain)]
    losses = [weighted_quantile_loss(y, q, quantiles=LEVELS) for q in alone]
    assert losses[0] < 0.95 * losses[1]


# Intervals ---------------------------------------------------------------------------


@pytest.mark.parametrize("quantiles", [None, LEVELS])
def test_intervals_cover_what_they_promise_on_series_of_unequal_scale(
    fitted, later, quantiles
):
    X, y = later
    forecaster = fitted
    if quantiles is None:
        forecaster = make_forecaster(quantiles=None, max_epochs=1).fit(SERIES)
    for coverage in (0.5, 0.9):
        lower, upper = forecaster.predict_interval(X, coverage)
        assert (lower <= upper).all()
        shares = [
            interval_coverage_score(y[:, [h]], lower[:, [h]], upper[:, [h]])
            for h in range(3)
        ]
        np.testing.assert_allclose(
            shares, coverage, atol=0.07 if coverage < 0.9 else 0.04
        )


def test_several_targets_have_intervals_of_their_own():
    series = [np.stack([x, 1000 * x[::-1]], axis=1) for x in SERIES]
    forecaster = make_forecaster(max_epochs=1).fit(series)
    lower, upper = forecaster.predict_interval(series)
    assert lower.shape == (60, 3, 2)
    width = (upper - lower).mean(axis=(0, 1))
    assert width[1] > 100 * width[0]
    assert forecaster.predict_quantiles(series, [0.1, 0.9]).shape == (60, 3, 2, 2)


def test_level_and_scale_pass_through(fitted):
    moved = fitted.predict_quantiles([4.0 * x - 7 for x in SERIES])
    expected = 4.0 * fitted.predict_quantiles(SERIES) - 7
    np.testing.assert_allclose(moved, expected, rtol=1e-4, atol=1e-4)


def test_a_quantile_depends_on_its_own_series_alone(fitted):
    expected = fitted.predict_quantiles(SERIES)
    for i in (0, 7, 19):
        alone = fitted.predict_quantiles(SERIES[i : i + 1])
        np.testing.assert_array_equal(alone[0], expected[i])


def test_constant_series_have_finite_intervals(fitted):
    lower, upper = fitted.predict_interval([np.full(40, 3.0), np.zeros(40)])
    assert np.isfinite([lower, upper]).all()


def test_errors_say_which_quantiles_there_are(fitted):
    plain = make_forecaster(quantiles=None, calibration_origins=0, max_epochs=1)
    plain.fit(SERIES)
    with pytest.raises(ValueError, match="none were given in the constructor"):
        plain.predict_quantiles(SERIES)
    with pytest.raises(
        ValueError, match=r"quantile 0\.9 is none of those of fit, \[\]"
    ):
        plain.predict_quantiles(SERIES, [0.9])
    with pytest.raises(ValueError, match=r"between 0 and 1. Got \[5\] instead"):
        fitted.predict_quantiles(SERIES, [5])
    with pytest.raises(ValueError, match=r"quantile 0\.9999 needs more held-out"):
        fitted.predict_quantiles(SERIES, [0.9999])
    with pytest.raises(ValueError, match="'quantiles' parameter of RNNForecaster must"):
        make_forecaster(quantiles=[0.5, 1.5]).fit(SERIES)
