"""The linear part of a forecast: a ridge regression, from sums over windows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from sklearn_rnn._forecasting._encoding import WindowEncoder
from sklearn_rnn._forecasting._windows import Windows

Floats = NDArray[np.float64]

_PENALTY = 1e-3  # a window
_LEAST_LEFT = 1e-6  # of the root mean square of the future: less is rounding


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
    windows: Windows, weight: Floats, encoder: WindowEncoder
) -> LinearForecast:
    """Fit the ridge regression of the future on the past of all windows.

    Parameters
    ----------
    windows : Windows
        Windows of the training.
    weight : ndarray of shape (n_rows,)
        Weight of each.
    encoder : WindowEncoder
        Fitted.

    Returns
    -------
    linear : LinearForecast
    """
    gram: Floats | float = 0.0
    for rows in windows.chunks():
        cut = windows.take(rows)
        scale = encoder.measure_scale(cut)
        inputs = encoder.list_linear_inputs(cut, scale.apply(cut.past))
        ones = np.ones((len(rows), 1))
        both = np.hstack([ones, inputs, scale.apply(cut.future)])
        gram = gram + both.T @ (weight[rows, np.newaxis] * both)
    assert isinstance(gram, np.ndarray)
    n_inputs = len(gram) - 1 - windows.shape.horizon
    gram = gram / gram[0, 0]
    mean = gram[0, 1:]
    squares = np.diagonal(gram)[1:]
    gram = gram[1:, 1:] - np.outer(mean, mean)
    within, across = gram[:n_inputs, :n_inputs], gram[:n_inputs, n_inputs:]
    penalised = within + _PENALTY * np.eye(n_inputs)
    coef = solve(penalised, across, assume_a="pos").T
    intercept = mean[n_inputs:] - coef @ mean[:n_inputs]
    left = (
        np.diagonal(gram)[n_inputs:]
        - 2 * (coef * across.T).sum(axis=1)
        + (coef * (coef @ within)).sum(axis=1)
    )
    least = _LEAST_LEFT * np.maximum(np.sqrt(squares[n_inputs:]), _LEAST_LEFT)
    spread = np.maximum(np.sqrt(np.maximum(left, 0)), least)
    context = windows.shape.context
    moments = np.stack([mean[:context], squares[:context]])
    return LinearForecast(coef, intercept, spread, moments)
