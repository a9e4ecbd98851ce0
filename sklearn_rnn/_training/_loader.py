"""Mini-batches: from a RaggedArray to tensors on the device."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._sequences import RaggedArray, StepArray, gather_batch
from sklearn_rnn._training._processes import take_share
from sklearn_rnn._training._token_dropout import TokenDropout
from sklearn_rnn.nn import uses_kernels

Inputs = dict[str, Any]


class SequenceDataset(torch.utils.data.Dataset):
    """Sequences, targets and weights, as skorch passes them.

    Parameters
    ----------
    X : RaggedArray
        As `check_sequences` returns it.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,)
        Per-sample weights.
    unit : float
        Weight that counts as one sample: the mean over all samples, see `find_unit`.
    """

    def __init__(
        self, X: RaggedArray, y: NDArray, sample_weight: NDArray, unit: float
    ) -> None:
        self.X = X
        self.y = torch.from_numpy(y)
        self.sample_weight = self._normalize(sample_weight, unit)

    @staticmethod
    def _normalize(sample_weight: NDArray, unit: float) -> Tensor | None:
        """Return weights in units; None if each is one."""
        if (sample_weight == unit).all():
            return None
        # mean 1 over all samples, not batch by batch: a weight of 2 counts as two
        # samples also where a batch is small
        weight = sample_weight / unit
        return torch.from_numpy(weight.astype(np.float32))

    def __len__(self) -> int:
        return len(self.X)

    @property
    def has_equal_lengths(self) -> bool:
        """Whether all sequences are equally long."""
        return self.X.common_length is not None

    def make_loader(
        self, batch_size: int, device: torch.device, random_state: Any
    ) -> "BatchLoader":
        """Return the loader of mini-batches of an epoch."""
        return BatchLoader(self, batch_size, device, random_state)

    def draw_inputs(self, random_state: np.random.RandomState) -> RaggedArray:
        """Return the sequences of an epoch."""
        return self.X

    def split_targets(
        self, batches: Sequence[NDArray], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield targets and weights of each batch of an epoch, on the device."""
        order = torch.from_numpy(np.concatenate(batches))
        sizes = [len(rows) for rows in batches]
        targets = self.y[order].to(device).split(sizes)
        weights: Sequence[Tensor | None] = [None] * len(sizes)
        if self.sample_weight is not None:
            weights = self.sample_weight[order].to(device).split(sizes)
        yield from zip(targets, weights, strict=True)


def find_unit(sample_weight: NDArray[np.float64]) -> float:
    """Return the mean of weights; exactly the weight that all have, if they do."""
    equal = (sample_weight == sample_weight[0]).all()
    return float(sample_weight[0] if equal else sample_weight.mean())


class StepDataset(SequenceDataset):
    """Sequences with a target and a weight at every step.

    The weights of a batch have a mean of one step's share: a step counts the same in
    whatever batch and beside however many others.

    Parameters
    ----------
    X : RaggedArray
        As `check_sequences` returns it.
    y : StepArray
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each sequence.
    unit : float
        Weight that all steps of a sequence have together, on average.
    token_dropout : TokenDropout
        For each epoch.
    """

    def __init__(
        self,
        X: RaggedArray,
        y: StepArray,
        sample_weight: NDArray,
        unit: float,
        token_dropout: TokenDropout,
    ) -> None:
        self.X = X
        self.token_dropout = token_dropout
        self.targets = y
        self.y = torch.from_numpy(y.values)
        weight = self._weigh(sample_weight) / unit
        self.weight = torch.from_numpy(weight.astype(np.float32))

    def _weigh(self, sample_weight: NDArray) -> NDArray:
        """Return the weight of each value of the loss."""
        return self.targets.repeat(sample_weight)

    def draw_inputs(self, random_state: np.random.RandomState) -> RaggedArray:
        return self.token_dropout.draw(self.X, random_state)

    def split_targets(
        self, batches: Sequence[NDArray], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        for rows in batches:
            steps = torch.from_numpy(self.targets.steps_of(rows))
            # the loss is the mean over steps of a batch: it becomes one over sequences
            weight = self.weight[steps] * (len(steps) / len(rows))
            yield self.y[steps].to(device), weight.to(device)


class PathDataset(StepDataset):
    """Sequences with a target at every step, for a loss of whole sequences.

    Parameters
    ----------
    X, y, sample_weight, unit, token_dropout
        As for :class:`StepDataset`.
    """

    def _weigh(self, sample_weight: NDArray) -> NDArray:
        return sample_weight

    def split_targets(
        self, batches: Sequence[NDArray], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        for rows in batches:
            target = self.y[torch.from_numpy(self.targets.steps_of(rows))]
            weight = self.weight[torch.from_numpy(rows)]
            yield target.to(device), weight.to(device)


class TextDataset(SequenceDataset):
    """Sequences with a text each.

    Parameters
    ----------
    X : RaggedArray
        As `check_sequences` returns it.
    y : StepArray
        Encoded texts.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each sequence; only ratios matter.
    """

    def __init__(self, X: RaggedArray, y: StepArray, sample_weight: NDArray) -> None:
        unit = find_unit(sample_weight)
        super().__init__(X, _pad_texts(y), sample_weight, unit)
        self.n_tokens = y.lengths

    def split_targets(
        self, batches: Sequence[NDArray], device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        targets = super().split_targets(batches, device)
        for rows, (target, weight) in zip(batches, targets, strict=True):
            yield target[:, : self.n_tokens[rows].max()], weight


def _pad_texts(y: StepArray) -> NDArray[np.int64]:
    """Return a row for each text, filled up with -1."""
    padded = np.full((len(y), max(y.lengths.max(), 1)), -1)
    padded[np.arange(padded.shape[1]) < y.lengths[:, np.newaxis]] = y.values
    return padded


class BatchLoader:
    """Loader of whole mini-batches, without collating samples.

    Parameters
    ----------
    dataset : SequenceDataset
        All samples.
    batch_size : int
        Maximum mini-batch size; sizes within an epoch differ by one at most, so
        that no small one is left over.
    device : torch.device
        Device of the tensors.
    random_state : RandomState
        Draws a new order for each epoch.
    """

    has_shares = True  # whether each of several processes reads a part of a batch

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
        batches = list(map(take_share, np.array_split(order, self.n_batches)))
        X = self.dataset.draw_inputs(self.random_state)
        targets = self.dataset.split_targets(batches, self.device)
        for rows, target in zip(batches, targets, strict=True):
            yield make_inputs(X, rows, self.device), target

    def count(self, batch: Any) -> int:
        """Return what the mean loss of a mini-batch counts in that of an epoch."""
        return len(batch[0]["x"])


def make_inputs(X: RaggedArray, rows: NDArray, device: torch.device) -> Inputs:
    """Gather some sequences for the forward method of a model."""
    x, lengths = _gather(X, rows)
    return {
        "x": x.to(device),
        "lengths": None if lengths is None else torch.from_numpy(lengths).to(device),
    }


def _gather(X: RaggedArray, rows: NDArray) -> tuple[Tensor, NDArray[np.int64] | None]:
    """Run `gather_batch`, by the kernel if it is available."""
    values = X.values
    if (
        X.common_length is not None  # whole rows: NumPy is faster
        or values.dtype != np.float32
        or not values.flags.c_contiguous
        or not uses_kernels()
    ):
        x, lengths = gather_batch(X, rows)
        return torch.from_numpy(x), lengths
    from sklearn_rnn._kernels._batches import gather  # imports llvmlite

    lengths = X.offsets[rows + 1] - X.offsets[rows]
    n_steps = int(lengths.max())
    equal = int(lengths.min()) == n_steps
    return gather(values, X.offsets, rows, n_steps), None if equal else lengths
