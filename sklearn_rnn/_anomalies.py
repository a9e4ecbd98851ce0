"""Deviations of steps from their past: linear forecasts, scatter, smoothing."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

N_KINDS = 3  # of deviations: from the level, one step ahead, one season ahead
_RIDGE = 1e-2  # penalty a step
FARTHEST_INPUT = 5.0  # an outlier in the past must not spoil later forecasts
FARTHEST = 30.0  # in units of the scatter
_LEAST_SHARE = 0.1  # of the standard deviation: most deviations may be 0
_N_PRIOR = 10.0  # deviations that the scatter of the feature itself counts for
_SCATTER_OF_MAD = 1.4826  # of a normal distribution
_CHUNK = 8192  # windows at a time
_LEAST_SCORE, _LEAST_SCATTER = 0.1, 0.1  # the second of logarithms
NO_SCORE = {"max": -np.inf, "mean": 0.0}  # see `accumulate`
_LEAST_DROP = 0.1  # between the peaks of anomalies and the highest normal score


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


# From deviations to scores ----------------------------------------------------------


def to_energies(deviations: Floats) -> Floats:
    """Return squares of deviations in units of their scatter, bounded."""
    return np.minimum(deviations**2, FARTHEST**2)


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
        Result for the steps before: `NO_SCORE` without any.

    Returns
    -------
    running : ndarray of shape (...)
    """
    if aggregation == "max":
        return np.maximum(running, scores.max(axis=0))
    return np.cumsum(np.concatenate([running[np.newaxis], scores]), axis=0)[-1]


# Stretches --------------------------------------------------------------------------


def find_episodes(scores: Floats, threshold: float, max_gap: int) -> list[slice]:
    """Return the stretches of one series that stand out.

    Parameters
    ----------
    scores : ndarray of shape (n_steps,)
        Scores of the steps.
    threshold : float
        Steps above it are anomalous.
    max_gap : int
        Stretches at most this many steps apart are joined.

    Returns
    -------
    episodes : list of slice
        In order of time. Stretches whose peaks decrease gradually to those of normal
        steps are left out, as in Hundman et al. 2018, section 3.3.
    """
    flags = scores > threshold
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    runs = [slice(*pair) for pair in edges.reshape(-1, 2)]
    highest_normal = scores[~flags].max(initial=0.0)
    return _join(_prune(runs, scores, highest_normal), max_gap)


def _prune(runs: list[slice], scores: Floats, highest_normal: float) -> list[slice]:
    """Keep the runs above the last large drop in the sorted peaks."""
    peaks = np.array([scores[run].max() for run in runs])
    order = np.argsort(-peaks, kind="stable")
    ladder = np.r_[peaks[order], highest_normal]
    is_drop = ladder[1:] < (1 - _LEAST_DROP) * ladder[:-1]
    n_kept = int(is_drop.nonzero()[0].max(initial=-1)) + 1
    return [runs[i] for i in sorted(order[:n_kept])]


def _join(runs: list[slice], max_gap: int) -> list[slice]:
    joined: list[slice] = []
    for run in runs:
        if joined and run.start - joined[-1].stop <= max_gap:
            joined[-1] = slice(joined[-1].start, run.stop)
        else:
            joined.append(run)
    return joined
