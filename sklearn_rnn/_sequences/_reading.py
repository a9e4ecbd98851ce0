"""Containers of sequences: their kind, and their steps end to end.

There are two kinds:

- a *table*, (n_samples, n_steps): one variable, a column a step, of fixed width;
- *sequences*: 3-D arrays, lists of arrays, RaggedArray, jagged tensors.
"""

import numbers
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sklearn_rnn._sequences._containers import is_object_array, read_container
from sklearn_rnn._sequences._ragged import RaggedArray, lengths_to_offsets

_ACCEPTED = (
    "{name} must be a 2-D array or DataFrame (n_samples, n_steps), a 3-D array "
    "(n_samples, n_steps, n_features), or ragged: a RaggedArray or a list of arrays of "
    "shape (n_steps_i, n_features) or (n_steps_i,)."
)
_FOR_TEXT = "For text, put sklearn_rnn.preprocessing.SequenceTokenizer in front."
_FOR_LONG_TABLES = (
    "For a table with a row for each step, put sklearn_rnn.preprocessing."
    "SequenceBuilder in front."
)


def read_argument(value: Any, name: str = "X") -> Any:
    """Take X, y or weights out of tensors, and refuse what NumPy would misread.

    Parameters
    ----------
    value : object
        As an estimator got it.
    name : str, default="X"
        Name in error messages.

    Returns
    -------
    value : object
        Without tensors, masked values and lists that contain themselves.

    Raises
    ------
    ValueError, TypeError
        If it has such, or tensors that NumPy cannot hold.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return read_container(value, name)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        raise TypeError(
            f"{name} is a PackedSequence. Pass the list of tensors that it was made of,"
            " or RaggedArray.from_padded(*pad_packed_sequence(X, batch_first=True))."
        )
    if isinstance(value, torch.Tensor) and value.is_nested:
        return _read_nested_tensor(value, name)
    return read_container(value, name)


def list_objects(X: Any) -> Any:
    """Return X; of a 1-D array or Series of sequences, a list of them."""
    if is_object_array(X) and X.ndim == 1 and any(map(_is_sequence, X)):
        return list(X)
    return X


def is_list_of_frames(X: Any) -> bool:
    """Whether X is a list of DataFrames, one a sequence."""
    return (
        isinstance(X, list | tuple)
        and len(X) > 0
        and all(hasattr(x, "columns") for x in X)
    )


def _accepted(name: str) -> str:
    return _ACCEPTED.format(name=name)


def _read_nested_tensor(tensor: Any, name: str) -> RaggedArray | list[NDArray]:
    torch = sys.modules["torch"]
    is_block = tensor.layout is torch.jagged and tensor.lengths() is None  # no holes
    if not is_block or tensor.dim() > 3:
        return read_container(list(tensor.unbind()), name)
    return RaggedArray(read_container(tensor.values(), name), tensor.offsets())


def refuse_containers(X: Any, name: str) -> None:
    if issparse(X) or (
        isinstance(X, list | tuple)
        and any(issparse(x) for x in X if type(x) is not np.ndarray)
    ):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use "
            "'.toarray()' to convert to dense."
        )
    if isinstance(X, str | bytes | dict | set):
        raise TypeError(f"{_accepted(name)} Got {type(X).__name__} instead.")


def read_steps(X: Any, expects_table: bool | None, name: str) -> RaggedArray | None:
    """Return the steps end to end, or None if X is a table.

    `expects_table` is None if either kind is welcome.
    """
    if isinstance(X, RaggedArray):
        return RaggedArray(X.values, X.offsets)  # checked once more, without a copy
    if isinstance(X, list | tuple):
        return _list_as_sequences(X, expects_table, name)
    if hasattr(X, "columns") and expects_table is not False:
        if len(X.columns) == 0:
            raise ValueError(
                f"Found {name} with 0 feature(s) (shape={X.shape}) while a minimum of "
                "1 is required."
            )
        refuse_dates(X, name)
        return None  # a DataFrame: its columns have names to check
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    if array.dtype == object and array.ndim == 1 and any(map(_is_sequence, array)):
        return _list_as_sequences(list(array), expects_table, name)
    if array.ndim == 3:
        return cube_to_steps(array, name)
    if array.ndim > 3:
        raise ValueError(
            f"Found array with dim {array.ndim}, of shape {array.shape}. "
            + _accepted(name)
        )
    if array.ndim < 2:
        raise _too_few_dimensions(X, array, name)
    if expects_table is False:
        refuse_column(array, name)
        return cube_to_steps(array[:, :, np.newaxis], name)
    return None


def refuse_column(array: NDArray, name: str = "X") -> None:
    """Refuse a column of numbers where a row is a sequence: it may be one sequence.

    Complex numbers, which have an error of their own, pass.
    """
    if array.shape[1] == 1 and len(array) > 1 and not np.iscomplexobj(array):
        raise ValueError(
            f"{name} has shape {array.shape}: {len(array)} sequences of one step, with "
            f"1 feature(s). For one sequence pass [{name}]; for these a 3-D array."
        )


def _too_few_dimensions(X: Any, array: NDArray, name: str) -> ValueError | TypeError:
    accepted = _accepted(name)
    if array.ndim == 0 and (X is None or array.dtype == object):
        got = "None" if X is None else type(X).__name__
        return TypeError(f"{accepted} Got {got} instead.")
    if array.ndim == 1 and any(isinstance(x, str) for x in array):
        return ValueError(f"{accepted} Got strings instead. {_FOR_TEXT}")
    got = "a scalar" if array.ndim == 0 else f"1-D data of shape {array.shape}"
    return ValueError(
        f"{accepted} Got {got}, {type(X).__name__}, instead. Reshape your data: "
        f"{name}.reshape(1, -1) is one sequence of one variable, {name}.reshape(-1, 1) "
        "are sequences of one step."
    )


def cube_to_steps(array: NDArray, name: str) -> RaggedArray:
    n_samples, n_steps, n_features = array.shape
    if n_samples == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 "
            "is required."
        )
    if n_steps == 0 or n_features == 0:
        what = "step(s)" if n_steps == 0 else "feature(s)"
        raise ValueError(
            f"Found array with 0 {what} (shape={array.shape}) while a minimum of 1 is "
            "required."
        )
    array = as_numbers(array, name)
    offsets = np.arange(n_samples + 1, dtype=np.int64) * n_steps
    return RaggedArray._from_validated(array.reshape(-1, n_features), offsets)


def _list_as_sequences(
    X: Any, expects_table: bool | None, name: str
) -> RaggedArray | None:
    if len(X) == 0:
        raise ValueError(
            f"Found {name} with 0 sample(s) while a minimum of 1 is required. "
            + _accepted(name)
        )
    if not any(_is_sequence(x) for x in X):
        raise _too_few_dimensions(X, np.asarray(X, dtype=object), name)
    for i, x in enumerate(X):
        if not _is_sequence(x):
            raise TypeError(
                f"{name}[{i}] is not a sequence but {_short(x)}; every element of a "
                f"ragged {name} must be an array of shape (n_steps_i, n_features) or "
                "(n_steps_i,)."
            )
    if expects_table is not False and _is_table(X):
        return None
    arrays = [_sequence_as_array(x, f"{name}[{i}]") for i, x in enumerate(X)]
    # an empty sequence has no features to compare
    filled = {i: array for i, array in enumerate(arrays) if len(array)}
    n_features = {a.shape[1] for a in filled.values()}
    if len(n_features) > 1:
        first = min(filled)
        width = filled[first].shape[1]
        i = next(i for i, a in filled.items() if a.shape[1] != width)
        raise ValueError(
            f"{name}[{i}] has {arrays[i].shape[1]} features, but {name}[{first}] has "
            f"{width}: all sequences must have the same features, and shape "
            "(n_steps_i, n_features)."
        )
    offsets = lengths_to_offsets([len(a) for a in arrays])
    values = np.concatenate(list(filled.values()) or arrays[:1])
    return RaggedArray._from_validated(values, offsets)


def _is_table(X: Any) -> bool:
    """Whether a list is a table: rows of numbers, all of one length."""
    rows_of_numbers = all(
        isinstance(x, list | tuple) and x and isinstance(x[0], numbers.Number | str)
        for x in X
    )
    return rows_of_numbers and len({len(x) for x in X}) == 1


def _is_sequence(x: Any) -> bool:
    if type(x) is np.ndarray:
        return x.ndim > 0
    if isinstance(x, str | bytes | dict | set):
        return False
    return hasattr(x, "__len__") or getattr(x, "ndim", 0) > 0


def _sequence_as_array(x: Any, name: str) -> NDArray:
    if type(x) is np.ndarray and x.ndim == 2 and x.dtype.kind in "fiub" and x.size:
        return x  # what most are
    if hasattr(x, "columns"):
        refuse_dates(x, name)
    x = read_container(x, name)  # out of a Series, say
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of different widths
        raise ValueError(
            f"{name} is not an array of shape (n_steps_i, n_features): {error}"
        ) from error
    array = as_numbers(array, name)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(
            f"{name} has {array.ndim} dimensions, of shape {array.shape}; it must have "
            "shape (n_steps_i, n_features) or (n_steps_i,)."
        )
    if array.shape[1] == 0:
        raise ValueError(f"{name} has 0 features; each step needs at least one.")
    return array


def as_numbers(array: NDArray, name: str = "X") -> NDArray:
    """Refuse whatever is no number; turn objects that are numbers into floats."""
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {array.dtype}.")
    if array.dtype.kind in "USMmV":
        raise ValueError(
            f"{name} must hold numbers. Got {array.dtype} instead. {_advise(name)}"
        )
    if array.dtype == object:
        if any(isinstance(v, str | bytes) for v in array.flat):
            raise ValueError(
                f"{name} must hold numbers. Got strings instead. {_advise(name)}"
            )
        if any(isinstance(v, complex | np.complexfloating) for v in array.flat):
            raise ValueError(f"Complex data not supported: {name} is complex.")
        if "pandas" in sys.modules:  # its NA is no float
            array = np.where(sys.modules["pandas"].isna(array), np.nan, array)
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must hold numbers: {error}") from error
        except OverflowError as error:
            raise ValueError(f"{name} has a value too large for float64.") from error
    return array


def _advise(name: str) -> str:
    if name.startswith("y"):
        return (
            "For labels there are RNNClassifier and RNNTagger; y.astype(float) "
            "converts numbers in strings."
        )
    return f"{_FOR_TEXT} {_FOR_LONG_TABLES}"


def refuse_dates(frame: Any, name: str) -> None:
    """Refuse a DataFrame of pandas or polars with a column of dates."""
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        is_temporal = getattr(dtype, "is_temporal", lambda: False)  # polars
        if getattr(dtype, "kind", "") == "M" or is_temporal():
            raise ValueError(
                f"{name} has dates in column {column!r}, which are no numbers. "
                f"{_FOR_LONG_TABLES} It sorts by time and counts from the first step. "
                "Or leave the column out."
            )


def refuse_unsorted_times(series: Any, name: str) -> None:
    """Refuse series of pandas, one or several, whose index has times out of order."""
    several = isinstance(series, list | tuple)
    for i, one in enumerate(series if several else [series]):
        index = getattr(one, "index", None)
        dtype = getattr(index, "dtype", None)
        is_temporal = getattr(dtype, "kind", "") in ("m", "M") or hasattr(dtype, "freq")
        if is_temporal and not index.is_monotonic_increasing:  # type: ignore[union-attr]
            which = f"{name}[{i}]" if several else name
            raise ValueError(
                f"The times in the index of {which} do not ascend, but steps are read "
                f"from the first row to the last: sort them with {which}.sort_index()."
            )


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 40 else text[:37] + "..."
