"""Truncated backpropagation through time: windows of long sequences, with memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._sequences import RaggedArray, step_index
from sklearn_rnn._training._loader import BatchLoader, SequenceDataset, make_inputs
from sklearn_rnn.nn import Memory


class WindowDataset(SequenceDataset):
    """Sequences with a target at every step, trained on in windows.

    Parameters
    ----------
    X : RaggedArray
        Inputs of each step.
    y : ndarray of shape (n_steps_total, ...)
        Targets of each step, end to end.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each step of a sequence; only ratios matter.
    truncate : int
        Maximum number of steps of a window.
    """

    def __init__(
        self, X: RaggedArray, y: NDArray, sample_weight: NDArray, truncate: int
    ) -> None:
        self.X = X
        self.y = torch.from_numpy(y)
        self.truncate = truncate
        self.weight: Tensor | None = None
        if (sample_weight != sample_weight[0]).any():
            weight = np.repeat(sample_weight, X.lengths)
            self.weight = torch.from_numpy((weight / weight.mean()).astype(np.float32))

    def make_loader(
        self, batch_size: int, device: torch.device, random_state: Any
    ) -> "WindowLoader":
        return WindowLoader(self, batch_size, device, random_state)


class _Parts(NamedTuple):
    """Contiguous pieces of sequences; each is read from a state of zeros."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    n_windows: NDArray[np.int64]


class WindowLoader(BatchLoader):
    """Loader of windows; those of a sequence are in consecutive mini-batches.

    A mini-batch has one window of each of `batch_size` sequences, the next has the
    windows that follow them, with the states that the network was left in. A sequence
    of at most `truncate` steps is one window. A sequence that is longer than its share
    of a mini-batch of all steps is cut into parts, so that one long text fills the
    rows of the batch.

    Parameters
    ----------
    dataset : WindowDataset
        All sequences.
    batch_size : int
        Maximum number of windows.
    device : torch.device
        Device of the tensors.
    random_state : RandomState
        Draws a new order for each epoch.
    """

    has_shares = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        device: torch.device,
        random_state: np.random.RandomState,
    ) -> None:
        super().__init__(dataset, batch_size, device, random_state)
        self.parts = _cut_parts(dataset.X, dataset.truncate, batch_size)
        counts = -np.sort(-self.parts.n_windows)
        self.groups = np.array_split(
            np.arange(len(counts)), -(-len(counts) // batch_size)
        )
        self.n_batches = int(sum(counts[group[0]] for group in self.groups))
        # the mean loss of a window's steps, times this, adds up to that of all steps
        self.share = self.n_batches / int(self.parts.lengths.sum())

    def __iter__(self) -> Iterator[tuple[dict[str, Any], tuple[Tensor, Tensor]]]:
        parts = self.parts
        order = self.random_state.permutation(len(parts.starts))
        order = order[np.argsort(-parts.n_windows[order], kind="stable")]
        for g in self.random_state.permutation(len(self.groups)):
            yield from self._read_group(order[self.groups[g]])

    def count(self, batch: Any) -> int:
        """Return what the mean loss of a mini-batch counts in that of an epoch."""
        return 1

    def _read_group(
        self, rows: NDArray[np.int64]
    ) -> Iterator[tuple[dict[str, Any], tuple[Tensor, Tensor]]]:
        starts, lengths, n_windows = (field[rows] for field in self.parts)
        memory = Memory() if n_windows[0] > 1 else None
        for k in range(n_windows[0]):
            active = int((n_windows > k).sum())
            limits = [
                lengths[:active] * i // n_windows[:active] for i in (k, k + 1)
            ]  # windows of a part have nearly equal lengths
            begin, sizes = starts[:active] + limits[0], limits[1] - limits[0]
            yield self._read_windows(begin, sizes, memory)

    def _read_windows(
        self,
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        memory: Memory | None,
    ) -> tuple[dict[str, Any], tuple[Tensor, Tensor]]:
        dataset: Any = self.dataset
        steps = step_index(starts, lengths)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        windows = RaggedArray(dataset.X.values[steps], offsets)
        inputs = make_inputs(windows, np.arange(len(lengths)), self.device)
        inputs["carried"] = memory
        index = torch.from_numpy(steps)
        # the loss is the mean over steps of a batch: each step is to count the same
        weight = torch.full((len(steps),), len(steps) * self.share)
        if dataset.weight is not None:
            weight *= dataset.weight[index]
        return inputs, (dataset.y[index].to(self.device), weight.to(self.device))


def _cut_parts(X: RaggedArray, truncate: int, n_rows: int) -> _Parts:
    """Cut sequences that are longer than `truncate` and than a row of all steps."""
    longest = max(truncate, -(-len(X.values) // n_rows))
    starts, lengths = X.offsets[:-1], X.lengths
    n_parts = -(-lengths // longest)  # none of an empty sequence
    number = np.arange(n_parts.sum()) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    starts, lengths, total = (
        np.repeat(field, n_parts) for field in (starts, lengths, n_parts)
    )
    begin, end = lengths * number // total, lengths * (number + 1) // total
    lengths = end - begin
    return _Parts(starts + begin, lengths, -(-lengths // truncate))
