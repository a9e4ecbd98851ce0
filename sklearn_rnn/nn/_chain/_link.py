"""Base class of the links of a chain."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """A mini-batch, as the loader yields it.

    Parameters
    ----------
    x : Tensor of shape (batch, time, n_features)
    lengths : Tensor of shape (batch,) or None
    target : Tensor
    weight : Tensor or None
    carried : Memory or None, default=None
        States before the first step, replaced by those after the last.
    """

    x: Tensor
    lengths: Tensor | None
    target: Tensor
    weight: Tensor | None
    carried: Any = None


class Link:
    """A part of a network with its own backward pass.

    Parameters
    ----------
    module : torch.nn.Module
        The part. Its weights are read in each batch.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    def fits(self) -> bool:
        """Return whether the link supports the options of the module."""
        return True

    def suits(self, batch: Batch) -> bool:
        """Return whether the link supports this mini-batch."""
        return True

    def fits_all_lengths(self) -> bool:
        """Return whether batches of other lengths are the same calls of kernels."""
        return False

    def pools(self) -> bool:
        """Return whether `forward` returns one vector of each row."""
        return False

    def begin(self, batch: Batch) -> None:
        """Read what is neither x nor lengths, before `forward`."""

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return what the module returns, and the lengths of it; keep the rest."""
        raise NotImplementedError

    def pack(self, n_inputs: int) -> list[Any] | None:
        """Return the links that `PackedNetwork` takes in place of this one.

        Parameters
        ----------
        n_inputs : int
            Outputs of the link before.

        Returns
        -------
        links : list of PackedLink or None
            With the weights as they are now; None if the kernels cannot run it so.
        """
        return None

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        """Set the gradients of all weights; return the one of x.

        Parameters
        ----------
        d_out : Tensor
            Gradient of the output of `forward`.
        wants_x : bool
            Whether the gradient of x is needed.

        Returns
        -------
        d_x : Tensor or None
        """
        raise NotImplementedError


def pack_links(links: Sequence[Link], n_inputs: int) -> list[Any] | None:
    """Return what some links, one after the other, are in a `PackedNetwork`.

    Parameters
    ----------
    links : sequence of Link
    n_inputs : int
        Outputs of the link before; 0 if there is none.

    Returns
    -------
    packed : list of PackedLink or None
        None if the kernels cannot run one of them so.
    """
    packed: list[Any] = []
    for link in links:
        own = link.pack(packed[-1].width if packed else n_inputs)
        if own is None:
            return None
        packed += own
    return packed
