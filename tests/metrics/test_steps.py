"""Steps: equal to scikit-learn on labels laid end to end, from every container."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_rnn import RaggedArray
from sklearn_rnn.metrics import (
    make_step_scorer,
    sequence_accuracy_score,
    span_f1_scorer,
    step_accuracy_score,
    step_accuracy_scorer,
    step_classification_report,
    step_f1_score,
    step_f1_scorer,
    step_mean_absolute_error,
    step_r2_score,
)


def ragged(values, lengths):
    return np.split(values, np.cumsum(lengths)[:-1])


def object_array(y):
    array = np.empty(len(y), dtype=object)
    array[:] = y
    return array


LENGTHS = [3, 1, 5, 2]
RNG = np.random.default_rng(0)
TRUE, PRED = RNG.choice(list("abc"), (2, sum(LENGTHS)))
CONTAINERS = {
    "list": list,
    "list of lists": lambda y: [a.tolist() for a in y],
    "tuple": tuple,
    "object array": object_array,
    "Series": lambda y: pd.Series([a.tolist() for a in y]),
    "RaggedArray": RaggedArray.from_sequences,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_scores_equal_scikit_learn_on_flat_labels(container):
    wrap = CONTAINERS[container]
    y_true, y_pred = wrap(ragged(TRUE, LENGTHS)), wrap(ragged(PRED, LENGTHS))
    assert step_accuracy_score(y_true, y_pred) == metrics.accuracy_score(TRUE, PRED)
    for average in ("macro", "micro", "weighted"):
        assert step_f1_score(y_true, y_pred, average=average) == metrics.f1_score(
            TRUE, PRED, average=average
        )
    assert step_classification_report(y_true, y_pred) == metrics.classification_report(
        TRUE, PRED
    )


def test_multilabel_and_numbers_equal_scikit_learn():
    bits, other = RNG.integers(0, 2, (2, 11, 4))
    assert step_f1_score(ragged(bits, LENGTHS), ragged(other, LENGTHS)) == (
        metrics.f1_score(bits, other, average="macro")
    )
    x, z = RNG.normal(size=(2, 11, 3))
    assert step_r2_score(ragged(x, LENGTHS), ragged(z, LENGTHS)) == (
        metrics.r2_score(x, z)
    )
    np.testing.assert_array_equal(
        step_mean_absolute_error(
            ragged(x, LENGTHS), ragged(z, LENGTHS), multioutput="raw_values"
        ),
        metrics.mean_absolute_error(x, z, multioutput="raw_values"),
    )


def test_other_lengths_are_refused_with_their_place():
    y = [[0], [1], [0], [0] * 12]
    with pytest.raises(
        ValueError, match=r"y_true\[3\] has 12 steps, but y_pred\[3\] has 11"
    ):
        step_accuracy_score(y, [*y[:3], [0] * 11])
    with pytest.raises(ValueError, match="y_true has 4 sequences, but y_pred has 3"):
        step_accuracy_score(y, y[:3])
    # as many steps in all
    with pytest.raises(ValueError, match=r"y_true\[0\] has 1 steps"):
        step_accuracy_score([[0], [0, 1]], [[0, 0], [1]])


def test_a_step_of_weight_zero_is_not_scored():
    y_true, y_pred = [["a", "?"], ["b"]], [["a", "b"], ["b"]]
    weight = [[1, 0], [2]]
    assert step_f1_score(y_true, y_pred, sample_weight=weight) == 1
    assert step_accuracy_score(y_true, y_pred, sample_weight=[1, 2]) == 0.75
    with pytest.raises(ValueError, match="not negative"):
        step_accuracy_score(y_true, y_pred, sample_weight=[-1, 1])


def test_sequence_accuracy_is_that_of_whole_sequences():
    y_true, y_pred = ragged(TRUE, LENGTHS), ragged(PRED, LENGTHS)
    right = [(a == b).all() for a, b in zip(y_true, y_pred, strict=True)]
    assert sequence_accuracy_score(y_true, y_pred) == np.mean(right)
    assert sequence_accuracy_score(y_true, y_true) == 1


class StepTagger(BaseEstimator):
    """Class of a step by the sign of a number."""

    def __init__(self, threshold=0.0):
        self.threshold = threshold

    def fit(self, X, y):
        self.classes_ = np.array(["B-A", "O"])
        return self

    def predict(self, X):
        return object_array(
            [self.classes_[(x[:, 0] > self.threshold).astype(int)] for x in X]
        )

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X.values[:, 0]))
        return RaggedArray(np.stack([1 - p, p], axis=1), X.offsets)


@pytest.fixture
def steps():
    lengths = RNG.integers(1, 6, 20)
    x = RNG.normal(size=lengths.sum())
    y = np.where(x + 0.3 * RNG.normal(size=len(x)) > 0, "O", "B-A")
    X = RaggedArray(x, np.cumsum([0, *lengths]))
    return X, object_array(ragged(y, lengths))


@pytest.mark.parametrize(
    "scorer", [step_accuracy_scorer, step_f1_scorer, span_f1_scorer]
)
def test_scorers_work_in_cross_validation_and_search(scorer, steps):
    X, y = steps
    assert (cross_val_score(StepTagger(), X, y, scoring=scorer, cv=3) > 0.5).all()
    grid = {"threshold": [0.0, 5.0]}
    search = GridSearchCV(StepTagger(), grid, scoring=scorer, cv=3)
    assert clone(search).fit(X, y).best_params_ == {"threshold": 0.0}
    copy = pickle.loads(pickle.dumps(scorer))
    tagger = StepTagger().fit(X, y)
    assert copy(tagger, X, y) == scorer(tagger, X, y)


@pytest.mark.parametrize("metric", [metrics.log_loss, metrics.roc_auc_score])
def test_scorer_of_probabilities_equals_scikit_learn_on_flat_steps(metric, steps):
    X, y = steps
    scorer = make_step_scorer(metric, response_method="predict_proba")
    tagger = StepTagger().fit(X, y)
    expected = metric(np.concatenate(y), tagger.predict_proba(X).values[:, 1])
    scorer = pickle.loads(pickle.dumps(scorer))
    assert scorer(tagger, X, y) == pytest.approx(expected)
    assert len(cross_val_score(tagger, X, y, scoring=scorer, cv=2)) == 2


def test_scorer_accepts_step_weights(steps):
    X, y = steps
    tagger = StepTagger().fit(X, y)
    right = [(a == b).astype(int) for a, b in zip(y, tagger.predict(X), strict=True)]
    scorer = make_step_scorer(metrics.balanced_accuracy_score)
    assert scorer(tagger, X, y, sample_weight=right) == 1
