"""The mean and the last steps of sequences, see `nn/_last_steps.py`."""

from numba import njit

from sklearn_rnn._kernels._numba import _rows
from sklearn_rnn._kernels._numba._math import JIT, f4


@njit(**JIT)
def take(x, lengths, moments, total, out):
    """Set the first columns of out to means and last steps, standardised.

    Parameters
    ----------
    x : (batch, n_steps, n_channels)
    lengths : (batch,)
        Valid steps.
    moments : (3, n)
        Mean, deviation and bound of each number.
    total : (n_channels,)
        Memory, of doubles.
    out : (batch, n or more)
    """
    n_channels, n = x.shape[2], moments.shape[1]
    mean, deviation, bound = moments[0], moments[1], moments[2]
    _rows.mean_over_time(x, lengths, total, out)
    for i in range(x.shape[0]):
        row = out[i]
        for j in range(n_channels, n):
            t = lengths[i] - j // n_channels
            row[j] = x[i, t, j % n_channels] if t >= 0 else f4(0)
        for j in range(n):
            value = (row[j] - mean[j]) / deviation[j]
            row[j] = _keep_between(value, -bound[j], bound[j])


@njit(**JIT)
def keep_within(limits, y):
    """Replace what is below the first or above the second limit of its column."""
    lowest, highest = limits[0], limits[1]
    for i in range(y.shape[0]):
        row = y[i]
        for j in range(y.shape[1]):
            row[j] = _keep_between(row[j], lowest[j], highest[j])


@njit(**JIT)
def _keep_between(value, lowest, highest):
    """Return the nearest value between the two; a NaN stays."""
    if value > highest:
        return highest
    if value < lowest:
        return lowest
    return value
