"""Weights, groups and validation data."""

import re

import numpy as np
import pytest
from bad_input_tools import N_SAMPLES, refuses
from sklearn.base import clone

from sklearn_rnn import RNNClassifier


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(5), r"sample_weight.shape == \(5,\), expected \(20,\)"),
        (np.ones((20, 2)), "Sample weights must be 1D"),
        (np.r_[-1, np.ones(19)], "Negative values.*sample_weight"),
        (-np.ones(20), "Negative values.*sample_weight"),
        (-1.0, "Negative values.*sample_weight"),
        (np.zeros(20), "weights must contain at least one non-zero number"),
        (0.0, "weights must contain at least one non-zero number"),
        (np.r_[np.nan, np.ones(19)], "sample_weight contains NaN"),
        (np.r_[np.inf, np.ones(19)], "sample_weight contains infinity"),
        (["a"] * 20, "could not convert string"),
    ],
)
def test_bad_weights_are_refused(estimator, cube, y, weight, message):
    with refuses(message):
        estimator.fit(cube, y, sample_weight=weight)
    with refuses(message):
        estimator.fit(cube, y, X_val=cube, y_val=y, sample_weight_val=weight)
    options = {"classes": [0, 1]} if isinstance(estimator, RNNClassifier) else {}
    with refuses(message):
        estimator.partial_fit(cube, y, sample_weight=weight, **options)


@pytest.mark.parametrize("scale", [1e-320, 1e-100, 1e100, 1e308])
def test_weights_of_any_size_count_or_are_refused_by_name(estimator, cube, y, scale):
    weight = 1 + np.arange(N_SAMPLES) % 2 / 2
    expected = clone(estimator).fit(cube, y, sample_weight=weight).predict(cube)
    try:
        estimator.fit(cube, y, sample_weight=weight * scale)
    except ValueError as error:
        assert re.search("sample.weight", str(error))
    else:
        np.testing.assert_allclose(estimator.predict(cube), expected, rtol=1e-3)


@pytest.mark.parametrize("small", [1e-30, 1e-90, 1e-300])
def test_one_sample_may_outweigh_all_others(estimator, cube, y, small):
    """Also where the others, in units of its weight, have no deviation at all."""
    weight = np.r_[1.0, np.full(N_SAMPLES - 1, small)]
    prediction = estimator.fit(cube, y, sample_weight=weight).predict(cube)
    assert np.isfinite(prediction).all()


def test_groups_are_one_a_sample(estimator, cube, y):
    estimator.set_params(early_stopping=True)
    with refuses(r"inconsistent numbers of samples: \[20, 20, 5\]"):
        estimator.fit(cube, y, groups=np.arange(5))


def test_validation_data_need_both_parts(estimator, cube, y):
    with refuses(r"X_val and y_val belong together. Got no y_val"):
        estimator.fit(cube, y, X_val=cube)
    with refuses(r"X_val and y_val belong together. Got no X_val"):
        estimator.fit(cube, y, y_val=y)


def test_weights_of_no_validation_data_are_refused(estimator, cube, y):
    with refuses("sample_weight_val.*X_val"):
        estimator.fit(cube, y, sample_weight_val=np.ones(20))


def test_validation_data_are_checked(estimator, cube, y):
    with refuses(r"inconsistent numbers of samples: \[20, 5\]"):
        estimator.fit(cube, y, X_val=cube, y_val=y[:5])
    with refuses("X_val must have at least 2 samples. Got 1"):
        estimator.fit(cube, y, X_val=cube[:1], y_val=y[:1])
    with refuses("2 features.*expecting 3"):
        estimator.fit(cube, y, X_val=cube[:, :, :2], y_val=y)


def test_bad_validation_data_are_called_by_their_name(estimator, cube, y):
    bad = cube.copy()
    bad[7, 2, 1] = np.nan
    with refuses(r"X_val.*\[7\] has NaN at step 2, feature 1"):
        estimator.fit(cube, y, X_val=bad, y_val=y)
    with refuses("X_val has 2 features"):
        estimator.fit(cube, y, X_val=cube[:, :, :2], y_val=y)
    with refuses("y_val"):
        estimator.fit(cube, y, X_val=cube, y_val=np.full(N_SAMPLES, np.nan))


def test_labels_of_the_validation_data_were_seen(classifier, cube, y):
    with refuses(r"labels \[5, 6\].*not among the classes \[0, 1\]"):
        classifier.fit(cube, y, X_val=cube, y_val=y + 5)
