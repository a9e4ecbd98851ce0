"""Clipping and Adam's step for all weights of a network, each in one call.

For a few thousand weights torch's optimizers, which call an operator for each thing to
do, take ten times as long as the arithmetic.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

import torch
from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import read_in_place


class Numbers(NamedTuple):
    """Where the numbers of some tensors lie, and how many each has."""

    addresses: "array[int]"
    sizes: "array[int]"
    tensors: "Sequence[ref[Tensor]]"  # nothing is kept alive

    def are_of(self, tensors: Sequence[Tensor | None]) -> bool:
        """Return whether they are those of the same tensors, where they were."""
        if len(tensors) != len(self.tensors):
            return False
        own = zip(tensors, self.tensors, self.addresses, self.sizes, strict=True)
        return all(
            tensor is not None
            and known() is tensor
            and tensor.data_ptr() == address
            and tensor.numel() == size
            and tensor.is_contiguous()
            for tensor, known, address, size in own
        )


def find_numbers(
    tensors: Sequence[Tensor | None], known: Numbers | None = None
) -> Numbers | None:
    """Return where the numbers of tensors lie; None if the kernels cannot read them.

    All must be contiguous, in float32 on the CPU. To look at all that takes as long as
    some kernels, so `known` is returned if the numbers are the same as before.
    """
    if known is not None and known.are_of(tensors):
        return known
    found, addresses, sizes = [], [], []
    for tensor in tensors:
        if (
            tensor is None
            or tensor.dtype is not torch.float32
            or not tensor.is_cpu
            or tensor.layout is not torch.strided
            or not tensor.is_contiguous()
            or tensor.is_neg()
        ):
            return None
        found.append(ref(tensor))
        addresses.append(tensor.data_ptr())
        sizes.append(tensor.numel())
    return Numbers(array("q", addresses), array("q", sizes), found)


def clip(gradients: Numbers, limit: float) -> float:
    """Scale gradients down to a norm of `limit` at most; return their norm before.

    `limit` may be infinite.
    """
    limit_and_norm = array("d", (limit, 0.0))
    n = len(gradients.sizes)
    lists = gradients.addresses, gradients.sizes, limit_and_norm
    get_library().clip(n, *map(_address, lists))
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
    weights: Numbers,
    gradients: Numbers,
    moments: Moments,
    *,
    rate: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    decoupled: bool,
) -> None:
    """Take a step of Adam, or of AdamW where the weight decay is decoupled.

    As torch.optim does, with the same state: steps are numbers in tensors.
    """
    sizes = weights.sizes
    if gradients.sizes != sizes:
        raise ValueError(
            f"gradients must have as many numbers as the weights, {sizes.tolist()}. "
            f"Got {gradients.sizes.tolist()}."
        )
    lists = weights.addresses, gradients.addresses, *moments.find_addresses(sizes)
    settings = array("d", (rate, *betas, eps, decay))
    get_library().adam(len(sizes), decoupled, *map(_address, (*lists, sizes, settings)))


def _addresses(tensors: Sequence[Tensor]) -> "array[int]":
    return array("q", [tensor.data_ptr() for tensor in tensors])


def _address(numbers: "array[Any]") -> int:
    return numbers.buffer_info()[0]
