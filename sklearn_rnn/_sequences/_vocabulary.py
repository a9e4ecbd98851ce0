"""Which token ids there are, and the row of an embedding for each."""

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray


class Vocabulary:
    """Token ids in ascending order: id k has row k + 1; unknown ids share row 0.

    Parameters
    ----------
    X : RaggedArray
        int64 token ids, one a step.
    """

    def __init__(self, X: RaggedArray) -> None:
        self.ids: NDArray[np.int64] = np.unique(X.values)

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, X: RaggedArray) -> RaggedArray:
        """Return rows of the embedding, from 0 to ``len(self)``, for token ids."""
        row = np.searchsorted(self.ids, X.values)
        known = self.ids[np.minimum(row, len(self.ids) - 1)] == X.values
        return RaggedArray(np.where(known, row + 1, 0), X.offsets)
