"""Dropout with a separate random generator."""

import torch
from torch import Tensor, nn

_BITS = 16  # random bits of an element: four take one number of the generator


class Dropout(nn.Module):
    """Zero random elements of the input in training and scale up the rest.

    Unlike :class:`torch.nn.Dropout` it draws from its own ``generator`` when it has
    one, so that torch's global generator is neither read nor moved.

    Parameters
    ----------
    p : float
        Probability that a value is zeroed, from 0 to below 1; rounded to a multiple of
        2 ** -16.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import Dropout
    >>> dropout = Dropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(dropout(torch.ones(100)).tolist()))
    [0.0, 2.0]
    >>> dropout.eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero random elements, in training only.

        Parameters
        ----------
        x : Tensor
            Values, in any shape.

        Returns
        -------
        x : Tensor
            As given, or in training divided by 1 - p where not zeroed.
        """
        if not self.training or self.p == 0:
            return x
        return x * self.draw_factors(x)

    def draw_factors(self, x: Tensor) -> Tensor:
        """Return what the elements are multiplied by, in training.

        Parameters
        ----------
        x : Tensor
            Values, in any shape.

        Returns
        -------
        factors : Tensor
            0 or 1 / (1 - p), of the shape and the type of x. Their order in memory is
            that of the axes, so that they do not depend on the strides of x.
        """
        n_numbers = -(-x.numel() * _BITS // 64)
        numbers = torch.empty(n_numbers, dtype=torch.int64, device=x.device)
        numbers.random_(-(2**63), None, generator=self.generator)
        bits = numbers.view(torch.int16)[: x.numel()].view(x.shape)
        threshold = round(self.p * 2**_BITS) - 2 ** (_BITS - 1)
        return (bits >= threshold).to(x.dtype).div_(1 - self.p)


def set_dropout(module: nn.Module, p: float) -> None:
    """Set the probability of every :class:`Dropout` inside the module."""
    for child in module.modules():
        if isinstance(child, Dropout):
            child.p = p


def set_dropout_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Let every :class:`Dropout` inside the module draw from one generator.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    generator : torch.Generator or None
        On the device of the module; None: torch's global generator.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import Dropout, set_dropout_generator
    >>> module = torch.nn.Sequential(torch.nn.Linear(3, 8), Dropout(0.5))
    >>> set_dropout_generator(module, torch.Generator().manual_seed(0))
    """
    for child in module.modules():
        if isinstance(child, Dropout):
            child.generator = generator
