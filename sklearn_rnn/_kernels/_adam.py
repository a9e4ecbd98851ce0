"""Clipping and Adam's step for all weights of a network in one call.

For a few thousand weights torch's optimizers, which call an operator for each thing to
do, take ten times as long as the arithmetic.
"""

from collections.abc import Sequence

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._kernels._math import JIT, f4
from sklearn_rnn._kernels._memory import pointer


def clip(gradients: Sequence[Tensor], limit: float) -> float:
    """Scale gradients down to a norm of `limit` at most; return their norm before.

    Parameters
    ----------
    gradients : sequence of Tensor
        In float32 on the CPU, contiguous.
    limit : float
        May be infinite.
    """
    return _clip(_addresses(gradients), _sizes(gradients), limit)


def update(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first_moments: Sequence[Tensor],
    second_moments: Sequence[Tensor],
    steps: Sequence[Tensor],
    *,
    rate: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    decoupled: bool,
) -> None:
    """Take a step of Adam, or of AdamW where the weight decay is decoupled.

    As torch.optim does, with the same state: steps are numbers in tensors. All
    tensors are in float32 on the CPU, and contiguous.
    """
    _update(
        _addresses(weights), _addresses(gradients), _addresses(first_moments),
        _addresses(second_moments), _addresses(steps), _sizes(weights),
        rate, *betas, eps, decay, decoupled,
    )  # fmt: skip


def _addresses(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    return np.array([tensor.data_ptr() for tensor in tensors], np.int64)


def _sizes(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    return np.array([tensor.numel() for tensor in tensors], np.int64)


# the order of a sum is free here
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


@njit(**_SUM)
def _clip(gradients, sizes, limit):
    total = f4(0)
    for i in range(len(sizes)):
        total += _sum_of_squares(carray(pointer(gradients[i]), sizes[i]))
    norm = np.sqrt(total)
    if norm > limit:
        factor = f4(limit / (norm + 1e-6))
        for i in range(len(sizes)):
            gradient = carray(pointer(gradients[i]), sizes[i])
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
def _update(
    weights, gradients, first_moments, second_moments, steps, sizes,
    rate, beta1, beta2, eps, decay, decoupled,
):  # fmt: skip
    coupled_decay = f4(0) if decoupled else f4(decay)
    shrink = f4(1 - rate * decay) if decoupled else f4(1)
    for i in range(len(sizes)):
        n = sizes[i]
        step = carray(pointer(steps[i]), 1)
        step[0] += f4(1)
        count = np.float64(step[0])
        _update_one(
            carray(pointer(weights[i]), n),
            carray(pointer(gradients[i]), n),
            carray(pointer(first_moments[i]), n),
            carray(pointer(second_moments[i]), n),
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
