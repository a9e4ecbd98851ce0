"""The layout of sequences: what later sequences must have in common with the first."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._sequences._reading import is_list_of_frames
from sklearn_rnn.utils import check_feature_names

_NAMELESS = np.empty((1, 1))


@dataclass(frozen=True)
class Layout:
    """Features of a step, shared by all sequences.

    Parameters
    ----------
    n_features : int
        Number of features of a step; of a table, the number of its columns.
    names : tuple of str or None, default=None
        Names of the features or columns, if all are strings.
    is_table : bool, default=False
        Whether the columns of a table are the steps of one variable.
    tokens : bool, default=False
        Whether the values are token ids.
    """

    n_features: int
    names: tuple[str, ...] | None = None
    is_table: bool = False
    tokens: bool = False


def get_layout(estimator: BaseEstimator) -> Layout:
    """Return the layout of the X that an estimator was fitted on."""
    names = getattr(estimator, "feature_names_in_", None)
    return Layout(
        estimator.n_features_in_,
        None if names is None else tuple(names),
        estimator._reads_table,
        getattr(estimator, "_reads_tokens", False),
    )


def set_layout(estimator: BaseEstimator, layout: Layout) -> None:
    """Set the fitted attributes that describe X.

    Whether X holds tokens is known before, from the parameters of the estimator.
    """
    estimator.n_features_in_ = layout.n_features
    estimator._reads_table = layout.is_table
    if layout.names is not None:
        estimator.feature_names_in_ = np.array(layout.names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def check_names(
    table: Any, layout: Layout | None, owner: str
) -> tuple[str, ...] | None:
    """Return the names of the columns, compared with those of the layout if given.

    Parameters
    ----------
    table : DataFrame or array
        X, if it is a table; otherwise the result of `first_table`.
    layout : Layout or None
        Layout with the names to compare with.
    owner : str
        Name of the estimator, for error messages.

    Raises
    ------
    ValueError
        If the names differ from those of the layout.
    """
    if isinstance(table, np.ndarray) and (layout is None or layout.names is None):
        return None
    described = _describe_as_estimator(layout, owner)
    check_feature_names(described, table, reset=layout is None)
    names = getattr(described, "feature_names_in_", None)
    return None if names is None else tuple(names)


def check_names_of_steps(
    X: Any, layout: Layout | None, owner: str, name: str = "X"
) -> tuple[str, ...] | None:
    """Return the names of the features of sequences, compared as in `check_names`.

    DataFrames, one a sequence, have names, and a RaggedArray may have some.
    """
    names = getattr(X, "feature_names", None)
    if names is None or (layout is not None and layout.is_table):
        return check_names(first_table(X, name), layout, owner)
    if layout is not None and layout.names is None:
        warnings.warn(
            f"{name} has feature names, but {owner} was fitted without feature names",
            stacklevel=2,
        )
        return None
    if layout is not None and names != layout.names:
        raise ValueError(
            f"{name} has the features {list(names)}, but {owner} was fitted on "
            f"{list(layout.names or [])}."
        )
    return names


def first_table(X: Any, name: str = "X") -> Any:
    """Return the first of several DataFrames, whose columns name the features.

    Other containers have no names, and an array stands for them. Raises ValueError if
    the columns of the DataFrames differ.
    """
    if not is_list_of_frames(X):
        return _NAMELESS
    for i, x in enumerate(X):
        if list(x.columns) != list(X[0].columns):
            raise ValueError(
                f"{name}[{i}] has the columns {list(x.columns)}, but {name}[0] has "
                f"{list(X[0].columns)}: all sequences must have the same columns."
            )
    return X[0]


def _describe_as_estimator(layout: Layout | None, owner: str) -> Any:
    """Return an object of a class of this name, as scikit-learn's messages need it."""
    described = type(owner, (), {})()
    if layout is not None and layout.names is not None:
        described.feature_names_in_ = np.array(layout.names, dtype=object)
    return described


def check_features(X: RaggedArray, layout: Layout, owner: str, name: str = "X") -> None:
    """Raise ValueError if sequences, or the rows of a table, do not fit a layout."""
    if layout.is_table:
        _check_width(X, layout.n_features, owner, name)
    elif X.n_features != layout.n_features:
        raise ValueError(
            f"{name} has {X.n_features} features, but {owner} is expecting "
            f"{layout.n_features} features as input."
            + _guess_mistake(X, layout.n_features, name)
        )


def _guess_mistake(X: RaggedArray, n_features: int, name: str) -> str:
    if X.n_features == 1:
        return (
            f" It was fitted on sequences of {n_features} features; for one sequence, "
            f"pass {name}[np.newaxis] or [{name}]."
        )
    if (X.lengths == n_features).all():
        return (
            f" The last two axes of {name} look swapped: they must be (n_steps, "
            "n_features). For (n_samples, n_channels, n_steps) data use "
            f"RaggedArray.from_aeon({name}) or {name}.transpose(0, 2, 1)."
        )
    return ""


def _check_width(X: RaggedArray, n_steps: int, owner: str, name: str) -> None:
    """Sequences of one variable may stand for the rows of the table."""
    if X.n_features != 1:
        raise ValueError(
            f"{name} has sequences of {X.n_features} features, but {owner} was fitted "
            f"on a 2-D {name} of shape (n_samples, {n_steps}): one variable."
        )
    if (X.lengths != n_steps).any():
        i = int((X.lengths != n_steps).argmax())
        raise ValueError(
            f"{name}[{i}] has {X.lengths[i]} steps, but {owner} was fitted on a 2-D "
            f"{name} of {n_steps} steps, a fixed width. For other lengths, fit on a "
            "3-D array, a list of arrays or a RaggedArray."
        )
