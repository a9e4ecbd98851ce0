"""LSTM: what happens to the sums of some rows at one step.

The gates stand as i, f, o, g: those with a sigmoid together.
"""

from sklearn_rnn._kernels._numba._math import sigmoid, tanh
from sklearn_rnn._kernels._numba._vectors import for_all_units


@for_all_units
def activate(sums, c, h_new, c_new):
    """Set c' = f c + i g and h' = o tanh(c'); leave i, f, o, g."""
    i, f, o = sigmoid(sums[0]), sigmoid(sums[1]), sigmoid(sums[2])
    g = tanh(sums[3])
    new = f * c[0] + i * g
    sums[0], sums[1], sums[2], sums[3] = i, f, o, g
    h_new[0], c_new[0] = o * tanh(new), new


@for_all_units
def differentiate(da, c, c_new, dh, dc):
    """Turn i, f, o, g into their gradients, dh', dc' into those past weights."""
    i, f, o, g = da[0], da[1], da[2], da[3]
    squashed, d = tanh(c_new[0]), dh[0]
    d_new = dc[0] + d * o * (1 - squashed * squashed)
    da[0] = d_new * g * i * (1 - i)
    da[1] = d_new * c[0] * f * (1 - f)
    da[2] = d * squashed * o * (1 - o)
    da[3] = d_new * i * (1 - g * g)
    dh[0], dc[0] = 0, d_new * f
