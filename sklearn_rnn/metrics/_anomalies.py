"""Scores of anomalies at steps, and of the stretches that they form."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from sklearn_rnn._sequences import check_same_steps, check_step_targets

_N_THRESHOLDS = 250  # of the curve, as in the authors' implementation

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


def step_average_precision_score(y_true: Any, y_score: Any) -> float:
    r"""Area under the curve of precision and recall, over all steps.

    :math:`\sum_k (R_k - R_{k-1}) P_k` over the thresholds :math:`k`, as in
    :func:`sklearn.metrics.average_precision_score`. It suits rare anomalies, for which
    the area under the ROC curve is near 1 even if most alarms are false.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        1 or True at anomalous steps, 0 or False at others.
    y_score : array-like, ragged, of shape (n_samples, n_steps_i)
        Scores, higher at more abnormal steps.

    Returns
    -------
    score : float
        1 for a perfect ranking; a random one has the share of anomalous steps.

    Raises
    ------
    ValueError
        If no step is anomalous, or sequences differ in number or in length.

    See Also
    --------
    vus_pr_score : Also rewards scores near the ends of a stretch.

    Examples
    --------
    >>> from sklearn_rnn.metrics import step_average_precision_score
    >>> step_average_precision_score([[0, 0, 1, 0]], [[0.1, 0.9, 0.7, 0.2]])
    0.5
    """
    true, scores, _ = _check_scores(y_true, y_score)
    return float(average_precision_score(true, scores))


def vus_pr_score(y_true: Any, y_score: Any, *, window: int) -> float:
    r"""Volume under the surface of precision, recall and tolerance (VUS-PR).

    The labels become numbers: each anomalous stretch gets slopes of
    :math:`\lfloor b/2 \rfloor` steps, on which a step :math:`j` steps away counts
    :math:`\sqrt{1 - j/b}`. With the labels :math:`l`, their extended form
    :math:`l^b \in [0, 1]` and the steps :math:`\hat y` with scores above a threshold,

    .. math::

        P = \frac{\sum l^b \hat y}{\sum \hat y}, \qquad
        R = \min\left(1, \frac{2 \sum l^b \hat y}{\sum l + \sum l^b}\right) E,

    where :math:`E` is the share of extended stretches with a step above the threshold.
    The score is the area under the curve of precision and recall, averaged over
    :math:`b = 0, 1, \ldots, \mathrm{window}`.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        1 or True at anomalous steps, 0 or False at others.
    y_score : array-like, ragged, of shape (n_samples, n_steps_i)
        Scores, higher at more abnormal steps.
    window : int
        Largest tolerance, in steps, such as one season of the series. Values for
        different windows do not compare: state it with the result.

    Returns
    -------
    score : float
        Between 0 and 1; higher is better. 0 if all scores are equal.

    Raises
    ------
    ValueError
        If no step is anomalous, sequences differ in number or in length, or `window`
        is negative.

    See Also
    --------
    step_average_precision_score : Without tolerance.

    Notes
    -----
    The thresholds are 250 quantiles of the scores; the steps of several sequences share
    them, and no slope reaches into another sequence. For one sequence the result is
    that of aeon's ``range_pr_vus_score``, whose slope after a stretch is a step shorter
    than the one before it.

    References
    ----------
    J. Paparrizos, P. Boniol, T. Palpanas, R. Tsay, A. Elmore, M. Franklin, "Volume
    under the surface: a new accuracy evaluation measure for time-series anomaly
    detection", PVLDB 15, 2022.

    Examples
    --------
    >>> from sklearn_rnn.metrics import vus_pr_score
    >>> vus_pr_score([[0, 0, 1, 1, 0, 0]], [[0, 2, 3, 1, 0, 0]], window=4)
    0.890...
    """
    if isinstance(window, bool) or not isinstance(window, int | np.integer):
        raise TypeError(f"window must be an int. Got {window!r} instead.")
    if window < 0:
        raise ValueError(f"window must be at least 0. Got {window} instead.")
    true, scores, offsets = _check_scores(y_true, y_score)
    if scores.min() == scores.max():
        return 0.0
    ranking = _rank(scores)
    areas = [
        _range_area(true, _extend_labels(true, offsets, b), offsets, ranking)
        for b in range(window + 1)
    ]
    return float(np.mean(areas))


def range_f1_score(y_true: Any, y_pred: Any) -> float:
    r"""Harmonic mean of range-based precision and recall.

    A true stretch counts the share of it that is predicted, divided by the number of
    predicted stretches that cover it; recall is the mean over true stretches.
    Precision is the same with the roles exchanged. So each stretch counts the same,
    however long, and alarms in pieces count less.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        1 or True at anomalous steps, 0 or False at others.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predictions of the same form.

    Returns
    -------
    score : float
        Between 0 and 1. 1 if there is no stretch at all, 0 if only one of the two has
        any.

    Raises
    ------
    ValueError
        If sequences differ in number or in length, or a value is neither 0 nor 1.

    See Also
    --------
    segment_f1_score : Any overlap is enough.

    Notes
    -----
    The definition of [1]_ with a flat bias, without a reward for existence, and with
    the reciprocal of the number of overlaps.

    References
    ----------
    .. [1] N. Tatbul, T. Lee, S. Zdonik, M. Alam, J. Gottschlich, "Precision and recall
       for time series", NeurIPS 2018.

    Examples
    --------
    >>> from sklearn_rnn.metrics import range_f1_score
    >>> range_f1_score([[0, 1, 1, 0, 0]], [[0, 0, 1, 1, 0]])
    0.5
    """
    (true, true_steps), (pred, pred_steps) = _check_stretches(y_true, y_pred)
    if len(true) == len(pred) == 0:
        return 1.0
    recall = _mean_coverage(true, pred, pred_steps)
    precision = _mean_coverage(pred, true, true_steps)
    return _harmonic_mean(precision, recall)


def segment_f1_score(y_true: Any, y_pred: Any) -> float:
    r"""F1 score of stretches, where any overlap is a detection.

    A true stretch that overlaps a predicted one is a true positive, another a false
    negative; a predicted stretch without overlap is a false positive. Orion's table of
    results counts like this.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        1 or True at anomalous steps, 0 or False at others.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predictions of the same form.

    Returns
    -------
    score : float
        Between 0 and 1. 1 if there is no stretch at all.

    Raises
    ------
    ValueError
        If sequences differ in number or in length, or a value is neither 0 nor 1.

    See Also
    --------
    range_f1_score : Counts how much of each stretch is found.

    Notes
    -----
    One alarm over a whole sequence overlaps everything in it and has a score of 1. Use
    the score to compare detectors whose alarms are short.

    References
    ----------
    K. Hundman, V. Constantinou, C. Laporte, I. Colwell, T. Soderstrom, "Detecting
    spacecraft anomalies using LSTMs and nonparametric dynamic thresholding", KDD 2018.

    Examples
    --------
    >>> from sklearn_rnn.metrics import segment_f1_score
    >>> segment_f1_score([[0, 1, 1, 0, 0, 1]], [[0, 0, 1, 1, 0, 0]])
    0.666...
    """
    (true, _), (pred, _) = _check_stretches(y_true, y_pred)
    if len(true) == len(pred) == 0:
        return 1.0
    found = int((_count_overlaps(true, pred) > 0).sum())
    false_alarms = int((_count_overlaps(pred, true) == 0).sum())
    return 2 * found / (found + false_alarms + len(true))


# Input ------------------------------------------------------------------------------


def _check_scores(y_true: Any, y_score: Any) -> tuple[Bools, Floats, Places]:
    true, offsets = _check_labels(y_true, "y_true")
    scores, score_offsets = check_step_targets(y_score, "y_score")
    check_same_steps(offsets, score_offsets, ("y_true", "y_score"))
    if scores.ndim != 1 or scores.dtype.kind not in "fiub":
        raise ValueError("y_score must have one number per step.")
    if not true.any():
        raise ValueError("y_true has no anomalous step, so no score is defined.")
    return true, scores.astype(np.float64), offsets


def _check_labels(y: Any, name: str) -> tuple[Bools, Places]:
    values, offsets = check_step_targets(y, name)
    is_number = values.dtype.kind in "fiub" and values.ndim == 1
    if not is_number or not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{name} must have one label per step: 1 or True if the step is anomalous, "
            "0 or False otherwise."
        )
    return values.astype(bool), offsets


def _check_stretches(
    y_true: Any, y_pred: Any
) -> tuple[tuple[Places, Bools], tuple[Places, Bools]]:
    """Return the stretches of both, and the labels of all steps."""
    true, offsets = _check_labels(y_true, "y_true")
    pred, pred_offsets = _check_labels(y_pred, "y_pred")
    check_same_steps(offsets, pred_offsets)
    return (
        (find_stretches(true, offsets), true),
        (find_stretches(pred, offsets), pred),
    )


def find_stretches(flags: Bools, offsets: Places) -> Places:
    """Return runs of flagged steps within sequences.

    Parameters
    ----------
    flags : ndarray of shape (n_total_steps,)
        The steps of all sequences, end to end.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.

    Returns
    -------
    stretches : ndarray of shape (n_stretches, 2)
        The first step of each, and the one after the last.
    """
    is_edge = np.zeros(len(flags) + 1, bool)
    is_edge[offsets] = True
    before, after = np.r_[False, flags], np.r_[flags, False]
    starts = np.flatnonzero(after & (is_edge | ~before))
    stops = np.flatnonzero(before & (is_edge | ~after))
    return np.stack([starts, stops], axis=1)


# Volume under the surface -----------------------------------------------------------


class _Ranking(NamedTuple):
    """Steps by score, and the curve's thresholds."""

    order: Places
    scores: Floats  # of the steps in their own order
    thresholds: Floats
    n_alarms: Places  # of each threshold


def _rank(scores: Floats) -> _Ranking:
    order = np.argsort(-scores, kind="stable")
    ranks = np.linspace(0, len(scores) - 1, _N_THRESHOLDS).astype(np.int64)
    thresholds = scores[order][ranks]
    n_alarms = np.searchsorted(-scores[order], -thresholds, side="right")
    return _Ranking(order, scores, thresholds, n_alarms)


def _extend_labels(true: Bools, offsets: Places, buffer: int) -> Floats:
    """Return labels with slopes at both ends of each stretch."""
    labels = true.astype(np.float64)
    if buffer < 2:
        return labels
    slope = np.sqrt(1 - np.arange(1, buffer // 2 + 1) / buffer)
    for start, stop in find_stretches(true, offsets):
        i = int(np.searchsorted(offsets, start, side="right"))
        before = slope[: start - offsets[i - 1]]
        labels[start - len(before) : start] += before[::-1]
        after = slope[:-1][: offsets[i] - stop]
        labels[stop : stop + len(after)] += after
    return np.minimum(labels, 1)


def _range_area(
    true: Bools, labels: Floats, offsets: Places, ranking: _Ranking
) -> float:
    """Return the area under the range-based curve of precision and recall."""
    hits = labels[ranking.order].cumsum()[ranking.n_alarms - 1]
    stretches = find_stretches(labels > 0, offsets)
    padded = np.append(ranking.scores, -np.inf)  # a stretch may end with the last step
    peaks = np.sort(np.maximum.reduceat(padded, stretches.ravel())[::2])
    n_missed = np.searchsorted(peaks, ranking.thresholds, side="left")
    n_positive = (true.sum() + labels.sum()) / 2
    recall = np.minimum(hits / n_positive, 1) * (1 - n_missed / len(peaks))
    recall = np.r_[0, recall]
    precision = np.r_[1, hits / ranking.n_alarms]
    return float((np.diff(recall) * (precision[1:] + precision[:-1]) / 2).sum())


# Stretches --------------------------------------------------------------------------


def _count_overlaps(stretches: Places, others: Places) -> Places:
    """Return how many others each stretch overlaps."""
    begun = np.searchsorted(others[:, 0], stretches[:, 1], side="left")
    ended = np.searchsorted(others[:, 1], stretches[:, 0], side="right")
    return begun - ended


def _mean_coverage(stretches: Places, others: Places, other_steps: Bools) -> float:
    """Return the mean share of stretches in others, divided by their number."""
    if len(stretches) == 0:
        return 0.0
    total = np.r_[0, other_steps.cumsum()]
    covered = total[stretches[:, 1]] - total[stretches[:, 0]]
    n_overlaps = np.maximum(_count_overlaps(stretches, others), 1)
    lengths = stretches[:, 1] - stretches[:, 0]
    return float((covered / lengths / n_overlaps).mean())


def _harmonic_mean(precision: float, recall: float) -> float:
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0
