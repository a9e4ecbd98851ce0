"""Outputs of n-grams of tokens, as `nn/_ngrams.py` defines them, to the last bit."""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4


@njit(**JIT)
def sum_rows(tokens, n_tokens, longest, known, table, digits, keys, places, sums):
    """Add up the rows of all n-grams of a sequence, short n-grams first.

    Parameters
    ----------
    tokens : (time,)
        From 0 to n_tokens.
    n_tokens, longest : int
    known : (n,)
        Numbers of known n-grams in ascending order; the first one is 0.
    table : (n, columns)
    digits, keys, places : (time + 2,)
        Memory.
    sums : (columns,)
    """
    n_digits, radix = len(digits), n_tokens + 4
    digits[0], digits[n_digits - 1] = n_tokens + 2, n_tokens + 3
    for t in range(len(tokens)):
        digits[t + 1] = tokens[t] + 1
    for i in range(n_digits):
        keys[i] = digits[i]
    for j in range(len(sums)):
        sums[j] = f4(0)
    _add_rows(known, table, keys, 1, n_digits - 1, places, sums)  # without the markers
    for n in range(2, longest + 1):
        n_keys = n_digits + 1 - n
        for i in range(n_keys):
            keys[i] = keys[i] * radix + digits[i + n - 1]
        _add_rows(known, table, keys, 0, n_keys, places, sums)


@njit(**JIT)
def _add_rows(known, table, keys, begin, end, places, sums):
    """Add the rows of some keys, one after the other; unknown ones have none.

    The searches go on side by side: none waits for the memory of the one before.
    """
    for i in range(begin, end):
        places[i] = 0
    n = len(known)
    while n > 1:
        half = n >> 1
        for i in range(begin, end):
            places[i] += half * (known[places[i] + half] <= keys[i])
        n -= half
    for i in range(begin, end):
        if known[places[i]] == keys[i]:
            row = table[places[i]]
            for j in range(len(sums)):
                sums[j] += row[j]


@njit(**JIT)
def scale_sums(sums, bias, y):
    """Set outputs to the sums of weights, as if the sequence had length 1."""
    squares = sums[0]
    if squares < f4(1):  # a NaN stays
        squares = f4(1)
    norm = np.sqrt(squares)
    for j in range(len(bias)):
        y[j] = bias[j] + sums[1 + j] / norm
