"""Series: numbers without gaps; what is chosen by their lengths."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sklearn_rnn._sequences import (
    RaggedArray,
    check_floats,
    first_place,
    refuse_column,
    refuse_unsorted_times,
    validate_sequences,
)


def check_series(
    X: Any,
    estimator: Any,
    reset: bool,
    *,
    name: str = "X",
    allow_empty: bool = False,
) -> RaggedArray:
    """Validate series: numbers without gaps.

    Parameters
    ----------
    X : array-like, RaggedArray or list of array-like
        One series of one variable, or several.
    estimator : RNNForecaster or RNNAnomalyDetector
        Gets ``n_features_in_`` and ``feature_names_in_`` if `reset`, and is compared
        with otherwise.
    reset : bool
        Whether this is the first X of the estimator.
    name : str, default="X"
        Name of the argument in messages.
    allow_empty : bool, default=False
        Whether series may have no step.

    Returns
    -------
    X : RaggedArray
        Floats.

    Raises
    ------
    ValueError, TypeError
        If X is no series of numbers, or a value is missing.
    """
    if hasattr(X, "columns"):
        raise TypeError(
            f"{type(estimator).__name__} takes series, not a table. For a table with a "
            "row for each step use SequenceBuilder; for one series with several "
            "variables pass [table]."
        )
    refuse_unsorted_times(X, name)
    series = _as_several(X, name)
    options = {"name": name, "allow_empty": allow_empty}
    ragged = validate_sequences(
        estimator, series, reset=reset, check=check_floats, **options
    )
    missing = np.isnan(ragged.values)
    if missing.any():
        i, step, feature = first_place(missing, ragged.offsets)
        raise ValueError(
            f"{name}[{i}] has NaN at step {step}, feature {feature}. "
            f"{type(estimator).__name__} needs series without gaps: interpolate them "
            "first, for instance with pandas.Series.interpolate."
        )
    return ragged


def _as_several(X: Any, name: str) -> Any:
    """Return one series as a list of one; a table of series with an axis more."""
    if isinstance(X, RaggedArray) or issparse(X):
        return X
    if isinstance(X, list | tuple):
        if len(X) > 0 and np.ndim(X[0]) == 0:
            return [np.asarray(X)]
        return [np.asarray(x) if isinstance(x, list | tuple) else x for x in X]
    n_dimensions = getattr(X, "ndim", 3)
    if n_dimensions == 2:  # a row a series: in predict, their length may differ
        steps = np.asarray(X)
        refuse_column(steps, name)
        return steps[..., np.newaxis] if steps.size > 0 else steps
    holds_numbers = getattr(X, "dtype", object) != np.dtype(object)
    return [X] if n_dimensions == 1 and holds_numbers else X


def check_lengths(X: RaggedArray, horizon: int, held_out: int = 0) -> None:
    """Refuse series without a step before the future, and before what is held out."""
    needed = 1 + horizon + held_out
    short = X.lengths < needed
    if short.any():
        i = int(short.argmax())
        parts = "one to forecast from, "
        if held_out:
            parts += f"{held_out} to hold out for 'calibration_origins', "
        raise ValueError(
            f"X[{i}] has {X.lengths[i]} steps, but {needed} are needed: {parts}and "
            f"{horizon} to forecast."
        )


def choose_context(lengths: NDArray[np.int64], horizon: int, season: int) -> int:
    """Return the length of a window, if the user gives none.

    Two horizons or seven seasons, at most half of what a typical series leaves, in
    whole seasons if one fits.
    """
    wanted = max(2 * horizon, 7 * season, 16)
    most = max(int(np.median(lengths) - horizon) // 2, 1)
    context = min(wanted, most)
    return context - context % season if context >= season else context


def choose_segment_length(context: int, season: int) -> int:
    """Return the length of a segment, if the user gives none.

    A season if there is one; otherwise that of about 32 segments, since each step of
    the recurrence takes time.
    """
    return season if season > 1 else max(1, context // 32)


def seasonal_naive(X: RaggedArray, horizon: int, season: int) -> NDArray[np.float64]:
    """Repeat the last season of each series, or the last step of a shorter one."""
    ahead = np.arange(horizon)
    forecasts = []
    for x in X:
        period = season if len(x) >= season else 1
        forecasts.append(x[len(x) - period + ahead % period])
    return np.stack(forecasts).astype(np.float64)
