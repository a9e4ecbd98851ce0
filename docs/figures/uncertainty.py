"""Mean and standard deviation, and quantiles, of a target with uneven noise."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNRegressor

rng = np.random.default_rng(0)
level = np.sort(rng.uniform(-2, 2, 600))
X = level[:, np.newaxis, np.newaxis] + rng.normal(scale=0.05, size=(600, 8, 1))
y = np.sin(2 * level) + rng.normal(size=600) * (0.05 + 0.25 * (level > 0) * level)

small = {"hidden_size": 16, "conv_channels": None, "max_epochs": 40, "random_state": 0}
mean, std = RNNRegressor(loss="gaussian", **small).fit(X, y).predict(X, return_std=True)
low, high = (
    RNNRegressor(loss="quantile", quantile=q, **small).fit(X, y).predict(X)
    for q in (0.05, 0.95)
)

figure, rows = plt.subplots(
    2, 1, figsize=(5.2, 5.4), sharex=True, sharey=True, layout="constrained"
)
rows[0].fill_between(
    level,
    mean - 1.64 * std,
    mean + 1.64 * std,
    color="#9ecae1",
    label="mean ± 1.64 std",
)
rows[1].fill_between(level, low, high, color="#fdd0a2", label="quantiles 0.05 and 0.95")
for axes in rows:
    axes.plot(level, y, ".", color="#444444", markersize=3)
    axes.set_ylabel("y")
    axes.legend(loc="lower left", fontsize=10)
rows[0].set_title('loss="gaussian"')
rows[1].set_title('loss="quantile"')
rows[1].set_xlabel("level of the sequence")
