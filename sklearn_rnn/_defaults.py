"""Values of parameters that are "auto": chosen by the kind of steps."""

import math
from typing import Any

_STEM = (64, 64)
_N_EPOCHS = 100
_MANY_SAMPLES = 10_000  # as in HistGradientBoosting
_N_UPDATES = {False: 4000, True: 500}  # by whether values are rare
_LEAST_EPOCHS = {False: 10, True: 3}


def resolve(rnn: Any, name: str, suggested: Any) -> Any:
    """Return the value of a parameter; what is suggested if it is "auto"."""
    value = getattr(rnn, name)
    return suggested if is_auto(value) else value


def is_auto(value: Any) -> bool:
    """Whether `fit` chooses the value."""
    return isinstance(value, str) and value == "auto"


def suggest_conv_channels(embeds: bool) -> tuple[int, ...] | None:
    """Return the stem: none for tokens and categories, which it would blur."""
    return None if embeds else _STEM


def suggest_dropout(embeds: bool) -> float:
    """Return the dropout probability."""
    return 0.5 if embeds else 0.0


def suggest_early_stopping(n_samples: int) -> bool:
    """Return whether to hold out a validation set: where it is missed least."""
    return n_samples > _MANY_SAMPLES


def count_epochs(
    n_updates: float, n_batches: float, least: int = 1, most: float = math.inf
) -> int:
    """Return the number of epochs that make a number of updates, between two bounds."""
    return int(min(max(n_updates / n_batches, least), most))


def suggest_max_epochs(embeds: bool, has_rare_values: bool, n_updates: int) -> int:
    """Return the number of epochs, of `n_updates` updates each.

    A budget of updates, in epochs: words need few, since soon all are known by heart.
    """
    if not embeds:
        return _N_EPOCHS
    budget, least = _N_UPDATES[has_rare_values], _LEAST_EPOCHS[has_rare_values]
    return count_epochs(budget, n_updates, least, _N_EPOCHS)
