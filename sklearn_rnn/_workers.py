"""Settings that follow scikit-learn's to the workers of a search."""

from contextlib import AbstractContextManager
from typing import Any

import sklearn

from sklearn_rnn.nn import follow_workers


class _Display(str):
    """A value of scikit-learn's setting `display`, with the setting of this package.

    scikit-learn hands its own settings, and no others, to its workers: threads, and
    processes of loky, Dask and Ray. `display` is a string that computations never read.
    """

    kernels: str

    def __reduce__(self) -> Any:
        return _make_display, (str(self), self.kernels)


def _make_display(value: str, kernels: str) -> _Display:
    display = _Display(value)
    display.kernels = kernels
    return display


def _attach(kernels: str) -> AbstractContextManager[Any]:
    """Return a context in which workers are handed `kernels`."""
    display = sklearn.get_config()["display"]
    return sklearn.config_context(display=_make_display(display, kernels))


def _read_attached() -> str | None:
    """Return what this worker was handed; None elsewhere."""
    return getattr(sklearn.get_config()["display"], "kernels", None)


def follow_scikit_learn() -> None:
    """Let settings reach the workers that scikit-learn's settings reach."""
    follow_workers(_attach, _read_attached)
