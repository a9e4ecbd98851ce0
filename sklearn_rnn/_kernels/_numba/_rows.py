"""Products and means of prediction, row by row."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._product import add_product
from sklearn_rnn._kernels._numba._transposition import transpose


@njit(**JIT)
def pack(weight, kernel_size, packed):
    """Cut (n_out, channels * kernel_size) into panels of WIDTH columns of n_out.

    A panel has a row for each channel of each step of the kernel.
    """
    n_out, n_inputs = weight.shape
    channels, panel = n_inputs // kernel_size, packed.shape[1]
    for first in range(0, n_out, WIDTH):
        n, number = min(WIDTH, n_out - first), first // WIDTH
        if n < WIDTH:
            for j in range(panel):
                packed[number, j] = f4(0)
        if kernel_size == 1:
            begin = first * n_inputs
            transpose(
                weight, begin, n_inputs, n, n_inputs, packed, number * panel, WIDTH
            )
            continue
        for lane in range(n):
            for c in range(channels):
                for k in range(kernel_size):
                    value = weight[first + lane, c * kernel_size + k]
                    packed[number, (k * channels + c) * WIDTH + lane] = value


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
def average(steps, scores, n, total, out):
    """Set out to the mean of the first n steps, weighted by softmax(scores)."""
    size = steps.shape[1]
    for j in range(size):
        total[j] = 0
    highest = scores[0]
    for t in range(1, n):
        highest = max(highest, scores[t])
    weights = 0.0
    for t in range(n):
        weight = np.exp(np.float64(scores[t]) - highest)
        weights += weight
        step = steps[t]
        for j in range(size):
            total[j] += weight * step[j]
    for j in range(size):
        out[j] = total[j] / weights


@njit(**JIT)
def attend(x, scores, lengths, total, out):
    """Set out to the mean of the first steps of each row, by their scores."""
    for row in range(x.shape[0]):
        average(x[row], scores[row], lengths[row], total, out[row])


@njit(**JIT)
def attend_to_memory(queries, keys, memory, lengths, products, scores, total, out):
    """Set out to the mean of a row's memory by the products of a query and its keys.

    Parameters
    ----------
    queries : (rows, n_queries, size)
    keys : (rows, size, n_steps)
    memory : (rows, n_steps, width)
    lengths : (rows,)
    products, scores : (n_steps,)
        Memory.
    total : (width,)
        Memory.
    out : (rows, n_queries, width)
    """
    for row in range(queries.shape[0]):
        n = lengths[row]
        for k in range(queries.shape[1]):
            query = queries[row, k]
            for t in range(n):
                products[t] = 0
            for j in range(len(query)):
                number, of_steps = np.float64(query[j]), keys[row, j]
                for t in range(n):
                    products[t] += number * of_steps[t]
            for t in range(n):
                scores[t] = products[t]
            average(memory[row], scores, n, total, out[row, k])
