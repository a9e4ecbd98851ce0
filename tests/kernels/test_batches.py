"""Gathering, standardising and sorting against NumPy."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RaggedArray
from sklearn_rnn._kernels._autograd import _deal_rows
from sklearn_rnn._kernels._batches import gather, standardize
from sklearn_rnn._sequences._batching import gather_batch


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
    for k, part in enumerate(_deal_rows(lengths, 11, n_parts, keep)):
        rows = order[k::n_parts]
        own = lengths[rows]
        begins = np.zeros(own[0] + 2, int)
        if keep:  # block t has a row for each one that ran at step t - 1
            running = [len(rows), *((own > t).sum() for t in range(own[0]))]
            begins[1:] = np.cumsum(running)
        first = (part.address - part.numbers.data_ptr()) // 8
        actual = part.numbers[first : first + 2 * len(rows) + own[0] + 2].numpy()
        np.testing.assert_array_equal(actual, [*rows, *own, *begins])
        assert part.n_rows == len(rows)
        assert part.longest == own[0]
        assert part.n_blocks == max(len(rows), begins[-1])
