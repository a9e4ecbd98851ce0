"""Meta-estimators of one network: calibration, thresholds, targets, multi-output."""

import numpy as np
import pytest
from scikit_learn_tools import N_SAMPLES, make_classifier, make_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

from sklearn_rnn import RaggedArray


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration_takes_sequences(ensemble, X, y):
    calibrated = CalibratedClassifierCV(make_classifier(), cv=2, ensemble=ensemble)
    assert calibrated.fit(X, y).score(X, y) > 0.9
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_calibration_of_a_frozen_network_keeps_the_order_of_its_probabilities(X, y):
    network = make_classifier(max_epochs=4).fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(network)).fit(X, y)
    before, after = (m.predict_proba(X)[:, 1] for m in (network, calibrated))
    assert (np.diff(after[np.argsort(before)]) >= 0).all()
    assert np.abs(after - before).max() > 0.01
    assert calibrated.score(X, y) > 0.9


def test_tuned_threshold_is_compared_with_the_probability(X, y):
    tuned = TunedThresholdClassifierCV(make_classifier(), cv=2).fit(X, y)
    probability = make_classifier().fit(X, y).predict_proba(X)[:, 1]
    above = (probability >= tuned.best_threshold_).astype(int)
    assert np.array_equal(tuned.predict(X), tuned.classes_[above])
    assert tuned.best_score_ > 0.9


def test_fixed_threshold_is_compared_with_the_probability(X, y):
    classifier = make_classifier(max_epochs=4)
    probability = classifier.fit(X, y).predict_proba(X)[:, 1]
    threshold = np.sort(probability)[10:12].mean()
    fixed = FixedThresholdClassifier(classifier, threshold=threshold, pos_label="up")
    assert (fixed.fit(X, y).predict(X) == "up").sum() == N_SAMPLES - 11


def test_transformed_target_is_transformed_there_and_back(X, target):
    wrapped = TransformedTargetRegressor(
        make_regressor(), func=np.log, inverse_func=np.exp
    ).fit(X, target)
    by_hand = np.exp(make_regressor().fit(X, np.log(target)).predict(X))
    np.testing.assert_allclose(wrapped.predict(X), by_hand)
    assert wrapped.score(X, target) > 0.8


def test_multi_output_classifier_fits_one_network_per_column(X, y):
    labels = np.column_stack([y, np.roll(y, 1)])
    wrapped = MultiOutputClassifier(make_classifier()).fit(X, labels)
    for column, predicted in zip(labels.T, wrapped.predict(X).T, strict=True):
        assert np.array_equal(make_classifier().fit(X, column).predict(X), predicted)
    assert accuracy_score(y, wrapped.predict(X)[:, 0]) > 0.9


def test_multi_output_regressor_fits_one_network_per_column(X, target):
    targets = np.column_stack([target, np.roll(target, 1)])
    wrapped = MultiOutputRegressor(make_regressor()).fit(X, targets)
    for column, predicted in zip(targets.T, wrapped.predict(X).T, strict=True):
        assert np.array_equal(make_regressor().fit(X, column).predict(X), predicted)
    assert r2_score(target, wrapped.predict(X)[:, 0]) > 0.8


@pytest.fixture
def three_classes(rng, sequences):
    """The values of the sequences shifted by class, and the class of each."""
    y = np.array(["a", "b", "c"])[rng.permutation(N_SAMPLES) % 3]
    shift = {"a": [0, 0], "b": [4, 0], "c": [0, 4]}
    X = [x - x.mean(axis=0) + shift[c] for x, c in zip(sequences, y, strict=True)]
    return X, y


@pytest.mark.parametrize("container", ["array", "list", "ragged"])
def test_one_vs_rest_takes_sequences(container, three_classes):
    sequences, y = three_classes
    if container == "array":
        X = np.stack([x[:4] for x in sequences])
    else:
        ragged = container == "ragged"
        X = RaggedArray.from_sequences(sequences) if ragged else sequences
    wrapped = OneVsRestClassifier(make_classifier(max_epochs=15)).fit(X, y)
    assert wrapped.score(X, y) > 0.9
    for member, label in zip(wrapped.estimators_, "abc", strict=True):
        by_hand = make_classifier(max_epochs=15).fit(X, (y == label).astype(int))
        assert np.array_equal(member.predict_proba(X), by_hand.predict_proba(X))
