"""Errors of forecasts: of values, of quantiles and of intervals."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length


def mean_absolute_scaled_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, history: Any, season_length: int = 1
) -> float:
    r"""Mean absolute error, relative to that of the seasonal naive forecast in history.

    For one series, :math:`\mathrm{MASE} = \frac{\mathrm{mean}_h |y_h - \hat y_h|}
    {\mathrm{mean}_t |x_t - x_{t-m}|}`, with the past :math:`x` and the season
    :math:`m`; then the mean over series.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, horizon)
        True values.
    y_pred : array-like of shape (n_samples, horizon)
        Forecasts.
    history : list of array-like of shape (n_steps_i,)
        The steps of each series before.
    season_length : int, default=1
        Number of steps of a season.

    Returns
    -------
    error : float
        0 is perfect; 1 is the error of repeating the last season, one step ahead.

    Raises
    ------
    ValueError
        If shapes differ, or a history repeats itself exactly or has no two seasons.

    References
    ----------
    R. Hyndman, A. Koehler, "Another look at measures of forecast accuracy",
    International Journal of Forecasting 22, 2006.

    Examples
    --------
    >>> from sklearn_rnn.metrics import mean_absolute_scaled_error
    >>> mean_absolute_scaled_error([[5, 6]], [[5, 8]], history=[[1, 2, 4]])
    0.666...
    """
    true, pred = _check_pair(y_true, y_pred)
    check_consistent_length(true, history)
    scales = []
    for i, past in enumerate(history):
        x = np.asarray(past, dtype=np.float64).ravel()
        differences = np.abs(x[season_length:] - x[:-season_length])
        if not differences.any():
            raise ValueError(
                f"history[{i}] has no differences between steps that are season_length="
                f"{season_length} apart, so its error has no scale."
            )
        scales.append(differences.mean())
    return float(np.mean(np.abs(true - pred).mean(axis=1) / scales))


def symmetric_mean_absolute_percentage_error(
    y_true: ArrayLike, y_pred: ArrayLike
) -> float:
    r"""Mean absolute error, relative to the mean of value and forecast, in percent.

    :math:`200\,\mathrm{mean}\,|y - \hat y| / (|y| + |\hat y|)`, as in the M4
    competition; a value and a forecast of 0 have an error of 0.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, horizon)
        True values.
    y_pred : array-like of shape (n_samples, horizon)
        Forecasts.

    Returns
    -------
    error : float
        From 0 to 200. Some libraries return half of it, or a fraction.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M4 competition", International
    Journal of Forecasting 36, 2020.

    Examples
    --------
    >>> from sklearn_rnn.metrics import symmetric_mean_absolute_percentage_error
    >>> symmetric_mean_absolute_percentage_error([[100, 50]], [[100, 150]])
    50.0
    """
    true, pred = _check_pair(y_true, y_pred)
    size = np.abs(true) + np.abs(pred)
    ratio = np.abs(true - pred) / np.where(size > 0, size, 1)
    return float(200 * ratio.mean())


def weighted_quantile_loss(
    y_true: ArrayLike, y_quantiles: ArrayLike, *, quantiles: ArrayLike
) -> float:
    r"""Sum of pinball losses, relative to the sum of absolute values.

    :math:`\frac{1}{K} \sum_k 2 \sum \max(q_k (y - \hat y_k), (q_k - 1)(y - \hat y_k))
    / \sum |y|`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, horizon)
        True values.
    y_quantiles : array-like of shape (n_samples, horizon, n_quantiles)
        Forecasts of the quantiles.
    quantiles : array-like of shape (n_quantiles,)
        Their levels, between 0 and 1.

    Returns
    -------
    loss : float
        0 is perfect.

    Raises
    ------
    ValueError
        If shapes differ, or all values are 0.

    Examples
    --------
    >>> from sklearn_rnn.metrics import weighted_quantile_loss
    >>> weighted_quantile_loss([[10.0]], [[[8.0, 11.0]]], quantiles=[0.1, 0.9])
    0.03
    """
    true = np.asarray(y_true, dtype=np.float64)
    pred = np.asarray(y_quantiles, dtype=np.float64)
    levels = np.asarray(quantiles, dtype=np.float64)
    if pred.shape != (*true.shape, len(levels)):
        raise ValueError(
            f"y_quantiles must have the shape {(*true.shape, len(levels))}, a column a "
            f"quantile. Got {pred.shape} instead."
        )
    total = np.abs(true).sum()
    if total == 0:
        raise ValueError("All values of y_true are 0, so the loss has no scale.")
    error = true[..., np.newaxis] - pred
    pinball = np.maximum(levels * error, (levels - 1) * error)
    return float(2 * pinball.sum() / len(levels) / total)


def interval_coverage_score(
    y_true: ArrayLike, lower: ArrayLike, upper: ArrayLike
) -> float:
    """Share of values inside their interval, limits included.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, horizon)
        True values.
    lower : array-like of shape (n_samples, horizon)
        Lower limits of the intervals.
    upper : array-like of shape (n_samples, horizon)
        Upper limits of the intervals.

    Returns
    -------
    share : float
        Between 0 and 1; near the coverage of a calibrated interval.

    Raises
    ------
    ValueError
        If shapes differ.

    Examples
    --------
    >>> from sklearn_rnn.metrics import interval_coverage_score
    >>> interval_coverage_score([[1, 5]], [[0, 0]], [[2, 4]])
    0.5
    """
    true, low = _check_pair(y_true, lower, "lower")
    true, high = _check_pair(y_true, upper, "upper")
    return float(((low <= true) & (true <= high)).mean())


def winkler_score(
    y_true: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, coverage: float = 0.9
) -> float:
    r"""Mean width of intervals, plus a penalty for values outside.

    With :math:`\alpha = 1 - \mathrm{coverage}`, a value outside adds
    :math:`2 / \alpha` times its distance from the interval.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, horizon)
        True values.
    lower : array-like of shape (n_samples, horizon)
        Lower limits of the intervals.
    upper : array-like of shape (n_samples, horizon)
        Upper limits of the intervals.
    coverage : float, default=0.9
        Probability that a value is inside.

    Returns
    -------
    score : float
        In units of y; lower is better.

    Raises
    ------
    ValueError
        If shapes differ, or `coverage` is not between 0 and 1.

    References
    ----------
    R. Winkler, "A decision-theoretic approach to interval estimation", JASA 67, 1972.

    Examples
    --------
    >>> from sklearn_rnn.metrics import winkler_score
    >>> winkler_score([[1, 5]], [[0, 0]], [[2, 4]], coverage=0.5)
    5.0
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be between 0 and 1. Got {coverage!r} instead.")
    true, low = _check_pair(y_true, lower, "lower")
    true, high = _check_pair(y_true, upper, "upper")
    outside = np.maximum(low - true, 0) + np.maximum(true - high, 0)
    return float(((high - low) + 2 / (1 - coverage) * outside).mean())


def _check_pair(
    y_true: ArrayLike, other: ArrayLike, name: str = "y_pred"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as arrays of one shape, a row a sample."""
    true = np.asarray(y_true, dtype=np.float64)
    pred = np.asarray(other, dtype=np.float64)
    if true.shape != pred.shape or true.ndim != 2:
        raise ValueError(
            f"y_true and {name} must both have shape (n_samples, horizon). Got "
            f"{true.shape} and {pred.shape} instead."
        )
    return true, pred
