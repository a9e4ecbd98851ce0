"""Which tokens or categories there are, and the row of an embedding for each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray


class Vocabulary:
    """Values of some columns in ascending order: value k has row k + 1, others row 0.

    Parameters
    ----------
    X : RaggedArray
        Steps, with token ids or categories in some columns.
    columns : sequence of int
        Which columns.
    """

    def __init__(self, X: RaggedArray, columns: Sequence[int]) -> None:
        self.known: dict[int, NDArray] = {j: np.unique(X.values[:, j]) for j in columns}

    @property
    def sizes(self) -> dict[int, int]:
        """Number of known values of each column."""
        return {j: len(known) for j, known in self.known.items()}

    def encode(self, X: RaggedArray) -> RaggedArray:
        """Return X with rows of the embeddings in the columns of the vocabulary."""
        values = X.values.copy()
        for j, known in self.known.items():
            given = X.values[:, j]
            row = np.searchsorted(known, given)
            found = known[np.minimum(row, len(known) - 1)] == given
            values[:, j] = np.where(found, row + 1, 0)
        return RaggedArray(values, X.offsets)
