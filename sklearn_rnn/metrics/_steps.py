"""Scores of scikit-learn over the steps of all sequences, laid end to end."""

import numpy as np
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

from sklearn_rnn._sequences._steps import check_step_targets


def step_accuracy_score(y_true, y_pred, *, sample_weight=None):
    """Return the share of steps whose label, or whole set of labels, is right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_steps), RaggedArray, or list of \
            array-like of shape (n_steps_i,) or (n_steps_i, n_labels)
        True labels of each step of each sequence.
    y_pred : like y_true
        Predicted labels.
    sample_weight : array-like of shape (n_samples,), or like y_true, default=None
        Weight of each sequence, or of each step. A step of weight 0 is not scored.

    Returns
    -------
    score : float
        1 is perfect.

    Raises
    ------
    ValueError
        If a sequence of y_pred has another number of steps than that of y_true.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["a", "b"], ["a"]], [["a", "a"], ["a"]])
    0.666...
    """
    return _score_steps(accuracy_score, y_true, y_pred, sample_weight)


def step_r2_score(y_true, y_pred, *, sample_weight=None):
    """Return the coefficient of determination over all steps.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_steps), RaggedArray, or list of \
            array-like of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True numbers of each step of each sequence.
    y_pred : like y_true
        Predicted numbers.
    sample_weight : array-like of shape (n_samples,), or like y_true, default=None
        Weight of each sequence, or of each step. A step of weight 0 is not scored.

    Returns
    -------
    score : float
        1 is perfect, 0 is the mean of y_true.

    Raises
    ------
    ValueError
        If a sequence of y_pred has another number of steps than that of y_true.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_r2_score
    >>> step_r2_score([[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0]])
    1.0
    """
    return _score_steps(r2_score, y_true, y_pred, sample_weight)


def step_mean_absolute_error(y_true, y_pred, *, sample_weight=None):
    """Return the mean absolute error over all steps.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_steps), RaggedArray, or list of \
            array-like of shape (n_steps_i,) or (n_steps_i, n_outputs)
        True numbers of each step of each sequence.
    y_pred : like y_true
        Predicted numbers.
    sample_weight : array-like of shape (n_samples,), or like y_true, default=None
        Weight of each sequence, or of each step. A step of weight 0 is not scored.

    Returns
    -------
    error : float
        0 is perfect; in the units of y.

    Raises
    ------
    ValueError
        If a sequence of y_pred has another number of steps than that of y_true.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_mean_absolute_error
    >>> step_mean_absolute_error([[1.0, 2.0], [3.0]], [[1.0, 3.0], [3.0]])
    0.333...
    """
    return _score_steps(mean_absolute_error, y_true, y_pred, sample_weight)


def _score_steps(metric, y_true, y_pred, sample_weight):
    """Apply a metric of scikit-learn to the steps that have a weight."""
    y_true, y_pred, weight = flatten_pair(y_true, y_pred, sample_weight)
    return float(metric(y_true, y_pred, sample_weight=weight))


def flatten_pair(y_true, y_pred, sample_weight=None):
    """Return true and predicted values of all steps end to end, and weights or None.

    Steps of weight 0 are left out.
    """
    true, offsets = check_step_targets(y_true, "y_true")
    predicted, found = check_step_targets(y_pred, "y_pred")
    check_same_lengths(offsets, found, "y_true", "y_pred")
    if sample_weight is None:
        return true, predicted, None
    weight = _read_weights(sample_weight, offsets)
    kept = weight > 0
    return true[kept], predicted[kept], weight[kept]


def _read_weights(sample_weight, offsets):
    """Return the weight of each step, from one of each step or of each sequence."""
    if np.ndim(next(iter(sample_weight), None)) == 0:
        weight = np.asarray(sample_weight, np.float64)
        if weight.shape != (len(offsets) - 1,):
            raise ValueError(
                f"sample_weight must have {len(offsets) - 1} weights, one a sequence, "
                f"or one a step. Got shape {weight.shape}."
            )
        return np.repeat(weight, np.diff(offsets))
    weight, found = check_step_targets(sample_weight, "sample_weight")
    check_same_lengths(offsets, found, "y_true", "sample_weight")
    return np.asarray(weight, np.float64)


def check_same_lengths(offsets, found, name, other):
    """Refuse sequences of different numbers of steps: shifted scores mean nothing."""
    if len(offsets) != len(found):
        raise ValueError(
            f"{name} has {len(offsets) - 1} sequences, but {other} has "
            f"{len(found) - 1}."
        )
    lengths, others = np.diff(offsets), np.diff(found)
    if (lengths != others).any():
        i = int((lengths != others).argmax())
        raise ValueError(
            f"{name}[{i}] has {lengths[i]} steps, but {other}[{i}] has {others[i]}."
        )
