"""Answers and weights at every step, read beside the sequences that they belong to."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._sequences._step_array import StepArray
from sklearn_rnn._sequences._steps import (
    check_same_steps,
    check_step_targets,
    is_ragged,
    list_sequences,
    read_step_weight,
)


def read_step_targets(
    y: Any,
    X: RaggedArray,
    step_weight: NDArray[np.float64],
    names: tuple[str, str, str] = ("X", "y", "labels"),
) -> StepArray:
    """Return the answers of all steps of X.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_steps), or list of array-like of shape \
            (n_steps_i,) or (n_steps_i, n_columns)
        Answers. At steps of weight 0, which are unknown, anything may stand.
    X : RaggedArray
        The sequences.
    step_weight : ndarray of shape (n_steps_total,)
        Weight of each step.
    names : tuple of str, default=("X", "y", "labels")
        Names of X, y and the values of y in error messages.

    Returns
    -------
    answers : StepArray
        As they came, not encoded; any known one stands for those that are unknown.

    Raises
    ------
    ValueError, TypeError
        If y is not one sequence of answers for each of X, as long as this.
    """
    known = step_weight > 0
    if not known.all():
        y = _fill_unknown(y, X, known, names[1])
    values, offsets = check_step_targets(y, names[1])
    check_same_steps(X.offsets, offsets, names[:2], names[2])
    return StepArray(values, offsets, step_weight)


def split_weights(
    sample_weight: Any, X: RaggedArray, names: tuple[str, str]
) -> tuple[Any, NDArray[np.float64]]:
    """Take weights of steps apart.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), or like y, or float, or None
        Weights of sequences, or of steps.
    X : RaggedArray
        The sequences.
    names : tuple of str
        Names of X and the weights in error messages.

    Returns
    -------
    weight : array-like of shape (n_samples,), float or None
        Weights of sequences, not validated; of weights of steps, the largest of each.
    step_weight : ndarray of shape (n_steps_total,)
        Weight of each step relative to its sequence.

    Raises
    ------
    ValueError
        If weights of steps are negative or not finite, or do not fit X.
    """
    if isinstance(sample_weight, Real | None) or not is_ragged(sample_weight):
        return sample_weight, np.ones(len(X.values))
    weight = read_step_weight(sample_weight, X.offsets, names)
    largest = np.zeros(len(X))
    filled = X.lengths > 0
    largest[filled] = np.maximum.reduceat(weight, X.offsets[:-1][filled])
    scale = np.repeat(np.where(largest > 0, largest, 1.0), X.lengths)
    return largest, weight / scale


def _fill_unknown(y: Any, X: RaggedArray, known: NDArray[np.bool_], name: str) -> Any:
    """Return y with a known answer, any, where it is unknown."""
    sequences = list_sequences(y, name)
    if not known.any() or [len(s) for s in sequences] != X.lengths.tolist():
        return sequences  # whose lengths raise an error
    first = int(np.searchsorted(X.offsets, known.argmax(), side="right")) - 1
    answer = sequences[first][int(known.argmax() - X.offsets[first])]
    for i, sequence in enumerate(sequences):
        here = known[X.offsets[i] : X.offsets[i + 1]]
        if not here.all():
            pairs = zip(sequence, here, strict=True)
            sequences[i] = [value if k else answer for value, k in pairs]
    return sequences
