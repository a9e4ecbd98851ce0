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
    limits = np.linspace(n_before.min(), n_before.max() + 1, N_PARTS + 1)
    part = np.searchsorted(limits[1:-1], n_before, side="right")
    across, norms = (
        np.bincount(part, values, N_PARTS) for values in (products, squares)
    )
    if not (norms > 0).all():
        return 0.0
    return float(np.clip(find_lower_limit(across / norms), 0, 1))
