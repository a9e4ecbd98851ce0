"""The link of words read by their characters."""

from typing import Any

from torch import Tensor

from sklearn_rnn.nn._chain._encoder import EncoderLink
from sklearn_rnn.nn._chain._inputs import TokenLink
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._words import find_distinct_rows


class WordLink(Link):
    """Link of `WordEncoder`; each distinct word is read once."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.table = TokenLink(module)
        self.encoder = EncoderLink(module.encoder, only_last=True)

    def fits(self) -> bool:
        return self.table.fits() and self.encoder.fits()

    def suits(self, batch: Batch) -> bool:
        return not batch.x.is_floating_point()

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        words, self.index = find_distinct_rows(x.flatten(0, 1))
        n_characters = (words != 0).sum(dim=1).clamp(min=1)
        characters = self.table.look_up((words - 1).clamp(min=0))  # row 0: unknown
        self.vectors, _ = self.encoder.forward(characters, n_characters)
        return self.vectors[self.index].unflatten(0, x.shape[:2]), lengths

    def backward(self, d_out: Tensor, *, wants_x: bool) -> None:
        from sklearn_rnn._kernels._steps import add_to_rows  # imports llvmlite

        d_vectors = self.vectors.new_zeros(self.vectors.shape)
        add_to_rows(self.index, d_out.flatten(0, 1), d_vectors)
        d_characters: Any = self.encoder.backward(d_vectors, wants_x=True)
        self.table.backward(d_characters, wants_x=False)
