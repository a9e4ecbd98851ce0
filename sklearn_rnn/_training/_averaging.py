"""Mean of the weights over the last updates of a training."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Running mean of the weights of a module, one weight a mini-batch.

    Parameters
    ----------
    module : torch.nn.Module
        Its buffers are not averaged.
    fraction : float
        Fraction of the updates that the mean is over, the last ones; 0: no mean.
    n_updates : int
        Number of updates that are planned. A training that ends before has the mean of
        those made in the last part of the plan.
    """

    def __init__(self, module: nn.Module, fraction: float, n_updates: int) -> None:
        self.weights = [parameter.detach() for parameter in module.parameters()]
        self.means: list[Tensor] = []
        self.n_averaged = 0
        self.n_skipped = n_updates - math.ceil(fraction * n_updates)

    def add(self) -> None:
        """Count the weights as they are after one more update."""
        if self.n_skipped > 0:
            self.n_skipped -= 1
            return
        self.n_averaged += 1
        if self.means:
            torch._foreach_lerp_(self.means, self.weights, 1 / self.n_averaged)
        else:
            self.means = [weight.clone() for weight in self.weights]

    def apply(self) -> None:
        """Give the module the mean, if there is one."""
        if self.means:
            torch._foreach_copy_(self.weights, self.means)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the module the mean for a while."""
        if not self.means:
            yield
            return
        trained = [weight.clone() for weight in self.weights]
        self.apply()
        try:
            yield
        finally:
            torch._foreach_copy_(self.weights, trained)
