"""Sizes of what lies at pointers."""

from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._memory import is_given


@njit(**JIT)
def given(pointer, n):
    """How many rows there are: none where nothing is given."""
    return n if is_given(pointer) else 0


@njit(**JIT)
def round_up(n):
    """To whole vectors."""
    return -(-n // WIDTH) * WIDTH
