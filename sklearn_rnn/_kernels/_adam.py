"""Clipping and Adam's step for all weights of a network, each in one call.

For a few thousand weights torch's optimizers, which call an operator for each thing to
do, take ten times as long as the arithmetic.
"""

from array import array
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import is_dense, read_in_place


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
        if not is_dense(gradient, gradient.numel()):
            read_in_place(gradient.numel(), {"gradient": gradient})
    n, where, sizes = len(gradients), _addresses(gradients), _sizes(gradients)
    limit_and_norm = array("d", (limit, 0.0))
    get_library().clip(n, *map(_address, (where, sizes, limit_and_norm)))
    return limit_and_norm[1]


class Moments:
    """The state of some weights: checked once, and again if its memory changes.

    Parameters
    ----------
    first, second : sequence of Tensor
        Moving means of gradients and of their squares.
    steps : sequence of Tensor
        Number of steps of each weight.
    """

    def __init__(
        self, first: Sequence[Tensor], second: Sequence[Tensor], steps: Sequence[Tensor]
    ) -> None:
        self.tensors = first, second, steps
        self.sizes: array[int] | None = None
        self.addresses: list[array[int]] = []

    def find_addresses(self, sizes: "array[int]") -> "list[array[int]]":
        """Return the addresses for weights of these sizes."""
        addresses = [_addresses(tensors) for tensors in self.tensors]
        if sizes != self.sizes or addresses != self.addresses:
            names = "first moment", "second moment", "number of steps"
            for n, *tensors in zip(sizes, *self.tensors, strict=True):
                read_in_place(n, dict(zip(names, tensors, strict=True)))
            self.sizes, self.addresses = sizes, addresses
        return addresses


def update(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    moments: Moments,
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
    for weight, gradient in zip(weights, gradients, strict=True):
        n = weight.numel()
        if not (is_dense(weight, n) and is_dense(gradient, n)):
            read_in_place(n, {"weight": weight, "gradient": gradient})
    sizes = _sizes(weights)
    lists = _addresses(weights), _addresses(gradients), *moments.find_addresses(sizes)
    settings = array("d", (rate, *betas, eps, decay))
    get_library().adam(
        len(weights), decoupled, *map(_address, (*lists, sizes)), _address(settings)
    )


def _addresses(tensors: Sequence[Tensor]) -> "array[int]":
    return array("q", [tensor.data_ptr() for tensor in tensors])


def _sizes(tensors: Sequence[Tensor]) -> "array[int]":
    return array("q", [tensor.numel() for tensor in tensors])


def _address(numbers: "array[Any]") -> int:
    return numbers.buffer_info()[0]
