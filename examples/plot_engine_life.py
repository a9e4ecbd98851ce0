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
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.preprocessing import GapEncoder, SequenceFeatures


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
# there. A life is seen many times: from its first flight to each fifth one.
def lives_so_far(numbers):
    X, y = [], []
    for i in numbers:
        for end in range(20, len(engines[i]) + 1, 5):
            X.append(engines[i][:end])
            y.append(min(life[i][end - 1], 125))
    return X, np.array(y)


X_train, y_train = lives_so_far(range(80))
X_check, y_check = lives_so_far(range(80, 100))
X_test = list(test_engines)
y_test = np.array([after[-1] for after in test_life])


# %%
# A few values are missing: a :class:`~sklearn_rnn.preprocessing.GapEncoder` carries the
# last one forward. Sensors are noisy and engines few, so a network learns the noise of
# each engine by heart. Three things help: means of ten flights are read, strong dropout
# is on, and the weights decay. The honest baseline is gradient boosting on a summary of
# each life so far: mean, spread, extremes, last value and slope of each sensor.
def means_of_tens(X):
    """Return the means of each ten flights; the first few, which make no ten, go."""
    return [x[len(x) % 10 :].reshape(-1, 10, x.shape[1]).mean(axis=1) for x in X]


network = make_pipeline(
    GapEncoder(add_mask=False, add_time_since=False),
    FunctionTransformer(means_of_tens),
    RNNRegressor(
        loss="gaussian",
        cell="lstm",
        conv_channels=None,
        pooling="last",
        dropout=0.5,
        optimizer="adamw",
        weight_decay=1.0,
        max_epochs=10,
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
# Left, all test engines, from the one that fails next. The bars are shorter where it
# matters, near the end. Right, the answer for one engine as its flights come in. For
# the number alone, gradient boosting does as well or better: in 80 engines the last
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
flight = np.arange(20, len(test_engines[shown]) + 1)
y_shown = test_life[shown][flight - 1]
answer, std = network.predict(
    [test_engines[shown][:end] for end in flight], return_std=True
)
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
