"""Accepted values of the constructor parameters of all estimators."""

import copy
import itertools
import os
import warnings
from collections.abc import Callable
from inspect import signature
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.metrics import get_scorer_names

from sklearn_rnn._building import OPTIMIZERS
from sklearn_rnn._defaults import is_auto
from sklearn_rnn._sequences import TAGGER_SCHEMES
from sklearn_rnn.nn import CELLS, REGRESSION_LOSSES
from sklearn_rnn.utils import Interval, StrOptions

_COUNT = Interval(Integral, 1, None, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_INSIDE_UNIT = Interval(Real, 0, 1, closed="neither")

CONSTRAINTS: dict[str, list[Any]] = {
    "level": [StrOptions({"char", "word", "subword"})],
    "max_tokens": [_COUNT, None],
    "min_count": [_COUNT],
    "end_token": ["boolean"],
    "contamination": [Interval(Real, 0, 0.5, closed="right")],
    "smoothing": [_COUNT],
    "aggregation": [StrOptions({"max", "mean"})],
    "horizon": [_COUNT],
    "context": [_COUNT],
    "season_length": [_COUNT],
    "segment_length": [_COUNT],
    "target_features": ["array-like", str, Integral, None],
    "known_features": ["array-like", str, Integral, None],
    "scaling": [StrOptions({"last", "robust", "mean"}), None],
    "quantiles": ["array-like", None],
    "calibration_origins": [Interval(Integral, 0, None, closed="left")],
    "cell": [StrOptions(set(CELLS)), type],
    "nonlinearity": [StrOptions({"tanh", "relu"})],
    "hidden_size": [_COUNT, tuple, list],
    "num_layers": [_COUNT],
    "bidirectional": ["boolean"],
    "pooling": [StrOptions({"last", "mean", "max", "meanmax", "attention"})],
    "conv_channels": [_COUNT, tuple, list, None],
    "conv_kernel_size": [_COUNT, tuple, list],
    "conv_stride": [_COUNT, tuple, list],
    "conv_pooling": ["boolean"],
    "random_kernels": [_COUNT, None],
    "ngrams": [_COUNT, None],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "embedding_dim": [_COUNT, tuple, list, None],
    "tie_weights": ["boolean"],
    "truncate": [_COUNT],
    "attention": ["boolean"],
    "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    "length_penalty": [Interval(Real, 0, 10, closed="both")],
    "max_length": [_COUNT],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "loss": [StrOptions(set(REGRESSION_LOSSES))],
    "quantile": [_INSIDE_UNIT, tuple, list],
    "crf": ["boolean"],
    "scheme": [StrOptions(set(TAGGER_SCHEMES)), None],
    "target_level": [StrOptions({"char", "word"})],
    "upsample": [_COUNT],
    "beam_size": [_COUNT],
    "optimizer": [StrOptions(set(OPTIMIZERS)), type],
    "learning_rate": [_POSITIVE],
    "learning_rate_schedule": [StrOptions({"onecycle", "cosine", "plateau"}), None],
    "weight_averaging": [Interval(Real, 0, 1, closed="left")],
    "weight_decay": [_NOT_NEGATIVE],
    "max_grad_norm": [_POSITIVE, None],
    "batch_size": [_COUNT],
    "max_epochs": [_COUNT],
    "tol": [_NOT_NEGATIVE],
    "n_iter_no_change": [_COUNT],
    "early_stopping": ["boolean"],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
    "validation_fraction": [_INSIDE_UNIT],
    "class_weight": [StrOptions({"balanced"}), dict, None],
    "warm_start": ["boolean"],
    "device": [str, torch.device],
    "callbacks": [list, tuple, None],
    "checkpoint": [str, os.PathLike, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def constraints_of(constructor: Callable[..., None]) -> dict[str, list[Any]]:
    """Return `_parameter_constraints` for the parameters of a constructor.

    "auto" is accepted where it is the default.
    """
    _, *parameters = signature(constructor).parameters.values()  # the first is self
    return {
        p.name: CONSTRAINTS[p.name] + [StrOptions({"auto"})] * is_auto(p.default)
        for p in parameters
    }


def check_quantile(estimator: Any) -> None:
    """Validate several levels; warn if `quantile` is set, but the loss is another."""
    quantile = estimator.quantile
    if not isinstance(quantile, Real) and not _are_levels(quantile):
        raise ValueError(
            f"The 'quantile' parameter of {type(estimator).__name__} must be a float "
            f"between 0 and 1, or an increasing sequence of them. Got {quantile!r} "
            "instead."
        )
    if estimator.loss != "quantile" and estimator.quantile != 0.5:
        warnings.warn(
            f"quantile={estimator.quantile!r} has no effect with "
            f"loss={estimator.loss!r}. Set loss='quantile' to predict a quantile.",
            UserWarning,
            stacklevel=8,
        )


def _are_levels(quantile: Any) -> bool:
    if not quantile or not all(isinstance(q, Real) and 0 < q < 1 for q in quantile):
        return False
    return all(a < b for a, b in itertools.pairwise(quantile))


# parameters that define the network and the encoding of X and y
FIXED_BY_FIT = (
    *("attention", "label_smoothing"),
    *("level", "max_tokens", "min_count", "end_token", "tie_weights"),
    *("horizon", "context", "segment_length", "scaling", "calibration_origins"),
    *("season_length", "target_features", "known_features", "quantiles"),
    *("contamination", "smoothing", "aggregation"),
    *("cell", "nonlinearity", "hidden_size", "num_layers", "bidirectional", "pooling"),
    *("conv_channels", "conv_kernel_size", "conv_stride", "conv_pooling"),
    *("random_kernels", "ngrams"),
    *("categorical_features", "embedding_dim", "loss", "quantile", "crf", "scheme"),
    *("target_level", "upsample"),
)


def get_fixed_parameters(estimator: Any) -> dict[str, Any]:
    """Return copies of the parameters that a fitted network depends on."""
    parameters = estimator.get_params(deep=False)
    fixed = (name for name in FIXED_BY_FIT if name in parameters)
    return {name: copy.deepcopy(parameters[name]) for name in fixed}


def refuse_changed_parameters(estimator: Any, fitted: dict[str, Any]) -> None:
    """Raise an error if a parameter has changed since fit."""
    for name, value in fitted.items():
        now = getattr(estimator, name)
        if now is not value and not _equal(now, value):
            again = "fit" + " with warm_start=False" * hasattr(estimator, "warm_start")
            raise ValueError(
                f"The parameter {name!r} of this {type(estimator).__name__} changed "
                f"from {value!r} to {now!r} after fit, but the network depends "
                f"on it. Call {again}, or change it back with "
                "set_params."
            )


def _equal(a: Any, b: Any) -> bool:
    if type(a) is type(b) and not hasattr(a, "__len__"):
        return bool(a == b)
    return np.array_equal(np.asarray(a, object), np.asarray(b, object))
