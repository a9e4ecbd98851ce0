"""
From a DataFrame of events to a tuned classifier
================================================

What people have is a table: a row for each event, with the customer, the time, the kind
of event, an amount that is often missing. Which customers will leave? This is the whole
way, from that table to a classifier tuned by a grid search.
"""

# %%
# The table is made here, so that we know what is in it: put your own in its place. A
# customer leaves who once waited more than twelve days for the answer to a complaint.
# No event alone tells it, nor how many there are of each kind: what counts is which
# follows which, and after how long. One label in twenty is wrong, as labels are.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceBuilder,
    SequenceFeatures,
    Stepwise,
)

KINDS = ["visit", "order", "complaint", "answer"]


def make_events(n_customers=600):
    rng = np.random.default_rng(0)
    pace, care = rng.uniform(1, 3, 20), rng.uniform(0.1, 0.3, 20)  # of the 20 stores
    customers = []
    for customer in range(n_customers):
        store, n_events = rng.integers(20), rng.integers(8, 40)
        days = rng.exponential(pace[store], n_events).cumsum()
        shares = [0.6 - care[store], 0.3, 0.1, care[store]]
        kind = rng.choice(KINDS, n_events, p=shares)
        known = (kind == "order") & (rng.random(n_events) < 0.8)
        left = longest_wait(days, kind) > 12
        customers.append(
            pd.DataFrame(
                {
                    "customer": f"C{customer:03}",
                    "store": f"S{store:02}",
                    "time": pd.Timestamp("2025-01-01")
                    + pd.to_timedelta(days, "D").round("s"),
                    "kind": kind,
                    "amount": np.where(known, rng.lognormal(3, 1, n_events), np.nan),
                    "left": left != (rng.random() < 0.05),
                }
            )
        )
    return pd.concat(customers).sort_values("time", ignore_index=True)


def longest_wait(days, kind):
    """Return the longest time from a complaint to the next answer, or to the end."""
    answers = np.append(days[kind == "answer"], days[-1])
    complaints = days[kind == "complaint"]
    # where no answer comes, the wait lasts until the last event
    waits = answers[np.searchsorted(answers[:-1], complaints)] - complaints
    return waits.max(initial=0)


events = make_events()
print(events.head(4).to_string())

# %%
# :class:`~sklearn_rnn.preprocessing.SequenceBuilder` turns the table into a sequence
# for each customer, sorted by time, and finds the label and the store of each, in the
# same order. Text becomes a feature as a number, here the number of the kind. Missing
# amounts stay missing.
events["kind_number"] = events["kind"].map(KINDS.index)
builder = SequenceBuilder(
    "customer", time="time", features=["time", "kind_number", "amount"]
)
X = builder.fit_transform(events)
y = builder.targets(events, "left")
stores = builder.targets(events, "store")
print(f"{X}; {y.mean():.0%} of the customers left")

# %%
# Stores have their habits, and the classifier is for new stores. So stores are the
# groups of all splits: those of the test data, first of all, are held out.
split = GroupShuffleSplit(test_size=0.3, random_state=0)
train, test = next(split.split(X, y, groups=stores))
print(f"{len(train)} customers to learn from, {len(test)} of other stores to test on")

# %%
# :class:`~sklearn_rnn.preprocessing.GapEncoder` fills the missing amounts, says where
# they were missing, and puts the time since the event before in place of the time.
# :class:`~sklearn_rnn.preprocessing.Stepwise` applies scikit-learn's transformers to
# all steps as one table, here to make one column of each kind, whose number is still
# column 1. All of it is learned from the training part of each split alone.
one_hot = ColumnTransformer([("kind", OneHotEncoder(), [1])], remainder="passthrough")
preparation = [GapEncoder(time=0), Stepwise(one_hot)]
pipeline = make_pipeline(*preparation, RNNClassifier(max_epochs=30, random_state=0))
grid = {
    "gapencoder__add_time_since": [True, False],
    "rnnclassifier__conv_channels": [(64, 64), None],
}
search = GridSearchCV(pipeline, grid, cv=GroupKFold(3), n_jobs=2)
search.fit(X[train], y[train], groups=stores[train])
print(f"best parameters: {search.best_params_}")
print(f"cross-validated accuracy: {search.best_score_:.3f}")
print(f"test accuracy: {search.score(X[test], y[test]):.3f}")

# %%
# The honest baseline gets the same preparation and a summary of each sequence: length,
# and mean, spread, extremes, last value and slope of each column.
baseline = make_pipeline(
    *preparation,
    SequenceFeatures(),
    HistGradientBoostingClassifier(random_state=0),
)
baseline.fit(X[train], y[train])
print(f"summary and gradient boosting: {baseline.score(X[test], y[test]):.3f}")
print(f"always the more frequent answer: {max(y[test].mean(), 1 - y[test].mean()):.3f}")

# %%
# With the builder in front, the finished model takes a table. As the events come in, it
# says how likely a customer is to leave: here one of the test data who stayed and one
# who left, both with the most complaints of their kind. The probability rises while a
# complaint waits for its answer, and stays where the wait was too long.
model = make_pipeline(builder, search.best_estimator_)
of_test = events[events["customer"].isin(builder.ids(events)[test])]
complaints = (
    of_test[of_test["kind"] == "complaint"].groupby(["left", "customer"]).size()
)
figure, axes = plt.subplots(2, 1, figsize=(8, 5.5), sharey=True, layout="constrained")
for axis, left in zip(axes, [False, True], strict=True):
    customer = complaints[left].idxmax()
    table = of_test[of_test["customer"] == customer]
    days = (table["time"] - table["time"].iloc[0]) / pd.Timedelta("1D")
    risk = [model.predict_proba(table.iloc[: n + 1])[0, 1] for n in range(len(table))]
    axis.step(days, risk, where="post", color="grey")
    for kind in KINDS:
        is_kind = (table["kind"] == kind).to_numpy()
        axis.scatter(days[is_kind], np.array(risk)[is_kind], label=kind, zorder=3)
    axis.set_ylim(-0.05, 1.05)
    axis.set_title(f"customer {customer}, who {'left' if left else 'stayed'}")
axes[1].set_xlabel("days since the first event")
figure.supylabel("probability of leaving, after each event")
figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside upper center")
figure.savefig("events_to_classifier.png", dpi=100)
print("figure saved: events_to_classifier.png")

# %%
# :doc:`/tables` says what may be in such a table, :doc:`/scikit_learn` how groups get
# into a search.
