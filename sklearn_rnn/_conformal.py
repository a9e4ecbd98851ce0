"""Split conformal prediction: intervals from the errors on held-out samples."""

import math
from numbers import Real
from typing import Any


def check_coverage(coverage: Any) -> float:
    """Return the coverage, a number between 0 and 1, or raise ValueError."""
    if not (isinstance(coverage, Real) and 0 < coverage < 1):
        raise ValueError(
            f"coverage must be a float between 0 and 1. Got {coverage!r} instead."
        )
    return float(coverage)


def find_rank(coverage: Any, n_errors: int, advice: str) -> int:
    """Return which of the sorted errors, from 1 on, covers a part of new ones.

    Parameters
    ----------
    coverage : float
        Probability that a new error is at most as large.
    n_errors : int
        Number of held-out errors.
    advice : str
        End of the error message if they are too few.

    Raises
    ------
    ValueError
        If `coverage` is not between 0 and 1, or the errors are too few for it.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman, "Distribution-free
    predictive inference for regression", JASA 2018.
    """
    coverage = check_coverage(coverage)
    rank = math.ceil((n_errors + 1) * coverage - 1e-9)
    if rank > n_errors:
        least = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise ValueError(f"coverage={coverage} needs at least {least} {advice}")
    return rank
