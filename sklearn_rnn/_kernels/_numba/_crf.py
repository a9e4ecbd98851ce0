"""A linear-chain CRF: sums over all paths, their gradients, and the best path.

All sums are in float64. `potentials` holds the logarithms of the transitions (row i:
from class i), of the start (row K) and of the end (row K + 1), with -inf where one is
forbidden.

The forward pass works on factors: exp of emissions and potentials less their largest,
and 1e-150 at least unless forbidden, so that a zero always means "forbidden". The
forward message alpha is divided by its sum at each step. As long as no class that a
path can reach falls below 1e-120, all that is rounded is below 1e-28 of the result.
Otherwise, and if a sum is not finite, the sequence is computed again with logarithms.

A label of -1 is unknown: all classes are summed over. A label that is no class leaves
no path, so that log Z is -inf.

Sequences are sorted by length, the longest first, and run in groups of four, step by
step: a step is a product of their messages and the transitions. In the matrices of a
group, the steps of its first sequence come first. Rows have `wide` columns: K, rounded
up to whole vectors; those too many are zero. The expected transitions are summed up
group by group, so that they do not depend on the number of threads.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._product_of_doubles import add_product_of_doubles
from sklearn_rnn._kernels._numba._vectors import choose, for_all_units

GROUP = 4  # sequences
LANES = WIDTH // 2  # doubles of a vector
_TINY = 1e-120
_UNKNOWN = -1
# the order of a sum is free
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


class Potentials(NamedTuple):
    """Logarithms and factors of transitions, start and end."""

    logs: Any  # (K + 2, K)
    factors: Any  # (K + 2, wide)
    transposed: Any  # (K, wide): of the transitions
    largest: Any  # (3,): logarithm of the transitions, the start and the end


class Sequences(NamedTuple):
    """Emissions, labels and lengths of a batch."""

    emissions: Any  # (batch, n_steps, K)
    targets: Any  # (batch, n_steps), or empty
    lengths: Any  # (batch,)


class Part(NamedTuple):
    """The groups of one thread."""

    order: Any  # (batch,): rows, longest first
    number: Any
    n_parts: Any


class Forward(NamedTuple):
    """What the forward pass of a group leaves for the backward pass."""

    alpha: Any  # (GROUP * n_steps, wide): forward messages
    emissions: Any  # (GROUP * n_steps, wide): factors
    sums: (
        Any  # (GROUP, n_steps + 1): what alpha was divided by; at last that at the end
    )
    log_z: Any  # (GROUP,)
    uses_logs: Any  # (GROUP,): 1 where all of these are logarithms


class Backward(NamedTuple):
    """Memory for the backward pass of a group."""

    marginals: Any  # (GROUP * n_steps, wide): sums over several passes
    after: Any  # (GROUP * n_steps, wide): backward message, and emission of its step
    beta: Any  # (GROUP, wide): backward message
    pairs: Any  # (K, wide): expected transitions, but for their factors


# Preparation --------------------------------------------------------------------------


@njit(**JIT)
def sort_rows(lengths, counts, order):
    """Set the order of the rows, longest first; counts: as many as steps, and one."""
    longest = len(counts) - 1
    for n in range(longest + 1):
        counts[n] = 0
    for row in range(len(lengths)):
        counts[min(max(lengths[row], 0), longest)] += 1
    begin = 0
    for n in range(longest, -1, -1):
        begin, counts[n] = begin + counts[n], begin
    for row in range(len(lengths)):
        n = min(max(lengths[row], 0), longest)
        order[counts[n]] = row
        counts[n] += 1


@njit(**JIT)
def set_logarithms(scores, allowed, row, logs):
    """Set logarithms from this row on: the scores, -inf where one is not allowed."""
    for i in range(len(scores)):
        for j in range(scores.shape[1]):
            keep = len(allowed) == 0 or allowed[i, j] != 0
            logs[row + i, j] = scores[i, j] if keep else -np.inf


@njit(**JIT)
def sum_groups(counts, factor, row, gradient):
    """Set a gradient: a factor times the sum of all groups, from this row on."""
    for i in range(len(gradient)):
        for j in range(gradient.shape[1]):
            total = 0.0
            for g in range(len(counts)):
                total += counts[g, row + i, j]
            gradient[i, j] = factor * total


# Factors ------------------------------------------------------------------------------

_LEAST_LOG = -345.0  # of 1e-150
_FORBIDDEN = -1e300  # all below is minus infinity
# ln 2 in two parts: the first has so few digits that its multiples are exact
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = (
    1 / math.log(2),
    0.693147180369123816,
    1.9082149292705877e-10,
)
_TAYLOR = tuple(1 / math.factorial(k) for k in range(13, -1, -1))
# Added to a number, it rounds it to a whole n, and the sum ends in the bits of
# 1023 + n: shifted to where the exponent of a double is, they are 2^n.
_ROUND = 1.5 * 2**52 + 1023


@for_all_units
def exponentiate(logs):
    """Set factors: exp of numbers that are not positive; 0 of minus infinity alone."""
    log = logs[0]
    x = choose(log < _LEAST_LOG, _LEAST_LOG, log)  # a NaN stays
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN_2_HIGH - n * _LN_2_LOW
    series = _TAYLOR[0]
    for coefficient in _TAYLOR[1:]:
        series = series * r + coefficient
    logs[0] = choose(log < _FORBIDDEN, 0, series * rounded.shifted(52))


@njit(**JIT)
def make_potentials(logs, factors, transposed, largest):
    """Set the factors of all potentials."""
    n_classes, wide = logs.shape[1], factors.shape[1]
    largest[0] = subtract_largest(logs, 0, n_classes, factors)
    largest[1] = subtract_largest(logs, n_classes, n_classes + 1, factors)
    largest[2] = subtract_largest(logs, n_classes + 1, n_classes + 2, factors)
    exponentiate(n_classes + 2, wide, ((factors, 0, 0),))
    clear(transposed, 0, n_classes)
    for i in range(n_classes):
        for j in range(n_classes):
            transposed[j, i] = factors[i, j]
    return Potentials(logs, factors, transposed, largest)


@njit(**JIT)
def subtract_largest(logs, begin, end, result):
    """Set some rows to the logarithms less their largest, and return that."""
    n_classes = logs.shape[1]
    largest = -np.inf
    for i in range(begin, end):
        for j in range(n_classes):
            largest = max(largest, logs[i, j])
    shift = finite_or_zero(largest)
    for i in range(begin, end):
        for j in range(n_classes):
            result[i, j] = logs[i, j] - shift
        for j in range(n_classes, result.shape[1]):
            result[i, j] = -np.inf
    return shift


@njit(**JIT)
def finite_or_zero(shift):
    """Return what can be subtracted: -inf less -inf is undefined."""
    return 0.0 if shift == -np.inf else shift


# All paths ----------------------------------------------------------------------------


@njit(**JIT)
def sum_paths(
    sequences, part, weights, potentials, given, memory, log_z, d_emissions,
    probabilities, counts,
):  # fmt: skip
    """Run the groups of a part forward and, if gradients are wanted, backward.

    Parameters
    ----------
    sequences : Sequences
    part : Part
    weights : (batch,), or empty where all are 1
    potentials : Potentials
    given : Forward
    memory : Backward
    log_z : (batch,)
        With targets the log-likelihood, else log Z.
    d_emissions : (batch, n_steps, K), or empty
        The gradient of sum(weights * log_z), in float32; zeros at padding.
    probabilities : (batch, n_steps, K), or empty
        The same in float64.
    counts : (all groups, K + 2, K), or empty
        The gradients with respect to the potentials: a sum over each group.
    """
    has_targets = len(sequences.targets) > 0
    wants_gradients = len(d_emissions) + len(probabilities) > 0
    sign = -1.0 if has_targets else 1.0
    for g in range(count_groups(part)):
        if not is_in(part, g):
            continue
        rows = part.order[g * GROUP : (g + 1) * GROUP]
        count = counts[g : g + 1]
        if wants_gradients:
            clear(memory.marginals, 0, len(memory.marginals))
            clear(memory.pairs, 0, len(memory.pairs))
        for i in range(len(count)):
            clear(count[i], 0, len(count[i]))
        for i in range(len(rows)):
            log_z[rows[i]] = 0.0
            if has_targets:
                log_z[rows[i]] = score_known(
                    sequences, rows[i], i, weights, potentials, memory,
                    wants_gradients, count,
                )  # fmt: skip
        # the rows of labels that are not all known, one by one; then all, without
        for i in range(len(rows) + 1):
            clamped = i < len(rows)
            if clamped and (not has_targets or are_known(sequences, rows[i])):
                continue
            own = rows[i : i + 1] if clamped else rows
            own_sign = 1.0 if clamped else sign
            forward(sequences, own, clamped, potentials, given)
            for k in range(len(own)):
                log_z[own[k]] += own_sign * given.log_z[k]
            if wants_gradients:
                backward(
                    sequences, own, i if clamped else 0, own_sign, weights, potentials,
                    given, memory, count,
                )  # fmt: skip
        if wants_gradients:
            add_pairs(memory.pairs, potentials.factors, count)
            copy_out(sequences, rows, memory.marginals, d_emissions)
            copy_out(sequences, rows, memory.marginals, probabilities)


@njit(**JIT)
def count_groups(part):
    """Return how many groups there are."""
    return -(-len(part.order) // GROUP)


@njit(**JIT)
def is_in(part, group):
    """Whether this thread has the group: dealt out as 0, 1, 1, 0, 0, 1, 1, 0, ..."""
    turn = group % (2 * part.n_parts)
    return min(turn, 2 * part.n_parts - 1 - turn) == part.number


@njit(**JIT)
def score_known(
    sequences, row, i, weights, potentials, memory, wants_gradients, counts
):
    """Return the score of the labels of row i, if all are known; count them."""
    if not are_known(sequences, row):
        return 0.0
    if wants_gradients:
        begin = i * sequences.emissions.shape[1]
        own = memory.marginals[begin : begin + count_steps(sequences, row)]
        count_path(sequences.targets[row], find_weight(weights, row), own, counts)
    return score_path(sequences, row, potentials.logs)


@njit(**JIT)
def find_weight(weights, row):
    """Return the weight of a row."""
    return weights[row] if len(weights) > 0 else 1.0


@njit(**JIT)
def count_steps(sequences, row):
    """Return how many steps are valid, none at least and all at most."""
    return min(max(sequences.lengths[row], 0), sequences.emissions.shape[1])


@njit(**JIT)
def clear(rows, begin, end):
    """Set some rows to zero."""
    for i in range(begin, end):
        for j in range(rows.shape[1]):
            rows[i, j] = 0.0


@njit(**JIT)
def copy_out(sequences, rows, marginals, result):
    """Copy the steps of each row to its place, if any; padding becomes zero."""
    n_steps, n_classes = sequences.emissions.shape[1:]
    for i in range(len(rows) if len(result) > 0 else 0):
        own, n_valid = result[rows[i]], count_steps(sequences, rows[i])
        for t in range(n_valid):
            source, target = marginals[i * n_steps + t], own[t]
            for j in range(n_classes):
                target[j] = source[j]
        clear(own, n_valid, n_steps)


@njit(**JIT)
def are_known(sequences, row):
    """Whether all labels of the valid steps are classes."""
    labels, n_classes = sequences.targets[row], sequences.emissions.shape[2]
    known = True
    for t in range(count_steps(sequences, row)):
        known &= 0 <= labels[t] < n_classes
    return known


@njit(**JIT)
def score_path(sequences, row, logs):
    """Return the sum of emissions and potentials along the labels of a row."""
    emissions, labels = sequences.emissions[row], sequences.targets[row]
    n_steps, n_classes = count_steps(sequences, row), logs.shape[1]
    score, before = 0.0, n_classes
    for t in range(n_steps):
        score += emissions[t, labels[t]] + logs[before, labels[t]]
        before = labels[t]
    return score + logs[n_classes + 1, before] if n_steps > 0 else 0.0


@njit(**JIT)
def count_path(labels, weight, marginals, counts):
    """Add the weight at each label, and to counts[0] at each transition, if any."""
    n_steps, n_classes = len(marginals), counts.shape[2]
    before = n_classes
    for t in range(n_steps):
        marginals[t, labels[t]] += weight
        if len(counts) > 0:
            counts[0, before, labels[t]] += weight
        before = labels[t]
    if len(counts) > 0 and n_steps > 0:
        counts[0, n_classes + 1, before] += weight


@njit(**JIT)
def permit(sequences, row, step, clamped):
    """Return the classes that a step may have, as a range."""
    n_classes = sequences.emissions.shape[2]
    if not clamped or sequences.targets[row, step] == _UNKNOWN:
        return 0, n_classes
    label = sequences.targets[row, step]
    if label < 0 or label >= n_classes:
        return 0, 0
    return label, label + 1


@for_all_units
def weigh(alpha, emissions):
    """Multiply the messages with their emissions; NaN where digits would be lost."""
    before, factor = alpha[0], emissions[0]
    product = before * factor
    lost = choose(factor > 0, math.nan, product)
    kept = choose(before > 0, lost, product)
    alpha[0] = choose(product < _TINY, kept, product)


@for_all_units
def scale(alpha, factor):
    """Multiply all with one number."""
    alpha[0] = alpha[0] * factor


@njit(**JIT)
def forward(sequences, rows, clamped, potentials, memory):
    """Set what `Forward` has, for some rows; clamped: of paths with their labels."""
    alpha, emissions, sums = memory.alpha, memory.emissions, memory.sums
    n_steps, n_classes = sequences.emissions.shape[1:]
    wide, n = alpha.shape[1], len(rows)
    for i in range(n):
        memory.log_z[i] = set_emissions(
            sequences, rows[i], clamped, emissions, i * n_steps
        )
    for t in range(count_steps(sequences, rows[0])):
        while count_steps(sequences, rows[n - 1]) <= t:
            n -= 1
        if t > 0:
            add_product_of_doubles(
                True, alpha, (t - 1) * wide, n_steps * wide, 1, n,
                potentials.factors, 0, wide, LANES,
                alpha, t * wide, n_steps * wide, wide, n_classes,
            )  # fmt: skip
        for i in range(n):
            place = i * n_steps + t
            if t == 0:
                copy_row(potentials.factors[n_classes], alpha[place])
            weigh(1, wide, ((alpha, place, 0), (emissions, place, 0)))
            sums[i, t] = sum_up(alpha[place])
            scale(1, wide, ((alpha, place, 0), 1 / sums[i, t]))
    for i in range(len(rows)):
        finish_forward(sequences, rows[i], i, clamped, potentials, memory)


@njit(**JIT)
def set_emissions(sequences, row, clamped, factors, begin):
    """Set the factors of a row's steps; return the logarithm that they lack."""
    total, wide = 0.0, factors.shape[1]
    n_steps = count_steps(sequences, row)
    for t in range(n_steps):
        emissions, logs = sequences.emissions[row, t], factors[begin + t]
        first, last = permit(sequences, row, t, clamped)
        largest = -np.inf
        for j in range(first, last):
            largest = max(largest, np.float64(emissions[j]))
        shift = finite_or_zero(largest)
        for j in range(first):
            logs[j] = -np.inf
        for j in range(first, last):
            logs[j] = np.float64(emissions[j]) - shift
        for j in range(last, wide):
            logs[j] = -np.inf
        total += shift
    exponentiate(n_steps, wide, ((factors, begin, 0),))
    return total


@njit(**_SUM)
def sum_up(numbers):
    """Return the sum of some whole vectors."""
    total = 0.0
    for begin in range(0, len(numbers), LANES):
        for j in range(begin, begin + LANES):
            total += numbers[j]
    return total


@njit(**JIT)
def copy_row(source, target):
    """Copy a row."""
    for j in range(len(source)):
        target[j] = source[j]


@njit(**JIT)
def finish_forward(sequences, row, i, clamped, potentials, memory):
    """Set log Z of a row; where factors cannot give it, all with logarithms."""
    n_steps, n_all = count_steps(sequences, row), sequences.emissions.shape[1]
    memory.uses_logs[i] = 0.0
    if n_steps == 0:
        return
    last, largest = i * n_all + n_steps - 1, potentials.largest
    end = potentials.factors[len(potentials.factors) - 1]
    total = dot(memory.alpha[last], end)
    memory.sums[i, n_steps] = total
    memory.log_z[i] += largest[0] * (n_steps - 1) + largest[1] + largest[2]
    memory.log_z[i] += sum_logs(memory.sums[i], n_steps + 1)
    if not (total > _TINY and np.isfinite(memory.log_z[i])):
        memory.uses_logs[i] = 1.0
        memory.log_z[i] = forward_logs(sequences, row, i, clamped, potentials, memory)


@njit(**_SUM)
def dot(a, b):
    """Return the sum of a * b."""
    total = 0.0
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@njit(**JIT)
def sum_logs(numbers, n):
    """Return the sum of the logarithms of the first numbers."""
    total, product = 0.0, 1.0  # its logarithm is taken now and then
    for k in range(n):
        product *= numbers[k]
        if not _TINY < product < 1 / _TINY:
            total += np.log(product)
            product = 1.0
    return total + np.log(product)


@for_all_units
def differentiate(alpha, emissions, beta, marginals, after, inverse):
    """Add the marginals of a step; set the message that goes on to the step before.

    A class without a forward message gets no backward message either: it would have no
    effect, and could overflow.
    """
    a, b = alpha[0], beta[0]
    marginals[0] = marginals[0] + a * b
    after[0] = choose(a > 0, emissions[0] * b * inverse, 0)


@njit(**JIT)
def backward(sequences, rows, first, sign, weights, potentials, given, memory, counts):
    """Add the expectations of some rows, after `forward`, times sign and weight.

    The marginals of the first row are those of row `first` of the group.
    """
    n_steps, n_classes = sequences.emissions.shape[1:]
    alpha, beta, after = given.alpha, memory.beta, memory.after
    wide, n = alpha.shape[1], 0
    end = potentials.factors[n_classes + 1]
    for t in range(count_steps(sequences, rows[0]) - 1, -1, -1):
        if n > 0:
            add_product_of_doubles(
                True, after, (t + 1) * wide, n_steps * wide, 1, n,
                potentials.transposed, 0, wide, LANES,
                beta, 0, wide, wide, n_classes,
            )  # fmt: skip
        while n < len(rows) and count_steps(sequences, rows[n]) > t:
            copy_row(end, beta[n])
            factor = sign * find_weight(weights, rows[n]) / given.sums[n, t + 1]
            scale(1, wide, ((beta, n, 0), factor))
            if given.uses_logs[n] == 0:
                add_messages(alpha[n * n_steps + t], beta[n], n_classes + 1, counts)
            n += 1
        for i in range(n):
            place = i * n_steps + t
            if given.uses_logs[i] == 0:
                differentiate(1, wide, (
                    (alpha, place, 0), (given.emissions, place, 0), (beta, i, 0),
                    (memory.marginals, first * n_steps + place, 0), (after, place, 0),
                    1 / given.sums[i, t],
                ))  # fmt: skip
    for i in range(n):
        begin, n_valid = i * n_steps, count_steps(sequences, rows[i])
        if given.uses_logs[i] > 0:
            factor = sign * find_weight(weights, rows[i])
            place = (first + i) * n_steps
            backward_logs(n_valid, i, place, factor, potentials, given, memory, counts)
            continue
        add_messages(alpha[begin], beta[i], n_classes, counts)
        if len(counts) > 0:
            add_product_of_doubles(
                False, alpha, begin * wide, 1, wide, n_classes,
                after, (begin + 1) * wide, wide, LANES,
                memory.pairs, 0, wide, wide, n_valid - 1,
            )  # fmt: skip


@njit(**JIT)
def add_messages(alpha, beta, row, counts):
    """Add the marginals of a first or last step to a row of counts[0], if any."""
    for k in range(len(counts)):
        count = counts[k, row]
        for j in range(len(count)):
            count[j] += alpha[j] * beta[j]


@njit(**JIT)
def add_pairs(pairs, factors, counts):
    """Add the expected transitions to counts[0], if there is one."""
    for k in range(len(counts)):
        for i in range(len(pairs)):
            count = counts[k, i]
            for j in range(len(count)):
                count[j] += pairs[i, j] * factors[i, j]


# All paths, with logarithms ----------------------------------------------------------


@njit(**JIT)
def forward_logs(sequences, row, i, clamped, potentials, memory):
    """Return log Z. Alpha, sums and emissions become logarithms."""
    n_all, n_classes = sequences.emissions.shape[1:]
    n_steps = count_steps(sequences, row)
    logs, sums, log_z = potentials.logs, memory.sums[i], 0.0
    for t in range(n_steps):
        alpha, own = memory.alpha[i * n_all + t], memory.emissions[i * n_all + t]
        first, last = permit(sequences, row, t, clamped)
        largest = -np.inf
        for j in range(n_classes):
            own[j] = sequences.emissions[row, t, j] if first <= j < last else -np.inf
            arrives = logs[n_classes, j]
            if t > 0:
                before = memory.alpha[i * n_all + t - 1]
                arrives = log_sum_of_column(before, logs, j)
            alpha[j] = arrives + own[j]
            largest = max(largest, alpha[j])
        shift = finite_or_zero(largest)
        for j in range(n_classes):
            alpha[j] -= shift
        sums[t] = shift
        log_z += shift
    last_alpha = memory.alpha[i * n_all + n_steps - 1]
    sums[n_steps] = log_sum(last_alpha, logs[n_classes + 1])
    return log_z + sums[n_steps]


@njit(**JIT)
def log_sum(a, b):
    """Return log sum exp(a + b), of as many numbers as b has."""
    largest = -np.inf
    for j in range(len(b)):
        largest = max(largest, a[j] + b[j])
    shift, total = finite_or_zero(largest), 0.0
    for j in range(len(b)):
        total += np.exp(a[j] + b[j] - shift)
    return np.log(total) + shift


@njit(**JIT)
def log_sum_of_column(a, b, column):
    """Return log sum exp(a + a column of b); a strided array has other pointers."""
    largest, n = -np.inf, b.shape[1]
    for i in range(n):
        largest = max(largest, a[i] + b[i, column])
    shift, total = finite_or_zero(largest), 0.0
    for i in range(n):
        total += np.exp(a[i] + b[i, column] - shift)
    return np.log(total) + shift


@njit(**JIT)
def backward_logs(n_steps, i, place, factor, potentials, given, memory, counts):
    """Add the expectations of row i, after `forward_logs`, times the factor.

    Its marginals are those of the steps from `place` on.
    """
    logs, sums, beta = potentials.logs, given.sums[i], memory.beta[i]
    n_all, n_classes = len(given.alpha) // GROUP, logs.shape[1]
    after = memory.after[i * n_all]
    for j in range(n_classes):
        beta[j] = logs[n_classes + 1, j] - sums[n_steps]
    for t in range(n_steps - 1, -1, -1):
        alpha, emissions = given.alpha[i * n_all + t], given.emissions[i * n_all + t]
        for j in range(n_classes):
            here = factor * np.exp(alpha[j] + beta[j])
            memory.marginals[place + t, j] += here
            for k in range(len(counts)):
                counts[k, n_classes, j] += here if t == 0 else 0.0
                counts[k, n_classes + 1, j] += here if t == n_steps - 1 else 0.0
            after[j] = emissions[j] + beta[j] - sums[t]
        for k in range(n_classes if t > 0 else 0):
            beta[k] = log_sum(after, logs[k])
            before = given.alpha[i * n_all + t - 1, k]
            for j in range(n_classes if len(counts) > 0 else 0):
                log = before + logs[k, j] + after[j]
                counts[0, k, j] += factor * np.exp(log)


# The best path ------------------------------------------------------------------------


@njit(**JIT)
def decode(sequences, part, potentials, messages, pointers, scores, paths):
    """Set the labels of each row's best path, -1 at padding, and its score.

    The score is NaN if a valid emission is.
    """
    emissions = sequences.emissions
    for g in range(count_groups(part)):
        rows = part.order[g * GROUP : (g + 1) * GROUP]
        for i in range(len(rows) if is_in(part, g) else 0):
            row = rows[i]
            n_steps = count_steps(sequences, row)
            for t in range(n_steps, emissions.shape[1]):
                paths[row, t] = -1
            scores[row] = 0.0
            if n_steps > 0:
                scores[row] = find_best_path(
                    emissions[row], n_steps, potentials, messages, pointers, paths[row]
                )


@njit(**JIT)
def find_best_path(emissions, n_steps, potentials, messages, pointers, path):
    """Return the score of the best path; the lowest class wins a tie."""
    n_classes = emissions.shape[1]
    for t in range(n_steps):
        best, before = messages[t % 2], messages[(t + 1) % 2]
        if t == 0:
            copy_row(potentials[n_classes], best)
        else:
            find_best_classes(before, potentials, best, pointers[t])
        for j in range(n_classes):
            best[j] += emissions[t, j]
    last = messages[(n_steps - 1) % 2]
    highest, label = last[0] + potentials[n_classes + 1, 0], 0
    for j in range(1, n_classes):
        score = last[j] + potentials[n_classes + 1, j]
        if is_better(score, highest):
            highest, label = score, j
    path[n_steps - 1] = label
    for t in range(n_steps - 1, 0, -1):
        label = pointers[t, label]
        path[t - 1] = label
    return highest


@njit(**JIT)
def find_best_classes(before, potentials, best, pointer):
    """Set, for each class, the best score of the step before it, and that class."""
    n_classes = len(best)
    for j in range(n_classes):
        best[j] = before[0] + potentials[0, j]
        pointer[j] = 0
    for i in range(1, n_classes):
        own, transitions = before[i], potentials[i]
        for j in range(n_classes):
            score = own + transitions[j]
            better = is_better(score, best[j])
            best[j] = score if better else best[j]
            pointer[j] = i if better else pointer[j]


@njit(**JIT)
def is_better(score, best):
    """Whether a score is higher, or the first that is NaN."""
    return (score > best) | ((score != score) & (best == best))
