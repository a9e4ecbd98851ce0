"""Values of parameters that are "auto": chosen by the kind and the number of steps."""

import math
from typing import Any

_STEM = (64, 64)
_N_KERNELS = 1000
_MOST_SAMPLES = 10_000
_SOME_SAMPLES = 1000  # from here on, a network beside random kernels learns more
_N_EPOCHS = 100
_MANY_SAMPLES = 10_000  # as in HistGradientBoosting
_LARGE_DATA = 100_000_000  # bytes
_N_UPDATES = {False: 4000, True: 500}  # by whether values are rare
# with the most epochs, by whether there are random kernels
_N_UPDATES_OF_NUMBERS = {False: (10_000, _N_EPOCHS), True: (3000, 50)}
_LEAST_EPOCHS_OF_NUMBERS = 20
_LONGEST_NGRAMS = {False: 4, True: 2}  # by whether values are rare
_MOST_TOKENS = 10_000_000
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


def suggest_random_kernels(n_samples: int) -> int | None:
    """Return the number of random kernels; none where the network has data enough."""
    return _N_KERNELS if n_samples <= _MOST_SAMPLES else None


def suggest_ngrams(has_rare_values: bool, n_steps: int) -> int | None:
    """Return the length of the longest n-grams: of words, longer ones are too rare.

    None for data so large that the n-grams would take gigabytes.
    """
    return _LONGEST_NGRAMS[has_rare_values] if n_steps <= _MOST_TOKENS else None


def suggest_dropout(embeds: bool, n_kernels: int | None, n_samples: int) -> float:
    """Return the dropout probability.

    A network beside random kernels has little to add, and learns the rest by heart:
    less so if there are many samples.
    """
    if embeds:
        return 0.5
    if n_kernels is None:
        return 0.0
    return 0.5 if n_samples < _SOME_SAMPLES else 0.2


def is_enough_for_trial(n_samples: int, n_bytes: int) -> bool:
    """Whether samples can be spared to try the network on, beside random kernels.

    Not where their copies would take as much memory as the data.
    """
    return n_samples >= _SOME_SAMPLES and n_bytes < _LARGE_DATA


def suggest_early_stopping(n_samples: int, n_bytes: int) -> bool:
    """Return whether to hold out a validation set: where it is missed least.

    Not where its copy would be, which takes as much memory as the data.
    """
    return n_samples > _MANY_SAMPLES and n_bytes < _LARGE_DATA


def count_epochs(
    n_updates: float, n_batches: float, least: int = 1, most: float = math.inf
) -> int:
    """Return the number of epochs that make a number of updates, between two bounds."""
    return int(min(max(n_updates / n_batches, least), most))


def suggest_max_epochs(
    embeds: bool, has_rare_values: bool, n_updates: int, n_kernels: int | None = None
) -> int:
    """Return the number of epochs, of `n_updates` updates each.

    A budget of updates, in epochs: words need few, since soon all are known by heart.
    """
    if not embeds:
        budget, most = _N_UPDATES_OF_NUMBERS[n_kernels is not None]
        return count_epochs(budget, n_updates, _LEAST_EPOCHS_OF_NUMBERS, most)
    budget, least = _N_UPDATES[has_rare_values], _LEAST_EPOCHS[has_rare_values]
    return count_epochs(budget, n_updates, least, _N_EPOCHS)
