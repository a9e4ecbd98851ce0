"""
Forecasting sunspots
====================

This example forecasts a long series: from a window of eleven years, it predicts the
next twelve months. A forecast is useful only if it is better than trivial ones, so the
network is compared to two of them.
"""

# %%
# The series has the monthly numbers of sunspots from 1749 to 1983. The data are
# downloaded once. If the download fails, the example uses two sines with noise instead.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import fetch_monthly_sunspots, make_sine_mixtures
from sklearn_rnn.preprocessing import SequenceFeatures, make_windows

try:
    sunspots = fetch_monthly_sunspots()
    series, months = sunspots.data[:, 0], sunspots.months
except OSError as error:
    print(f"{error}\nUsing sines with noise instead.")
    X, _ = make_sine_mixtures(1, n_steps=2820, random_state=0)
    series = X[0, :, 0]
    months = np.datetime64("1749-01") + np.arange(len(series))

# %%
# :func:`~sklearn_rnn.preprocessing.make_windows` cuts the series into samples, one
# forecast every third month, each with twelve targets. Windows overlap, so they must
# not be shuffled: :class:`~sklearn.model_selection.TimeSeriesSplit` trains on the past
# and tests on what follows. With a gap of ``(12 - 1) // 3`` windows, no training target
# is later than the last month of a test window.
LENGTH, STEP = 132, 3
horizon = np.arange(1, 13)
X, y, _ = make_windows(series, length=LENGTH, step=STEP, horizon=horizon)
cv = TimeSeriesSplit(n_splits=3, test_size=150, gap=(horizon.max() - 1) // STEP)
print(f"{len(X)} windows of {LENGTH} months, {y.shape[1]} targets each")

# %%
# There are four forecasts: two trivial ones, gradient boosting on a summary of each
# window, and the network.


def repeat_last_month(X):
    return np.repeat(X[:, -1], len(horizon), axis=1)


def repeat_mean_of_last_half_year(X):
    return np.repeat(X[:, -6:].mean(axis=1), len(horizon), axis=1)


boosting = make_pipeline(
    SequenceFeatures(),
    MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=50, random_state=0)),
)
network = RNNRegressor(pooling="last", max_epochs=15, random_state=0)

forecasts = {
    "last month": [],
    "mean of six months": [],
    "gradient boosting": [],
    "network": [],
}
for train, test in cv.split(X):
    forecasts["last month"].append(repeat_last_month(X[test]))
    forecasts["mean of six months"].append(repeat_mean_of_last_half_year(X[test]))
    boosting.fit(X[train], y[train])
    forecasts["gradient boosting"].append(boosting.predict(X[test]))
    network.fit(X[train], y[train])
    forecasts["network"].append(network.predict(X[test]))

truth = np.concatenate([y[test] for _, test in cv.split(X)])
errors = {
    name: np.sqrt(np.mean((np.concatenate(parts) - truth) ** 2, axis=0))
    for name, parts in forecasts.items()
}
for name, error in errors.items():
    print(f"{name}: RMSE {error[0]:.1f} next month, {error[-1]:.1f} in a year")

# %%
# Left: the error of each forecast by the number of months ahead. For the next month,
# the last month is as good; a year ahead, where the cycle matters, the network is best.
# Right: the end of the series with one forecast per year. Each uses only the 132 months
# before it.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), width_ratios=[1, 1.6], layout="constrained"
)
for name, error in errors.items():
    left.plot(horizon, error, ".-", label=name)
left.set(xlabel="months ahead", ylabel="RMSE, sunspots", ylim=(0, None))
left.set_title("error by months ahead")
left.legend()

last = test * STEP + LENGTH - 1  # the month in which each forecast is made
shown = slice(last[0], None)
right.plot(months[shown], series[shown], color="lightgray", label="truth")
for i in range(0, len(test), 12 // STEP):
    right.plot(
        months[last[i] + horizon],
        forecasts["network"][-1][i],
        color="C3",
        label="network, once a year" if i == 0 else None,
    )
right.set(ylabel="sunspots", title="forecasts of the last cycles")
right.legend()
figure.savefig("sunspots.png", dpi=100)
print("figure saved: sunspots.png")

# %%
# For gaps in splits, see :doc:`/preprocessing`. For several targets, see
# :doc:`/regression`.
