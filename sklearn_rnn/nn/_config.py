"""Selection of the CPU implementation of the recurrent layers."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

KERNELS = ("auto", "numba", "torch")
_local = threading.local()


@contextmanager
def config_context(*, kernels: str | None = None) -> Iterator[None]:
    """Choose settings inside a ``with`` block, in this thread.

    They follow scikit-learn's own settings: the workers of a search or a
    cross-validation inside the block have them, whatever ``n_jobs`` and the backend of
    joblib. Other threads and processes do not see them; a function that is given to
    ``joblib.Parallel`` can open the block itself.

    Parameters
    ----------
    kernels : {"auto", "numba", "torch"}, default=None
        Implementation of the recurrent layers on the CPU; None: no change.

        - "auto": the package's kernels if numba is installed and they are
          faster, else torch; if they fail to compile or to load, torch, with one
          warning. The setting outside any such block.
        - "numba": the package's kernels always; an error that prevents them from being
          compiled or loaded is raised by the first method that needs them.
        - "torch": torch's layers always.

        Weights are the same: a model fitted with one predicts with the other.

    Raises
    ------
    ValueError
        If `kernels` has another value.
    ImportError
        If `kernels` is "numba" and numba is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn_rnn
    >>> X, y = np.ones((20, 5, 1)), np.arange(20.0)
    >>> with sklearn_rnn.config_context(kernels="torch"):
    ...     model = sklearn_rnn.RNNRegressor(max_epochs=5, n_iter_no_change=2).fit(X, y)
    """
    if kernels is not None and kernels not in KERNELS:
        raise ValueError(
            f"The 'kernels' setting must be one of {KERNELS} or None. Got {kernels!r}."
        )
    if kernels == "numba" and not has_numba():
        raise ImportError("kernels='numba' needs numba: pip install numba.")
    before = getattr(_local, "kernels", None)
    _local.kernels = kernels or get_kernels()
    try:
        with _workers.attach(_local.kernels):
            yield
    finally:
        _local.kernels = before


def get_kernels() -> str:
    """Return the `kernels` setting of this thread."""
    return getattr(_local, "kernels", None) or _workers.read() or "auto"


class _Workers(NamedTuple):
    """How a setting reaches workers of this thread: by default, it does not."""

    attach: Callable[[str], AbstractContextManager[Any]] = nullcontext
    read: Callable[[], str | None] = lambda: None


_workers = _Workers()


def follow_workers(
    attach: Callable[[str], AbstractContextManager[Any]],
    read: Callable[[], str | None],
) -> None:
    """Set how `kernels` reaches the workers of a thread.

    Parameters
    ----------
    attach : callable
        ``attach(kernels)`` returns a context, inside which workers are started.
    read : callable
        Returns what was attached where this worker was started; None if this is none.
    """
    global _workers
    _workers = _Workers(attach, read)


def uses_kernels(group: str = "network") -> bool:
    """Whether a group of kernels runs the layers that have them, in this thread.

    Parameters
    ----------
    group : {"network", "steps", "prediction", "crf", "vocabulary"}, default="network"

    Raises
    ------
    RuntimeError
        If they cannot be compiled or loaded, and the setting is "numba".
    """
    kernels = get_kernels()
    if kernels == "torch" or not has_numba() or torch.compiler.is_compiling():
        return False  # torch.export cannot trace into machine code
    error = find_error(group)
    if error is None:
        return True
    if kernels == "numba":
        raise RuntimeError(f"The kernels cannot be used: {_describe(error)}") from error
    _warn_of_torch(_describe(error))
    return False


def describe_arithmetic() -> dict[str, int | str]:
    """Return what the last bits of a training on the CPU depend on.

    Returns
    -------
    arithmetic : dict
        Implementation of the layers, width of vectors, and number of threads.
    """
    width = 0
    if uses_kernels():
        from sklearn_rnn._kernels._constants import WIDTH as width  # imports llvmlite
    return {
        "kernels": "numba" if width else "torch",
        "width": width,
        "threads": torch.get_num_threads(),
    }


@cache
def has_numba() -> bool:
    """Whether numba is installed; it is not imported for that."""
    return find_spec("numba") is not None


@cache
def find_error(group: str) -> Exception | None:
    """Load kernels, once in a process; return why that failed, None if it did not.

    A new numba or llvmlite, or an unknown processor, may fail in any way.
    """
    try:
        from sklearn_rnn._kernels._library import get_library  # imports llvmlite

        get_library(group)
    except Exception as error:
        return error
    return None


@cache
def _warn_of_torch(reason: str) -> None:
    warnings.warn(
        f"torch's layers are used, as the package's kernels cannot be: {reason}. Set "
        "kernels='torch' in sklearn_rnn.config_context to use them without a warning.",
        RuntimeWarning,
        stacklevel=3,
    )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
