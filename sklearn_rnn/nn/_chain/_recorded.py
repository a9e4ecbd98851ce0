"""A chain that runs its code once for mini-batches of one shape."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._chain._chain import Chain
from sklearn_rnn.nn._chain._link import Batch
from sklearn_rnn.nn._chain._losses import LossLink


class RecordedChain:
    """A chain that repeats the calls of the first mini-batch of each shape.

    Only where all sequences of a mini-batch have one length: other lengths are other
    calls. Neither the network nor the gradients that it returns may be changed by
    anybody between two mini-batches, but for the values of the weights.

    Parameters
    ----------
    chain : Chain
    model : torch.nn.Module
        The network.
    """

    def __init__(self, chain: Chain, model: nn.Module) -> None:
        self.chain = chain
        self.weights = list(model.parameters())
        self.numbers = [*self.weights, *model.buffers()]
        self.runs: dict[Any, _Run | None] = {}
        self.can_record = type(chain.loss) is LossLink

    @torch.no_grad()
    def compute_gradients(
        self, inputs: dict[str, Any], target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Any] | None:
        """As `Chain.compute_gradients`; the next call overwrites what is returned."""
        tensors = inputs["x"], target, weight
        if not self.can_record or inputs["lengths"] is not None:
            return self.chain.compute_gradients(inputs, target, weight)
        shape = tuple(None if t is None else (t.shape, t.dtype) for t in tensors)
        run = self.runs.get(shape)
        if run is not None and run.has_memory_of(self.numbers):
            return run.repeat(self.weights, tensors)
        if run is None and shape in self.runs:  # tried before
            return self.chain.compute_gradients(inputs, target, weight)
        if not self.chain.suits(Batch(inputs["x"], None, target, weight)):
            return None
        run = _Run(self.chain, self.weights, self.numbers, tensors)
        self.runs[shape] = run if run.recording.is_complete else None
        return run.results


class _Run:
    """The first mini-batch of a shape."""

    def __init__(self, chain: Chain, weights: Any, numbers: Any, tensors: Any) -> None:
        from sklearn_rnn._kernels._recording import Recording  # imports llvmlite

        self.tensors: list[Any] = [t if t is None else t.clone() for t in tensors]
        x, target, weight = self.tensors
        given = [t for t in self.tensors if t is not None]
        self.recording = Recording([*numbers, *given])
        self.addresses = [t.data_ptr() for t in numbers]
        with self.recording.record():
            self.results = chain.run(Batch(x, None, target, weight))
        self.gradients = [w.grad for w in weights]

    def has_memory_of(self, numbers: Sequence[Tensor]) -> bool:
        """Return whether weights and buffers are where they were."""
        return self.addresses == [t.data_ptr() for t in numbers]

    def repeat(self, weights: Sequence[nn.Parameter], tensors: Any) -> Any:
        """Do the same with the numbers of another mini-batch."""
        for own, given in zip(self.tensors, tensors, strict=True):
            if own is not None:
                own.copy_(given)
        self.recording.repeat()
        for weight, gradient in zip(weights, self.gradients, strict=True):
            weight.grad = gradient
        return self.results
