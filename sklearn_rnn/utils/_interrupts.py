"""Cleanup that is safe against Ctrl-C."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def finally_do(clean_up: Callable[[], None]) -> Iterator[None]:
    """Call a function at the end of a block, also if Ctrl-C interrupts that call.

    Parameters
    ----------
    clean_up : callable
        Without arguments. It is called twice, so that a call that was interrupted is
        followed by a whole one; the second call of two whole ones must change nothing.
    """
    try:
        try:
            yield
        finally:
            clean_up()
    finally:
        clean_up()
