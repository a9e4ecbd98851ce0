"""Deviations of steps from their past: linear forecasts, segments, scores, events."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

N_KINDS = 4  # of deviations: level, one step ahead, one season ahead, segment
N_SEASONS = 5  # that a forecast a season ahead is the median of
_RIDGE = 1e-2  # penalty a step
FARTHEST_INPUT = 5.0  # an outlier in the past must not spoil later forecasts
FARTHEST = 30.0  # in units of the scatter
_LEAST_SHARE = 0.1  # of the standard deviation: most deviations may be 0
_N_PRIOR = 10.0  # deviations that the scatter of the feature itself counts for
_SCATTER_OF_MAD = 1.4826  # of a normal distribution
_CHUNK = 8192  # windows at a time
_SEGMENT = 10  # steps
_WIDEST = 1000  # values of a segment: the axes take their cube of operations
_KEPT_VARIANCE = 0.9  # of segments, by their axes
_LEAST_SCORE, _LEAST_SCATTER = 0.1, 0.1  # the second of logarithms
_LEAST_DROP = 0.15  # between the peaks of stretches and the highest normal score
_HIGH_PEAK = 1.35  # thresholds: a stretch with such a peak is none of the gradual ones
_ROUNDING = 1e-9  # by which a mean of equal values may exceed them


class Level(NamedTuple):
    """Location and scale of each feature, (n_features,)."""

    location: Floats
    scale: Floats

    def apply(self, x: Floats) -> Floats:
        """Return steps in units of the scale, clipped."""
        return np.clip((x - self.location) / self.scale, -FARTHEST, FARTHEST)


def measure_level(steps: Floats) -> Level:
    """Return the median and a robust scale of each feature.

    Parameters
    ----------
    steps : ndarray of shape (n_steps, n_features)
        Steps of all series.

    Returns
    -------
    level : Level
        The scale of a feature without variation is a thousandth of its size, or of 1:
        any other value deviates.
    """
    location = np.median(steps, axis=0)
    scale = _robust_scatter(steps - location)
    reach = np.abs(steps).max(axis=0)
    floor = 1e-3 * np.fmax(reach, 1.0)
    return Level(location, np.where(scale > 1e-9 * reach, scale, floor))


def _robust_scatter(deviations: Floats) -> Floats:
    """Return the median absolute deviation, at least a share of the standard one."""
    mad = _SCATTER_OF_MAD * np.median(np.abs(deviations), axis=0)
    return np.fmax(mad, _LEAST_SHARE * np.sqrt((deviations**2).mean(axis=0)))


def measure_scatter(errors: Floats) -> Floats:
    """Return the scatter of errors in units of the level, shrunk to that of the level.

    Parameters
    ----------
    errors : ndarray of shape (n_steps, ...)
        Errors of steps that the forecasts were not fitted on.

    Returns
    -------
    scatter : ndarray of shape (...)
        The fewer errors, the nearer to 1.
    """
    n = len(errors)
    variance = _robust_scatter(errors) ** 2
    return np.sqrt((n * variance + _N_PRIOR) / (n + _N_PRIOR))


# Linear forecasts -------------------------------------------------------------------


def clip_inputs(scaled: Floats) -> Floats:
    """Limit what forecasts are made from."""
    return np.clip(scaled, -FARTHEST_INPUT, FARTHEST_INPUT)


def fit_lags(series: list[Floats], context: int, ahead: int) -> Floats:
    """Fit the ridge regression of each feature on its own past.

    Parameters
    ----------
    series : list of ndarray of shape (n_steps_i, n_features)
        Scaled and clipped.
    context : int
        Number of steps that are read, the newest `ahead` steps before the target.
    ahead : int
        Distance of the target.

    Returns
    -------
    weights : ndarray of shape (context, n_features)
        The newest step first.
    """
    n_features = series[0].shape[1]
    gram = np.zeros((n_features, context, context))
    moment = np.zeros((n_features, context))
    n_targets = 0
    for x in series:
        padded = np.pad(x, ((context - 1, 0), (0, 0)), mode="edge")
        windows = sliding_window_view(padded, context, axis=0)[:, :, ::-1]
        for start in range(0, len(x) - ahead, _CHUNK):
            stop = min(start + _CHUNK, len(x) - ahead)
            part = windows[start:stop].transpose(1, 0, 2)  # (n_features, steps, lags)
            targets = x[start + ahead : stop + ahead].T[:, np.newaxis]
            gram += part.transpose(0, 2, 1) @ part
            moment += (targets @ part)[:, 0]
            n_targets += stop - start
    penalty = _RIDGE * max(n_targets, 1) * np.eye(context)
    return np.linalg.solve(gram + penalty, moment[..., np.newaxis])[..., 0].T


def forecast_lags(x: Floats, weights: Floats, ahead: int) -> Floats:
    """Return the forecast of every step from the steps before it; 0 without any."""
    forecasts = np.zeros_like(x)
    n_known = len(x) - ahead
    if n_known > 0:
        padded = np.pad(x[:n_known], ((len(weights) - 1, 0), (0, 0)), mode="edge")
        forecasts[ahead:] = sum_lags(padded, weights)
    return forecasts


def sum_lags(steps: Floats, weights: Floats) -> Floats:
    """Return the weighted sums of the newest steps, from each step on that has enough.

    Lag by lag, so that each sum is rounded the same however many there are.

    Parameters
    ----------
    steps : ndarray of shape (context - 1 + n_sums, ..., n_features)
        In order of time.
    weights : ndarray of shape (context, n_features)
        The newest step first.

    Returns
    -------
    sums : ndarray of shape (n_sums, ..., n_features)
    """
    oldest = len(weights) - 1
    n_sums = len(steps) - oldest
    if n_sums == 1:
        shape = (-1, *[1] * (steps.ndim - 2), steps.shape[-1])
        return np.cumsum(weights.reshape(shape) * steps[::-1], axis=0)[-1:]
    sums = np.zeros_like(steps, shape=(n_sums, *steps.shape[1:]))
    for lag, weight in enumerate(weights):
        sums += weight * steps[oldest - lag : oldest - lag + n_sums]
    return sums


def forecast_seasons(x: Floats, season: int) -> Floats:
    """Return the median of the same step of the last seasons; 0 in the first season.

    An anomaly in one season hardly moves the forecasts of those that follow.

    Parameters
    ----------
    x : ndarray of shape (n_steps, n_features)
        One series.
    season : int
        Number of steps.

    Returns
    -------
    forecasts : ndarray of shape (n_steps, n_features)
        Of up to `N_SEASONS` seasons.
    """
    past = np.full((N_SEASONS, *x.shape), np.inf)
    for i, steps in enumerate(past):
        steps[(i + 1) * season :] = x[: max(len(x) - (i + 1) * season, 0)]
    return median_seasons(past)


def median_seasons(past: Floats) -> Floats:
    """Return the median of the same step of earlier seasons; 0 without any.

    Parameters
    ----------
    past : ndarray of shape (n_seasons, ...)
        Infinite where a season is not known.

    Returns
    -------
    medians : ndarray of shape (...)
    """
    n_known = (past < np.inf).sum(axis=0, keepdims=True)
    ordered = np.sort(past, axis=0)
    lower, upper = (
        np.take_along_axis(ordered, np.fmax(i, 0), axis=0)
        for i in ((n_known - 1) // 2, n_known // 2)
    )
    return np.where(n_known > 0, (lower + upper) / 2, 0.0)[0]


# Segments ---------------------------------------------------------------------------


class Segments(NamedTuple):
    """Linear autoencoder of the last steps of all features, the oldest step first."""

    mean: Floats  # (n_segment_steps * n_features,)
    axes: Floats  # (n_segment_steps * n_features, n_axes), orthonormal


def fit_segments(series: list[Floats]) -> Segments:
    """Fit the principal axes of segments.

    Parameters
    ----------
    series : list of ndarray of shape (n_steps_i, n_features)
        Scaled and clipped.

    Returns
    -------
    segments : Segments
        As many axes as hold nine tenths of the variance, but never all.
    """
    n_features = series[0].shape[1]
    typical = int(np.median([len(x) for x in series]))
    n_steps = max(1, min(_SEGMENT, _WIDEST // n_features, typical // 4))
    size = n_steps * n_features
    total, gram = np.zeros(size), np.zeros((size, size))
    for x in series:
        for part in _cut_segments(x, size):
            total += part.sum(axis=0)
            gram += part.T @ part
    n_segments = sum(len(x) for x in series)
    mean = total / n_segments
    variances, axes = np.linalg.eigh(gram / n_segments - np.outer(mean, mean))
    held = np.cumsum(np.fmax(variances[::-1], 0))
    n_axes = int(np.searchsorted(held, _KEPT_VARIANCE * held[-1])) + 1
    return Segments(
        mean, np.ascontiguousarray(axes[:, ::-1][:, : min(n_axes, size - 1)])
    )


def segment_errors(x: Floats, segments: Segments) -> Floats:
    """Return what the axes leave of each step, as the newest of its segment.

    Parameters
    ----------
    x : ndarray of shape (n_steps, n_features)
        Scaled and clipped.
    segments : Segments
        Fitted.

    Returns
    -------
    errors : ndarray of shape (n_steps, n_features)
        Steps less their reconstruction.
    """
    parts = _cut_segments(x, len(segments.mean))
    return np.concatenate([newest_errors(part, segments, x.shape[1]) for part in parts])


def newest_errors(parts: Floats, segments: Segments, n_features: int) -> Floats:
    """Return what the axes leave of the newest step of some segments.

    Parameters
    ----------
    parts : ndarray of shape (n_segments, n_segment_steps * n_features)
        Scaled and clipped.
    segments : Segments
        Fitted.
    n_features : int

    Returns
    -------
    errors : ndarray of shape (n_segments, n_features)
    """
    centred = parts - segments.mean
    # a product for each row: its rounding must not depend on the number of rows
    projected = centred[:, np.newaxis] @ segments.axes
    rebuilt = projected @ segments.axes[-n_features:].T
    return centred[:, -n_features:] - rebuilt[:, 0]


def _cut_segments(x: Floats, size: int) -> Iterator[Floats]:
    """Yield the segments of the steps in chunks; before x is its first step."""
    n_features = x.shape[1]
    padded = np.pad(x, ((size // n_features - 1, 0), (0, 0)), mode="edge")
    segments = sliding_window_view(padded.ravel(), size)[::n_features]
    for start in range(0, len(x), _CHUNK):
        yield segments[start : start + _CHUNK]


# From deviations to scores ----------------------------------------------------------


def to_energies(deviations: Floats) -> Floats:
    """Return squares of deviations in units of their scatter, bounded."""
    return np.minimum(deviations**2, FARTHEST**2)


def median_of_known(energies: Floats) -> Floats:
    """Return the median over steps; 0 where a kind is NaN at all of them.

    Parameters
    ----------
    energies : ndarray of shape (n_steps, n_features, n_kinds)
        NaN where a kind is not known, for all features.

    Returns
    -------
    medians : ndarray of shape (n_features, n_kinds)
    """
    medians = np.zeros(energies.shape[1:])
    for kind, values in enumerate(np.moveaxis(energies, 2, 0)):
        known = values[~np.isnan(values[:, 0])]
        if len(known) > 0:
            medians[:, kind] = np.median(known, axis=0)
    return medians


def smooth(energies: Floats, span: int, start: Floats) -> Floats:
    """Return exponentially weighted means over the steps so far.

    Parameters
    ----------
    energies : ndarray of shape (n_steps, ...)
        Values of the steps.
    span : int
        The weight of the newest step is ``2 / (span + 1)``.
    start : ndarray of shape (...)
        Mean before the first step.

    Returns
    -------
    means : ndarray of shape (n_steps, ...)
        Of each step and those before it.
    """
    share = 2 / (span + 1)
    state = (1 - share) * start[np.newaxis]
    return lfilter([share], [1, share - 1], energies, axis=0, zi=state)[0]


def robust_threshold(scores: Floats, n_scatters: float) -> float:
    """Return a threshold that anomalies among the scores hardly move.

    The logarithms of scores are nearly normal: their median plus `n_scatters` of their
    scatter.
    """
    logs = np.log(np.fmax(scores, _LEAST_SCORE))
    middle = np.median(logs)
    scatter = max(_robust_scatter(logs - middle), _LEAST_SCATTER)
    return float(np.exp(middle + n_scatters * scatter))


def accumulate(scores: Floats, aggregation: str, running: Floats) -> Floats:
    """Return the highest score so far or, for a mean, the sum in order of time.

    Parameters
    ----------
    scores : ndarray of shape (n_steps, ...)
        Scores of new steps.
    aggregation : {"max", "mean"}
        What is computed.
    running : ndarray of shape (...)
        Result for the steps before: 0 without any, since no score is negative.

    Returns
    -------
    running : ndarray of shape (...)
    """
    if aggregation == "max":
        return np.maximum(running, scores.max(axis=0))
    return np.cumsum(np.concatenate([running[np.newaxis], scores]), axis=0)[-1]


# Stretches --------------------------------------------------------------------------


def find_episodes(
    scores: Floats, threshold: float, energies: Floats, means: Floats, max_gap: int
) -> list[slice]:
    """Return the anomalous stretches of one series.

    A smoothed score stays high after an anomaly: steps whose energy is below the mean
    that it adds to have no part in a stretch, unless it goes on after them.

    Parameters
    ----------
    scores : ndarray of shape (n_steps,)
        Scores of the steps.
    threshold : float
        Steps of a stretch have higher scores.
    energies : ndarray of shape (n_steps,)
        Of each step.
    means : ndarray of shape (n_steps,)
        The energies, smoothed.
    max_gap : int
        Stretches at most this many steps apart are joined.

    Returns
    -------
    episodes : list of slice
        In order of time.
    """
    flags = (scores > threshold) & (energies >= (1 - _ROUNDING) * means)
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False])).reshape(-1, 2)
    episodes: list[slice] = []
    for start, stop in edges.tolist():
        if episodes and start - episodes[-1].stop <= max_gap:
            start = episodes.pop().start
        episodes.append(slice(start, stop))
    return episodes


def drop_gradual(
    episodes: list[slice], scores: Floats, threshold: float
) -> list[slice]:
    """Leave out stretches whose peaks decrease gradually to normal scores.

    Parameters
    ----------
    episodes : list of slice
        Stretches of one series.
    scores : ndarray of shape (n_steps,)
        Scores of its steps.
    threshold : float
        Scores up to it are normal.

    Returns
    -------
    episodes : list of slice
        Those above the last large drop in the sorted peaks, as in Hundman et al. 2018,
        section 3.3, and all with a high peak.
    """
    peaks = np.array([scores[episode].max() for episode in episodes])
    order = np.argsort(-peaks, kind="stable")
    ladder = np.r_[peaks[order], scores[scores <= threshold].max(initial=0.0)]
    is_drop = ladder[1:] < (1 - _LEAST_DROP) * ladder[:-1]
    n_high = int((peaks >= _HIGH_PEAK * threshold).sum())
    n_kept = max(int(is_drop.nonzero()[0].max(initial=-1)) + 1, n_high)
    return [episodes[i] for i in sorted(order[:n_kept])]
