"""WordEncoder: a vector for each word, from its characters."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import GRU
from sklearn_rnn.nn._initialization import make_empty


class WordEncoder(nn.Module):
    """A vector for each word, from its characters, by a bidirectional GRU.

    The vector is the last state of both directions, as in [1]_ with LSTMs. Each
    distinct word of a batch is read once, however often it occurs.

    Parameters
    ----------
    n_characters : int
        Number of different characters seen at fit.
    embedding_dim : int
        Size of the vector of a character.
    output_size : int
        Size of the vector of a word; rounded up to an even number.

    References
    ----------
    .. [1] G. Lample, M. Ballesteros, S. Subramanian, K. Kawakami, C. Dyer, "Neural
       architectures for named entity recognition", NAACL 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import WordEncoder, initialize
    >>> words = WordEncoder(n_characters=26, embedding_dim=8, output_size=12)
    >>> words = initialize(words, torch.Generator().manual_seed(0))
    >>> x = torch.tensor([[[4, 9, 0, 0], [4, 9, 0, 0], [7, 3, 3, 2]]])
    >>> vectors = words(x)
    >>> vectors.shape
    torch.Size([1, 3, 12])
    >>> bool((vectors[0, 0] == vectors[0, 1]).all())
    True
    """

    def __init__(self, n_characters: int, embedding_dim: int, output_size: int) -> None:
        super().__init__()
        self.table = make_empty(nn.Embedding, n_characters + 1, embedding_dim)
        self.encoder = Encoder(
            embedding_dim, [(output_size + 1) // 2], GRU, bidirectional=True
        )
        self.output_size = self.encoder.output_size

    def forward(self, x: Tensor) -> Tensor:
        """Read the characters of each word.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_columns)
            Characters of each word: integers from 2 to n_characters + 1, and 1 for
            unknown ones. Zeros follow a word that is shorter than the longest.

        Returns
        -------
        x : Tensor of shape (batch, time, output_size)
            The vectors of the words. A word without characters has the vector of one
            unknown character.
        """
        words, index = find_distinct_rows(x.flatten(0, 1))
        lengths = (words != 0).sum(dim=1).clamp(min=1)
        characters = self.table((words - 1).clamp(min=0))  # row 0: unknown
        vectors = self.encoder.last(characters, lengths)
        return vectors[index].unflatten(0, x.shape[:2])


def find_distinct_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct rows, and for each row its place among them."""
    if rows.is_cuda:
        return torch.unique(rows, dim=0, return_inverse=True)
    # as bytes: nine times as fast as torch.unique
    array = np.ascontiguousarray(rows.numpy())
    items = array.view(np.dtype((np.void, array.itemsize * array.shape[1]))).ravel()
    _, first, index = np.unique(items, return_index=True, return_inverse=True)
    return rows[torch.from_numpy(first)], torch.from_numpy(index)
