"""The small matrix product against NumPy in double precision."""

import itertools

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._product import add_product as _add_product

f4 = np.float32


@numba.njit
def add_product(*arguments):
    _add_product(*arguments)


DEPTHS = [0, 1, 2, 3, 7, 16, 33, 70]


def floats(rng, *shape):
    return rng.normal(size=shape).astype(f4)


def memory_of(matrix, gap, transposed=False):
    """A matrix in the middle of larger memory.

    Returns the memory, where in it the matrix begins, and how far apart its rows and
    its columns are.
    """
    kept = matrix.T if transposed else matrix
    n, stride = kept.shape[0], kept.shape[1] + gap
    memory = np.full((n + 2, stride), 77, f4)
    memory[1 : n + 1, : kept.shape[1]] = kept
    return memory, stride, *((1, stride) if transposed else (stride, 1))


def panels_of(matrix):
    """The memory of a matrix cut into panels of WIDTH columns, one after the other."""
    n_vectors = matrix.shape[1] // WIDTH
    parts = matrix.reshape(-1, n_vectors, WIDTH).transpose(1, 0, 2)
    return np.ascontiguousarray(parts).reshape(n_vectors, -1)


def multiply(A, B, C=None, *, transposed=False, panels=False):
    """A @ B, or C + A @ B, from memory laid out in one of the ways that are in use."""
    n_rows, K = A.shape
    n_columns = B.shape[1]
    memory_a = memory_of(A, 3, transposed)
    if panels:
        memory_b = panels_of(B), 0, WIDTH, K * WIDTH
    else:
        memory, start, stride, _ = memory_of(B, 2 * WIDTH)
        memory_b = memory, start, stride, WIDTH
    fresh = C is None
    memory_c, start, stride, _ = memory_of(
        np.full((n_rows, n_columns), np.nan, f4) if fresh else C, 5
    )
    add_product(
        fresh, *memory_a, n_rows, *memory_b, memory_c, start, stride, n_columns, K
    )
    result = memory_c[1 : n_rows + 1, :n_columns].copy()
    memory_c[1 : n_rows + 1, :n_columns] = 77
    assert (memory_c == 77).all()  # nothing is written beside it
    return result


@pytest.mark.parametrize("n_vectors", [1, 2, 3, 7, 17])
@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_product_agrees_with_numpy(rng, transposed, panels, n_vectors):
    for n_rows, K in itertools.product(range(18), DEPTHS):
        A, B = floats(rng, n_rows, K), floats(rng, K, n_vectors * WIDTH)
        C = floats(rng, n_rows, n_vectors * WIDTH)
        exact = A.astype(np.float64) @ B
        sizes = np.abs(A).astype(np.float64) @ np.abs(B) + np.abs(C)
        bound = (K + 1) * 2**-24 * sizes  # one rounding in each step of a sum
        how = {"transposed": transposed, "panels": panels}
        assert (np.abs(multiply(A, B, **how) - exact) <= bound).all()
        assert (np.abs(multiply(A, B, C, **how) - (exact + C)) <= bound).all()


@pytest.mark.parametrize("n_vectors", [1, 2, 3, 15])
def test_a_row_does_not_depend_on_the_rows_beside_it(rng, n_vectors):
    A, B = floats(rng, 17, 70), floats(rng, 70, n_vectors * WIDTH)
    C = floats(rng, 17, n_vectors * WIDTH)
    for transposed, panels in itertools.product([False, True], repeat=2):
        how = {"transposed": transposed, "panels": panels}
        alone = [multiply(A[i : i + 1], B, C[i : i + 1], **how) for i in range(17)]
        alone = np.concatenate(alone)
        for n_rows in range(18):
            together = multiply(A[:n_rows], B, C[:n_rows], **how)
            np.testing.assert_array_equal(together, alone[:n_rows])


def test_a_column_does_not_depend_on_the_columns_beside_it(rng):
    A, B = floats(rng, 15, 33), floats(rng, 33, 15 * WIDTH)
    whole = multiply(A, B)
    for j in range(0, 15 * WIDTH, WIDTH):
        np.testing.assert_array_equal(
            multiply(A, B[:, j : j + WIDTH]), whole[:, j : j + WIDTH]
        )


def test_nan_and_infinity_stay_in_their_row(rng):
    A, B = floats(rng, 12, 9), floats(rng, 9, 2 * WIDTH)
    clean = multiply(A, B)
    A[4, 3], A[9, 0] = np.nan, np.inf
    result = multiply(A, B)
    assert np.isnan(result[4]).all()
    assert np.isinf(result[9]).all()
    others = [i for i in range(12) if i not in (4, 9)]
    np.testing.assert_array_equal(result[others], clean[others])
