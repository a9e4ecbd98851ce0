"""Columns of series: targets, covariates of the past, and covariates known ahead."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn._sequences import (
    RaggedArray,
    check_floats,
    errors_that_name,
    first_place,
)

Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """Numbers of the columns of a series.

    Parameters
    ----------
    n_features : int
        Number of all columns.
    targets : ndarray of shape (n_targets,)
        Columns to forecast.
    past : ndarray of shape (n_past,)
        Covariates that are known up to the last step.
    known : ndarray of shape (n_known,)
        Covariates that are known ahead.
    names : tuple of str or None
        Names of all columns.
    """

    n_features: int
    targets: NDArray[np.intp]
    past: NDArray[np.intp]
    known: NDArray[np.intp]
    names: tuple[str, ...] | None

    @property
    def covariates(self) -> NDArray[np.intp]:
        """All columns that are not forecast; those known ahead come last."""
        return np.concatenate([self.past, self.known])

    def describe(self, column: int) -> str:
        """Return the name of a column, or its number."""
        return repr(self.names[column]) if self.names is not None else f"{column}"

    def join(self, values: NDArray) -> NDArray:
        """Bring rows of one target each, (n * k, horizon, ...), together.

        The result is (n, horizon, k, ...), without the axis of targets if k is 1.
        """
        n_targets = len(self.targets)
        if n_targets == 1:
            return values
        joined = values.reshape(-1, n_targets, *values.shape[1:])
        return np.moveaxis(joined, 1, 2)


def choose_columns(
    n_features: int, names: Any, target_features: Any, known_features: Any
) -> Columns:
    """Return the columns of each kind.

    Parameters
    ----------
    n_features : int
        Number of columns.
    names : array-like of str or None
        Their names.
    target_features, known_features : array-like of int or str, or None
        As the parameters of the forecaster. Without targets, all other columns are.

    Returns
    -------
    columns : Columns

    Raises
    ------
    ValueError
        If a column does not exist, or is of two kinds.
    """
    names = None if names is None else tuple(names)
    known = _find(known_features, "known_features", n_features, names)
    if target_features is None:
        targets = np.setdiff1d(np.arange(n_features), known)
    else:
        targets = _find(target_features, "target_features", n_features, names)
    both = np.intersect1d(targets, known)
    columns = Columns(
        n_features,
        targets,
        np.setdiff1d(np.arange(n_features), np.concatenate([targets, known])),
        known,
        names,
    )
    if len(both) > 0:
        raise ValueError(
            f"Column {columns.describe(both[0])} is in both 'target_features' and "
            "'known_features'."
        )
    if len(targets) == 0:
        raise ValueError(
            f"No column is left to forecast: X has {n_features}, and "
            f"target_features={target_features!r}, known_features={known_features!r}."
        )
    return columns


def _find(
    wanted: Any, parameter: str, n_features: int, names: tuple[str, ...] | None
) -> NDArray[np.intp]:
    """Return the numbers of columns that are given by number or by name."""
    if wanted is None:
        return np.empty(0, np.intp)
    if isinstance(wanted, str | Integral):
        wanted = [wanted]
    found: list[int] = []
    for column in wanted:
        if isinstance(column, str):
            if names is None:
                raise ValueError(
                    f"The {parameter!r} parameter has the name {column!r}, but the "
                    "columns of X have no names: give their numbers, or pass a list "
                    "of DataFrames."
                )
            number = names.index(column) if column in names else -1
        else:
            number = int(column) if isinstance(column, Integral) else -1
        if not 0 <= number < n_features or number in found:
            among = f"{list(names)}" if names is not None else f"0 to {n_features - 1}"
            raise ValueError(
                f"The {parameter!r} parameter must have different columns among "
                f"{among}. Got {column!r}."
            )
        found.append(number)
    return np.array(found, dtype=np.intp)


def check_future(y: Any, X: RaggedArray, columns: Columns, horizon: int) -> Floats:
    """Validate the steps that follow X.

    Parameters
    ----------
    y : array-like of shape (n_samples, horizon), (n_samples, horizon, n_targets) or \
            (n_samples, horizon, n_features)
        The steps.
    X : RaggedArray
        The series before.
    columns : Columns
        Which column is what.
    horizon : int
        Number of steps.

    Returns
    -------
    y : ndarray of shape (n_samples, horizon, n_targets or n_features)

    Raises
    ------
    ValueError
        If y has another shape, or a target is missing.
    """
    with errors_that_name("y"):
        y = np.asarray(y, dtype=np.float64)
    if y.ndim == 2:
        y = y[..., np.newaxis]
    check_consistent_length(X, y)
    sizes = sorted({len(columns.targets), columns.n_features})
    if y.shape[1:2] != (horizon,) or y.shape[2:] not in [(size,) for size in sizes]:
        raise ValueError(
            f"y must have shape (n_samples, horizon={horizon}) or (n_samples, "
            f"{horizon}, {' or '.join(map(str, sizes))}). Got {y.shape} instead."
        )
    finite = np.isfinite(y)
    if not finite.all():
        i, step, _ = np.unravel_index(finite.argmin(), y.shape)
        raise ValueError(f"y[{i}] has NaN or infinity at step {step}.")
    return y


def check_known_future(
    X_future: Any, X: RaggedArray, columns: Columns, horizon: int, owner: str
) -> Floats:
    """Validate the future of the columns that are known ahead.

    Parameters
    ----------
    X_future : array-like, RaggedArray or list of array-like or DataFrame
        `horizon` steps of each series: the known columns, or all columns.
    X : RaggedArray
        The series before.
    columns : Columns
        Which column is what.
    horizon : int
        Number of steps.
    owner : str
        Name of the estimator.

    Returns
    -------
    known : ndarray of shape (n_samples, horizon, n_known)

    Raises
    ------
    ValueError, TypeError
        If it is missing or superfluous, or a series has another number of steps.
    """
    n_known = len(columns.known)
    if n_known == 0:
        if X_future is not None:
            raise ValueError(
                "X_future is for columns that are known ahead, but known_features has "
                "none."
            )
        return np.empty((len(X), horizon, 0))
    if X_future is None:
        which = ", ".join(columns.describe(j) for j in columns.known)
        raise ValueError(
            f"The future of known_features is missing (columns {which}): pass "
            f"X_future, {horizon} steps for each series."
        )
    future, layout = check_floats(_as_rows(X_future), owner=owner, name="X_future")
    check_consistent_length(X, future)
    chosen = _choose_known(future.n_features, layout.names, columns)
    wrong = np.flatnonzero(future.lengths != horizon)
    if len(wrong) > 0:
        i = wrong[0]
        raise ValueError(
            f"X_future[{i}] has {future.lengths[i]} steps, but horizon={horizon}."
        )
    values = future.values[:, chosen].astype(np.float64)
    missing = np.isnan(values)
    if missing.any():
        i, step, j = first_place(missing, future.offsets)
        raise ValueError(
            f"X_future[{i}] has NaN at step {step}, column "
            f"{columns.describe(columns.known[j])}."
        )
    return values.reshape(len(X), horizon, n_known)


def _as_rows(X_future: Any) -> Any:
    """Return the future of one column as steps of one feature."""
    array: ArrayLike = X_future
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.size > 0:
        return array[..., np.newaxis]
    return array


def _choose_known(
    n_columns: int, names: tuple[str, ...] | None, columns: Columns
) -> NDArray[np.intp]:
    """Return the numbers of the known columns in a future."""
    if names is not None and columns.names is not None:
        wanted = [columns.names[j] for j in columns.known]
        absent = [name for name in wanted if name not in names]
        if absent:
            raise ValueError(
                f"X_future has no column {absent[0]!r}. Its columns are {list(names)}."
            )
        return np.array([names.index(name) for name in wanted], dtype=np.intp)
    if n_columns == columns.n_features:
        return columns.known
    if n_columns != len(columns.known):
        raise ValueError(
            f"X_future has {n_columns} columns, but known_features has "
            f"{len(columns.known)}."
        )
    return np.arange(n_columns)
