"""Random convolutions of a few different weights, and the means of what is above 0.

Six weights of a kernel are -1 and three are 2, for some channels that it reads, times a
scale. Six and three are nine of -1 and three of 3: the sum of the nine is the same for
all kernels of a dilation, and three steps are left to each kernel.

All lies channel by channel: the steps of a channel are neighbours. ``planes`` has a row
for each channel, with zeros on both sides, then one for the sums of its windows.

A row of ``table`` is a kernel: its dilation, the places of its three weights, how many
channels it reads, and where the list of these begins.
"""

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, WIDTH
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._memory import (
    doubles_at,
    floats_at,
    integers_at,
    move,
)
from sklearn_rnn._kernels._numba._product import cut
from sklearn_rnn._kernels._numba._recurrence import clear
from sklearn_rnn._kernels._numba._sizes import round_up
from sklearn_rnn._kernels._numba._vectors import (
    VECTOR,
    Floats,
    choose,
    for_all_units,
    spread,
    sum_lanes,
    vector_at,
)

N_COLUMNS = 6  # of the table
SIDE = 4  # steps on each side of the middle of a kernel
_CHUNK = 512  # steps whose sum is one in float32; sums of sums are in double precision
_VECTORS = 4, 2, 1  # beside each other, so that none waits for the one before


@for_all_units
def sum_windows(total, a, b, c, d, e, f, g, h, i):
    """Set the total to minus the sum of the nine steps of a kernel."""
    total[0] = -(a[0] + b[0] + c[0] + d[0] + e[0] + f[0] + g[0] + h[0] + i[0])


@intrinsic
def sum_positive(typing, planes, channels, n_channels, places, begin, end, low, high):
    """Return the sums of max(0, w * x - limit) over some columns, for two limits.

    Parameters
    ----------
    planes : (2 * channels, columns)
    channels : (n,)
        Rows of the steps that are read.
    n_channels : int
        How many of them.
    places : tuple of four int
        Where column 0 of the windows and of the three steps lies, as numbers behind the
        beginning of a row. Three times the steps are added to the windows.
    begin, end : int
        Columns, of whole vectors.
    low, high : float32
    """

    def codegen(context, builder, signature, args):
        planes, channels, n_channels, places, begin, end, *limits = args
        planes = context.make_array(signature.args[0])(context, builder, planes)
        channels = context.make_array(signature.args[1])(context, builder, channels)
        stride, intp = builder.extract_value(planes.shape, 1), n_channels.type
        places = cgutils.unpack_tuple(builder, places)
        limits = [Floats(builder, spread(builder, n, VECTOR)) for n in limits]

        def sum_channels(column, n_vectors):
            """Return the windows and the steps of some vectors, for all channels."""
            sums = [(_Sum(limits[0]), _Sum(limits[0])) for _ in range(n_vectors)]
            with cgutils.for_range(builder, n_channels, intp=intp) as loop:
                channel = builder.load(builder.gep(channels.data, [loop.index]))
                first = builder.add(builder.mul(channel, stride), column)
                starts = [
                    builder.gep(planes.data, [builder.add(first, place)])
                    for place in places
                ]
                for k, (windows, steps) in enumerate(sums):
                    window, a, b, c = (
                        load(builder, start, intp(k * WIDTH)) for start in starts
                    )
                    windows.add(window)
                    steps.add(a + b + c)
            return [(windows.load(), steps.load()) for windows, steps in sums]

        totals = [_Sum(limit) for limit in limits]
        for column, width in cut(builder, begin, end, [n * WIDTH for n in _VECTORS]):
            for windows, steps in sum_channels(column, width // WIDTH):
                value = steps * 3 + windows
                for total, limit in zip(totals, limits, strict=True):
                    above = value - limit
                    total.add(choose(above < 0, 0, above))  # a NaN stays
        sums = [sum_lanes(total.load()) for total in totals]
        return context.make_tuple(builder, signature.return_type, sums)

    arguments = planes, channels, n_channels, places, begin, end, low, high
    return types.UniTuple(types.float32, 2)(*arguments), codegen


def load(builder, start, index):
    """Return the vector that begins so many numbers behind a pointer."""
    place = vector_at(builder, start, index, VECTOR)
    return Floats(builder, builder.load(place, align=4))


class _Sum:
    """A vector that is added to, while instructions are written: zeros at first.

    Parameters
    ----------
    like : Floats
    """

    def __init__(self, like):
        self.builder = like.builder
        self.place = cgutils.alloca_once(self.builder, VECTOR)
        self.builder.store(like.like(0).value, self.place)

    def add(self, vector):
        """Add a vector."""
        self.builder.store((self.load() + vector).value, self.place)

    def load(self):
        """Return the sum."""
        return Floats(self.builder, self.builder.load(self.place))


if RUNS_AS_PYTHON:
    sum_positive = _python.sum_positive


@njit(**JIT)
def lay_out(x, planes, margin):
    """Copy steps to the planes of their channels, with zeros on both sides."""
    n_steps, n_channels = x.shape
    n_columns = planes.shape[1]
    for c in range(n_channels):
        clear(planes, c, c + 1, 0, margin)
        clear(planes, c, c + 1, margin + n_steps, n_columns)
    for t in range(n_steps):
        step = x[t]
        for c in range(n_channels):
            planes[c, margin + t] = step[c]


@njit(**JIT)
def sum_all_windows(planes, n_steps, margin, dilation):
    """Set the sums of the windows; behind the last step, whatever is added is below 0.

    The sums begin in column 0.
    """
    n_channels, n = len(planes) // 2, round_up(n_steps)
    first, d = margin - SIDE * dilation, dilation
    sum_windows(
        n_channels, n,
        ((planes, n_channels, 0), (planes, 0, first), (planes, 0, first + d),
         (planes, 0, first + 2 * d), (planes, 0, first + 3 * d),
         (planes, 0, first + 4 * d), (planes, 0, first + 5 * d),
         (planes, 0, first + 6 * d), (planes, 0, first + 7 * d),
         (planes, 0, first + 8 * d)),
    )  # fmt: skip
    for c in range(n_channels, 2 * n_channels):
        row = planes[c]
        for t in range(n_steps, n):
            row[t] = f4(-np.inf)


@njit(**JIT)
def pool(x, table, channels, limits, scales, margin, planes, totals, means):
    """Set the means over the steps of max(0, w * x - b) for each kernel and both b.

    Parameters
    ----------
    x : (time, channels)
        All steps of one sequence.
    table : (n_kernels, N_COLUMNS)
    channels : (n,)
        Channels that the kernels read.
    limits : (2 * n_kernels,)
        b divided by the scale of the weights.
    scales : (n_kernels,)
    margin : int
        SIDE times the largest dilation.
    planes : (2 * channels, 2 * margin + time in whole vectors)
    totals : (2 * n_kernels,)
        Memory.
    means : (2 * n_kernels,)
    """
    n_steps, n_channels = x.shape
    n_kernels, n_columns = len(table), round_up(n_steps)
    windows = n_channels * planes.shape[1]
    lay_out(x, planes, margin)
    for first in range(n_kernels):
        dilation = table[first, 0]
        if first > 0 and table[first - 1, 0] == dilation:
            continue
        end = first + 1
        while end < n_kernels and table[end, 0] == dilation:
            end += 1
        sum_all_windows(planes, n_steps, margin, dilation)
        middle = margin - SIDE * dilation
        for begin in range(0, n_columns, _CHUNK):
            last = min(begin + _CHUNK, n_columns)
            for k in range(first, end):
                row = table[k]
                places = (
                    windows,
                    middle + row[1] * dilation,
                    middle + row[2] * dilation,
                    middle + row[3] * dilation,
                )
                low, high = sum_positive(
                    planes, channels[row[5] :], row[4], places, begin, last,
                    limits[2 * k], limits[2 * k + 1],
                )  # fmt: skip
                if begin == 0:
                    totals[2 * k] = totals[2 * k + 1] = 0
                totals[2 * k] += low
                totals[2 * k + 1] += high
    for j in range(2 * n_kernels):
        means[j] = f4(totals[j] * scales[j // 2] / n_steps)


@njit(**JIT)
def pool_at(sizes, table, numbers, n_steps, x, memory, means):
    """Set the means of one sequence.

    Parameters
    ----------
    sizes : tuple of int
        Channels, kernels, how many channels are listed behind the table, and margin.
    table, numbers, x, memory : pointers
        `numbers` begins with limits and scales; `memory` is of whole doubles.
    n_steps : int
    means : (2 * n_kernels,)
    """
    n_channels, n_kernels, n_listed, margin = sizes
    planes = 2 * n_channels, 2 * margin + round_up(n_steps)
    pool(
        floats_at(x, (n_steps, n_channels)),
        integers_at(table, (n_kernels, N_COLUMNS)),
        integers_at(move(table, 8 * n_kernels * N_COLUMNS), (n_listed,)),
        floats_at(numbers, (2 * n_kernels,)),
        floats_at(move(numbers, 8 * n_kernels), (n_kernels,)),
        margin,
        floats_at(move(memory, 16 * n_kernels), planes),
        doubles_at(memory, (2 * n_kernels,)),
        means,
    )


@njit(**JIT)
def standardize(means, moments):
    """Turn means into outputs: a root and a share of each kernel, standardised.

    `moments` are the means of the outputs, their deviations, what is below the root,
    and the distance of the two thresholds.
    """
    n_outputs = len(means)
    least, width = moments[2 * n_outputs], moments[2 * n_outputs + 1]
    for j in range(0, n_outputs, 2):
        low, high = means[j], means[j + 1]
        root, share = np.sqrt(low + least), (low - high) / width
        means[j] = (root - moments[j]) / moments[n_outputs + j]
        means[j + 1] = (share - moments[j + 1]) / moments[n_outputs + j + 1]
