"""Training data and the split of a validation set."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
)

from sklearn_rnn._sequences import (
    RaggedArray,
    errors_that_name,
    merge_equal_samples,
    read_argument,
)
from sklearn_rnn.utils import check_sample_weight

_N_BLOCKS = 3


@dataclass(frozen=True)
class TrainingData:
    """Sequences with their targets; a row is a sample in each.

    Parameters
    ----------
    X : RaggedArray
        As `check_sequences` returns it.
    targets : ndarray of shape (n_samples, ...)
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    groups : ndarray of shape (n_samples,), default=None
        Group of each sample.
    """

    X: RaggedArray
    targets: Any
    sample_weight: NDArray[np.float64]
    groups: NDArray | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def parts(self) -> Iterable["TrainingData"]:
        """All samples, in parts that fit into memory: here one."""
        return (self,)

    @property
    def n_features(self) -> int:
        """Number of features of a step."""
        return self.X.n_features

    @property
    def n_steps(self) -> int:
        """Number of steps of all sequences."""
        return len(self.X.values)

    @property
    def nbytes(self) -> int:
        """Memory of the steps, of which a split makes a copy."""
        return getattr(self.X, "values", self.X).nbytes  # an array, of texts

    def map(self, change: Callable[["TrainingData"], "TrainingData"]) -> "TrainingData":
        """Return what `change` makes of the samples."""
        return change(self)

    def reweigh(
        self, change: Callable[["TrainingData"], "TrainingData"]
    ) -> "TrainingData":
        """Return what `change` makes of the samples, with new weights."""
        return change(self)

    def make_dataset(self, make: Callable[["TrainingData"], Any]) -> Any:
        """Return the dataset that `make` makes of samples in memory."""
        return make(self)

    def gather(self) -> "TrainingData":
        """Return all samples, in memory."""
        return self

    def take(self, rows: NDArray[np.intp]) -> "TrainingData":
        """Return some samples, without their groups."""
        return TrainingData(self.X[rows], self.targets[rows], self.sample_weight[rows])

    def merge_equal(self, *, in_order: bool = False) -> "TrainingData":
        """Return each different sample once, with all its weight."""
        merged = merge_equal_samples(
            self.X, self.targets, self.sample_weight, in_order=in_order
        )
        return TrainingData(*merged)

    def split(
        self, splitter: "Splitter"
    ) -> tuple["TrainingData", "TrainingData"] | None:
        """Hold out a validation set.

        Parameters
        ----------
        splitter : Splitter
            Which samples are held out.

        Returns
        -------
        train, held_out : TrainingData, or None
            None if there are too few samples.
        """
        parts = splitter.split(len(self), self.groups)
        return None if parts is None else (self.take(parts[0]), self.take(parts[1]))


class Splitter(Protocol):
    """A way to hold out a validation set."""

    def split(
        self, n_samples: int, groups: NDArray | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Return the rows to train on and those to hold out; None if too few."""


@dataclass(frozen=True)
class RandomSplitter:
    """Hold out random samples, or groups.

    Parameters
    ----------
    fraction : float
        Part of the samples, or of the groups, that is held out.
    seed : int
        Decides which samples are held out.
    strata : ndarray of shape (n_samples,), default=None
        Class of each sample. Both parts have the same shares of classes, if there are
        samples enough of each.
    """

    fraction: float
    seed: int
    strata: NDArray | None = None

    def split(
        self, n_samples: int, groups: NDArray | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Return the rows to train on, in order, and those to hold out.

        None if there are too few.
        """
        splitter = self._choose_splitter(n_samples, groups)
        if splitter is None:
            return None
        train, held = next(splitter.split(np.empty(n_samples), self.strata, groups))
        return np.sort(train), held

    def _choose_splitter(self, n_samples: int, groups: NDArray | None) -> Any:
        """Return a splitter of scikit-learn, or None if there are too few samples."""
        options = {"test_size": self.fraction, "random_state": self.seed}
        if groups is not None:
            few = len(np.unique(groups)) < 2
            return None if few else GroupShuffleSplit(n_splits=1, **options)
        n_held = math.ceil(self.fraction * n_samples)
        if n_held < 2 or n_samples - n_held < 1:
            return None
        if self.strata is not None:
            counts = np.unique(self.strata, return_counts=True)[1]
            n_classes = len(counts)
            if counts.min() >= 2 and n_classes <= n_held <= n_samples - n_classes:
                return StratifiedShuffleSplit(n_splits=1, **options)
        return ShuffleSplit(n_splits=1, **options)


@dataclass(frozen=True)
class BlockSplitter:
    """Hold out blocks of samples that follow each other, as windows of a series do.

    One is in the middle of each third: the last samples, which are the most like those
    to come, are trained on.

    Parameters
    ----------
    fraction : float
        Part of the samples that is held out.
    strata : ndarray of shape (n_samples,), default=None
        Class of each sample. The blocks are those of each class by itself.
    """

    fraction: float
    strata: NDArray | None = None

    def split(
        self, n_samples: int, groups: NDArray | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Return the rows to train on, and those to hold out; None if too few."""
        strata = np.zeros(n_samples) if self.strata is None else self.strata
        place = np.empty(n_samples)
        for stratum in np.unique(strata):
            (rows,) = np.nonzero(strata == stratum)
            place[rows] = (np.arange(len(rows)) + 0.5) * _N_BLOCKS / len(rows) % 1
        is_held = np.abs(place - 0.5) < self.fraction / 2
        if not is_held.any() or is_held.all():
            return None
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def list_targets(data: Any) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """Yield the targets of each part of the data, and the weights of its samples."""
    for part in data.parts:
        yield part.targets, part.sample_weight


def average_parts(
    parts: Iterable[tuple[NDArray, NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Return the weighted mean of the rows of all parts."""
    mean, total = np.zeros(()), 0.0
    for rows, weight in parts:
        if weight.any():
            total += weight.sum()
            own = np.average(rows, axis=0, weights=weight)
            mean = mean + (own - mean) * (weight.sum() / total)
    return mean


def check_weights(sample_weight: Any, X: RaggedArray) -> NDArray[np.float64]:
    """Return the weights of the samples, float64, not negative and not all zero.

    Scaled by a power of two, exactly, so that the largest is near 1.
    """
    return scale_weights(read_weights(sample_weight, X))


def read_weights(sample_weight: Any, X: RaggedArray) -> NDArray[np.float64]:
    """Return the weights of the samples, float64, not negative."""
    if not isinstance(sample_weight, Real | None):  # a number: one weight for all
        sample_weight = _as_floats(read_argument(sample_weight, "sample_weight"))
    with errors_that_name("sample_weight"):
        weight = check_sample_weight(
            sample_weight, X.offsets[1:], dtype=np.float64, ensure_non_negative=True
        )
    return weight


def scale_weights(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights that are not all zero, the largest near 1.

    They are scaled by a power of two, exactly.
    """
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return np.ldexp(weight, -np.frexp(weight.max())[1])


def _as_floats(sample_weight: Any) -> NDArray[np.float64] | float:
    with errors_that_name("sample_weight"):
        weight = np.asarray(sample_weight, dtype=np.float64)
    return weight if weight.ndim > 0 else weight.item()
