"""Softmax over a vocabulary: losses and gradients of some rows, and the best words."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
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


def _get(x):
    """Return the logits."""
    return x[0]


def _compute_power(x, highest):
    """Return exp(x - highest)."""
    power, f = split_exp(clip(x[0] - highest, -87, 0))
    return power * (1 + f)


add_up, find_highest = sum_over_units(_get), max_over_units(_get)
add_powers = sum_over_units(_compute_power)


@sum_over_units
def exponentiate(x, highest):
    """Set x to exp(x - highest); return it."""
    x[0] = _compute_power(x, highest)
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


@njit(**JIT)
def find_most_probable(logits, forbidden, result, log_p, words):
    """Set the most probable words of each row, the best first.

    Parameters
    ----------
    logits : (rows, n_words)
        That of `forbidden` is overwritten.
    forbidden : int
        A word that is not to be found.
    result : (1,)
        Memory.
    log_p, words : (rows, n)
        Not more than words that can be found; among equals, the first.
    """
    n_words, n = logits.shape[1], log_p.shape[1]
    wide = n_words // WIDTH * WIDTH
    for i in range(len(logits)):
        row, best, found = logits[i], log_p[i], words[i]
        find_highest(1, wide, ((logits, i, 0),), result, 0)
        highest = result[0]
        for j in range(wide, n_words):
            highest = max(highest, row[j])
        add_powers(1, wide, ((logits, i, 0), highest), result, 0)
        total = np.float64(result[0])
        for j in range(wide, n_words):
            total += np.exp(np.float64(row[j]) - highest)
        row[forbidden] = f4(-np.inf)
        for k in range(n):
            best[k], found[k] = -np.inf, forbidden
        for j in range(n_words):
            value = np.float64(row[j])
            if value > best[n - 1]:
                k = n - 1
                while k > 0 and value > best[k - 1]:
                    best[k], found[k] = best[k - 1], found[k - 1]
                    k -= 1
                best[k], found[k] = value, j
        log_z = np.log(total) + highest
        for k in range(n):
            best[k] -= log_z
