"""Texts: containers of strings, or of sequences of tokens."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_rnn._sequences._reading import read_argument
from sklearn_rnn._sequences._steps import list_sequences

_ONE_EACH = "must be a list, 1-D array or Series of strings, one per sequence."


def check_texts(
    texts: Any, name: str = "X", advice: str = "Join tokens to one string."
) -> list[str]:
    """Validate texts and return them as a list of strings.

    Parameters
    ----------
    texts : list, 1-D array or Series of str
        One text per sequence; it may be empty.
    name : str, default="X"
        Name of the texts in error messages.
    advice : str, default="Join tokens to one string."
        End of the error message if a text is a list of tokens.

    Returns
    -------
    texts : list of str
        The same texts.

    Raises
    ------
    TypeError
        If `texts` is not such a container, or one of them is not a string.
    ValueError
        If there are none, or they are an array of more than one dimension.
    """
    found = _list_items(texts, name)
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(_describe_item(text, f"{name}[{i}]", advice))
    return found


def read_texts(y: Any, name: str = "y") -> list[str] | list[list[Any]]:
    """Read strings, or sequences of tokens, which are integers or strings.

    Parameters
    ----------
    y : list, 1-D array or Series of str, or of sequences of int or str
        One text or sequence of tokens per sample; it may be empty.
    name : str, default="y"
        Name of y in error messages.

    Returns
    -------
    texts : list of str or list of list
        Strings, or lists of tokens.

    Raises
    ------
    TypeError, ValueError
        If `y` is neither, or mixes both.
    """
    y = read_argument(y, name)
    first = None if isinstance(y, str | bytes) else _first_item(y)
    if first is None or isinstance(first, str | bytes) or not _is_sequence(first):
        return [str(text) for text in check_texts(y, name)]
    sequences = list_sequences(y, name)
    return [_read_tokens(item, f"{name}[{i}]") for i, item in enumerate(sequences)]


def _read_tokens(sequence: Any, name: str) -> list[Any]:
    if isinstance(sequence, str):
        raise TypeError(f"{name} is a string, but {name[: name.index('[')]}[0] is not.")
    if _is_missing(sequence) or not _is_sequence(sequence):
        raise TypeError(
            f"{name} must be a sequence of integers or strings. Got {sequence!r:.40}."
        )
    shape = getattr(sequence, "shape", (len(sequence),))
    if len(shape) > 1 and shape[1:] != (1,):
        raise ValueError(
            f"{name} must have one token per step. Got an array of shape {shape}."
        )
    flat = sequence.ravel() if len(shape) > 1 else sequence
    tokens = flat.tolist() if hasattr(flat, "tolist") else list(flat)
    if set(map(type, tokens)) <= {int, str}:
        return tokens
    return [_read_token(token, name, t) for t, token in enumerate(tokens)]


def _read_token(token: Any, name: str, step: int) -> int | str:
    if isinstance(token, str):
        return str(token)
    is_number = isinstance(token, Real) and not isinstance(token, bool | np.bool_)
    if is_number and float(token).is_integer():
        return int(token)
    raise TypeError(
        f"{name} must have integers or strings as tokens. Got {token!r:.40} at "
        f"position {step}."
    )


def _list_items(texts: Any, name: str) -> list[Any]:
    accepted = f"{name} {_ONE_EACH}"
    if isinstance(texts, str | bytes):
        kind = type(texts).__name__
        raise TypeError(f"{accepted} Got one {kind}: pass [text] instead.")
    if hasattr(texts, "columns"):
        raise TypeError(
            f"{accepted} Got a table: choose a column, as in {name}['text']."
        )
    if isinstance(texts, dict | set) or not hasattr(texts, "__len__"):
        raise TypeError(f"{accepted} Got {type(texts).__name__} instead.")
    if getattr(texts, "ndim", 1) != 1:
        raise ValueError(f"{accepted} Got an array of {texts.ndim} dimensions instead.")
    found = texts.to_pylist() if hasattr(texts, "to_pylist") else list(texts)
    if not found:
        raise ValueError(
            f"Found {name} with 0 sample(s) while a minimum of 1 is required."
        )
    return found


def _describe_item(text: Any, name: str, advice: str) -> str:
    if _is_missing(text):
        return f'{name} is missing ({text}). Fill missing texts first, say with "".'
    got = f"{name} is not a string but {type(text).__name__}."
    if isinstance(text, bytes):
        return f"{got} Decode it first: {name}.decode('utf-8')."
    return f"{got} {advice}" if hasattr(text, "__len__") else got


def _is_missing(value: Any) -> bool:
    return value is None or str(value) in ("nan", "<NA>")


def _first_item(y: Any) -> Any:
    """Return the first item of a container; None if it has none."""
    if isinstance(y, dict | set) or not hasattr(y, "__len__") or not len(y):
        return None
    return next(iter(y))


def _is_sequence(item: Any) -> bool:
    return hasattr(item, "__len__") and getattr(item, "ndim", 1) > 0
