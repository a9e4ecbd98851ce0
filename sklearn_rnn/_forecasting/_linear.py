"""The linear part of a forecast: a ridge regression, from sums over windows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve

from sklearn_rnn._forecasting._encoding import WindowEncoder
from sklearn_rnn._forecasting._proof import N_BLOCKS, find_lower_limit
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
        Unit of what the network adds: root mean square of what is left, nearly 0 if
        nothing is, times the share of the network.
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
) -> tuple[LinearForecast, bool]:
    """Fit the ridge regression of the future on the past of all windows.

    Its weights are drawn to those of a simple forecast. Which one, and how strongly, is
    decided by generalised cross-validation. If windows are few for a long horizon, a
    season is forecast from the window that ends with the forecast of the last one. If
    origins are many, and the ridge regression is not surely better than all simple
    forecasts on blocks of them that are left out, the best simple one takes its place.

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
    is_simple : bool
        Whether a simple forecast took the place of the ridge regression.
    """
    shape = windows.shape
    limits = windows.cut_blocks(N_BLOCKS)
    blocks, n_windows = _sum_products(_read_windows(windows, weight, encoder), limits)
    sums = _to_sums(sum(blocks), n_windows)
    is_simple = False
    if _is_better_by_season(windows, encoder, season, n_windows):
        read = _read_blocks(windows, weight, encoder, season)
        of_blocks, n_windows = _sum_products(read, limits[[0, -1]])
        step = _choose_ridge(_to_sums(sum(of_blocks), n_windows), shape, season)
        weights = _repeat_forecast(step.weights, shape, encoder.moves_with_window)
    else:
        ridge = _choose_ridge(sums, shape, season)
        weights = ridge.weights
        if limits[-1] - limits[0] >= FEW_WINDOWS * shape.horizon:
            starts = _list_starts(sums.across.shape, shape.context, season)
            simple = min(starts, key=lambda start: sums.measure_errors(start).sum())
            is_simple = not _is_surely_better(ridge, simple, blocks)
            weights = simple if is_simple else weights
    least = _LEAST_LEFT * np.maximum(np.sqrt(sums.future), _LEAST_LEFT)
    spread = np.maximum(np.sqrt(np.maximum(sums.measure_errors(weights), 0)), least)
    moments = np.stack([sums.within[0, 1:], np.diagonal(sums.within)[1:]])
    coef, intercept = weights[:, 1:], weights[:, 0]
    linear = LinearForecast(coef, intercept, spread, moments[:, : shape.context])
    return linear, is_simple


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


def _to_sums(products: Floats, n_windows: float) -> _Sums:
    """Return the parts of what `_sum_products` returns, or of sums of it."""
    n = len(products) - 1
    products = products / products[0, 0]
    return _Sums(products[:n, :n], products[:n, n:].T, products[n, n:], n_windows)


def _sum_products(
    batches: Iterator[Batch], limits: Floats
) -> tuple[list[Floats], float]:
    """Return the sums of products in each block, and the number of different windows.

    Parameters
    ----------
    batches : iterator
        Inputs, future, weight, and the number of steps before.
    limits : ndarray of shape (n_blocks + 1,)
        Of the blocks.

    Returns
    -------
    blocks : list of ndarray of shape (2 + n_inputs, 1 + n_inputs + n_outputs)
        Products of all inputs, of which the first is 1, with themselves and the
        outputs; then the squares of both.
    n_windows : float
    """
    blocks: list[Any] = [0.0] * (len(limits) - 1)
    marks, weights = [], []
    for inputs, future, weight, n_before in batches:
        both = np.hstack([np.ones((len(inputs), 1)), inputs, future])
        mark = (both * np.sqrt(np.arange(both.shape[1]))).sum(axis=1)
        block = np.searchsorted(limits[1:-1], n_before, side="right")
        for i in np.unique(block):
            rows = both[block == i]
            weighted = weight[block == i, np.newaxis] * rows
            products = rows[:, : 1 + inputs.shape[1]].T @ weighted
            squares = (weighted * rows).sum(axis=0)
            blocks[i] = blocks[i] + np.vstack([products, squares])
        marks.append(n_before + 1j * mark)
        weights.append(weight)
    count = _count_different(np.concatenate(marks), np.concatenate(weights))
    return [block for block in blocks if np.ndim(block) > 0], count


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


class _Ridge(NamedTuple):
    """A ridge regression whose weights are drawn to those of a simple forecast."""

    weights: Floats
    start: Floats
    penalty: float


def _choose_ridge(sums: _Sums, shape: Shape, season: int) -> _Ridge:
    """Return the ridge regression of least error by generalised cross-validation."""
    values, vectors = eigh(sums.within)
    values = np.maximum(values, 0)[:, np.newaxis]
    raised = values + _PENALTIES  # (1 + n_inputs, n_penalties)
    left = 1 - _CAUTION * (values / raised).sum(axis=0) / sums.n_windows
    rounding = _LEAST_LEFT**2 * sums.future.sum()
    zero = np.zeros_like(sums.across)
    least, best = np.inf, _Ridge(zero, zero, _PENALTIES[0])
    for start in _list_starts(sums.across.shape, shape.context, season):
        turned = (sums.across - start @ sums.within) @ vectors
        explained = (turned**2).sum(axis=0) @ ((raised + _PENALTIES) / raised**2)
        error = np.maximum(sums.measure_errors(start).sum() - explained, rounding)
        error = np.where(left > 0, error / np.maximum(left, 1e-9) ** 2, np.inf)
        i = int(error.argmin())
        if error[i] < least:
            least = error[i]
            weights = start + (turned / raised[:, i]) @ vectors.T
            best = _Ridge(weights, start, _PENALTIES[i])
    return best


def _is_surely_better(ridge: _Ridge, simple: Floats, blocks: list[Floats]) -> bool:
    """Return whether a ridge regression is better on blocks that it is not fitted on.

    Parameters
    ----------
    ridge : _Ridge
        Fitted on all blocks.
    simple : ndarray of shape (n_outputs, 1 + n_inputs)
        Weights of the simple forecast.
    blocks : list of ndarray
        Sums of products in each; without two of them, there is no doubt.
    """
    if len(blocks) < 2:
        return True
    total = np.sum(blocks, axis=0)
    gains = []
    for block in blocks:
        others, left_out = _to_sums(total - block, np.nan), _to_sums(block, np.nan)
        penalised = others.within + ridge.penalty * np.eye(len(others.within))
        moved = others.across - ridge.start @ others.within
        weights = ridge.start + solve(penalised, moved.T, assume_a="pos").T
        gain = left_out.measure_errors(simple) - left_out.measure_errors(weights)
        gains.append(gain.sum())
    return find_lower_limit(np.array(gains)) > 0


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
