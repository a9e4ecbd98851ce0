"""tanh and sigmoid against NumPy in double precision."""

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba import _math
from sklearn_rnn._kernels._numba._vectors import for_all_units

f4 = np.float32


def compiled(function):
    """The function on each number of an array, as the kernels run it."""

    @for_all_units
    def apply(x, y):
        y[0] = function(x[0])

    @numba.njit(fastmath={"contract"}, error_model="numpy")
    def on_all(x, y):
        apply(1, x.shape[1], ((x, 0, 0), (y, 0, 0)))

    def call(x):
        padded = np.zeros((1, -(-len(x) // WIDTH) * WIDTH), f4)
        padded[0, : len(x)] = x
        y = np.empty_like(padded)
        on_all(padded, y)
        return y[0, : len(x)]

    return call


@pytest.fixture(scope="module")
def tanh():
    return compiled(_math.tanh)


@pytest.fixture(scope="module")
def sigmoid():
    return compiled(_math.sigmoid)


# a float32 in each 211 of all, or all four billions: both signs, subnormal ones too
STRIDES = [211, pytest.param(1, marks=pytest.mark.slow)]


def whole_range(stride):
    """Yield the finite float32, one in each `stride`, some millions at a time."""
    for start in range(0, 2**32, 2**22 * stride):
        stop = min(start + 2**22 * stride, 2**32)
        bits = np.arange(start, stop, stride, dtype=np.uint64).astype(np.uint32)
        x = bits.view(f4)
        yield x[np.isfinite(x)]


def errors_in_ulp(y, expected):
    """Distance in units of the last place.

    Where less than the smallest normal number, 1.2e-38, is expected, y may be zero, as
    on processors that flush such results.
    """
    tiny = np.finfo(f4).tiny
    unit = np.spacing(np.maximum(np.abs(expected), tiny).astype(f4))
    flushed = (y == 0) & (np.abs(expected) < tiny)
    return np.where(flushed, 0, np.abs(y - expected) / unit)


@pytest.mark.parametrize("stride", STRIDES)
def test_tanh_is_within_four_ulp_over_the_whole_range(tanh, stride):
    for x in whole_range(stride):
        expected = np.tanh(x.astype(np.float64))
        assert errors_in_ulp(tanh(x), expected).max(initial=0) <= 4


@pytest.mark.parametrize("stride", STRIDES)
def test_sigmoid_is_within_four_ulp_over_the_whole_range(sigmoid, stride):
    for x in whole_range(stride):
        with np.errstate(over="ignore"):
            expected = 1 / (1 + np.exp(-x.astype(np.float64)))
        assert errors_in_ulp(sigmoid(x), expected).max(initial=0) <= 4


def test_nan_stays_nan_and_infinities_saturate(tanh, sigmoid):
    special = np.array([np.nan, -np.nan, np.inf, -np.inf], f4)
    np.testing.assert_array_equal(tanh(special), [np.nan, np.nan, 1, -1])
    np.testing.assert_array_equal(sigmoid(special), [np.nan, np.nan, 1, 0])


def test_where_they_are_flat_they_reach_their_limits(tanh, sigmoid):
    x = np.array([-1e30, -200, 200, 1e30], f4)
    np.testing.assert_array_equal(tanh(x), [-1, -1, 1, 1])
    np.testing.assert_array_equal(sigmoid(x), [0, 0, 1, 1])
