"""Random convolutions by sums of few steps, for kernels of few different weights.

Six of the nine weights of a kernel are -1 and three are 2, times a scale, for each
channel that it reads. So the sums of nine steps serve all kernels, and each adds three
steps of its own, instead of nine products a channel.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import check_lengths, empty, read, read_lengths
from sklearn_rnn._kernels._threads import count_parts, run_in_threads

_NAME = "random_convolutions"
_KERNEL_SIZE, _N_HIGH = 9, 3
_SIDE = _KERNEL_SIZE // 2
_N_SUMMED = 4  # sums of a step and a channel, see _numba/_random_convolutions.py


class PackedKernels(NamedTuple):
    """Random convolutions as the kernels read them.

    Parameters
    ----------
    table : Tensor of int64
        Of each kernel its dilation, the places of its three large weights, how many
        channels it reads, and where these begin among the channels that follow.
    numbers : Tensor of shape (3 * n_kernels,)
        Two thresholds of each kernel divided by its scale, and scales.
    sizes : tuple of int
        Channels, kernels, channels in the table, and the largest distance of a step.
    """

    table: Tensor
    numbers: Tensor
    sizes: tuple[int, int, int, int]

    @property
    def work(self) -> int:
        """Sums of a step."""
        return _N_SUMMED * self.sizes[2]

    def count_memory(self) -> tuple[int, int]:
        """Return how many float32 a thread needs, and for each step of a sequence."""
        n_channels, n_kernels, _, margin = self.sizes
        return 4 * n_kernels + 2 * n_channels * (2 * margin + 16), 2 * n_channels


def pack_kernels(
    weight: Tensor, thresholds: Tensor, dilation: Tensor
) -> PackedKernels | None:
    """Return kernels packed as they are now.

    Parameters
    ----------
    weight : Tensor of shape (n_kernels, channels, 9)
    thresholds : Tensor of shape (n_kernels, 2)
    dilation : Tensor of int64 of shape (n_kernels,)

    Returns
    -------
    packed : PackedKernels or None
        None if there are other weights than -1 and 2, times a scale, or a dilation
        below 1.
    """
    given = {"weight": weight, "thresholds": thresholds, "dilation": dilation}
    w, limits, steps = (
        t.numpy() for t in read(_NAME, {"nine": _KERNEL_SIZE, "two": 2}, given)
    )
    n_kernels, n_channels, _ = w.shape
    scales = -w.min(axis=(1, 2))
    are_read = w.any(axis=2)
    patterns = w[np.arange(n_kernels), are_read.argmax(axis=1)]
    are_high = patterns > 0
    expected = np.where(are_high, 2 * scales[:, None], -scales[:, None])
    if (
        not ((scales > 0).all() and (steps > 0).all())
        or not (are_high.sum(axis=1) == _N_HIGH).all()
        or not np.array_equal(w, expected[:, None] * are_read[..., None])
    ):
        return None
    counts = are_read.sum(axis=1)
    places = are_high.nonzero()[1].reshape(n_kernels, _N_HIGH)
    columns = steps, *places.T, counts, counts.cumsum() - counts
    channels = are_read.nonzero()[1]
    table = np.concatenate([np.stack(columns, axis=1).ravel(), channels])
    sizes = n_channels, n_kernels, len(channels), _SIDE * int(steps.max())
    numbers = np.concatenate([(limits / scales[:, None]).ravel(), scales])
    return PackedKernels(torch.from_numpy(table), torch.from_numpy(numbers), sizes)


def convolve_randomly(
    packed: PackedKernels, x: Tensor, lengths: Tensor | None
) -> Tensor:
    """Return means over the steps of max(0, w * x - b), of each kernel and both b.

    Parameters
    ----------
    packed : PackedKernels
    x : Tensor of shape (batch, time, channels)
    lengths : Tensor of shape (batch,) or None
        Number of valid steps of each row, 1 at least; None: all.

    Returns
    -------
    means : Tensor of shape (batch, 2 * n_kernels)
        That of a row depends on its valid steps alone, to the last bit.
    """
    n_channels, n_kernels, _, _ = packed.sizes
    (x,) = read(_NAME, {"channels": n_channels}, {"x": x})
    batch, n_steps, _ = x.shape
    steps: NDArray[np.int64] = (
        np.full(batch, n_steps) if lengths is None else read_lengths(lengths)
    )
    check_lengths(steps, batch, n_steps, least=1)
    means = empty(batch, 2 * n_kernels)
    n_parts = count_parts(batch, int(steps.sum()) * packed.work)
    constant, per_step = packed.count_memory()
    memory = [empty(constant + per_step * n_steps) for _ in range(n_parts)]
    jobs: list[tuple[Any, ...]] = [
        (batch, n_steps, *packed.sizes, first, n_parts, x.data_ptr(),
         steps.ctypes.data, packed.table.data_ptr(), packed.numbers.data_ptr(),
         own.data_ptr(), means.data_ptr())
        for first, own in enumerate(memory)
    ]  # fmt: skip
    run_in_threads(
        get_library().convolve_randomly, jobs, (packed, x, steps, memory, means)
    )
    return means
