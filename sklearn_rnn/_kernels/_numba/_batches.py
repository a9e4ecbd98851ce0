"""Batches: sequences of one block of memory, gathered, sorted and standardised."""

from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT, f4


@njit(**JIT)
def gather(values, n_features, offsets, rows, x):
    """Copy some sequences; zeros after the last step of each."""
    for i in range(len(rows)):
        begin = offsets[rows[i]] * n_features
        n = offsets[rows[i] + 1] * n_features - begin
        source, target = values[begin:], x[i]
        for j in range(n):
            target[j] = source[j]
        for j in range(n, len(target)):
            target[j] = f4(0)


@njit(**JIT)
def standardize(x, mean, scale, repeated, result):
    """Set result = (x - mean) / scale, feature by feature.

    Mean and scale are repeated, so that a loop over a few features is one over whole
    vectors.
    """
    n_features, width = len(mean), repeated.shape[1]
    for k in range(WIDTH):
        for j in range(n_features):
            repeated[0, k * n_features + j] = mean[j]
            repeated[1, k * n_features + j] = scale[j]
    means, scales = repeated[0], repeated[1]
    for begin in range(0, len(x), width):
        source, target = x[begin:], result[begin:]
        for j in range(min(width, len(x) - begin)):
            target[j] = (source[j] - means[j]) / scales[j]


@njit(**JIT)
def sort_by_length(lengths, counts, order):
    """Set order to the rows, the longest first, equal ones as they come.

    `counts` is memory for a number for each possible length.
    """
    for length in range(len(counts)):
        counts[length] = 0
    for i in range(len(lengths)):
        counts[lengths[i]] += 1
    place = 0
    for length in range(len(counts) - 1, -1, -1):
        counts[length], place = place, place + counts[length]
    for i in range(len(lengths)):
        order[counts[lengths[i]]] = i
        counts[lengths[i]] += 1


@njit(**JIT)
def find_begins(lengths, keep, begins):
    """Set the row at which each block begins; return where the last one ends.

    See `_recurrence.py`. Lengths are sorted, the longest first.
    """
    begins[0] = 0
    n = len(lengths)
    for t in range(lengths[0] + 1):
        begins[t + 1] = begins[t] + n if keep else 0
        while n > 0 and lengths[n - 1] <= t:
            n -= 1
    return begins[lengths[0] + 1]


@njit(**JIT)
def partition_rows(lengths, keep, counts, order, numbers, ends):
    """Deal out the rows of a batch to the threads, sorted by length.

    `numbers` has a row for each part: it gets the rows of the part, their lengths, and
    where its blocks begin. `ends` gets where its blocks end.
    """
    sort_by_length(lengths, counts, order)
    n_parts = len(ends)
    for part in range(n_parts):
        own, n = numbers[part], 0
        for k in range(part, len(order), n_parts):
            own[n] = order[k]
            n += 1
        for i in range(n):
            own[n + i] = lengths[own[i]]
        ends[part] = find_begins(own[n : 2 * n], keep, own[2 * n :])
