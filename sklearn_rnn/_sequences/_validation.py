"""The only door through which X comes in.

Whatever the container, X leaves as a RaggedArray: `check_sequences`, for estimators,
gives finite float32 steps, or int64 token ids; `check_floats`, for transformers, floats
that may be NaN; `check_layout` leaves the values as they are. There are two kinds of X,
and what was fitted on one kind is checked against it:

- a *table*, (n_samples, n_steps): one variable, a column a step, of fixed width;
- *sequences*: 3-D arrays, lists of arrays, RaggedArray, jagged tensors.
"""

import numbers
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklearn_rnn._sequences._containers import (
    errors_that_name,
    is_object_array,
    read_container,
)
from sklearn_rnn._sequences._ragged import (
    RaggedArray,
    TokenIds,
    first_place,
    lengths_to_offsets,
)
from sklearn_rnn.utils import check_feature_names

_ACCEPTED = (
    "X must be a 2-D array or DataFrame (n_samples, n_steps), a 3-D array (n_samples, "
    "n_steps, n_features), or ragged: a RaggedArray or a list of arrays of shape "
    "(n_steps_i, n_features) or (n_steps_i,)."
)
_ARRAY_LIKE = ("__len__", "__array__", "__array_interface__", "__array_struct__")
_FOR_TEXT = "For text, put sklearn_rnn.preprocessing.SequenceTokenizer in front."


def check_sequences(
    X: Any,
    *,
    estimator: BaseEstimator,
    reset: bool,
    tokens: bool = False,
    allow_empty: bool = False,
) -> RaggedArray:
    """Validate X and bring it into one form.

    Parameters
    ----------
    X : array-like, RaggedArray, tensor, or list of them
        See the page "Accepted X and y".
    estimator : estimator
        Gets ``n_features_in_``, ``feature_names_in_`` and ``_reads_table`` if `reset`,
        and is compared with otherwise.
    reset : bool
        Whether this is the first X that the estimator sees.
    tokens : bool, default=False
        Whether the values are token ids: integers from 0 on, one a step.
    allow_empty : bool, default=False
        Whether sequences may be empty.

    Returns
    -------
    X : RaggedArray
        float32, or int64 if `tokens`; C-contiguous. A view of the input if that is a
        float32 C-contiguous array already.

    Raises
    ------
    ValueError, TypeError
        If X is not what an estimator can read.
    """
    ragged = check_layout(X, estimator=estimator, reset=reset, allow_empty=allow_empty)
    if tokens:
        return _check_tokens(ragged, several=isinstance(X, TokenIds))
    return _check_values(ragged, estimator)


def check_floats(X: Any, *, estimator: BaseEstimator, reset: bool) -> RaggedArray:
    """Validate X for a transformer: numbers, of which some may be missing.

    Parameters
    ----------
    X, estimator, reset
        As for `check_sequences`.

    Returns
    -------
    X : RaggedArray
        float32 if X is, float64 otherwise. NaN stays.

    Raises
    ------
    ValueError, TypeError
        If X is not what a transformer can read, or has an infinite value.
    """
    ragged = check_layout(X, estimator=estimator, reset=reset)
    values = as_numbers(ragged.values)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    infinite = np.isinf(values)
    if infinite.any():
        i, step, feature = first_place(infinite, ragged.offsets)
        raise ValueError(
            f"X[{i}] has infinity at step {step}, feature {feature}. "
            f"{type(estimator).__name__} needs numbers, no infinity."
        )
    return RaggedArray._from_validated(values, ragged.offsets)


def check_layout(
    X: Any, *, estimator: BaseEstimator, reset: bool, allow_empty: bool = False
) -> RaggedArray:
    """Validate all but the values of X: its container, features and lengths.

    Parameters
    ----------
    X, estimator, reset, allow_empty
        As for `check_sequences`.

    Returns
    -------
    X : RaggedArray
        The values as they came, of whatever type.

    Raises
    ------
    ValueError, TypeError
        If X is not a container of sequences, or does not fit what was fitted.
    """
    X = list_objects(read_argument(X))
    _refuse_containers(X)
    sequences = _as_sequences(X, expects_table=_expects_table(estimator, reset))
    if sequences is None:
        ragged = _check_table(X, estimator, reset)
    else:
        _check_names(X, estimator, reset)
        ragged = _check_ragged(sequences, estimator, reset, allow_empty)
    if reset:
        estimator._reads_table = sequences is None
    return ragged


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


def check_frames(
    X: list[Any], *, estimator: BaseEstimator, reset: bool
) -> NDArray[np.int64]:
    """Validate DataFrames, one a sequence, whose columns may be of any type.

    Parameters
    ----------
    X : list of DataFrame
        One a sequence.
    estimator, reset
        As for `check_sequences`.

    Returns
    -------
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins in the table of all steps.

    Raises
    ------
    ValueError
        If the columns differ, a DataFrame is empty, or X does not fit what was fitted.
    """
    _check_names(X, estimator, reset)
    offsets = lengths_to_offsets([len(x) for x in X])
    shape = int(offsets[-1]), len(X[0].columns)
    layout = RaggedArray(np.broadcast_to(np.False_, shape), offsets)  # takes no memory
    _check_ragged(layout, estimator, reset)
    if reset:
        estimator._reads_table = False
    return offsets


def _expects_table(estimator: BaseEstimator, reset: bool) -> bool | None:
    return None if reset else estimator._reads_table


# What kind of X is it? --------------------------------------------------------------


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


def read_targets(y: Any, name: str = "y") -> Any:
    """Take y out of tensors, and refuse what is no row of targets.

    Parameters
    ----------
    y : object
        As an estimator got it.
    name : str, default="y"
        Name in error messages.

    Returns
    -------
    y : object
        As `read_argument` returns it.

    Raises
    ------
    ValueError, TypeError
        As `read_argument`, or if y is no container of one target a sequence.
    """
    y = read_argument(y, name)
    array_like = any(hasattr(y, method) for method in _ARRAY_LIKE)
    scalar = not array_like or getattr(y, "ndim", 1) == 0
    if scalar or isinstance(y, str | bytes | dict | set):
        raise TypeError(
            f"{name} must be an array or a list with one target for each sequence. Got "
            f"{type(y).__name__} instead."
        )
    return y


def check_targets(y: Any, *, name: str, owner: str, **options: Any) -> Any:
    """Return y as an array of one or two dimensions, finite if it is of numbers.

    Parameters
    ----------
    y : object
        As an estimator got it.
    name : str
        Name in error messages.
    owner : str
        Name of the estimator, likewise.
    **options
        As for :func:`sklearn.utils.check_array`.

    Raises
    ------
    ValueError, TypeError
        If it is none; the message names y.
    """
    y = read_targets(y, name)
    options = {"ensure_2d": False, "dtype": None, **options}
    with errors_that_name(name):
        return check_array(y, input_name=name, estimator=owner, **options)


def _read_nested_tensor(tensor: Any, name: str) -> RaggedArray | list[NDArray]:
    torch = sys.modules["torch"]
    is_block = tensor.layout is torch.jagged and tensor.lengths() is None  # no holes
    if not is_block or tensor.dim() > 3:
        return read_container(list(tensor.unbind()), name)
    return RaggedArray(tensor.values(), tensor.offsets())


def _refuse_containers(X: Any) -> None:
    if issparse(X) or (
        isinstance(X, list | tuple)
        and any(issparse(x) for x in X if type(x) is not np.ndarray)
    ):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use "
            "'.toarray()' to convert to dense."
        )
    if isinstance(X, str | bytes | dict | set):
        raise TypeError(f"{_ACCEPTED} Got {type(X).__name__} instead.")


def _as_sequences(X: Any, expects_table: bool | None) -> RaggedArray | None:
    """Return the steps end to end, or None if X is a table."""
    if isinstance(X, RaggedArray):
        return RaggedArray(X.values, X.offsets)  # checked once more, without a copy
    if isinstance(X, list | tuple):
        return _list_as_sequences(X, expects_table)
    if hasattr(X, "columns") and expects_table is not False:
        if len(X.columns) == 0:
            raise ValueError(
                f"Found X with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
                "required."
            )
        return None  # a DataFrame: its columns have names to check
    array = X if isinstance(X, np.ndarray) else np.asarray(X)
    if array.dtype == object and array.ndim == 1 and any(map(_is_sequence, array)):
        return _list_as_sequences(list(array), expects_table)
    if array.ndim == 3:
        return _cube_as_sequences(array)
    if array.ndim > 3:
        raise ValueError(
            f"Found array with dim {array.ndim}, of shape {array.shape}. {_ACCEPTED}"
        )
    if array.ndim < 2:
        raise _too_few_dimensions(X, array)
    if expects_table is False:
        return _cube_as_sequences(array[:, :, np.newaxis])
    return None


def _too_few_dimensions(X: Any, array: NDArray) -> ValueError | TypeError:
    if array.ndim == 0 and (X is None or array.dtype == object):
        got = "None" if X is None else type(X).__name__
        return TypeError(f"{_ACCEPTED} Got {got} instead.")
    if array.ndim == 1 and any(isinstance(x, str) for x in array):
        return ValueError(f"{_ACCEPTED} Got strings instead. {_FOR_TEXT}")
    got = "a scalar" if array.ndim == 0 else f"1-D data of shape {array.shape}"
    return ValueError(
        f"{_ACCEPTED} Got {got}, {type(X).__name__}, instead. Reshape your data: "
        "X.reshape(1, -1) is one sequence of one variable, X.reshape(-1, 1) are "
        "sequences of one step."
    )


def _cube_as_sequences(array: NDArray) -> RaggedArray:
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
    array = as_numbers(array)
    offsets = np.arange(n_samples + 1, dtype=np.int64) * n_steps
    return RaggedArray._from_validated(array.reshape(-1, n_features), offsets)


def _list_as_sequences(X: Any, expects_table: bool | None) -> RaggedArray | None:
    if len(X) == 0:
        raise ValueError(
            "Found X with 0 sample(s) while a minimum of 1 is required. " + _ACCEPTED
        )
    if not any(_is_sequence(x) for x in X):
        raise _too_few_dimensions(X, np.asarray(X, dtype=object))
    for i, x in enumerate(X):
        if not _is_sequence(x):
            raise TypeError(
                f"X[{i}] is not a sequence but {_short(x)}; every element of a ragged "
                "X must be an array of shape (n_steps_i, n_features) or (n_steps_i,)."
            )
    if expects_table is not False and _is_table(X):
        return None
    arrays = [_sequence_as_array(x, i) for i, x in enumerate(X)]
    # an empty sequence has no features to compare
    filled = {i: array for i, array in enumerate(arrays) if len(array)}
    n_features = {a.shape[1] for a in filled.values()}
    if len(n_features) > 1:
        first = min(filled)
        width = filled[first].shape[1]
        i = next(i for i, a in filled.items() if a.shape[1] != width)
        raise ValueError(
            f"X[{i}] has {arrays[i].shape[1]} features, but X[{first}] has {width}: "
            "all sequences must have the same features, and shape (n_steps_i, "
            "n_features)."
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


def _sequence_as_array(x: Any, i: int) -> NDArray:
    if type(x) is np.ndarray and x.ndim == 2 and x.dtype.kind in "fiub" and x.size:
        return x  # what most are
    x = read_container(x, f"X[{i}]")  # out of a Series, say
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of different widths
        raise ValueError(
            f"X[{i}] is not an array of shape (n_steps_i, n_features): {error}"
        ) from error
    array = as_numbers(array, f"X[{i}]")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(
            f"X[{i}] has {array.ndim} dimensions, of shape {array.shape}; it must have "
            "shape (n_steps_i, n_features) or (n_steps_i,)."
        )
    if array.shape[1] == 0:
        raise ValueError(f"X[{i}] has 0 features; each step needs at least one.")
    return array


def _check_names(X: Any, estimator: BaseEstimator, reset: bool) -> None:
    """Compare the names of the features with those that were fitted."""
    if is_list_of_frames(X):
        check_feature_names(estimator, _first_frame(X), reset=reset)
    elif reset or hasattr(estimator, "feature_names_in_"):
        check_feature_names(estimator, np.empty((1, 1)), reset=reset)  # nameless


def _first_frame(X: list[Any]) -> Any:
    """Return the DataFrame whose columns name the features."""
    for i, x in enumerate(X):
        if list(x.columns) != list(X[0].columns):
            raise ValueError(
                f"X[{i}] has the columns {list(x.columns)}, but X[0] has "
                f"{list(X[0].columns)}: all sequences must have the same columns."
            )
    return X[0]


def as_numbers(array: NDArray, name: str = "X") -> NDArray:
    """Refuse whatever is no number; turn objects that are numbers into floats."""
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {array.dtype}.")
    if array.dtype.kind in "USMmV":
        raise ValueError(
            f"{name} must hold numbers. Got {array.dtype} instead. {_FOR_TEXT}"
        )
    if array.dtype == object:
        if any(isinstance(v, str | bytes) for v in array.flat):
            raise ValueError(
                f"{name} must hold numbers. Got strings instead. {_FOR_TEXT} For a "
                "table with a row for each step: sklearn_rnn.preprocessing."
                "SequenceBuilder."
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


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 40 else text[:37] + "..."


# Does it fit what was fitted? -------------------------------------------------------


def _check_table(X: Any, estimator: BaseEstimator, reset: bool) -> RaggedArray:
    if isinstance(X, np.ndarray) and X.dtype.kind == "c":
        as_numbers(X)  # its message names X
    array = validate_data(
        estimator, X, reset=reset, dtype=None, ensure_all_finite=False
    )
    return _cube_as_sequences(as_numbers(array)[:, :, np.newaxis])


def _check_ragged(
    X: RaggedArray, estimator: BaseEstimator, reset: bool, allow_empty: bool = False
) -> RaggedArray:
    if len(X) == 0:
        raise ValueError("Found X with 0 sample(s) while a minimum of 1 is required.")
    if X.n_features == 0:
        raise ValueError(
            f"Found X with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    if X.lengths.min() == 0 and not allow_empty:
        i = int(X.lengths.argmin())
        raise ValueError(f"X[{i}] is an empty sequence; each needs at least one step.")
    name = type(estimator).__name__
    if reset:
        estimator.n_features_in_ = X.n_features
    elif estimator._reads_table:
        _check_width(X, name, estimator.n_features_in_)
    elif len(X.values) == 0:
        values = np.empty((0, estimator.n_features_in_))
        return RaggedArray._from_validated(values, X.offsets)
    elif X.n_features != estimator.n_features_in_:
        message = (
            f"X has {X.n_features} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
        if X.n_features == 1:
            message += (
                f" It was fitted on sequences of {estimator.n_features_in_} features; "
                "for one sequence, pass X[np.newaxis] or [X]."
            )
        elif (X.lengths == estimator.n_features_in_).all():
            message += (
                " The last two axes of X look swapped: they must be (n_steps, "
                "n_features). For (n_samples, n_channels, n_steps) data use "
                "RaggedArray.from_aeon(X) or X.transpose(0, 2, 1)."
            )
        raise ValueError(message)
    return X


def _check_width(X: RaggedArray, name: str, n_steps: int) -> None:
    """Sequences of one variable may stand for the rows of the table."""
    if X.n_features != 1:
        raise ValueError(
            f"X has sequences of {X.n_features} features, but {name} was fitted on a "
            f"2-D X of shape (n_samples, {n_steps}): one variable."
        )
    if (X.lengths != n_steps).any():
        i = int((X.lengths != n_steps).argmax())
        raise ValueError(
            f"X[{i}] has {X.lengths[i]} steps, but {name} was fitted on a 2-D X of "
            f"{n_steps} steps, a fixed width. For other lengths, fit on a 3-D array, a "
            "list of arrays or a RaggedArray."
        )


# Are the values usable? -------------------------------------------------------------


def _check_values(X: RaggedArray, estimator: BaseEstimator) -> RaggedArray:
    original = as_numbers(X.values)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(original, dtype=np.float32)
        # NaN spreads to both; no array of a flag a value, and faster than a sum
        finite = not values.size or np.isfinite([values.max(), values.min()]).all()
    checked = RaggedArray._from_validated(values, X.offsets)
    if not finite:
        _raise_not_finite(checked, original, type(estimator).__name__)
    return checked


def _raise_not_finite(X: RaggedArray, original: NDArray, name: str) -> None:
    i, step, feature = first_place(~np.isfinite(X.values), X.offsets)
    value = original[X.offsets[i] + step, feature]
    where = f"at step {step}, feature {feature}"
    if np.isnan(value):
        raise ValueError(
            f"X[{i}] has NaN {where}. {name} does not accept missing values encoded as "
            "NaN. Fill them: from sklearn_rnn.preprocessing import GapEncoder; "
            f"make_pipeline(GapEncoder(), {name}()). Cut NaN padding off with "
            "RaggedArray.from_padded(X)."
        )
    what = "infinity" if np.isinf(value) else "a value too large for float32"
    raise ValueError(
        f"X[{i}] has {what} {where}. {name} needs finite numbers, no infinity."
    )


def _check_tokens(X: RaggedArray, several: bool) -> RaggedArray:
    if X.n_features != 1 and not several:
        raise ValueError(
            "With 'embedding_dim' X must be token ids, one a step: (n_samples, "
            f"n_steps) or a list of (n_steps_i,) arrays. Got {X.n_features} features."
        )
    ids = as_numbers(X.values)
    if ids.dtype.kind == "f":
        ids = ids.astype(np.float64)  # 2 ** 63 is too large for float16
        with np.errstate(invalid="ignore"):
            bad = ~np.isfinite(ids) | (np.floor(ids) != ids)
        bad |= ids >= 2.0**63
    else:
        bad = ids > np.uint64(2**63 - 1) if ids.dtype.kind == "u" else ids < 0
    bad |= ids < 0
    if bad.any():
        i, step, column = first_place(bad, X.offsets)
        value = ids[X.offsets[i] + step, column]
        nan = " (NaN)" if np.isnan(value) else ""
        raise ValueError(
            "With 'embedding_dim' X must be token ids: integers from 0 on. "
            f"X[{i}] has {value} at step {step}{nan}."
        )
    ids = ids.astype(np.int64, copy=False)
    return RaggedArray._from_validated(ids, X.offsets)
