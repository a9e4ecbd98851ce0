"""Samples that are made when their mini-batch is drawn."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._training._loader import (
    BatchLoader,
    Inputs,
    SequenceDataset,
    find_unit,
)

Make = Callable[[NDArray[np.intp]], tuple[NDArray[np.float32], NDArray[np.float32]]]


class LazyDataset(SequenceDataset):
    """Sequences of equal length that are never stored.

    Parameters
    ----------
    make : callable
        ``make(rows)`` returns sequences of shape (n_rows, n_steps, n_features) and
        targets of shape (n_rows, n_outputs).
    sample_weight : ndarray of shape (n_samples,)
        Per-sample weights; only ratios matter.
    n_drawn : int
        Number of samples of an epoch, drawn anew for each.
    """

    has_equal_lengths = True

    def __init__(
        self, make: Make, sample_weight: NDArray[np.float64], n_drawn: int
    ) -> None:
        self.make = make
        self.n_samples = len(sample_weight)
        self.n_drawn = min(n_drawn, self.n_samples)
        self.sample_weight = self._normalize(sample_weight, find_unit(sample_weight))

    def __len__(self) -> int:
        return self.n_drawn

    def make_loader(
        self, batch_size: int, device: torch.device, random_state: Any
    ) -> "LazyLoader":
        return LazyLoader(self, batch_size, device, random_state)


class LazyLoader(BatchLoader):
    """Loader of samples that are made for their mini-batch."""

    dataset: LazyDataset

    has_shares = False

    def __iter__(self) -> Iterator[tuple[Inputs, tuple[Tensor, Tensor | None]]]:
        dataset, device = self.dataset, self.device
        order = self.random_state.permutation(dataset.n_samples)[: dataset.n_drawn]
        for rows in np.array_split(order, self.n_batches):
            x, y = map(torch.from_numpy, dataset.make(rows))
            weight = dataset.sample_weight
            weight = None if weight is None else weight[torch.from_numpy(rows)]
            yield (
                {"x": x.to(device), "lengths": None},
                (y.to(device), None if weight is None else weight.to(device)),
            )
