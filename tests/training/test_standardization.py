"""Standardisation of X and y inside the network."""

import numpy as np
from training_tools import make_classifier, make_regressor


def test_predictions_are_invariant_to_the_scale_of_features(ragged):
    X, y = ragged
    scaled = [x * np.array([1024.0, 0.25]) for x in X]  # powers of two: exact
    expected = make_classifier().fit(X, y).predict_proba(X)
    actual = make_classifier().fit(scaled, y).predict_proba(scaled)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_scale_of_targets_scales_predictions(ragged):
    X, _ = ragged
    y = np.array([x[:, 0].mean() for x in X])
    expected = make_regressor().fit(X, y).predict(X)
    actual = make_regressor().fit(X, 1000 * y + 1e6).predict(X)
    np.testing.assert_allclose(actual, 1000 * expected + 1e6, rtol=1e-6)


def test_constant_targets_are_predicted(ragged):
    X, _ = ragged
    predicted = make_regressor(max_epochs=50).fit(X, np.full(len(X), 7.0)).predict(X)
    np.testing.assert_allclose(predicted, 7, atol=0.3)
