"""
From a DataFrame of events to a tuned classifier
================================================

Event data often come as a table with one row per event: the customer, the time, the
kind of event, and an amount that is often missing. This example predicts which
customers will leave. It goes from the table to a classifier tuned by a grid search.
"""

# %%
# The example generates its own table; replace it by yours. A customer leaves after
# waiting more than twelve days for the answer to a complaint. Neither a single event
# nor the number of events of each kind reveals this: the order of the events and the
# time between them matter. As in real data, some labels are wrong: one in twenty.
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
    pace, care = rng.uniform(1, 3, 20), rng.uniform(0.1, 0.3, 20)  # of 20 stores
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
    # without an answer, the wait lasts until the last event
    waits = answers[np.searchsorted(answers[:-1], complaints)] - complaints
    return waits.max(initial=0)


events = make_events()
print(events.head(4).to_string())

# %%
# :class:`~sklearn_rnn.preprocessing.SequenceBuilder` converts the table to one sequence
# per customer, sorted by time, and returns the label and the store of each customer in
# the same order. Text features must be encoded as numbers, here as the number of the
# kind. Missing amounts stay missing.
events["kind_number"] = events["kind"].map(KINDS.index)
builder = SequenceBuilder(
    "customer", time="time", features=["time", "kind_number", "amount"]
)
X = builder.fit_transform(events)
y = builder.targets(events, "left")
stores = builder.targets(events, "store")
print(f"{X}; {y.mean():.0%} of the customers left")

# %%
# Stores differ, and the classifier must work for new stores. The stores are therefore
# the groups of all splits, starting with the split into training and test data.
split = GroupShuffleSplit(test_size=0.3, random_state=0)
train, test = next(split.split(X, y, groups=stores))
print(f"{len(train)} training customers, {len(test)} test customers of other stores")

# %%
# :class:`~sklearn_rnn.preprocessing.GapEncoder` imputes the missing amounts, adds a
# mask of them, and replaces the time by the time since the previous event.
# :class:`~sklearn_rnn.preprocessing.Stepwise` applies scikit-learn transformers to all
# steps as one table. Here it one-hot encodes the kind, which is still column 1. Each
# split fits these transformers on its training data only.
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
# The baseline uses the same preprocessing and a summary of each sequence: the length
# and, for each column, the mean, spread, extremes, last value and slope.
baseline = make_pipeline(
    *preparation,
    SequenceFeatures(),
    HistGradientBoostingClassifier(random_state=0),
)
baseline.fit(X[train], y[train])
print(f"summary and gradient boosting: {baseline.score(X[test], y[test]):.3f}")
print(f"most frequent class: {max(y[test].mean(), 1 - y[test].mean()):.3f}")

# %%
# With the builder as its first step, the fitted pipeline accepts a table. It predicts
# the probability that a customer leaves, after each event. The figure shows two test
# customers, one who stayed and one who left, each with the most complaints of that
# class. The probability rises while a complaint is unanswered, and stays high if the
# wait was too long.
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
# For the columns of such a table, see :doc:`/tables`. For groups in a search, see
# :doc:`/scikit_learn`.
