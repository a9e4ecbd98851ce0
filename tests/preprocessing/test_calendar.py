"""SequenceBuilder: columns of the calendar, regular times, the steps that come next."""

import numpy as np
import pandas as pd
import pytest

from sklearn_rnn import RNNForecaster
from sklearn_rnn.preprocessing import SequenceBuilder

PHASES = {  # pandas' number of each part, how many there are, and the first
    "minute": ("minute", 60, 0),
    "dayofweek": ("day_of_week", 7, 0),
    "day": ("day", 31, 1),
    "dayofyear": ("day_of_year", 366, 1),
    "month": ("month", 12, 1),
}


def make_table(start, periods, freq, id="a"):
    dates = pd.date_range(start, periods=periods, freq=freq)
    return pd.DataFrame({"unique_id": id, "ds": dates, "y": np.arange(periods)})


def make_builder(**params):
    return SequenceBuilder("unique_id", time="ds", **params)


@pytest.mark.parametrize("freq", ["7h", "D", "MS"])
@pytest.mark.parametrize("part", PHASES)
def test_phases_are_those_of_pandas(part, freq):
    table = make_table("2023-11-05 01:15", 400, freq)
    X = make_builder(calendar=[part]).fit_transform(table)
    attribute, n, first = PHASES[part]
    angle = 2 * np.pi * (getattr(table.ds.dt, attribute) - first) / n
    np.testing.assert_allclose(X[0][:, 1], np.sin(angle), atol=1e-9)
    np.testing.assert_allclose(X[0][:, 2], np.cos(angle), atol=1e-9)


def test_hours_have_parts_and_weekends_are_flags():
    table = make_table("2024-02-01", 300, "30min")
    builder = make_builder(calendar=["weekend", "hour"], features=["y"])
    X = builder.fit_transform(table)
    names = builder.get_feature_names_out().tolist()
    assert names == ["y", "weekend", "hour_sin", "hour_cos"]
    np.testing.assert_array_equal(X[0][:, 1], table.ds.dt.day_of_week >= 5)
    hour = table.ds.dt.hour + table.ds.dt.minute / 60
    np.testing.assert_allclose(X[0][:, 2], np.sin(2 * np.pi * hour / 24), atol=1e-9)


@pytest.mark.parametrize(
    ("start", "freq"),
    [
        ("2024-02-27", "D"),
        ("2024-12-31 20:00", "h"),
        ("2023-11-30", "MS"),
        ("2023-11-30", "ME"),
        ("2023-11-15 08:00", "W"),
    ],
)
def test_the_calendar_ahead_is_that_of_the_next_steps(start, freq):
    calendar = ["hour", "dayofweek", "day", "month", "dayofyear", "weekend"]
    table = pd.concat([make_table(start, 9, freq), make_table(start, 14, freq, "b")])
    builder = make_builder(calendar=calendar, regular=True).fit(table)
    known = table.groupby("unique_id").head(-4)
    ahead = builder.calendar_ahead(known, 4)
    expected = [x[-4:, 1:] for x in builder.transform(table)]
    np.testing.assert_allclose(ahead, expected, atol=1e-9)


def test_times_are_in_the_order_of_the_sequences():
    table = pd.concat([make_table("2024", 3, "D", "b"), make_table("2023", 2, "D")])
    builder = make_builder().fit(table)
    times = builder.times(table.sample(frac=1, random_state=0))
    assert times[0].tolist() == pd.date_range("2023", periods=2).to_numpy().tolist()
    assert len(times[1]) == 3


def test_a_table_goes_to_a_forecast_and_back():
    """Load that is high on weekends, which the last days alone do not tell."""
    table = make_table("2024-01-01", 120, "D")
    table["y"] = 5.0 * (table.ds.dt.day_of_week >= 5) + 10
    builder = make_builder(calendar=["weekend"], regular=True).fit(table)
    X = builder.transform(table[:-3])
    forecaster = RNNForecaster(
        horizon=3,
        context=4,
        scaling=None,
        target_features=[0],
        known_features=[1],
        hidden_size=4,
        max_epochs=2,
        random_state=0,
    ).fit(X)
    forecasts = forecaster.predict(X, builder.calendar_ahead(table[:-3], 3))
    np.testing.assert_allclose(forecasts[0], table.y[-3:], atol=0.5)
    frame = builder.to_frame(X, ids=["a"])
    assert list(frame.columns) == ["unique_id", "ds", "y", "weekend"]


def drop(table, row):
    return table.drop(index=row)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            drop(make_table("2024-01-01", 9, "D"), 4),
            "Sequence 'a' has irregular times in column 'ds': 2024-01-06.* follows "
            "2024-01-04.*, but most steps are .* apart",
        ),
        (drop(make_table("2024-01-01", 9, "MS"), 4), "has irregular times"),
        (make_table("2024-01-01", 1, "D"), "no sequence has two steps"),
    ],
)
def test_gaps_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        make_builder(regular=True).fit(table).transform(table)
    with pytest.raises(ValueError, match=message):
        make_builder(calendar=["day"]).fit(table).calendar_ahead(table, 2)


def test_numbers_are_regular_times_too():
    table = pd.DataFrame({"unique_id": 1, "ds": [0.1, 0.2, 0.3, 0.4], "y": 1.0})
    assert make_builder(regular=True).fit_transform(table).lengths == [4]
    with pytest.raises(ValueError, match=r"Sequence 1 .* 0\.4 follows 0\.2"):
        make_builder(regular=True).fit_transform(table.drop(index=2))
    with pytest.raises(ValueError, match="must hold dates, from which calendar"):
        make_builder(calendar=["hour"]).fit_transform(table)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"calendar": ["hours"]}, "'calendar' parameter .* among .*'hour'"),
        ({"calendar": []}, "'calendar' parameter"),
        ({"calendar": ["hour"], "time": None}, "calendar .* needs a time column"),
        ({"regular": True, "time": None}, "regular=True .* needs a time column"),
    ],
)
def test_errors_name_the_parameter(params, message):
    with pytest.raises(ValueError, match=message):
        SequenceBuilder("unique_id", **({"time": "ds"} | params)).fit(
            make_table("2024", 3, "D")
        )


def test_methods_say_what_they_need():
    table = make_table("2024", 3, "D")
    with pytest.raises(ValueError, match="calendar_ahead needs the 'calendar' param"):
        make_builder().fit(table).calendar_ahead(table, 2)
    with pytest.raises(ValueError, match="n_steps must be an int, at least 1"):
        make_builder(calendar=["day"]).fit(table).calendar_ahead(table, 0)
    with pytest.raises(ValueError, match="times of SequenceBuilder needs a time col"):
        SequenceBuilder("unique_id").fit(table).times(table)
