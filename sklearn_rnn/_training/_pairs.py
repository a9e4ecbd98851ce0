"""Mini-batches of sequences whose targets are other sequences."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn._sequences import RaggedArray, StepArray
from sklearn_rnn._training._loader import BatchLoader, StepDataset, make_inputs


class PairDataset(StepDataset):
    """Source sequences, and the steps of their targets.

    Parameters
    ----------
    X : RaggedArray
        Sources.
    decoder_inputs : RaggedArray
        What the decoder reads at each target step.
    y : StepArray
        Target of each of these steps.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each target step of a pair; only ratios matter.
    """

    def __init__(
        self,
        X: RaggedArray,
        decoder_inputs: RaggedArray,
        y: StepArray,
        sample_weight: NDArray,
    ) -> None:
        self.X, self.decoder_inputs = X, decoder_inputs
        self.targets = y
        self.y = torch.from_numpy(y.values)
        weight = y.repeat(sample_weight)
        weight /= weight.sum() / len(X)  # 1 per pair, on average
        self.weight = torch.from_numpy(weight.astype(np.float32))

    def make_loader(
        self, batch_size: int, device: torch.device, random_state: Any
    ) -> "PairLoader":
        return PairLoader(self, batch_size, device, random_state)


class PairLoader(BatchLoader):
    """Loader of mini-batches of pairs; the arguments are those of `BatchLoader`."""

    has_shares = False

    def __iter__(self) -> Iterator[Any]:
        dataset: Any = self.dataset
        order = self.random_state.permutation(len(dataset))
        batches = np.array_split(order, self.n_batches)
        targets = dataset.split_targets(batches, self.device)
        for rows, target in zip(batches, targets, strict=True):
            yield (
                make_pair_inputs(dataset.X, dataset.decoder_inputs, rows, self.device),
                target,
            )


def make_pair_inputs(
    X: RaggedArray, y: RaggedArray, rows: NDArray, device: torch.device
) -> dict[str, Any]:
    """Gather some pairs for the forward method of a :class:`TranslationModel`."""
    decoder = make_inputs(y, rows, device)
    return {
        **make_inputs(X, rows, device),
        "y": decoder["x"],
        "y_lengths": decoder["lengths"],
    }
