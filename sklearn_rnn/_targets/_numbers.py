"""One number, or several, a sequence."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, r2_score

from sklearn_rnn._sequences import as_numbers, check_targets
from sklearn_rnn._targets._base import Part, Targets
from sklearn_rnn.utils import Kind, read_state

_STATE = {
    "mean": Kind("finite float64 of some outputs", lambda v, s: _are_moments(v, v)),
    "scale": Kind(
        "as many float64 above 0",
        lambda v, s: _are_moments(v, s["mean"]) and bool((v > 0).all()),
    ),
    "one_dimensional": Kind(
        "a bool, True only of one output",
        lambda v, s: isinstance(v, bool) and (not v or len(s["mean"]) == 1),
    ),
}


def _are_moments(value: Any, mean: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.float64
        and value.ndim == 1
        and 0 < len(value) == len(mean)
        and bool(np.isfinite(value).all())
    )


class NumberTargets(Targets):
    """Numbers; encoded in units of their standard deviation, or as they are: counts.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    loss : str, default="squared_error"
        As the parameter of the estimator. With "poisson", y is not scaled.
    quantile : float or sequence of float, default=0.5
        For ``loss="quantile"``, whose score it is. Predictions of several have a
        further axis, the last.
    """

    def __init__(
        self,
        owner: str,
        loss: str = "squared_error",
        quantile: float | Sequence[float] = 0.5,
    ) -> None:
        super().__init__(owner)
        self.loss = loss
        self.quantile = quantile

    def read(self, y: Any, name: str = "y") -> NDArray[np.float64]:
        y = check_targets(y, name=name, owner=self.owner)
        y = as_numbers(y, name).astype(np.float64)
        if y.ndim > 2:
            raise ValueError(
                f"{name} must have shape (n_samples,) or (n_samples, n_outputs). Got "
                f"shape {y.shape} instead."
            )
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(
                f"loss='poisson' needs {name} >= 0. Got {y.min():g} among the targets."
            )
        return y

    def fit(self, parts: Iterable[Part]) -> "NumberTargets":
        y = next(iter(parts))[0]
        self.one_dimensional = y.ndim == 1
        self.n_outputs = self.n_columns = y[:1].size
        return self

    def fit_scale(self, parts: Iterable[Part]) -> "NumberTargets":
        self.mean, self.scale = np.zeros(self.n_outputs), np.ones(self.n_outputs)
        if self.loss != "poisson":
            self.mean, self.scale = _weighted_moments(
                (y.reshape(len(y), -1), weight) for y, weight in parts
            )
        return self

    def to_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "NumberTargets":
        targets = cls(owner, parameters["loss"], parameters["quantile"])
        targets.mean, targets.scale, targets.one_dimensional = read_state(
            state, "NumberTargets", _STATE
        )
        targets.n_outputs = targets.n_columns = len(targets.mean)
        return targets

    def encode(self, y: NDArray, name: str = "y") -> NDArray[np.float32]:
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {y.shape[1]} outputs, but {self.owner} was fitted on "
                f"{self.n_outputs}."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = ((y - self.mean) / self.scale).astype(np.float32)
        if not np.isfinite(encoded).all():
            raise _too_large(y, name)
        return encoded

    def decode(self, predictions: NDArray) -> NDArray[np.float64]:
        scale, mean = self.scale, self.mean
        if predictions.ndim == 3:  # several quantiles
            scale, mean = scale[:, None], mean[:, None]
        return self._shape_like_fit(predictions * scale + mean)

    def decode_std(self, deviations: NDArray) -> NDArray[np.float64]:
        """Return standard deviations in the units of y."""
        return self._shape_like_fit(deviations * self.scale)

    def score(
        self, encoded: Any, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        if predictions.ndim == 3:
            return score_quantiles(encoded, predictions, self.quantile, sample_weight)
        score = {
            "absolute_error": d2_absolute_error_score,
            "quantile": partial(d2_pinball_score, alpha=self.quantile),
        }.get(self.loss, r2_score)
        return score(encoded, predictions, sample_weight=sample_weight)

    def _shape_like_fit(self, y: NDArray) -> NDArray:
        return y[:, 0] if self.one_dimensional else y


def score_quantiles(
    y: NDArray,
    predictions: NDArray,
    levels: Any,
    sample_weight: NDArray[np.float64] | None,
) -> float:
    """Return the mean over quantiles, the last axis, of :math:`D^2`."""
    scores = [
        d2_pinball_score(
            y, predictions[..., k], alpha=level, sample_weight=sample_weight
        )
        for k, level in enumerate(levels)
    ]
    return float(np.mean(scores))


def _weighted_moments(
    parts: Iterable[Part],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation; a target that does not vary has a scale of 1."""
    moments: _Moments | None = None
    for y, weight in parts:
        if weight.any():
            own = _compute_moments(y, weight)
            moments = own if moments is None else _merge_moments(moments, own)
    assert moments is not None  # weights are not all zero
    mean, std = moments.mean, np.sqrt(moments.variance)
    reach = np.maximum(np.abs(moments.least - mean), np.abs(moments.most - mean))
    varies = (std > 1e-6 * reach) & (std > 1e-10 * np.abs(mean))
    return mean, np.where(varies, std, 1.0)


class _Moments(NamedTuple):
    """Moments of some targets, with the sum of their weights."""

    weight: float
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]


def _compute_moments(y: NDArray, weight: NDArray[np.float64]) -> _Moments:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(y, axis=0, weights=weight)
        variance = np.average((y - mean) ** 2, axis=0, weights=weight)
    if not np.isfinite(variance).all():
        raise _too_large(y, "y")
    return _Moments(weight.sum(), mean, variance, y.min(axis=0), y.max(axis=0))


def _merge_moments(a: _Moments, b: _Moments) -> _Moments:
    # Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance"
    total = a.weight + b.weight
    share = b.weight / total
    with np.errstate(over="ignore", invalid="ignore"):
        apart = b.mean - a.mean
        mean = a.mean + share * apart
        variance = (
            (1 - share) * a.variance
            + share * b.variance
            + share * (1 - share) * apart**2
        )
    least, most = np.minimum(a.least, b.least), np.maximum(a.most, b.most)
    if not np.isfinite(variance).all():
        raise _too_large(np.stack([least, most]), "y")
    return _Moments(total, mean, variance, least, most)


def _too_large(y: NDArray, name: str) -> ValueError:
    return ValueError(
        f"{name} has values too large to compute with, up to {np.abs(y).max():g} in "
        "absolute value."
    )
