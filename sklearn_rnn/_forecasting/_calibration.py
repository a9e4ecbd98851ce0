"""Conformal calibration: errors of forecasts of held-out origins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._conformal import find_rank

Floats = NDArray[np.float64]


class Calibration:
    """Errors of held-out forecasts, in units of their window, for each step ahead.

    Parameters
    ----------
    scores : ndarray of shape (n_errors, horizon)
        Signed errors.
    """

    def __init__(self, scores: Floats) -> None:
        self.scores = np.sort(scores, axis=0)
        self.sizes = np.sort(np.abs(scores), axis=0)

    def find_width(self, coverage: Any) -> Floats:
        """Return the half width of an interval, in units of the window, (horizon,)."""
        n_errors = len(self.sizes)
        advice = (
            f"held-out origins. There are {n_errors}: fit with more "
            "calibration_origins."
        )
        return self.sizes[find_rank(coverage, n_errors, advice) - 1]

    def find_quantiles(self, levels: Floats) -> Floats:
        """Return quantiles of the signed errors, (horizon, n_levels)."""
        n_errors = len(self.scores)
        ranks = np.ceil((n_errors + 1) * levels - 1e-9).astype(np.intp)
        outside = (ranks < 1) | (ranks > n_errors)
        if outside.any():
            raise ValueError(
                f"The quantile {levels[outside][0]} needs more held-out origins than "
                f"{n_errors}: fit with more calibration_origins."
            )
        return self.scores[ranks - 1].T


def calibrate(future: Floats, middle: Floats, below: Floats, above: Floats) -> Floats:
    """Return signed errors in units of the forecast's own lower or upper half.

    Parameters
    ----------
    future, middle : ndarray of shape (n_rows, horizon)
        What came, and the forecast.
    below, above : ndarray of shape (n_rows, horizon)
        Units of errors below and above the forecast.
    """
    error = future - middle
    return error / np.where(error < 0, below, above)
