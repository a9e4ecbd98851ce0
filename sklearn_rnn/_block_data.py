"""Training data of a SequenceSource: a block of samples in memory at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import (
    SequenceSource,
    StepArray,
    join_sequences,
    join_steps,
)
from sklearn_rnn._training import BlockDataset
from sklearn_rnn._training_data import Splitter, TrainingData

_ARGUMENTS = "X, y and sample_weight"


@dataclass(frozen=True)
class BlockData:
    """Samples of a source, with the methods of :class:`TrainingData`.

    Parameters
    ----------
    load : callable
        ``load(i)`` returns all samples of a block.
    sizes : sequence of int
        Number of samples of each block, as `load` returns it.
    rows : sequence of (ndarray of int or None)
        The samples of each block that belong to the data; None: all.
    sample_weight : ndarray of shape (n_samples,)
        Weights of these samples, block by block.
    n_features : int
        Number of features of a step.
    has_equal_lengths : bool
        Whether all sequences are equally long.
    n_steps : int
        Number of steps of all blocks.
    """

    load: Callable[[int], TrainingData]
    sizes: Sequence[int]
    rows: Sequence[NDArray[np.intp] | None]
    sample_weight: NDArray[np.float64]
    n_features: int
    has_equal_lengths: bool
    n_steps: int

    def __len__(self) -> int:
        return len(self.sample_weight)

    @property
    def lengths(self) -> list[int]:
        """Number of samples of each block that belong to the data."""
        pairs = zip(self.rows, self.sizes, strict=True)
        return [size if rows is None else len(rows) for rows, size in pairs]

    @property
    def nbytes(self) -> int:
        """Memory that a split copies: none, it takes rows of each block."""
        return 0

    @property
    def parts(self) -> "BlockData":
        """All samples, in parts that fit into memory."""
        return self

    def __iter__(self) -> Iterator[TrainingData]:
        for i, n_samples in enumerate(self.lengths):
            if n_samples > 0:
                yield self.read(i)

    def read(self, i: int) -> TrainingData:
        """Return the samples of a block."""
        data, rows = self.load(i), self.rows[i]
        if len(data) != self.sizes[i]:
            raise ValueError(
                f"block({i}) has {len(data)} samples with a weight above 0, but had "
                f"{self.sizes[i]} when it was read first."
            )
        if rows is not None:
            data = data.take(rows)
        start = sum(self.lengths[:i])
        weight = self.sample_weight[start : start + len(data)]
        return replace(data, sample_weight=weight)

    def map(self, change: Callable[[TrainingData], TrainingData]) -> "BlockData":
        """Return the data that `change` makes of each part, when it is read."""
        return replace(
            self,
            load=lambda i: change(self.read(i)),
            sizes=self.lengths,
            rows=[None] * len(self.rows),
        )

    def reweigh(self, change: Callable[[TrainingData], TrainingData]) -> "BlockData":
        """Return the data as `map` does, with the weights that `change` returns."""
        changed = self.map(change)
        weights = [change(part).sample_weight for part in self]
        return replace(changed, sample_weight=np.concatenate(weights))

    def make_dataset(self, make: Callable[[TrainingData], Any]) -> BlockDataset:
        """Return the dataset whose blocks `make` makes of the samples in memory."""
        return BlockDataset(
            lambda i: make(self.read(i)), self.lengths, self.has_equal_lengths
        )

    def gather(self) -> TrainingData:
        """Return all samples, in memory."""
        return join_data(list(self))

    def merge_equal(self, *, in_order: bool = False) -> TrainingData:
        """Return each different sample once, with all its weight, in memory."""
        return self.gather().merge_equal(in_order=in_order)

    def split(self, splitter: Splitter) -> tuple["BlockData", "BlockData"] | None:
        """Hold out a validation set, as :meth:`TrainingData.split`."""
        chosen = splitter.split(len(self), None)
        return (
            None if chosen is None else (self._take(chosen[0]), self._take(chosen[1]))
        )

    def _take(self, rows: NDArray[np.intp]) -> "BlockData":
        """Return some samples: in the order of `rows` within each block."""
        limits = np.concatenate([[0], np.cumsum(self.lengths)])
        block = np.searchsorted(limits, rows, side="right") - 1
        by_block = [rows[block == i] for i in range(len(self.sizes))]
        return replace(
            self,
            rows=[own - limits[i] for i, own in enumerate(by_block)],
            sample_weight=self.sample_weight[np.concatenate(by_block)],
        )


def join_data(parts: Sequence[TrainingData | BlockData]) -> TrainingData:
    """Return all samples of several sets, in memory, without their groups."""
    parts = [part.gather() for part in parts]
    return TrainingData(
        join_sequences([part.X for part in parts]),
        join_targets([part.targets for part in parts]),
        np.concatenate([part.sample_weight for part in parts]),
    )


def join_targets(parts: Sequence[Any]) -> Any:
    """Return encoded targets, or predictions, of all parts."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], StepArray):
        return join_steps(parts)
    return np.concatenate(parts)


@contextmanager
def errors_of_block(i: int) -> Iterator[None]:
    """Let every ValueError and TypeError inside name the block."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"block({i}): {error}") from error


def read_block(source: SequenceSource, i: int) -> tuple[Any, Any, Any]:
    """Return X, y and sample_weight of a block."""
    block = source.block(i)
    if not isinstance(block, tuple) or len(block) != 3:
        got = type(block).__name__
        if isinstance(block, tuple):
            got += f" of {len(block)}"
        raise TypeError(
            f"a block must be a tuple of {_ARGUMENTS}, which may be None. Got {got} "
            "instead."
        )
    return block


def check_arguments(source: SequenceSource, **others: Any) -> None:
    """Refuse arguments of `fit` that are parts of the blocks of a source."""
    for name, value in others.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None if X is a SequenceSource, whose blocks have "
                f"{_ARGUMENTS}."
            )
    if len(source) < 1:
        raise ValueError("X is a SequenceSource without blocks: it needs at least one.")
