"""Rare tokens that are read as unknown, so that the unknown one is learned."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import RaggedArray


class TokenDropout:
    """Replace tokens by the unknown one, those that are rare most often.

    A token that occurs n times becomes row 0 of the embedding with probability
    ``rate / (rate + n)`` [1]_.

    Parameters
    ----------
    parts : iterable of RaggedArray
        Training set, with rows of embeddings in some columns.
    columns : sequence of int
        Columns of tokens or categories, none of them of characters.
    rate : float
        0 never replaces any.

    References
    ----------
    .. [1] E. Kiperwasser, Y. Goldberg, "Simple and accurate dependency parsing using
       bidirectional LSTM feature representations", TACL 4, 2016.
    """

    def __init__(
        self, parts: Iterable[RaggedArray], columns: Sequence[int], rate: float
    ) -> None:
        # of each row of the embedding, in each column
        self.probabilities: dict[int, NDArray[np.floating]] = {}
        if rate > 0 and columns:
            counts = _count_rows(parts, columns)
            self.probabilities = {j: rate / (rate + n) for j, n in counts.items()}

    def draw(self, X: RaggedArray, random_state: np.random.RandomState) -> RaggedArray:
        """Return the training set, or a part of it, as it is in an epoch.

        The columns of a step share one draw: a word that is replaced is so in all
        columns where it is as rare.
        """
        if not self.probabilities:
            return X
        values = X.values.copy()
        drawn = random_state.random_sample(len(values))
        for column, probability in self.probabilities.items():
            rows = X.values[:, column].astype(np.int64, copy=False)
            values[drawn < probability[rows], column] = 0
        return RaggedArray(values, X.offsets)


def _count_rows(
    parts: Iterable[RaggedArray], columns: Sequence[int]
) -> dict[int, NDArray[np.int64]]:
    """Return for each column how often each row of its embedding occurs."""
    counts = {column: np.zeros(0, np.int64) for column in columns}
    for X in parts:
        for column, before in counts.items():
            rows = X.values[:, column].astype(np.int64, copy=False)
            counts[column] = np.bincount(rows, minlength=len(before))
            counts[column][: len(before)] += before
    return counts
