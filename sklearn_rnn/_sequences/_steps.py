"""Step targets: every container of one answer a step becomes values and offsets."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sklearn_rnn._sequences._ragged import RaggedArray, lengths_to_offsets
from sklearn_rnn._sequences._reading import read_argument

_ACCEPTED = (
    "{name} must be one sequence of labels or numbers a sample: a list, object array "
    "or Series of sequences of shape (n_steps_i,) or (n_steps_i, n_columns), a 2-D "
    "array (n_samples, n_steps), a 3-D array (n_samples, n_steps, n_columns) or a "
    "RaggedArray."
)


def check_step_targets(y: Any, name: str = "y") -> tuple[NDArray, NDArray[np.int64]]:
    """Validate one answer a step, and lay the steps of all sequences end to end.

    Parameters
    ----------
    y : array-like, RaggedArray, tensor, or list of them
        Labels (strings or numbers) or numbers: n_samples sequences of shape
        (n_steps_i,) or (n_steps_i, n_columns).
    name : str, default="y"
        Name of y in error messages.

    Returns
    -------
    values : ndarray of shape (n_total_steps,) or (n_total_steps, n_columns)
        Strings as ``str_``; booleans and numbers in their own type. A RaggedArray of
        one column has values of one dimension.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins in `values`.

    Raises
    ------
    TypeError
        If y is no container of sequences.
    ValueError
        If y is flat, all sequences are empty, one differs from the first in its number
        of columns, a value is missing, infinite or masked, or strings and numbers mix.
    """
    y = _to_container(y, name)
    if isinstance(y, RaggedArray):
        values = y.values[:, 0] if y.n_features == 1 else y.values
        lengths = y.lengths
    elif isinstance(y, np.ndarray):
        values = y.reshape(y.shape[0] * y.shape[1], *y.shape[2:])
        lengths = np.full(len(y), y.shape[1])
    else:
        arrays = _to_arrays(y, name)
        values = np.concatenate(arrays)
        lengths = np.array([len(a) for a in arrays])
    offsets = lengths_to_offsets(lengths)
    _check_sizes(lengths, name)
    if values.ndim == 2 and values.shape[1] == 0:
        raise ValueError(f"{name} has 0 columns; each step needs at least one.")
    return _check_values(values, offsets, name), offsets


def check_same_steps(
    offsets: NDArray[np.int64],
    other: NDArray[np.int64],
    names: tuple[str, str] = ("y_true", "y_pred"),
    items: str = "",
) -> None:
    """Raise ValueError if two sets of sequences differ in number or in a length.

    Parameters
    ----------
    offsets, other : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    names : tuple of str, default=("y_true", "y_pred")
        Names of both in error messages.
    items : str, default=""
        Name of what the second has at each step, such as "labels".
    """
    first, second = names
    if len(offsets) != len(other):
        raise ValueError(
            f"{first} has {len(offsets) - 1} sequences, but {second} has "
            f"{len(other) - 1}."
        )
    lengths, others = np.diff(offsets), np.diff(other)
    if (lengths != others).any():
        i = int((lengths != others).argmax())
        got = f"{others[i]} {items}".rstrip()
        raise ValueError(
            f"{first}[{i}] has {lengths[i]} steps, but {second}[{i}] has {got}."
        )


def check_step_weight(
    sample_weight: Any, offsets: NDArray[np.int64], name: str = "sample_weight"
) -> NDArray[np.float64] | None:
    """Validate weights a sequence or a step, and return one a step.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), ragged array-like, or None
        One weight a sequence, which all its steps get, or one a step.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    name : str, default="sample_weight"
        Name of the weights in error messages.

    Returns
    -------
    step_weight : ndarray of shape (n_total_steps,) or None
        Finite, not negative, not all zero. None if `sample_weight` is None.

    Raises
    ------
    ValueError, TypeError
        If a weight is negative, missing or infinite, all are zero, or lengths differ.
    """
    if sample_weight is None:
        return None
    if not is_ragged(sample_weight):
        weight = check_sequence_weight(sample_weight, len(offsets) - 1, name)
        return np.repeat(weight, np.diff(offsets))
    weight = read_step_weight(sample_weight, offsets, ("y", name))
    return _check_not_all_zero(weight, name)


def read_step_weight(
    sample_weight: Any, offsets: NDArray[np.int64], names: tuple[str, str]
) -> NDArray[np.float64]:
    """Return one weight a step, finite and not negative.

    Parameters
    ----------
    sample_weight : ragged array-like
        One weight a step.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    names : tuple of str
        Names of the sequences and the weights in error messages.
    """
    weight, own_offsets = check_step_targets(sample_weight, names[1])
    check_same_steps(offsets, own_offsets, names, "weights")
    if weight.ndim != 1 or weight.dtype.kind not in "biuf" or (weight < 0).any():
        raise ValueError(
            f"{names[1]} must have one weight >= 0 a sequence or a step. Got "
            f"{weight.dtype} of shape {weight.shape[1:]} a step"
            + (f", {weight.min()} among them." if weight.dtype.kind != "U" else ".")
        )
    return weight.astype(np.float64)


def check_sequence_weight(
    sample_weight: Any, n_samples: int, name: str = "sample_weight"
) -> NDArray[np.float64]:
    """Validate one weight a sequence, and return them as an array."""
    weight = np.asarray(read_argument(sample_weight, name))
    if weight.shape != (n_samples,):
        raise ValueError(
            f"{name} must have shape ({n_samples},), one weight a sequence. Got shape "
            f"{weight.shape} instead."
        )
    try:
        weight = weight.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from error
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"{name} must be finite and not negative.")
    return _check_not_all_zero(weight, name)


def _check_not_all_zero(weight: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    if not weight.any():
        raise ValueError(f"{name} must have at least one weight above 0.")
    return weight


# Which container is it? -------------------------------------------------------------


def _to_container(y: Any, name: str) -> RaggedArray | NDArray | list[Any]:
    """Return a RaggedArray, an array of two or three dimensions, or a list."""
    accepted = _ACCEPTED.format(name=name)
    y = read_argument(y, name)
    if isinstance(y, RaggedArray):
        return y
    if isinstance(y, str | bytes | dict | set) or y is None or issparse(y):
        raise TypeError(f"{accepted} Got {type(y).__name__} instead.")
    if np.ma.is_masked(y):
        raise ValueError(f"{name} has masked values, which would be lost.")
    if isinstance(y, list | tuple):
        return list(y)
    array = np.asarray(y)
    if array.ndim in (2, 3):
        return array
    if array.ndim == 1:
        return list(array)
    raise ValueError(
        f"{accepted} Got an array of {array.ndim} dimensions, {type(y).__name__}, "
        "instead."
    )


def list_sequences(y: Any, name: str) -> list[Any]:
    """Return the sequences of a container of them, not validated."""
    container = _to_container(y, name)
    if isinstance(container, RaggedArray) and container.n_features == 1:
        limits = container.offsets[1:-1]
        return np.split(container.values[:, 0], limits)
    return list(container)


def is_ragged(weight: Any) -> bool:
    """Whether weights are one a step: a container of sequences."""
    if isinstance(weight, RaggedArray):
        return True
    if isinstance(weight, list | tuple):
        return any(_is_sequence(w) for w in weight)
    array = np.asarray(read_argument(weight, "sample_weight"))
    return array.ndim > 1 or any(_is_sequence(w) for w in array.ravel()[:1])


def is_ragged_answer(y: Any) -> bool:
    """Whether y has one answer a step, and so is no array of answers to sequences."""
    if isinstance(y, RaggedArray):
        return True
    if isinstance(y, list | tuple):
        return len({len(item) if _is_sequence(item) else None for item in y}) > 1
    dtype = getattr(y, "dtype", None)
    holds_objects = isinstance(dtype, np.dtype) and dtype.kind == "O" and y.ndim == 1
    return holds_objects and any(map(_is_sequence, y))


def may_be_labels_of_steps(y: Any, X: RaggedArray) -> bool:
    """Whether y is a matrix with a column for each step of X, and of 0 and 1."""
    if X.common_length in (None, 1) or issparse(y):
        return False
    columns = np.asarray(y)
    wide = columns.ndim == 2 and columns.shape[1] == X.common_length
    return wide and bool(np.isin(columns, (0, 1)).all())


def _is_sequence(item: Any) -> bool:
    if isinstance(item, str | bytes | dict | set):
        return False
    return hasattr(item, "__len__") and getattr(item, "ndim", 1) > 0


def _to_arrays(y: list[Any], name: str) -> list[NDArray]:
    """Return the sequences of a list as arrays that can be concatenated."""
    accepted = _ACCEPTED.format(name=name)
    if not y:
        raise ValueError(f"Found {name} with 0 sample(s). {accepted}")
    if not any(map(_is_sequence, y)):
        what = "strings" if isinstance(y[0], str) else "scalars"
        raise ValueError(f"{accepted} Got a flat list of {what} instead.")
    for i, item in enumerate(y):
        if not _is_sequence(item):
            raise ValueError(
                f"{name}[{i}] is no sequence but {item!r}; {name} must be one sequence "
                "of labels or numbers a sample."
            )
    filled = {
        i: _to_array(item, f"{name}[{i}]") for i, item in enumerate(y) if len(item)
    }
    if not filled:
        return [np.empty(0)] * len(y)
    first = _check_alike(filled, name)
    return [filled.get(i, first[:0]) for i in range(len(y))]


def _to_array(item: Any, name: str) -> NDArray:
    if np.ma.is_masked(item):
        raise ValueError(f"{name} has masked values, which would be lost.")
    try:
        array = np.asarray(item)
    except ValueError as error:  # rows of different widths
        raise ValueError(
            f"{name} must have shape (n_steps,) or (n_steps, n_columns): {error}"
        ) from error
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (n_steps,) or (n_steps, n_columns). Got shape "
            f"{array.shape} instead."
        )
    if array.dtype.kind == "U" and type(item) is not np.ndarray:
        array = np.asarray(item, dtype=object)  # [1, "a"] became strings
    return _without_objects(array, name)


def _check_alike(arrays: dict[int, NDArray], name: str) -> NDArray:
    """Check that all sequences have the columns and the type of the first; return it.

    Keys are positions in y.
    """
    start, first = next(iter(arrays.items()))
    for i, array in arrays.items():
        if array.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"{name}[{i}] has shape {array.shape}, but {name}[{start}] has shape "
                f"{first.shape}: all sequences must have the same columns."
            )
        if (array.dtype.kind == "U") != (first.dtype.kind == "U"):
            strings, numbers = (i, start) if array.dtype.kind == "U" else (start, i)
            raise ValueError(
                f"{name}[{strings}] has strings, but {name}[{numbers}] has numbers: "
                "labels must be all of one type."
            )
    return first


# Are the values usable? -------------------------------------------------------------


def _check_sizes(lengths: NDArray, name: str) -> None:
    if len(lengths) == 0:
        raise ValueError(
            f"Found {name} with 0 sample(s) while a minimum of 1 is required."
        )
    if not lengths.any():
        raise ValueError(f"{name} has no steps: all of its sequences are empty.")


def _check_values(
    values: NDArray, offsets: NDArray[np.int64], name: str
) -> NDArray[Any]:
    values = _without_objects(values, name, offsets)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        what = "NaN" if np.isnan(values[row]).any() else "infinity"
        raise ValueError(f"{_place(row, offsets, name)}: {what} is no answer.")
    return values


def _without_objects(
    array: NDArray, name: str, offsets: NDArray[np.int64] | None = None
) -> NDArray:
    """Return strings, booleans, integers or floats; refuse all else."""
    if array.dtype.kind in "biufU":
        return array
    if array.dtype.kind == "T":
        return array.astype(str)
    if array.dtype != object:
        raise ValueError(
            f"{name} must hold strings, booleans or real numbers. Got "
            f"{array.dtype} instead."
        )
    for row, value in enumerate(array if array.ndim == 1 else map(tuple, array)):
        parts = value if isinstance(value, tuple) else (value,)
        if any(_is_missing(part) for part in parts):
            raise ValueError(f"{_place(row, offsets, name)}: a value is missing.")
    n_strings = sum(isinstance(value, str) for value in array.flat)
    if n_strings == array.size:
        return array.astype(str)
    if n_strings:
        raise ValueError(f"{name} mixes strings and numbers: use one type.")
    try:
        numbers = np.array(array.tolist())
    except ValueError:
        numbers = array
    if numbers.shape != array.shape or numbers.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must hold strings, booleans or real numbers. Got "
            f"{type(array.flat[0]).__name__} instead."
        )
    return numbers


def _is_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    is_na = pandas is not None and value is pandas.NA
    return is_na or value is None or (isinstance(value, float) and np.isnan(value))


def _place(row: int, offsets: NDArray[np.int64] | None, name: str) -> str:
    if offsets is None:
        return f"{name}, step {row}"
    i = int(np.searchsorted(offsets, row, side="right")) - 1
    return f"{name}[{i}], step {row - offsets[i]}"
