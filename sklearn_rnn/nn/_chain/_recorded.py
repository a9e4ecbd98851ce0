"""A chain that runs its code once for mini-batches of one shape."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._tensors import check_lengths, read_lengths
from sklearn_rnn.nn._chain._chain import Chain
from sklearn_rnn.nn._chain._link import Batch
from sklearn_rnn.nn._chain._losses import LossLink

# of a ragged mini-batch: in larger ones the kernels take all time
_MOST_STEPS, _MOST_NUMBERS = 1 << 14, 1 << 20
_MOST_MEMORY = 1 << 26  # bytes of all recordings


class RecordedChain:
    """A chain that repeats the calls of the first mini-batch of each shape.

    Neither the network nor the gradients that it returns may be changed by anybody
    between two mini-batches, but for the values of the weights.

    Parameters
    ----------
    chain : Chain
    model : torch.nn.Module
        The network.
    equal_lengths : bool, default=True
        Whether all sequences have one length. If not, mini-batches get some padding
        more: there are four shapes between a number of steps and its double. Nothing
        is repeated if one of the links needs other calls for other lengths.
    """

    def __init__(
        self, chain: Chain, model: nn.Module, *, equal_lengths: bool = True
    ) -> None:
        self.chain, self.equal_lengths = chain, equal_lengths
        self.weights = list(model.parameters())
        self.numbers = [*self.weights, *model.buffers()]
        self.runs: dict[Any, _Run] = {}  # used last: the last
        self.buffers: Any = None
        self.can_record = type(chain.loss) is LossLink
        self.can_record &= equal_lengths or chain.fits_all_lengths()

    @torch.no_grad()
    def compute_gradients(
        self, inputs: dict[str, Any], target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Any] | None:
        """As `Chain.compute_gradients`; the next call overwrites what is returned."""
        x, lengths = inputs["x"], inputs["lengths"]
        if not self._is_repeated(x, lengths):
            return self.chain.compute_gradients(inputs, target, weight)
        if not self.equal_lengths:
            lengths = _list_lengths(x, lengths)
        batch = Batch(x, lengths, target, weight)
        shape = self._find_shape(x)
        key = shape, x.dtype, _describe(target), _describe(weight)
        run = self.runs.pop(key, None)
        if run is not None and run.has_memory_of(self.numbers):
            self.runs[key] = run
            return run.repeat(self.weights, batch)
        if not self.chain.suits(batch):
            return None
        run = _Run(self, batch, shape)
        self.can_record = run.recording.is_complete
        self._make_room(run.recording.n_bytes)
        self.runs[key] = run
        return run.results

    def _is_repeated(self, x: Tensor, lengths: Tensor | None) -> bool:
        """Whether mini-batches of this shape are."""
        if not self.can_record or not x.is_cpu or x.dim() != 3 or x.numel() == 0:
            return False
        if self.equal_lengths:
            return lengths is None
        batch, n_steps, _ = self._find_shape(x)
        return batch * n_steps <= _MOST_STEPS and x.numel() <= _MOST_NUMBERS

    def _find_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Return the shape of x with its padding."""
        batch, n_steps, size = x.shape
        return batch, n_steps if self.equal_lengths else _round_up(n_steps), size

    def _make_room(self, n_bytes: int) -> None:
        """Drop what was used least recently; two sizes of mini-batches may stay."""
        n_bytes += sum(run.recording.n_bytes for run in self.runs.values())
        while n_bytes > _MOST_MEMORY and len(self.runs) > 1:
            n_bytes -= self.runs.pop(next(iter(self.runs))).recording.n_bytes


def _round_up(n_steps: int) -> int:
    """Return the next one of four numbers between powers of two."""
    unit = max(1, (1 << (n_steps - 1).bit_length()) >> 3)
    return -(-n_steps // unit) * unit


def _list_lengths(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the number of steps of each row, checked."""
    batch, n_steps, _ = x.shape
    if lengths is None:
        return torch.full((batch,), n_steps)
    check_lengths(read_lengths(lengths), batch, n_steps, least=1)
    return lengths.to(torch.int64)


def _describe(tensor: Tensor | None) -> Any:
    return None if tensor is None else (tensor.shape, tensor.dtype)


def _clone(tensor: Any) -> Any:
    return None if tensor is None else tensor.clone()


class _Run:
    """The first mini-batch of a shape."""

    def __init__(self, owner: RecordedChain, batch: Batch, shape: Any) -> None:
        from sklearn_rnn._kernels._recording import Recording  # imports llvmlite
        from sklearn_rnn._kernels._threads import Buffers

        if owner.buffers is None:
            owner.buffers = Buffers(for_all_lengths=True)
        x, (lengths, target, weight) = batch.x, map(_clone, batch[1:4])
        self.batch = Batch(x.new_zeros(shape), lengths, target, weight)
        self._copy_x(x)
        given = [t for t in self.batch if t is not None]
        self.recording = Recording([*owner.numbers, *given], owner.buffers)
        self.addresses = [t.data_ptr() for t in owner.numbers]
        with self.recording.record():
            self.results = owner.chain.run(self.batch)
        self.gradients = [w.grad for w in owner.weights]

    def _copy_x(self, x: Tensor) -> None:
        own, n_steps = self.batch.x, x.shape[1]
        (own if n_steps == own.shape[1] else own[:, :n_steps]).copy_(x)

    def has_memory_of(self, numbers: Sequence[Tensor]) -> bool:
        """Return whether weights and buffers are where they were."""
        return self.addresses == [t.data_ptr() for t in numbers]

    def repeat(self, weights: Sequence[nn.Parameter], batch: Batch) -> Any:
        """Do the same with the numbers of another mini-batch."""
        self._copy_x(batch.x)
        for own, given in zip(self.batch[1:], batch[1:], strict=True):
            if own is not None:
                own.copy_(given)
        self.recording.repeat()
        for weight, gradient in zip(weights, self.gradients, strict=True):
            weight.grad = gradient
        return self.results
