"""Cross-validation, compared with a plain loop over folds."""

import numpy as np
import pytest
from scikit_learn_tools import N_SAMPLES, make_classifier, make_regressor, take
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import (
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
    permutation_test_score,
)

from sklearn_rnn import RaggedArray


def test_cross_validate_takes_several_scorers(X, y):
    scorers = ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "neg_log_loss"]
    results = cross_validate(
        make_classifier(),
        X,
        y,
        scoring=scorers,
        cv=3,
        return_indices=True,
        return_train_score=True,
    )
    for name in scorers[:-1]:
        assert (results[f"test_{name}"] > 0.85).all(), name
        assert (results[f"train_{name}"] > 0.85).all(), name
    assert (results["test_neg_log_loss"] > np.log(0.5) / 2).all()
    folds = zip(results["indices"]["train"], results["indices"]["test"], strict=True)
    for accuracy, (train, test) in zip(results["test_accuracy"], folds, strict=True):
        by_hand = make_classifier().fit(take(X, train), y[train])
        assert accuracy == by_hand.score(take(X, test), y[test])


def test_cross_validate_takes_several_scorers_of_a_regressor(X, target):
    scorers = {"r2": "r2", "error": "neg_mean_absolute_error", "own": _score_by_hand}
    results = cross_validate(make_regressor(), X, target, scoring=scorers, cv=3)
    assert results["test_r2"].mean() > 0.8
    assert results["test_error"].mean() > -0.5 * target.std()
    np.testing.assert_allclose(results["test_own"], results["test_r2"])


def _score_by_hand(estimator, X, y):
    return r2_score(y, estimator.predict(X))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_cross_val_predict_equals_a_plain_loop_over_folds(method, X, y):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    predicted = cross_val_predict(make_classifier(), X, y, cv=cv, method=method)
    if method == "predict":
        assert accuracy_score(y, predicted) > 0.9
    for train, test in cv.split(np.zeros(N_SAMPLES), y):
        by_hand = make_classifier().fit(take(X, train), y[train])
        expected = getattr(by_hand, method)(take(X, test))
        assert np.array_equal(predicted[test], expected)


def test_cross_val_predict_of_a_regressor_equals_a_plain_loop_over_folds(X, target):
    targets = np.column_stack([target, -3 * target])
    predicted = cross_val_predict(make_regressor(), X, targets, cv=KFold(3))
    assert r2_score(targets, predicted) > 0.8
    for train, test in KFold(3).split(targets):
        by_hand = make_regressor().fit(take(X, train), targets[train])
        assert np.array_equal(predicted[test], by_hand.predict(take(X, test)))


def test_cross_validation_does_not_depend_on_the_ragged_container(sequences, y):
    as_objects = np.empty(len(sequences), dtype=object)
    as_objects[:] = sequences
    containers = [sequences, RaggedArray.from_sequences(sequences), as_objects]
    expected, *others = [
        cross_val_predict(make_classifier(), X, y, cv=3, method="predict_proba")
        for X in containers
    ]
    for other in others:
        assert np.array_equal(other, expected)


def test_group_folds_keep_groups_apart(X, y):
    groups = np.arange(N_SAMPLES) // 5
    results = cross_validate(
        make_classifier(),
        X,
        y,
        groups=groups,
        cv=StratifiedGroupKFold(3),
        return_indices=True,
    )
    assert results["test_score"].mean() > 0.9
    indices = results["indices"]
    for train, test in zip(indices["train"], indices["test"], strict=True):
        assert not set(groups[train]) & set(groups[test])


def test_permutation_test_score_tells_labels_from_permuted_ones(X, y):
    score, permuted, p_value = permutation_test_score(
        make_classifier(), X, y, cv=2, n_permutations=4, random_state=0
    )
    assert score > 0.9
    assert permuted.mean() < 0.7
    assert p_value == 1 / 5
