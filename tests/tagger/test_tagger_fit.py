"""Early stopping, validation sets, warm starts, partial fits and copies of taggers."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from tagger_tools import TINY, values_of

from sklearn_rnn import RNNTagger


def test_early_stopping_holds_whole_groups_out(steps):
    X, y = steps
    seen = []

    class Spy(RNNTagger):
        def _hold_out(self, data):
            parts = super()._hold_out(data)
            seen.extend(parts)
            return parts

    groups = np.arange(len(X)) // 5
    tagger = Spy(**TINY, early_stopping=True, validation_fraction=0.3)
    tagger.fit(X, y, groups=groups)
    assert [len(part) for part in seen] == [20, 10]
    assert len(tagger.validation_scores_) == 2
    held_out = {x.tobytes() for x in map(np.asarray, seen[1].X)}
    sides = [{x.tobytes() in held_out for x in X[5 * g : 5 * g + 5]} for g in range(6)]
    assert all(len(side) == 1 for side in sides)


@pytest.mark.parametrize("crf", [False, True])
def test_validation_scores_are_scores_of_steps(crf, steps):
    X, y = steps
    weight = [np.arange(len(x)) % 3 for x in X]
    tagger = RNNTagger(**TINY, crf=crf, early_stopping=True)
    tagger.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    assert_allclose(tagger.best_validation_score_, tagger.score(X, y, weight))
    with pytest.raises(
        ValueError, match=r"X_val\[0\] has \d steps, but sample_weight_val\[0\]"
    ):
        tagger.fit(X, y, X_val=X, y_val=y, sample_weight_val=[[1.0]] + weight[1:])


def test_warm_start_continues(steps):
    tagger = RNNTagger(**TINY, warm_start=True, crf=True).fit(*steps)
    first = tagger.loss_curve_[-1]
    tagger.fit(*steps)
    assert tagger.n_iter_ == 4
    assert tagger.loss_curve_[-1] < first


@pytest.mark.parametrize("crf", [False, True])
def test_partial_fit_learns_batch_by_batch(crf, steps):
    X, y = steps
    tagger = RNNTagger(hidden_size=8, random_state=0, crf=crf)
    with pytest.raises(ValueError, match="classes must be passed on the first"):
        tagger.partial_fit(X, y)
    classes = ["high", "low", "never seen"]
    for _ in range(15):
        tagger.partial_fit(X[:15], y[:15], classes=classes)
        tagger.partial_fit(
            X[15:], y[15:], sample_weight=[np.ones(len(x)) for x in X[15:]]
        )
    assert tagger.classes_.tolist() == classes
    assert tagger.n_iter_ == 30
    assert tagger.score(X, y) > 0.85
    with pytest.raises(ValueError, match="is not the same as on last call"):
        tagger.partial_fit(X, y, classes=["other"])
    with pytest.raises(ValueError, match=r"y\[0\] has 'x' at step 0"):
        tagger.partial_fit(X[:1], [["x"] * len(X[0])])


def test_partial_fit_of_sets_of_labels_needs_no_classes(steps):
    X, _ = steps
    tagger = RNNTagger(**TINY).partial_fit(X, [(x > 0).astype(int) for x in X])
    assert tagger.n_outputs_ == 2


@pytest.mark.parametrize("crf", [False, True])
def test_pickle_and_clone(crf, spans):
    X, y = spans
    tagger = RNNTagger(**TINY, crf=crf, scheme="iob2").fit(X, y)
    loaded = pickle.loads(pickle.dumps(tagger))
    assert_array_equal(loaded.predict_proba(X).values, tagger.predict_proba(X).values)
    assert_array_equal(values_of(loaded.predict(X)), values_of(tagger.predict(X)))
    copy = clone(tagger)
    assert not hasattr(copy, "net_")
    assert copy.fit(X, y).loss_curve_ == tagger.loss_curve_
