"""RNNForecaster with covariates of the past, known ahead and static; early stopping."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_rnn import RaggedArray, RNNForecaster
from sklearn_rnn.model_selection import RollingOriginSplit, make_origins

HORIZON = 3
SMALL = {"hidden_size": 8, "max_epochs": 5, "context": 8, "random_state": 0}
COLUMNS = ["load", "wind", "holiday"]


def make_series(n_series=5, n_steps=120):
    """Return series of a random walk that jumps on days that are known ahead.

    The columns are the target, a covariate whose future is unknown, and the known one.
    """
    draw = np.random.default_rng(2)
    series = []
    for i in range(n_series):
        known = draw.integers(0, 2, n_steps + i).astype(float)
        past = draw.normal(size=n_steps + i)
        target = 5 * known + 0.1 * draw.normal(size=n_steps + i).cumsum()
        target[1:] += past[:-1]  # yesterday's wind
        series.append(np.stack([target, past, known], axis=1))
    return series


SERIES = make_series()
PAST = [x[:-HORIZON] for x in SERIES]
Y = np.stack([x[-HORIZON:, 0] for x in SERIES])
FUTURE = np.stack([x[-HORIZON:, 2:] for x in SERIES])


def make_forecaster(**params):
    columns = {"target_features": [0], "known_features": [2]}
    return RNNForecaster(**({"horizon": HORIZON} | columns | SMALL | params))


@pytest.fixture(scope="module")
def fitted():
    return make_forecaster().fit(PAST)


# What covariates do ------------------------------------------------------------------


def test_covariates_that_explain_the_target_improve_its_forecast(fitted):
    error = np.abs(fitted.predict(PAST, FUTURE) - Y).mean(axis=0)
    alone = RNNForecaster(horizon=HORIZON, **SMALL).fit([x[:, 0] for x in PAST])
    error_alone = np.abs(alone.predict([x[:, 0] for x in PAST]) - Y).mean(axis=0)
    assert (error < 0.7 * error_alone).all()  # the known column, at all steps
    assert error[0] < 0.5 * error_alone[0]  # and the wind, one step ahead


def test_a_forecast_is_that_of_a_plain_loop(fitted):
    """Window, scale, ridge regression and network, one series at a time."""
    windows = [
        (x[o - 8 : o], x[o : o + HORIZON])
        for x in PAST
        for o in range(8, len(x) - HORIZON + 1)
    ]
    steps = np.concatenate([window[:, 1:] for window, _ in windows])
    mean, std = steps.mean(axis=0), steps.std(axis=0)

    def read(window, known):
        target = window[:, 0]
        scale = np.mean(np.abs(target - np.median(target)))
        scaled = (target - target[-1]) / scale
        covariates = (window[:, 1:] - mean) / std
        ahead = (known - mean[1:]) / std[1:]
        return scaled, covariates, ahead, target[-1], scale

    def predict_linearly(scaled, covariates, ahead):
        inputs = np.concatenate([scaled, covariates[-1], ahead.ravel()])
        return fitted.coef_ @ inputs + fitted.intercept_

    left = []
    for window, future in windows:
        scaled, covariates, ahead, level, scale = read(window, future[:, 2:])
        linear = predict_linearly(scaled, covariates, ahead)
        left.append((future[:, 0] - level) / scale - linear)
    spread = np.sqrt(np.mean(np.square(left), axis=0))

    for x, known, forecast in zip(
        PAST, FUTURE, fitted.predict(PAST, FUTURE), strict=True
    ):
        scaled, covariates, ahead, level, scale = read(x[-8:], known)
        zeros, ones = np.zeros((8, 1)), np.ones((HORIZON, 1))
        past = np.hstack([scaled[:, np.newaxis], covariates, zeros])
        future = np.hstack([np.zeros((HORIZON, 2)), ahead, ones])
        sequence = torch.tensor(np.vstack([past, future])).float()[np.newaxis]
        with torch.inference_mode():
            rest = fitted.module_(sequence, None)[0].double().numpy()
        expected = predict_linearly(scaled, covariates, ahead) + rest * spread
        np.testing.assert_allclose(forecast, expected * scale + level, rtol=1e-4)


def test_the_future_of_unknown_columns_is_never_read():
    poisoned = [x.copy() for x in SERIES]
    for x in poisoned:
        x[-HORIZON:, :2] = 1e9
    forecaster = make_forecaster(calibration_origins=1).fit(SERIES)
    other = make_forecaster(calibration_origins=1).fit(poisoned)
    expected = forecaster.predict(PAST, FUTURE)
    np.testing.assert_array_equal(other.predict(PAST, FUTURE), expected)
    everything = np.stack([x[-HORIZON:] for x in poisoned])
    np.testing.assert_array_equal(forecaster.predict(PAST, everything), expected)
    assert np.abs(forecaster.predict(PAST, 1 - FUTURE) - expected).min() > 1


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_segments_of_the_future_need_not_be_full(horizon):
    forecaster = make_forecaster(segment_length=4, max_epochs=1, horizon=horizon)
    future = np.zeros((5, horizon, 1))
    assert forecaster.fit(PAST).predict(PAST, future).shape == (5, horizon)
    states = forecaster.hidden_states(PAST, future)
    assert states.shape == (5, 2 + -(-horizon // 4), 8)


def test_static_covariates_are_constant_columns():
    """Series that jump up or down at their end, as their kind tells."""
    draw = np.random.default_rng(3)
    series, kinds = [], draw.integers(0, 2, 60)
    for kind in kinds:
        x = draw.normal(size=9)
        x[-1] = x[-2] + (8 if kind else -8)
        series.append(np.stack([x, np.full(9, kind)], axis=1))
    series = np.array(series)
    forecaster = RNNForecaster(target_features=0, **SMALL)
    forecaster.fit(series[:, :-1], series[:, -1:, 0])
    forecasts = forecaster.predict(series[:, :-1])[:, 0] - series[:, -2, 0]
    np.testing.assert_array_equal(forecasts > 0, kinds == 1)


# Ways to pass the same ---------------------------------------------------------------


def test_fit_on_series_is_fit_on_all_their_origins(fitted):
    X, y, _ = make_origins(PAST, HORIZON, first=8)
    expected = fitted.predict(PAST, FUTURE)
    cut = make_forecaster().fit(X, y)
    np.testing.assert_array_equal(cut.predict(PAST, FUTURE), expected)
    cut = make_forecaster().fit(X, y[..., 0], X_future=y[..., 2:])
    np.testing.assert_array_equal(cut.predict(PAST, FUTURE), expected)


def test_tables_are_read_by_the_names_of_their_columns(fitted):
    frames = [pd.DataFrame(x, columns=COLUMNS) for x in PAST]
    named = make_forecaster(target_features="load", known_features=["holiday"])
    named.fit(frames)
    expected = fitted.predict(PAST, FUTURE)
    future = [pd.DataFrame(x[-HORIZON:, ::-1], columns=COLUMNS[::-1]) for x in SERIES]
    np.testing.assert_array_equal(named.predict(frames, future), expected)
    np.testing.assert_array_equal(named.predict(frames, FUTURE), expected)


def test_containers_of_the_future_are_equivalent(fitted):
    expected = fitted.predict(PAST, FUTURE)
    for future in (
        FUTURE[..., 0],
        list(FUTURE),
        RaggedArray.from_sequences(FUTURE),
        [x[-HORIZON:] for x in SERIES],
    ):
        np.testing.assert_array_equal(fitted.predict(PAST, future), expected)


def test_a_forecast_depends_on_its_own_series_alone(fitted):
    expected = fitted.predict(PAST, FUTURE)
    for i in range(len(PAST)):
        alone = fitted.predict([PAST[i][-8:]], FUTURE[i : i + 1])
        np.testing.assert_array_equal(alone[0], expected[i])
    many = fitted.predict(PAST[::-1] * 30, np.tile(FUTURE[::-1], (30, 1, 1)))
    np.testing.assert_array_equal(many[:5][::-1], expected)


def test_score_takes_the_future_from_the_series(fitted):
    skill = fitted.score(SERIES)
    assert skill == fitted.score(PAST, Y, X_future=FUTURE)
    assert skill == fitted.score(PAST, np.stack([x[-HORIZON:] for x in SERIES]))
    naive = np.abs(Y - np.stack([x[-1:, 0] for x in PAST])).mean()
    error = np.abs(Y - fitted.predict(PAST, FUTURE)).mean()
    assert skill == pytest.approx(1 - error / naive)


def test_searches_over_series_and_origins():
    forecaster = make_forecaster(max_epochs=1)
    assert cross_val_score(forecaster, SERIES, cv=2).min() > 0.5
    X, y, origins = make_origins(SERIES, HORIZON, step=20)
    grid = {"scaling": ["last", None]}
    cv = RollingOriginSplit(2, horizon=HORIZON)
    search = GridSearchCV(forecaster, grid, cv=cv).fit(X, y, groups=origins)
    assert search.best_score_ > 0.3


def test_level_matters_without_scaling():
    """Series that return to zero from any level: the level tells how far."""
    draw = np.random.default_rng(4)
    series = [np.r_[level * np.ones(8), 0] for level in draw.normal(0, 9, 80)]
    forecaster = RNNForecaster(scaling=None, **SMALL)
    X, y = np.array(series)[:, :-1], np.array(series)[:, -1:]
    assert np.abs(forecaster.fit(X, y).predict(X)).max() < 1
    noisy = X + draw.normal(size=X.shape)
    assert np.isfinite(forecaster.predict(noisy)).all()


# Early stopping ----------------------------------------------------------------------


def test_the_last_origins_are_held_out():
    n_held_out = 30 + HORIZON - 1  # origins 3 .. 105, the last 30 % of them
    options = {"early_stopping": True, "validation_fraction": 0.28}
    equal = [x[:116] for x in SERIES]
    changed = [x.copy() for x in equal]
    for x in changed:
        x[-n_held_out:] = 7
    one, other = (
        clone(make_forecaster(n_iter_no_change=9, **options)).fit(s)
        for s in (equal, changed)
    )
    assert len(one.validation_scores_) == 5
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_scores_ != other.validation_scores_
    assert one.best_validation_score_ == max(one.validation_scores_)


# Bad input ---------------------------------------------------------------------------


def spoil(value):
    future = FUTURE.copy()
    future[3, 1] = value
    return future


@pytest.mark.parametrize(
    ("future", "message"),
    [
        (None, r"future of known_features is missing \(columns 2\): pass X_future, 3"),
        (FUTURE[:, :2], r"X_future\[0\] has 2 steps, but horizon=3"),
        (FUTURE[:4], "inconsistent numbers of samples"),
        (np.zeros((5, 3, 2)), "X_future has 2 columns, but known_features has 1"),
        (spoil(np.nan), r"X_future\[3\] has NaN at step 1, column 2"),
        (spoil(np.inf), r"X_future\[3\] has infinity at step 1"),
    ],
)
def test_errors_about_the_future_name_series_and_column(fitted, future, message):
    for method in (fitted.predict, fitted.predict_interval):
        with pytest.raises(ValueError, match=message):
            method(PAST, X_future=future)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target_features": [3]}, "'target_features' .* among 0 to 2. Got 3"),
        ({"known_features": [1, 1]}, "'known_features' .* different columns"),
        ({"known_features": [0]}, "Column 0 is in both 'target_features' and 'known"),
        ({"target_features": []}, "No column is left to forecast"),
        ({"target_features": "load"}, "the columns of X have no names"),
        ({"early_stopping": True, "validation_fraction": 0.99}, "too short to hold"),
    ],
)
def test_errors_name_the_parameter(params, message):
    with pytest.raises(ValueError, match=message):
        make_forecaster(**params).fit(PAST)


def test_errors_about_names_list_the_columns():
    frames = [pd.DataFrame(x, columns=COLUMNS) for x in PAST]
    with pytest.raises(ValueError, match=r"among \['load', 'wind', 'holiday'\]. Got"):
        make_forecaster(target_features=["rain"]).fit(frames)
    named = make_forecaster(known_features=["holiday"], max_epochs=1).fit(frames)
    with pytest.raises(ValueError, match="has no column 'holiday'"):
        named.predict(frames, [frame[["load"]][-3:] for frame in frames])
    with pytest.raises(ValueError, match=r"is missing \(columns 'holiday'\)"):
        named.predict(frames)


def test_a_future_needs_columns_that_are_known_and_a_y(fitted):
    with pytest.raises(ValueError, match="X_future needs y: without it, the future"):
        fitted.score(SERIES, X_future=FUTURE)
    alone = RNNForecaster(horizon=HORIZON, **SMALL).fit(PAST)
    with pytest.raises(ValueError, match="known_features has none"):
        alone.predict(PAST, FUTURE)
    X, y, _ = make_origins(PAST, HORIZON)
    with pytest.raises(ValueError, match="early_stopping=True needs y=None"):
        make_forecaster(early_stopping=True).fit(X, y)
