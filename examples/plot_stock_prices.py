"""
Stock prices: nothing beats the last value
==========================================

Forecasts of prices look good in a plot: they follow the price, one step behind. This
example measures what they are worth, on prices whose changes cannot be foreseen, and on
a quantity of the market that can. The guide is :doc:`/forecasting`.
"""

# %%
# The logarithms of the prices of 20 stocks are random walks, as those of real prices
# nearly are. Their volatility changes slowly.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNForecaster
from sklearn_rnn.metrics import interval_coverage_score
from sklearn_rnn.model_selection import make_origins

rng = np.random.default_rng(0)
N_DAYS, HORIZON = 1000, 5


def make_returns():
    """Return the changes of one log price: noise of a slowly changing size."""
    log_size = np.zeros(N_DAYS)
    for t in range(1, N_DAYS):
        log_size[t] = 0.97 * log_size[t - 1] + 0.2 * rng.normal()
    return 0.01 * np.exp(log_size) * rng.normal(size=N_DAYS)


returns = [make_returns() for _ in range(20)]
prices = [4 + np.cumsum(r) for r in returns]

# %%
# The last 250 days are the test set. From every fifth day, the next five days are
# forecast. ``score`` is the skill: 1 less the error relative to repeating the last
# value. It is zero or less, and no other architecture would change this.
past = [x[:-250] for x in prices]
X, y, origins = make_origins(prices, HORIZON, step=5, first=N_DAYS - 250)
forecaster = RNNForecaster(
    horizon=HORIZON, calibration_origins=100, quantiles=[0.05, 0.95], random_state=0
).fit(past)
print(f"skill over the last value, prices: {forecaster.score(X, y):.3f}")

# %%
# The size of the changes can be foreseen, and with it how uncertain the price is: the
# intervals are wide in restless weeks, and cover what they promise.
lower, upper = forecaster.predict_interval(X, coverage=0.9)
print(f"coverage of 90 % intervals: {interval_coverage_score(y, lower, upper):.0%}")
size = [np.log(np.abs(r) + 1e-4) for r in returns]
X_size, y_size, _ = make_origins(size, HORIZON, step=5, first=N_DAYS - 250)
of_size = RNNForecaster(horizon=HORIZON, context=32, random_state=0)
of_size.fit([x[:-250] for x in size])
print(
    f"skill over the last value, size of changes: {of_size.score(X_size, y_size):.3f}"
)

# %%
# One day ahead, the forecasts of the first stock seem to be right. They are the price
# of the day before.
X_daily, y_daily, days = make_origins([prices[0]], HORIZON, first=N_DAYS - 100)
forecasts = forecaster.predict(X_daily)[:, 0]
low, high = (limit[:, 0] for limit in forecaster.predict_interval(X_daily))
last = np.array([x[-1] for x in X_daily])
print(f"correlation with the last value: {np.corrcoef(forecasts, last)[0, 1]:.3f}")

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.fill_between(days, low, high, color="C0", alpha=0.2, label="90 % interval")
ax.plot(days, y_daily[:, 0], color="black", label="log price")
ax.plot(days, forecasts, color="C0", label="forecast of the day before")
ax.set(xlabel="day", ylabel="log price of the first stock")
ax.legend()
figure.savefig("stock_prices.png", dpi=100)
print("figure saved: stock_prices.png")
