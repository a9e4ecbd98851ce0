"""Windows of series, their scale, and the segments that a network reads."""

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import issparse

from sklearn_rnn._sequences import (
    RaggedArray,
    check_floats,
    first_place,
    validate_sequences,
)

Floats = NDArray[np.float64]

_MOST_NUMBERS = 30_000_000  # in the windows of a fit: beyond, origins are left out
_FARTHEST = 20.0  # in units of the scale: a jump after a flat window outweighs no other


def check_series(X: Any, estimator: Any, reset: bool) -> RaggedArray:
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
    series = _as_several(X)
    ragged = validate_sequences(estimator, series, reset=reset, check=check_floats)
    missing = np.isnan(ragged.values)
    if missing.any():
        i, step, feature = first_place(missing, ragged.offsets)
        raise ValueError(
            f"X[{i}] has NaN at step {step}, feature {feature}. "
            f"{type(estimator).__name__} needs series without gaps: interpolate them "
            "first, for instance with pandas.Series.interpolate."
        )
    return ragged


def _as_several(X: Any) -> Any:
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
        return steps[..., np.newaxis] if steps.size > 0 else steps
    holds_numbers = getattr(X, "dtype", object) != np.dtype(object)
    return [X] if n_dimensions == 1 and holds_numbers else X


def cut_training_windows(
    X: RaggedArray, context: int, horizon: int
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Cut a window and its future at every origin of every series.

    Parameters
    ----------
    X : RaggedArray
        Series, each longer than `horizon`.
    context : int
        Steps of a window.
    horizon : int
        Steps of a future.

    Returns
    -------
    windows : ndarray of shape (n_windows, context, n_features)
        In the order of the series, and of time within each.
    futures : ndarray of shape (n_windows, horizon, n_features)
        The steps that follow.
    rows : ndarray of shape (n_windows,)
        The series of each window.
    """
    n_steps = context + horizon
    n_origins = np.maximum(X.lengths - n_steps, 0) + 1
    size = int(n_origins.sum()) * n_steps * X.n_features
    stride = max(1, -(-size // _MOST_NUMBERS))
    parts = []
    for x in X:
        x = _extend(x.astype(np.float64), n_steps)
        windows = sliding_window_view(x, n_steps, axis=0)[::-1][::stride][::-1]
        parts.append(windows.transpose(0, 2, 1))
    both = np.concatenate(parts)
    rows = np.repeat(np.arange(len(X)), [len(part) for part in parts])
    return both[:, :context], both[:, context:], rows


def cut_last_windows(X: RaggedArray, context: int) -> Floats:
    """Return the last steps of each series, (n_samples, context, n_features)."""
    return np.stack([_extend(x.astype(np.float64), context)[-context:] for x in X])


def _extend(x: Floats, n_steps: int) -> Floats:
    """Repeat the first step before a series that is too short."""
    n_missing = max(n_steps - len(x), 0)
    return np.pad(x, ((n_missing, 0), (0, 0)), mode="edge")


def split_features(steps: Floats) -> Floats:
    """Return each feature as a sample: (n, n_steps, k) to (n * k, n_steps)."""
    return steps.transpose(0, 2, 1).reshape(-1, steps.shape[1])


def join_features(steps: Floats, n_features: int) -> Floats:
    """Undo `split_features`; (n, n_steps) with one feature."""
    joined = steps.reshape(-1, n_features, steps.shape[1]).transpose(0, 2, 1)
    return joined[..., 0] if n_features == 1 else joined


def choose_context(lengths: NDArray[np.int64], horizon: int, season: int) -> int:
    """Return the length of a window, if the user gives none.

    Two horizons or seven seasons, at most half of what a typical series leaves, in
    whole seasons if one fits.
    """
    wanted = max(2 * horizon, 7 * season, 16)
    most = max(int(np.median(lengths) - horizon) // 2, 1)
    context = min(wanted, most)
    return context - context % season if context >= season else context


def make_segments(scaled: Floats, segment_length: int) -> NDArray[np.float32]:
    """Return windows as sequences of segments, (n_windows, n_segments, segment_length).

    The oldest steps that do not fill a segment are left out.
    """
    n_segments = scaled.shape[1] // segment_length
    steps = scaled[:, scaled.shape[1] - n_segments * segment_length :]
    return steps.reshape(len(scaled), n_segments, -1).astype(np.float32)


def seasonal_naive(X: RaggedArray, horizon: int, season: int) -> Floats:
    """Repeat the last season of each series, or the last step of a shorter one."""
    ahead = np.arange(horizon)
    forecasts = []
    for x in X:
        period = season if len(x) >= season else 1
        forecasts.append(x[len(x) - period + ahead % period])
    return np.stack(forecasts).astype(np.float64)


class Scale(NamedTuple):
    """Location and scale of each window, (n_windows, 1)."""

    location: Floats
    scale: Floats

    def apply(self, steps: Floats) -> Floats:
        """Return steps in units of their window, not farther than a limit."""
        return np.clip((steps - self.location) / self.scale, -_FARTHEST, _FARTHEST)

    def invert(self, steps: Floats) -> Floats:
        """Return steps in the units of the series."""
        return steps * self.scale + self.location


def measure_scale(windows: Floats, kind: str) -> Scale:
    """Return location and scale of each window.

    Parameters
    ----------
    windows : ndarray of shape (n_windows, context)
        The windows.
    kind : {"last", "robust", "mean"}
        As the parameter `scaling` of the forecaster.

    Returns
    -------
    scale : Scale
        A window without variation has a scale of 1, or its size if that is larger.
    """
    center = np.mean if kind == "mean" else np.median
    middle = center(windows, axis=1, keepdims=True)
    deviation = np.abs(windows - middle)
    if kind == "mean":
        scale = windows.std(axis=1, keepdims=True)
    else:
        scale = deviation.mean(axis=1, keepdims=True)
    reach = np.abs(windows).max(axis=1, keepdims=True)
    location = windows[:, -1:] if kind == "last" else middle
    return Scale(location, np.where(scale > 1e-9 * reach, scale, np.fmax(reach, 1.0)))
