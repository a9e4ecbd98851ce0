"""check_step_targets: every container, and errors that name the place."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_rnn import RaggedArray
from sklearn_rnn._sequences._steps import check_step_targets


def object_array(y):
    array = np.empty(len(y), dtype=object)
    array[:] = [np.array(item) for item in y]
    return array


@pytest.mark.parametrize(
    "y",
    [
        [["a", "b"], ["c"]],
        (("a", "b"), ("c",)),
        [np.array(["a", "b"]), np.array(["c"], dtype=object)],
        object_array([["a", "b"], ["c"]]),
        pd.Series([["a", "b"], ["c"]]),
        [pd.Series(["a", "b"]), pd.Series(["c"])],
        RaggedArray(np.array(["a", "b", "c"]), [0, 2, 3]),
        RaggedArray(np.array(["a", "b", "c"], dtype=object), [0, 2, 3]),
    ],
)
def test_every_container_of_labels_gives_the_same(y):
    values, offsets = check_step_targets(y)
    assert values.tolist() == ["a", "b", "c"]
    assert values.dtype.kind == "U"
    assert offsets.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("y", "shape", "dtype"),
    [
        (np.zeros((2, 3), dtype=int), (6,), "int64"),
        (pd.DataFrame(np.zeros((2, 3))), (6,), "float64"),
        (np.zeros((2, 3, 4), dtype=bool), (6, 4), "bool"),
        (torch.zeros(2, 3), (6,), "float32"),
        ([torch.zeros(2, 4), torch.zeros(4, 4)], (6, 4), "float32"),
        ([[[0, 1]], [[1, 1]]], (2, 2), "int64"),
        (object_array([[1], [2]]), (2,), "int64"),
        (np.array([["a", "b"]], dtype=object), (2,), "<U1"),
        (RaggedArray(np.zeros((5, 3)), [0, 2, 5]), (5, 3), "float64"),
    ],
)
def test_numbers_and_columns_keep_shape_and_type(y, shape, dtype):
    values, _ = check_step_targets(y)
    assert values.shape == shape
    assert values.dtype == dtype


@pytest.mark.parametrize(
    ("y", "shape"),
    [
        ([[], ["a"], []], (1,)),
        ([np.zeros((0, 3)), [], np.zeros((2, 3))], (2, 3)),
        (RaggedArray(np.ones(1), [0, 0, 1, 1]), (1,)),
    ],
)
def test_some_sequences_may_be_empty(y, shape):
    values, offsets = check_step_targets(y)
    assert values.shape == shape
    assert len(offsets) == 4
    assert offsets[-1] == shape[0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("abc", "y must be one sequence of labels .* Got str"),
        (None, "Got NoneType"),
        (5, "Got an array of 0 dimensions, int"),
        (["a", "b"], "y must be one sequence .* Got a flat list of strings"),
        (np.arange(3), "Got a flat list of scalars"),
        ([], "0 sample"),
        ([["a"], 3], r"y\[1\] is no sequence but 3"),
        ([[], []], "y has no steps: all of its sequences are empty"),
        (RaggedArray(np.ones(0), [0, 0, 0]), "y has no steps"),
        (np.zeros((2, 0)), "y has no steps"),
        (np.zeros((2, 3, 0)), "0 columns"),
        ([["a"], ["b", None]], r"y\[1\], step 1: a value is missing"),
        ([["a"], ["b", np.nan]], r"y\[1\], step 1: a value is missing"),
        ([[1.0], [2.0, np.nan]], r"y\[1\], step 1: NaN"),
        (np.array([["a", None]], dtype=object), r"y\[0\], step 1: a value is missing"),
        ([[1.0, np.inf]], r"y\[0\], step 1: infinity"),
        ([[1], ["a"]], r"y\[1\] has strings, but y\[0\] has numbers"),
        ([[1, "a"]], r"y\[0\] mixes strings and numbers"),
        ([[1j]], r"Complex data not supported: y\[0\]"),
        ([[b"a"]], "must hold strings, booleans or real numbers"),
        ([[{}]], "Got dict"),
        ([["a", ["b"]]], r"y\[0\] must have shape"),
        ([np.zeros((1, 2)), np.zeros((1, 3))], r"y\[1\] has shape \(1, 3\)"),
        (np.ma.masked_array([[1, 2]], [[True, False]]), "y has masked values"),
        ([np.ma.masked_array([1, 2], [True, False])], r"y\[0\] has masked values"),
    ],
)
def test_errors_name_the_place(y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        check_step_targets(y)
