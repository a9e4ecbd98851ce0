"""make_windows: cut long series into samples."""

from numbers import Integral

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_rnn._sequences import (
    RaggedArray,
    lengths_to_offsets,
    refuse_dates,
    refuse_unsorted_times,
)


def make_windows(series, y=None, *, length, step=1, horizon=1, groups=None):
    """Cut one long series, or several, into windows with their targets.

    Window ``i`` of a series contains its steps ``i * step`` to ``i * step + length -
    1``. Its target is the value of `y`, or of the series itself if `y` is None,
    `horizon` steps after the last step of the window. All windows whose steps and
    target lie within the series are returned::

        step       0  1  2  3  4  5  6  7        length=3, step=2, horizon=2
        window 0  [x  x  x] .  y
        window 1        [x  x  x] .  y

    Parameters
    ----------
    series : array-like of shape (n_steps,), (n_steps, n_features) or (n_series, \
            n_steps, n_features), RaggedArray, or list of array-like of shape \
            (n_steps_i,) or (n_steps_i, n_features)
        One or several series. A 1-D or 2-D array or DataFrame is a single series whose
        rows are the steps.
    y : array-like like series, default=None
        Target at each step: one or several numbers or labels, in the same container and
        order as `series`. By default, the series itself, for forecasting.
    length : int
        Number of steps per window.
    step : int, default=1
        Number of steps from the start of a window to the start of the next. With
        ``step=length``, windows are adjacent and do not overlap.
    horizon : int or sequence of int, default=1
        Number of steps from the last step of the window to the target. 1 is the next
        step; 0 is the last step of the window and requires `y`. With several horizons,
        such as ``range(1, 13)``, each window has several targets.
    groups : array-like of shape (n_series,), default=None
        Group of each series, such as a person or machine. By default, each series is
        its own group: 0, 1, 2, ...

    Returns
    -------
    X : ndarray of shape (n_windows, length, n_features)
        Windows, ordered by series. For a single series, a read-only view that takes no
        extra memory; for several series, a copy.
    y : ndarray of shape (n_windows, ...)
        Targets. The further dimensions are the number of horizons, if `horizon` is a
        sequence, and the shape of a step of `y` or of the series.
    groups : ndarray of shape (n_windows,)
        Group of each window, for ``GroupKFold``, which then never splits the windows of
        a group between training and test set.

    Raises
    ------
    ValueError, TypeError
        If a series is shorter than a window with its target, `y` or `groups` do not
        match `series`, or a parameter is out of range.

    See Also
    --------
    sklearn.model_selection.GroupKFold : Split windows of several series.
    sklearn.model_selection.TimeSeriesSplit : Split windows of one series.

    Notes
    -----
    This is a function to call before a pipeline, because a step of a pipeline cannot
    change the number of samples. It learns nothing from the data.

    For ``TimeSeriesSplit(gap=gap)`` on the windows of one series, ``gap = (length - 1 +
    max(horizon)) // step`` is the smallest gap with which no step is in both training
    and test data, neither in a window nor as a target.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import make_windows
    >>> X, y, groups = make_windows(np.arange(8), length=3, step=2, horizon=2)
    >>> X[:, :, 0]
    array([[0, 1, 2],
           [2, 3, 4]])
    >>> y
    array([4, 6])

    Forecast the next three steps of two series:

    >>> X, y, groups = make_windows(
    ...     [np.arange(6), np.arange(10, 17)], length=3, horizon=[1, 2, 3]
    ... )
    >>> y
    array([[ 3,  4,  5],
           [13, 14, 15],
           [14, 15, 16]])
    >>> groups
    array([0, 1, 1])

    Predict a label at the last step of each window:

    >>> alarm = ["no", "no", "no", "yes"]
    >>> make_windows([1, 2, 3, 4], alarm, length=2, horizon=0)[1]
    array(['no', 'no', 'yes'], dtype='<U3')
    """
    _refuse_dates(series)
    refuse_unsorted_times(series, "series")
    _check_at_least("length", length, 1)
    _check_at_least("step", step, 1)
    horizons = _check_horizon(horizon, least=1 if y is None else 0)
    steps, offsets = _end_to_end(series, "series", _is_one(series))
    targets = steps if y is None else _targets(y, offsets, _is_one(series))
    groups = _check_groups(groups, len(offsets) - 1)
    n_windows = _count_windows(np.diff(offsets), length, step, max(horizons))
    number = np.arange(n_windows.sum()) - np.repeat(
        lengths_to_offsets(n_windows)[:-1], n_windows
    )
    first = np.repeat(offsets[:-1], n_windows) + step * number
    last = first + length - 1
    y = targets[last[:, np.newaxis] + horizons]
    return (
        _windows(steps, first, length, step),
        y[:, 0] if np.ndim(horizon) == 0 else y,
        np.repeat(groups, n_windows),
    )


def _windows(steps, first, length, step):
    steps = steps[:, np.newaxis] if steps.ndim == 1 else steps
    windows = sliding_window_view(steps, length, axis=0).transpose(0, 2, 1)
    if (np.diff(first) == step).all():  # always true for a single series
        return windows[::step][: len(first)]
    return windows[first]


def _refuse_dates(series):
    """Refuse dates among the values of a table, or of several."""
    tables = series if isinstance(series, list | tuple) else [series]
    for table in tables:
        if hasattr(table, "columns"):
            refuse_dates(table, "series")


def _is_one(series):
    """Return whether `series` is a single series, with its steps as rows."""
    if isinstance(series, RaggedArray):
        return False
    if isinstance(series, list | tuple):
        return not any(map(_is_series, series))
    return np.ndim(series) < 3


def _end_to_end(series, name, is_one):
    """Return the steps of all series in one array, and the offsets of the series."""
    if is_one:
        array = np.asarray(series)
        _check_dimensions(array, name)
        return array, np.array([0, len(array)])
    if len(series) == 0:
        raise ValueError(f"{name} is empty.")
    if isinstance(series, RaggedArray):
        steps = series.values[:, 0] if series.n_features == 1 else series.values
        return steps, series.offsets
    parts = [np.asarray(part) for part in series]
    for i, part in enumerate(parts):
        _check_dimensions(part, f"{name}[{i}]")
        if part.shape[1:] != parts[0].shape[1:]:
            raise ValueError(
                f"{name}[{i}] has shape {part.shape}, but {name}[0] has "
                f"{parts[0].shape}: all must have the same features."
            )
    return np.concatenate(parts), lengths_to_offsets([len(part) for part in parts])


def _is_series(x):
    return hasattr(x, "__len__") and not isinstance(x, str | bytes)


def _check_dimensions(array, name):
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (n_steps,) or (n_steps, n_features). Got shape "
            f"{array.shape} instead."
        )


def _targets(y, offsets, is_one):
    """Return y of all steps in one array."""
    if isinstance(y, str):
        raise ValueError(
            f"y must have a value at each step. Got the str {y!r}: for a column of a "
            f"table, pass y=series[{y!r}]."
        )
    n_series = len(offsets) - 1
    if not is_one and not (_is_series(y) and len(y) == n_series and _is_series(y[0])):
        raise ValueError(
            f"y must have a value at each step of each of the {n_series} series. For "
            "one label per series, repeat it: [np.full(len(s), label) for s, label in "
            "zip(series, labels)]."
        )
    targets, y_offsets = _end_to_end(y, "y", is_one)
    wrong = np.flatnonzero(np.diff(y_offsets) != np.diff(offsets))
    if len(wrong):
        i = wrong[0]
        raise ValueError(
            f"y must have a value at each step. Series {i} has {np.diff(offsets)[i]} "
            f"steps, but its y has {np.diff(y_offsets)[i]}."
        )
    return targets


def _check_groups(groups, n_series):
    if groups is None:
        return np.arange(n_series)
    groups = np.asarray(groups)
    if groups.shape != (n_series,):
        raise ValueError(
            f"groups must have one entry for each of the {n_series} series. Got shape "
            f"{groups.shape} instead."
        )
    return groups


def _count_windows(n_steps, length, step, horizon):
    """Return the number of windows of each series, at least one."""
    needed = length + horizon
    short = n_steps < needed
    if short.any():
        i = int(short.argmax())
        raise ValueError(
            f"Series {i} has {n_steps[i]} steps, but a window of length={length} with "
            f"a target at horizon={horizon} requires {needed}. Use a smaller length, "
            "or remove the series."
        )
    return (n_steps - needed) // step + 1


def _check_horizon(horizon, least):
    horizons = [horizon] if np.ndim(horizon) == 0 else list(horizon)
    if not horizons:
        raise ValueError("horizon must have at least one number of steps. Got none.")
    for h in horizons:
        if h == 0 and least == 1:
            raise ValueError(
                "Without y, horizon must be at least 1: the target of horizon=0 is the "
                "last step of the window itself."
            )
        _check_at_least("horizon", h, least)
    return np.array(horizons)


def _check_at_least(name, value, least):
    if not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"The {name!r} parameter of make_windows must be an int, at least {least}. "
            f"Got {value!r} instead."
        )
