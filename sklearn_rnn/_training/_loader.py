"""From a RaggedArray to batches of tensors on the device."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._sequences._batching import gather_batch
from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn.nn._config import uses_kernels

Inputs = dict[str, Tensor | None]


class SequenceDataset(torch.utils.data.Dataset):
    """Sequences, targets and weights, as skorch passes them about.

    Parameters
    ----------
    X : RaggedArray
        As `check_sequences` returns it.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,)
        What each sample counts; only ratios matter.
    """

    def __init__(self, X: RaggedArray, y: NDArray, sample_weight: NDArray) -> None:
        self.X = X
        self.y = torch.from_numpy(y)
        self.sample_weight: Tensor | None = None
        if (sample_weight != sample_weight[0]).any():
            # mean 1 over all samples, not batch by batch: a weight of 2 counts as two
            # samples also where a batch is small
            weight = sample_weight / sample_weight.mean()
            self.sample_weight = torch.from_numpy(weight.astype(np.float32))

    def __len__(self) -> int:
        return len(self.X)


class BatchLoader:
    """Whole batches, never collated sample by sample.

    Parameters
    ----------
    dataset : SequenceDataset
        All samples.
    batch_size : int
        Samples of a batch, at most: batches of one epoch differ by one at most, so
        that no small one is left over.
    device : torch.device
        Where the tensors go.
    random_state : RandomState
        Draws a new order for each epoch.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        batch_size: int,
        device: torch.device,
        random_state: np.random.RandomState,
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.random_state = random_state
        self.n_batches = -(-len(dataset) // batch_size)

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Inputs, tuple[Tensor, Tensor | None]]]:
        order = self.random_state.permutation(len(self.dataset))
        batches = np.array_split(order, self.n_batches)
        targets = self._split(self.dataset.y, order)
        weights: Sequence[Tensor | None] = [None] * self.n_batches
        if self.dataset.sample_weight is not None:
            weights = self._split(self.dataset.sample_weight, order)
        for rows, target, weight in zip(batches, targets, weights, strict=True):
            yield make_inputs(self.dataset.X, rows, self.device), (target, weight)

    def _split(self, numbers: Tensor, order: NDArray) -> Sequence[Tensor]:
        """Return the part of each batch, on the device, as `np.array_split` cuts."""
        ordered = numbers[torch.from_numpy(order)].to(self.device)
        return ordered.tensor_split(self.n_batches)


def make_inputs(X: RaggedArray, rows: NDArray, device: torch.device) -> Inputs:
    """Gather some sequences for the forward method of a model."""
    x, lengths = _gather(X, rows)
    return {
        "x": x.to(device),
        "lengths": None if lengths is None else torch.from_numpy(lengths).to(device),
    }


def _gather(X: RaggedArray, rows: NDArray) -> tuple[Tensor, NDArray[np.int64] | None]:
    """`gather_batch`, by our kernel where it can."""
    values = X.values
    if (
        not uses_kernels()
        or values.dtype != np.float32
        or not values.flags.c_contiguous
    ):
        x, lengths = gather_batch(X, rows)
        return torch.from_numpy(x), lengths
    from sklearn_rnn._kernels._batches import gather  # imports llvmlite

    lengths = X.offsets[rows + 1] - X.offsets[rows]
    n_steps = int(lengths.max())
    equal = X.common_length is not None or int(lengths.min()) == n_steps
    return gather(values, X.offsets, rows, n_steps), None if equal else lengths
