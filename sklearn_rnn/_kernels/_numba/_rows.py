"""Products and means of prediction, row by row."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._product import add_product


@njit(**JIT)
def pack(weight, packed):
    """Cut (n_out, channels, kernel_size) into panels of WIDTH columns of n_out."""
    n_out, channels, kernel_size = weight.shape
    for j in range(packed.shape[0] * WIDTH):
        panel, lane = packed[j // WIDTH], j % WIDTH
        for c in range(channels):
            for k in range(kernel_size):
                value = weight[j, c, k] if j < n_out else f4(0)
                panel[(k * channels + c) * WIDTH + lane] = value


@njit(**JIT)
def convolve(x, weight, bias, shift, sums, out):
    """Multiply windows of each row of x, `shift` numbers apart, with the weights."""
    n_panels, panel = weight.shape
    _, new_steps, n_out = out.shape
    wide = n_panels * WIDTH
    for row in range(x.shape[0]):
        # the window of a step is K numbers side by side
        add_product(
            True, x, row * x.shape[1], shift, 1, new_steps,
            weight, 0, WIDTH, panel, sums, 0, wide, wide, panel // WIDTH,
        )  # fmt: skip
        for t in range(new_steps):
            for j in range(n_out):
                out[row, t, j] = sums[t, j] + bias[j]


# The sums over time in double precision: where a thousand numbers are summed up one
# by one, the last ones would lose three digits.


@njit(**JIT)
def mean_over_time(x, lengths, total, out):
    """Set out to the mean of the first steps of each row."""
    for row in range(x.shape[0]):
        for j in range(x.shape[2]):
            total[j] = 0
        for t in range(lengths[row]):
            step = x[row, t]
            for j in range(x.shape[2]):
                total[j] += step[j]
        for j in range(x.shape[2]):
            out[row, j] = total[j] / lengths[row]


@njit(**JIT)
def max_over_time(x, lengths, column, out):
    """Set out, from this column on, to the maximum of the first steps of each row."""
    size = x.shape[2]
    for row in range(x.shape[0]):
        highest = out[row, column:]
        first = x[row, 0]
        for j in range(size):
            highest[j] = first[j]
        for t in range(1, lengths[row]):
            step = x[row, t]
            for j in range(size):
                value = step[j]
                # a NaN stays
                highest[j] = (
                    value if value > highest[j] or value != value else highest[j]
                )


@njit(**JIT)
def attend(x, scores, lengths, total, out):
    """Set out to the mean of the first steps, weighted by softmax(scores)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[2]):
            total[j] = 0
        own = scores[row]
        highest = own[0]
        for t in range(1, lengths[row]):
            highest = max(highest, own[t])
        weights = 0.0
        for t in range(lengths[row]):
            weight = np.exp(np.float64(own[t]) - highest)
            weights += weight
            step = x[row, t]
            for j in range(x.shape[2]):
                total[j] += weight * step[j]
        for j in range(x.shape[2]):
            out[row, j] = total[j] / weights
