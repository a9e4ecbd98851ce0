"""Shapes of X: samples, steps and features."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from bad_input_tools import N_SAMPLES, error_of, refuses
from sklearn.base import clone

from sklearn_rnn import RaggedArray


@pytest.mark.parametrize(
    "X",
    [
        [],
        (),
        np.zeros((0, 4)),
        np.zeros((0, 4, 3)),
        RaggedArray(np.zeros((0, 3)), [0]),
        RaggedArray(np.zeros((5, 3)), [2]),
        torch.zeros(0, 4, 3),
        pd.DataFrame(np.zeros((0, 4))),
    ],
    ids=lambda X: f"{type(X).__name__}{getattr(X, 'shape', '')}",
)
def test_no_sample_is_refused(estimator, cube, y, X):
    with refuses(r"0 sample\(s\).*minimum of 1 is required"):
        estimator.fit(X, np.array([]))
    with refuses(r"0 sample\(s\)|X is 2-D"):
        estimator.fit(cube, y).predict(X)


@pytest.mark.parametrize(
    ("shape", "missing"),
    [((20, 0), "feature|step"), ((20, 0, 3), "step"), ((20, 4, 0), "feature")],
)
def test_no_step_and_no_feature_are_refused(estimator, y, shape, missing):
    with refuses(rf"0 ({missing})\(s\) \(shape=\({', '.join(map(str, shape))}\)"):
        estimator.fit(np.zeros(shape), y)


def test_sequences_without_features_are_refused(estimator, y):
    with refuses(r"X\[0\] has 0 features"):
        estimator.fit([np.zeros((3, 0))] * N_SAMPLES, y)
    with refuses(r"X with 0 feature\(s\)"):
        estimator.fit(RaggedArray(np.zeros((20, 0)), np.arange(21)), y)


@pytest.mark.parametrize("as_ragged", [False, True])
def test_an_empty_sequence_is_named(estimator, cube, sequences, y, as_ragged):
    sequences[5] = sequences[5][:0]
    X = RaggedArray.from_sequences(sequences) if as_ragged else sequences
    with refuses(r"X\[5\] is an empty sequence; each needs at least one step"):
        estimator.fit(X, y)
    with refuses(r"X\[5\] is an empty sequence"):
        estimator.fit(cube, y).predict(X)
    with refuses(r"X\[1\] is an empty sequence"):
        estimator.fit([[1.0], []], [0, 1])


def test_a_sequence_of_other_features_is_named(estimator, sequences, y):
    sequences[5] = sequences[5][:, :2]
    with refuses(r"X\[5\] has 2 features, but X\[0\] has 3"):
        estimator.fit(sequences, y)
    sequences[5] = sequences[5][:, 0]
    with refuses(r"X\[5\] has 1 features, but X\[0\] has 3"):
        estimator.fit(sequences, y)


def test_other_features_at_predict_are_counted(estimator, cube, sequences, y):
    name = type(estimator).__name__
    estimator.fit(cube, y)
    message = f"X has 2 features, but {name} is expecting 3 features as input"
    for X in (cube[:, :, :2], [s[:, :2] for s in sequences]):
        with refuses(message):
            estimator.predict(X)
        assert "swapped" not in error_of(estimator.predict, X)


def test_swapped_axes_are_recognised(estimator, cube, y):
    estimator.fit(cube, y)
    for X in (cube.transpose(0, 2, 1), [x.T for x in cube]):
        with refuses("X has 4 features.*expecting 3.*look swapped.*from_aeon"):
            estimator.predict(X)
    # a way out that the message names
    np.testing.assert_array_equal(
        estimator.predict(RaggedArray.from_aeon(cube.transpose(0, 2, 1))),
        estimator.predict(cube),
    )


def test_another_width_of_a_table_is_refused(estimator, cube, table, y):
    name = type(estimator).__name__
    estimator.fit(table, y)
    for X in (table[:, :3], pd.DataFrame(table[:, :3]), table[:, :3].tolist()):
        with refuses(f"X has 3 features, but {name} is expecting 4"):
            estimator.predict(X)
    with refuses(rf"X\[1\] has 3 steps, but {name} was fitted on a 2-D X of 4 steps"):
        estimator.predict([table[0], table[1, :3]])
    with refuses(f"X has sequences of 3 features, but {name} was fitted on a 2-D X"):
        estimator.predict(cube)


def test_a_table_is_refused_where_sequences_were_fitted(estimator, cube, table, y):
    estimator.fit(cube, y)
    for X in (table, pd.DataFrame(table), torch.from_numpy(table)):
        with refuses(r"X.*fitted on sequences of 3 features.*X\[np.newaxis\] or \[X\]"):
            estimator.predict(X)
    estimator.predict(cube[0][np.newaxis])  # as the message says
    estimator.predict([cube[0]])


def test_a_four_dimensional_array_is_refused(estimator, cube, y):
    with refuses(r"dim 4, of shape \(20, 4, 3, 1\).*X must be a 2-D array"):
        estimator.fit(cube[..., np.newaxis], y)
    with refuses(r"X\[0\] has 3 dimensions, of shape \(4, 3, 1\); it must have shape"):
        estimator.fit(list(cube[..., np.newaxis]), y)


@pytest.mark.parametrize(
    ("X", "came"),
    [
        (None, "None"),
        (3.0, r"scalar|float"),
        (np.array(3.0), r"scalar|0-?D|\(\)"),
        (torch.tensor(3.0), r"scalar|0-?D|\(\)"),
        (np.arange(3.0), r"1-?D|1 dimension|\(3,\)"),
        ([1, 2, 3], r"1-?D|1 dimension|\(3,\)"),
        (np.array([]), r"1-?D|1 dimension|\(0,\)"),
        (torch.arange(3.0), r"1-?D|1 dimension|\(3,\)"),
        (pd.Series([1.0, 2.0, 3.0]), r"Series"),
        ((x for x in [1, 2]), r"generator"),
        (object(), r"object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_fewer_than_two_dimensions_is_refused(
    classifier, cube, table, y, X, came
):
    for message in (
        error_of(classifier.fit, X, y[:3]),
        error_of(clone(classifier).fit(table, y).predict, X),
        error_of(clone(classifier).fit(cube, y).predict, X),
    ):
        assert re.search(r"\bX\b", message), message
        assert re.search(came, message), message
        assert "is 2-D" not in message


def test_a_table_without_columns_is_refused(estimator):
    pd = pytest.importorskip("pandas")
    with refuses(r"X with 0 feature\(s\)"):
        estimator.fit(pd.DataFrame(index=range(3)), [0, 1, 0])
