"""Memory for the kernels, which read and write at addresses and check nothing.

So each tensor is compared here with one table before its address is taken.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Expected(NamedTuple):
    """The shape and the type of a tensor.

    Parameters
    ----------
    sizes : tuple of str
        A name for the size of each axis: equal names are equal sizes.
    dtype : torch.dtype
    """

    sizes: tuple[str, ...]
    dtype: torch.dtype


def _floats(*sizes: str) -> Expected:
    return Expected(sizes, torch.float32)


def _integers(*sizes: str) -> Expected:
    return Expected(sizes, torch.int64)


# Inputs of each kernel. A size is given, or taken from the first tensor that has it.
TABLE: dict[str, dict[str, Expected]] = {
    "recurrence": {
        "x": _floats("batch", "time", "features"),
        "table": _floats("words", "features"),
        "tokens": _integers("batch", "time"),
        "state": _floats("batch", "states"),
        "weight_ih": _floats("gates * hidden", "features"),
        "weight_hh": _floats("gates * hidden", "hidden"),
        "bias_ih": _floats("gates * hidden"),
        "bias_hh": _floats("gates * hidden"),
        "d_outputs": _floats("batch", "time", "outputs"),
        "d_state": _floats("batch", "states"),
    },
    "convolution": {
        "x": _floats("batch", "time", "channels"),
        "weight": _floats("new_channels", "channels", "kernel_size"),
        "bias": _floats("new_channels"),
        "scale": _floats("new_channels"),
        "shift": _floats("new_channels"),
        "d_outputs": _floats("batch", "new_time", "new_channels"),
    },
    "convolve": {
        "x": _floats("batch", "time", "channels"),
        "weight": _floats("new_channels", "channels", "kernel_size"),
        "bias": _floats("new_channels"),
    },
    "random_convolutions": {
        "x": _floats("batch", "time", "channels"),
        "weight": _floats("kernels", "channels", "nine"),
        "thresholds": _floats("kernels", "two"),
        "dilation": _integers("kernels"),
    },
    "ngrams": {
        "keys": _integers("ngrams"),
        "table": _floats("ngrams", "1 + outputs"),
        "bias": _floats("outputs"),
        "network_share": _floats(),
    },
    "multiply": {
        "x": _floats("rows", "n_in"),
        "weight": _floats("n_out", "n_in"),
        "bias": _floats("n_out"),
    },
    "pool": {
        "x": _floats("batch", "time", "features"),
        "scores": _floats("batch", "time"),
    },
    "scores": {
        "weight": _floats("hidden", "features"),
        "bias": _floats("hidden"),
        "score": _floats("one", "hidden"),
    },
    "attention": {
        "queries": _floats("batch", "queries", "size"),
        "keys": _floats("batch", "size", "time"),
        "memory": _floats("batch", "time", "features"),
    },
    "standardize": {
        "mean": _floats("features"),
        "scale": _floats("features"),
        "x": _floats("rows", "features"),
    },
    "linear": {
        "x": _floats("rows", "n_in"),
        "weight": _floats("n_out", "n_in"),
        "d_out": _floats("rows", "n_out"),
    },
    "compute_loss": {
        "output": _floats("rows", "outputs"),
        "classes": _integers("rows"),
        "targets": _floats("rows", "targets"),
        "sample_weight": _floats("rows"),
    },
    "vocabulary": {
        "logits": _floats("rows", "wide"),
        "bias": _floats("wide"),
        "targets": _integers("rows"),
        "weights": _floats("rows"),
        "losses": _floats("rows"),
        "d_bias": _floats("wide"),
    },
    "most_probable": {"logits": _floats("rows", "words")},
    "steps": {
        "x": _floats("batch", "time", "features"),
        "flat": _floats("steps", "features"),
        "scores": _floats("steps", "one"),
        "hidden": _floats("steps", "features"),
        "score": _floats("one", "features"),
        "weights": _floats("steps"),
        "pooled": _floats("batch", "pooled"),
        "d_pooled": _floats("batch", "pooled"),
        "numbers": _integers("steps"),
        "table": _floats("rows", "features"),
    },
    "crf": {
        "emissions": _floats("batch", "time", "classes"),
        "targets": _integers("batch", "time"),
        "lengths": _integers("batch"),
        "weights": Expected(("batch",), torch.float64),
        "transitions": _floats("classes", "classes"),
        "start": _floats("classes"),
        "end": _floats("classes"),
        "allowed": Expected(("classes", "classes"), torch.bool),
        "allowed_start": Expected(("classes",), torch.bool),
        "allowed_end": Expected(("classes",), torch.bool),
    },
    "adam": {
        "first moment": _floats("numbers"),
        "second moment": _floats("numbers"),
        "number of steps": _floats("one"),
    },
}


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return memory of this type on the CPU, whatever torch's defaults are."""
    return torch.empty(shape, dtype=dtype, device="cpu")


def read(
    kernel: str, sizes: dict[str, int], tensors: Mapping[str, Tensor | None]
) -> list[Tensor]:
    """Return tensors as a kernel reads them: checked, and contiguous.

    Parameters
    ----------
    kernel : str
        A row of `TABLE`.
    sizes : dict of int
        The sizes that are known; those of the tensors are added.
    tensors : mapping of Tensor or None
        Tensors by their names in the table. None is left out of the result.

    Returns
    -------
    tensors : list of Tensor

    Raises
    ------
    ValueError
        If a tensor has another shape or type, or is not a dense one on the CPU.
    """
    expected, found = TABLE[kernel], []
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        if not _fits(tensor, expected[name], sizes):
            raise ValueError(_describe(name, tensor, expected[name], sizes))
        if tensor.is_neg():
            tensor = tensor.resolve_neg()
        found.append(tensor.contiguous())
    return found


def _fits(tensor: Tensor, expected: Expected, sizes: dict[str, int]) -> bool:
    names, dtype = expected
    shape = tensor.shape
    if (
        tensor.dtype is not dtype
        or not tensor.is_cpu
        or tensor.layout is not torch.strided
        or len(shape) != len(names)
    ):
        return False
    for name, size in zip(names, shape, strict=True):  # a loop: faster than all()
        if sizes.setdefault(name, size) != size:
            return False
    return True


def _describe(
    name: str, tensor: Tensor, expected: Expected, sizes: Mapping[str, int]
) -> str:
    names = ", ".join(expected.sizes)
    known = ", ".join(str(sizes.get(name, "any")) for name in expected.sizes)
    got = f"{tensor.dtype} on {tensor.device}"
    if tensor.layout is not torch.strided:
        got += f" with layout {tensor.layout}"
    return (
        f"{name} must have the shape ({names}) = ({known}), as {expected.dtype} on the "
        f"CPU. Got the shape {tuple(tensor.shape)}, as {got}."
    )


def is_dense(tensor: Tensor, numbers: int) -> bool:
    """Whether a tensor is so many contiguous numbers, as float32 on the CPU."""
    return (
        tensor.dtype is torch.float32
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.numel() == numbers
        and tensor.is_contiguous()
        and not tensor.is_neg()
    )


def read_in_place(numbers: int, tensors: Mapping[str, Tensor]) -> None:
    """Check tensors, of any shape, that a kernel of `TABLE` changes in place.

    Parameters
    ----------
    numbers : int
        Number of elements of each tensor; 1 for the number of steps.
    tensors : mapping of Tensor
        Tensors by their names in the row "adam" of the table.

    Raises
    ------
    ValueError
        If one has another size or type, or is not a contiguous one on the CPU.
    """
    expected = TABLE["adam"]
    for name, tensor in tensors.items():
        n = 1 if expected[name].sizes == ("one",) else numbers
        if tensor.dtype is not expected[name].dtype or not is_dense(tensor, n):
            raise ValueError(
                f"{name} must have {n} numbers, contiguous, as torch.float32 on the "
                f"CPU. Got the shape {tuple(tensor.shape)}, as {tensor.dtype} on "
                f"{tensor.device}."
            )


def read_lengths(lengths: Tensor) -> NDArray[np.int64]:
    """Return numbers of steps as the kernels read them.

    Raises
    ------
    ValueError
        If they are not integers on the CPU, in one axis.
    """
    check_lengths_type(lengths)
    if not lengths.is_cpu:
        raise ValueError(f"lengths must be on the CPU, as x is. Got {lengths.device}.")
    return np.ascontiguousarray(lengths.detach().numpy(), np.int64)


_INTEGERS = frozenset((torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8))


def check_lengths_type(lengths: Tensor) -> None:
    """Raise an error if lengths are not integers, in one axis."""
    if lengths.dtype not in _INTEGERS or lengths.dim() != 1:
        raise ValueError(
            "lengths must be integers of the shape (batch,). Got the shape "
            f"{tuple(lengths.shape)}, as {lengths.dtype}."
        )


def check_lengths(
    lengths: NDArray[np.int64], batch: int, n_steps: int, least: int = 0
) -> None:
    """Raise an error if a row has more steps than there are, or fewer than `least`."""
    if lengths.shape == (batch,) and (
        batch == 0 or (lengths.min() >= least and lengths.max() <= n_steps)
    ):
        return
    at_least = f"from {least} on, " if least else ""
    raise ValueError(
        f"lengths must be {batch} numbers of steps, {at_least}{n_steps} at most. Got "
        f"{lengths}."
    )


def check_sequences(
    values: NDArray[Any],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    n_steps: int,
    dtype: Any = np.float32,
) -> None:
    """Raise an error if sequences lie outside values, or are longer than `n_steps`."""
    if (
        values.dtype != dtype
        or values.ndim != 2
        or not values.flags.c_contiguous
        or offsets.ndim != 1
        or rows.ndim != 1
    ):
        raise ValueError(
            f"values must be a contiguous array of {np.dtype(dtype)} of the shape "
            f"(steps, features). Got the shape {values.shape}, as {values.dtype}."
        )
    if len(rows) == 0:
        return
    first, last = rows.min(), rows.max()
    if first < 0 or last >= len(offsets) - 1:
        raise ValueError(
            f"rows must be from 0 to {len(offsets) - 2}. Got {first} to {last}."
        )
    begins, ends = offsets[rows], offsets[rows + 1]
    check_lengths(ends - begins, len(rows), n_steps)
    if begins.min() < 0 or ends.max() > len(values):
        raise ValueError(
            f"offsets must be from 0 to {len(values)}. Got {begins.min()} to "
            f"{ends.max()}."
        )
