"""
Inspecting a recurrent network
==============================

The inspection tools show which steps raise a prediction, how the states are weighted,
what the hidden states encode, and when the gates open. The data of this example are
generated so that the correct explanation is known and can be compared to the figures.
"""

# %%
# The sequences have 30 to 50 steps of two sensors. Both sensors are noise, except that
# the first one may contain a bump or a dip of five steps.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNClassifier
from sklearn_rnn.inspection import (
    AttentionDisplay,
    AttributionDisplay,
    HiddenStateDisplay,
    gate_activations,
    permutation_importance,
)

rng = np.random.default_rng(0)
y = np.array(["bump", "dip", "nothing"] * 100)
X, events = [], []
for label in y:
    n_steps = rng.integers(30, 51)
    event = rng.integers(5, n_steps - 10)
    x = rng.normal(scale=0.3, size=(n_steps, 2))
    x[event : event + 5, 0] += {"bump": 1.5, "dip": -1.5, "nothing": 0}[label]
    X.append(x)
    events.append(event)

# %%
# The network is a GRU that reads in one direction and uses attention pooling.
network = RNNClassifier(
    conv_channels=None,
    bidirectional=False,
    hidden_size=16,
    pooling="attention",
    max_epochs=30,
    random_state=0,
).fit(X[:240], y[:240])
X_test, y_test, events_test = X[240:], y[240:], events[240:]
print(f"test accuracy: {network.score(X_test, y_test):.2f}")

# %%
# Attributions show which values raise the log-odds of the predicted class. In this
# sequence with a dip, these are the values of the dip (shaded); the second sensor
# contributes little. :func:`~sklearn_rnn.inspection.step_attributions` returns the
# numbers.
display = AttributionDisplay.from_estimator(network, X_test, sample=1)
event = events_test[1]
display.ax_.axvspan(event - 0.5, event + 4.5, color="0.9", zorder=-1)
display.figure_.suptitle("Attributions to the class dip, step by step")
display.figure_.savefig("look_inside_attributions.png", dpi=100)
print(f"predicted: {network.predict(X_test)[1]}; the {y_test[1]} is at step {event}")

# %%
# Attention weights show how the states are weighted. Each row is a sequence and ends
# where the white begins. Within a class, rows are sorted by the time of the event. The
# weights follow the event; without an event, they are spread out.
# :func:`~sklearn_rnn.inspection.attention_weights` returns them.
order = np.argsort(events_test)[::2]
display = AttentionDisplay.from_estimator(
    network, [X_test[i] for i in order], y_test[order]
)
display.ax_.set_title("Attention weights follow the events")

# %%
# The hidden states of all sequences, from the first step to the last, are projected on
# their two principal directions. The events separate the classes.
display = HiddenStateDisplay.from_estimator(
    network, X_test[:30], y_test[:30], kind="path"
)
display.ax_.set_title("States, from the first step to the last")

# %%
# The next figure shows the states of the sequence with the dip and the update gate of
# each unit. A unit whose gate is near 1 keeps its value.
figure, axes = plt.subplots(2, figsize=(6.4, 7), layout="constrained")
HiddenStateDisplay.from_estimator(network, X_test, sample=1, ax=axes[0])
gates = gate_activations(network, X_test)
HiddenStateDisplay(gates["update"], name="update gate").plot(axes[1], sample=1)
figure.suptitle("States and update gates, unit by unit")
figure.savefig("look_inside.png", dpi=100)

# %%
# The figures above explain single sequences. Permutation importance measures the loss
# in accuracy on all sequences if the values of one sensor are permuted between
# sequences.
importance = permutation_importance(network, X_test, y_test, random_state=0)
for name, lost in zip(importance.names, importance.importances_mean, strict=True):
    print(f"sensor {name}: {lost:.2f}")

# %%
# For the interpretation and limits of these tools, see :doc:`/inspection_states` and
# :doc:`/inspection`.
