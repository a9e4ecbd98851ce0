"""Suggestions in errors: the value or the parameter that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import signature
from typing import Any

from sklearn_rnn.utils._sklearn import InvalidParameterError, StrOptions

_VALUES: dict[str, tuple[str, ...]] = {  # names in other libraries
    "mse": ("squared_error", "neg_mean_squared_error"),
    "l2": ("squared_error",),
    "mean_squared_error": ("squared_error", "neg_mean_squared_error"),
    "mae": ("absolute_error", "neg_mean_absolute_error"),
    "l1": ("absolute_error",),
    "mean_absolute_error": ("absolute_error", "neg_mean_absolute_error"),
    "rmse": ("neg_root_mean_squared_error",),
    "f1_score": ("f1",),
    "log_loss": ("neg_log_loss",),
    "cross_entropy": ("neg_log_loss",),
    "pinball": ("quantile",),
    "avg": ("mean",),
    "average": ("mean",),
    "elman": ("rnn",),
    "vanilla": ("rnn",),
    "simplernn": ("rnn",),
    "gru_reset_after": ("gru",),
    "bio": ("iob2",),
    "one_cycle": ("onecycle",),
    "reduce_lr_on_plateau": ("plateau",),
    "character": ("char",),
}

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "epochs": ("max_epochs",),
    "n_epochs": ("max_epochs",),
    "num_epochs": ("max_epochs",),
    "max_iter": ("max_epochs",),
    "units": ("hidden_size",),
    "n_units": ("hidden_size",),
    "hidden_dim": ("hidden_size",),
    "hidden_layer_sizes": ("hidden_size",),
    "n_layers": ("num_layers",),
    "lr": ("learning_rate",),
    "learning_rate_init": ("learning_rate",),
    "l2": ("weight_decay",),
    "alpha": ("weight_decay",),
    "patience": ("n_iter_no_change",),
    "seed": ("random_state",),
    "rnn_type": ("cell",),
    "activation": ("nonlinearity",),
    "solver": ("optimizer",),
    "validation_split": ("validation_fraction",),
    "fh": ("horizon",),
    "n_lags": ("context",),
    "lags": ("context",),
    "lookback": ("context",),
    "sp": ("season_length",),
    "quantile": ("quantiles",),
    "quantiles": ("quantile",),
    "level": ("quantiles",),
    "metric": ("scoring",),
    "metrics": ("scoring",),
    "stateful": ("warm_start",),
}
_LEAST = 3  # characters of a name that is found in another


class AdviceMixin:
    """Suggest the parameter, or the value of it, that was probably meant."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse an unknown parameter as the constructor would, with a suggestion."""
        parameters = signature(cls.__init__).parameters
        takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
        for name in kwargs:
            if name not in parameters and not takes_any:
                raise TypeError(
                    f"{cls.__name__}.__init__() got an unexpected keyword argument "
                    f"{name!r}.{_suggest(name, parameters, _PARAMETERS)}"
                )
        return super().__new__(cls)

    def _validate_params(self) -> None:
        try:
            super()._validate_params()  # type: ignore[misc]
        except InvalidParameterError as error:
            advice = _suggest_value(self, str(error))
            if not advice:
                raise
            raise InvalidParameterError(f"{error}{advice}") from None


def suggest(value: str, options: Iterable[str]) -> str:
    """Return the question whether an option was meant, after a space, or "".

    Parameters
    ----------
    value : str
        What came.
    options : iterable of str
        What is accepted.
    """
    return _suggest(value, options, _VALUES)


def _suggest(
    value: str, options: Iterable[str], synonyms: dict[str, tuple[str, ...]]
) -> str:
    plain = value.lower().replace("-", "_").replace(" ", "_")
    options = sorted(options, key=lambda option: (len(option), option))
    beginning = [o for o in options if o.startswith(plain) and len(plain) >= _LEAST]
    containing = [o for o in options if plain in o and len(plain) >= _LEAST]
    for meant in (
        [name for name in synonyms.get(plain, ()) if name in options],
        beginning,
        get_close_matches(plain, options, n=1),
        containing,
    ):
        if meant:
            return f" Did you mean {meant[0]!r}?"
    return ""


def _suggest_value(estimator: Any, error: str) -> str:
    """Return the suggestion for the value of the parameter that an error names."""
    name = error.split("'")[1]
    value = getattr(estimator, name)
    options = {
        option
        for constraint in estimator._parameter_constraints[name]
        if isinstance(constraint, StrOptions)
        for option in constraint.options
    }
    return suggest(value, options) if isinstance(value, str) else ""
