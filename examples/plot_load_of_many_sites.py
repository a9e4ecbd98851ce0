"""
Forecasting many series with intervals
======================================

This example forecasts the load of 20 sites for the next two days, with one model for
all of them. The intervals are calibrated on held-out origins, and their coverage is
checked on the days that follow. The guide is :doc:`/forecasting`.
"""

# %%
# Each site has its own level, its own daily and weekly pattern, and noise that lasts
# for some hours.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNForecaster
from sklearn_rnn.metrics import interval_coverage_score, mean_absolute_scaled_error

DAY, N_DAYS, HORIZON = 24, 56, 48
rng = np.random.default_rng(0)
hours = np.arange(DAY * N_DAYS)


def make_load():
    """Return the hourly load of one site."""
    level = np.exp(rng.normal(4, 1))
    daily = np.sin(np.pi * hours / DAY) ** 2  # 0 at midnight
    weekend = np.where(hours // DAY % 7 >= 5, rng.uniform(0.4, 0.9), 1.0)
    noise = np.zeros(len(hours))
    for t in range(1, len(hours)):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 0.05)
    return level * (1 + daily * weekend + noise)


load = [make_load() for _ in range(20)]
past, future = [x[:-HORIZON] for x in load], np.stack([x[-HORIZON:] for x in load])

# %%
# One model learns from all sites. The last origins of each site are held out to
# calibrate the intervals.
forecaster = RNNForecaster(
    horizon=HORIZON,
    season_length=DAY,
    calibration_origins=DAY,
    random_state=0,
)
forecaster.fit(past)
forecast = forecaster.predict(past)
lower, upper = forecaster.predict_interval(past, coverage=0.9)

# %%
# The trivial forecasts repeat the last day, or the last week.
candidates = {
    "last day": np.stack([np.resize(x[-DAY:], HORIZON) for x in past]),
    "last week": np.stack([x[-7 * DAY :][:HORIZON] for x in past]),
    "RNNForecaster": forecast,
}
for name, values in candidates.items():
    error = mean_absolute_scaled_error(future, values, history=past, season_length=DAY)
    print(f"{name:14}  MASE {error:.2f}")
coverage = interval_coverage_score(future, lower, upper)
print(f"coverage of the 90 % intervals: {coverage:.0%}")

# %%
# The figure shows four sites: the last four days, the forecast, and the two days that
# followed.
figure, axes = plt.subplots(4, 1, figsize=(8, 8), sharex=True, layout="constrained")
ahead = np.arange(HORIZON)
for site, ax in enumerate(axes):
    history = past[site][-4 * DAY :]
    ax.plot(np.arange(-len(history), 0), history, color="0.5", label="past")
    ax.plot(ahead, future[site], color="black", label="future")
    ax.plot(ahead, forecast[site], color="C0", label="forecast")
    ax.fill_between(
        ahead, lower[site], upper[site], color="C0", alpha=0.2, label="90 % interval"
    )
    ax.set_ylabel(f"load of site {site}")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
axes[-1].set_xlabel("hours from now")
figure.savefig("load_of_many_sites.png", dpi=100)
print("figure saved: load_of_many_sites.png")
