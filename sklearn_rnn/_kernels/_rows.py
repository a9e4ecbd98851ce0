"""Row by row: products and means that do not depend on what else is in the batch.

A matrix product of a library rounds differently for another number of rows. These
sum each row in the same order, so a prediction is identical to the last bit
whatever it is computed with.
"""

from itertools import pairwise

import torch
from torch import Tensor

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._packs import pack_once
from sklearn_rnn._kernels._tensors import check_lengths, empty, read, read_lengths
from sklearn_rnn._kernels._threads import count_parts, run_in_threads

_CHUNK = 32  # rows whose sums stay in the cache


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Convolve over time.

    Parameters
    ----------
    x : Tensor of shape (batch, time, channels)
    weight : Tensor of shape (new_channels, channels, kernel_size)
    bias : Tensor of shape (new_channels,)
    stride : int

    Returns
    -------
    Tensor of shape (batch, new_time, new_channels)
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1. Got {stride}.")
    library = get_library()
    weight, bias, x = read("convolve", {}, {"weight": weight, "bias": bias, "x": x})
    n_out, channels, kernel_size = weight.shape
    batch, n_steps, _ = x.shape
    new_steps = (n_steps - kernel_size) // stride + 1
    n_inputs, wide = kernel_size * channels, -(-n_out // WIDTH) * WIDTH
    packed = empty(n_inputs * wide)
    library.pack_rows(
        n_out, channels, kernel_size, weight.data_ptr(), packed.data_ptr()
    )
    out = empty(batch, new_steps, n_out)
    work = batch * new_steps * n_inputs * n_out
    n_parts = count_parts(batch, work)
    sums = empty(n_parts, new_steps * wide)
    bounds = [batch * k // n_parts for k in range(n_parts + 1)]
    jobs = [
        (b - a, n_steps * channels, new_steps, n_out, n_inputs, stride * channels,
         x.data_ptr() + 4 * a * n_steps * channels, packed.data_ptr(), bias.data_ptr(),
         own.data_ptr(), out.data_ptr() + 4 * a * new_steps * n_out)
        for (a, b), own in zip(pairwise(bounds), sums, strict=True)
    ]  # fmt: skip
    run_in_threads(library.convolve, jobs, (x, packed, bias, sums, out))
    return out


def multiply(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x @ weight.T + bias.

    Parameters
    ----------
    x : Tensor of shape (..., n_in)
    weight : Tensor of shape (n_out, n_in)
    bias : Tensor of shape (n_out,)

    Returns
    -------
    Tensor of shape (..., n_out)
    """
    rows = x.reshape(-1, x.shape[-1])
    weight, bias, rows = read(
        "multiply", {}, {"weight": weight, "bias": bias, "x": rows}
    )
    if len(bias) < WIDTH:  # most columns of a packed product would be empty
        result = _multiply_few(rows, weight, bias)
    else:
        result = _multiply_many(rows, weight, bias)
    return result.view(*x.shape[:-1], len(bias))


def pack_linear(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias as the kernels read them: many outputs are packed."""
    weight, bias = read("multiply", {}, {"weight": weight, "bias": bias})
    return (weight if len(bias) < WIDTH else _pack_many(weight)), bias


def _pack_many(weight: Tensor) -> Tensor:
    n_out, n_in = weight.shape
    packed = empty(n_in * -(-n_out // WIDTH) * WIDTH)
    get_library().pack_rows(n_out, n_in, 1, weight.data_ptr(), packed.data_ptr())
    return packed


def _multiply_few(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    n_out, n_in = weight.shape
    out = empty(len(x), n_out)
    addresses = [tensor.data_ptr() for tensor in (x, weight, bias, out)]
    get_library().multiply(len(x), n_in, n_out, *addresses)
    return out


def _multiply_many(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    library, n = get_library(), len(x)
    n_out, n_in = weight.shape
    wide = -(-n_out // WIDTH) * WIDTH
    packed = pack_once(weight.shape, [weight], lambda weights: _pack_many(*weights))
    n_parts = count_parts(n, n * n_in * n_out)
    height = max(1, min(_CHUNK, n // n_parts))
    sums, out = empty(n_parts, height, wide), empty(n, n_out)

    def describe(begin, n_chunks, n_rows, memory):
        return (
            n_chunks, n_rows * n_in, n_rows, n_out, n_in, n_in, x[begin:].data_ptr(),
            packed.data_ptr(), bias.data_ptr(), memory.data_ptr(),
            out[begin:].data_ptr(),
        )  # fmt: skip

    n_chunks = n // height
    bounds = [n_chunks * k // n_parts for k in range(n_parts + 1)]
    jobs = [
        describe(height * a, b - a, height, memory)
        for (a, b), memory in zip(pairwise(bounds), sums, strict=True)
    ]
    run_in_threads(library.convolve, jobs, (x, packed, bias, sums, out))
    if n % height:
        library.convolve(*describe(height * n_chunks, 1, n % height, sums))
    return out


def mean_over_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean of the valid steps of each row.

    Parameters
    ----------
    x : Tensor of shape (batch, time, features)
    lengths : Tensor of shape (batch,) or None

    Returns
    -------
    Tensor of shape (batch, features)
    """
    x, steps, total, out = _prepare_mean(x, lengths)
    tensors = x, steps, total, out
    get_library().mean_over_time(*x.shape, *(t.data_ptr() for t in tensors))
    return out


def attend(x: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean of the valid steps, weighted by the softmax of their scores.

    Parameters
    ----------
    x : Tensor of shape (batch, time, features)
    scores : Tensor of shape (batch, time)
    lengths : Tensor of shape (batch,) or None

    Returns
    -------
    Tensor of shape (batch, features)
    """
    x, scores = read("pool", {}, {"x": x, "scores": scores})
    x, steps, total, out = _prepare_mean(x, lengths)
    tensors = x, scores, steps, total, out
    get_library("steps").attend(*x.shape, *(t.data_ptr() for t in tensors))
    return out


def attend_to_memory(
    queries: Tensor, keys: Tensor, memory: Tensor, lengths: Tensor | None
) -> Tensor:
    """Return the mean of the memory, by the products of each query with the keys.

    Parameters
    ----------
    queries : Tensor of shape (batch, n_queries, size)
    keys : Tensor of shape (batch, time, size)
    memory : Tensor of shape (batch, time, features)
    lengths : Tensor of shape (batch,) or None

    Returns
    -------
    Tensor of shape (batch, n_queries, features)
    """
    given = {"queries": queries, "keys": keys.transpose(1, 2), "memory": memory}
    queries, keys, memory = read("attention", {}, given)
    steps = _read_steps(lengths, *memory.shape[:2])
    (batch, n_queries, size), (_, n_steps, width) = queries.shape, memory.shape
    out = empty(batch, n_queries, width)
    n_parts = count_parts(batch, queries.shape[:2].numel() * n_steps * (size + width))
    bounds = [batch * k // n_parts for k in range(n_parts + 1)]
    numbers = empty(n_parts, n_steps + n_steps + width, dtype=torch.float64)
    jobs = [
        (b - a, n_queries, n_steps, size, width,
         *(t[a:].data_ptr() for t in (queries, keys, memory, steps)),
         *(own[k:].data_ptr() for k in (0, n_steps, 2 * n_steps)), out[a:].data_ptr())
        for (a, b), own in zip(pairwise(bounds), numbers, strict=True)
    ]  # fmt: skip
    kept = queries, keys, memory, steps, numbers, out
    run_in_threads(get_library("vocabulary").attend_to_memory, jobs, kept)
    return out


def _prepare_mean(
    x: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x, numbers of steps, memory for a sum, and for the result."""
    (x,) = read("pool", {}, {"x": x})
    batch, n_steps, size = x.shape
    steps = _read_steps(lengths, batch, n_steps)
    return x, steps, empty(size, dtype=torch.float64), empty(batch, size)


def _read_steps(lengths: Tensor | None, batch: int, n_steps: int) -> Tensor:
    if lengths is None:
        return torch.full((batch,), n_steps, dtype=torch.int64, device="cpu")
    numbers = read_lengths(lengths)
    check_lengths(numbers, batch, n_steps, least=1)
    return torch.from_numpy(numbers)
