"""Row by row: products and means that do not depend on what else is in the batch.

A matrix product of a library rounds differently for another number of rows. These
sum each row in one and the same order, so a prediction is the same to the last bit
whatever it is computed with.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numba import njit
from torch import Tensor

from sklearn_rnn._kernels._math import JIT, f4
from sklearn_rnn._kernels._memory import borrow
from sklearn_rnn._kernels._product import WIDTH, add_product
from sklearn_rnn._kernels._threads import (
    get_num_threads,
    one_process_at_a_time,
    run_in_threads,
)


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
    compile_rows()
    n_out, channels, kernel_size = weight.shape
    batch, n_steps, _ = x.shape
    rows = x.contiguous().numpy().reshape(batch, -1)
    packed = _pack(weight.detach().contiguous().numpy())
    bias_ = bias.detach().numpy()
    out = np.empty((batch, (n_steps - kernel_size) // stride + 1, n_out), np.float32)
    n_parts = max(1, min(get_num_threads(), batch // 4))
    bounds = [batch * k // n_parts for k in range(n_parts + 1)]
    jobs = [
        (rows[a:b], packed, bias_, stride * channels, out[a:b])
        for a, b in pairwise(bounds)
    ]
    run_in_threads(_convolve, jobs)
    return torch.from_numpy(out)


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
    rows = x.reshape(1, -1, x.shape[-1])
    result = convolve(rows, weight.unsqueeze(-1), bias, 1)
    return result.view(*x.shape[:-1], len(weight))


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
    compile_rows()
    out = np.empty((x.shape[0], x.shape[2]), np.float32)
    _mean_over_time(x.contiguous().numpy(), _steps(x, lengths), out)
    return torch.from_numpy(out)


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
    compile_rows()
    out = np.empty((x.shape[0], x.shape[2]), np.float32)
    numbers = scores.contiguous().numpy()
    _attend(x.contiguous().numpy(), numbers, _steps(x, lengths), out)
    return torch.from_numpy(out)


@cache
def compile_rows() -> None:
    """Compile all of this file, or load it from the disk, at its first use."""
    x, lengths = np.zeros((1, 1, 1), np.float32), np.ones(1, np.int64)
    with one_process_at_a_time():
        _convolve(x[0], _pack(x), x[0, 0], 1, x)
        _mean_over_time(x, lengths, x[0])
        _attend(x, x[0], lengths, x[0])


def _steps(x, lengths):
    if lengths is None:
        return np.full(x.shape[0], x.shape[1])
    return lengths.numpy()


@njit(**JIT)
def _pack(weight):
    """Cut (n_out, channels, kernel_size) into panels of WIDTH columns of n_out."""
    n_out, channels, kernel_size = weight.shape
    n_panels = -(-n_out // WIDTH)
    packed = np.zeros((n_panels, kernel_size * channels * WIDTH), f4)
    for j in range(n_out):
        panel, lane = packed[j // WIDTH], j % WIDTH
        for c in range(channels):
            for k in range(kernel_size):
                panel[(k * channels + c) * WIDTH + lane] = weight[j, c, k]
    return packed


@njit(**JIT)
def _convolve(x, weight, bias, shift, out):
    """Multiply windows of each row of x, `shift` numbers apart, with the weights."""
    n_panels, panel = weight.shape
    _, new_steps, n_out = out.shape
    wide = n_panels * WIDTH
    sums = np.empty((new_steps, wide), f4)
    for row in range(x.shape[0]):
        # the window of a step is K numbers side by side
        add_product(
            True, x, row * x.shape[1], shift, 1, new_steps,
            weight, 0, WIDTH, panel, sums, 0, wide, wide, panel // WIDTH,
        )  # fmt: skip
        for t in range(new_steps):
            for j in range(n_out):
                out[row, t, j] = sums[t, j] + bias[j]


# The sums over time in double precision: where a thousand numbers are summed up one
# by one, the last ones would lose three digits.


@njit(**JIT)
def _mean_over_time(x, lengths, out):
    x = borrow(x)
    total = np.empty(x.shape[2])
    for row in range(x.shape[0]):
        for j in range(x.shape[2]):
            total[j] = 0
        for t in range(lengths[row]):
            step = x[row, t]
            for j in range(x.shape[2]):
                total[j] += step[j]
        for j in range(x.shape[2]):
            out[row, j] = total[j] / lengths[row]


@njit(**JIT)
def _attend(x, scores, lengths, out):
    x, scores = borrow(x), borrow(scores)
    total = np.empty(x.shape[2])
    for row in range(x.shape[0]):
        for j in range(x.shape[2]):
            total[j] = 0
        own = scores[row]
        highest = own[0]
        for t in range(1, lengths[row]):
            highest = max(highest, own[t])
        weights = 0.0
        for t in range(lengths[row]):
            weight = np.exp(np.float64(own[t]) - highest)
            weights += weight
            step = x[row, t]
            for j in range(x.shape[2]):
                total[j] += weight * step[j]
        for j in range(x.shape[2]):
            out[row, j] = total[j] / weights
