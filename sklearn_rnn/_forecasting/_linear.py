"""The linear part of a forecast: a ridge regression, from sums over windows."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from sklearn_rnn._forecasting._encoding import WindowEncoder
from sklearn_rnn._forecasting._windows import FEW_WINDOWS, Shape, Windows

Floats = NDArray[np.float64]

_PENALTIES = 10.0 ** np.arange(3, -5, -0.5)  # in doubt, the strongest
_CAUTION = 1.4  # for each degree of freedom: windows overlap; Kim & Gu 2004
_LEAST_LEFT = 1e-6  # of the root mean square of the future: less is rounding
_MOST_BLOCKS = 4  # of a window and its future, to learn from

Batch = tuple[Floats, Floats, Floats, NDArray[np.intp]]


class LinearForecast(NamedTuple):
    """A linear forecast of scaled windows.

    Parameters
    ----------
    coef : ndarray of shape (horizon, n_inputs)
        Weights.
    intercept : ndarray of shape (horizon,)
        Constant terms.
    spread : ndarray of shape (horizon,)
        Root mean square of what is left; nearly 0 if nothing is.
    moments : ndarray of shape (2, context)
        Mean and mean square of the scaled steps.
    """

    coef: Floats
    intercept: Floats
    spread: Floats
    moments: Floats

    def predict(self, inputs: Floats) -> Floats:
        """Return forecasts, each from its own row alone, to the last bit."""
        # a matrix product rounds differently in batches of another size
        products = np.stack([(self.coef * row).sum(axis=1) for row in inputs])
        return products + self.intercept

    def predict_batch(self, inputs: Floats) -> Floats:
        """Return forecasts; faster, but not to the last bit."""
        return inputs @ self.coef.T + self.intercept


def fit_linear(
    windows: Windows, weight: Floats, encoder: WindowEncoder, season: int
) -> LinearForecast:
    """Fit the ridge regression of the future on the past of all windows.

    Its weights are drawn to those of a simple forecast. Which one, and how strongly, is
    decided by generalised cross-validation. If windows are few for a long horizon, a
    season is forecast from the window that ends with the forecast of the last one.

    Parameters
    ----------
    windows : Windows
        Windows of the training.
    weight : ndarray of shape (n_rows,)
        Weight of each.
    encoder : WindowEncoder
        Fitted.
    season : int
        Number of steps after which the series repeats itself.

    Returns
    -------
    linear : LinearForecast
    """
    shape = windows.shape
    sums = _sum_products(_read_windows(windows, weight, encoder))
    if _is_better_by_season(windows, encoder, season, sums.n_windows):
        blocks = _read_blocks(windows, weight, encoder, season)
        step = _choose_weights(_sum_products(blocks), shape.context, season)
        weights = _repeat_forecast(step, shape, encoder.moves_with_window)
    else:
        weights = _choose_weights(sums, shape.context, season)
    least = _LEAST_LEFT * np.maximum(np.sqrt(sums.future), _LEAST_LEFT)
    spread = np.maximum(np.sqrt(np.maximum(sums.measure_errors(weights), 0)), least)
    moments = np.stack([sums.within[0, 1:], np.diagonal(sums.within)[1:]])
    return LinearForecast(
        weights[:, 1:], weights[:, 0], spread, moments[:, : shape.context]
    )


class _Sums(NamedTuple):
    """Weighted means of products over all windows. The first input is 1."""

    within: Floats  # (1 + n_inputs, 1 + n_inputs)
    across: Floats  # (n_outputs, 1 + n_inputs)
    future: Floats  # (n_outputs,)
    n_windows: float

    def measure_errors(self, weights: Floats) -> Floats:
        """Return the mean squared error of each output, (n_outputs,)."""
        explained = ((2 * self.across - weights @ self.within) * weights).sum(axis=1)
        return self.future - explained


def _sum_products(batches: Iterator[Batch]) -> _Sums:
    gram: Floats | float = 0.0
    marks, weights = [], []
    for inputs, future, weight, n_before in batches:
        both = np.hstack([np.ones((len(inputs), 1)), inputs, future])
        gram = gram + both.T @ (weight[:, np.newaxis] * both)
        mark = (both * np.sqrt(np.arange(both.shape[1]))).sum(axis=1)
        marks.append(n_before + 1j * mark)
        weights.append(weight)
    assert isinstance(gram, np.ndarray)
    n = 1 + inputs.shape[1]
    gram = gram / gram[0, 0]
    count = _count_different(np.concatenate(marks), np.concatenate(weights))
    return _Sums(gram[:n, :n], gram[n:, :n], np.diagonal(gram)[n:], count)


def _count_different(marks: NDArray[np.complex128], weight: Floats) -> float:
    """Return the number of different windows; fewer, if their weights differ.

    Copies say nothing new, and count as a weight does.

    Parameters
    ----------
    marks : ndarray of shape (n_windows,)
        Number of steps before, and a number that only equal windows share.
    weight : ndarray of shape (n_windows,)
    """
    _, number = np.unique(marks, return_inverse=True)
    weight = np.bincount(number, weight)
    return float(weight.sum() ** 2 / (weight**2).sum())


def _read_windows(
    windows: Windows, weight: Floats, encoder: WindowEncoder
) -> Iterator[Batch]:
    """Yield inputs, future, weights and number of steps before, of all windows."""
    for rows in windows.chunks():
        cut = windows.take(rows)
        scale = encoder.measure_scale(cut)
        inputs = encoder.list_linear_inputs(cut, scale.apply(cut.past))
        future, n_before = scale.apply(cut.future), windows.count_before(rows)
        yield inputs, future, weight[rows], n_before


def _read_blocks(
    windows: Windows, weight: Floats, encoder: WindowEncoder, length: int
) -> Iterator[Batch]:
    """Yield the same of shorter futures, that begin at some steps of each future.

    All of them together reach to the last step of the series.
    """
    context, horizon = windows.shape
    n_begins = min(_MOST_BLOCKS, -(-horizon // length))
    begins = np.linspace(0, horizon - length, n_begins).astype(np.intp)
    for rows in windows.chunks():
        cut = windows.take(rows)
        steps = np.hstack([cut.past, cut.future])
        for begin in begins:
            past, future = np.split(
                steps[:, begin : begin + context + length], [context], axis=1
            )
            scale = encoder.measure_scale(cut._replace(past=past))
            n_before = windows.count_before(rows) + begin
            yield scale.apply(past), scale.apply(future), weight[rows], n_before


def _is_better_by_season(
    windows: Windows, encoder: WindowEncoder, season: int, n_windows: float
) -> bool:
    context, horizon = windows.shape
    return (
        1 < season < horizon
        and season <= context
        and n_windows < FEW_WINDOWS * horizon
        and len(windows.columns.covariates) == 0
        and encoder.moves_with_window is not None
    )


def _choose_weights(sums: _Sums, context: int, season: int) -> Floats:
    """Return the weights of the least error by generalised cross-validation."""
    values, vectors = eigh(sums.within)
    values = np.maximum(values, 0)[:, np.newaxis]
    raised = values + _PENALTIES  # (1 + n_inputs, n_penalties)
    left = 1 - _CAUTION * (values / raised).sum(axis=0) / sums.n_windows
    rounding = _LEAST_LEFT**2 * sums.future.sum()
    best, weights = np.inf, np.zeros_like(sums.across)
    for start in _list_starts(sums.across.shape, context, season):
        turned = (sums.across - start @ sums.within) @ vectors
        explained = (turned**2).sum(axis=0) @ ((raised + _PENALTIES) / raised**2)
        error = np.maximum(sums.measure_errors(start).sum() - explained, rounding)
        error = np.where(left > 0, error / np.maximum(left, 1e-9) ** 2, np.inf)
        i = int(error.argmin())
        if error[i] < best:
            best = error[i]
            weights = start + (turned / raised[:, i]) @ vectors.T
    return weights


def _list_starts(shape: tuple[int, ...], context: int, season: int) -> Iterator[Floats]:
    """Yield the weights of simple forecasts.

    They are the location, the last step, the last season, and the last season with its
    growth since the one before.
    """
    yield np.zeros(shape)
    ahead = np.arange(shape[0])
    for period in sorted({1, season}):
        if period <= context:
            start = np.zeros(shape)
            start[ahead, 1 + context - period + ahead % period] = 1
            yield start
    if season > 1 and 2 * season <= context:
        growth = (1 + ahead // season)[:, np.newaxis] / season
        start = start.copy()
        start[:, 1 + context - season : 1 + context] += growth
        start[:, 1 + context - 2 * season : 1 + context - season] -= growth
        yield start


def _repeat_forecast(weights: Floats, shape: Shape, moves: bool | None) -> Floats:
    """Return the weights of a forecast of forecasts, each of the window before.

    Parameters
    ----------
    weights : ndarray of shape (length, 1 + context)
        Weights of a forecast of some steps.
    shape : Shape
        Of the window, and of all that is forecast.
    moves : bool
        Whether a window is less its last step.
    """
    context, horizon = shape
    steps = np.eye(1 + context)[1:]  # of the window, as weights of the first one
    for _ in range(-(-horizon // len(weights))):
        window = steps[-context:]
        location = window[-1] if moves else np.zeros(1 + context)
        ahead = weights[:, 1:] @ (window - location) + location
        ahead[:, 0] += weights[:, 0]
        steps = np.vstack([steps, ahead])
    return steps[context : context + horizon]
