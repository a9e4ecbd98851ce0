"""Clipping and Adam's step for all weights of a network, each in one call.

For a few thousand weights torch's optimizers, which call an operator for each thing to
do, take ten times as long as the arithmetic.
"""

from array import array
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import read_in_place


def clip(gradients: Sequence[Tensor], limit: float) -> float:
    """Scale gradients down to a norm of `limit` at most; return their norm before.

    Parameters
    ----------
    gradients : sequence of Tensor
        In float32 on the CPU, contiguous.
    limit : float
        May be infinite.
    """
    for gradient in gradients:
        read_in_place(gradient.numel(), {"gradient": gradient})
    n, where, sizes = len(gradients), _addresses(gradients), _sizes(gradients)
    limit_and_norm = array("d", (limit, 0.0))
    get_library().clip(n, *map(_address, (where, sizes, limit_and_norm)))
    return limit_and_norm[1]


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
    for w, g, m, v, t in zip(
        weights, gradients, first_moments, second_moments, steps, strict=True
    ):
        read_in_place(
            w.numel(),
            {
                "weight": w,
                "gradient": g,
                "first moment": m,
                "second moment": v,
                "number of steps": t,
            },
        )
    lists = weights, gradients, first_moments, second_moments, steps
    arrays = [*map(_addresses, lists), _sizes(weights)]
    settings = array("d", (rate, *betas, eps, decay))
    get_library().adam(
        len(weights), decoupled, *map(_address, arrays), _address(settings)
    )


def _addresses(tensors: Sequence[Tensor]) -> "array[int]":
    return array("q", [tensor.data_ptr() for tensor in tensors])


def _sizes(tensors: Sequence[Tensor]) -> "array[int]":
    return array("q", [tensor.numel() for tensor in tensors])


def _address(numbers: "array[Any]") -> int:
    return numbers.buffer_info()[0]
