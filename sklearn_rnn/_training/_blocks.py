"""Mini-batches of data in blocks, one of which is in memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from sklearn_rnn._training._loader import SequenceDataset


class BlockDataset(torch.utils.data.Dataset):
    """Samples in blocks.

    Parameters
    ----------
    load : callable
        ``load(i)`` returns the :class:`SequenceDataset` of a block.
    sizes : sequence of int
        Number of samples of each block. Blocks without any are never loaded.
    has_equal_lengths : bool
        Whether all sequences are equally long.
    """

    def __init__(
        self,
        load: Callable[[int], SequenceDataset],
        sizes: Sequence[int],
        has_equal_lengths: bool,
    ) -> None:
        self.load = load
        self.sizes = {i: n for i, n in enumerate(sizes) if n > 0}
        self.has_equal_lengths = has_equal_lengths

    def __len__(self) -> int:
        return sum(self.sizes.values())

    def make_loader(
        self, batch_size: int, device: torch.device, random_state: Any
    ) -> "BlockLoader":
        """Return the loader of mini-batches of an epoch."""
        return BlockLoader(self, batch_size, device, random_state)


class BlockLoader:
    """Loader of the mini-batches of each block, the blocks in a new order each epoch.

    Parameters
    ----------
    dataset : BlockDataset
        All samples.
    batch_size : int
        Maximum mini-batch size.
    device : torch.device
        Device of the tensors.
    random_state : RandomState
        Draws the orders of blocks and samples.
    """

    has_shares = True

    def __init__(
        self,
        dataset: BlockDataset,
        batch_size: int,
        device: torch.device,
        random_state: np.random.RandomState,
    ) -> None:
        self.dataset = dataset
        self.options = batch_size, device, random_state
        self.random_state = random_state
        self.n_batches = sum(-(-n // batch_size) for n in dataset.sizes.values())

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Any]:
        blocks = list(self.dataset.sizes)
        for k in self.random_state.permutation(len(blocks)):
            yield from self.dataset.load(blocks[k]).make_loader(*self.options)

    def count(self, batch: Any) -> int:
        """Return what the mean loss of a mini-batch counts in that of an epoch."""
        return len(batch[0]["x"])
