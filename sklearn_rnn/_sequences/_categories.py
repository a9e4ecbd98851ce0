"""Columns of categories among the columns of numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_rnn._sequences._dataframe import import_narwhals
from sklearn_rnn._sequences._validation import is_list_of_frames


class CategoryEncoder:
    """Turn categories in the columns of DataFrames into numbers, as they are in fit.

    Other containers hold numbers already, and pass through.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like of int or str, or None
        As the parameter of the estimators.
    owner : str
        Name of the estimator, for error messages.
    """

    def __init__(self, categorical_features: Any, owner: str) -> None:
        self.categorical_features = categorical_features
        self.owner = owner
        self.names: list[str] | None = None
        self.categories: dict[str, list[Any]] = {}

    def fit(self, X: Any) -> "CategoryEncoder":
        """Learn the categories of each column of DataFrames."""
        self.names = list(X[0].columns) if is_list_of_frames(X) else None
        if self.names is None or self.categorical_features is None:
            return self
        frames = _read_frames(X)
        for name in self._choose_columns(frames[0]):
            found = set().union(*(set(_get_values(frame, name)) for frame in frames))
            self.categories[name] = sorted(found, key=lambda value: (str(value), value))
        return self

    @property
    def has_columns(self) -> bool:
        """Whether any column holds categories."""
        given = self.categorical_features
        if given is None or isinstance(given, str):
            return bool(self.categories)
        return len(_check_one_dimensional(given, self.owner)) > 0

    def transform(self, X: Any) -> Any:
        """Return X; of DataFrames, with numbers in place of categories."""
        if not self.categories or not is_list_of_frames(X):
            return X
        nw = import_narwhals()
        frames = _read_frames(X)
        for name, categories in self.categories.items():
            codes = {value: code for code, value in enumerate(categories)}
            frames = [
                frame.with_columns(
                    nw.new_series(
                        name,
                        [float(codes.get(v, -1)) for v in _get_values(frame, name)],
                        nw.Float64,
                        backend=frame.implementation,
                    )
                )
                for frame in frames
                if name in frame.columns
            ]
        return [frame.to_native() for frame in frames]

    def find_columns(self, n_features: int) -> list[int]:
        """Return the positions of the columns that hold categories."""
        given = self.categorical_features
        if given is None:
            return []
        if isinstance(given, str):  # "from_dtype"
            return [(self.names or []).index(name) for name in self.categories]
        return _find_positions(given, self.names, n_features, self.owner)

    def _choose_columns(self, frame: Any) -> list[str]:
        if isinstance(self.categorical_features, str):
            nw = import_narwhals()
            kinds = nw.Categorical, nw.Enum
            return [n for n, dtype in frame.schema.items() if dtype in kinds]
        names = frame.columns
        positions = _find_positions(
            self.categorical_features, names, len(names), self.owner
        )
        return [names[j] for j in positions]


def _read_frames(X: list[Any]) -> list[Any]:
    nw = import_narwhals()
    return [nw.from_native(frame, eager_only=True) for frame in X]


def _get_values(frame: Any, name: str) -> list[Any]:
    """Return the values of a column, a missing one as None."""
    return [None if v is None or v != v else v for v in frame[name].to_list()]


def _find_positions(
    given: ArrayLike, names: list[str] | None, n_features: int, owner: str
) -> list[int]:
    """Return positions of columns that are given by name, position or mask."""
    columns = _check_one_dimensional(given, owner)
    if columns.dtype == bool and len(columns) == n_features:
        return np.flatnonzero(columns).tolist()
    if columns.dtype.kind in "iu":
        if ((columns >= 0) & (columns < n_features)).all():
            return sorted(set(columns.tolist()))
    elif columns.dtype.kind in "UO" and names is not None:
        if set(columns.tolist()) <= set(names):
            return sorted(names.index(name) for name in set(columns.tolist()))
    elif columns.size == 0:
        return []
    known = f"names among {names}, " if names is not None else ""
    raise ValueError(
        f"The 'categorical_features' parameter of {owner} must be 'from_dtype', None, "
        f"{known}positions from 0 to {n_features - 1}, or a mask of {n_features} "
        f"booleans. Got {given!r} instead."
    )


def _check_one_dimensional(given: Any, owner: str) -> NDArray:
    """Return names, positions or a mask as an array."""
    is_list = isinstance(given, list | tuple | np.ndarray) or hasattr(given, "to_numpy")
    columns: NDArray = np.asarray(given if is_list else None)
    if columns.ndim != 1:
        raise ValueError(
            f"The 'categorical_features' parameter of {owner} must be 'from_dtype', "
            "None, or a list or 1-D array of names, positions or booleans. Got "
            f"{given!r} instead."
        )
    return columns
