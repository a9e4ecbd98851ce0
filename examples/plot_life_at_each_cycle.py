"""
The remaining life of an engine, at each of its flights
=======================================================

An engine flies on, and after each flight the question is the same: how many are left? A
regressor of one number a step answers after every flight in one pass over the log.
:ref:`sphx_glr_auto_examples_plot_engine_life.py` cuts it into many beginnings instead.
"""

# %%
# C-MAPSS FD001 is 100 simulated engines that flew until they failed, and 100 that were
# stopped before. A step is a flight, with 24 settings and sensors. The data are
# downloaded once and kept; if that is not possible, engines made by a formula stand in
# for them.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNStepRegressor
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.metrics import step_mean_absolute_error
from sklearn_rnn.preprocessing import GapEncoder


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
        [x[: -left - 7] for left, x in enumerate(part)]
        for part in make_engines(random_state=1)
    )

# %%
# A new engine shows no wear, so "125 or more" is learned there. With
# ``bidirectional=False`` the network reads forwards only: the answer after a flight
# knows nothing of later ones. The baseline is gradient boosting that sees one flight
# at a time.
y = [np.minimum(after, 125) for after in life]
y_test = [np.minimum(after, 125) for after in test_life]

network = make_pipeline(
    GapEncoder(add_mask=False, add_time_since=False),
    RNNStepRegressor(
        bidirectional=False,
        dropout=0.5,
        optimizer="adamw",
        weight_decay=1.0,
        batch_size=8,
        max_epochs=40,
        random_state=0,
    ),
)
answers = network.fit(list(engines), y).predict(list(test_engines))

one_flight = HistGradientBoostingRegressor(random_state=0)
one_flight.fit(np.concatenate(list(engines)), np.concatenate(y))
flight_answers = [one_flight.predict(x) for x in test_engines]
for name, told in [("one flight", flight_answers), ("network", answers)]:
    error = step_mean_absolute_error(y_test, told)
    last = [a[-1] - t[-1] for a, t in zip(told, y_test, strict=True)]
    print(
        f"{name}: {error:.1f} flights wrong on average, "
        f"{np.mean(np.abs(last)):.1f} at the last flight of each engine"
    )

# %%
# Three engines that fail soon. The network sums up what it saw, so its answers are
# calm; the answers from one flight jump with the noise of the sensors.
soon = [i for i, after in enumerate(test_life) if after[-1] < 40]
shown = sorted(soon, key=lambda i: -len(test_engines[i]))[:3]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
for axis, i in zip(axes, shown, strict=True):
    axis.plot(flight_answers[i], ".", ms=3, color="grey", label="from one flight")
    axis.plot(answers[i], label="network, from all so far")
    axis.plot(y_test[i], color="black", label="truth, up to 125")
    axis.set(title=f"test engine {i + 1}", xlabel="flight")
axes[0].set(ylabel="remaining flights")
axes[0].legend(loc="lower left")
figure.savefig("life_at_each_cycle.png", dpi=100)
print("figure saved: life_at_each_cycle.png")

# %%
# ``loss="gaussian"`` adds a standard deviation at each step: :doc:`/tagging`.
