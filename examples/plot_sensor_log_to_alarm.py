"""
From one long sensor log to an alarm
====================================

A machine records one row per minute and fails occasionally. This example predicts the
failures. It goes from a continuous log to windows, to probabilities, to a threshold and
to alarms.
"""

# %%
# The example generates its own log; replace it by yours. The load of a pump changes
# every hour or two and affects power, temperature and vibration. In the hours before a
# failure, the vibration oscillates with a period of eight minutes and a growing
# amplitude.
import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import lfilter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceFeatures, make_windows


def make_log(n_failures, random_state):
    """Make a log of shape (n_minutes, 3) and the minutes of its failures."""
    rng = np.random.default_rng(random_state)
    failures = rng.integers(16 * 60, 48 * 60, size=n_failures).cumsum()
    minute = np.arange(failures[-1] + 1)
    to_failure = failures[np.searchsorted(failures, minute)] - minute
    changes = rng.uniform(size=len(minute)) < 1 / 90
    load = rng.choice([0.3, 0.6, 1.0], size=changes.sum() + 1)[changes.cumsum()]
    beat = np.exp(-to_failure / 120) * np.sin(2 * np.pi * minute / 8)
    noise = rng.normal(size=(3, len(minute)))
    power = 50 * load + noise[0]
    temperature = 20 + 40 * lfilter([0.02], [1, -0.98], load) + noise[1]
    vibration = 2 * load + 0.8 * beat + 0.3 * noise[2]
    return np.column_stack([power, temperature, vibration]), failures


log, failures = make_log(n_failures=24, random_state=0)
print(f"a log of {len(log) / 1440:.0f} days, {len(failures)} failures")

# %%
# The target at each minute is whether a failure follows within two hours. The log is
# split into runs, each from a repair to the next failure. The runs are the groups:
# windows of one run overlap and must not be on both sides of a split. ``y`` has two
# values per step, the label and the minute, which is used later to locate the alarms.
# ``horizon=0`` selects the values at the last step of the window, so no future values
# are used.
minute = np.arange(len(log))
to_failure = failures[np.searchsorted(failures, minute)] - minute
label = (to_failure <= 120).astype(int)
repairs = failures[:-1] + 1
X, y, run = make_windows(
    np.split(log, repairs),
    np.split(np.column_stack([label, minute]), repairs),
    length=60,
    step=10,
    horizon=0,
)
y, minute = y.T
train, test = run < 16, run >= 16  # test on the later runs
print(f"{len(X)} windows of an hour, {y.mean():.1%} of them before a failure")


# %%
# An alarm starts when the probability rises above a threshold. It is false if no
# failure follows within two hours. The threshold is the lowest one with at most one
# false alarm per week, on held-out training runs. The test runs are not used to choose
# it.
def begins(above, run):
    """Whether an alarm starts: above now, but not one window before in the same run."""
    before = np.r_[False, above[:-1] & (run[1:] == run[:-1])]
    return above & ~before


def false_alarms_a_week(score, threshold, y, run):
    n_weeks = len(y) * 10 / (7 * 1440)  # one window per ten minutes
    return (begins(score > threshold, run) & (y == 0)).sum() / n_weeks


def choose_threshold(score, y, run):
    for threshold in np.quantile(score, np.linspace(0.5, 1, 201)):
        if false_alarms_a_week(score, threshold, y, run) <= 1:
            return threshold


# %%
# The network is compared to gradient boosting on a summary of each window, and to the
# common solution, a limit on the vibration. All three thresholds are chosen in the same
# way.
models = {
    "gradient boosting": make_pipeline(
        SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
    ),
    "network": RNNClassifier(max_epochs=5, batch_size=64, random_state=0),
}
highest = X[:, :, 2].max(axis=1)
scores = {"limit on vibration": (highest[train], highest[test])}
for name, model in models.items():
    held_out = cross_val_predict(
        model,
        X[train],
        y[train],
        groups=run[train],
        cv=GroupKFold(3),
        method="predict_proba",
        n_jobs=2,
    )
    model.fit(X[train], y[train])
    scores[name] = held_out[:, 1], model.predict_proba(X[test])[:, 1]

thresholds = {}
for name, (held_out, score) in scores.items():
    threshold = thresholds[name] = choose_threshold(held_out, y[train], run[train])
    called = np.unique(run[test][(score > threshold) & (y[test] == 1)])
    n_false = false_alarms_a_week(score, threshold, y[test], run[test])
    print(f"{name}: {len(called)} of 8 failures detected, {n_false:.1f} false a week")

# %%
# The figure shows the test runs end to end. Vibration depends on the load, so a limit
# on it is a poor detector. Gradient boosting uses the spread within an hour, but a
# change of the load also increases the spread; the network detects the oscillation.
# Horizontal lines are thresholds. Triangles are alarms: green if a failure followed
# within two hours, red otherwise.
figure, axes = plt.subplots(3, 1, figsize=(10, 6), sharex=True, layout="constrained")
day = minute[test] / 1440
shown = np.arange(failures[15] + 1, len(log))
axes[0].plot(shown / 1440, log[shown, 2], linewidth=0.3, color="gray")
axes[0].set(ylabel="vibration", title="eight runs, each until a failure (dotted)")
for ax, name in zip(axes[1:], models, strict=True):
    score, threshold = scores[name][1], thresholds[name]
    ax.plot(day, score, linewidth=0.8)
    ax.axhline(threshold, color="gray", linewidth=0.8)
    alarm = begins(score > threshold, run[test])
    for right, color in [(1, "C2"), (0, "C3")]:
        at = day[alarm & (y[test] == right)]
        ax.plot(at, np.full(len(at), 1.1), "v", color=color)
    ax.set(ylabel="probability", ylim=(-0.05, 1.2), title=name)
for ax in axes:
    for failure in failures[16:]:
        ax.axvline(failure / 1440, color="black", linestyle=":", linewidth=1)
axes[-1].set_xlabel("day of the log")
figure.savefig("sensor_log_to_alarm.png", dpi=100)
print("figure saved: sensor_log_to_alarm.png")

# %%
# For windows, targets and gaps, see :doc:`/preprocessing`. To choose a threshold by
# cross-validation, see :doc:`/how_to/imbalance`.
