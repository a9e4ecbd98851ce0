"""backtest: against a loop with predict, and its containers."""

import numpy as np
import pandas as pd
import pytest

from sklearn_rnn import RaggedArray, RNNForecaster
from sklearn_rnn.model_selection import backtest, make_origins

draw = np.random.default_rng(0)
SERIES = [draw.normal(size=(60 + i, 2)).cumsum(axis=0) for i in range(3)]
SMALL = {"horizon": 2, "context": 6, "hidden_size": 4, "max_epochs": 1}


def make_forecaster(**params):
    return RNNForecaster(**(SMALL | {"random_state": 0} | params))


@pytest.mark.parametrize("refit", [False, True])
def test_rows_are_those_of_predict_at_each_origin(refit):
    known = {"target_features": [0], "known_features": [1]}
    forecaster = make_forecaster(quantiles=[0.2, 0.8], calibration_origins=5, **known)
    options = {"n_origins": 3, "step": 4, "coverage": 0.8, "refit": refit}
    table = backtest(forecaster, SERIES, **options)
    assert len(table) == 3 * 3 * 2
    fitted = None
    for back in (10, 6, 2):
        pasts = [x[:-back] for x in SERIES]
        ends = [x[len(x) - back :][:2] for x in SERIES]
        if fitted is None or refit:
            fitted = make_forecaster(
                quantiles=[0.2, 0.8], calibration_origins=5, **known
            ).fit(pasts)
        X_future = [end[:, 1:] for end in ends]
        lower, upper = fitted.predict_interval(pasts, 0.8, X_future)
        quantiles = fitted.predict_quantiles(pasts, X_future=X_future)
        forecasts = fitted.predict(pasts, X_future)
        for i, x in enumerate(SERIES):
            rows = table[(table.unique_id == i) & (table.cutoff == len(x) - back - 1)]
            assert rows.ds.tolist() == [len(x) - back, len(x) - back + 1]
            np.testing.assert_array_equal(rows.y, ends[i][:, 0])
            np.testing.assert_array_equal(rows.forecast, forecasts[i])
            np.testing.assert_array_equal(rows[["q0.2", "q0.8"]], quantiles[i])
            np.testing.assert_array_equal(rows.lower, lower[i])
            np.testing.assert_array_equal(rows.upper, upper[i])


def test_several_targets_have_a_row_each():
    table = backtest(make_forecaster(), SERIES, n_origins=1)
    assert list(table.columns) == [
        *("unique_id", "ds", "cutoff", "target", "y", "forecast"),
    ]
    for i, x in enumerate(SERIES):
        rows = table[table.unique_id == i]
        assert rows.target.tolist() == [0, 1, 0, 1]
        np.testing.assert_array_equal(rows.y, x[-2:].ravel())
        forecast = make_forecaster().fit([s[:-2] for s in SERIES]).predict([x[:-2]])
        np.testing.assert_array_equal(rows.forecast, forecast.ravel())


def test_containers_are_equivalent():
    one = [x[:, 0] for x in SERIES]
    expected = backtest(make_forecaster(), one, n_origins=2)
    ragged = RaggedArray.from_sequences(one)
    pd.testing.assert_frame_equal(
        backtest(make_forecaster(), ragged, n_origins=2), expected
    )
    alone = backtest(make_forecaster(), one[0], n_origins=2)
    as_list = backtest(make_forecaster(), one[0].tolist(), n_origins=2)
    as_series = backtest(
        make_forecaster(), pd.Series(one[0], range(5, 65)), n_origins=2
    )
    pd.testing.assert_frame_equal(as_list, alone)
    pd.testing.assert_frame_equal(as_series, alone)


def test_dates_come_from_the_index_or_are_given():
    dates = [pd.date_range("2024-01-01", periods=len(x), freq="h") for x in SERIES]
    frames = [
        pd.DataFrame(x, index=index, columns=["load", "wind"])
        for x, index in zip(SERIES, dates, strict=True)
    ]
    forecaster = make_forecaster(target_features=["load"], known_features=["wind"])
    table = backtest(forecaster, frames, n_origins=2, ids=["a", "b", "c"])
    rows = table[table.unique_id == "b"]
    assert rows.ds.tolist() == dates[1][-4:].tolist()
    assert rows.cutoff.tolist() == dates[1][[-5, -5, -3, -3]].tolist()
    given = backtest(
        make_forecaster(target_features=[0], known_features=[1]),
        SERIES,
        n_origins=2,
        ids=["a", "b", "c"],
        times=dates,
    )
    pd.testing.assert_frame_equal(given, table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_origins": 0}, "'n_origins' parameter of backtest must be an int"),
        ({"step": 1.5}, "'step' parameter of backtest"),
        ({"n_origins": 40}, "Series 0 has 60 steps, but 81 are needed"),
        ({"ids": [1, 2]}, "inconsistent numbers of samples"),
        ({"times": [range(5)] * 3}, "Series 0 has 60 steps, but 5 times"),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        backtest(make_forecaster(), SERIES, **options)


def test_a_table_is_explained():
    table = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0)})
    message = "series must be arrays.*Got a DataFrame instead: SequenceBuilder"
    with pytest.raises(TypeError, match=message):
        backtest(make_forecaster(), table)
    with pytest.raises(TypeError, match=message):
        make_origins(table, horizon=2)
