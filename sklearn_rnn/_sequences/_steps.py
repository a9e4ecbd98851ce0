"""Input validation of values at every step: y of a tagger, weights of steps.

Whatever the container, they leave as one array of all steps and offsets.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray, lengths_to_offsets
from sklearn_rnn._sequences._validation import read_argument


def check_step_targets(y: Any, name: str = "y") -> tuple[NDArray, NDArray[np.int64]]:
    """Read values that stand at every step of every sequence.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, n_columns), \
            RaggedArray, or list of array-like of shape (n_steps_i,) or (n_steps_i, \
            n_columns)
        Labels, numbers, or columns of them.
    name : str, default="y"
        What error messages call y.

    Returns
    -------
    values : ndarray of shape (n_steps_total,) or (n_steps_total, n_columns)
        All steps end to end.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.

    Raises
    ------
    ValueError, TypeError
        If y is not a sequence of values for each sample.
    """
    if isinstance(y, RaggedArray):
        values = y.values[y.offsets[0] : y.offsets[-1]]
        columns = values[:, 0] if values.shape[1] == 1 else values
        return columns, y.offsets - y.offsets[0]
    if isinstance(y, str | bytes | dict | set) or not hasattr(y, "__len__"):
        raise TypeError(f"{name} must be {_ACCEPTED} Got {type(y).__name__} instead.")
    y = read_argument(y, name)
    if hasattr(y, "to_numpy"):  # Series, DataFrame
        y = y.to_numpy()
    if len(y) == 0:
        raise ValueError(f"{name} has 0 samples while a minimum of 1 is required.")
    _refuse_masked(y, name)
    if isinstance(y, np.ndarray) and y.dtype != object and y.ndim in (2, 3):
        offsets = np.arange(len(y) + 1, dtype=np.int64) * y.shape[1]
        return _check_values(y.reshape(-1, *y.shape[2:]), name, y[0]), offsets
    arrays = [_read_sequence(sequence, i, name) for i, sequence in enumerate(y)]
    _check_columns(arrays, name)
    offsets = lengths_to_offsets([len(array) for array in arrays])
    if any(array.dtype.kind in "US" for array in arrays):
        kinds = {"text" if a.dtype.kind in "US" else "numbers" for a in arrays}
        if len(kinds) > 1:
            raise ValueError(f"{name} mixes text and numbers: {_ACCEPTED}")
    return np.concatenate(arrays), offsets


_ACCEPTED = (
    "a sequence of labels or numbers for each sample, one a step: a list of lists or "
    "arrays, a 2-D array (n_samples, n_steps), an object array, a Series of lists, or "
    "a RaggedArray."
)


def _read_sequence(sequence: Any, i: int, name: str) -> NDArray:
    if isinstance(sequence, str | bytes) or not hasattr(sequence, "__len__"):
        raise ValueError(
            f"{name} must be {_ACCEPTED} Got {sequence!r} for {name}[{i}]. For one "
            "answer a sequence there are RNNClassifier and RNNRegressor."
        )
    _refuse_masked(sequence, f"{name}[{i}]")
    if len(sequence) == 0:
        raise ValueError(f"{name}[{i}] is empty; each sequence has at least one step.")
    try:
        array = np.asarray(sequence)
    except ValueError as error:
        raise ValueError(f"{name}[{i}] is not an array: {error}") from error
    return _check_values(array, f"{name}[{i}]", sequence)


def _check_values(array: NDArray, name: str, sequence: Sequence[Any]) -> NDArray:
    """Return labels or numbers as an array of one type."""
    if array.dtype == object:
        kinds = {isinstance(value, str) for value in array.flat}
        if kinds == {True}:
            array = array.astype(str)
        elif kinds == {False}:
            array = _to_numbers(array, name)
        else:
            raise ValueError(f"{name} mixes text and other values.")
    elif array.dtype.kind in "US" and not all(
        isinstance(value, str | bytes) for value in np.ravel(np.asarray(sequence, "O"))
    ):
        raise ValueError(f"{name} mixes text and other values.")
    if array.dtype.kind in "cmMV":
        raise ValueError(f"{name} must hold labels or numbers. Got {array.dtype}.")
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (n_steps,) or (n_steps, n_columns). Got shape "
            f"{array.shape}."
        )
    return array


def _to_numbers(array: NDArray, name: str) -> NDArray:
    if "pandas" in sys.modules:  # its NA is no float
        array = np.where(sys.modules["pandas"].isna(array), np.nan, array)
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold labels or numbers: {error}") from error
    if all(isinstance(value, bool | np.bool_) for value in array.flat):
        return array.astype(bool)
    return numbers


def _check_columns(arrays: list[NDArray], name: str) -> None:
    shape = arrays[0].shape[1:]
    for i, array in enumerate(arrays):
        if array.shape[1:] != shape:
            raise ValueError(
                f"{name}[{i}] has steps of shape {array.shape[1:]}, but {name}[0] has "
                f"steps of shape {shape}."
            )


def _refuse_masked(values: Any, name: str) -> None:
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked values, which would be lost.")
