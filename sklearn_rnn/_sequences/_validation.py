"""Validation of X: whatever the container, it leaves as a RaggedArray.

`check_sequences`, for estimators, gives finite float32 steps, or int64 token ids;
`check_floats`, for transformers, floats that may be NaN; `check_layout` leaves the
values as they are. Each returns the layout too, which later sequences are checked
against. `validate_sequences` keeps it in the attributes of an estimator.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from sklearn_rnn._sequences._layout import (
    Layout,
    check_features,
    check_names,
    check_names_of_steps,
    first_table,
    get_layout,
    set_layout,
)
from sklearn_rnn._sequences._ragged import (
    RaggedArray,
    TokenIds,
    first_place,
    lengths_to_offsets,
)
from sklearn_rnn._sequences._reading import (
    as_numbers,
    cube_to_steps,
    list_objects,
    read_argument,
    read_steps,
    refuse_containers,
)

_ADVICE_ON_LISTS = (
    " Lists of numbers, all of one length, are the rows of a table of fixed width. For "
    "sequences of any length pass arrays: [np.asarray(x) for x in X]."
)
_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def check_sequences(
    X: Any,
    layout: Layout | None = None,
    *,
    owner: str,
    name: str = "X",
    tokens: bool = False,
    find_categories: Callable[[int], list[int]] | None = None,
    allow_empty: bool = False,
) -> tuple[RaggedArray, Layout]:
    """Validate sequences and bring them into one form.

    Parameters
    ----------
    X : array-like, RaggedArray, tensor, or list of them
        See the page "Accepted X and y".
    layout : Layout or None, default=None
        Layout that X must match. None accepts any.
    owner : str
        Name of the estimator, for error messages.
    name : str, default="X"
        Name of X, likewise.
    tokens : bool, default=False
        Without a layout, whether the values are token ids: integers from 0 on.
    find_categories : callable or None, default=None
        Returns the columns that hold categories, from the number of columns, for error
        messages.
    allow_empty : bool, default=False
        Whether sequences may be empty.

    Returns
    -------
    X : RaggedArray
        float32, or int64 if `tokens`; C-contiguous. A view of the input if that is a
        float32 C-contiguous array already.
    layout : Layout
        Layout of `X`.

    Raises
    ------
    ValueError, TypeError
        If X is not what an estimator can read, or does not match the layout.
    """
    cube = _read_usual_cube(X, layout)
    if cube is not None and layout is not None:
        return cube, layout
    tokens = tokens if layout is None else layout.tokens
    steps, layout = check_layout(
        X, layout, owner=owner, name=name, allow_empty=allow_empty
    )
    if tokens:
        several = isinstance(X, TokenIds)
        return _check_tokens(steps, name, several=several), replace(layout, tokens=True)
    return _check_values(steps, owner, name, find_categories), layout


def check_floats(
    X: Any,
    layout: Layout | None = None,
    *,
    owner: str,
    name: str = "X",
    allow_empty: bool = False,
) -> tuple[RaggedArray, Layout]:
    """Validate sequences for a transformer: numbers, of which some may be missing.

    Parameters
    ----------
    X, layout, owner, name, allow_empty
        As for `check_sequences`.

    Returns
    -------
    X : RaggedArray
        float32 if X is, float64 otherwise. NaN stays.
    layout : Layout
        As for `check_sequences`.

    Raises
    ------
    ValueError, TypeError
        If X is not what a transformer can read, or has an infinite value.
    """
    steps, layout = check_layout(
        X, layout, owner=owner, name=name, allow_empty=allow_empty
    )
    values = as_numbers(steps.values, name)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    infinite = np.isinf(values)
    if infinite.any():
        i, step, feature = first_place(infinite, steps.offsets)
        raise ValueError(
            f"{name}[{i}] has infinity at step {step}, feature {feature}. "
            f"{owner} needs numbers, no infinity."
        )
    return RaggedArray._from_validated(values, steps.offsets), layout


def check_layout(
    X: Any,
    layout: Layout | None = None,
    *,
    owner: str,
    name: str = "X",
    allow_empty: bool = False,
) -> tuple[RaggedArray, Layout]:
    """Validate all but the values of X: its container, features and lengths.

    Parameters
    ----------
    X, layout, owner, name, allow_empty
        As for `check_sequences`.

    Returns
    -------
    X : RaggedArray
        The values as they came, of whatever type.
    layout : Layout
        As for `check_sequences`.

    Raises
    ------
    ValueError, TypeError
        If X is not a container of sequences, or does not match the layout.
    """
    X = list_objects(read_argument(X, name))
    refuse_containers(X, name)
    steps = read_steps(X, None if layout is None else layout.is_table, name)
    if steps is None:
        return _check_table(X, layout, owner, name)
    names = check_names_of_steps(X, layout, owner, name)
    _check_sizes(steps, name, allow_empty)
    if layout is None:
        return steps, Layout(steps.n_features, names)
    if len(steps.values) == 0 and not layout.is_table:
        empty = np.empty((0, layout.n_features))
        return RaggedArray._from_validated(empty, steps.offsets), layout
    check_features(steps, layout, owner, name)
    return steps, layout


def check_frames(
    X: list[Any], layout: Layout | None = None, *, owner: str
) -> tuple[NDArray[np.int64], Layout]:
    """Validate DataFrames, one a sequence, whose columns may be of any type.

    Parameters
    ----------
    X : list of DataFrame
        One a sequence.
    layout, owner
        As for `check_sequences`.

    Returns
    -------
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins in the table of all steps.
    layout : Layout
        As for `check_sequences`.

    Raises
    ------
    ValueError
        If the columns differ, a DataFrame is empty, or X does not match the layout.
    """
    names = check_names(first_table(X), layout, owner)
    offsets = lengths_to_offsets([len(x) for x in X])
    shape = int(offsets[-1]), len(X[0].columns)
    steps = RaggedArray(np.broadcast_to(np.False_, shape), offsets)  # takes no memory
    _check_sizes(steps, "X", allow_empty=False)
    if layout is None:
        return offsets, Layout(steps.n_features, names)
    check_features(steps, layout, owner)
    return offsets, layout


def validate_sequences(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    check: Callable[..., tuple[Any, Layout]] = check_sequences,
    **options: Any,
) -> Any:
    """Check X for an estimator, as scikit-learn's `validate_data` checks tables.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_``, ``feature_names_in_`` and ``_reads_table`` if `reset`,
        and is compared with otherwise.
    X : array-like, RaggedArray, tensor, or list of them
        The sequences.
    reset : bool
        Whether this is the first X that the estimator sees.
    check : {check_sequences, check_floats, check_layout, check_frames}
        How to check it.
    **options
        Further arguments of `check`.

    Returns
    -------
    X : RaggedArray
        The first result of `check`.
    """
    layout = None if reset else get_layout(estimator)
    checked, layout = check(X, layout, owner=type(estimator).__name__, **options)
    if reset:
        set_layout(estimator, layout)
    return checked


def _read_usual_cube(X: Any, layout: Layout | None) -> RaggedArray | None:
    """Return the result for a 3-D array of finite floats of the right width.

    The other functions return the same in three times the time, which is much of that
    of a prediction for one short sequence.
    """
    if (
        type(X) is not np.ndarray
        or X.ndim != 3
        or X.dtype not in _FLOATS
        or not X.size
        or layout is None
        or layout.tokens
        or layout.is_table
        or layout.names is not None
        or X.shape[2] != layout.n_features
    ):
        return None
    n_samples, n_steps, n_features = X.shape
    if X.dtype != np.float32:
        with np.errstate(over="ignore", invalid="ignore"):
            X = X.astype(np.float32)
    values = np.ascontiguousarray(X).reshape(-1, n_features)
    if not _are_finite(values):
        return None
    offsets = np.arange(n_samples + 1, dtype=np.int64) * n_steps
    return RaggedArray._from_validated(values, offsets)


def _are_finite(values: NDArray) -> bool:
    if values.size < 4096:  # one pass is faster than two
        return bool(np.isfinite(values).all())
    # NaN spreads to both; no array of a flag a value, and faster than a sum
    return bool(np.isfinite([values.max(), values.min()]).all())


# Sizes and values -------------------------------------------------------------------


def _check_table(
    X: Any, layout: Layout | None, owner: str, name: str
) -> tuple[RaggedArray, Layout]:
    if isinstance(X, np.ndarray) and X.dtype.kind == "c":
        as_numbers(X, name)  # its message names X
    names = check_names(X, layout, owner)
    array = check_array(
        X, input_name=name, estimator=owner, dtype=None, ensure_all_finite=False
    )
    n_steps = array.shape[1]
    if layout is not None and n_steps != layout.n_features:
        raise ValueError(
            f"{name} has {n_steps} features, but {owner} is expecting "
            f"{layout.n_features} features as input."
            + (_ADVICE_ON_LISTS if isinstance(X, list | tuple) else "")
        )
    steps = cube_to_steps(as_numbers(array, name)[:, :, np.newaxis], name)
    return steps, layout or Layout(n_steps, names, is_table=True)


def _check_sizes(X: RaggedArray, name: str, allow_empty: bool) -> None:
    if len(X) == 0:
        raise ValueError(
            f"Found {name} with 0 sample(s) while a minimum of 1 is required."
        )
    if X.n_features == 0:
        raise ValueError(
            f"Found {name} with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )
    if X.lengths.min() == 0 and not allow_empty:
        i = int(X.lengths.argmin())
        raise ValueError(
            f"{name}[{i}] is an empty sequence; each needs at least one step."
        )


def _check_values(
    X: RaggedArray,
    owner: str,
    name: str,
    find_categories: Callable[[int], list[int]] | None,
) -> RaggedArray:
    original = as_numbers(X.values, name)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(original, dtype=np.float32)
        finite = not values.size or _are_finite(values)
    checked = RaggedArray._from_validated(values, X.offsets)
    if not finite:
        find = find_categories or (lambda n_features: [])
        raise _not_finite(checked, original, owner, name, find(X.n_features))
    return checked


def _not_finite(
    X: RaggedArray, original: NDArray, owner: str, name: str, categories: list[int]
) -> ValueError:
    i, step, feature = first_place(~np.isfinite(X.values), X.offsets)
    value = original[X.offsets[i] + step, feature]
    where = f"at step {step}, feature {feature}"
    if np.isnan(value) and feature in categories:
        return ValueError(
            f"{name}[{i}] has NaN {where}, a column of categories. Give missing "
            "categories a code of their own: OrdinalEncoder(encoded_missing_value=-1) "
            "in the table, or np.nan_to_num(codes, nan=-1)."
        )
    if np.isnan(value):
        return ValueError(
            f"{name}[{i}] has NaN {where}. {owner} does not accept missing values "
            "encoded as NaN. Fill them: from sklearn_rnn.preprocessing import "
            f"GapEncoder; make_pipeline(GapEncoder(), {owner}()). Cut NaN padding off "
            f"with RaggedArray.from_padded({name})."
        )
    what = "infinity" if np.isinf(value) else "a value too large for float32"
    return ValueError(
        f"{name}[{i}] has {what} {where}. {owner} needs finite numbers, no infinity."
    )


def _check_tokens(X: RaggedArray, name: str, *, several: bool) -> RaggedArray:
    if X.n_features != 1 and not several:
        raise ValueError(
            f"With 'embedding_dim' {name} must be token ids, one a step: (n_samples, "
            f"n_steps) or a list of (n_steps_i,) arrays. Got {X.n_features} features."
        )
    ids = as_numbers(X.values, name)
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
            f"With 'embedding_dim' {name} must be token ids: integers from 0 on. "
            f"{name}[{i}] has {value} at step {step}{nan}."
        )
    ids = ids.astype(np.int64, copy=False)
    return RaggedArray._from_validated(ids, X.offsets)
