"""Softmax over a vocabulary: losses and gradients of some rows, in place."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, clip, f4, split_exp
from sklearn_rnn._kernels._numba._vectors import (
    for_all_units,
    max_over_units,
    sum_over_units,
)


@max_over_units
def add_bias(x, bias):
    """Add the bias; return the sum."""
    x[0] = x[0] + bias[0]
    return x[0]


@sum_over_units
def add_up(x):
    """Return the logits."""
    return x[0]


@sum_over_units
def exponentiate(x, highest):
    """Set x to exp(x - highest); return it."""
    power, f = split_exp(clip(x[0] - highest, -87, 0))
    x[0] = power * (1 + f)
    return x[0]


@for_all_units
def differentiate(x, d_bias, factor, shift):
    """Turn powers into gradients of the logits, but for that of the target."""
    x[0] = x[0] * factor - shift
    d_bias[0] = d_bias[0] + x[0]


@njit(**JIT)
def soften(logits, n_words, bias, targets, weights, smoothing, losses, d_bias):
    """Set the loss of each row; turn logits into gradients where weights are given.

    Rows of `logits`, `bias` and `d_bias` are whole vectors; behind the words, `bias`
    repeats its first number.
    """
    wide = logits.shape[1]
    for i in range(len(logits)):
        row, target = logits[i], targets[i]
        if target < 0 or target >= n_words:
            losses[i] = f4(0) if target == -1 else f4(np.nan)  # unknown, or no word
            for k in range(wide):
                row[k] = f4(0)
            continue
        for k in range(n_words, wide):
            row[k] = row[0]
        # `losses` holds the results of all sums
        add_bias(1, wide, ((logits, i, 0), (bias, 0, 0)), losses, i)
        highest, mean, chosen = losses[i], 0.0, row[target]
        if smoothing > 0:
            add_up(1, wide, ((logits, i, 0),), losses, i)
            mean = (losses[i] - (wide - n_words) * row[0]) / n_words
        for k in range(n_words, wide):
            row[k] = f4(-np.inf)
        exponentiate(1, wide, ((logits, i, 0), highest), losses, i)
        total = np.float64(losses[i])
        right = 1 - smoothing
        losses[i] = np.log(total) + highest - right * chosen - smoothing * mean
        if len(weights) > 0:
            factor = weights[i]
            scale, shift = f4(factor / total), f4(factor * smoothing / n_words)
            differentiate(1, wide, ((logits, i, 0), (d_bias, 0, 0), scale, shift))
            row[target] -= f4(factor * right)
            d_bias[0, target] -= f4(factor * right)
