"""exp, tanh and sigmoid in float32, for the time loops: a vector at a time.

Written without branches and without calls, so that the compiler makes vectors of the
loops around them. A NaN stays a NaN; infinities saturate.
"""

import numpy as np
from numba import njit

f4 = np.float32
# Products and sums may fuse. Nothing else: no other order, and a NaN must stay a NaN.
JIT = {
    "fastmath": {"contract"},
    "nogil": True,
    "_nrt": False,  # nothing is allocated, no references are counted
    "error_model": "numpy",
    "no_cpython_wrapper": True,  # only `_entries.py` is called from Python
    "no_cfunc_wrapper": True,
}


@njit(inline="always", **JIT)
def split_exp(x):
    """Return 2^n and f with exp(x) = 2^n (1 + f), -0.3 < f < 0.42.

    Cephes expf: n whole, and a polynomial of r = x - n ln 2.
    """
    n = np.floor(x * f4(1.44269504) + f4(0.5))
    r = x - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    p = f4(1.9875691500e-4)
    p = p * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23))
    return power.view(np.float32), p * (r * r) + r


@njit(inline="always", **JIT)
def exp(x):
    """2^n (1 + f)."""
    x = f4(-87.33654) if x < f4(-87.33654) else x
    x = f4(88.8) if x > f4(88.8) else x  # from 88.38 on the power is infinity
    power, f = split_exp(x)
    return (f + f4(1)) * power


@njit(inline="always", **JIT)
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return f4(1) / (f4(1) + exp(-x))


@njit(inline="always", **JIT)
def tanh(x):
    """From m = exp(2 x) - 1, m / (m + 2). 2^n - 1 is exact, so nothing cancels."""
    x = f4(-10) if x < f4(-10) else x
    x = f4(10) if x > f4(10) else x
    power, f = split_exp(x + x)
    m = power * f + (power - f4(1))
    return m / (m + f4(2))
