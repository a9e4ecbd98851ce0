"""Standardisation of X and y inside the network."""

import warnings

import numpy as np
import pytest
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


@pytest.mark.parametrize("offset", [1e8, 1.7e9])
def test_values_that_float32_cannot_tell_apart_warn(rng, offset):
    X = offset + rng.normal(size=(30, 5, 2)) * [1e6, 1.0]
    with pytest.warns(UserWarning, match=r"Feature 1 of X .* float32 rounds to") as w:
        make_classifier(max_epochs=1).fit(X, np.arange(30) % 2)
    assert len([r for r in w if "float32" in str(r.message)]) == 1


def test_a_large_offset_that_float32_holds_does_not_warn(rng):
    X = 1e5 + rng.normal(size=(30, 5, 1))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*float32 rounds")
        make_classifier(max_epochs=1).fit(X, np.arange(30) % 2)
