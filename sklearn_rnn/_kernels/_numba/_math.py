"""tanh and sigmoid in float32: a vector at a time, within 4 units of the last place.

A NaN stays a NaN; infinities saturate.
"""

import numpy as np

from sklearn_rnn._kernels._numba._compiler import Lowering
from sklearn_rnn._kernels._numba._vectors import choose

f4 = np.float32
# Products and sums may fuse. Nothing else: no other order, and a NaN must stay a NaN.
JIT = {
    "fastmath": {"contract"},
    "nogil": True,
    "_nrt": False,  # nothing is allocated, no references are counted
    "error_model": "numpy",
    "boundscheck": False,  # whatever numba's settings are
    "no_cpython_wrapper": True,  # only entries are called from Python
    "no_cfunc_wrapper": True,
    "pipeline_class": Lowering,
}

_LOG2_E = 1.44269504
# ln 2 in two parts: the first has so few digits that its multiples are exact
_LN_2_HIGH, _LN_2_LOW = 0.693359375, -2.12194440e-4
# exp(r) = 1 + r + r^2 p(r) with the least largest error, 1.7e-8 of exp(r) - 1, where
# 2 |r| < ln 2; highest power first
_P = 0.00138825212, 0.00836652286, 0.0416671999, 0.166665436, 0.499999982
# Added to a number, it rounds it to a whole n, and the sum ends in the bits of 127 + n:
# shifted to where the exponent of a float is, they are 2^n.
_ROUND = 1.5 * 2**23 + 127


def clip(x, low, high):
    """Between these limits."""
    x = choose(x < low, low, x)
    return choose(x > high, high, x)


def split_exp(x):
    """Return 2^n and f with exp(x) = 2^n (1 + f), -0.3 < f < 0.42."""
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN_2_HIGH - n * _LN_2_LOW
    p = _P[0]
    for coefficient in _P[1:]:
        p = p * r + coefficient
    return rounded.shifted(23), p * (r * r) + r


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    power, f = split_exp(clip(-x, -87.3, 88.8))  # from 88.38 on the power is infinity
    return 1 / (power * (1 + f) + 1)


def tanh(x):
    """From m = exp(2 x) - 1, m / (m + 2). 2^n - 1 is exact, so nothing cancels."""
    power, f = split_exp(clip(x + x, -20, 20))
    m = power * f + (power - 1)
    return m / (m + 2)
