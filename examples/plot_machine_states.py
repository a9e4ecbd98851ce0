"""
Machine states in a sensor log
==============================

Is a machine idle or running, at each step of its log? An
:class:`~sklearn_rnn.RNNTagger` predicts a label for each step from the whole log, while
a classifier predicts one label for the log.
"""

# %%
# Each sequence represents the log of one sensor. In state 0, each value is close to the
# previous one; in state 1, it is close to the negative of the previous one. The
# magnitudes are the same, so a single value carries no information about the state. The
# state changes at one step in twenty, on average.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_rnn import RNNTagger
from sklearn_rnn.datasets import make_regime_switch
from sklearn_rnn.metrics import step_accuracy_score

X, y = make_regime_switch(300, n_steps=100, random_state=0)
X_test, y_test = make_regime_switch(100, n_steps=100, random_state=1)


# %%
# The baseline is gradient boosting on a window of nine values around each step. The
# tagger reads each log in both directions. With ``crf=True``, it also learns that
# states rarely change, so the predicted states do not flicker.
def windows(X):
    """Return the value of each step with four values before and after it."""
    padded = np.pad(X[..., 0], [(0, 0), (4, 4)])
    return np.lib.stride_tricks.sliding_window_view(padded, 9, axis=1).reshape(-1, 9)


trees = HistGradientBoostingClassifier(random_state=0)
trees.fit(windows(X), np.ravel(y))
predictions = {
    "gradient boosting": trees.predict(windows(X_test)).reshape(y_test.shape),
    "RNNTagger": RNNTagger(max_epochs=15, random_state=0).fit(X, y).predict(X_test),
}
tagger = RNNTagger(crf=True, max_epochs=15, random_state=0).fit(X, y)
predictions["RNNTagger, crf=True"] = tagger.predict(X_test)
for name, states in predictions.items():
    changes = np.mean([np.count_nonzero(np.diff(s)) for s in states])
    accuracy = step_accuracy_score(y_test, states)
    print(f"{name}: accuracy {accuracy:.3f}, {changes:.1f} changes of state per log")
true_changes = np.count_nonzero(np.diff(y_test, axis=1)) / len(y_test)
print(f"true states: {true_changes:.1f} changes of state per log")

# %%
# The figure shows one test log and a strip of predicted states for each model. The
# curve at the bottom is the marginal probability of state 1 at each step. It is between
# 0 and 1 where the log is ambiguous.
i = 0
rows = {"true states": y_test[i], **{name: p[i] for name, p in predictions.items()}}
figure, (signal, strips, sure) = plt.subplots(
    3, 1, figsize=(9, 6), sharex=True, height_ratios=[2, 1.5, 1], layout="constrained"
)
signal.plot(X_test[i, :, 0], lw=1)
signal.set(ylabel="sensor", title="A sensor log and its states")
strips.imshow(
    np.stack(list(rows.values())), aspect="auto", cmap="coolwarm", interpolation="none"
)
strips.set_yticks(range(len(rows)), rows)
sure.plot(tagger.predict_proba(X_test[i : i + 1])[0][:, 1])
sure.set(xlabel="step", ylabel="probability\nof state 1", ylim=(-0.05, 1.05))
figure.savefig("machine_states.png", dpi=100)
print("figure saved: machine_states.png")

# %%
# For tags of words, see :ref:`sphx_glr_auto_examples_plot_part_of_speech.py`. For a
# number at each step, see :ref:`sphx_glr_auto_examples_plot_life_at_each_cycle.py`. For
# the estimators, see :doc:`/tagging`.
