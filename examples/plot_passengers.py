"""
Monthly passengers in ten lines
===============================

Passengers of an airline grow by a part each year, and so does their summer peak. Each
window is scaled by itself, so a short one of a single year is enough to continue both.
The guide is :doc:`/forecasting`.
"""

# %%
# The series has twelve years of a growing airline, the last three of which are to be
# forecast.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNForecaster
from sklearn_rnn.inspection import ForecastDisplay

months = np.arange(144)
rng = np.random.default_rng(0)
season = 0.2 * np.sin(2 * np.pi * (months - 3) / 12) ** 3 + 0.1 * (months % 12 == 11)
passengers = 110 * np.exp(0.01 * months + season + 0.02 * rng.normal(size=144))

# %%
# These are the lines: logarithm, fit, forecast, and back. After the logarithm, growth
# is a line, and the peak is the same each year.
past, future = np.log(passengers[:-36]), passengers[-36:]
forecaster = RNNForecaster(horizon=36, season_length=12, context=12, random_state=0)
forecaster.fit(past)
forecast = np.exp(forecaster.predict(past)[0])

# %%
# The same without the logarithm, which is as good, and the last year repeated.
plain = RNNForecaster(horizon=36, season_length=12, context=12, random_state=0)
candidates = {
    "last year": np.tile(passengers[-48:-36], 3),
    "without logarithm": plain.fit(passengers[:-36]).predict(passengers[:-36])[0],
    "with logarithm": forecast,
}
for name, values in candidates.items():
    print(f"{name:18}  error {np.abs(values / future - 1).mean():.1%}")

# %%
# The figure has the past, the forecast and what was observed.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ForecastDisplay.from_estimator(
    forecaster, past, np.log(future)[np.newaxis], n_history=108, ax=ax
)
ax.set_ylabel("logarithm of passengers")
figure.savefig("passengers.png", dpi=100)
print("figure saved: passengers.png")
