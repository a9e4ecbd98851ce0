"""
Mortality from irregular vital signs
====================================

In intensive care a heart rate comes every hour, a laboratory value twice a day, and
nothing at the same minute. What was measured, and how long ago, tells as much as the
value: :class:`~sklearn_rnn.preprocessing.GapEncoder` gives all three to the network.
"""

# %%
# PhysioNet 2012: two days of 3,996 stays in intensive care. A step is a minute in which
# something was measured; all else in it is missing, NaN. The first feature is the time.
# Without a network (of the other kind), made sequences with holes stand in.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_physionet2012, make_sine_mixtures
from sklearn_rnn.preprocessing import GapEncoder, SequenceFeatures


def make_irregular(random_state):
    """Make two classes of sequences: a time, a signal, and one that is often missing."""
    rng = np.random.default_rng(random_state)
    X, y = make_sine_mixtures(1000, n_classes=2, random_state=random_state)
    sequences = []
    for x in X:
        minutes = rng.integers(1, 5, size=len(x)).cumsum()
        often_missing = np.where(rng.uniform(size=len(x)) < 0.7, np.nan, x[:, 0])
        sequences.append(np.column_stack([minutes, x, often_missing]))
    return sequences, y


try:
    stays = fetch_physionet2012()
    X, y, names = stays.data, stays.target, stays.feature_names
    shown = ["HR", "Temp", "GCS", "Lactate"]
except (ImportError, OSError) as error:
    print(f"{error}\nSo these are not patients, but sequences made by a formula.")
    X, y = make_irregular(random_state=0)
    names, shown = ["minutes", "signal", "rare signal"], ["signal", "rare signal"]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{len(X_train)} sequences to learn from, {np.mean(y_train):.1%} of class 1")

# %%
# ``GapEncoder(time=0)`` carries the last value forward and adds, for each feature, where
# it was seen and how long ago; the time itself becomes the time since the step before.
# Nobody had to lay a grid over the two days.
network = make_pipeline(
    GapEncoder(time=0),
    RNNClassifier(max_epochs=4, batch_size=64, dropout=0.3, random_state=0),
)
# %%
# The honest baseline, gradient boosting on a summary of each stay, takes missing values
# as they are.
baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
)
risks = {}
for name, model in [("network", network), ("gradient boosting", baseline)]:
    model.fit(X_train, y_train)
    risks[name] = model.predict_proba(X_test)[:, 1]
    print(
        f"{name:18} area under the ROC curve {roc_auc_score(y_test, risks[name]):.3f}"
    )

# %%
# Left, what a stay looks like: each dot is a value that was measured. Right, how well
# the risk sorts the test stays by who died. Each stay counts once here, and one split is
# no proof: differences of 0.02 are within chance.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), width_ratios=[1.3, 1], layout="constrained"
)
stay = X_test[int(np.argmax(y_test))]
for row, name in enumerate(shown):
    values = stay[:, names.index(name)]
    low, high = np.nanmin(values), np.nanmax(values)
    height = (values - low) / (high - low) * 0.7 if high > low else values * 0
    left.plot(stay[:, 0] / 60, row + height, ".-", label=name)
left.set(xlabel="hours", yticks=np.arange(len(shown)) + 0.35, yticklabels=shown)
left.set_title("one stay, each signal on its own scale")
for name, risk in risks.items():
    RocCurveDisplay.from_predictions(y_test, risk, name=name, ax=right)
right.plot([0, 1], [0, 1], ":", color="gray")
right.set(title="who dies", xlabel="false positive rate", ylabel="true positive rate")
figure.savefig("intensive_care.png", dpi=100)
print("figure saved: intensive_care.png")
