"""The links of standardisation and of embedded tokens."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import standardize
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._config import uses_kernels

INTEGERS = torch.int64, torch.int32


class StandardizeLink(Link):
    """Link of `Standardize`, which has no weights."""

    def suits(self, batch: Batch) -> bool:
        return batch.x.dtype is torch.float32

    def fits_all_lengths(self) -> bool:
        return True

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        return standardize(x, self.module.mean, self.module.scale), lengths

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import standardize  # imports llvmlite

        return [standardize(self.module.mean, self.module.scale)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> None:
        return None


class TokenLink(Link):
    """Link of `TokenEmbedding`; a batch changes the gradients of few rows."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.gradient: Tensor | None = None
        self.version = 0
        self.rows = torch.empty(0, dtype=torch.int64)

    def fits(self) -> bool:
        return _is_plain_table(self.module.table) and uses_kernels("steps")

    def suits(self, batch: Batch) -> bool:
        return batch.x.dtype in INTEGERS and batch.x.shape[2] == 1

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        return self.look_up(x.squeeze(-1)), lengths

    def look_up(self, tokens: Tensor) -> Tensor:
        """Return the vector of each token, (batch, time, embedding_dim)."""
        self._clear_gradient()
        self.rows = tokens.reshape(-1).long()
        vectors = self.module.table.weight.index_select(0, self.rows)
        return vectors.view(*tokens.shape, -1)

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import embed  # imports llvmlite

        return [embed(self.module.table.weight)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> None:
        from sklearn_rnn._kernels._steps import add_to_rows  # imports llvmlite

        weight = self.module.table.weight
        if self.gradient is None:
            self.gradient = torch.zeros_like(weight)
        add_to_rows(self.rows, d_out.reshape(len(self.rows), -1), self.gradient)
        self.version = self.gradient._version
        weight.grad = self.gradient

    def _clear_gradient(self) -> None:
        """Set the rows of the batch before to zero: all others still are.

        Unless somebody changed the gradient meanwhile, with an operator of torch.
        """
        if self.gradient is None:
            return
        if self.gradient._version == self.version:
            self.gradient.index_fill_(0, self.rows, 0)
        else:
            self.gradient.zero_()


def _is_plain_table(table: nn.Embedding) -> bool:
    return (
        table.padding_idx is None
        and table.max_norm is None
        and not table.sparse
        and not table.scale_grad_by_freq
    )
