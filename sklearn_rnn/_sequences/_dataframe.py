"""Long tables, a row a step: their columns as arrays, and the order of their rows.

narwhals reads the tables, whatever library they are of.
"""

from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal
from numbers import Real
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._reading import as_numbers


def import_narwhals() -> ModuleType:
    """Return narwhals, or raise an error on how to install it."""
    try:
        import narwhals.stable.v2 as nw
    except ImportError as error:
        raise ImportError(
            "Tables are read with narwhals: pip install 'sklearn-rnn[dataframe]'."
        ) from error
    return nw


def to_pandas(values: NDArray, names: Sequence[str]) -> Any:
    """Return a table as a DataFrame of pandas, with names of its columns."""
    nw = import_narwhals()
    return nw.from_numpy(values, schema=list(names), backend="pandas").to_native()


# Reading ---------------------------------------------------------------------------


def read_table(X: Any) -> Any:
    """Return X as a DataFrame of narwhals."""
    try:
        table = import_narwhals().from_native(X, eager_only=True)
    except TypeError as error:
        hint = " Collect it first." if hasattr(X, "collect") else ""
        raise TypeError(
            "X must be a DataFrame of pandas or polars or a Table of pyarrow, a row a "
            f"step. Got {type(X).__name__} instead.{hint}"
        ) from error
    for name in table.columns:
        if not isinstance(name, str):
            raise TypeError(
                "Names of columns must be strings, as X.columns.astype(str) makes them "
                f"in pandas. Got {name!r} in {table.columns} instead."
            )
    if len(table) == 0:
        raise ValueError("Found X with 0 row(s) while a minimum of 1 is required.")
    return table


def get_column(table: Any, name: str) -> Any:
    """Return a column, or raise an error that lists the columns."""
    if name in table.columns:
        return table[name]
    message = f"X has no column {name!r}. Its columns are {table.columns}."
    if name in getattr(getattr(table.to_native(), "index", None), "names", ()):
        message += " An index is no column: X.reset_index() makes it one."
    raise ValueError(message)


def get_present(table: Any, name: str, why: str) -> NDArray:
    """Return the values of a column in which none may be missing."""
    column = get_column(table, name)
    values = column.to_numpy()
    missing = column.is_null().to_numpy()
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
    if missing.any():
        raise ValueError(
            f"Column {name!r} is missing in {missing.sum()} row(s), the first of them "
            f"row {missing.argmax()}. {why}"
        )
    return values


def is_numeric(column: Any) -> bool:
    """Whether a column holds numbers or booleans, also as objects, or nothing."""
    nw = import_narwhals()
    if column.dtype in (nw.Object, nw.Unknown, nw.String):
        present = column.drop_nulls().to_list()
        return all(isinstance(v, Real | Decimal | np.bool_) for v in present)
    return column.dtype == nw.Boolean or column.dtype.is_numeric()


def type_of(column: Any) -> str:
    """Return the type of a column as its own library calls it."""
    native = column.to_native()
    return str(getattr(native, "dtype", None) or native.type)


def check_numeric(column: Any) -> None:
    """Refuse a feature that is no number."""
    if not is_numeric(column):
        raise ValueError(
            f"Column {column.name!r} must hold numbers to be a feature. Got type "
            f"{type_of(column)} instead. Encode it in the table first, for instance "
            "with sklearn.preprocessing.OrdinalEncoder; in a pipeline, "
            "Stepwise(ColumnTransformer(...)) makes one-hot columns of the codes."
        )


def to_floats(column: Any) -> NDArray:
    """Return numbers, missing ones as NaN: float32 if they are that, else float64."""
    check_numeric(column)
    nw = import_narwhals()
    if column.dtype in (nw.Object, nw.Unknown, nw.String):
        present = ~column.is_null().to_numpy()
        values = np.full(len(column), np.nan)
        values[present] = as_numbers(column.to_numpy()[present])
        return values
    if column.dtype != nw.Float32:
        column = column.cast(nw.Float64)
    return column.to_numpy()


def to_times(table: Any, name: str) -> NDArray:
    """Return times as numbers, as datetime64 (of zones: in UTC) or as timedelta64."""
    values = get_present(
        table, name, "A step needs its time: drop such rows, or fill the times."
    )
    nw, column = import_narwhals(), table[name]
    if column.dtype in (nw.Date, nw.Datetime, nw.Duration):
        return values
    objects = column.dtype in (nw.Object, nw.Unknown)
    if objects and all(isinstance(v, date) for v in values):
        return _dates_to_times(values, name)
    if column.dtype != nw.Boolean and is_numeric(column):
        return to_floats(column) if values.dtype == object else values
    raise ValueError(
        f"Column {name!r} must hold numbers, dates or durations to sort by. Got "
        f"{type_of(column)} instead. Parse it first, for instance with "
        "pandas.to_datetime."
    )


def _dates_to_times(values: NDArray, name: str) -> NDArray:
    """Bring dates as objects, perhaps of several time zones, to UTC."""
    aware = [getattr(v, "tzinfo", None) is not None for v in values]
    if any(aware) and not all(aware):
        raise ValueError(
            f"Column {name!r} has times with a time zone (row {aware.index(True)}) and "
            f"without (row {aware.index(False)}), which have no order. Give a zone to "
            "all of them, or to none."
        )
    if any(aware):
        return np.array(
            [v.astimezone(UTC).replace(tzinfo=None) for v in values], "datetime64[us]"
        )
    return values.astype("datetime64[us]")


# Sorting ---------------------------------------------------------------------------


def number_ids(values: NDArray, name: str) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the different ids, sorted, and for each row the number of its id."""
    if values.dtype != object:
        return np.unique(values, return_inverse=True)
    try:
        ids = sorted(set(values))
    except TypeError as error:
        raise ValueError(
            f"Column {name!r} has ids that cannot be sorted: {error}. Make them all "
            "strings, or all numbers."
        ) from error
    numbers = {id: number for number, id in enumerate(ids)}
    codes = np.fromiter(map(numbers.__getitem__, values), np.int64, len(values))
    return np.fromiter(ids, dtype=object, count=len(ids)), codes


def sort_rows(codes: NDArray, times: NDArray | None) -> NDArray[np.int64]:
    """Return the rows by sequence, then by time; without times in their own order."""
    if times is None:
        return np.argsort(codes, kind="stable")
    return np.lexsort((times, codes))


def check_distinct(
    times: NDArray, ids: NDArray, codes: NDArray, order: NDArray, name: str
) -> None:
    """Refuse two rows of a sequence at the same time."""
    codes, times = codes[order], times[order]
    same = (codes[1:] == codes[:-1]) & (times[1:] == times[:-1])
    if same.any():
        at = int(same.argmax())
        raise ValueError(
            f"Sequence {show(ids[codes[at]])} has two rows at time {show(times[at])}: "
            f"rows {order[at]} and {order[at + 1]}, column {name!r}; X has "
            f"{same.sum()} such pair(s). Drop or merge duplicates first. If both are "
            "steps, sort X yourself and set time=None: rows then keep their order."
        )


def first_of_each(
    values: NDArray, ids: NDArray, codes: NDArray, offsets: NDArray, name: str
) -> NDArray:
    """Return the value of each sequence, which must be the same in all of its rows."""
    order = sort_rows(codes, None)
    first = values[order[offsets[:-1]]]
    differs = values[order] != first[codes[order]]
    if differs.any():
        row = order[differs.argmax()]
        i = codes[row]
        raise ValueError(
            f"Column {name!r} is not constant in sequence {show(ids[i])}: it has "
            f"{show(first[i])} and {show(values[row])}. A target is one value for each "
            "sequence."
        )
    return first


def show(value: Any) -> str:
    """Return a value as an error message has it: 3 and not np.int64(3)."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    return repr(value.item() if isinstance(value, np.generic) else value)
