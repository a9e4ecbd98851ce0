"""The last linear layer and the loss, with all their gradients, for one batch."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import LOSSES
from sklearn_rnn._kernels._numba._math import JIT, ONCE, f4

CROSS_ENTROPY, SQUARED_ERROR = map(LOSSES.index, LOSSES)
# the order of a sum is free here
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


@njit(**_SUM)
def multiply(states, weight, bias, output):
    """Set output = states @ weight.T + bias."""
    for i in range(len(states)):
        state = states[i]
        for k in range(len(weight)):
            row = weight[k]
            total = f4(0)
            for j in range(len(row)):
                total += state[j] * row[j]
            output[i, k] = total + bias[k]


@njit(**ONCE)
def cross_entropy(output, target, d_output):
    """Return the log loss of the logits of one sample; set its gradient."""
    if target < 0 or target >= len(output):
        return np.nan
    highest = output[0]
    for k in range(1, len(output)):
        highest = max(highest, output[k])
    total = 0.0
    for k in range(len(output)):
        d_output[k] = np.exp(np.float64(output[k]) - highest)
        total += d_output[k]
    for k in range(len(output)):
        d_output[k] /= total
    d_output[target] -= f4(1)
    return np.log(total) + highest - output[target]


@njit(**ONCE)
def squared_error(output, target, d_output):
    """Return the mean squared error of one sample; set its gradient."""
    n, total = len(output), 0.0
    for k in range(n):
        error = output[k] - target[k]
        total += error * error
        d_output[k] = 2 * error / n
    return total / n


@njit(**ONCE)
def compute_loss(
    loss, states, weight, bias, classes, targets, sample_weight, output, d_output,
    d_states, d_weight, d_bias,
):  # fmt: skip
    """Return the mean loss of a batch; set the output and all gradients.

    `classes` are the targets of one loss, `targets` those of the other; without
    `sample_weight` each sample counts 1.
    """
    n = len(states)
    multiply(states, weight, bias, output)
    clear(d_states)
    clear(d_weight)
    for k in range(len(d_bias)):
        d_bias[k] = f4(0)
    total = 0.0
    for i in range(n):
        if loss == CROSS_ENTROPY:
            own = cross_entropy(output[i], classes[i], d_output)
        else:
            own = squared_error(output[i], targets[i], d_output)
        factor = f4(1) if len(sample_weight) == 0 else sample_weight[i]
        total += factor * own
        state, d_state = states[i], d_states[i]
        for k in range(len(weight)):
            d = d_output[k] * factor / f4(n)
            d_bias[k] += d
            row, d_row = weight[k], d_weight[k]
            for j in range(len(row)):
                d_row[j] += d * state[j]
                d_state[j] += d * row[j]
    return total / n


@njit(**JIT)
def clear(rows):
    """Set all to zero."""
    for i in range(len(rows)):
        row = rows[i]
        for j in range(len(row)):
            row[j] = f4(0)
