"""Containers and types of X."""

import numpy as np
import pandas as pd
import pytest
import torch
from bad_input_tools import N_SAMPLES, refuses
from scipy import sparse
from sklearn.base import clone

from sklearn_rnn import RaggedArray


@pytest.mark.parametrize(
    "X", ["abc", b"abc", {}, {"a": [1, 2]}, {1, 2}], ids=lambda X: repr(X)
)
def test_a_container_that_is_none_is_refused(estimator, cube, y, X):
    message = f"X must be .*RaggedArray.*Got {type(X).__name__} instead"
    with refuses(message, TypeError):
        estimator.fit(X, y)
    with refuses(message, TypeError):
        estimator.fit(cube, y).predict(X)


def test_complex_numbers_are_refused(estimator, cube, table, sequences, y):
    values = np.concatenate(sequences).astype(complex)
    offsets = np.cumsum([0, *map(len, sequences)])
    for X in (
        cube.astype(complex),
        torch.from_numpy(cube.astype("c8")),
        RaggedArray(values, offsets),
    ):
        with refuses("Complex data not supported: X is complex"):
            estimator.fit(X, y)
    with refuses(r"Complex data not supported: X\[0\] is complex"):
        estimator.fit([s.astype(complex) for s in sequences], y)


def test_a_complex_table_is_refused_by_name(estimator, table, y):
    with refuses("Complex data not supported: X is complex"):
        estimator.fit(table.astype(complex), y)


def test_complex_numbers_among_objects_are_refused(estimator, cube, table, y):
    """NumPy would drop their imaginary part, with no more than a warning."""
    for X in (cube, table):
        objects = np.array([np.complex64(v) for v in X.ravel()], dtype=object)
        with refuses("Complex data not supported.*X|X must hold numbers"):
            estimator.fit(objects.reshape(X.shape), y)


@pytest.mark.parametrize(
    "contain",
    [
        sparse.csr_array,
        sparse.coo_matrix,
        lambda a: [sparse.csr_array(a)] * N_SAMPLES,
        lambda a: torch.from_numpy(a).to_sparse(),
        lambda a: [torch.from_numpy(a).to_sparse()] * N_SAMPLES,
        lambda a: torch.from_numpy(a).to_sparse_csr(),
    ],
    ids=["csr", "coo", "list", "tensor", "tensors", "csr-tensor"],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_sparse_data_are_refused(estimator, table, y, contain):
    with refuses("Sparse data was passed for X, but dense data is required", TypeError):
        estimator.fit(contain(table), y)


@pytest.mark.parametrize(
    "contain",
    [
        lambda a: a.astype(str),
        lambda a: a.astype(str).astype(object),
        lambda a: a.astype(bytes),
        lambda a: a[:, :, 0].astype(str),
        lambda a: a[:, :, 0].astype(str).tolist(),
        lambda a: pd.DataFrame(a[:, :, 0]).astype(str),
        lambda a: pd.DataFrame({"a": a[:, 0, 0], "b": ["x"] * len(a)}),
        lambda a: pd.DataFrame({"a": pd.Categorical(["x", "y"] * (len(a) // 2))}),
        lambda a: np.full(a.shape, "2020-01-01", "M8[D]"),
        lambda a: np.full(a[:, :, 0].shape, 1, "m8[s]"),
    ],
    ids=[
        "array",
        "object",
        "bytes",
        "table",
        "lists",
        "frame",
        "mixed",
        "categories",
        "dates",
        "spans",
    ],
)
def test_what_is_no_number_is_refused(estimator, cube, y, contain):
    with refuses(r"X must hold numbers.*Got (strings|<U|\|S|datetime64|timedelta64)"):
        estimator.fit(contain(cube), y)


@pytest.mark.parametrize(
    "X",
    [
        [["ab"], ["c", "d"]],
        [np.array(["a"]), np.array([1.0])],
        [pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["x", "y"]})],
        [[["1", "2"]], [["3", "4"]]],
    ],
    ids=["words", "arrays", "frames", "nested"],
)
def test_strings_in_a_list_are_named(estimator, X):
    with refuses(r"X\[0\] must hold numbers"):
        estimator.fit(X, [0, 1])


def test_a_table_of_events_is_sent_to_the_sequence_builder(estimator):
    events = pd.DataFrame({"machine": ["a", "a", "b"], "load": [1.0, 2.0, 3.0]})
    with refuses("Got strings instead.*row for each step.*SequenceBuilder"):
        estimator.fit(events, [0, 0, 1])


def test_scalars_among_sequences_are_named(estimator):
    with refuses(r"X\[0\] is not a sequence but 1;.*\(n_steps_i, n_features\)"):
        estimator.fit([1, 2, [3]], [0, 1, 0])
    with refuses(r"X\[2\] is not a sequence but None"):
        estimator.fit([[1], [2, 3], None], [0, 1, 0])
    with refuses(r"X\[1\] is not a sequence but 'ab'"):
        estimator.fit([[1], "ab", [2, 3]], [0, 1, 0])
    with refuses(r"X\[1\] is not a sequence but \{'a': 1\}"):
        estimator.fit([[1], {"a": 1}], [0, 1])


def test_steps_of_different_width_are_named(estimator):
    with refuses(r"X\[1\] is not an array of shape \(n_steps_i, n_features\)"):
        estimator.fit([[[1, 2]], [[1], [2, 3]]], [0, 1])


# A list that contains itself --------------------------------------------------------


def endless_list():
    endless = []
    endless.append(endless)
    return endless * N_SAMPLES


def endless_twice():
    """Twice at each level: 2 ** 64 lists for NumPy, which reads 64 levels."""
    endless = []
    endless += [endless] * N_SAMPLES
    return endless


def endless_at_the_end():
    endless = [[0.0, 1.0]] * (N_SAMPLES - 1)
    endless.append([0.0, endless])
    return endless


def endless_array():
    endless = np.empty(N_SAMPLES, dtype=object)
    for i in range(N_SAMPLES):
        endless[i] = endless
    return endless


def endless_tuple():
    inner = []
    inner.append((inner, inner))
    return (inner,) * N_SAMPLES


@pytest.mark.parametrize(
    "make",
    [endless_list, endless_twice, endless_at_the_end, endless_array, endless_tuple],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("name", ["X", "y", "sample_weight", "groups"])
def test_a_list_that_contains_itself_is_refused_by_name(estimator, cube, y, name, make):
    estimator.set_params(early_stopping=True)
    arguments = {"X": cube, "y": y, name: make()}
    with refuses(rf"\b{name}\b"):
        estimator.fit(**arguments)
    assert not hasattr(estimator, "net_")


def test_a_ragged_array_refuses_a_list_that_contains_itself():
    with refuses("contains itself"):
        RaggedArray(endless_twice(), [0, 1])
    with refuses("contains itself"):
        RaggedArray.from_sequences(endless_twice())


def test_lists_that_are_shared_are_read(estimator, y):
    step = [0.5, 1.0]
    estimator.fit([[step, step]] * N_SAMPLES, y)


@pytest.mark.parametrize(
    "as_container", [np.asarray, pd.Series], ids=["array", "series"]
)
def test_objects_that_are_rows_of_one_length_are_a_table(estimator, y, as_container):
    rows = np.empty(N_SAMPLES, dtype=object)
    for i in range(N_SAMPLES):
        rows[i] = [float(i), 1.0, 2.0]
    expected = clone(estimator).fit(list(rows), y).predict(list(rows))
    X = as_container(rows)
    np.testing.assert_array_equal(estimator.fit(X, y).predict(X), expected)
