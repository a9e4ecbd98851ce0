"""Convolution over time, layer normalisation and ReLU in one, with all gradients.

`forward` and `backward` are plain functions, for callers that train without autograd;
`convolve` does the same for autograd.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import check_lengths, empty, read
from sklearn_rnn._kernels._threads import count_parts, get_buffers, run_in_threads

_CHUNK = 64  # as in _numba/_convolution.py


class Convolution(NamedTuple):
    """One convolution of a stem: its weights and settings.

    Parameters
    ----------
    weight : Tensor of shape (new_channels, channels, kernel_size)
    bias : Tensor of shape (new_channels,)
    scale, shift : Tensor of shape (new_channels,), or None
        Of the layer normalisation; None: nothing is normalised.
    stride : int
    eps : float
        What layer normalisation adds to the variance.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor | None
    shift: Tensor | None
    stride: int
    eps: float


class Kept(NamedTuple):
    """What `backward` needs, from `forward`; its memory is that of the buffers."""

    convolution: Convolution
    sizes: "_Sizes"
    lengths: NDArray[np.int64]
    packed: Tensor
    parameters: Tensor
    parts: "list[_Part]"
    buffers: Any


def forward(
    convolution: Convolution,
    x: Tensor,
    lengths: NDArray[np.int64] | None,
    buffers: Any = None,
) -> tuple[Tensor, Tensor | None, Kept | None]:
    """Convolve, normalise over the channels, and set what is negative to zero.

    A row is seen with zeros around its valid steps, ``(kernel_size - 1) // 2`` in front
    and ``kernel_size // 2`` behind. Its result depends on itself alone, to the last
    bit.

    Parameters
    ----------
    convolution : Convolution
    x : Tensor of shape (batch, time, channels)
    lengths : ndarray of shape (batch,) or None
        Number of valid steps of each row; None: all.
    buffers : object with take(n) and give_back(tensor), default=None
        Memory for what `backward` needs; None if it does not follow. `backward` gives
        back what is taken here.

    Returns
    -------
    out : Tensor of shape (batch, ceil(time / stride), new_channels)
        Zeros at padding.
    new_lengths : Tensor of shape (batch,) or None
        ``ceil(lengths / stride)``.
    kept : Kept or None
    """
    library, keep = get_library(), buffers is not None
    x, convolution, sizes = _read(convolution, x)
    batch, n_steps, _ = x.shape
    steps = np.full(batch, n_steps) if lengths is None else lengths
    check_lengths(steps, batch, n_steps)
    packed, parameters = _pack(convolution, sizes)
    out = empty(batch, -(-n_steps // sizes.stride), sizes.n_out)
    own_buffers = buffers if keep else get_buffers(False)
    parts = _make_parts(sizes, steps, n_steps, own_buffers, keep=keep)
    y = [empty(_CHUNK * sizes.wide) for _ in parts]
    new_steps = empty(batch, dtype=torch.int64)
    jobs = [
        (*_describe(sizes, x.shape, part), part.n_padded, keep, x.data_ptr(),
         steps.ctypes.data, packed.data_ptr(), parameters.data_ptr(),
         part.places.data_ptr(), part.memory.data_ptr(), own.data_ptr(),
         new_steps.data_ptr(), out.data_ptr())
        for part, own in zip(parts, y, strict=True)
    ]  # fmt: skip
    memory = x, steps, packed, parameters, parts, y, new_steps, out
    work = _count_work(sizes, *x.shape[:2]) / len(parts)
    run_in_threads(library.convolution_forward, jobs, memory, work=work)
    new_lengths = None if lengths is None else new_steps
    if not keep:
        return out, new_lengths, None
    kept = Kept(convolution, sizes, steps, packed, parameters, parts, buffers)
    return out, new_lengths, kept


def backward(
    kept: Kept, d_out: Tensor, n_steps: int, *, wants_x: bool
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Return all gradients, once.

    Parameters
    ----------
    kept : Kept
        From `forward`. Its memory goes back to the buffers.
    d_out : Tensor of shape (batch, new_time, new_channels)
        Gradient of ``out``; anything at padding.
    n_steps : int
        Number of steps of x.
    wants_x : bool
        Whether the gradient of x is needed.

    Returns
    -------
    d_x : Tensor of shape (batch, time, channels) or None
        Zeros at padding.
    gradients : list of Tensor or None
        Those of weight, bias, scale and shift.
    """
    library = get_library()
    convolution, sizes, lengths, packed, parameters, parts, buffers = kept
    known = {
        "batch": len(lengths),
        "new_time": -(-n_steps // sizes.stride),
        "new_channels": sizes.n_out,
    }
    (d_out,) = read("convolution", known, {"d_outputs": d_out})
    shape = len(lengths), n_steps, sizes.channels
    d_x = empty(*shape) if wants_x else None
    weight = _pack_transposed(packed, sizes) if wants_x else None
    n_gradients = (sizes.n_inputs + 3) * sizes.wide
    summed = buffers.take(len(parts) * n_gradients)
    wide_x = _round_up(sizes.channels) if wants_x else 0
    jobs, taken = [], [summed]
    for k, part in enumerate(parts):
        taken.append(buffers.take(_CHUNK * (sizes.wide + 1) + part.n_padded * wide_x))
        jobs.append(
            (*_describe(sizes, shape, part), part.n_padded, lengths.ctypes.data,
             _address(weight), parameters.data_ptr(), part.places.data_ptr(),
             part.memory.data_ptr(), taken[-1].data_ptr(), d_out.data_ptr(),
             _address(d_x), summed.data_ptr() + 4 * k * n_gradients)
        )  # fmt: skip
    memory = kept, weight, taken, d_out, d_x
    work = _count_work(sizes, *shape[:2]) / len(parts)
    run_in_threads(library.convolution_backward, jobs, memory, work=work)
    gradients = _unpack(convolution, sizes, len(parts), summed)
    for part in parts:
        taken += part.places, part.memory
    for numbers in taken:
        buffers.give_back(numbers)
    return d_x, gradients


class _Sizes(NamedTuple):
    channels: int
    n_out: int
    kernel_size: int
    stride: int
    is_normalized: bool
    n_inputs: int  # of an output: channels * kernel_size
    wide: int  # n_out, in whole vectors


class _Part(NamedTuple):
    """The rows of a batch that one thread computes: first, first + by, ..."""

    first: int
    by: int
    n_outputs: int  # of all its rows, without padding
    n_padded: int  # steps of all its rows, and the zeros between them
    places: Tensor
    memory: Tensor


def _round_up(n: int) -> int:
    return -(-n // WIDTH) * WIDTH


def _read(convolution: Convolution, x: Tensor) -> tuple[Tensor, Convolution, _Sizes]:
    weight, bias, scale, shift, stride, eps = convolution
    if stride < 1:
        raise ValueError(f"stride must be at least 1. Got {stride}.")
    tensors = {"weight": weight, "bias": bias, "x": x, "scale": scale, "shift": shift}
    # detached: their data may be replaced before the backward pass
    found = [tensor.detach() for tensor in read("convolution", {}, tensors)]
    weight, bias, x, *norm = found
    scale, shift = norm or (None, None)
    n_out, channels, kernel_size = weight.shape
    sizes = _Sizes(
        channels,
        n_out,
        kernel_size,
        stride,
        scale is not None,
        channels * kernel_size,
        _round_up(n_out),
    )
    return x, Convolution(weight, bias, scale, shift, stride, eps), sizes


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _pack(convolution: Convolution, sizes: _Sizes) -> tuple[Tensor, Tensor]:
    weight, bias, scale, shift, _, eps = convolution
    memory, packed = _take_memory(sizes), empty(sizes.n_inputs * sizes.wide)
    parameters = empty(4 * sizes.wide)
    numbers = torch.full((1,), eps, dtype=torch.float64, device="cpu")
    get_library().pack_convolution(
        sizes.n_out, sizes.channels, sizes.kernel_size, weight.data_ptr(),
        bias.data_ptr(), _address(scale), _address(shift), numbers.data_ptr(),
        memory.data_ptr(), packed.data_ptr(), parameters.data_ptr(),
    )  # fmt: skip
    return packed, parameters


def _take_memory(sizes: _Sizes) -> Tensor:
    """Return memory for a vector, and a mean, of each column of the weights."""
    return empty(sizes.n_inputs * (WIDTH + 1) + 1)


def pack_convolution(convolution: Convolution) -> tuple["_Sizes", Tensor, Tensor]:
    """Return the sizes of a convolution, its packed weights, and its parameters."""
    channels = convolution.weight.shape[1]
    _, convolution, sizes = _read(convolution, empty(0, 0, channels))
    return sizes, *_pack(convolution, sizes)


def _pack_transposed(packed: Tensor, sizes: _Sizes) -> Tensor:
    transposed = empty(sizes.kernel_size * _round_up(sizes.channels) * sizes.n_out)
    get_library().pack_convolution_transposed(
        *(sizes.n_out, sizes.channels, sizes.kernel_size),
        *(packed.data_ptr(), transposed.data_ptr()),
    )
    return transposed


def _unpack(
    convolution: Convolution, sizes: _Sizes, n_parts: int, summed: Tensor
) -> list[Tensor | None]:
    """Return the gradients of all weights; threads have a sum each."""
    memory = _take_memory(sizes)
    gradients = [w if w is None else torch.empty_like(w) for w in convolution[:4]]
    get_library().unpack_convolution(
        sizes.n_out, sizes.channels, sizes.kernel_size, n_parts, summed.data_ptr(),
        memory.data_ptr(), *map(_address, gradients),
    )  # fmt: skip
    return gradients


def _make_parts(
    sizes: _Sizes,
    lengths: NDArray[np.int64],
    n_steps: int,
    buffers: Any,
    *,
    keep: bool,
) -> list[_Part]:
    """Deal the rows out to the threads, with memory for each."""
    batch, gap = len(lengths), sizes.kernel_size // 2
    n_parts = count_parts(batch, _count_work(sizes, batch, n_steps), is_repeated=True)
    if buffers.for_all_lengths:
        lengths = np.full(batch, n_steps)
    counts = -(-lengths // sizes.stride)
    parts = []
    for first in range(n_parts):
        own = lengths[first::n_parts]
        n_outputs = int(counts[first::n_parts].sum())
        n_padded = int(own.sum()) + (len(own) + 1) * gap
        n_kept = n_outputs if keep else _CHUNK
        n = n_padded * sizes.channels + n_kept * (sizes.wide + 1)
        places = buffers.take(2 * n_outputs)  # of integers
        parts.append(
            _Part(first, n_parts, n_outputs, n_padded, places, buffers.take(n))
        )
    return parts


def _count_work(sizes: _Sizes, batch: int, n_steps: int) -> int:
    """Return the multiplications of a forward pass."""
    return batch * -(-n_steps // sizes.stride) * sizes.n_inputs * sizes.n_out


def _describe(sizes: _Sizes, shape: Any, part: _Part) -> tuple[int, ...]:
    """Return the numbers with which the arguments of both passes begin."""
    batch, n_steps, _ = shape
    return (
        batch, n_steps, -(-n_steps // sizes.stride), sizes.channels, sizes.n_out,
        sizes.kernel_size, sizes.stride, sizes.is_normalized, part.first, part.by,
        part.n_outputs,
    )  # fmt: skip


def convolve(
    convolution: Convolution, x: Tensor, lengths: NDArray[np.int64] | None
) -> tuple[Tensor, NDArray[np.int64] | None]:
    """Return ``out`` and ``new_lengths`` of `forward`; autograd may follow."""
    if not torch.is_grad_enabled():
        out, new_lengths, _ = forward(convolution, x, lengths)
        return out, _as_array(new_lengths)
    weight, bias, scale, shift, *settings = convolution
    return _Convolution.apply(settings, lengths, x, weight, bias, scale, shift)


def _as_array(lengths: Tensor | None) -> NDArray[np.int64] | None:
    return None if lengths is None else lengths.numpy()


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, settings, lengths, x, *weights):
        """Return the outputs and their lengths."""
        out, new_lengths, ctx.kept = forward(
            Convolution(*weights, *settings), x, lengths, get_buffers(True)
        )
        ctx.n_steps = x.shape[1]
        return out, _as_array(new_lengths)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out, _):
        """Return the gradient of each argument of `forward`."""
        if ctx.kept is None:
            raise RuntimeError(
                "backward() called twice; buffers are freed after the first call."
            )
        kept, ctx.kept = ctx.kept, None
        wants_x = ctx.needs_input_grad[2]
        d_x, gradients = backward(kept, d_out, ctx.n_steps, wants_x=wants_x)
        return None, None, d_x, *gradients
