"""ForecastDisplay: lines and bands are those of the forecaster and of the backtest."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sklearn_rnn import RNNForecaster
from sklearn_rnn.inspection import ForecastDisplay
from sklearn_rnn.model_selection import backtest

SMALL = {"horizon": 4, "context": 8, "hidden_size": 4, "max_epochs": 1}
rng = np.random.default_rng(0)
SERIES = list(rng.normal(size=(3, 60)).cumsum(axis=1))


@pytest.fixture(scope="module")
def fitted():
    return RNNForecaster(
        **SMALL, calibration_origins=9, quantiles=[0.1, 0.9], random_state=0
    ).fit(SERIES)


def line_of(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


def bands_of(ax):
    return {band.get_label(): band.get_paths()[0] for band in ax.collections}


def texts_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_lines_are_past_forecast_and_observed(pyplot, fitted):
    y = rng.normal(size=(3, 4))
    display = ForecastDisplay.from_estimator(
        fitted, SERIES, y, samples=[2, 0], n_history=10
    )
    assert len(display.axes_) == 2
    for i, ax in zip([2, 0], display.axes_, strict=True):
        assert ax.get_ylabel() == f"series {i}"
        steps, values = line_of(ax, "past")
        np.testing.assert_array_equal(steps, np.arange(50, 60))
        np.testing.assert_array_equal(values, SERIES[i][-10:])
        steps, values = line_of(ax, "forecast")
        np.testing.assert_array_equal(steps, np.arange(60, 64))
        np.testing.assert_array_equal(values, fitted.predict(SERIES)[i])
        np.testing.assert_array_equal(line_of(ax, "observed")[1], y[i])


def test_bands_are_the_interval_and_the_quantiles(pyplot, fitted):
    ax = ForecastDisplay.from_estimator(fitted, SERIES, coverage=0.5).axes_[0]
    bands = bands_of(ax)
    assert set(bands) == {"interval", "quantiles 0.1 to 0.9"}
    lower, upper = fitted.predict_interval(SERIES[:1], 0.5)
    limits = bands["interval"].vertices[:, 1]
    assert limits.min() == pytest.approx(lower.min())
    assert limits.max() == pytest.approx(upper.max())
    plain = RNNForecaster(**SMALL).fit(SERIES)
    assert not bands_of(ForecastDisplay.from_estimator(plain, SERIES).axes_[0])


def test_the_legend_shows_bands_as_they_lie_on_each_other(pyplot, fitted):
    display = ForecastDisplay.from_estimator(
        fitted, SERIES, samples=[0, 1], coverage=0.5
    )
    assert not any(ax.get_legend() for ax in display.axes_)
    (legend,) = display.figure_.legends
    expected = ["past", "interval", "quantiles 0.1 to 0.9", "forecast", "origin"]
    assert texts_of(legend) == expected
    opacity = [handle.get_alpha() for handle in legend.legend_handles[1:3]]
    assert opacity == pytest.approx([0.2, 0.36])
    given = pyplot.subplots()[1]
    ForecastDisplay.from_estimator(fitted, SERIES, ax=given)
    assert "forecast" in texts_of(given.get_legend())


def test_several_targets_have_axes_of_their_own(pyplot):
    series = [np.stack([x, -x, x], axis=1) for x in SERIES]
    forecaster = RNNForecaster(**SMALL, target_features=[0, 1], known_features=[2])
    forecaster.fit(series)
    X_future = np.zeros((3, 4, 1))
    display = ForecastDisplay.from_estimator(
        forecaster, series, X_future=X_future, samples=1, names=["a", "b", "c"]
    )
    forecasts = forecaster.predict(series, X_future)[1]
    for j, ax in enumerate(display.axes_):
        assert ax.get_ylabel() == f"b, target {j}"
        np.testing.assert_array_equal(line_of(ax, "past")[1], series[1][-12:, j])
        np.testing.assert_array_equal(line_of(ax, "forecast")[1], forecasts[:, j])


def test_a_backtest_has_a_line_for_each_origin(pyplot):
    dates = [pd.date_range("2024-01-01", periods=60)] * 3
    forecaster = RNNForecaster(**SMALL, random_state=0)
    table = backtest(
        forecaster, SERIES, n_origins=3, step=2, ids=["a", "b", "c"], times=dates
    )
    display = ForecastDisplay.from_backtest(table, ids=["c", "a"])
    ax = display.axes_[0]
    assert [ax.get_ylabel() for ax in display.axes_] == ["c", "a"]
    assert [ax.get_xlabel() for ax in display.axes_] == ["", "time"]
    own = table[table.unique_id == "c"]
    drawn = [line for line in ax.lines if len(line.get_ydata()) == 4]
    expected = [rows.forecast for _, rows in own.groupby("cutoff")]
    assert len(drawn) == len(expected) == 3
    for line, forecast in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), forecast)
    np.testing.assert_array_equal(line_of(ax, "observed")[1], SERIES[2][-8:])
    assert texts_of(display.figure_.legends[0]) == ["observed", "forecast", "origin"]


def test_given_axes_are_drawn_on(pyplot, fitted):
    figure, axes = pyplot.subplots(2)
    display = ForecastDisplay.from_estimator(fitted, SERIES, samples=[0, 1], ax=axes)
    assert display.figure_ is figure
    assert display.axes_[1] is axes[1]
    one = ForecastDisplay.from_estimator(fitted, SERIES[0], ax=axes[0])
    assert one.axes_[0] is axes[0]
    with pytest.raises(ValueError, match="ax must be 2 axes, one for each series"):
        ForecastDisplay.from_estimator(fitted, SERIES, samples=[0, 1], ax=axes[0])


def test_errors_say_what_is_accepted(pyplot, fitted):
    with pytest.raises(TypeError, match="draws the forecasts of an RNNForecaster"):
        ForecastDisplay.from_estimator(Ridge(), SERIES)
    with pytest.raises(ValueError, match="integer from 0 to 2"):
        ForecastDisplay.from_estimator(fitted, SERIES, samples=[0, 3])
    table = backtest(RNNForecaster(**SMALL), SERIES, n_origins=1)
    with pytest.raises(ValueError, match=r"has no series 9. Its first ids are \[0, 1"):
        ForecastDisplay.from_backtest(table, ids=[9])
