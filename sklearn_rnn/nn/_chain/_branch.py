"""The link of a second pooling, beside the recurrent layers and theirs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sklearn_rnn.nn._chain._link import Batch, Link, pack_links


class BranchLink(Link):
    """Recurrent layers and their pooling, beside a pooling of what they read.

    Parameters
    ----------
    links : sequence of Link
        Of the recurrent layers and their pooling.
    pooling : Link
        Of the second pooling.
    """

    def __init__(self, links: Sequence[Link], pooling: Link) -> None:
        self.links, self.pooling = list(links), pooling

    def fits(self) -> bool:
        return all(link.fits() for link in self.links) and self.pooling.fits()

    def fits_all_lengths(self) -> bool:
        links = *self.links, self.pooling
        return all(link.fits_all_lengths() for link in links)

    def pools(self) -> bool:
        return True

    def suits(self, batch: Batch) -> bool:
        return all(link.suits(batch) for link in self.links)

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        states, own_lengths = x, lengths
        for link in self.links:
            states, own_lengths = link.forward(states, own_lengths)
        pooled, _ = self.pooling.forward(x, lengths)
        self.sizes = states.shape[1], pooled.shape[1]
        return torch.cat([states, pooled], dim=1), None

    def pack(self, n_inputs: int) -> list[Any] | None:
        from sklearn_rnn._kernels._network import pool_beside  # imports llvmlite

        packed = pack_links(self.links, n_inputs)
        pooling = self.pooling.pack(n_inputs)
        if packed is None or pooling is None or pooling[0].kind != "pool":
            return None
        return pool_beside(pooling[0], packed)

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        d, d_pooled = d_out.split(self.sizes, dim=1)
        of_states: Any = d
        for link in self.links[::-1]:
            of_states = link.backward(of_states, wants_x=wants_x)
        of_pooled: Any = self.pooling.backward(d_pooled, wants_x=wants_x)
        return of_states + of_pooled if wants_x else None
