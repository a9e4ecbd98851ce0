"""partial_fit and predict, and what remains after an error."""

import numpy as np
import pytest
from bad_input_tools import refuses
from sklearn.base import clone


def test_before_fit_there_is_no_prediction(estimator, cube):
    with refuses(f"This {type(estimator).__name__} instance is not fitted yet"):
        estimator.predict(cube)


def test_partial_fit_holds_out_nothing(estimator, cube, y):
    estimator.set_params(early_stopping=True)
    with refuses("partial_fit does not support early_stopping=True"):
        estimator.partial_fit(cube, y)


def test_the_first_partial_fit_needs_the_classes(classifier, cube, y):
    with refuses("classes must be passed on the first"):
        classifier.partial_fit(cube, y)


def test_partial_fit_refuses_labels_that_were_not_announced(classifier, cube, y):
    with refuses(r"y has the labels \[1\], which are not among the classes \[0, 2\]"):
        classifier.partial_fit(cube, y, classes=[0, 2])
    classifier = clone(classifier).partial_fit(cube, y, classes=[0, 1])
    expected = classifier.predict_proba(cube)
    with refuses(r"y has the labels \[2\], which are not among the classes \[0, 1\]"):
        classifier.partial_fit(cube, y + 1)
    with refuses("classes=.*is not the same as on last call"):
        classifier.partial_fit(cube, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(classifier.predict_proba(cube), expected)


def test_partial_fit_refuses_other_shapes_than_before(regressor, cube, y):
    regressor.partial_fit(cube, y)
    with refuses("X has 2 features, but RNNRegressor is expecting 3"):
        regressor.partial_fit(cube[:, :, :2], y)
    with refuses("y has 2 outputs, but RNNRegressor was fitted on 1"):
        regressor.partial_fit(cube, np.column_stack([y, y]))


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_only_the_gaussian_loss_has_a_deviation(regressor, cube, y, loss):
    regressor.set_params(loss=loss).fit(cube, y)
    with refuses(f"return_std=True needs loss='gaussian'. Got loss='{loss}'"):
        regressor.predict(cube, return_std=True)


def test_a_failed_fit_leaves_the_fitted_estimator_as_it_was(estimator, cube, y):
    expected = estimator.fit(cube, y).predict(cube)
    bad = cube.copy()
    bad[0, 0, 0] = np.nan
    with refuses("NaN"):
        estimator.fit(bad[:, :, :2], y)
    np.testing.assert_array_equal(estimator.predict(cube), expected)
