"""Validation of class labels and class weights."""

import math
import warnings
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sklearn_rnn._sequences import check_targets, errors_that_name
from sklearn_rnn._targets._base import Part
from sklearn_rnn.utils import COUNT, array_of, read_state

CLASSES = array_of("biufUOM")
_MOST_COLUMNS = 2**20  # of what a file may claim, before it is compared with weights
MULTILABEL = "multilabel-indicator"
_KINDS = "binary", "multiclass", "multiclass-multioutput", MULTILABEL


def check_labels(y: Any, owner: str, name: str = "y") -> tuple[Any, str]:
    """Validate labels of sequences.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels), or sparse matrix
        Classes, or a matrix of 0 and 1.
    owner : str
        Name of the estimator.
    name : str, default="y"
        Name of y in error messages.

    Returns
    -------
    y : ndarray or sparse matrix
        As it came.
    kind : str
        As :func:`sklearn.utils.multiclass.type_of_target` calls it.

    Raises
    ------
    ValueError
        If y is continuous, or several columns of classes.
    """
    y = check_targets(y, name=name, owner=owner, accept_sparse="csr")
    _refuse_missing(y, owner, name)
    with errors_that_name(name):
        kind = type_of_target(y, input_name=name)
    if kind.startswith("continuous"):
        raise ValueError(
            f"Unknown label type: {kind}. {owner} needs labels of a few classes. Got "
            f"numbers with fractions in {name}; for these there is RNNRegressor."
        )
    if kind not in _KINDS:
        with errors_that_name(name):
            check_classification_targets(y)  # raises scikit-learn's error
    if kind == "multiclass-multioutput":
        raise ValueError(
            f"{name} must be labels of shape (n_samples,) or a multilabel matrix of 0 "
            f"and 1. Got several columns of classes, shape {y.shape}; use "
            "sklearn.multioutput.MultiOutputClassifier. If each row is one label, as "
            f"tuples are, join it: [' '.join(map(str, row)) for row in {name}]."
        )
    return y, kind


def _refuse_missing(y: Any, owner: str, name: str) -> None:
    if not (isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 1):
        return
    missing = [i for i, label in enumerate(y) if label is None]
    if missing:
        raise ValueError(
            f"{name}[{missing[0]}] is None. {owner} needs a label for each sequence: "
            "leave those without one out."
        )


def check_classes(classes: Any, owner: str, at_least: int = 2) -> None:
    """Raise ValueError if classes are not so many or more, in order, each once."""
    with errors_that_name("classes"):  # labels that cannot be sorted
        in_order = np.array_equal(classes, np.unique(classes))
    if not in_order or len(classes) < at_least:
        raise ValueError(
            f"the classes of {owner} must be {at_least} or more, in order."
        )


def read_n_outputs(state: Any, owner: str) -> int:
    """Return the number of columns of 0 and 1 from the state of targets."""
    (n_outputs,) = read_state(state, owner, {"n_outputs": COUNT})
    if not 1 <= n_outputs <= _MOST_COLUMNS:
        raise ValueError(
            f"'n_outputs' of {owner} must be from 1 to {_MOST_COLUMNS}. Got "
            f"{n_outputs} instead."
        )
    return n_outputs


def warn_if_one_hot(matrices: Iterable[NDArray]) -> None:
    """Warn if each row of matrices of 0 and 1 has a single 1: classes, not labels."""
    if all((y.sum(axis=1) == 1).all() for y in matrices):
        warnings.warn(
            "Each row of y has exactly one 1. If its columns are classes, pass "
            "y.argmax(axis=1): a matrix stands for several labels at once, each "
            "predicted by itself.",
            UserWarning,
            stacklevel=8,
        )


def find_class_factors(
    targets: Any, parts: Iterable[Part]
) -> NDArray[np.float64] | None:
    """Return the weight of each class, 1 for one that does not occur.

    Parameters
    ----------
    targets : Targets
        With `classes` and `class_weight`.
    parts : iterable of (ndarray of int, ndarray)
        Class numbers and the weight of each.

    Returns
    -------
    factors : ndarray of shape (n_classes,), or None
        None if `class_weight` is.

    Raises
    ------
    ValueError
        If `class_weight` is not valid, or 0 for all classes that occur.
    """
    class_weight, classes = targets.class_weight, targets.classes
    if class_weight is None:
        return None
    check_class_weight(class_weight, targets.owner)
    counts = np.zeros(len(classes))
    for numbers, weight in parts:
        counts += np.bincount(numbers, weight, minlength=len(classes))
    present = np.flatnonzero(counts)
    weights = compute_class_weight(
        class_weight,
        classes=classes[present],
        y=classes[present],
        sample_weight=counts[present],
    )
    if not weights.any():
        raise class_weight_error(
            "have a weight > 0 for a class in y", class_weight, targets.owner
        )
    factors = np.ones(len(classes))
    # a power of two is exact, and sums stay finite
    factors[present] = np.ldexp(weights, -np.frexp(weights.max())[1])
    return factors


def check_class_weight(class_weight: Any, owner: str) -> None:
    """Raise an error if class weights are negative, infinite, NaN or all zero."""
    if not isinstance(class_weight, dict) or not class_weight:
        return
    weights = list(class_weight.values())
    if not all(isinstance(w, Real) and 0 <= float(w) < math.inf for w in weights):
        raise class_weight_error("have finite weights >= 0", class_weight, owner)
    if not any(weights):
        raise class_weight_error("have a weight > 0", class_weight, owner)


def class_weight_error(accepted: str, class_weight: Any, owner: str) -> ValueError:
    """Return an error that names the parameter, what is accepted, and what came."""
    return ValueError(
        f"The 'class_weight' parameter of {owner} must {accepted}. Got "
        f"{class_weight!r} instead."
    )
