"""Clipping and Adam's step for all weights of a network in one call."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._memory import floats_at, pointer_in

# the order of a sum is free here
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


@njit(**_SUM)
def clip(gradients, sizes, limit):
    """Scale gradients down to a norm of `limit` at most; return their norm before.

    `gradients` points to pointers; `sizes` are how many numbers are there.
    """
    total = f4(0)
    for i in range(len(sizes)):
        total += _sum_of_squares(floats_at(pointer_in(gradients, i), (sizes[i],)))
    norm = np.sqrt(total)
    if norm > limit:
        factor = f4(limit / (norm + 1e-6))
        for i in range(len(sizes)):
            gradient = floats_at(pointer_in(gradients, i), (sizes[i],))
            for j in range(sizes[i]):
                gradient[j] *= factor
    return norm


@njit(**_SUM)
def _sum_of_squares(numbers):
    total = f4(0)
    for j in range(len(numbers)):
        total += numbers[j] * numbers[j]
    return total


@njit(**JIT)
def update(
    weights, gradients, first_moments, second_moments, steps, sizes,
    rate, beta1, beta2, eps, decay, decoupled,
):  # fmt: skip
    """Take a step of Adam, or of AdamW where the weight decay is decoupled.

    The first five point to pointers to numbers, as many as `sizes` says; of steps one.
    """
    coupled_decay = f4(0) if decoupled else f4(decay)
    shrink = f4(1 - rate * decay) if decoupled else f4(1)
    for i in range(len(sizes)):
        shape = (sizes[i],)
        step = floats_at(pointer_in(steps, i), (1,))
        step[0] += f4(1)
        count = np.float64(step[0])
        _update_one(
            floats_at(pointer_in(weights, i), shape),
            floats_at(pointer_in(gradients, i), shape),
            floats_at(pointer_in(first_moments, i), shape),
            floats_at(pointer_in(second_moments, i), shape),
            f4(rate / (1 - beta1**count)),
            f4(np.sqrt(1 - beta2**count)),
            f4(1 - beta1),
            f4(beta2),
            f4(1 - beta2),
            f4(eps),
            coupled_decay,
            shrink,
        )


@njit(**JIT)
def _update_one(
    weight, gradient, first, second, size, correction, new1, old2, new2, eps, decay,
    shrink,
):  # fmt: skip
    for j in range(len(weight)):
        w = weight[j] * shrink
        g = gradient[j] + decay * w
        m = first[j] + new1 * (g - first[j])
        v = old2 * second[j] + new2 * g * g
        first[j] = m
        second[j] = v
        weight[j] = w - size * m / (np.sqrt(v) / correction + eps)
