"""RNNForecaster: against plain loops, invariances, and what must continue."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from sklearn_rnn import RaggedArray, RNNForecaster, _forecaster
from sklearn_rnn._forecasting import (
    Shape,
    WindowEncoder,
    Windows,
    choose_columns,
    choose_context,
    seasonal_naive,
)
from sklearn_rnn.metrics import interval_coverage_score
from sklearn_rnn.model_selection import make_origins

rng = np.random.default_rng(0)
SMALL = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}


def make_series(n_series=6, n_steps=90, n_features=None, noise=0.1):
    """Return waves of a period of 8 steps, of unequal level, scale and length."""
    draw = np.random.default_rng(1)
    series = []
    for i in range(n_series):
        t = np.arange(n_steps + 3 * i)
        shape = (len(t),) if n_features is None else (len(t), n_features)
        wave = np.sin(2 * np.pi * t / 8 + i)
        wave = wave if n_features is None else np.stack([wave] * n_features, axis=1)
        level, scale = draw.normal(0, 50), np.exp(draw.normal(0, 2))
        series.append(level + scale * (wave + noise * draw.normal(size=shape)))
    return series


SERIES = make_series()


def make_forecaster(**params):
    return RNNForecaster(**({"horizon": 5, "season_length": 8} | SMALL | params))


@pytest.fixture(scope="module")
def fitted():
    return make_forecaster().fit(SERIES)


# What is computed --------------------------------------------------------------------


def cut_by_hand(forecaster):
    """Return all scaled windows of SERIES and the scaled steps that follow."""
    inputs, targets = [], []
    n = forecaster.context_
    for x in SERIES:
        for origin in range(n, len(x) - forecaster.horizon + 1):
            window, future = x[origin - n : origin], x[origin : origin + 5]
            scale = np.mean(np.abs(window - np.median(window)))
            inputs.append((window - window[-1]) / scale)
            targets.append((future - window[-1]) / scale)
    return np.array(inputs), np.array(targets)


def test_forecast_is_that_of_a_plain_loop(fitted):
    """Window, scale, ridge regression and network, one series at a time."""
    inputs, targets = cut_by_hand(fitted)
    left = targets - inputs @ fitted.coef_.T - fitted.intercept_
    spread = np.sqrt(np.mean(left**2, axis=0))
    for x, forecast in zip(SERIES, fitted.predict(SERIES), strict=True):
        window = x[-fitted.context_ :]
        scale = np.mean(np.abs(window - np.median(window)))
        scaled = (window - window[-1]) / scale
        expected = fitted.coef_ @ scaled + fitted.intercept_
        segments = torch.tensor(scaled.reshape(1, -1, 8)).float()
        with torch.inference_mode():
            rest = fitted.module_(segments, None)[0].double().numpy()
        expected = expected + rest * spread
        np.testing.assert_allclose(forecast, expected * scale + window[-1], rtol=1e-5)


def test_the_network_learns_what_the_linear_part_leaves():
    """The logistic map, whose values have no linear correlation."""
    x = [0.3]
    for _ in range(1500):
        x.append(4 * x[-1] * (1 - x[-1]))
    forecaster = RNNForecaster(
        context=32, scaling="mean", max_epochs=20, random_state=0
    )
    forecaster.fit(x[:1200])
    X, y, _ = make_origins(np.array(x[1100:]), 1, first=32)
    windows = np.stack([past[-32:] for past in X])
    linear = Ridge().fit(windows[:200], y[:200, 0]).predict(windows[200:])
    linear_error = np.abs(linear - y[200:, 0]).mean()
    error = np.abs(forecaster.predict(X[200:]) - y[200:]).mean()
    assert error < 0.4 * linear_error


@pytest.mark.parametrize("scaling", ["last", "robust", "mean"])
def test_fit_on_series_is_fit_on_all_their_origins(scaling):
    context = 16
    forecaster = make_forecaster(context=context, scaling=scaling)
    whole = clone(forecaster).fit(SERIES)
    X, y, _ = make_origins(SERIES, 5, first=context)
    cut = clone(forecaster).fit(X, y)
    np.testing.assert_array_equal(whole.predict(SERIES), cut.predict(SERIES))


def test_several_variables_are_series_of_their_own():
    series = make_series(4, n_features=2)
    forecaster = make_forecaster(context=16).fit(series)
    forecasts = forecaster.predict(series)
    assert forecasts.shape == (4, 5, 2)
    others = [np.stack([x[:, 0], 7 - x[:, 1]], axis=1) for x in series]
    np.testing.assert_array_equal(forecaster.predict(others)[..., 0], forecasts[..., 0])
    swapped = forecaster.predict([x[:, ::-1] for x in series])
    np.testing.assert_array_equal(swapped, forecasts[..., ::-1])


# What must continue ------------------------------------------------------------------


def test_a_line_continues():
    lines = [np.arange(60.0) * slope + level for slope, level in ((1, 0), (-3, 7))]
    forecaster = make_forecaster(season_length=1, max_epochs=20).fit(lines)
    ahead = np.arange(1, 6)
    expected = [x[-1] + (x[1] - x[0]) * ahead for x in lines]
    np.testing.assert_allclose(forecaster.predict(lines), expected, atol=0.5)


def test_an_exact_season_continues():
    series = [np.tile(rng.normal(size=8), 12) for _ in range(20)]
    forecaster = make_forecaster(max_epochs=10).fit(series)
    forecasts = forecaster.predict(series)
    expected = np.stack([x[-8:-3] for x in series])
    assert np.abs(forecasts - expected).mean() < 0.1


def test_a_random_walk_stays_near_its_last_value():
    walks = [draw.cumsum() for draw in rng.normal(size=(20, 200))]
    forecaster = RNNForecaster(horizon=3, random_state=0, max_epochs=5).fit(walks[:15])
    X, y, _ = make_origins(walks[15:], 3, first=20)
    last = np.stack([np.repeat(x[-1], 3) for x in X])
    ratio = np.abs(forecaster.predict(X) - y).mean() / np.abs(last - y).mean()
    assert ratio < 1.05


def test_a_constant_series_stays_constant(fitted):
    forecasts = fitted.predict([np.full(50, 7.0), np.zeros(50)])
    assert np.isfinite(forecasts).all()
    flat = make_forecaster().fit([np.full(60, 7.0), np.full(70, -2.0)])
    np.testing.assert_allclose(flat.predict([np.full(60, 5.0)]), 5.0, atol=1e-3)


def test_an_automatic_budget_of_epochs_gives_no_advice_on_it(monkeypatch):
    monkeypatch.setattr(_forecaster, "_N_UPDATES", 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        forecaster = make_forecaster(max_epochs="auto").fit(SERIES)
    n_epochs = forecaster.max_epochs_
    assert 2 <= n_epochs <= 6
    with pytest.warns(ConvergenceWarning, match=f"Maximum epochs .{n_epochs}. reached"):
        make_forecaster(max_epochs=n_epochs).fit(SERIES)


# Invariances -------------------------------------------------------------------------


def test_level_and_scale_pass_through(fitted):
    forecasts = fitted.predict(SERIES)
    moved = fitted.predict([4.0 * x + 1000.0 for x in SERIES])
    np.testing.assert_allclose(moved, 4.0 * forecasts + 1000.0, rtol=1e-5)


def test_a_forecast_depends_on_its_own_last_steps_alone(fitted):
    forecasts = fitted.predict(SERIES)
    for i, x in enumerate(SERIES):
        np.testing.assert_array_equal(fitted.predict([x])[0], forecasts[i])
        poisoned = np.concatenate([[1e9], x[-fitted.context_ :]])
        np.testing.assert_array_equal(fitted.predict([poisoned])[0], forecasts[i])
    shuffled = fitted.predict(SERIES[::-1] * 40)
    np.testing.assert_array_equal(shuffled[: len(SERIES)][::-1], forecasts)


@pytest.mark.parametrize("wrap", [list, tuple, RaggedArray.from_sequences])
def test_containers_are_equivalent(fitted, wrap):
    container = wrap([x.reshape(-1, 1) for x in SERIES])
    np.testing.assert_array_equal(fitted.predict(container), fitted.predict(SERIES))


def test_equal_series_may_be_a_table_of_rows(fitted):
    table = np.stack([x[:80] for x in SERIES])
    expected = fitted.predict(list(table))
    np.testing.assert_array_equal(fitted.predict(table), expected)
    np.testing.assert_array_equal(fitted.predict(table[..., np.newaxis]), expected)
    np.testing.assert_array_equal(
        fitted.predict(table[:, -fitted.context_ :]), expected
    )


def test_one_series_is_a_list_of_one(fitted):
    np.testing.assert_array_equal(fitted.predict(SERIES[0]), fitted.predict(SERIES[:1]))
    as_list = SERIES[0].tolist()
    np.testing.assert_array_equal(fitted.predict(as_list), fitted.predict(SERIES[:1]))
    rows = [x[:80].tolist() for x in SERIES]
    expected = fitted.predict([x[:80] for x in SERIES])
    np.testing.assert_array_equal(fitted.predict(rows), expected)


def test_short_series_are_forecast_too():
    series = [*SERIES, SERIES[0][:7], SERIES[1][:12]]
    forecaster = make_forecaster(context=24).fit(series)
    forecasts = forecaster.predict([x[:1] for x in SERIES])
    assert forecasts.shape == (6, 5)
    assert np.isfinite(forecasts).all()


def test_a_weight_of_two_is_two_copies_for_the_linear_part():
    weights = np.array([2.0, 1, 1, 1, 1, 1])
    weighted = make_forecaster().fit(SERIES, sample_weight=weights)
    twice = make_forecaster().fit([SERIES[0], *SERIES])
    np.testing.assert_allclose(weighted.coef_, twice.coef_, rtol=1e-6)


def test_fits_with_one_seed_are_equal_and_pickles_keep_forecasts(fitted):
    again = clone(fitted).fit(SERIES)
    np.testing.assert_array_equal(again.predict(SERIES), fitted.predict(SERIES))
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict(SERIES), fitted.predict(SERIES))


def test_fit_leaves_the_series_as_they_were():
    series = [x.copy() for x in SERIES]
    make_forecaster().fit(series).predict(series)
    for x, original in zip(series, SERIES, strict=True):
        np.testing.assert_array_equal(x, original)


@pytest.fixture
def drawn(monkeypatch):
    """Number of windows in each mini-batch of the training."""
    drawn = []
    make = WindowEncoder.make_segments
    monkeypatch.setattr(
        WindowEncoder,
        "make_segments",
        lambda self, cut, scaled: drawn.append(len(scaled)) or make(self, cut, scaled),
    )
    return drawn


def test_an_epoch_has_a_limited_number_of_windows(monkeypatch, drawn):
    monkeypatch.setattr(_forecaster, "_MOST_BATCHES", 3)
    forecaster = make_forecaster(batch_size=4, max_epochs=2).fit(SERIES)
    assert forecaster.n_iter_ == 2
    assert drawn == [4] * 6


def test_a_step_of_a_long_horizon_is_in_a_limited_number_of_windows(monkeypatch, drawn):
    monkeypatch.setattr(_forecaster, "_MOST_VIEWS", 2)
    x = rng.normal(size=60)
    forecaster = make_forecaster(horizon=8, context=5, max_epochs="auto").fit(x)
    assert forecaster.n_iter_ == 1
    assert sum(drawn) == (60 - 5 - 8 + 1) * 2 / 8
    drawn.clear()
    make_forecaster(horizon=8, context=5, max_epochs=1).fit(x)
    assert sum(drawn) == 60 - 5 - 8 + 1


def test_windows_are_views_of_the_series_that_are_cut_for_their_batch():
    X = RaggedArray.from_sequences([np.arange(30.0), np.arange(100.0, 109.0)])
    columns = choose_columns(1, None, None, None)
    windows = Windows.at_all_origins(X, X.lengths, Shape(8, 2), columns)
    assert np.shares_memory(windows.steps, X.values)
    assert len(windows) == 30 - 9 + 1
    cut = windows.take(np.array([0, 20, 21]))
    expected = [np.arange(8.0), np.arange(20.0, 28.0), [100, *range(100, 107)]]
    np.testing.assert_array_equal(cut.past, expected)
    np.testing.assert_array_equal(cut.future, [[8, 9], [28, 29], [107, 108]])


# Intervals ---------------------------------------------------------------------------


def test_intervals_cover_what_they_promise_on_series_of_unequal_scale():
    draw = np.random.default_rng(5)

    def make(n):
        scales = np.exp(draw.normal(0, 3, n))
        return [s * draw.normal(size=120).cumsum() + s for s in scales]

    forecaster = make_forecaster(calibration_origins=20, season_length=1, horizon=4)
    forecaster.fit(make(40))
    X, y, _ = make_origins(make(60), 4, step=7, first=60)
    for coverage in (0.5, 0.9):
        lower, upper = forecaster.predict_interval(X, coverage)
        share = interval_coverage_score(y, lower, upper)
        assert share == pytest.approx(coverage, abs=0.06)
    middle = (lower + upper) / 2
    np.testing.assert_allclose(middle, forecaster.predict(X), rtol=1e-6, atol=1e-6)


def test_held_out_steps_do_not_enter_the_training():
    last = 5 + 3 - 1  # horizon + calibration_origins - 1
    changed = [x.copy() for x in SERIES]
    for x in changed:
        x[-last:] = 1e6
    one, other = (
        make_forecaster(calibration_origins=3, context=16).fit(s)
        for s in (SERIES, changed)
    )
    np.testing.assert_array_equal(one.predict(SERIES), other.predict(SERIES))


def test_intervals_need_errors_of_held_out_origins(fitted):
    with pytest.raises(ValueError, match="fit with calibration_origins > 0"):
        fitted.predict_interval(SERIES)
    forecaster = make_forecaster(calibration_origins=2, context=16).fit(SERIES)
    with pytest.raises(ValueError, match=r"coverage=0\.95 needs at least 19 held-out"):
        forecaster.predict_interval(SERIES, 0.95)
    with pytest.raises(ValueError, match="coverage must be a float between 0 and 1"):
        forecaster.predict_interval(SERIES, 90)


# scikit-learn ------------------------------------------------------------------------


def test_score_is_the_skill_over_the_seasonal_naive_forecast(fitted):
    X, y = [x[:-5] for x in SERIES], np.stack([x[-5:] for x in SERIES])
    error = np.abs(fitted.predict(X) - y).mean()
    naive = np.abs(np.stack([x[-8:-3] for x in X]) - y).mean()
    assert fitted.score(SERIES) == pytest.approx(1 - error / naive)
    assert fitted.score(X, y) == fitted.score(SERIES)
    weights = np.arange(6)
    kept = [i for i in range(6) for _ in range(weights[i])]
    repeated = fitted.score([X[i] for i in kept], y[kept])
    assert fitted.score(X, y, weights) == pytest.approx(repeated)


def test_seasonal_naive_repeats_the_last_season():
    X = RaggedArray.from_sequences([[1.0, 2, 3, 4], [5.0, 6]])
    forecasts = seasonal_naive(X, 5, 3)[..., 0]
    assert forecasts.tolist() == [[2, 3, 4, 2, 3], [6, 6, 6, 6, 6]]


def test_searches_over_series_and_over_origins():
    forecaster = make_forecaster(max_epochs=1)
    grid = {"scaling": ["last", "mean"], "context": [8, 16]}
    search = GridSearchCV(forecaster, grid, cv=3).fit(SERIES)
    assert search.predict(SERIES).shape == (6, 5)
    X, y, _ = make_origins(SERIES, 5, step=9)
    assert GridSearchCV(forecaster, grid, cv=KFold(2)).fit(X, y).best_score_ > 0
    assert cross_val_score(forecaster, SERIES, cv=3).shape == (3,)


@pytest.mark.parametrize(
    ("lengths", "horizon", "season", "expected"),
    [
        ([960] * 9, 48, 24, 168),  # seven days
        ([8640], 96, 24, 192),  # two horizons
        ([108], 36, 12, 36),  # half of what is left
        ([1000], 1, 1, 16),
        ([20], 10, 24, 5),  # no season fits
        ([3], 2, 1, 1),
    ],
)
def test_context_that_is_chosen(lengths, horizon, season, expected):
    assert choose_context(np.array(lengths), horizon, season) == expected


def test_a_fit_that_fails_leaves_the_forecaster_as_it_was(fitted):
    forecaster = pickle.loads(pickle.dumps(fitted))
    before = dict(vars(forecaster))
    two_variables = [np.stack([x, x], axis=1) for x in SERIES]
    two_variables[3] = two_variables[3][:4]
    with pytest.raises(ValueError, match=r"X\[3\] has 4 steps"):
        forecaster.fit(two_variables)
    assert vars(forecaster) == before
    np.testing.assert_array_equal(forecaster.predict(SERIES), fitted.predict(SERIES))


# Bad input ---------------------------------------------------------------------------


class Table:
    columns = ("unique_id", "ds", "y")


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([SERIES[0], SERIES[1][:5]], None, r"X\[1\] has 5 steps, but 6 are needed"),
        ([[1.0, np.nan, 2.0] * 9], None, r"X\[0\] has NaN at step 1, feature 0"),
        (SERIES, np.ones((6, 4)), r"y must have shape \(n_samples, horizon=5\)"),
        (SERIES, np.ones((5, 5)), "inconsistent numbers of samples"),
        (SERIES, np.full((6, 5), np.nan), r"y\[0\] has NaN or infinity at step 0"),
        (SERIES, np.full((6, 5), "up"), "y cannot be read: could not convert"),
    ],
)
def test_errors_name_the_series(X, y, message):
    with pytest.raises(ValueError, match=message):
        make_forecaster().fit(X, y)


def test_a_table_is_refused_with_the_way_to_read_it():
    with pytest.raises(TypeError, match=r"takes series, not a table.*SequenceBuilder"):
        make_forecaster().fit(Table())


def test_calibration_needs_whole_series():
    X, y, _ = make_origins(SERIES, 5)
    with pytest.raises(ValueError, match="calibration_origins=3 needs y=None"):
        make_forecaster(calibration_origins=3).fit(X, y)
