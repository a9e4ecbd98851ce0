"""Masked values are refused in every container."""

import numpy as np
import pandas as pd
import pytest
from bad_input_tools import N_SAMPLES, refuses
from sklearn.base import clone

from sklearn_rnn import RaggedArray


def test_masked_values_are_refused_and_not_read(estimator, cube, table, sequences, y):
    for X in (cube, table):
        with refuses("X has masked values"):
            estimator.fit(np.ma.masked_greater(X, 0.5), y)


def test_masked_values_in_a_list_are_refused_and_not_read(estimator, sequences, y):
    X = [np.ma.masked_greater(s, 0.5) for s in sequences]
    with refuses(r"X\[\d+\] has masked values"):
        estimator.fit(X, y)


def test_masked_values_in_a_ragged_array_are_refused_and_not_read(
    estimator, sequences, y
):
    X = RaggedArray.from_sequences(sequences)
    with refuses("masked values"):
        estimator.fit(RaggedArray(np.ma.masked_greater(X.values, 0.5), X.offsets), y)


def test_masked_values_do_not_vanish_on_the_way_into_a_ragged_array(
    regressor, sequences, y
):
    masked = [np.ma.masked_greater(s, 0.5) for s in sequences]
    with refuses("masked values"):
        regressor.fit(RaggedArray.from_sequences(masked), y)
    padded = np.ma.masked_greater(np.ones((N_SAMPLES, 3)), 0.5)
    with refuses("masked values"):
        regressor.fit(RaggedArray.from_padded(padded), y)


# y, weights and groups --------------------------------------------------------------


def half_masked(values):
    values = np.asarray(values)
    return np.ma.masked_array(values, np.arange(values.size).reshape(values.shape) % 3)


def as_series(masked):
    return pd.Series(list(masked), dtype=object)


def as_objects(masked):
    array = np.empty(len(masked), dtype=object)
    for i, value in enumerate(masked):
        array[i] = value
    return array


every_container = pytest.mark.parametrize(
    "contain",
    [lambda masked: masked, list, tuple, as_objects, as_series],
    ids=["array", "list", "tuple", "objects", "series"],
)


@every_container
def test_masked_targets_are_refused_and_not_trained_on(estimator, cube, y, contain):
    with refuses(r"^y(\[\d+\])? has masked values"):
        estimator.fit(cube, contain(half_masked(y)))
    with refuses(r"^y_val(\[\d+\])? has masked values"):
        estimator.fit(cube, y, X_val=cube, y_val=contain(half_masked(y)))
    assert not hasattr(estimator, "net_")


@every_container
def test_masked_targets_of_several_columns_are_refused(estimator, cube, y, contain):
    masked = half_masked(np.column_stack([y, 1 - y]))
    with refuses(r"^y(\[\d+\])? has masked values"):
        estimator.fit(cube, contain(masked))


def test_a_masked_value_in_a_nested_list_is_named(estimator, cube, sequences, y):
    nested = [[0, 1]] * (N_SAMPLES - 1) + [[1, np.ma.masked]]
    with refuses(r"^y\[19\]\[1\] has masked values"):
        estimator.fit(cube, nested)
    X = [s.tolist() for s in sequences]
    X[3][1][2] = np.ma.masked
    with refuses(r"^X\[3\]\[1\]\[2\] has masked values"):
        estimator.fit(X, y)


@every_container
def test_masked_weights_and_groups_are_refused(estimator, cube, y, contain):
    masked = contain(half_masked(np.ones(N_SAMPLES)))
    with refuses(r"^sample_weight(\[\d+\])? has masked values"):
        estimator.fit(cube, y, sample_weight=masked)
    with refuses(r"^groups(\[\d+\])? has masked values"):
        estimator.set_params(early_stopping=True).fit(cube, y, groups=masked)


@every_container
def test_masked_sequences_are_refused_in_every_container(
    estimator, cube, sequences, y, contain
):
    with refuses(r"^X(\[\d+\])? has masked values"):
        estimator.fit(contain(np.ma.masked_greater(cube, 0.5)), y)
    masked = [np.ma.masked_greater(s, 0.5) for s in sequences]
    with refuses(r"^X\[\d+\] has masked values"):
        estimator.fit(contain(masked), y)
    estimator.fit(cube, y)
    with refuses(r"^X\[\d+\] has masked values"):
        estimator.predict(contain(masked))


def test_a_mask_that_hides_nothing_changes_nothing(estimator, cube, y):
    expected = clone(estimator).fit(cube, y).predict(cube)
    X, target, weight = map(np.ma.masked_array, (cube, y, np.ones(N_SAMPLES)))
    actual = estimator.fit(X, target, sample_weight=weight).predict(X)
    np.testing.assert_array_equal(actual, expected)
