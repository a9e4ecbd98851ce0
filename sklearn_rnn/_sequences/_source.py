"""SequenceSource: sequences and their targets, a block in memory at a time."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class SequenceSource(ABC):
    """Sequences, targets and weights in blocks, more than fit into memory.

    :meth:`RNNClassifier.fit`, :meth:`RNNRegressor.fit`, :meth:`RNNTagger.fit` and
    :meth:`RNNStepRegressor.fit` take a source in place of X, y and `sample_weight`.
    Each epoch reads all blocks, in a random order; the samples of a block are shuffled.
    A source of one block trains the same network as its X, y and `sample_weight` do, to
    the last bit.

    A subclass defines two methods, `__len__` and `block`. Blocks should have many times
    `batch_size` samples, and samples should be in no order: a mini-batch never mixes
    blocks.

    See Also
    --------
    RaggedArray.open : One array on disk, of which each mini-batch reads its steps. It
        needs no blocks, and mini-batches are drawn from all of it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier, SequenceSource
    >>> class Signals(SequenceSource):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def block(self, i):
    ...         rng = np.random.default_rng(i)
    ...         y = rng.integers(2, size=50)
    ...         return rng.normal(size=(50, 10, 1)) + y[:, None, None], y, None
    >>> classifier = RNNClassifier(max_epochs=3, n_iter_no_change=2, random_state=0)
    >>> classifier.fit(Signals()).classes_
    array([0, 1])
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of blocks, at least 1."""

    @abstractmethod
    def block(self, i: int) -> tuple[Any, Any, Any]:
        """Return a block.

        `fit` calls it for each block several times, in any order.

        Parameters
        ----------
        i : int
            Number of the block, from 0 on.

        Returns
        -------
        X : array-like
            Sequences, as `fit` takes them.
        y : array-like
            Their targets. Each time as many as the first time.
        sample_weight : array-like or None
            Their weights, one at least above 0; None: 1 each.
        """

    @staticmethod
    def from_saved(
        X: str | os.PathLike[str] | Sequence[Any],
        y: str | os.PathLike[str] | Sequence[Any],
        sample_weight: str | os.PathLike[str] | Sequence[Any] | None = None,
    ) -> "SequenceSource":
        """Return a source whose blocks are folders of :meth:`RaggedArray.save`.

        Sequences are mapped from the disk: they take no memory of their own.

        Parameters
        ----------
        X : path-like, or sequence of path-like
            The folder of each block, or one folder that contains them, in the order of
            their names.
        y : path-like, or sequence of (array-like or path-like)
            Targets of each block: an array; the path of a file of :func:`numpy.save`;
            or, for targets of each step, a folder of :meth:`RaggedArray.save`. Or one
            folder that contains these, in the order of their names.
        sample_weight : like y, default=None
            Weights of each block.

        Returns
        -------
        source : SequenceSource

        Raises
        ------
        ValueError
            If there is no block, or `y` or `sample_weight` has another number of them.
        """
        from sklearn_rnn._sequences._stored_sources import SavedSource

        return SavedSource(X, y, sample_weight)

    @staticmethod
    def from_parquet(
        paths: str | os.PathLike[str] | Sequence[Any],
        *,
        X: str,
        y: str,
        sample_weight: str | None = None,
    ) -> "SequenceSource":
        """Return a source whose blocks are the row groups of Parquet files.

        A row is a sequence. It takes pyarrow.

        Parameters
        ----------
        paths : path-like, or sequence of path-like
            Files, or one folder that contains them, in the order of their names.
        X : str
            Column of lists: of numbers, or of fixed-size lists of numbers, as
            :meth:`RaggedArray.to_arrow` returns.
        y : str
            Column of targets. Lists are targets of each step.
        sample_weight : str or None, default=None
            Column of weights.

        Returns
        -------
        source : SequenceSource

        Raises
        ------
        ValueError
            If there is no row group, or a column is missing.
        """
        from sklearn_rnn._sequences._stored_sources import ParquetSource

        return ParquetSource(paths, X, y, sample_weight)
