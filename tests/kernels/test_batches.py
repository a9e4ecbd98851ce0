"""Gathering, standardising and sorting against NumPy."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RaggedArray, RNNRegressor
from sklearn_rnn._kernels._autograd import _deal_rows
from sklearn_rnn._kernels._batches import gather, standardize
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._sequences._batching import gather_batch
from sklearn_rnn.nn import Standardize


@pytest.mark.parametrize("n_features", [1, 3, 16, 40])
@pytest.mark.parametrize("lengths", [[5] * 6, [1, 9, 3, 9, 2, 4]])
def test_a_batch_is_that_of_numpy(rng, n_features, lengths):
    sequences = [rng.normal(size=(n, n_features)).astype("f4") for n in lengths]
    X = RaggedArray.from_sequences(sequences)
    rows = np.array([4, 0, 2, 2])
    expected, _ = gather_batch(X, rows)
    actual = gather(X.values, X.offsets, rows, expected.shape[1])
    np.testing.assert_array_equal(actual.numpy(), expected)


def test_padding_is_zero_beside_values_that_are_not_finite():
    X = RaggedArray(np.full((4, 1), np.inf, "f4"), [0, 1, 4])
    x = gather(X.values, X.offsets, np.array([0, 1]), 3)
    np.testing.assert_array_equal(x[:, :, 0], [[np.inf, 0, 0], [np.inf] * 3])


@pytest.mark.parametrize("n_features", [1, 3, 8, 40])
@pytest.mark.parametrize("n_steps", [1, 2, 50])
def test_standardised_numbers_are_those_of_numpy(rng, n_features, n_steps):
    x = rng.normal(size=(3, n_steps, n_features)).astype("f4")
    mean, scale = rng.uniform(1, 2, size=(2, n_features)).astype("f4")
    result = standardize(*map(torch.from_numpy, (x, mean, scale)))
    np.testing.assert_array_equal(result.numpy(), (x - mean) / scale)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("n_parts", [1, 2, 3])
@pytest.mark.parametrize("n", [4, 100])
def test_rows_are_dealt_out_the_longest_first(rng, n, n_parts, keep):
    lengths = rng.integers(0, 9, n)
    order = np.argsort(-lengths, kind="stable")
    parts = _deal_rows(get_library(), lengths, 11, n_parts, keep)
    for k, part in enumerate(parts):
        rows = order[k::n_parts]
        own = lengths[rows]
        begins = np.zeros(own[0] + 2, int)
        if keep:  # block t has a row for each one that ran at step t - 1
            running = [len(rows), *((own > t).sum() for t in range(own[0]))]
            begins[1:] = np.cumsum(running)
        first = (part.address - part.numbers.data_ptr()) // 8
        numbers = part.numbers.reshape(-1).numpy()
        actual = numbers[first : first + 2 * len(rows) + own[0] + 2]
        np.testing.assert_array_equal(actual, [*rows, *own, *begins])
        assert part.n_rows == len(rows)
        assert part.n_blocks == max(len(rows), begins[-1])


def test_limits_that_are_a_column_of_a_table_are_read_right(rng):
    table = np.array([[0, 7], [2, 7], [6, 7], [9, 7]])
    values = rng.normal(size=(9, 2)).astype("f4")
    rows = np.array([2, 0])
    expected, _ = gather_batch(RaggedArray(values, table[:, 0].copy()), rows)
    actual = gather(values, table[:, 0], rows, expected.shape[1])
    np.testing.assert_array_equal(actual.numpy(), expected)


def test_torchs_default_type_does_not_matter_to_a_fitted_model(rng):
    X = rng.normal(size=(20, 6, 2)).astype("f4")
    model = RNNRegressor(max_epochs=1, random_state=0).fit(X, X[:, -1, 0])
    expected = model.predict(X)
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(model.predict(X), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def columns(table):
    return table[:, 0], table[:, 1]


def one_scale(table):
    return table[:, 0].clone(), table[:1, 1].clone()


def in_double(table):
    return table[:, 0].clone(), table[:, 1].double()


@pytest.mark.parametrize("make", [columns, one_scale, in_double])
def test_standardize_takes_any_mean_and_scale(rng, make):
    x = torch.from_numpy(rng.normal(size=(3, 5, 4)).astype("f4"))
    mean, scale = make(torch.rand(4, 2) + 1)
    expected = ((x - mean) / scale).float()
    torch.testing.assert_close(Standardize(mean, scale)(x), expected)
