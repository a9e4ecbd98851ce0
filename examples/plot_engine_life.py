"""
The remaining life of engines
=============================

How many flights are left before an engine fails, and how sure is that? A regressor with
``loss="gaussian"`` answers with a number and its standard deviation: an error bar for
each engine.
"""

# %%
# C-MAPSS FD001 is 100 simulated engines that ran until they failed, and 100 that were
# stopped before: of these the remaining life is to be told. A step is a flight, with 24
# settings and sensors. Without a network, engines made by a formula stand in.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.preprocessing import GapEncoder, SequenceFeatures, make_windows


def make_engines(random_state):
    """Make 100 engines whose sensors drift, ever faster, with the flights that remain."""
    rng = np.random.default_rng(random_state)
    remaining = [np.arange(n)[::-1] for n in rng.integers(130, 300, size=100)]
    wear = [np.exp(-left / 40)[:, np.newaxis] * [1, -1, 0.5] for left in remaining]
    return [x + rng.normal(scale=0.2, size=x.shape) for x in wear], remaining


try:
    train, test = fetch_cmapss_fd001(subset="train"), fetch_cmapss_fd001(subset="test")
    engines, test_engines = list(train.data), list(test.data)
    remaining, test_remaining = (
        [life[:, 0] for life in part.target] for part in (train, test)
    )
except (ImportError, OSError) as error:
    print(f"{error}\nSo these are not the real engines, but some made by a formula.")
    engines, remaining = make_engines(random_state=0)
    stops = np.random.default_rng(2).integers(40, 130, size=100)
    test_engines, test_remaining = (
        [x[:stop] for x, stop in zip(part, stops, strict=True)]
        for part in make_engines(random_state=1)
    )

# %%
# Early in its life an engine shows no wear, so it is usual to learn "125 or more" there.
# :func:`~sklearn_rnn.preprocessing.make_windows` cuts each life into windows of 30
# flights; ``horizon=0`` says that the target is what holds at the window's last step. Of
# an engine to be judged, the last 30 flights are read.
LENGTH = 30
X_train, y_train, _ = make_windows(
    engines,
    [np.minimum(life, 125) for life in remaining],
    length=LENGTH,
    step=3,
    horizon=0,
)
X_test = np.stack([engine[-LENGTH:] for engine in test_engines])
y_test = np.array([life[-1] for life in test_remaining])

# %%
# A few values are missing: a :class:`~sklearn_rnn.preprocessing.GapEncoder` carries the
# last one forward. The honest baseline is gradient boosting on the mean, spread, last
# value and slope of each sensor in the window.
network = make_pipeline(
    GapEncoder(add_mask=False, add_time_since=False),
    RNNRegressor(loss="gaussian", max_epochs=6, batch_size=64, random_state=0),
)
network.fit(X_train, y_train)
life, std = network.predict(X_test, return_std=True)

baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingRegressor(random_state=0)
)
baseline_life = baseline.fit(X_train, y_train).predict(X_test)

always_the_mean = np.full(len(y_test), y_train.mean())
for name, answer in [
    ("always the mean", always_the_mean),
    ("gradient boosting", baseline_life),
    ("network", life),
]:
    print(f"{name:18} RMSE {root_mean_squared_error(y_test, answer):.1f} flights")

# %%
# Are the error bars right? Of bars of 1.64 standard deviations, 90 % should hold the
# truth.
bar = 1.64 * std
inside = np.abs(life - np.minimum(y_test, 125)) <= bar
print(f"error bars that hold the truth, up to 125: {inside.mean():.0%}, meant: 90%")

# %%
# Left, all test engines, from the one that fails next; the bars are short where it
# matters, near the end. Right, the answer for one engine as its flights come in.
order = np.argsort(y_test, kind="stable")
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), width_ratios=[1.4, 1], layout="constrained", sharey=True
)
place = np.arange(len(order))
left.errorbar(
    place, life[order], bar[order], fmt=".", color="C0", elinewidth=1, label="network"
)
left.plot(place, baseline_life[order], "x", ms=4, color="C1", label="gradient boosting")
left.plot(place, y_test[order], color="black", label="truth")
left.set(xlabel="test engine, sorted", ylabel="remaining flights")
left.legend()

shown = int(np.argmax([len(life) * (life[-1] < 30) for life in test_remaining]))
windows, truth, _ = make_windows(
    test_engines[shown], test_remaining[shown], length=LENGTH, horizon=0
)
life, std = network.predict(windows, return_std=True)
flight = np.arange(len(truth)) + LENGTH
right.fill_between(
    flight, life - 1.64 * std, life + 1.64 * std, alpha=0.3, label="90 % error bar"
)
right.plot(flight, life, label="network")
right.plot(flight, np.minimum(truth, 125), color="black", label="truth, up to 125")
right.set(xlabel=f"flights of engine {shown + 1}")
right.legend()
figure.savefig("engine_life.png", dpi=100)
print("figure saved: engine_life.png")
