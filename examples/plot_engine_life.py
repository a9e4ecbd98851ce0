"""
Remaining life of engines
=========================

This example predicts the number of flights before an engine fails. A regressor with
``loss="gaussian"`` predicts a mean and a standard deviation, so each engine gets its
own error bar.
"""

# %%
# C-MAPSS FD001 contains 100 simulated training engines that ran until they failed, and
# 100 test engines that were stopped earlier. The target of the test engines is their
# remaining life. A step is a flight, with 24 settings and sensors. The data are
# downloaded once. If the download fails, the example uses generated engines instead.
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
    print(f"{error}\nUsing generated engines instead.")
    engines, life = make_engines(random_state=0)
    test_engines, test_life = (
        [x[:-left] for left, x in enumerate(part, start=1)]
        for part in make_engines(random_state=1)
    )


# %%
# Early in its life an engine shows no wear, so targets are usually capped at 125
# flights. Each engine gives many samples: from its first flight to every fifth flight.
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
# A few values are missing: :class:`~sklearn_rnn.preprocessing.GapEncoder` carries the
# last value forward. The sensors are noisy and there are few engines, so a network
# overfits the noise of each engine. Three measures reduce overfitting: means of ten
# flights, strong dropout and weight decay. The baseline is gradient boosting on a
# summary of each sequence: mean, spread, extremes, last value and slope of each sensor.
def means_of_tens(X):
    """Return the means of ten flights each; drop the first flights that remain."""
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
# Networks are overconfident, because they partly memorise the training data. The width
# of the bars is therefore calibrated on the last 20 engines, which were held out: how
# many standard deviations contain 90 % of their errors? For a normal distribution the
# factor is 1.64.
check_answer, check_std = network.predict(X_check, return_std=True)
factor = np.quantile(np.abs(y_check - check_answer) / check_std, 0.9)
bar = factor * std
inside = np.abs(np.minimum(y_test, 125) - answer) <= bar
print(f"bars of {factor:.2f} standard deviations hold {inside.mean():.0%} of the truth")

# %%
# Left: all test engines, sorted by remaining life. The bars are shorter near the end of
# life, where precision matters. Right: the predictions for one engine after each
# flight. For the mean alone, gradient boosting is as good or better: with 80 engines,
# the last value and the slope of a sensor carry most of the information. The benefit of
# the network is the error bar.
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
left.set_title("remaining flights of each test engine")
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
right.set_title("one engine, after each flight")
right.legend()
figure.savefig("engine_life.png", dpi=100)
print("figure saved: engine_life.png")

# %%
# For other losses and quantile intervals, see :doc:`/regression`. For windows, see
# :doc:`/preprocessing`.
