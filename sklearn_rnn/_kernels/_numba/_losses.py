"""Losses of the outputs of a network, with their gradients."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import LOSSES
from sklearn_rnn._kernels._numba._math import ONCE, f4

(
    CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED_ERROR, ABSOLUTE_ERROR, HUBER,
    QUANTILE, POISSON, GAUSSIAN,
) = range(len(LOSSES))  # fmt: skip
_LEAST_LOG_STD = -7  # see the class Gaussian


@njit(**ONCE)
def cross_entropy(output, target, d_output):
    """Return the log loss of the logits of one sample; set its gradient."""
    if target == -1:  # unknown
        for k in range(len(output)):
            d_output[k] = f4(0)
        return 0.0
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


@njit(**ONCE)
def gaussian(mean, log_std, target):
    """Return the loss of a mean and the logarithm of a deviation; both derivatives."""
    clamped = _LEAST_LOG_STD if log_std < _LEAST_LOG_STD else log_std
    precision = np.exp(-clamped)
    score = (target - mean) * precision
    d_log_std = 0.0 if log_std < _LEAST_LOG_STD else 1 - score * score
    return clamped + 0.5 * score * score, -score * precision, d_log_std


@njit(**ONCE)
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


@njit(**ONCE)
def compute_loss(
    loss, quantile, n_all, output, classes, targets, sample_weight, d_output
):
    """Return the sum of the losses of some samples, divided by `n_all`.

    `classes` are the targets of the cross-entropy, `targets` those of the other losses;
    without `sample_weight` each sample counts 1.
    """
    total = 0.0
    for i in range(len(output)):
        d = d_output[i]
        if loss == CROSS_ENTROPY:
            own = cross_entropy(output[i], classes[i], d)
        else:
            own = mean_of_targets(loss, quantile, output[i], targets[i], d)
        factor = f4(1) if len(sample_weight) == 0 else sample_weight[i]
        total += factor * own
        for k in range(len(d)):
            d[k] = d[k] * factor / f4(n_all)
    return total / n_all
