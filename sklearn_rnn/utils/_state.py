"""What may stand in the dict that describes a fitted object."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Kind(NamedTuple):
    """Kind of value in the description of an object.

    Parameters
    ----------
    accepted : str
        What is accepted, for error messages.
    fits : callable
        ``fits(value, state)`` tells whether a value is of this kind, beside the other
        values of the description.
    required : bool, default=True
        Whether there must be a value.
    """

    accepted: str
    fits: Callable[[Any, Mapping[str, Any]], bool]
    required: bool = True


def check_state(state: Any, owner: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return a description whose values are those of `kinds`.

    Parameters
    ----------
    state : object
        From a file: anything.
    owner : str
        Name of the object, for error messages.
    kinds : dict of str to Kind
        Which values there must be; a kind may refer to those before it.

    Raises
    ------
    ValueError
        If a value is missing, unknown, or not of its kind.
    """
    if not isinstance(state, dict):
        raise ValueError(f"the state of {owner} must be a dict. Got {state!r} instead.")
    unknown = [name for name in state if name not in kinds]
    if unknown:
        raise ValueError(f"the state of {owner} has {unknown}, which is unknown.")
    for name, kind in kinds.items():
        if name not in state:
            if kind.required:
                raise ValueError(f"the state of {owner} lacks {name!r}.")
        elif not kind.fits(state[name], state):
            raise ValueError(f"{name!r} of {owner} must be {kind.accepted}.")
    return state


def read_state(state: Any, owner: str, kinds: Mapping[str, Kind]) -> list[Any]:
    """Return the values of a description, all of them required, in order of `kinds`."""
    values = check_state(state, owner, kinds)
    return [values[name] for name in kinds]


def may_lack(kind: Kind) -> Kind:
    """Return the kind of a value that need not be there."""
    return kind._replace(required=False)


def optional(kind: Kind) -> Kind:
    """Return the kind that accepts None, too."""
    return Kind(f"{kind.accepted}, or None", lambda v, s: v is None or kind.fits(v, s))


def list_of(kind: Kind) -> Kind:
    """Return the kind of lists."""

    def fits(value: Any, state: Mapping[str, Any]) -> bool:
        return isinstance(value, list) and all(kind.fits(v, state) for v in value)

    return Kind(f"a list, each item {kind.accepted}", fits)


def array_of(kinds: str, ndim: int = 1) -> Kind:
    """Return the kind of arrays whose dtype is one of NumPy's kinds."""

    def fits(value: Any, state: Mapping[str, Any]) -> bool:
        is_array = isinstance(value, np.ndarray)
        return is_array and value.ndim == ndim and value.dtype.kind in kinds

    return Kind(f"a {ndim}-D array of the kinds {kinds!r}", fits)


ANYTHING = Kind("anything", lambda v, s: True)
BOOL = Kind("a bool", lambda v, s: isinstance(v, bool))
COUNT = Kind("an int >= 0", lambda v, s: type(v) is int and v >= 0)
TEXT = Kind("a str", lambda v, s: isinstance(v, str))
NUMBER = Kind(
    "a finite float",
    lambda v, s: type(v) in (float, int) and -np.inf < v < np.inf,
)
FEATURE_NAMES = Kind(
    "an object array of str, one a feature",
    lambda v, s: (
        isinstance(v, np.ndarray)
        and v.dtype == object
        and v.shape == (s["n_features_in_"],)
        and all(isinstance(name, str) for name in v)
    ),
)
