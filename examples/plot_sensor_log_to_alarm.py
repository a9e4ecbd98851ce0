"""
From one long sensor log to an alarm
====================================

A machine writes a row a minute, and fails now and then. When should it have called for
help? From a log to windows, to a probability, to a threshold, to alarms: all on data
that nobody cut into samples.
"""

# %%
# Your own log would be read from a file. This one is made: a pump whose load changes
# every hour or two, which moves power, temperature and vibration. In the last hours
# before a failure the vibration begins to beat, every eight minutes, below its noise.
import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import lfilter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceFeatures, make_windows


def make_log(n_failures, random_state):
    """Make a log, (n_minutes, 3), that ends in a failure, and the minutes of them all."""
    rng = np.random.default_rng(random_state)
    failures = rng.integers(16 * 60, 48 * 60, size=n_failures).cumsum()
    minute = np.arange(failures[-1] + 1)
    to_failure = failures[np.searchsorted(failures, minute)] - minute
    changes = rng.uniform(size=len(minute)) < 1 / 90
    load = rng.choice([0.3, 0.6, 1.0], size=changes.sum() + 1)[changes.cumsum()]
    beat = np.exp(-to_failure / 90) * np.sin(2 * np.pi * minute / 8)
    noise = rng.normal(size=(3, len(minute)))
    power = 50 * load + noise[0]
    temperature = 20 + 40 * lfilter([0.02], [1, -0.98], load) + noise[1]
    vibration = 2 * load + 0.3 * noise[2] + 0.3 * beat
    return np.column_stack([power, temperature, vibration]), failures


log, failures = make_log(n_failures=24, random_state=0)
print(f"a log of {len(log) / 1440:.0f} days, {len(failures)} failures")

# %%
# What do we want to be told? At each minute: whether a failure comes within two hours.
# The log falls into runs, each from a repair to the next failure. They are the groups:
# windows of one run overlap and must not be on both sides of a split. Each step of ``y``
# carries its minute along, which tells later when an alarm was.
minute = np.arange(len(log))
to_failure = failures[np.searchsorted(failures, minute)] - minute
label = (to_failure <= 120).astype(int)
cuts = failures[:-1] + 1
X, y, run = make_windows(
    np.split(log, cuts),
    np.split(np.column_stack([label, minute]), cuts),
    length=60,
    step=10,
    horizon=0,
)
y, minute = y.T
train, test = run < 16, run >= 16
print(f"{len(X)} windows of an hour, {y.mean():.1%} before a failure")


# %%
# An alarm begins where the probability rises over a threshold. It is false if no failure
# comes within two hours. The threshold is the lowest that gives at most one false alarm a
# week, on training runs that the model did not learn from: the test runs have no say.
def begins(above, run):
    """Whether an alarm begins: above, and not yet so one window before in the run."""
    before = np.r_[False, above[:-1] & (run[1:] == run[:-1])]
    return above & ~before


def false_alarms_a_week(score, threshold, y, run):
    return (begins(score > threshold, run) & (y == 0)).sum() / (len(y) * 10 / 10080)


def choose_threshold(score, y, run):
    for threshold in np.quantile(score, np.linspace(0.5, 1, 201)):
        if false_alarms_a_week(score, threshold, y, run) <= 1:
            return threshold


# %%
# The network, and beside it gradient boosting on a summary of each window, and a plain
# limit on the vibration, as most machines have it. All three get their threshold in the
# same way.
models = {
    "network": RNNClassifier(max_epochs=5, batch_size=64, random_state=0),
    "gradient boosting": make_pipeline(
        SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
    ),
}
vibration = X[:, :, 2].max(axis=1)
scores = {"limit on vibration": (vibration[train], vibration[test])}
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
    threshold = choose_threshold(held_out, y[train], run[train])
    right = (score > threshold) & (y[test] == 1)
    caught = np.unique(run[test][right])
    wrong = false_alarms_a_week(score, threshold, y[test], run[test])
    thresholds[name] = threshold
    print(
        f"{name:18} {len(caught)} of 8 failures called, {wrong:.1f} false alarms a week"
    )

# %%
# The test runs, end to end: the vibration, in which nothing is to be seen, and what each
# model made of it. Lines across are thresholds, triangles the alarms: green where a
# failure came within two hours, red where none did.
figure, axes = plt.subplots(
    3, 1, figsize=(10, 6.5), sharex=True, layout="constrained", height_ratios=[1, 1, 1]
)
day = minute[test] / 1440
shown = np.arange(minute[test][0], len(log))
axes[0].plot(shown / 1440, log[shown, 2], linewidth=0.3, color="gray")
axes[0].set(ylabel="vibration")
for ax, name in zip(axes[1:], models, strict=True):
    score = scores[name][1]
    ax.plot(day, score, linewidth=0.8)
    ax.axhline(thresholds[name], color="gray", linewidth=0.8)
    alarm = begins(score > thresholds[name], run[test])
    for is_right, color in [(1, "C2"), (0, "C3")]:
        at = day[alarm & (y[test] == is_right)]
        ax.plot(at, np.full(len(at), 1.08), "v", color=color, clip_on=False)
    ax.set(ylabel="probability", ylim=(0, 1.15), title=name)
for ax in axes:
    for failure in failures[16:]:
        ax.axvline(failure / 1440, color="black", linestyle=":", linewidth=1)
axes[0].set_title("eight runs, each until a failure (dotted)")
axes[-1].set_xlabel("day of the log")
figure.savefig("sensor_log_to_alarm.png", dpi=100)
print("figure saved: sensor_log_to_alarm.png")
