"""Rare tokens that are read as unknown, so that the unknown one is learned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import RaggedArray


class TokenDropout:
    """Replace tokens by the unknown one, those that are rare most often.

    A token that occurs n times becomes row 0 of the embedding with probability
    ``rate / (rate + n)`` [1]_.

    Parameters
    ----------
    X : RaggedArray
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

    def __init__(self, X: RaggedArray, columns: Sequence[int], rate: float) -> None:
        self.X = X
        self.probabilities = {
            column: rate / (rate + _count_equal(X.values[:, column]))
            for column in columns
            if rate > 0
        }

    def draw(self, random_state: np.random.RandomState) -> RaggedArray:
        """Return the training set of an epoch.

        The columns of a step share one draw: a word that is replaced is so in all
        columns where it is as rare.
        """
        if not self.probabilities:
            return self.X
        values = self.X.values.copy()
        drawn = random_state.random_sample(len(values))
        for column, probability in self.probabilities.items():
            values[drawn < probability, column] = 0
        return RaggedArray(values, self.X.offsets)


def _count_equal(values: NDArray) -> NDArray[np.int64]:
    """Return how many values are equal to each of them."""
    _, number, count = np.unique(values, return_inverse=True, return_counts=True)
    return count[number]
