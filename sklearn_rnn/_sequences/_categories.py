"""Columns of categories among the columns of numbers."""

from numbers import Number
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_rnn._sequences._containers import errors_that_name
from sklearn_rnn._sequences._dataframe import import_narwhals, type_of
from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._sequences._reading import is_list_of_frames, list_objects
from sklearn_rnn.utils import (
    Kind,
    list_of,
    optional,
    read_state,
    warn_once_in_search,
)

_UNSEEN = -1.0  # the vocabulary has no such code
_CATEGORICAL = ("categor", "enum", "dictionary")  # of pandas, polars, pyarrow
_STATE = {
    "names": optional(list_of(Kind("a name", lambda v, s: _is_plain(v)))),
    "categories": Kind(
        "a dict of names and lists of their different categories",
        lambda v, s: (
            isinstance(v, dict)
            and set(v) <= set(s["names"] or [])
            and all(map(_are_categories, v.values()))
        ),
    ),
}


def _are_categories(value: Any) -> bool:
    plain = isinstance(value, list) and all(map(_is_plain, value))
    return plain and len(set(value)) == len(value) > 0


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | Number | np.generic)


class CategoryEncoder:
    """Turn categories in the columns of DataFrames into numbers, as they are in fit.

    Columns are found by name in each DataFrame, and values by equality, whatever the
    dtype: strings may stand for the categories of a categorical column. Other
    containers hold numbers already, and pass through if `fit` saw such.

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
        if isinstance(X, RaggedArray):
            self.names = None if X.feature_names is None else list(X.feature_names)
            return self
        X = list_objects(X)
        if not is_list_of_frames(X):
            return self
        self.names = list(X[0].columns)
        if self._may_find_columns(X):
            with errors_that_name("X"):
                tables = _read_tables(X)
                self.categories = {
                    name: _find_categories(_get_columns(tables, name))
                    for name in self._choose_columns(tables)
                }
        return self

    def to_state(self) -> dict[str, Any]:
        """Return what was learned, as plain values."""
        return {"names": self.names, "categories": self.categories}

    @classmethod
    def from_state(
        cls, state: Any, categorical_features: Any, owner: str
    ) -> "CategoryEncoder":
        """Return the encoder of a state, or raise ValueError."""
        encoder = cls(categorical_features, owner)
        encoder.names, encoder.categories = read_state(state, "CategoryEncoder", _STATE)
        return encoder

    @property
    def has_columns(self) -> bool:
        """Whether any column holds categories."""
        return bool(self.categories) or self._are_given

    @property
    def _are_given(self) -> bool:
        """Whether columns are given by name, position or mask."""
        given = self.categorical_features
        if given is None or isinstance(given, str):  # "from_dtype"
            return False
        return len(_check_one_dimensional(given, self.owner)) > 0

    def _may_find_columns(self, frames: list[Any]) -> bool:
        """Whether it takes narwhals, an optional dependency, to find out."""
        by_dtype = isinstance(self.categorical_features, str)
        return self._are_given or (by_dtype and any(map(_may_have_categories, frames)))

    def transform(self, X: Any, name: str = "X") -> Any:
        """Return X; of DataFrames, with numbers in place of categories.

        Error messages refer to X as `name`.
        """
        if not self.categories:
            return X
        X = list_objects(X)
        if not is_list_of_frames(X):
            _raise_no_frames(X, list(self.categories), name)
        with errors_that_name(name):
            tables = _read_tables(X)
            for column, categories in self.categories.items():
                columns = _get_columns(tables, column, name)
                codes = _encode_columns(columns, categories, name)
                tables = [t.with_columns(c) for t, c in zip(tables, codes, strict=True)]
        return [table.to_native() for table in tables]

    def find_columns(self, n_features: int) -> list[int]:
        """Return the positions of the columns that hold categories."""
        given = self.categorical_features
        if given is None:
            return []
        if isinstance(given, str):  # "from_dtype"
            return [(self.names or []).index(name) for name in self.categories]
        return _find_positions(given, self.names, n_features, self.owner)

    def warn_of_means(self, known: dict[int, NDArray]) -> None:
        """Warn of codes with a fraction among whole ones, such as means of codes.

        Parameters
        ----------
        known : dict of ndarray
            Different values of each column that holds categories, by its position.
        """
        if self.categories:  # of DataFrames: the codes were made here
            return
        for column, values in known.items():
            fractions = values[values != np.floor(values)]
            # sizes such as 38, 38.5 and 39 are no codes
            if 0 < 2 * len(fractions) < len(values) and values[0] <= 1:
                warn_once_in_search(
                    f"Feature {column} of X, a column of categories, has the value "
                    f"{fractions[0]:.6g} among whole numbers: a mean of codes is no "
                    "category. Give missing categories a code of their own, such as "
                    "OrdinalEncoder(encoded_missing_value=-1), and with GapEncoder in "
                    "front, encode the other columns alone: GapEncoder(columns=[...]).",
                    UserWarning,
                    kind="means of codes",
                    stacklevel=8,
                )

    def _choose_columns(self, tables: list[Any]) -> list[str]:
        names = tables[0].columns
        if isinstance(self.categorical_features, str):  # "from_dtype"
            chosen = _find_categorical(tables)
        else:
            given = self.categorical_features
            positions = _find_positions(given, names, len(names), self.owner)
            chosen = [names[j] for j in positions]
        for name in chosen:
            if not isinstance(name, str):
                raise TypeError(
                    "Columns of categories need strings for names, as "
                    "X[i].columns.astype(str) makes them in pandas. Got "
                    f"{name!r} in {names} instead."
                )
        return chosen


# Which columns hold categories? -----------------------------------------------------


def list_categorical_columns(X: Any) -> list[Any]:
    """Return the columns of pandas or polars DataFrames with a categorical dtype."""
    X = list_objects(X)
    if not is_list_of_frames(X):
        return []
    return [
        name
        for name, dtype in zip(X[0].columns, getattr(X[0], "dtypes", ()), strict=False)
        if str(dtype).lower().startswith(_CATEGORICAL)
    ]


def _may_have_categories(frame: Any) -> bool:
    """Whether a DataFrame, of whatever library, seems to have a categorical dtype."""
    if not hasattr(frame, "dtypes"):
        return True
    return any(str(dtype).lower().startswith(_CATEGORICAL) for dtype in frame.dtypes)


def _find_categorical(tables: list[Any]) -> list[str]:
    """Return the columns that have a categorical dtype, as they must in all tables."""
    nw = import_narwhals()
    kinds = nw.Categorical, nw.Enum
    schemas = [table.schema for table in tables]
    # a dict: each name once, in the order of the columns
    found = {n: None for s in schemas for n, dtype in s.items() if dtype in kinds}
    for name in found:
        columns = _get_columns(tables, name)
        is_kind = [column.dtype in kinds for column in columns]
        if not all(is_kind):
            i, j = is_kind.index(False), is_kind.index(True)
            raise ValueError(
                f"X[{i}] has {type_of(columns[i])} in the column {name!r}, but X[{j}] "
                f"has {type_of(columns[j])}. Cast it to a categorical dtype in all "
                "DataFrames, or name it in the parameter 'categorical_features'."
            )
    return list(found)


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


# Values and codes -------------------------------------------------------------------


def _read_tables(frames: list[Any]) -> list[Any]:
    nw = import_narwhals()
    return [nw.from_native(frame, eager_only=True) for frame in frames]


def _get_columns(tables: list[Any], column: str, name: str = "X") -> list[Any]:
    """Return one column of all tables."""
    for i, table in enumerate(tables):
        if column not in table.columns:
            raise ValueError(
                f"{name}[{i}] lacks the column {column!r}: all DataFrames must have "
                "the same columns as in fit, in the same order."
            )
    return [table.get_column(column) for table in tables]


def _get_values(column: Any) -> list[Any]:
    """Return the values of a column, a missing one as None."""
    return [None if v is None or v != v else v for v in column.to_list()]


def _find_categories(columns: list[Any]) -> list[Any]:
    found = set().union(*map(_get_values, columns))
    return sorted(found, key=lambda value: (str(value), type(value).__name__))


def _encode_columns(columns: list[Any], categories: list[Any], name: str) -> list[Any]:
    """Return one column of all tables with the positions of its categories."""
    codes = {value: float(code) for code, value in enumerate(categories)}
    return [_encode_column(c, codes, f"{name}[{i}]") for i, c in enumerate(columns)]


def _encode_column(column: Any, codes: dict[Any, float], place: str) -> Any:
    nw = import_narwhals()
    values = _get_values(column)
    unseen = [v for v in values if v is not None and v not in codes]
    known = {_kind_of(v) for v in codes if v is not None} if unseen else set()
    for value in unseen:  # numbers in place of strings would all be unseen, unnoticed
        if known and _kind_of(value) not in known:
            raise ValueError(
                f"{place} has {value!r} in the column {column.name!r}, but in fit its "
                f"categories were {' and '.join(sorted(known))}."
            )
    numbers = [codes.get(value, _UNSEEN) for value in values]
    return nw.new_series(
        column.name, numbers, nw.Float64, backend=column.implementation
    )


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return "strings"
    return "numbers" if isinstance(value, Number) else f"{type(value).__name__} objects"


def _raise_no_frames(X: Any, columns: list[str], name: str) -> NoReturn:
    got = type(X).__name__
    if isinstance(X, list | tuple):
        others = [i for i, x in enumerate(X) if not hasattr(x, "columns")]
        got = (
            f"{type(X[others[0]]).__name__} as {name}[{others[0]}]" if others else "[]"
        )
    raise TypeError(
        f"{name} must be a list of DataFrames, one a sequence: in fit the categories "
        f"of {columns} were learned from DataFrames. Got {got} instead."
    )
