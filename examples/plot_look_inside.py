"""
What does the network look at?
==============================

A recurrent network is no black box: we can ask which steps raise its answer, which of
its states it weighs, what it keeps in mind and when its gates open. Here we know what
the answers must be, so we can see whether the pictures tell the truth.
"""

# %%
# The data: sequences of 30 to 50 steps of two sensors, all noise, but that in the first
# sensor there may be a bump or a dip, five steps long.
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
# A GRU that reads from left to right, and pools its states by learned weights.
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
# Which values raise the log-odds of the predicted class? In a sequence with a dip those
# of the dip, which is shaded; what the second sensor adds is small. The numbers are
# those of :func:`~sklearn_rnn.inspection.step_attributions`.
display = AttributionDisplay.from_estimator(network, X_test, sample=1)
event = events_test[1]
display.ax_.axvspan(event - 0.5, event + 4.5, color="0.9", zorder=-1)
display.figure_.suptitle("What speaks for a dip, step by step")
display.figure_.savefig("look_inside_attributions.png", dpi=100)
print(f"predicted: {network.predict(X_test)[1]}; the {y_test[1]} is at step {event}")

# %%
# Which states does it weigh? Each row is a sequence, those of a class in the order of
# their events; it ends where the white begins. The weights, those of
# :func:`~sklearn_rnn.inspection.attention_weights`, follow the event; where nothing is
# to be found, they are spread out.
order = np.argsort(events_test)[::2]
display = AttentionDisplay.from_estimator(
    network, [X_test[i] for i in order], y_test[order]
)
display.ax_.set_title("Weights of attention: they follow the events")

# %%
# What does it keep in mind? The states of all sequences, from the first step to the
# last, seen along their two main directions: the events drive the classes apart.
display = HiddenStateDisplay.from_estimator(
    network, X_test[:30], y_test[:30], kind="path"
)
display.ax_.set_title("States, from the first step to the last")

# %%
# The states of the sequence with the dip, unit by unit, and the update gate of each
# unit: where it is near 1, the unit keeps what it has.
figure, axes = plt.subplots(2, figsize=(6.4, 7), layout="constrained")
HiddenStateDisplay.from_estimator(network, X_test, sample=1, ax=axes[0])
gates = gate_activations(network, X_test)
HiddenStateDisplay(gates["update"], name="update gate").plot(axes[1], sample=1)
figure.suptitle("States and update gates, unit by unit")
figure.savefig("look_inside.png", dpi=100)

# %%
# That was one sequence. What does the accuracy on all of them lose if a sensor is
# exchanged between them?
importance = permutation_importance(network, X_test, y_test, random_state=0)
for name, lost in zip(importance.names, importance.importances_mean, strict=True):
    print(f"sensor {name}: {lost:.2f}")

# %%
# :doc:`/inspection_states` and :doc:`/inspection` say what such pictures and numbers
# can tell and what not.
