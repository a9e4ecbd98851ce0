"""Packed weights, kept for a block in which weights do not change."""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

_MOST = 64  # what is computed anew for each call must not pile up
_local = threading.local()


@contextmanager
def packs_kept() -> Iterator[None]:
    """Pack weights once in this block, for all calls of this thread."""
    outer = getattr(_local, "packs", None)
    _local.packs = {}
    try:
        yield
    finally:
        _local.packs = outer


def are_packs_kept() -> bool:
    """Return whether this thread is in a block of `packs_kept`."""
    return getattr(_local, "packs", None) is not None


def pack_once(
    kind: Hashable, weights: Sequence[Tensor], pack: Callable[..., Tensor]
) -> Tensor:
    """Return ``pack(weights)``, or in a block of `packs_kept` what it was before.

    Parameters
    ----------
    kind : hashable
        What else the result depends on.
    weights : sequence of Tensor
    pack : callable
    """
    packs: dict[Any, Any] | None = getattr(_local, "packs", None)
    if packs is None:
        return pack(weights)
    key = kind, *(weight.data_ptr() for weight in weights)
    if key not in packs:
        packed = pack(weights)
        if len(packs) < _MOST:
            packs[key] = weights, packed  # so nothing else gets these addresses
        return packed
    return packs[key][1]
