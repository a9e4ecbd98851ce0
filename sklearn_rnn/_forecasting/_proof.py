"""Blocks of origins that decide whether a part of a forecast is of use."""

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._forecasting._windows import FEW_WINDOWS

Floats = NDArray[np.float64]

N_BLOCKS = 5  # of origins; the network is tried on the last
N_PARTS = FEW_WINDOWS // N_BLOCKS  # of the last block, each as long as a future
_N_ERRORS = 2.0  # standard errors


def find_lower_limit(values: Floats) -> float:
    """Return the mean of values of blocks, less two of its standard errors."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - _N_ERRORS * error)


def choose_share(n_before: Floats, products: Floats, squares: Floats) -> float:
    """Return the share of the network that it surely deserves, from 0 to 1.

    Parameters
    ----------
    n_before : ndarray of shape (n_windows,)
        Number of steps before each origin.
    products : ndarray of shape (n_windows,)
        Of what the network adds and what it should add, with the weight of the window.
    squares : ndarray of shape (n_windows,)
        Of what the network adds, likewise.

    Returns
    -------
    share : float
        Lower limit of the shares of least squares of parts of the time.
    """
    across, norms = (_sum_parts(n_before, values) for values in (products, squares))
    if not (norms > 0).all():
        return 0.0
    return float(np.clip(find_lower_limit(across / norms), 0, 1))


def is_surely_useful(n_before: Floats, gains: Floats, weight: Floats) -> bool:
    """Return whether the mean gain is surely positive.

    Parameters
    ----------
    n_before : ndarray of shape (n_windows,)
        Number of steps before each origin.
    gains : ndarray of shape (n_windows,)
        Loss without a part of the forecast less that with it.
    weight : ndarray of shape (n_windows,)
        Weight of each.
    """
    sums, weights = (_sum_parts(n_before, v) for v in (weight * gains, weight))
    return bool((weights > 0).all()) and find_lower_limit(sums / weights) > 0


def find_quantiles(
    values: Floats, weight: Floats, levels: list[float], least: float
) -> Floats:
    """Return quantiles of what a forecast leaves, which is taken to be their median.

    Parameters
    ----------
    values : ndarray of shape (n_windows, horizon)
        What is left.
    weight : ndarray of shape (n_windows,)
        Weight of each window.
    levels : list of float
        Increasing, with 0.5.
    least : float
        Distance of neighbours at least.

    Returns
    -------
    quantiles : ndarray of shape (horizon, n_levels)
        Increasing, 0 at the level of 0.5.
    """
    order = np.argsort(values, axis=0)
    up_to = np.cumsum(weight[order], axis=0)
    ranks = [(up_to < level * up_to[-1]).sum(axis=0) for level in levels]
    found = np.take_along_axis(np.sort(values, axis=0), np.stack(ranks), axis=0)
    middle = levels.index(0.5)
    found[middle] = 0
    for i in range(middle + 1, len(levels)):
        found[i] = np.maximum(found[i], found[i - 1] + least)
    for i in reversed(range(middle)):
        found[i] = np.minimum(found[i], found[i + 1] - least)
    return found.T


def _sum_parts(n_before: Floats, values: Floats) -> Floats:
    """Return the sums over parts of the time, (N_PARTS,)."""
    limits = np.linspace(n_before.min(), n_before.max() + 1, N_PARTS + 1)
    part = np.searchsorted(limits[1:-1], n_before, side="right")
    return np.bincount(part, values, N_PARTS)
