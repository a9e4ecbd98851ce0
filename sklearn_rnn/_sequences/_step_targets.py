"""Reading y and weights that have a value at every step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._sequences._step_array import StepArray
from sklearn_rnn._sequences._steps import check_step_targets


def read_step_targets(
    y: Any, X: RaggedArray, step_weight: NDArray[np.float64] | None, name: str = "y"
) -> StepArray:
    """Return the answers of all steps of X.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_steps), or list of array-like of shape \
            (n_steps_i,) or (n_steps_i, n_columns)
        Answers.
    X : RaggedArray
        The sequences.
    step_weight : ndarray of shape (n_steps_total,) or None
        Weight of each step relative to its sequence; None: 1.
    name : str, default="y"
        What error messages call y.

    Returns
    -------
    answers : StepArray
        As they came, not encoded.

    Raises
    ------
    ValueError, TypeError
        If y is not one sequence of answers for each of X, as long as this.
    """
    values, offsets = check_step_targets(y, name)
    _check_lengths(offsets, X, name, "labels")
    if step_weight is None:
        step_weight = np.ones(len(values))
    return StepArray(values, offsets, step_weight)


def check_step_weights(
    sample_weight: Any, X: RaggedArray
) -> tuple[Any, NDArray[np.float64] | None]:
    """Take weights of steps apart.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), or like y, or None
        Weights of sequences, or of steps.
    X : RaggedArray
        The sequences.

    Returns
    -------
    sample_weight : array-like of shape (n_samples,) or None
        Weights of sequences, not validated; of weights of steps, the largest of each.
    step_weight : ndarray of shape (n_steps_total,) or None
        Weight of each step relative to its sequence.

    Raises
    ------
    ValueError
        If weights of steps are negative or not finite, or do not fit X.
    """
    if sample_weight is None or not _is_one_a_step(sample_weight):
        return sample_weight, None
    values, offsets = check_step_targets(sample_weight, "sample_weight")
    _check_lengths(offsets, X, "sample_weight", "weights")
    weight = np.asarray(values, np.float64)
    if weight.ndim != 1 or not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError(
            "sample_weight must have one finite weight >= 0 a sequence or a step."
        )
    largest = np.maximum.reduceat(weight, offsets[:-1])
    scale = np.repeat(np.where(largest > 0, largest, 1.0), np.diff(offsets))
    return largest, weight / scale


def _is_one_a_step(sample_weight: Any) -> bool:
    if isinstance(sample_weight, RaggedArray):
        return True
    if getattr(sample_weight, "ndim", None) == 2:
        return True
    return hasattr(next(iter(sample_weight), None), "__len__")


def _check_lengths(offsets: NDArray, X: RaggedArray, name: str, what: str) -> None:
    if len(offsets) != len(X.offsets):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has "
            f"{len(X)}, but {name} has {len(offsets) - 1}."
        )
    lengths = np.diff(offsets)
    if (lengths != X.lengths).any():
        i = int((lengths != X.lengths).argmax())
        raise ValueError(
            f"X[{i}] has {X.lengths[i]} steps, but {name}[{i}] has {lengths[i]} {what}."
        )
