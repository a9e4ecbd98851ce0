"""Metrics for per-step predictions: scikit-learn's, on the concatenated steps."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from sklearn_rnn._sequences import (
    check_same_steps,
    check_sequence_weight,
    check_step_targets,
    check_step_weight,
)


class FlatSteps(NamedTuple):
    """Concatenated steps of all sequences, without those of weight 0."""

    y_true: NDArray
    y_pred: NDArray
    weight: NDArray[np.float64] | None


def flatten_steps(y_true: Any, y_pred: Any, sample_weight: Any = None) -> FlatSteps:
    """Concatenate true and predicted steps, and check that their lengths match."""
    true, offsets = check_step_targets(y_true, "y_true")
    pred, pred_offsets = check_step_targets(y_pred, "y_pred")
    check_same_steps(offsets, pred_offsets)
    weight = check_step_weight(sample_weight, offsets)
    if weight is None:
        return FlatSteps(true, pred, None)
    scored = weight > 0
    return FlatSteps(true[scored], pred[scored], weight[scored])


def step_accuracy_score(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None
) -> float:
    """Fraction of steps whose label is correct.

    All steps count equally, so long sequences count more. A multilabel step is correct
    if all its labels are.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True labels: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps of shape (k,) of 0 and 1 are multilabel.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted labels, of the same lengths.
    sample_weight : array-like of shape (n_samples,) or ragged, one weight per step, \
            default=None
        Weights of sequences or of steps. Steps with weight 0 are not scored.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    See Also
    --------
    sequence_accuracy_score : Fraction of sequences without any wrong step.
    sklearn.metrics.accuracy_score : The same score for concatenated labels.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_accuracy_score
    >>> step_accuracy_score([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.666...
    """
    steps = flatten_steps(y_true, y_pred, sample_weight)
    return float(
        metrics.accuracy_score(steps.y_true, steps.y_pred, sample_weight=steps.weight)
    )


def sequence_accuracy_score(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Fraction of sequences whose labels are correct at every step.

    Empty sequences are correct.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True labels: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps of shape (k,) of 0 and 1 are multilabel.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted labels, of the same lengths.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of sequences.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    See Also
    --------
    step_accuracy_score : Fraction of steps.

    Examples
    --------
    >>> from sklearn_rnn.metrics import sequence_accuracy_score
    >>> sequence_accuracy_score([[0, 1], [1]], [[0, 0], [1]])
    0.5
    """
    true, offsets = check_step_targets(y_true, "y_true")
    pred, pred_offsets = check_step_targets(y_pred, "y_pred")
    check_same_steps(offsets, pred_offsets)
    if true.shape != pred.shape:
        raise ValueError(
            f"Each step of y_true has shape {true.shape[1:]}, but each of y_pred "
            f"{pred.shape[1:]}."
        )
    right = (true == pred).reshape(len(true), -1).all(axis=1)
    sequence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    right = np.bincount(sequence[~right], minlength=len(offsets) - 1) == 0
    if sample_weight is None:
        return float(right.mean())
    weight = check_sequence_weight(sample_weight, len(right))
    return float(np.average(right, weights=weight))


def step_f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    average: Literal["micro", "macro", "weighted", "samples", "binary"]
    | None = "macro",
    sample_weight: Any = None,
    zero_division: Any = "warn",
) -> float | NDArray[np.float64]:
    """F1 score of the labels of steps.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True labels: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps of shape (k,) of 0 and 1 are multilabel.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted labels, of the same lengths.
    labels : array-like of shape (n_labels,), default=None
        Labels to score, for instance all but "O". By default, those in `y_true` and
        `y_pred`.
    average : {"micro", "macro", "weighted", "samples", "binary"} or None, \
            default="macro"
        Averaging over labels, as in :func:`sklearn.metrics.f1_score`, where the default
        is "binary". None returns one score per label.
    sample_weight : array-like of shape (n_samples,) or ragged, one weight per step, \
            default=None
        Weights of sequences or of steps. Steps with weight 0 are not scored.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Score of a label that occurs neither in `y_true` nor in `y_pred`. "warn" is 0
        with a warning.

    Returns
    -------
    score : float or ndarray of shape (n_labels,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    See Also
    --------
    span_f1_score : F1 score of whole spans.
    sklearn.metrics.f1_score : The same score for concatenated labels.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_f1_score
    >>> step_f1_score([[0, 1, 1], [1]], [[0, 1, 0], [1]])
    0.733...
    """
    steps = flatten_steps(y_true, y_pred, sample_weight)
    score = metrics.f1_score(
        steps.y_true,
        steps.y_pred,
        labels=labels,
        average=average,
        sample_weight=steps.weight,
        zero_division=zero_division,
    )
    return score if average is None else float(score)


def step_classification_report(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    sample_weight: Any = None,
    digits: int = 2,
    output_dict: bool = False,
    zero_division: Any = "warn",
) -> str | dict[str, Any]:
    """Precision, recall and F1 score of each label of steps.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True labels: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps of shape (k,) of 0 and 1 are multilabel.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted labels, of the same lengths.
    labels : array-like of shape (n_labels,), default=None
        Labels to report. By default, those in `y_true` and `y_pred`.
    sample_weight : array-like of shape (n_samples,) or ragged, one weight per step, \
            default=None
        Weights of sequences or of steps. Steps with weight 0 are not scored.
    digits : int, default=2
        Number of decimals in the text.
    output_dict : bool, default=False
        Whether to return a dict instead of text.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value of a division by zero. "warn" is 0 with a warning.

    Returns
    -------
    report : str or dict
        The report, as from :func:`sklearn.metrics.classification_report`.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    See Also
    --------
    span_classification_report : The report of whole spans.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_classification_report
    >>> print(step_classification_report([[0, 1, 1], [1]], [[0, 1, 0], [1]]))
                  precision    recall  f1-score   support
    <BLANKLINE>
               0       0.50      1.00      0.67         1
               1       1.00      0.67      0.80         3
    <BLANKLINE>
        accuracy                           0.75         4
       macro avg       0.75      0.83      0.73         4
    weighted avg       0.88      0.75      0.77         4
    <BLANKLINE>
    """
    steps = flatten_steps(y_true, y_pred, sample_weight)
    return metrics.classification_report(
        steps.y_true,
        steps.y_pred,
        labels=labels,
        sample_weight=steps.weight,
        digits=digits,
        output_dict=output_dict,
        zero_division=zero_division,
    )


def step_r2_score(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | NDArray[np.float64]:
    """Coefficient of determination (R²) of per-step predictions.

    The baseline is the mean over all steps of all sequences.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True numbers: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps may have several targets.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted numbers, of the same lengths.
    sample_weight : array-like of shape (n_samples,) or ragged, one weight per step, \
            default=None
        Weights of sequences or of steps. Steps with weight 0 are not scored.
    multioutput : {"raw_values", "uniform_average", "variance_weighted"} or \
            array-like of shape (n_targets,), default="uniform_average"
        Averaging over targets, as in
        :func:`sklearn.metrics.r2_score`.

    Returns
    -------
    score : float or ndarray of shape (n_targets,)
        At most 1; higher is better.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_r2_score
    >>> step_r2_score([[1.0, 2.0], [3.0]], [[1.0, 2.0], [2.0]])
    0.5
    """
    steps = flatten_steps(y_true, y_pred, sample_weight)
    score = metrics.r2_score(
        steps.y_true,
        steps.y_pred,
        sample_weight=steps.weight,
        multioutput=multioutput,
    )
    return score if np.ndim(score) else float(score)


def step_mean_absolute_error(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | NDArray[np.float64]:
    """Mean absolute error of per-step predictions.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True numbers: a list, object array or Series of arrays, a 2-D array or a
        RaggedArray. Steps may have several targets.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted numbers, of the same lengths.
    sample_weight : array-like of shape (n_samples,) or ragged, one weight per step, \
            default=None
        Weights of sequences or of steps. Steps with weight 0 are not scored.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_targets,), default="uniform_average"
        Averaging over targets, as in
        :func:`sklearn.metrics.mean_absolute_error`.

    Returns
    -------
    error : float or ndarray of shape (n_targets,)
        At least 0; lower is better.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or
        either does not hold one value per step.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_mean_absolute_error
    >>> step_mean_absolute_error([[1.0, 2.0], [3.0]], [[1.0, 2.0], [1.5]])
    0.5
    """
    steps = flatten_steps(y_true, y_pred, sample_weight)
    error = metrics.mean_absolute_error(
        steps.y_true,
        steps.y_pred,
        sample_weight=steps.weight,
        multioutput=multioutput,
    )
    return error if np.ndim(error) else float(error)
