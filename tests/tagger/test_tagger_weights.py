"""Weights of sequences, steps and classes; unknown labels."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tagger_tools import TINY, values_of

from sklearn_rnn import RNNTagger

UNKNOWN = {
    "another label": "low",
    "a new label": "new",
    "None": None,
    "NaN": np.nan,
    "pd.NA": pd.NA,
    "a number": 3,
}


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("label", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_label_may_be_anything(label, crf, steps):
    X, y = steps
    weight = [np.ones(len(x)) for x in X]
    weight[3][1] = weight[7][0] = weight[7][-1] = 0
    expected = RNNTagger(**TINY, crf=crf).fit(X, y, sample_weight=weight)
    spoiled = [
        [label if w == 0 else v for v, w in zip(*p, strict=True)]
        for p in zip(y, weight, strict=True)
    ]
    tagger = RNNTagger(**TINY, crf=crf).fit(X, spoiled, sample_weight=weight)
    assert tagger.loss_curve_ == expected.loss_curve_
    assert tagger.classes_.tolist() == ["high", "low"]
    assert tagger.score(X, spoiled, weight) == expected.score(X, y, weight)
    full = RNNTagger(**TINY, crf=crf).fit(X, y)
    assert full.loss_curve_ != expected.loss_curve_


def test_unknown_sets_of_labels_may_be_anything(steps):
    X, _ = steps
    y = [(x > 0).astype(int) for x in X]
    weight = [np.ones(len(x)) for x in X]
    weight[3][1] = 0
    expected = RNNTagger(**TINY).fit(X, y, sample_weight=weight)
    y[3] = [row if i != 1 else None for i, row in enumerate(y[3])]
    tagger = RNNTagger(**TINY).fit(X, y, sample_weight=weight)
    assert tagger.loss_curve_ == expected.loss_curve_


def test_the_labels_of_a_sequence_of_weight_0_may_be_anything(steps):
    X, y = steps
    weight = np.ones(len(X))
    weight[2] = 0
    expected = RNNTagger(**TINY).fit(X[:2] + X[3:], y[:2] + y[3:])
    tagger = RNNTagger(**TINY).fit(X, [*y[:2], [None] * len(X[2]), *y[3:]], weight)
    assert tagger.loss_curve_ == expected.loss_curve_


def test_the_crf_sums_over_unknown_labels(spans):
    X, y = spans
    X, y = X[:1], y[:1]
    options = {**TINY, "crf": True, "max_epochs": 1, "scheme": "iob2"}
    weight = [np.ones(len(y[0]))]
    weight[0][1] = 0
    tagger = RNNTagger(**options).fit(*spans).set_params(warm_start=True)
    paths = [[*y[0][:1], tag, *y[0][2:]] for tag in tagger.classes_]
    likelihood = np.exp(tagger.path_log_proba(X * len(paths), paths)).sum()
    loss = tagger.fit(X, y, sample_weight=weight).loss_curve_[-1]
    n_known = len(y[0]) - 1  # the loss of a sequence is divided by its known steps
    assert_allclose(loss, -np.log(likelihood) / n_known, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"sample_weight": "ragged"}, {"class_weight": "balanced"}]
)
def test_the_crf_refuses_weights_of_steps_and_classes(options, steps):
    X, y = steps
    weight = None
    if "sample_weight" in options:
        weight = [np.linspace(1, 2, len(x)) for x in X]
    class_weight = options.get("class_weight")
    with pytest.raises(ValueError, match="crf=True takes weights of sequences"):
        RNNTagger(**TINY, crf=True, class_weight=class_weight).fit(X, y, weight)


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("per_step", [False, True])
def test_a_weight_of_2_is_two_copies(per_step, crf, steps):
    X, y = (part[:12] for part in steps)
    weight = np.array([2.0, 1, 1, 3, 1, 0] * 2)
    rows = np.repeat(np.arange(12), weight.astype(int))
    repeated = RNNTagger(**TINY, crf=crf).fit(
        [X[i] for i in rows], [y[i] for i in rows]
    )
    if per_step:
        weight = [np.full(len(x), w) for x, w in zip(X, weight, strict=True)]
    weighted = RNNTagger(**TINY, crf=crf).fit(X, y, weight)
    assert_allclose(
        weighted.predict_proba(X).values, repeated.predict_proba(X).values, rtol=1e-5
    )
    plain = RNNTagger(**TINY, crf=crf).fit(X, y)
    assert not np.allclose(
        plain.predict_proba(X).values, weighted.predict_proba(X).values, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (
            lambda X: [np.ones(len(x) + 1) for x in X],
            r"X\[0\] has . steps, but sample_weight\[0\] has . weights",
        ),
        (lambda X: [-np.ones(len(x)) for x in X], "one weight >= 0 a sequence or a"),
        (lambda X: [np.ones((len(x), 2)) for x in X], r"of shape \(2,\) a step"),
        (lambda X: [["a"] * len(x) for x in X], "one weight >= 0"),
        (lambda X: [[np.nan] * len(x) for x in X], r"sample_weight\[0\], step 0"),
        (lambda X: [np.zeros(len(x)) for x in X], "at least one non-zero"),
        (lambda X: np.zeros(len(X)), "at least one non-zero"),
        (lambda X: np.ones(len(X) - 1), "sample_weight.shape"),
    ],
)  # fmt: skip
def test_wrong_weights_are_refused(weight, message, steps):
    X, y = steps
    with pytest.raises(ValueError, match=message):
        RNNTagger(**TINY).fit(X, y, weight(X))


def test_a_number_is_one_weight_for_all(steps):
    assert (
        RNNTagger(**TINY).fit(*steps, 2.0).loss_curve_
        == RNNTagger(**TINY).fit(*steps).loss_curve_
    )


def test_class_weight_is_a_weight_of_the_steps_of_a_class(steps):
    both = [i for i, labels in enumerate(steps[1]) if len(set(labels)) == 2]
    X, y = ([part[i] for i in both] for part in steps)
    by_class = RNNTagger(**TINY, class_weight={"high": 1, "low": 4}).fit(X, y)
    weight = [np.where(labels == "low", 4.0, 1.0) for labels in y]
    by_step = RNNTagger(**TINY).fit(X, y, weight)
    assert_allclose(by_class.loss_curve_, by_step.loss_curve_, rtol=1e-6)
    balanced = RNNTagger(**TINY, class_weight="balanced").fit(X, y)
    counts = np.unique(values_of(y), return_counts=True)[1]
    expected = dict(zip(["high", "low"], counts.sum() / (2 * counts), strict=True))
    as_dict = RNNTagger(**TINY, class_weight=expected).fit(X, y)
    assert_allclose(balanced.loss_curve_, as_dict.loss_curve_, rtol=1e-6)


def test_a_class_weight_of_0_hides_a_class(steps):
    X, y = steps
    tagger = RNNTagger(
        hidden_size=4,
        max_epochs=20,
        learning_rate=0.1,
        random_state=0,
        class_weight={"high": 0, "low": 1},
    )
    assert set(values_of(tagger.fit(X, y).predict(X))) == {"low"}
    with pytest.raises(ValueError, match="class_weight"):
        tagger.set_params(class_weight={"high": 0, "low": 0}).fit(X, y)
