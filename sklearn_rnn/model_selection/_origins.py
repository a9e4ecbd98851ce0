"""Beginnings of series to be continued, and cross-validation by time."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn._sequences import refuse_unsorted_times


def make_origins(
    series: Any, horizon: int, *, step: int = 1, first: int | None = None
) -> tuple[NDArray[np.object_], NDArray, NDArray[np.int64]]:
    """Cut series at many origins: each beginning, and the steps that follow it.

    Each beginning is a sample for :class:`~sklearn_rnn.RNNForecaster`, so that searches
    and cross-validation of scikit-learn evaluate forecasts from many points in time.

    Parameters
    ----------
    series : array-like of shape (n_steps,) or (n_series, n_steps, n_features), \
            RaggedArray, or list of array-like of shape (n_steps_i,) or (n_steps_i, \
            n_features)
        One series of one variable, or several series.
    horizon : int
        Number of steps that follow a beginning.
    step : int, default=1
        Steps between two origins of a series. The last origin is always `horizon`
        steps before the end of its series.
    first : int, default=None
        Smallest number of steps of a beginning. By default, `horizon`.

    Returns
    -------
    X : ndarray of shape (n_origins,), of objects
        The beginnings: views of the series, not copies.
    y : ndarray of shape (n_origins, horizon) or (n_origins, horizon, n_features)
        The steps that follow.
    origins : ndarray of shape (n_origins,)
        Number of steps of each beginning, the `groups` of `RollingOriginSplit`.

    Raises
    ------
    ValueError
        If a parameter is not a positive int, or a series is shorter than `first` plus
        `horizon`.

    See Also
    --------
    sklearn_rnn.preprocessing.make_windows : Windows of equal length.

    Examples
    --------
    >>> from sklearn_rnn.model_selection import make_origins
    >>> X, y, origins = make_origins([1, 2, 3, 4, 5, 6], horizon=2, first=3)
    >>> [x.tolist() for x in X]
    [[1, 2, 3], [1, 2, 3, 4]]
    >>> y.tolist(), origins.tolist()
    ([[4, 5], [5, 6]], [3, 4])
    """
    first = horizon if first is None else first
    for name, value in (("horizon", horizon), ("step", step), ("first", first)):
        check_positive(name, value, "make_origins")
    parts = [np.asarray(x) for x in list_series(series)]
    pasts, futures, origins = [], [], []
    for i, part in enumerate(parts):
        last = len(part) - horizon
        if last < first:
            raise ValueError(
                f"series[{i}] has {len(part)} steps, fewer than first={first} plus "
                f"horizon={horizon}."
            )
        for origin in reversed(range(last, first - 1, -step)):
            pasts.append(part[:origin])
            futures.append(part[origin : origin + horizon])
            origins.append(origin)
    X = np.empty(len(pasts), dtype=object)
    for i, past in enumerate(pasts):  # at once, equal lengths would become 2-D
        X[i] = past
    return X, np.stack(futures), np.array(origins, dtype=np.int64)


class RollingOriginSplit:
    """Cross-validation by time: train on early origins, test on later ones.

    No training sample has a step of its future at or after the first origin of the
    test set.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits.
    horizon : int, default=1
        Number of steps of a future.

    See Also
    --------
    make_origins : Returns samples and their origins.
    sklearn.model_selection.TimeSeriesSplit : The same for one row a point in time.

    Examples
    --------
    >>> from sklearn_rnn.model_selection import RollingOriginSplit, make_origins
    >>> X, y, origins = make_origins(range(12), horizon=2)
    >>> for train, test in RollingOriginSplit(2, horizon=2).split(X, y, origins):
    ...     print(origins[train], origins[test])
    [2 3] [5 6 7]
    [2 3 4 5 6] [ 8  9 10]
    """

    def __init__(self, n_splits: int = 5, *, horizon: int = 1) -> None:
        self.n_splits = n_splits
        self.horizon = horizon

    def split(
        self, X: Any, y: Any = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows of training and test set of each split.

        Parameters
        ----------
        X : sequence of length n_samples
            The samples.
        y : object, default=None
            Ignored.
        groups : array-like of int of shape (n_samples,)
            Origin of each sample, as `make_origins` returns it.

        Yields
        ------
        train, test : ndarray of int
            Rows of the samples.

        Raises
        ------
        ValueError
            If `groups` are missing, or have too few different origins.
        """
        check_positive("horizon", self.horizon, "RollingOriginSplit")
        if groups is None:
            raise ValueError(
                "RollingOriginSplit needs groups: the origin of each sample, as "
                "make_origins returns it."
            )
        check_consistent_length(X, groups)
        origins = np.asarray(groups)
        times = np.unique(origins)
        for _, block in TimeSeriesSplit(self.n_splits).split(times):
            start, stop = times[block[0]], times[block[-1]]
            train = np.flatnonzero(origins <= start - self.horizon)
            if len(train) == 0:
                raise ValueError(
                    f"No origin is {self.horizon} steps before {start}, the first "
                    f"of a test set. Take fewer splits than n_splits={self.n_splits}, "
                    "or earlier origins."
                )
            yield train, np.flatnonzero((origins >= start) & (origins <= stop))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            As the parameter.
        """
        return self.n_splits


def list_series(series: Any) -> list[Any]:
    """Return several series; one series of one variable is a list of one."""
    if hasattr(series, "columns"):
        raise TypeError(
            "series must be arrays, a list of arrays or a RaggedArray. Got a "
            f"{type(series).__name__} instead: SequenceBuilder makes series of a table "
            "with a row for each step, and to_numpy() of one column one series."
        )
    if isinstance(series, list | tuple | range):
        if len(series) == 0:
            raise ValueError("series must have at least one series. Got none.")
        is_one = np.ndim(series[0]) == 0
    else:
        holds_objects = getattr(series, "dtype", None) == np.dtype(object)
        is_one = getattr(series, "ndim", 3) == 1 and not holds_objects
    refuse_unsorted_times(series, "series")
    if is_one and not hasattr(series, "offsets"):  # as RaggedArray has
        return [np.asarray(series)]
    return list(series)


def check_positive(name: str, value: Any, owner: str) -> None:
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"The {name!r} parameter of {owner} must be an int, at least 1. Got "
            f"{value!r} instead."
        )
