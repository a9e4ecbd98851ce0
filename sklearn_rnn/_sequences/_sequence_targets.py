"""Answers to whole sequences: an array with a row a sequence."""

from typing import Any

from sklearn.utils import check_array

from sklearn_rnn._sequences._containers import errors_that_name
from sklearn_rnn._sequences._reading import read_argument

_ARRAY_LIKE = ("__len__", "__array__", "__array_interface__", "__array_struct__")


def read_targets(y: Any, name: str = "y") -> Any:
    """Take y out of tensors, and refuse what is no row of targets.

    Parameters
    ----------
    y : object
        As an estimator got it.
    name : str, default="y"
        Name in error messages.

    Returns
    -------
    y : object
        As `read_argument` returns it.

    Raises
    ------
    ValueError, TypeError
        As `read_argument`, or if y is no container of one target a sequence.
    """
    y = read_argument(y, name)
    array_like = any(hasattr(y, method) for method in _ARRAY_LIKE)
    scalar = not array_like or getattr(y, "ndim", 1) == 0
    if scalar or isinstance(y, str | bytes | dict | set):
        raise TypeError(
            f"{name} must be an array or a list with one target for each sequence. Got "
            f"{type(y).__name__} instead."
        )
    return y


def check_targets(y: Any, *, name: str, owner: str, **options: Any) -> Any:
    """Return y as an array of one or two dimensions, finite if it is of numbers.

    Parameters
    ----------
    y : object
        As an estimator got it.
    name : str
        Name in error messages.
    owner : str
        Name of the estimator, likewise.
    **options
        As for :func:`sklearn.utils.check_array`.

    Raises
    ------
    ValueError, TypeError
        If it is none; the message names y.
    """
    y = read_targets(y, name)
    options = {"ensure_2d": False, "dtype": None, **options}
    with errors_that_name(name):
        return check_array(y, input_name=name, estimator=owner, **options)
