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
    "cache": True,
    "error_model": "numpy",
}
INLINE = {key: value for key, value in JIT.items() if key != "cache"}


@njit(inline="always", **INLINE)
def exp(x):
    """Cephes expf: a power of two times a polynomial on [-ln 2 / 2, ln 2 / 2]."""
    x = f4(-87.33654) if x < f4(-87.33654) else x
    x = f4(88.8) if x > f4(88.8) else x  # from 88.38 on the power is infinity
    n = np.floor(x * f4(1.44269504) + f4(0.5))
    r = x - n * f4(0.693359375)
    r = r + n * f4(2.12194440e-4)
    p = f4(1.9875691500e-4)
    p = p * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    y = p * (r * r) + r + f4(1)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23))
    return y * power.view(np.float32)


@njit(inline="always", **INLINE)
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return f4(1) / (f4(1) + exp(-x))


@njit(inline="always", **INLINE)
def tanh(x):
    """Quotient of two polynomials, as in Eigen."""
    x = f4(-9.0) if x < f4(-9.0) else x
    x = f4(9.0) if x > f4(9.0) else x
    u = x * x
    p = f4(-2.76076847742355e-16)
    p = p * u + f4(2.00018790482477e-13)
    p = p * u + f4(-8.60467152213735e-11)
    p = p * u + f4(5.12229709037114e-08)
    p = p * u + f4(1.48572235717979e-05)
    p = p * u + f4(6.37261928875436e-04)
    p = p * u + f4(4.89352455891786e-03)
    q = f4(1.19825839466702e-06)
    q = q * u + f4(1.18534705686654e-04)
    q = q * u + f4(2.26843463243900e-03)
    q = q * u + f4(4.89352518554385e-03)
    y = p / q * x  # in this order, so that small products do not underflow
    y = f4(1) if y > f4(1) else y
    return f4(-1) if y < f4(-1) else y
