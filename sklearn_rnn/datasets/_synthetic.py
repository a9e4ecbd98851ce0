"""Generated sequences whose targets require memory."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from sklearn.utils import check_random_state

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.utils import Interval, validate_params

_COMMON = {
    "n_samples": [Interval(Integral, 1, None, closed="left")],
    "n_steps": [Integral, tuple],
    "random_state": ["random_state"],
}


@validate_params(_COMMON, prefer_skip_nested_validation=True)
def make_adding_problem(
    n_samples: int = 100,
    *,
    n_steps: int | tuple[int, int] = 20,
    random_state: Any = None,
) -> tuple[NDArray[np.float64] | RaggedArray, NDArray[np.float64]]:
    """Generate sequences of numbers; the target is the sum of two marked numbers.

    The first feature is uniform between 0 and 1. The second is 1 at one step of the
    first half and at one step of the second half, and 0 elsewhere. A constant
    prediction of the mean, 1, has a mean squared error of 1/6. A model that remembers
    only one of the two numbers has 1/12.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int or tuple (shortest, longest), default=20
        Number of steps of each sequence, or the range to draw it from. At least 2.
    random_state : int, RandomState instance or None, default=None
        Seed of the sequences. Pass an int for reproducible output.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 2) or RaggedArray
        The sequences: a RaggedArray if `n_steps` is a range.
    y : ndarray of shape (n_samples,)
        The sum of the two marked numbers.

    See Also
    --------
    make_delayed_copy : The class is given by the first step.
    make_parity : The class depends on every step.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8),
    1997, section 5.4.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, n_steps=6, random_state=0)
    >>> X.shape
    (3, 6, 2)
    >>> bool(((X[:, :, 0] * X[:, :, 1]).sum(axis=1) == y).all())
    True
    """
    rng = check_random_state(random_state)
    lengths = _draw_lengths(rng, "make_adding_problem", n_samples, n_steps, at_least=2)
    starts = lengths_to_offsets(lengths)[:-1]
    numbers = rng.uniform(size=lengths.sum())
    first = starts + rng.randint(lengths // 2)
    second = starts + rng.randint(lengths // 2, lengths)
    marks = np.zeros_like(numbers)
    marks[first] = marks[second] = 1
    X = np.stack([numbers, marks], axis=1)
    return _in_sequences(X, lengths, n_steps), numbers[first] + numbers[second]


@validate_params(
    {**_COMMON, "n_classes": [Interval(Integral, 2, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def make_delayed_copy(
    n_samples: int = 100,
    *,
    n_steps: int | tuple[int, int] = 20,
    n_classes: int = 4,
    random_state: Any = None,
) -> tuple[NDArray[np.float64] | RaggedArray, NDArray[np.int64]]:
    """Generate sequences of random symbols; the class is the first symbol.

    Each step is a random symbol, one-hot encoded. To predict the first symbol after the
    last step, a network must remember it over ``n_steps - 1`` steps. The other symbols
    carry no information about the class.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int or tuple (shortest, longest), default=20
        Number of steps of each sequence, or the range to draw it from. At least 1.
    n_classes : int, default=4
        Number of symbols and of classes.
    random_state : int, RandomState instance or None, default=None
        Seed of the sequences. Pass an int for reproducible output.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, n_classes) or RaggedArray
        The sequences: a RaggedArray if `n_steps` is a range.
    y : ndarray of shape (n_samples,)
        The first symbol, an integer from 0 to ``n_classes - 1``.

    See Also
    --------
    make_adding_problem : The target depends on two marked steps.
    make_parity : The class depends on every step.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8),
    1997, section 5.2, with longer and harder versions.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_delayed_copy
    >>> X, y = make_delayed_copy(5, random_state=0)
    >>> X.shape
    (5, 20, 4)
    >>> y
    array([0, 2, 2, 3, 2])
    >>> X[:, 0].argmax(axis=1)
    array([0, 2, 2, 3, 2])
    """
    rng = check_random_state(random_state)
    lengths = _draw_lengths(rng, "make_delayed_copy", n_samples, n_steps)
    symbols = rng.randint(n_classes, size=lengths.sum())
    X = np.eye(n_classes)[symbols]
    return _in_sequences(X, lengths, n_steps), symbols[lengths_to_offsets(lengths)[:-1]]


@validate_params(_COMMON, prefer_skip_nested_validation=True)
def make_parity(
    n_samples: int = 100,
    *,
    n_steps: int | tuple[int, int] = 20,
    random_state: Any = None,
) -> tuple[NDArray[np.float64] | RaggedArray, NDArray[np.int64]]:
    """Generate sequences of bits; the class is 1 if the number of ones is odd.

    Flipping any bit changes the class, so no proper subset of the bits carries
    information about it. One bit of memory is enough. A linear model of the mean of all
    steps does not exceed chance level.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int or tuple (shortest, longest), default=20
        Number of steps of each sequence, or the range to draw it from. At least 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the sequences. Pass an int for reproducible output.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 1) or RaggedArray
        The bits, 0 or 1: a RaggedArray if `n_steps` is a range.
    y : ndarray of shape (n_samples,)
        0 (even) or 1 (odd).

    See Also
    --------
    make_delayed_copy : The class is given by the first step.
    make_regime_switch : One class per step.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_parity
    >>> X, y = make_parity(3, n_steps=(4, 9), random_state=0)
    >>> X
    RaggedArray(n_samples=3, n_features=1, n_steps=4..9, dtype=float64)
    >>> [int(bits.sum()) for bits in X]
    [7, 2, 2]
    >>> y
    array([1, 0, 0])
    """
    rng = check_random_state(random_state)
    lengths = _draw_lengths(rng, "make_parity", n_samples, n_steps)
    bits = rng.randint(2, size=lengths.sum())
    X = bits[:, np.newaxis].astype(np.float64)
    y = np.add.reduceat(bits, lengths_to_offsets(lengths)[:-1]) % 2
    return _in_sequences(X, lengths, n_steps), y


@validate_params(
    {
        **_COMMON,
        "n_classes": [Interval(Integral, 2, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def make_sine_mixtures(
    n_samples: int = 100,
    *,
    n_steps: int | tuple[int, int] = (20, 60),
    n_classes: int = 3,
    noise: float = 0.3,
    random_state: Any = None,
) -> tuple[NDArray[np.float64] | RaggedArray, NDArray[np.int64]]:
    r"""Generate noisy mixtures of two sines; the class is their pair of frequencies.

    A sequence of class :math:`c` is

    .. math:: x_t = a_1 \sin(2 \pi f_c t + \varphi_1)
              + a_2 \sin(2 \pi f_{c + 1} t + \varphi_2) + \varepsilon_t

    with amplitudes :math:`a` between 0.5 and 1.5 and phases :math:`\varphi` drawn for
    each sequence. The ``n_classes + 1`` frequencies are evenly spaced from 0.05 to
    0.35 cycles per step. Single steps, or all steps in random order, carry no
    information about the class.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences. The sizes of the classes differ by at most one.
    n_steps : int or tuple (shortest, longest), default=(20, 60)
        Number of steps of each sequence, or the range to draw it from. At least 1.
    n_classes : int, default=3
        Number of classes.
    noise : float, default=0.3
        Standard deviation of :math:`\varepsilon`.
    random_state : int, RandomState instance or None, default=None
        Seed of the sequences. Pass an int for reproducible output.

    Returns
    -------
    X : RaggedArray or ndarray of shape (n_samples, n_steps, 1)
        The sequences: a RaggedArray if `n_steps` is a range.
    y : ndarray of shape (n_samples,)
        The class, an integer from 0 to ``n_classes - 1``.

    See Also
    --------
    make_regime_switch : One class per step.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_sine_mixtures
    >>> X, y = make_sine_mixtures(6, random_state=0)
    >>> X
    RaggedArray(n_samples=6, n_features=1, n_steps=20..59, dtype=float64)
    >>> y
    array([1, 0, 1, 0, 2, 2])
    """
    rng = check_random_state(random_state)
    lengths = _draw_lengths(rng, "make_sine_mixtures", n_samples, n_steps)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    frequency = np.linspace(0.05, 0.35, n_classes + 1)
    time = np.arange(lengths.sum()) - np.repeat(
        lengths_to_offsets(lengths)[:-1], lengths
    )
    x = noise * rng.normal(size=len(time))
    for part in (0, 1):
        amplitude = rng.uniform(0.5, 1.5, n_samples).repeat(lengths)
        phase = rng.uniform(size=n_samples).repeat(lengths)
        cycles = frequency[y + part].repeat(lengths) * time + phase
        x += amplitude * np.sin(2 * np.pi * cycles)
    return _in_sequences(x[:, np.newaxis], lengths, n_steps), y


@validate_params(
    {**_COMMON, "switch_probability": [Interval(Real, 0, 1, closed="both")]},
    prefer_skip_nested_validation=True,
)
def make_regime_switch(
    n_samples: int = 100,
    *,
    n_steps: int | tuple[int, int] = 100,
    switch_probability: float = 0.05,
    random_state: Any = None,
) -> tuple[NDArray[np.float64] | RaggedArray, NDArray[np.int64] | RaggedArray]:
    r"""Generate signals that switch between two regimes; the target is the regime.

    The regime :math:`z_t` is a Markov chain, and

    .. math:: x_t = \pm 0.9 x_{t - 1} + \varepsilon_t

    with plus in regime 0 (smooth) and minus in regime 1 (jagged). Each :math:`x_t` is
    standard normal in both regimes, so only the order of the steps carries information
    about the regime.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int or tuple (shortest, longest), default=100
        Number of steps of each sequence, or the range to draw it from. At least 1.
    switch_probability : float, default=0.05
        Probability that the regime changes from one step to the next.
    random_state : int, RandomState instance or None, default=None
        Seed of the sequences. Pass an int for reproducible output.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 1) or RaggedArray
        The signals: a RaggedArray if `n_steps` is a range.
    y : ndarray of shape (n_samples, n_steps) or RaggedArray
        The regime at each step, 0 or 1: a RaggedArray of one feature if `n_steps` is a
        range.

    See Also
    --------
    make_sine_mixtures : One class per sequence.

    Examples
    --------
    >>> from sklearn_rnn.datasets import make_regime_switch
    >>> X, y = make_regime_switch(2, n_steps=12, switch_probability=0.2, random_state=4)
    >>> X.shape
    (2, 12, 1)
    >>> y
    array([[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0],
           [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]])
    """
    rng = check_random_state(random_state)
    lengths = _draw_lengths(rng, "make_regime_switch", n_samples, n_steps)
    shape = n_samples, lengths.max()
    switches = rng.uniform(size=shape) < switch_probability
    switches[:, 0] = rng.randint(2, size=n_samples)
    y = switches.cumsum(axis=1) % 2
    # with s = +-1 the sign at each step and S its running product, u = S x is an
    # autoregression with a constant coefficient, so lfilter replaces a loop over steps
    shocks = rng.normal(size=shape)
    shocks[:, 1:] *= np.sqrt(1 - 0.9**2)
    signs = 1 - 2 * (y.cumsum(axis=1) % 2)
    x = signs * lfilter([1], [1, -0.9], shocks, axis=1)
    if isinstance(n_steps, Integral):
        return x[:, :, np.newaxis], y
    offsets, valid = (
        lengths_to_offsets(lengths),
        np.arange(shape[1]) < lengths[:, np.newaxis],
    )
    return RaggedArray(x[valid], offsets), RaggedArray(y[valid], offsets)


def _draw_lengths(
    rng: np.random.RandomState,
    name: str,
    n_samples: int,
    n_steps: int | tuple[int, int],
    at_least: int = 1,
) -> NDArray[np.int64]:
    limits = n_steps if isinstance(n_steps, tuple) else (n_steps, n_steps)
    if (
        len(limits) != 2
        or not all(isinstance(limit, Integral) for limit in limits)
        or not at_least <= limits[0] <= limits[1]
    ):
        raise ValueError(
            f"The 'n_steps' parameter of {name} must be an int in the range "
            f"[{at_least}, inf) or a tuple (shortest, longest) of two of them. Got "
            f"{n_steps!r} instead."
        )
    return rng.randint(limits[0], limits[1] + 1, size=n_samples)


def _in_sequences(
    values: NDArray, lengths: NDArray[np.int64], n_steps: int | tuple[int, int]
) -> NDArray | RaggedArray:
    """Split concatenated steps, (n_total_steps, n_features), into sequences."""
    if isinstance(n_steps, tuple):
        return RaggedArray(values, lengths_to_offsets(lengths))
    return values.reshape(len(lengths), n_steps, -1)
