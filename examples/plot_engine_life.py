"""
The remaining life of engines
=============================

How many flights are left before an engine fails, and how sure is that? A regressor with
``loss="gaussian"`` answers with a number and a standard deviation: an error bar for
each engine, as long as it is unsure.
"""

# %%
# C-MAPSS FD001 is 100 simulated engines that flew until they failed, and 100 that were
# stopped before: of these the remaining life is to be told. A step is a flight, with 24
# settings and sensors. The data are downloaded once and kept; where they cannot be had,
# engines made by a formula stand in for them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.preprocessing import GapEncoder, SequenceFeatures, make_windows


def make_engines(random_state):
    """Make 100 engines whose sensors drift, ever faster, until they fail."""
    rng = np.random.default_rng(random_state)
    life = [np.arange(n)[::-1] for n in rng.integers(130, 300, size=100)]
    wear = [np.exp(-left / 40)[:, np.newaxis] * [1, -1, 0.5] for left in life]
    return [x + rng.normal(scale=0.2, size=x.shape) for x in wear], life


try:
    engines, life = fetch_cmapss_fd001(subset="train", return_X_y=True)
    test_engines, test_life = fetch_cmapss_fd001(subset="test", return_X_y=True)
    life = [after[:, 0] for after in life]
    test_life = [after[:, 0] for after in test_life]
except OSError as error:
    print(f"{error}\nEngines made by a formula stand in for them.")
    engines, life = make_engines(random_state=0)
    test_engines, test_life = (
        [x[:-left] for left, x in enumerate(part, start=1)]
        for part in make_engines(random_state=1)
    )

# %%
# Early in its life an engine shows no wear, so it is usual to learn "125 or more"
# there. :func:`~sklearn_rnn.preprocessing.make_windows` cuts each life into windows of
# 50 flights; with ``horizon=0`` the target is what holds at the window's last step. Of
# a test engine the last 50 flights are read; some have had fewer, and the network reads
# those.
LENGTH = 50


def windows_of(numbers):
    numbers = [i for i in numbers if len(engines[i]) >= LENGTH]
    X, y, _ = make_windows(
        [engines[i] for i in numbers],
        [np.minimum(life[i], 125) for i in numbers],
        length=LENGTH,
        step=3,
        horizon=0,
    )
    return X, y


X_train, y_train = windows_of(range(80))
X_check, y_check = windows_of(range(80, 100))
X_test = [engine[-LENGTH:] for engine in test_engines]
y_test = np.array([after[-1] for after in test_life])

# %%
# A few values are missing: a :class:`~sklearn_rnn.preprocessing.GapEncoder` carries the
# last one forward. Windows are many but engines few, so the network is small, its steps
# too, and dropout is on. The honest baseline is gradient boosting on a summary of each
# window: mean, spread, extremes, last value and slope of each sensor.
network = make_pipeline(
    GapEncoder(add_mask=False, add_time_since=False),
    RNNRegressor(
        loss="gaussian",
        conv_channels=(32, 32),
        conv_kernel_size=15,
        dropout=0.3,
        learning_rate=0.005,
        max_epochs=6,
        batch_size=64,
        random_state=0,
    ),
)
network.fit(X_train, y_train)
answer, std = network.predict(X_test, return_std=True)

baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingRegressor(random_state=0)
)
baseline_answer = baseline.fit(X_train, y_train).predict(X_test)
for name, told in [
    ("always the mean", np.full(len(y_test), y_train.mean())),
    ("gradient boosting", baseline_answer),
    ("network", answer),
]:
    print(f"{name}: RMSE {root_mean_squared_error(y_test, told):.1f} flights")

# %%
# Networks are too sure of themselves: what they learned by heart was easy. So we look
# at the last 20 engines, which were not learned from. How many standard deviations hold
# 90 % of the errors there? A normal distribution says 1.64.
check_answer, check_std = network.predict(X_check, return_std=True)
factor = np.quantile(np.abs(y_check - check_answer) / check_std, 0.9)
bar = factor * std
inside = np.abs(np.minimum(y_test, 125) - answer) <= bar
print(f"bars of {factor:.2f} standard deviations hold {inside.mean():.0%} of the truth")

# %%
# Left, all test engines, from the one that fails next. The bars are short where it
# matters, near the end. Right, the answer for one engine as its flights come in. For
# the number alone, gradient boosting is better and costs less: in 80 engines the last
# value and the slope of a sensor say most of it. What the network adds is the bar.
order = np.argsort(y_test, kind="stable")
place = np.arange(len(order))
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), width_ratios=[1.4, 1], layout="constrained", sharey=True
)
left.errorbar(
    place, answer[order], bar[order], fmt=".", elinewidth=1, label="network, 90 %"
)
left.plot(place, baseline_answer[order], "x", ms=4, label="gradient boosting")
left.plot(place, y_test[order], color="black", label="truth")
left.set(xlabel="test engine, sorted", ylabel="remaining flights")
left.set_title("flights that remain to each test engine")
left.legend()

shown = max(np.flatnonzero(y_test <= 30), key=lambda i: len(test_engines[i]))
X_shown, y_shown, _ = make_windows(
    test_engines[shown], test_life[shown], length=LENGTH, horizon=0
)
answer, std = network.predict(X_shown, return_std=True)
flight = np.arange(LENGTH, LENGTH + len(y_shown))
right.fill_between(flight, answer - factor * std, answer + factor * std, alpha=0.3)
right.plot(flight, answer, label="network, 90 %")
right.plot(flight, np.minimum(y_shown, 125), color="black", label="truth, up to 125")
right.set(xlabel=f"flights of test engine {shown + 1}")
right.set_title("to one of them, as it flies on")
right.legend()
figure.savefig("engine_life.png", dpi=100)
print("figure saved: engine_life.png")

# %%
# :doc:`/regression` has the other losses, and intervals of quantiles;
# :doc:`/preprocessing`, how windows are cut.
