"""Values of X that are not finite, too large or too small."""

import re

import numpy as np
import pytest
from bad_input_tools import N_SAMPLES, refuses
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import Stepwise


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
        (1e39, "a value too large for float32"),
        (-1e300, "a value too large for float32"),
    ],
)
def test_a_value_that_is_not_finite_is_named_with_its_place(
    estimator, cube, table, sequences, y, value, what
):
    bad_cube, bad_table, bad_list = cube.copy(), table.copy(), sequences
    bad_cube[17, 3, 2] = bad_table[17, 3] = value
    bad_list[17] = bad_cube[17]
    bad_list[19][:] = value  # the first one is named
    message = rf"^X\[17\] has {what} at step 3, feature "
    for X in (bad_cube, bad_list, RaggedArray.from_sequences(bad_list)):
        with refuses(message + r"2\b.*" + type(estimator).__name__):
            estimator.fit(X, y)
    with refuses(message + r"0\b"):
        estimator.fit(bad_table, y)
    estimator.fit(cube, y)
    with refuses(message + r"2\b"):
        estimator.predict(bad_cube)
    with refuses(message + r"2\b"):
        estimator.predict(bad_list)


def test_nan_in_a_part_of_a_ragged_array_is_counted_from_the_part(
    estimator, sequences, y
):
    sequences[7][1, 2] = np.nan
    X = RaggedArray.from_sequences(sequences)
    with refuses(r"X\[2\] has NaN at step 1, feature 2"):
        estimator.fit(X[5:], y[5:])
    estimator.fit(X[8:], y[8:])  # NaN outside the part does not matter


def test_infinities_that_cancel_out_are_found(estimator, cube, y):
    cube[3, 0, 0], cube[5, 1, 1] = np.inf, -np.inf
    with refuses(r"X\[3\] has infinity at step 0, feature 0"):
        estimator.fit(cube, y)


def test_the_largest_values_of_float32_are_no_infinity(regressor, cube, y):
    X = np.sign(cube) * np.finfo(np.float32).max
    assert np.isfinite(regressor.fit(X / 4, y).predict(X)).all()
    assert np.isfinite(regressor.fit(cube, y).predict(X)).all()


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-30])
def test_the_smallest_values_of_float32_are_read(regressor, cube, y, size):
    X = (np.sign(cube) * size).astype("f4")
    assert np.isfinite(regressor.fit(X, y).predict(X)).all()
    X = X * (np.arange(N_SAMPLES) < 1).reshape(-1, 1, 1)  # nearly always 0
    assert np.isfinite(regressor.fit(X, y).predict(X)).all()


@pytest.mark.parametrize("make", [np.array, list], ids=["array", "list"])
def test_an_integer_too_large_for_any_float_is_refused(estimator, y, make):
    with refuses("X"):
        estimator.fit(make([[10**400, 1]] * N_SAMPLES), y)
    with refuses(r"X\[0\]"):
        estimator.fit([[10**400, 1], [1]] * (N_SAMPLES // 2), y)


@pytest.mark.parametrize("pooling", ["meanmax", "attention"])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "encode"])
def test_values_far_beyond_those_of_fit_give_finite_results_or_an_error_with_the_place(
    classifier, rng, pooling, method
):
    X, y = rng.normal(size=(20, 80, 3)).astype("f4"), np.arange(20) % 3
    classifier.set_params(cell="rnn", nonlinearity="relu", pooling=pooling).fit(X, y)
    try:
        result = getattr(classifier, method)(X * np.float32(6e37))
    except ValueError as error:
        assert re.match(r"X\[\d+\] drives the network out of the range", str(error))
        assert "nonlinearity='tanh'" in str(error)
    else:
        assert np.isfinite(result).all()


def test_a_huge_sequence_leaves_the_others_alone_to_the_last_bit(rng):
    X, y = rng.normal(size=(20, 12, 3)).astype("f4"), np.arange(20) % 2
    classifier = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    expected = classifier.predict_proba(X)
    X[3] = 1e30
    proba = classifier.predict_proba(X)
    assert np.isfinite(proba).all()
    others = np.arange(20) != 3
    np.testing.assert_array_equal(proba[others], expected[others])


@pytest.mark.parametrize("n_large", [1, N_SAMPLES // 2])
def test_a_difference_from_the_mean_that_float32_cannot_hold_is_refused(
    estimator, cube, y, n_large
):
    X = np.full(cube.shape, -3e38, "f4")
    X[N_SAMPLES - n_large :, 2, 1] = 3.4e38
    message = rf"X\[{N_SAMPLES - n_large}\] has 3.4e\+38 at step 2, feature 1, whose "
    with refuses(message + r"difference from the feature's mean -.*Scale X first"):
        estimator.fit(X, y)
    assert not hasattr(estimator, "net_")
    assert np.isfinite(estimator.fit(X / 4, y).predict(X)).all()
    fitted = make_pipeline(Stepwise(MaxAbsScaler()), estimator).fit(X, y)
    assert np.isfinite(fitted.predict(X)).all()
