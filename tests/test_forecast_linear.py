"""The linear part of RNNForecaster: against plain loops; what it chooses."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_rnn import RNNForecaster, load, save
from sklearn_rnn._forecasting import _linear, find_quantiles
from sklearn_rnn.model_selection import make_origins

SEASON, CONTEXT = 4, 8
PENALTIES = 10.0 ** np.arange(-4.5, 3.1, 0.5)


def make_series(n_series=1, n_steps=60, seed=0):
    """Return trends times seasons, with noise."""
    draw = np.random.default_rng(seed)
    series = []
    for _ in range(n_series):
        t = np.arange(n_steps)
        wave = 1 + 0.3 * np.sin(2 * np.pi * t / SEASON + draw.uniform(0, 6))
        series.append(
            (10 + 0.2 * t) * wave + draw.normal(scale=0.5, size=n_steps).cumsum()
        )
    return series


def make_forecaster(horizon, **params):
    defaults = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
    return RNNForecaster(
        horizon=horizon, season_length=SEASON, context=CONTEXT, **(defaults | params)
    )


def scale(window, steps):
    """Return steps less the last one of a window, in units of its deviation."""
    unit = np.mean(np.abs(window - np.median(window)))
    return (steps - window[-1]) / unit


def cut(series, horizon):
    """Return all scaled windows, after a 1, and what follows."""
    inputs, futures = [], []
    for x in series:
        for origin in range(CONTEXT, len(x) - horizon + 1):
            window = x[origin - CONTEXT : origin]
            inputs.append(np.r_[1, scale(window, window)])
            futures.append(scale(window, x[origin : origin + horizon]))
    return np.array(inputs), np.array(futures)


def continue_simply(inputs, horizon):
    """Return the forecasts that the weights are drawn to."""
    last, before = inputs[:, -SEASON:], inputs[:, -2 * SEASON : -SEASON]
    growth = (last - before).mean(axis=1)
    season = np.stack([last[:, h % SEASON] for h in range(horizon)], axis=1)
    years = np.array([1 + h // SEASON for h in range(horizon)])
    zero = np.zeros_like(season)  # the last step, too
    return [zero, season, season + growth[:, np.newaxis] * years]


def fit_by_hand(inputs, futures, n_windows):
    """Return the chosen ridge regression as a function of inputs."""
    n, n_inputs = inputs.shape
    best = np.inf
    simple = continue_simply(inputs, futures.shape[1])
    for number, start in enumerate(simple):
        for penalty in PENALTIES:
            inverse = np.linalg.inv(inputs.T @ inputs + n * penalty * np.eye(n_inputs))
            weights = inverse @ inputs.T @ (futures - start)
            degrees = np.trace(inputs @ inverse @ inputs.T)
            left = futures - start - inputs @ weights
            error = np.sum(left**2) / (1 - 1.4 * degrees / n_windows) ** 2
            if 1.4 * degrees < n_windows and error < best:
                best, chosen = error, (number, weights)
    number, weights = chosen
    horizon = futures.shape[1]
    return lambda rows: continue_simply(rows, horizon)[number] + rows @ weights


def forecast_linearly(forecaster, window):
    forecasts = forecaster.coef_ @ scale(window, window) + forecaster.intercept_
    return forecasts * np.mean(np.abs(window - np.median(window))) + window[-1]


@pytest.mark.parametrize(("n_series", "seed"), [(5, 0), (2, 1), (8, 2)])
def test_weights_have_the_least_error_by_generalised_cross_validation(n_series, seed):
    series = make_series(n_series, seed=seed)
    forecaster = make_forecaster(3).fit(series)
    inputs, futures = cut(series, 3)
    predict = fit_by_hand(inputs, futures, len(inputs))
    actual = inputs[:, 1:] @ forecaster.coef_.T + forecaster.intercept_
    np.testing.assert_allclose(actual, predict(inputs), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", [0, 1])
def test_few_windows_are_forecast_season_after_season(seed):
    (x,) = make_series(seed=seed)
    horizon, n = 10, len(x)
    forecaster = make_forecaster(horizon).fit([x])
    inputs, futures, firsts = [], [], []
    for origin in range(CONTEXT, n - horizon + 1):
        for first in (origin, origin + 3, origin + 6):
            firsts.append(first)
            window = x[first - CONTEXT : first]
            inputs.append(np.r_[1, scale(window, window)])
            futures.append(scale(window, x[first : first + SEASON]))
    _, counts = np.unique(firsts, return_counts=True)
    assert len(counts) == n - CONTEXT - SEASON + 1  # up to the last step
    n_windows = counts.sum() ** 2 / (counts**2).sum()
    predict = fit_by_hand(np.array(inputs), np.array(futures), n_windows)
    unit = np.mean(np.abs(x[-CONTEXT:] - np.median(x[-CONTEXT:])))
    steps = (x[-CONTEXT:] - x[-1]) / unit
    for _ in range(3):
        window = steps[-CONTEXT:] - steps[-1]
        ahead = predict(np.r_[1, window][np.newaxis])[0]
        steps = np.r_[steps, ahead + steps[-1]]
    expected = steps[CONTEXT : CONTEXT + horizon] * unit + x[-1]
    actual = forecast_linearly(forecaster, x[-CONTEXT:])
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_many_windows_are_forecast_at_once():
    series = make_series(20)
    horizon = 10
    forecaster = make_forecaster(horizon).fit(series)
    inputs, futures = cut(series, horizon)
    assert len(inputs) > 20 * horizon
    predict = fit_by_hand(inputs, futures, len(inputs))
    actual = inputs[:, 1:] @ forecaster.coef_.T + forecaster.intercept_
    np.testing.assert_allclose(actual, predict(inputs), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("horizon", [3, 10])
@pytest.mark.parametrize("scaling", ["last", None])
def test_a_weight_is_a_number_of_copies(horizon, scaling):
    series = make_series(3)
    forecaster = make_forecaster(horizon, scaling=scaling)
    weighted = clone(forecaster).fit(series, sample_weight=[3.0, 1, 2])
    copies = clone(forecaster).fit([series[i] for i in (0, 0, 0, 1, 2, 2)])
    np.testing.assert_allclose(weighted.coef_, copies.coef_, rtol=1e-6, atol=1e-9)
    more = clone(forecaster).fit(series, sample_weight=[30.0, 10, 20])
    np.testing.assert_allclose(weighted.coef_, more.coef_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scaling", ["last", "mean", None])
def test_few_windows_give_the_same_fit_as_their_origins(scaling):
    (x,) = make_series()
    forecaster = make_forecaster(10, scaling=scaling)
    whole = clone(forecaster).fit([x])
    beginnings, y, _ = make_origins([x], 10, first=CONTEXT)
    pieces = clone(forecaster).fit(beginnings, y)
    np.testing.assert_array_equal(whole.predict([x]), pieces.predict([x]))


def test_noise_about_a_season_is_forecast_by_the_mean_season():
    """Neither the last season nor a large penalty on the way to it is enough."""
    draw = np.random.default_rng(0)
    season = np.tile([0.0, 4, 1, -3], 30)
    series = [season + draw.normal(size=120) for _ in range(4)]
    forecaster = make_forecaster(4, scaling="robust").fit(series)
    errors, naive = [], []
    for x in series:
        window = x[-CONTEXT:]
        middle = np.median(window)
        unit = np.mean(np.abs(window - middle))
        scaled = forecaster.coef_ @ ((window - middle) / unit) + forecaster.intercept_
        errors.append(scaled * unit + middle - season[:4])
        naive.append(window[-4:] - season[:4])
    assert np.square(errors).mean() < 0.8 * np.square(naive).mean()


def test_passengers_that_grow_within_a_few_years_keep_growing():
    """Nine years of months, and the three that follow."""
    t = np.arange(144)
    draw = np.random.default_rng(3)
    wave = 1 + 0.2 * np.sin(2 * np.pi * t / 12) + 0.1 * np.cos(4 * np.pi * t / 12)
    x = 100 * np.exp(0.008 * t + draw.normal(scale=0.01, size=144).cumsum()) * wave
    forecaster = RNNForecaster(horizon=36, season_length=12, random_state=0)
    forecast = forecaster.fit(x[:108]).predict(x[:108])[0]
    naive = x[96:108][np.arange(36) % 12]
    assert np.abs(forecast - x[108:]).mean() < 0.5 * np.abs(naive - x[108:]).mean()


@pytest.mark.parametrize(
    ("n_steps", "horizon", "expected"),
    [(108, 36, 2), (200, 10, 16), (300, 1, 100), (3000, 1, 10), (900, 400, 1)],
)
def test_steps_in_the_futures_of_many_windows_need_few_epochs(
    n_steps, horizon, expected, monkeypatch
):
    forecaster = RNNForecaster(horizon=horizon, season_length=4, hidden_size=2)
    monkeypatch.setattr(RNNForecaster, "_train", lambda *args: None)
    forecaster.fit(np.random.default_rng(0).normal(size=n_steps))
    assert forecaster.max_epochs_ == expected


def split_by_time(n_before, n_parts, first, stop):
    """Return the number of the part that each origin is in."""
    return ((n_before - first) * n_parts / (stop - first)).astype(int)


def is_surely_positive(values):
    return values.mean() > 2 * values.std(ddof=1) / np.sqrt(len(values))


def fit_penalised(inputs, futures, start, penalty):
    gram = inputs.T @ inputs + len(inputs) * penalty * np.eye(inputs.shape[1])
    return start + np.linalg.solve(gram, inputs.T @ (futures - inputs @ start))


def make_wanderer(pull, seed, n_steps=300):
    """Return a walk that is drawn back to zero; without a pull, a random walk."""
    draw = np.random.default_rng(seed)
    x = np.zeros(n_steps)
    for t in range(1, n_steps):
        x[t] = (1 - pull) * x[t - 1] + draw.normal()
    return x


def test_ridge_regression_has_to_be_better_on_parts_of_the_time_that_are_left_out():
    horizon, replaced = 2, []
    for seed, pull in enumerate([0, 0, 0, 0.05, 0.1, 0.15, 0.3, 0.3]):
        x = make_wanderer(pull, seed)
        forecaster = RNNForecaster(horizon=horizon, context=CONTEXT, max_epochs=1)
        forecaster.fit([x])
        inputs, futures = cut([x], horizon)
        part = split_by_time(np.arange(len(inputs)), 5, 0, len(inputs))
        start = np.zeros((1 + CONTEXT, horizon))  # the last value
        errors = []
        for penalty in PENALTIES:
            weights = fit_penalised(inputs, futures, start, penalty)
            gram = inputs.T @ inputs
            raised = gram + len(inputs) * penalty * np.eye(1 + CONTEXT)
            degrees = np.trace(np.linalg.solve(raised, gram))
            left = futures - inputs @ weights
            errors.append((left**2).sum() / (1 - 1.4 * degrees / len(inputs)) ** 2)
        penalty = PENALTIES[np.argmin(errors)]
        gains = []
        for i in range(5):
            own, others = part == i, part != i
            weights = fit_penalised(inputs[others], futures[others], start, penalty)
            left = futures[own] - inputs[own] @ weights
            gains.append((futures[own] ** 2 - left**2).sum(axis=1).mean())
        is_replaced = not is_surely_positive(np.array(gains))
        assert is_replaced == (not forecaster.coef_.any())
        assert is_replaced or forecaster.network_share_ == 1
        replaced.append(is_replaced)
    assert 0 < sum(replaced) < len(replaced)


def test_a_long_random_walk_is_forecast_by_exactly_its_last_value():
    x = make_wanderer(0, seed=0)
    forecaster = RNNForecaster(horizon=3, max_epochs=2, random_state=0).fit(x)
    assert forecaster.network_share_ == 0
    np.testing.assert_array_equal(forecaster.predict(x[:200]), np.full((1, 3), x[199]))


@pytest.fixture
def in_doubt(monkeypatch):
    """Let a simple forecast replace all ridge regressions."""
    monkeypatch.setattr(_linear, "_is_surely_better", lambda *args: False)


def fit_in_doubt(x, **params):
    forecaster = RNNForecaster(context=CONTEXT, max_epochs=10, random_state=0)
    return forecaster.set_params(**params).fit([x])


@pytest.mark.usefixtures("in_doubt")
def test_share_of_the_network_is_what_it_surely_deserves():
    """Against shares of least squares in parts of the last fifth of the origins."""
    x = make_wanderer(0.7, seed=0, n_steps=600)
    forecaster = fit_in_doubt(x)
    first = CONTEXT + -(-4 * (len(x) - CONTEXT) // 5)
    X, y, origins = make_origins([x], 1, first=first)
    last = np.array([[x[-1]] for x in X])
    unit = np.array(
        [[np.abs(x[-CONTEXT:] - np.median(x[-CONTEXT:])).mean()] for x in X]
    )
    rest = (y - last) / unit
    added = (forecaster.predict(X) - last) / unit / forecaster.network_share_
    part = split_by_time(origins, 4, first, len(x))
    shares = np.array(
        [
            (rest * added)[part == i].sum() / (added**2)[part == i].sum()
            for i in range(4)
        ]
    )
    expected = shares.mean() - 2 * shares.std(ddof=1) / 2
    assert 0.5 < expected < 0.99
    assert forecaster.network_share_ == pytest.approx(expected, rel=1e-4)


@pytest.mark.usefixtures("in_doubt")
def test_no_step_that_chooses_the_share_is_trained_on(monkeypatch):
    counts, train = [], RNNForecaster._train

    def count(self, net, windows, *others):
        counts.append(windows.windows.count_before(windows.rows).max())
        return train(self, net, windows, *others)

    monkeypatch.setattr(RNNForecaster, "_train", count)
    x = make_wanderer(0, seed=0)
    fit_in_doubt(x, horizon=3, max_epochs=1)
    n_origins = len(x) - CONTEXT - 2
    assert counts == [int(CONTEXT + 0.8 * n_origins) - 3]


@pytest.mark.usefixtures("in_doubt")
def test_share_is_the_same_for_origins_and_after_loading(tmp_path):
    x = make_wanderer(0.7, seed=0, n_steps=600)
    whole = fit_in_doubt(x)
    X, y, _ = make_origins([x], 1, first=CONTEXT)
    pieces = clone(whole).fit(X, y)
    save(whole, tmp_path / "walk.safetensors")
    loaded = load(tmp_path / "walk.safetensors")
    assert 0 < whole.network_share_ < 1
    assert pieces.network_share_ == loaded.network_share_ == whole.network_share_
    for other in (pieces, loaded):
        np.testing.assert_array_equal(other.predict(X[-9:]), whole.predict(X[-9:]))


@pytest.mark.usefixtures("in_doubt")
def test_quantiles_count_where_they_are_surely_better_than_constant_ones():
    x = make_wanderer(0.7, seed=0, n_steps=600)
    forecaster = fit_in_doubt(x, quantiles=[0.1, 0.9])
    assert forecaster.network_share_ == 1
    X = np.stack([x[:200], x[1:201]])
    lower, middle, upper = forecaster.predict_quantiles(X, [0.1, 0.5, 0.9]).T
    assert (np.abs(middle - X[:, -1]) > 0.01).all()
    assert (lower < middle).all()
    assert (middle < upper).all()


def test_quantiles_of_a_random_walk_are_constant_in_units_of_the_window():
    x = make_wanderer(0, seed=0, n_steps=500)
    forecaster = RNNForecaster(
        horizon=2, context=CONTEXT, quantiles=[0.1, 0.9], max_epochs=2, random_state=0
    ).fit(x)
    assert forecaster.network_share_ == 0
    first = CONTEXT + -(-4 * (len(x) - 1 - CONTEXT) // 5)  # of the last fifth
    X, y, _ = make_origins([x], 2, first=first)
    last = np.array([[x[-1]] for x in X])
    np.testing.assert_array_equal(forecaster.predict(X), np.tile(last, 2))
    windows = [x[-CONTEXT:] for x in X]
    unit = np.array([[np.abs(w - np.median(w)).mean()] for w in windows])
    lower, upper = np.moveaxis(forecaster.predict_quantiles(X), -1, 0)
    rest = (y - last) / unit
    for level, found in ((0.1, lower), (0.9, upper)):
        expected = np.quantile(rest, level, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(
            (found - last) / unit, [expected] * len(X), rtol=1e-5
        )


def test_quantiles_of_rests_increase_and_count_weights_as_copies():
    rest = np.random.default_rng(0).normal(2, size=(30, 3))
    copies = np.arange(30) % 3 + 1
    levels = [0.05, 0.2, 0.5, 0.9]
    found = find_quantiles(rest, copies, levels, 0.1)
    repeated = np.repeat(rest, copies, axis=0)
    expected = np.quantile(repeated, levels, axis=0, method="inverted_cdf").T
    np.testing.assert_array_equal(found[:, 3], expected[:, 3])
    np.testing.assert_array_equal(found[:, 2], 0)
    np.testing.assert_allclose(found[:, 1], np.minimum(expected[:, 1], -0.1))
    assert (np.diff(found, axis=1) > 0.1 - 1e-12).all()


@pytest.mark.usefixtures("in_doubt")
def test_all_of_the_network_counts_without_many_origins():
    x = make_wanderer(0, seed=0)
    assert fit_in_doubt(x, horizon=20).network_share_ == 1
