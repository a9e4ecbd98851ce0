"""tanh, sigmoid and small matrix products, in float32, for the time loops.

Every function is compiled with numba without the GIL, and cached on disk.
"""

import numpy as np
from numba import njit

f4 = np.float32
# No "nnan" and no "ninf": a NaN must stay a NaN.
JIT = {
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
}
INLINE = {key: value for key, value in JIT.items() if key != "cache"}


@njit(inline="always", **INLINE)
def exp(x):
    """Cephes expf: a power of two times a polynomial on [-ln 2 / 2, ln 2 / 2]."""
    x = min(max(x, f4(-87.33654)), f4(88.72283))
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
    x = min(max(x, f4(-7.9053111)), f4(7.9053111))
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
    return x * p / q


@njit(**JIT)
def add_product(A, W, C):
    """C += A @ W: two rows of A and four of W at a time keep both FMA units busy."""
    m, K = A.shape
    n = W.shape[1]
    K4 = K - K % 4
    i = 0
    while i + 1 < m:
        a, b, c, d = A[i], A[i + 1], C[i], C[i + 1]
        for k in range(0, K4, 4):
            w0, w1, w2, w3 = W[k], W[k + 1], W[k + 2], W[k + 3]
            a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
            b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
            for j in range(n):
                c[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
                d[j] += b0 * w0[j] + b1 * w1[j] + b2 * w2[j] + b3 * w3[j]
        for k in range(K4, K):
            w0 = W[k]
            for j in range(n):
                c[j] += a[k] * w0[j]
                d[j] += b[k] * w0[j]
        i += 2
    if i < m:
        a, c = A[i], C[i]
        for k in range(0, K4, 4):
            w0, w1, w2, w3 = W[k], W[k + 1], W[k + 2], W[k + 3]
            a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
            for j in range(n):
                c[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
        for k in range(K4, K):
            w0 = W[k]
            for j in range(n):
                c[j] += a[k] * w0[j]


@njit(**JIT)
def add_product_tn(A, W, C):
    """C += A.T @ W, for the gradients of weights."""
    rows, m = A.shape
    n = W.shape[1]
    rows4 = rows - rows % 4
    for k in range(0, rows4, 4):
        w0, w1, w2, w3 = W[k], W[k + 1], W[k + 2], W[k + 3]
        for i in range(m):
            c = C[i]
            p0, p1, p2, p3 = A[k, i], A[k + 1, i], A[k + 2, i], A[k + 3, i]
            for j in range(n):
                c[j] += p0 * w0[j] + p1 * w1[j] + p2 * w2[j] + p3 * w3[j]
    for k in range(rows4, rows):
        for i in range(m):
            c, a, w = C[i], A[k, i], W[k]
            for j in range(n):
                c[j] += a * w[j]


@njit(**JIT)
def count_active(lengths, step, n):
    """How many rows, sorted by length, still run at a step; `n` ran before."""
    while n > 0 and lengths[n - 1] <= step:
        n -= 1
    return n


@njit(**JIT)
def gather(source, rows, lengths, step, reverse, n, target):
    """target[i] = source[rows[i], time of the step], for the first n rows."""
    for i in range(n):
        t = lengths[i] - 1 - step if reverse else step
        for j in range(target.shape[1]):
            target[i, j] = source[rows[i], t, j]


@njit(**JIT)
def add_rows(A, n, total):
    """Add the first n rows of A to total."""
    for i in range(n):
        for j in range(A.shape[1]):
            total[j] += A[i, j]
