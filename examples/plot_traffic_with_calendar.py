"""
Forecasting traffic with the calendar
=====================================

Traffic follows the hour, the day of the week and the holidays, all of which are known
ahead. This example forecasts the traffic of the next two days from a long table, with
and without the calendar. The guide is :doc:`/forecasting`.
"""

# %%
# The table has a row for each hour of each of six roads. On holidays, which are random
# here, there is less traffic, and no rush hour.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_rnn import RNNForecaster
from sklearn_rnn.inspection import ForecastDisplay
from sklearn_rnn.model_selection import backtest
from sklearn_rnn.preprocessing import SequenceBuilder

HORIZON, N_DAYS = 48, 140
rng = np.random.default_rng(0)
dates = pd.date_range("2024-01-01", periods=24 * N_DAYS, freq="h")
hour, day = dates.hour.to_numpy(), np.arange(len(dates)) // 24
is_holiday = (rng.random(N_DAYS) < 0.12)[day]
is_free = is_holiday | (day % 7 >= 5)  # the first day is a Monday


def make_road(name):
    """Return the rows of one road."""
    level = rng.uniform(200, 2000)
    rush = np.exp(-((hour - 8) ** 2) / 4) + 0.8 * np.exp(-((hour - 17) ** 2) / 6)
    leisure = 0.7 * np.exp(-((hour - 14) ** 2) / 20)
    cars = 0.1 + np.where(is_free, leisure, rush)
    cars = level * cars * np.exp(0.1 * rng.normal(size=len(dates)))
    return pd.DataFrame(
        {"unique_id": name, "ds": dates, "y": cars, "holiday": is_holiday * 1.0}
    )


table = pd.concat([make_road(name) for name in "ABCDEF"])
table.head(3)

# %%
# ``SequenceBuilder`` makes one series of each road, with columns of the calendar, and
# refuses gaps in time.
builder = SequenceBuilder(
    "unique_id", time="ds", calendar=["hour", "weekend"], regular=True
)
X = builder.fit_transform(table)
print(builder.get_feature_names_out())

# %%
# All columns but the first are known ahead. ``backtest`` fits on all but the last ten
# days and forecasts these from five origins; the calendar of the future is taken from
# the series.
options = {"horizon": HORIZON, "season_length": 24, "context": 72, "random_state": 0}
forecasters = {
    "without the calendar": RNNForecaster(target_features=[0], **options),
    "with the calendar": RNNForecaster(
        target_features=[0], known_features=[1, 2, 3, 4], **options
    ),
}
series = {"without the calendar": [x[:, :1] for x in X], "with the calendar": X}
tables = {}
for name, forecaster in forecasters.items():
    tables[name] = backtest(
        forecaster,
        series[name],
        n_origins=5,
        ids=builder.ids(table),
        times=builder.times(table),
    )
    error = (tables[name]["forecast"] - tables[name]["y"]).abs().mean()
    print(f"{name:21}  mean absolute error {error:.0f} cars an hour")

# %%
# To forecast beyond the table, pass the calendar of the next steps, here without a
# holiday.
forecaster = forecasters["with the calendar"].fit(X)
ahead = builder.calendar_ahead(table, HORIZON)
X_future = np.concatenate([np.zeros((len(X), HORIZON, 1)), ahead], axis=2)
print(forecaster.predict(X, X_future).shape)

# %%
# The figure shows the backtests of one road. Without the calendar, each holiday, and
# the days after it, are a surprise.
figure, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
for (name, result), ax in zip(tables.items(), axes, strict=True):
    ForecastDisplay.from_backtest(result, ids=["A"], ax=ax)
    ax.set_title(name)
    ax.set_ylabel("cars an hour")
figure.autofmt_xdate()
figure.savefig("traffic_with_calendar.png", dpi=100)
print("figure saved: traffic_with_calendar.png")
