"""Steps of padded batches end to end, pooled, and added to rows of a table."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4

# the order of a sum is free in gradients
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


@njit(**JIT)
def flatten(x, lengths, flat):
    """Copy the valid steps of all rows end to end."""
    place = 0
    for row in range(x.shape[0]):
        for t in range(lengths[row]):
            source, target = x[row, t], flat[place]
            for j in range(len(source)):
                target[j] = source[j]
            place += 1


@njit(**JIT)
def unflatten(flat, lengths, x):
    """Copy steps end to end to the valid ones of each row; zeros at padding."""
    place = 0
    for row in range(x.shape[0]):
        for t in range(lengths[row]):
            source, target = flat[place], x[row, t]
            for j in range(len(source)):
                target[j] = source[j]
            place += 1
        for t in range(lengths[row], x.shape[1]):
            target = x[row, t]
            for j in range(len(target)):
                target[j] = f4(0)


@njit(**JIT)
def add_to_rows(numbers, values, table):
    """Add each of the values to the row of the table that has its number."""
    for i in range(len(numbers)):
        source, target = values[i], table[numbers[i]]
        for j in range(len(source)):
            target[j] += source[j]


@njit(**JIT)
def pool(x, lengths, with_mean, with_max, out):
    """Set out to the mean, the maximum or both of the valid steps of each row."""
    size = x.shape[2]
    for row in range(x.shape[0]):
        if with_mean:
            total = out[row]
            for j in range(size):
                total[j] = f4(0)
            for t in range(lengths[row]):
                step = x[row, t]
                for j in range(size):
                    total[j] += step[j]
            for j in range(size):
                total[j] /= f4(lengths[row])
        if with_max:
            highest = out[row, size if with_mean else 0 :]
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
def pool_backward(x, lengths, with_mean, with_max, out, d_out, shares, d_x):
    """Set the gradients of all valid steps; equal maxima share theirs."""
    size = x.shape[2]
    of_mean, of_max = shares[0], shares[1]
    for row in range(x.shape[0]):
        own = d_out[row]
        n = f4(lengths[row])
        for j in range(size):
            of_mean[j] = own[j] / n if with_mean else f4(0)
        highest = out[row, size if with_mean else 0 :]
        if with_max:
            for j in range(size):
                of_max[j] = f4(0)
            for t in range(lengths[row]):
                step = x[row, t]
                for j in range(size):
                    of_max[j] += f4(1) if step[j] == highest[j] else f4(0)
            d_highest = own[size if with_mean else 0 :]
            for j in range(size):
                of_max[j] = d_highest[j] / of_max[j]
        for t in range(lengths[row]):
            step, d_step = x[row, t], d_x[row, t]
            if with_max:
                for j in range(size):
                    d_step[j] = of_mean[j] + (
                        of_max[j] if step[j] == highest[j] else f4(0)
                    )
            else:
                for j in range(size):
                    d_step[j] = of_mean[j]


@njit(**JIT)
def attend_forward(x, scores, lengths, weights, out):
    """Set weights to the softmax of the scores of each row, and out to their mean.

    Steps lie end to end.
    """
    begin = 0
    for row in range(len(lengths)):
        n = lengths[row]
        highest = scores[begin]
        for t in range(begin + 1, begin + n):
            highest = max(highest, scores[t])
        total = 0.0
        for t in range(begin, begin + n):
            weights[t] = np.exp(np.float64(scores[t]) - highest)
            total += weights[t]
        pooled = out[row]
        for j in range(len(pooled)):
            pooled[j] = f4(0)
        for t in range(begin, begin + n):
            weights[t] /= total
            weight, step = weights[t], x[t]
            for j in range(len(pooled)):
                pooled[j] += weight * step[j]
        begin += n


@njit(**_SUM)
def _multiply(a, b):
    """Return the product of two vectors."""
    product = 0.0
    for j in range(len(a)):
        product += np.float64(a[j]) * b[j]
    return product


@njit(**JIT)
def attend_backward(x, hidden, score, lengths, weights, out, d_out, d_score, d_x):
    """Set the gradients of steps and of the vector `score`; hidden becomes its own.

    ``scores = hidden @ score`` with ``hidden = tanh(...)``: its gradient is that of
    what is inside tanh.
    """
    size = x.shape[1]
    for j in range(size):
        d_score[j] = f4(0)
    begin = 0
    for row in range(len(lengths)):
        d, pooled = d_out[row], out[row]
        mean = _multiply(d, pooled)
        for t in range(begin, begin + lengths[row]):
            step, d_step, own = x[t], d_x[t], hidden[t]
            weight = weights[t]
            d_own = f4(weight * (_multiply(d, step) - mean))
            for j in range(size):
                d_step[j] = weight * d[j]
            for j in range(size):
                d_score[j] += d_own * own[j]
                own[j] = d_own * score[j] * (f4(1) - own[j] * own[j])
        begin += lengths[row]
