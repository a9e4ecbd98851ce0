"""Losses of the outputs of a network, with their gradients."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import BLOCK, LOSSES
from sklearn_rnn._kernels._numba._math import JIT, clip, f4, split_exp
from sklearn_rnn._kernels._numba._vectors import for_all_units

(
    CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED_ERROR, ABSOLUTE_ERROR, HUBER,
    QUANTILE, POISSON, GAUSSIAN,
) = range(len(LOSSES))  # fmt: skip
_LEAST_LOG_STD = -7  # see the class Gaussian


def _exponentiate(x):
    power, f = split_exp(clip(x[0], -87, 0))
    x[0] = power * (1 + f)


exponentiate = for_all_units(_exponentiate)


@njit(**JIT)
def set_exponentials(output, begin, n, highest, powers):
    """Set powers to exp(output - its highest) for some rows; zeros behind them."""
    n_outputs = output.shape[1]
    for i in range(n):
        row, power = output[begin + i], powers[i]
        highest[i] = row[0]
        for k in range(1, n_outputs):
            highest[i] = max(highest[i], row[k])
        for k in range(n_outputs):
            power[k] = row[k] - highest[i]
        for k in range(n_outputs, len(power)):
            power[k] = f4(0)
    exponentiate(n, powers.shape[1], ((powers, 0, 0),))


@njit(**JIT)
def cross_entropy(output, highest, powers, target, d_output):
    """Return the log loss of the logits of one sample; set its gradient."""
    n = len(output)
    if target == -1:  # unknown
        for k in range(n):
            d_output[k] = f4(0)
        return 0.0
    if target < 0 or target >= n:
        return np.nan
    total = 0.0
    for k in range(n):
        total += powers[k]
    for k in range(n):
        d_output[k] = powers[k] / f4(total)
    d_output[target] -= f4(1)
    return np.log(total) + highest - output[target]


@njit(**JIT)
def differentiate(loss, quantile, output, target):
    """Return the loss of one output and its derivative."""
    error = output - target
    if loss == BINARY_CROSS_ENTROPY:
        power = np.exp(-abs(output))
        positive = output if output > 0 else 0.0
        chance = 1 / (1 + power) if output > 0 else power / (1 + power)
        return positive - output * target + np.log1p(power), chance - target
    if loss == SQUARED_ERROR:
        return error * error, 2 * error
    if loss == POISSON:
        rate = np.exp(output)
        return rate - target * output, rate - target
    sign = 1.0 if error > 0 else (-1.0 if error < 0 else error)
    if loss == HUBER:
        if abs(error) >= 1:
            return abs(error) - 0.5, sign
        return 0.5 * error * error, error
    if loss == QUANTILE:  # of two equal slopes torch takes the mean
        return max(-quantile * error, (1 - quantile) * error), 0.5 * (
            1 + sign
        ) - quantile
    return abs(error), sign


@njit(**JIT)
def gaussian(mean, log_std, target):
    """Return the loss of a mean and the logarithm of a deviation; both derivatives."""
    clamped = _LEAST_LOG_STD if log_std < _LEAST_LOG_STD else log_std
    precision = np.exp(-clamped)
    score = (target - mean) * precision
    d_log_std = 0.0 if log_std < _LEAST_LOG_STD else 1 - score * score
    return clamped + 0.5 * score * score, -score * precision, d_log_std


@njit(**JIT)
def mean_of_targets(loss, quantile, output, target, d_output):
    """Return the mean loss of the targets of one sample; set its gradient."""
    n, total = len(target), 0.0
    for k in range(n):
        if loss == GAUSSIAN:
            own, d_mean, d_log_std = gaussian(
                np.float64(output[k]), np.float64(output[n + k]), np.float64(target[k])
            )
            d_output[k], d_output[n + k] = d_mean / n, d_log_std / n
        else:
            own, d = differentiate(
                loss, quantile, np.float64(output[k]), np.float64(target[k])
            )
            d_output[k] = d / n
        total += own
    return total / n


@njit(**JIT)
def compute_loss(
    loss, quantile, n_all, output, classes, targets, sample_weight, highest, powers,
    d_output,
):  # fmt: skip
    """Return the sum of the losses of some samples, divided by `n_all`.

    `classes` are the targets of the cross-entropy, `targets` those of the other losses;
    without `sample_weight` each sample counts 1. `highest` and `powers` are memory.
    """
    total = 0.0
    for i in range(len(output)):
        d = d_output[i]
        if loss == CROSS_ENTROPY:
            place = i % BLOCK
            if place == 0:
                n = min(BLOCK, len(output) - i)
                set_exponentials(output, i, n, highest, powers)
            own = cross_entropy(output[i], highest[place], powers[place], classes[i], d)
        else:
            own = mean_of_targets(loss, quantile, output[i], targets[i], d)
        factor = f4(1) if len(sample_weight) == 0 else sample_weight[i]
        total += factor * own
        for k in range(len(d)):
            d[k] = d[k] * factor / f4(n_all)
    return total / n_all
