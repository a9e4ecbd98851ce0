"""LSTM: what happens to the sums of one row at one step.

The gates stand as i, f, o, g: those with a sigmoid together.
"""

from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4, sigmoid, tanh


@njit(**JIT)
def activate(sums, c, h_new, c_new, size):
    """Set c' = f c + i g and h' = o tanh(c'); leave i, f, o, g."""
    ifo = sums[: 3 * size]
    i, f, o = sums[:size], sums[size : 2 * size], sums[2 * size : 3 * size]
    g = sums[3 * size : 4 * size]
    for j in range(3 * size):
        ifo[j] = sigmoid(ifo[j])
    for j in range(size):
        g[j] = tanh(g[j])
    for j in range(size):
        c_new[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(size):
        h_new[j] = o[j] * tanh(c_new[j])


@njit(**JIT)
def differentiate(da, c, c_new, dh, dc, size):
    """Turn i, f, o, g into their gradients, dh', dc' into those past weights."""
    i, f, o = da[:size], da[size : 2 * size], da[2 * size : 3 * size]
    g = da[3 * size : 4 * size]
    for j in range(size):
        squashed = tanh(c_new[j])
        d, o_ = dh[j], o[j]
        dh[j] = d * o_ * (f4(1) - squashed * squashed)
        o[j] = d * squashed * o_ * (f4(1) - o_)
    for j in range(size):
        d = dc[j] + dh[j]
        dc[j] = d * f[j]
        dh[j] = d
        f[j] = d * c[j] * f[j] * (f4(1) - f[j])
    for j in range(size):
        d, i_, g_ = dh[j], i[j], g[j]
        i[j] = d * g_ * i_ * (f4(1) - i_)
        g[j] = d * i_ * (f4(1) - g_ * g_)
        dh[j] = f4(0)
