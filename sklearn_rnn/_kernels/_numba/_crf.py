"""A linear-chain CRF: sums over all paths, their gradients, and the best path.

Each sequence is one loop over its steps in float64. `potentials` holds the logarithms
of the transitions (row i: from class i), of the start (row K) and of the end
(row K + 1), with -inf where one is forbidden.

The forward pass works on factors: exp of emissions and potentials less their largest,
and 1e-150 at least unless forbidden, so that a zero always means "forbidden". The
forward message alpha is divided by its sum at each step. As long as no class that a
path can reach falls below 1e-120, all that is rounded is below 1e-28 of the result.
Otherwise, and if a sum is not finite, the sequence is computed again with logarithms.

A label of -1 is unknown: all classes are summed over. A label that is no class leaves
no path, so that log Z is -inf.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import literal_unroll, njit, types
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._math import JIT, ONCE

_TINY = 1e-120
_LEAST_LOG = -345.0  # of 1e-150
# ln 2 in two parts: the first has so few digits that its multiples are exact
_LOG2_E, _LN_2_HIGH, _LN_2_LOW = (
    1 / np.log(2),
    0.693147180369123816,
    1.9082149292705877e-10,
)
_TAYLOR = tuple(1 / math.factorial(k) for k in range(13, -1, -1))
# Added to a number, it rounds it to a whole n, and the sum ends in the bits of
# 1023 + n: shifted to where the exponent of a double is, they are 2^n.
_ROUND = 1.5 * 2**52 + 1023
_UNKNOWN = -1
# the order of a sum is free
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


class Chain(NamedTuple):
    """Potentials, and memory for one sequence."""

    potentials: Any  # (K + 2, K)
    factors: Any  # (K + 2, K)
    alpha: Any  # (n_steps, K): forward messages
    emissions: Any  # (n_steps, K): factors of the emissions, or their logarithms
    marginals: Any  # (n_steps, K): sums over several passes
    beta: Any  # (K,): backward message
    after: Any  # (K,): the same and the emission of its step
    here: Any  # (K,): marginals of one pass and step
    pairs: Any  # (K, K): expected transitions of one pass, but for their factors
    sums: Any  # (n_steps + 1,): what alpha was divided by; at last the sum at the end
    largest: Any  # (3,): of the transitions, the start and the end


@njit(**ONCE)
def make_chain(potentials, memory, numbers):
    """Cut memory of shape (2 * K + 5 + 3 * n_steps, K), and n_steps + 4 numbers."""
    n, n_steps = len(potentials), len(numbers) - 4
    factors, largest = memory[:n], numbers[n_steps + 1 :]
    largest[0] = set_factors(potentials[: n - 2], factors[: n - 2])
    largest[1] = set_factors(potentials[n - 2 : n - 1], factors[n - 2 : n - 1])
    largest[2] = set_factors(potentials[n - 1 :], factors[n - 1 :])
    end = n + 3 * n_steps
    return Chain(
        potentials,
        factors,
        memory[n : n + n_steps],
        memory[n + n_steps : n + 2 * n_steps],
        memory[n + 2 * n_steps : end],
        memory[end],
        memory[end + 1],
        memory[end + 2],
        memory[end + 3 :],
        numbers[: n_steps + 1],
        largest,
    )


@njit(**JIT)
def set_factors(logs, factors):
    """Set the factors to exp(logs - largest); return the largest."""
    largest = -np.inf
    for i in range(len(logs)):
        for j in range(logs.shape[1]):
            largest = max(largest, logs[i, j])
    shift = finite_or_zero(largest)
    for i in range(len(logs)):
        for j in range(logs.shape[1]):
            factors[i, j] = make_factor(logs[i, j], shift)
    return shift


@njit(**JIT)
def make_factor(log, shift):
    """Return exp(log - shift) of a shift >= log; zero only if the logarithm is -inf.

    A loop of these becomes instructions on vectors, which calls of exp do not.
    """
    x = log - shift
    x = _LEAST_LOG if x < _LEAST_LOG else x  # a NaN stays
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN_2_HIGH - n * _LN_2_LOW
    series = 0.0
    for coefficient in literal_unroll(_TAYLOR):
        series = series * r + coefficient
    return 0.0 if log == -np.inf else series * shift_to_exponent(rounded)


@intrinsic
def shift_to_exponent(typing, number):
    """Return the bits of a double, moved to the left by 52, as a double."""

    def codegen(context, builder, signature, args):
        whole = ir.IntType(64)
        bits = builder.shl(builder.bitcast(args[0], whole), whole(52))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), codegen


if RUNS_AS_PYTHON:
    shift_to_exponent = _python.shift_to_exponent


@njit(**JIT)
def finite_or_zero(shift):
    """Return what can be subtracted: -inf less -inf is undefined."""
    return 0.0 if shift == -np.inf else shift


# All paths ----------------------------------------------------------------------------


@njit(**ONCE)
def log_likelihood(emissions, targets, lengths, chain, result, d_emissions, counts):
    """Set the log-likelihood of the labels of each row.

    If there are `counts`, set its gradients too: `counts` becomes the one with respect
    to the potentials.
    """
    for row in range(len(emissions)):
        n_steps = count_steps(lengths, row, emissions.shape[1])
        own, labels = emissions[row], targets[row]
        count = counts[row : row + 1]
        for k in range(len(count)):
            clear(count[k], len(count[k]))
        clear(chain.marginals, n_steps)
        every = visit(own, labels[:0], n_steps, chain, -1.0, count)
        if are_known(labels, n_steps, emissions.shape[2]):
            known = visit_path(own, labels, n_steps, chain, count)
        else:
            known = visit(own, labels, n_steps, chain, 1.0, count)
        result[row] = known - every
        if len(count) > 0:
            copy_with_padding(chain.marginals, n_steps, d_emissions[row])


@njit(**ONCE)
def marginals(emissions, no_labels, lengths, chain, no_counts, log_z, result):
    """Set log Z of each row, and the probability of each class at each step."""
    for row in range(len(emissions)):
        n_steps = count_steps(lengths, row, emissions.shape[1])
        clear(chain.marginals, n_steps)
        log_z[row] = visit(emissions[row], no_labels, n_steps, chain, 1.0, no_counts)
        copy_with_padding(chain.marginals, n_steps, result[row])


@njit(**JIT)
def count_steps(lengths, row, n_steps):
    """Return how many steps are valid, `n_steps` at most."""
    return min(max(lengths[row], 0), n_steps)


@njit(**JIT)
def clear(rows, n):
    """Set the first rows to zero."""
    for i in range(n):
        for j in range(rows.shape[1]):
            rows[i, j] = 0.0


@njit(**JIT)
def copy_with_padding(rows, n, result):
    """Copy the first rows; the others become zeros."""
    for i in range(len(result)):
        for j in range(result.shape[1]):
            result[i, j] = rows[i, j] if i < n else 0.0


@njit(**JIT)
def are_known(labels, n_steps, n_classes):
    """Whether all labels of the valid steps are classes."""
    known = True
    for t in range(n_steps):
        known &= 0 <= labels[t] < n_classes
    return known


@njit(**JIT)
def visit_path(emissions, labels, n_steps, chain, counts):
    """Return the score of one path, and count it as `visit` does."""
    potentials = chain.potentials
    n_classes = len(potentials) - 2
    score, before = 0.0, n_classes
    for t in range(n_steps):
        label = labels[t]
        score += emissions[t, label] + potentials[before, label]
        chain.marginals[t, label] += 1.0
        if len(counts) > 0:
            counts[0, before, label] += 1.0
        before = label
    if n_steps > 0:
        score += potentials[n_classes + 1, before]
        if len(counts) > 0:
            counts[0, n_classes + 1, before] += 1.0
    return score


@njit(**JIT)
def visit(emissions, labels, n_steps, chain, weight, counts):
    """Return log Z of the paths that have these labels, of all paths without any.

    Add their expectations, times the weight, to the marginals, and to counts[0] if
    there is one.
    """
    if n_steps == 0:
        return 0.0
    log_z = forward(emissions, labels, n_steps, chain)
    if np.isfinite(log_z):
        backward(n_steps, chain, weight, counts)
    else:
        log_z = forward_logs(emissions, labels, n_steps, chain)
        backward_logs(n_steps, chain, weight, counts)
    return log_z


@njit(**JIT)
def permit(labels, step, n_classes):
    """Return the classes that a step may have, as a range."""
    if len(labels) == 0 or labels[step] == _UNKNOWN:
        return 0, n_classes
    label = labels[step]
    if label < 0 or label >= n_classes:
        return 0, 0
    return label, label + 1


@njit(**_SUM)
def forward(emissions, labels, n_steps, chain):
    """Return log Z, or NaN if digits would be lost."""
    n_classes = emissions.shape[1]
    largest, end = chain.largest, chain.factors[n_classes + 1]
    log_z = largest[0] * (n_steps - 1) + largest[1] + largest[2]
    product_of_sums = 1.0  # its logarithm is taken now and then
    for t in range(n_steps):
        alpha, factors = chain.alpha[t], chain.emissions[t]
        log_z += set_emissions(emissions[t], labels, t, factors)
        move_forward(t, chain)
        total, n_tiny = 0.0, 0
        for j in range(n_classes):
            product = alpha[j] * factors[j]
            n_tiny += (alpha[j] > 0) & (factors[j] > 0) & (product < _TINY)
            alpha[j] = product
            total += product
        if n_tiny > 0 or not total > 0:
            return np.nan
        inverse = 1 / total
        for j in range(n_classes):
            alpha[j] *= inverse
        chain.sums[t] = total
        product_of_sums *= total
        if not _TINY < product_of_sums < 1 / _TINY:
            log_z += np.log(product_of_sums)
            product_of_sums = 1.0
    log_z += np.log(product_of_sums)
    total, alpha = 0.0, chain.alpha[n_steps - 1]
    for j in range(n_classes):
        total += alpha[j] * end[j]
    chain.sums[n_steps] = total
    return log_z + np.log(total) if total > _TINY else np.nan


@njit(**JIT)
def set_emissions(emissions, labels, step, factors):
    """Set factors of the classes that the step may have; return what they lack."""
    first, last = permit(labels, step, len(factors))
    largest = -np.inf
    for j in range(first, last):
        largest = max(largest, np.float64(emissions[j]))
    shift = finite_or_zero(largest)
    for j in range(len(factors)):
        factors[j] = 0.0
    for j in range(first, last):
        factors[j] = make_factor(np.float64(emissions[j]), shift)
    return shift


@njit(**JIT)
def move_forward(t, chain):
    """Set alpha[t] to what arrives through the transitions, or from the start."""
    alpha = chain.alpha[t]
    n_classes = len(alpha)
    for j in range(n_classes):
        alpha[j] = chain.factors[n_classes, j] if t == 0 else 0.0
    if t > 0:
        for i in range(n_classes):
            before, factors = chain.alpha[t - 1, i], chain.factors[i]
            if before > 0:
                add_multiple(before, factors, alpha)


@njit(**_SUM)
def backward(n_steps, chain, weight, counts):
    """Add the expectations, after `forward`.

    A class without a forward message gets no backward message either: it would have no
    effect, and could overflow.
    """
    n_classes = chain.alpha.shape[1]
    beta, after = chain.beta, chain.after
    clear(chain.pairs, len(chain.pairs))
    for j in range(n_classes):
        beta[j] = chain.factors[n_classes + 1, j] / chain.sums[n_steps]
    for t in range(n_steps - 1, -1, -1):
        alpha, factors = chain.alpha[t], chain.emissions[t]
        inverse = 1 / chain.sums[t]
        for j in range(n_classes):
            chain.here[j] = alpha[j] * beta[j]
            after[j] = factors[j] * beta[j] * inverse
        add_marginals(t, n_steps, chain, weight, counts)
        for i in range(n_classes if t > 0 else 0):
            before = chain.alpha[t - 1, i]
            beta[i] = 0.0
            if before > 0:
                beta[i] = dot(chain.factors[i], after)
                if len(counts) > 0:
                    add_multiple(before, after, chain.pairs[i])
    if len(counts) > 0:
        add_pairs(chain, weight, counts[0])


@njit(**_SUM)
def dot(a, b):
    """Return the sum of a * b."""
    total = 0.0
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@njit(**JIT)
def add_multiple(factor, row, result):
    """Add factor * row to the result."""
    for j in range(len(row)):
        result[j] += factor * row[j]


@njit(**JIT)
def add_pairs(chain, weight, counts):
    """Add weight * pairs * factors to the counts."""
    for i in range(len(chain.pairs)):
        pairs, factors, count = chain.pairs[i], chain.factors[i], counts[i]
        for j in range(len(pairs)):
            count[j] += weight * (pairs[j] * factors[j])


@njit(**JIT)
def add_marginals(t, n_steps, chain, weight, counts):
    """Add the marginals of a step; the first and the last count as start and end."""
    here, marginals = chain.here, chain.marginals[t]
    n_classes = len(here)
    for j in range(n_classes):
        marginals[j] += weight * here[j]
    if len(counts) > 0 and t == 0:
        for j in range(n_classes):
            counts[0, n_classes, j] += weight * here[j]
    if len(counts) > 0 and t == n_steps - 1:
        for j in range(n_classes):
            counts[0, n_classes + 1, j] += weight * here[j]


# All paths, with logarithms ----------------------------------------------------------


@njit(**JIT)
def forward_logs(emissions, labels, n_steps, chain):
    """Return log Z. alpha, sums and the emissions of the chain become logarithms.

    The chain's `after` is overwritten.
    """
    n_classes = emissions.shape[1]
    potentials, log_z = chain.potentials, 0.0
    for t in range(n_steps):
        alpha, logs = chain.alpha[t], chain.emissions[t]
        first, last = permit(labels, t, n_classes)
        largest = -np.inf
        for j in range(n_classes):
            logs[j] = emissions[t, j] if first <= j < last else -np.inf
            arrives = potentials[n_classes, j]
            if t > 0:
                for i in range(n_classes):  # a column in one piece: no strided array
                    chain.after[i] = potentials[i, j]
                arrives = log_sum(chain.alpha[t - 1], chain.after)
            alpha[j] = arrives + logs[j]
            largest = max(largest, alpha[j])
        shift = finite_or_zero(largest)
        for j in range(n_classes):
            alpha[j] -= shift
        chain.sums[t] = shift
        log_z += shift
    chain.sums[n_steps] = log_sum(chain.alpha[n_steps - 1], potentials[n_classes + 1])
    return log_z + chain.sums[n_steps]


@njit(**JIT)
def log_sum(a, b):
    """Return log sum exp(a + b)."""
    largest = -np.inf
    for j in range(len(a)):
        largest = max(largest, a[j] + b[j])
    shift, total = finite_or_zero(largest), 0.0
    for j in range(len(a)):
        total += np.exp(a[j] + b[j] - shift)
    return np.log(total) + shift


@njit(**JIT)
def backward_logs(n_steps, chain, weight, counts):
    """Add the expectations, after `forward_logs`."""
    n_classes = chain.alpha.shape[1]
    beta, after, potentials = chain.beta, chain.after, chain.potentials
    for j in range(n_classes):
        beta[j] = potentials[n_classes + 1, j] - chain.sums[n_steps]
    for t in range(n_steps - 1, -1, -1):
        alpha, logs = chain.alpha[t], chain.emissions[t]
        for j in range(n_classes):
            chain.here[j] = np.exp(alpha[j] + beta[j])
            after[j] = logs[j] + beta[j] - chain.sums[t]
        add_marginals(t, n_steps, chain, weight, counts)
        for i in range(n_classes if t > 0 else 0):
            beta[i] = log_sum(potentials[i], after)
            before = chain.alpha[t - 1, i]
            for j in range(n_classes if len(counts) > 0 else 0):
                log = before + potentials[i, j] + after[j]
                counts[0, i, j] += weight * np.exp(log)


# The best path ------------------------------------------------------------------------


@njit(**ONCE)
def decode(emissions, lengths, potentials, messages, pointers, scores, paths):
    """Set the labels of each row's best path, -1 at padding, and its score.

    The score is NaN if a valid emission is.
    """
    for row in range(len(emissions)):
        n_steps = count_steps(lengths, row, emissions.shape[1])
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
def copy_row(source, target):
    """Copy a row."""
    for j in range(len(source)):
        target[j] = source[j]


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
