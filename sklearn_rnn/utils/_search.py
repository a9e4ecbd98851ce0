"""Warnings that a search would repeat for each of its fits."""

import sys
import warnings

_given_in_search: set[tuple[str, str]] = set()


def warn_once_in_search(
    message: str, category: type[Warning], *, kind: str, stacklevel: int
) -> None:
    """Warn; inside a search or cross-validation, only the first time in a process.

    Python's own record of warnings does not help: it is emptied whenever
    :class:`warnings.catch_warnings` is left.

    Parameters
    ----------
    message : str
    category : type
    kind : str
        What makes two warnings of a category the same.
    stacklevel : int
        As for :func:`warnings.warn`, from the caller.
    """
    if _is_inside_search():
        if (category.__name__, kind) in _given_in_search:
            return
        _given_in_search.add((category.__name__, kind))
    warnings.warn(message, category, stacklevel=stacklevel + 1)


def _is_inside_search() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("sklearn.model_selection."):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
