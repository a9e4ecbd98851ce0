"""
Remaining life of an engine at every flight
===========================================

This example predicts, after each flight of an engine, the number of flights before it
fails. An :class:`~sklearn_rnn.RNNStepRegressor` predicts at every step in one pass over
the log. In :ref:`sphx_glr_auto_examples_plot_engine_life.py`, each prediction requires
a separate sequence.
"""

# %%
# C-MAPSS FD001 contains 100 simulated training engines that ran until they failed, and
# 100 test engines that were stopped earlier. A step is a flight, with 24 settings and
# sensors. The data are downloaded once. If the download fails, the example uses
# generated engines instead.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNStepRegressor
from sklearn_rnn.datasets import fetch_cmapss_fd001
from sklearn_rnn.metrics import step_mean_absolute_error
from sklearn_rnn.preprocessing import GapEncoder


def make_engines(random_state):
    """Make 100 engines whose sensors drift faster and faster until they fail."""
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
        [x[: -left - 7] for left, x in enumerate(part)]
        for part in make_engines(random_state=1)
    )

# %%
# Early in its life an engine shows no wear, so targets are capped at 125 flights. With
# ``bidirectional=False``, the network reads forwards only, so the prediction after a
# flight does not depend on later flights. The baseline is gradient boosting on single
# flights.
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
y_network = network.fit(list(engines), y).predict(list(test_engines))

baseline = HistGradientBoostingRegressor(random_state=0)
baseline.fit(np.concatenate(list(engines)), np.concatenate(y))
y_baseline = [baseline.predict(x) for x in test_engines]
for name, y_pred in [("baseline", y_baseline), ("network", y_network)]:
    error = step_mean_absolute_error(y_test, y_pred)
    last = [p[-1] - t[-1] for p, t in zip(y_pred, y_test, strict=True)]
    print(
        f"{name}: mean absolute error of {error:.1f} flights, "
        f"{np.mean(np.abs(last)):.1f} at the last flight of each engine"
    )

# %%
# The figure shows three engines that are close to failure. The network combines all
# flights so far, so its predictions are smooth; those of the baseline vary with the
# noise of the sensors.
soon = [i for i, after in enumerate(test_life) if after[-1] < 40]
shown = sorted(soon, key=lambda i: -len(test_engines[i]))[:3]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
for axis, i in zip(axes, shown, strict=True):
    axis.plot(y_baseline[i], ".", ms=3, color="grey", label="baseline: one flight")
    axis.plot(y_network[i], label="network: all flights so far")
    axis.plot(y_test[i], color="black", label="true value, up to 125")
    axis.set(title=f"test engine {i + 1}", xlabel="flight")
axes[0].set(ylabel="remaining flights")
axes[0].legend(loc="lower left")
figure.savefig("life_at_each_cycle.png", dpi=100)
print("figure saved: life_at_each_cycle.png")

# %%
# With ``loss="gaussian"``, the network also predicts a standard deviation at each step;
# see :doc:`/tagging`.
