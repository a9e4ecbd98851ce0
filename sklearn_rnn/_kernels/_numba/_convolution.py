"""Convolution over time, layer normalisation and ReLU, forward and backward.

The steps of some rows of a batch are copied end to end, with zeros in between: what
one output sees, its window, is then kernel_size * channels numbers side by side. All
outputs of all rows are the rows of one matrix product, whose table of places says at
which step each window begins. Batch, lengths and stride are in this table alone.

The mean over the channels, which layer normalisation subtracts, is subtracted from the
weights and the bias once, before the product: ``mean(W x + b) = mean(W) x + mean(b)``.
So the gradients of both lose their mean, too, in `unpack`.

An array of the channels of an output has `wide` columns, n_out rounded up to whole
vectors; those too many are zeros.

- ``padded``: the steps and the zeros.
- ``places``: for each output, where its window begins, in steps of ``padded``.
- ``parameters``: rows bias, scale, shift, and one that holds epsilon.
- ``normal``: the normalised numbers z, before scale and shift.
- ``spread``: 1 / sqrt(variance + epsilon) of each output.
"""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._product import (
    add_product_by_k,
    add_product_by_rows,
    add_product_to_rows,
)
from sklearn_rnn._kernels._numba._recurrence import clear, copy
from sklearn_rnn._kernels._numba._transposition import transpose
from sklearn_rnn._kernels._numba._vectors import (
    choose,
    for_all_units,
    sum_over_units,
)

CHUNK = 64  # outputs at a time: what is computed of them stays in the cache


# Formulas -----------------------------------------------------------------------------


@sum_over_units
def add_bias(a, parameters):
    """Return the square of a + bias, whose mean over the channels is zero."""
    a[0] = a[0] + parameters[0]
    return a[0] * a[0]


@for_all_units
def normalize(z, y, parameters, spread):
    """Set y = max(0, scale z + shift); a NaN stays a NaN."""
    z[0] = z[0] * spread
    result = z[0] * parameters[1] + parameters[2]
    y[0] = choose(result < 0, 0, result)


@sum_over_units
def differentiate_scale(d, z, parameters, sums):
    """Turn dy into dz; return dz z."""
    result = z[0] * parameters[1] + parameters[2]
    dy = choose(result > 0, d[0], 0)
    sums[1] = sums[1] + dy * z[0]
    sums[2] = sums[2] + dy
    d[0] = dy * parameters[1]
    return d[0] * z[0]


@for_all_units
def differentiate_norm(d, z, sums, spread, correlation):
    """Turn dz into da, but for its mean over the channels."""
    da = (d[0] - z[0] * correlation) * spread
    sums[0] = sums[0] + da
    d[0] = da


# Weights ------------------------------------------------------------------------------


@for_all_units
def subtract(result, a, number):
    """Set result = a - number; LLVM cuts so short a loop into halves and quarters."""
    result[0] = a[0] - number


@njit(**JIT)
def find_means(normalized, weight, means):
    """Set what is subtracted from each column of (n_out, channels * kernel_size)."""
    n_out, n = weight.shape
    for j in range(n):
        means[j] = f4(0)
    if not normalized:
        return
    for o in range(n_out):
        row = weight[o]
        for j in range(n):
            means[j] += row[j]
    for j in range(n):
        means[j] /= f4(n_out)


@njit(**JIT)
def pack(weight, channels, bias, scale, shift, eps, means, columns, packed, parameters):
    """Set weights and parameters for `forward`.

    Parameters
    ----------
    weight : (n_out, channels * kernel_size)
    channels : int
    bias : (n_out,)
    scale, shift : (n_out,), or empty where nothing is normalised
    eps : float
    means : (channels * kernel_size,)
        Memory.
    columns : (channels * kernel_size, WIDTH)
        Memory.
    packed : (panels, kernel_size * channels * WIDTH)
    parameters : (4, wide)
    """
    n_out, n_inputs = weight.shape
    kernel_size = n_inputs // channels
    normalized = scale.shape[0] > 0
    clear(parameters, 0, 4, 0, parameters.shape[1])
    mean_bias = f4(0)
    find_means(normalized, weight, means)
    if normalized:
        for o in range(n_out):
            mean_bias += bias[o]
        mean_bias /= f4(n_out)
    for first in range(0, n_out, WIDTH):
        n, panel = min(WIDTH, n_out - first), packed[first // WIDTH]
        transpose(weight, first * n_inputs, n_inputs, n, n_inputs, columns, 0, WIDTH)
        for c in range(channels):
            for k in range(kernel_size):
                column = c * kernel_size + k
                target = packed, first // WIDTH, (k * channels + c) * WIDTH
                subtract(1, WIDTH, (target, (columns, column, 0), (means, column)))
        if n < WIDTH:
            for j in range(n_inputs):
                for lane in range(n, WIDTH):
                    panel[j * WIDTH + lane] = f4(0)
    for o in range(n_out):
        parameters[0, o] = bias[o] - mean_bias
        parameters[1, o] = scale[o] if normalized else f4(1)
        parameters[2, o] = shift[o] if normalized else f4(0)
    parameters[3, 0] = f4(eps)


@njit(**JIT)
def pack_transposed(weight, channels, n_out, packed):
    """Set weights for the gradient of x.

    Parameters
    ----------
    weight
        From `pack`.
    channels, n_out : int
    packed : (kernel_size, panels, n_out * WIDTH)
    """
    panel = weight.shape[1]
    for k in range(packed.shape[0]):
        clear(packed[k], 0, packed.shape[1], 0, packed.shape[2])
        for c in range(0, channels, WIDTH):
            n, begin = min(WIDTH, channels - c), (k * channels + c) * WIDTH
            for o in range(0, n_out, WIDTH):
                transpose(
                    weight, o // WIDTH * panel + begin, WIDTH, n, min(WIDTH, n_out - o),
                    packed[k], c * n_out + o * WIDTH, WIDTH,
                )  # fmt: skip


@sum_over_units
def identity(a):
    """Return a."""
    return a[0]


@njit(**JIT)
def unpack(
    gradients, channels, normalized, means, columns, d_weight, d_bias, d_scale, d_shift
):
    """Sum up what the threads have, as torch has it.

    Parameters
    ----------
    gradients : (threads, kernel_size * channels + 3, wide)
        Weights, bias, scale, shift.
    means : (kernel_size * channels + 1,)
        Memory.
    columns : (kernel_size * channels, WIDTH)
        Memory.
    d_weight : (n_out, channels * kernel_size)
    """
    n_out, n_inputs = d_weight.shape
    kernel_size = n_inputs // channels
    total = gradients[0]
    n_rows, wide = total.shape
    for part in range(1, gradients.shape[0]):
        for j in range(n_rows):
            row, other = total[j], gradients[part, j]
            for o in range(wide):
                row[o] += other[o]
    for j in range(len(means)):
        means[j] = f4(0)
    if normalized:
        identity(n_inputs + 1, wide, ((total, 0, 0),), means, 0)
        for j in range(n_inputs + 1):
            means[j] /= f4(n_out)
    for first in range(0, n_out, WIDTH):
        for c in range(channels):
            for k in range(kernel_size):
                j, target = k * channels + c, (columns, c * kernel_size + k, 0)
                subtract(1, WIDTH, (target, (total, j, first), (means, j)))
        n = min(WIDTH, n_out - first)
        transpose(columns, 0, WIDTH, n_inputs, n, d_weight, first * n_inputs, n_inputs)
    for o in range(n_out):
        d_bias[o] = total[n_inputs, o] - means[n_inputs]
    for o in range(len(d_scale)):
        d_scale[o] = total[n_inputs + 1, o]
        d_shift[o] = total[n_inputs + 2, o]


# Passes -------------------------------------------------------------------------------


@njit(**JIT)
def lay_out(x, lengths, first, by, kernel_size, stride, padded, places):
    """Copy the steps of rows first, first + by, ... and find the windows.

    Return how many windows there are.
    """
    channels = x.shape[2]
    before, gap = (kernel_size - 1) // 2, kernel_size // 2  # zeros; gap is no smaller
    begin, p = gap, 0
    clear(padded, 0, gap, 0, channels)
    for i in range(first, x.shape[0], by):
        n = lengths[i]
        for t in range(n):
            copy(x[i, t], padded[begin + t], channels)
        for t in range(0, n, stride):
            places[p] = begin - before + t
            p += 1
        clear(padded, begin + n, begin + n + gap, 0, channels)
        begin += n + gap
    return p


@njit(**JIT)
def forward(
    x, lengths, first, by, kernel_size, stride, normalized, weight, parameters, keep,
    places, padded, normal, spread, y, new_lengths, out,
):  # fmt: skip
    """Compute the outputs of rows first, first + by, ...

    Parameters
    ----------
    x : (batch, time, channels)
    lengths : (batch,)
    first, by, kernel_size, stride : int
    normalized : bool
    weight, parameters
        From `pack`.
    keep : bool
        Whether `backward` follows.
    places : (n,)
    padded : (steps and zeros, channels)
    normal : (n, wide), or (CHUNK, wide) if nothing is kept
    spread : (n,) or (CHUNK,)
        What `backward` reads. n may be more than there are outputs.
    y : (CHUNK, wide)
        Memory.
    new_lengths : (batch,)
        May be `lengths`.
    out : (batch, new_time, n_out)
        Zeros at padding.
    """
    channels, n_out, wide = padded.shape[1], out.shape[2], normal.shape[1]
    n_inputs = kernel_size * channels
    n_outputs = lay_out(x, lengths, first, by, kernel_size, stride, padded, places)
    row, t = first, 0
    for begin in range(0, n_outputs, CHUNK):
        n = min(CHUNK, n_outputs - begin)
        own = begin if keep else 0
        add_product_by_rows(
            True, padded, 0, channels, 1, n, weight, 0, WIDTH, n_inputs * WIDTH,
            normal, own * wide, wide, wide, n_inputs, places, begin,
        )  # fmt: skip
        z = normal, own, 0
        add_bias(n, wide, (z, (parameters,)), spread, own)
        for p in range(own, own + n):
            variance = spread[p] / f4(n_out) + parameters[3, 0]
            spread[p] = f4(1) / np.sqrt(variance) if normalized else f4(1)
        normalize(n, wide, (z, (y, 0, 0), (parameters,), (spread, own)))
        for i in range(n):
            while t * stride >= lengths[row]:
                row, t = row + by, 0
            copy(y[i], out[row, t], n_out)
            t += 1
    for i in range(first, out.shape[0], by):
        new_lengths[i] = -(-lengths[i] // stride)
        clear(out[i], new_lengths[i], out.shape[1], 0, n_out)


@njit(**JIT)
def backward(
    lengths, first, by, kernel_size, stride, normalized, weight, parameters, places,
    padded, normal, spread, d, correlation, d_padded, d_out, d_x, gradients, sums,
):  # fmt: skip
    """Compute all gradients of rows first, first + by, ...

    Parameters
    ----------
    lengths, first, by, kernel_size, stride, normalized, parameters, places, padded, \
normal, spread
        As `forward` had and left them.
    weight : (kernel_size, panels, n_out * WIDTH)
        From `pack_transposed`; (kernel_size, 0, ...) where d_x is not wanted.
    d : (CHUNK, wide)
    correlation : (CHUNK,)
    d_padded : as padded, but of whole vectors
        Memory.
    d_out : (batch, new_time, n_out)
        Anything at padding.
    d_x : (batch, time, channels), or empty where it is not wanted
        Zeros at padding.
    gradients : (kernel_size * channels, wide)
        Of the weights; overwritten.
    sums : (3, wide)
        Those of bias, scale, shift; overwritten.
    """
    channels, n_out, wide = padded.shape[1], d_out.shape[2], normal.shape[1]
    wide_x, n_inputs = weight.shape[1] * WIDTH, kernel_size * channels
    panel = n_out * WIDTH
    clear(gradients, 0, n_inputs, 0, wide)
    clear(sums, 0, 3, 0, wide)
    clear(d, 0, CHUNK, 0, wide)
    n_outputs, n_padded = 0, kernel_size // 2
    for i in range(first, len(lengths), by):
        n_outputs += -(-lengths[i] // stride)
        n_padded += lengths[i] + kernel_size // 2
    clear(d_padded, 0, n_padded, 0, wide_x)
    row, t = first, 0
    for begin in range(0, n_outputs, CHUNK):
        n = min(CHUNK, n_outputs - begin)
        for i in range(n):
            while t * stride >= lengths[row]:
                row, t = row + by, 0
            copy(d_out[row, t], d[i], n_out)
            t += 1
        own, z = (d, 0, 0), (normal, begin, 0)
        differentiate_scale(n, wide, (own, z, (parameters,), (sums,)), correlation, 0)
        for i in range(n):
            correlation[i] = correlation[i] / f4(n_out) if normalized else f4(0)
        numbers = (spread, begin), (correlation, 0)
        differentiate_norm(n, wide, (own, z, (sums,), *numbers))
        add_product_by_k(
            False, padded, 0, 1, channels, n_inputs, d, 0, wide, WIDTH,
            gradients, 0, wide, wide, n, places, begin,
        )  # fmt: skip
        if wide_x > 0:
            for k in range(kernel_size):
                add_product_to_rows(
                    False, d, 0, wide, 1, n,
                    weight[k], 0, WIDTH, panel,
                    d_padded, k * wide_x, wide_x, wide_x, n_out, places, begin,
                )  # fmt: skip
    begin = kernel_size // 2
    for i in range(first, d_x.shape[0], by):
        for t in range(lengths[i]):
            copy(d_padded[begin + t], d_x[i, t], channels)
        clear(d_x[i], lengths[i], d_x.shape[1], 0, channels)
        begin += lengths[i] + kernel_size // 2
