"""make_windows against plain loops, with the splitters and with the estimators."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupKFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RaggedArray, RNNRegressor
from sklearn_rnn.preprocessing import SequenceFeatures, make_windows


def loop(series, y, length, step, horizons):
    """Windows and targets of one series, one by one."""
    X, targets = [], []
    start = 0
    while start + length - 1 + max(horizons) < len(series):
        X.append(series[start : start + length])
        targets.append([y[start + length - 1 + h] for h in horizons])
        start += step
    return X, targets


@given(
    lengths=st.lists(st.integers(1, 25), min_size=1, max_size=4),
    length=st.integers(1, 6),
    step=st.integers(1, 7),
    horizons=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    n_features=st.integers(0, 2),
)
@settings(max_examples=100, deadline=None)
def test_it_is_the_plain_loop(lengths, length, step, horizons, n_features):
    assume(min(lengths) >= length + max(horizons))
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(n, n_features) if n_features else n) for n in lengths]
    y = [rng.integers(0, 9, n) for n in lengths]
    expected_X, expected_y, expected_groups = [], [], []
    for i, (one, targets) in enumerate(zip(series, y, strict=True)):
        windows, theirs = loop(one, targets, length, step, horizons)
        expected_X += windows
        expected_y += theirs
        expected_groups += [i] * len(windows)
    X, targets, groups = make_windows(
        series, y, length=length, step=step, horizon=horizons
    )
    expected_X = np.reshape(expected_X, (len(expected_X), length, -1))
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(targets, expected_y)
    np.testing.assert_array_equal(groups, expected_groups)


# The horizon ------------------------------------------------------------------------


def test_the_target_is_so_many_steps_after_the_window():
    X, y, _ = make_windows(np.arange(100), length=10, horizon=3)
    np.testing.assert_array_equal(y, X[:, -1, 0] + 3)
    assert len(X) == 100 - 10 - 3 + 1


def test_several_horizons_are_several_targets():
    X, y, _ = make_windows(np.arange(30), length=4, horizon=range(1, 13))
    assert y.shape == (len(X), 12)
    np.testing.assert_array_equal(y, X[:, -1:, 0] + np.arange(1, 13))


def test_horizon_0_is_the_last_step_of_the_window(rng):
    labels = rng.choice(["calm", "alarm"], 20)
    X, y, _ = make_windows(np.arange(20), labels, length=5, step=5, horizon=0)
    assert list(y) == [labels[int(i)] for i in X[:, -1, 0]]
    assert len(X) == 4


def test_all_features_are_forecast_by_default(rng):
    series = rng.normal(size=(20, 3))
    _, y, _ = make_windows(series, length=4)
    np.testing.assert_array_equal(y, series[4:])
    _, y, _ = make_windows(series, length=4, horizon=[1, 2])
    assert y.shape == (15, 2, 3)


# Views ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3])
def test_windows_of_one_series_are_a_view(step, rng):
    series = rng.normal(size=(1000, 2))
    X, _, _ = make_windows(series, length=100, step=step)
    assert np.shares_memory(X, series)
    assert not X.flags.writeable


def test_windows_of_several_series_are_an_array_of_their_own(rng):
    series = rng.normal(size=(3, 50, 2))
    X, _, groups = make_windows(series, length=10)
    assert X.flags.c_contiguous
    assert not np.shares_memory(X, series)
    assert list(np.bincount(groups)) == [40, 40, 40]


def test_an_estimator_takes_the_view(rng):
    series = rng.normal(size=200).cumsum()
    X, y, _ = make_windows(series, length=12)
    regressor = RNNRegressor(hidden_size=4, max_epochs=2, random_state=0)
    of_view = regressor.fit(X, y).predict(X)
    of_copy = regressor.fit(X.copy(), y).predict(X.copy())
    np.testing.assert_array_equal(of_view, of_copy)
    scores = cross_val_score(regressor, X, y, cv=TimeSeriesSplit(2, gap=12))
    assert np.isfinite(scores).all()


# Splitters --------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 4, [1, 2, 5]], ids=str)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 20])
def test_with_the_gap_of_the_notes_no_step_is_on_both_sides(step, horizon):
    length = 7
    steps = np.arange(300)
    X, y, _ = make_windows(steps, length=length, step=step, horizon=horizon)
    gap = (length - 1 + np.max(horizon)) // step

    def overlaps(gap):
        for train, test in TimeSeriesSplit(3, gap=gap).split(X):
            known = {*X[train].ravel(), *y[train].ravel()}
            if known & {*X[test].ravel(), *y[test].ravel()}:
                return True
        return False

    assert not overlaps(gap)
    assert gap == 0 or overlaps(gap - 1)  # the smallest


@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_with_the_gap_of_a_forecast_no_target_is_of_the_future(step, horizon):
    X, y, _ = make_windows(np.arange(300), length=7, step=step, horizon=horizon)
    gap = (horizon - 1) // step
    for train, test in TimeSeriesSplit(3, gap=gap).split(X):
        assert y[train].max() <= X[test[0]].max()
        assert gap == 0 or y[train].max() + step > X[test[0]].max()


def test_group_k_fold_keeps_the_windows_of_a_series_together(rng):
    series = [np.full(n, i) for i, n in enumerate(rng.integers(20, 40, 9))]
    X, y, groups = make_windows(series, length=5)
    for train, test in GroupKFold(3).split(X, y, groups):
        assert not set(X[train].ravel()) & set(X[test].ravel())


def test_groups_of_series_are_handed_to_their_windows():
    series = [np.arange(4), np.arange(5), np.arange(4)]
    _, _, groups = make_windows(series, length=3, groups=["ann", "bob", "ann"])
    assert list(groups) == ["ann", "bob", "bob", "ann"]


# Containers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "container",
    [list, pd.Series, lambda s: s[:, np.newaxis], lambda s: pd.DataFrame({"a": s})],
    ids=["list", "Series", "column", "DataFrame"],
)
def test_one_series_in_any_container(container):
    X, y, groups = make_windows(container(np.arange(9.0)), length=4)
    expected, expected_y, _ = make_windows(np.arange(9.0), length=4)
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(y.ravel(), expected_y)
    assert (groups == 0).all()


@pytest.mark.parametrize(
    "container",
    [
        tuple,
        RaggedArray.from_sequences,
        lambda parts: [pd.Series(p, index=p + 7) for p in parts],
        lambda parts: [list(p) for p in parts],
    ],
    ids=["tuple", "RaggedArray", "Series", "lists"],
)
def test_several_series_in_any_container(container):
    parts = [np.arange(6.0), np.arange(10.0, 15.0)]
    expected = make_windows(parts, length=3)
    actual = make_windows(container(parts), length=3)
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_targets_of_an_array_of_series_are_an_array(rng):
    series = rng.normal(size=(4, 10, 2))
    labels = rng.integers(0, 2, (4, 10))
    _, y, _ = make_windows(series, labels, length=3, horizon=0)
    np.testing.assert_array_equal(y, labels[:, 2:].ravel())
    _, y, _ = make_windows(list(series), list(labels), length=3, horizon=0)
    np.testing.assert_array_equal(y, labels[:, 2:].ravel())


# Real data --------------------------------------------------------------------------


def test_sunspots_are_forecast_better_than_by_the_last_month(shared_data):
    with open(shared_data / "monthly_sunspots" / "monthly-sunspots.csv") as file:
        spots = np.array([float(row[1]) for row in list(csv.reader(file))[1:]])
    X, y, _ = make_windows(spots, length=24)
    train, test = list(TimeSeriesSplit(3, gap=24).split(X))[-1]
    model = make_pipeline(SequenceFeatures(), LinearRegression())
    forecast = model.fit(X[train], y[train]).predict(X[test])
    error = root_mean_squared_error(y[test], forecast)
    assert error < root_mean_squared_error(y[test], X[test][:, -1, 0])


# Bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "params", "fragment"),
    [
        (
            np.arange(5),
            {"length": 6},
            "Series 0 has 5 steps, but.*length=6.*requires 7",
        ),
        (np.arange(5), {"length": 5}, "horizon=1 requires 6"),
        ([np.arange(9), np.arange(4)], {"length": 4}, "Series 1 has 4 steps"),
        (np.arange(9), {"length": 4, "horizon": [1, 7]}, "horizon=7 requires 11"),
        (np.arange(9), {"length": 0}, "'length' parameter of make_windows"),
        (np.arange(9), {"length": 2.5}, "'length'.*Got 2.5"),
        (np.arange(9), {"length": 2, "step": 0}, "'step' parameter"),
        (np.arange(9), {"length": 2, "horizon": -1}, "'horizon' parameter"),
        (np.arange(9), {"length": 2, "horizon": []}, "at least one"),
        (np.arange(9), {"length": 2, "horizon": 0}, "Without y, horizon"),
        (np.arange(9), {"length": 2, "groups": [0] * 9}, "each of the 1 series"),
        (np.zeros((2, 3, 4, 5)), {"length": 2}, "must have shape"),
        ("a text", {"length": 2}, "must have shape"),
        (None, {"length": 2}, "must have shape"),
        ([], {"length": 2}, "Series 0 has 0 steps"),
        (RaggedArray([1], [0]), {"length": 2}, "series is empty"),
        ([np.ones((5, 2)), np.ones(5)], {"length": 2}, r"series\[1\] has shape"),
    ],
)
def test_bad_input_is_named(series, params, fragment):
    with pytest.raises(ValueError, match=fragment):
        make_windows(series, **params)


@pytest.mark.parametrize(
    ("series", "y", "fragment"),
    [
        (np.arange(5), np.arange(4), "Series 0 has 5 steps, but its y has 4"),
        ([np.arange(5)] * 2, ["up", "down"], "For one label per series, repeat it"),
        ([np.arange(5)] * 2, np.arange(10), "each of the 2 series"),
        ([np.arange(5)] * 2, [[1] * 5, [1] * 6], "Series 1 has 5 steps.*has 6"),
        ([np.arange(5)] * 2, 3, "each of the 2 series"),
        (np.arange(5), 3, "y must have shape"),
        (np.ones((5, 2)), "OT", r"for a column of a table, pass y=series\['OT'\]"),
    ],
)
def test_y_that_does_not_fit_is_refused(series, y, fragment):
    with pytest.raises(ValueError, match=fragment):
        make_windows(series, y, length=2)
