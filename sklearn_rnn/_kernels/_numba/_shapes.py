"""Shapes of the arrays that the entries make of pointers."""

from numba import njit

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._recurrence import (
    GRU,
    GRU_RESET_BEFORE,
    LSTM,
    count_gates,
)
from sklearn_rnn._kernels._numba._sizes import round_up


@njit(**JIT)
def widths_of_blocks(cell, n_features, hidden):
    """Columns of sums, of cells, and of inputs: in this order they lie in memory."""
    size = round_up(hidden)
    return (
        count_gates(cell)[0] * size,
        size if cell in (LSTM, GRU_RESET_BEFORE) else 0,
        n_features + 1 + size,
    )


@njit(**JIT)
def count_states(cell):
    """h, and c of an LSTM."""
    return 2 if cell == LSTM else 1


@njit(**JIT)
def rows_of_weights(cell, hidden):
    """As torch has them: three gates of a GRU, where ours are four."""
    return (3 if cell == GRU else count_gates(cell)[0]) * hidden


@njit(**JIT)
def shape_of_packed(cell, n_features, hidden):
    """Panels, and the numbers of each."""
    n = count_gates(cell)[0] * round_up(hidden)
    return n // WIDTH, (n_features + 1 + hidden) * WIDTH
