"""The link of columns of several kinds."""

from typing import Any

import torch
from torch import Tensor

from sklearn_rnn.nn._batch_invariant import standardize
from sklearn_rnn.nn._chain._inputs import INTEGERS, TokenLink
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._chain._words import WordLink
from sklearn_rnn.nn._inputs import TokenEmbedding
from sklearn_rnn.nn._words import WordEncoder

EMBEDDINGS: dict[type, Any] = {TokenEmbedding: TokenLink, WordEncoder: WordLink}


class ColumnsLink(Link):
    """Link of `ColumnInputs`."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.embeddings = [
            EMBEDDINGS[type(embedding)](embedding) for embedding in module.embeddings
        ]

    def fits(self) -> bool:
        return all(embedding.fits() for embedding in self.embeddings)

    def suits(self, batch: Batch) -> bool:
        has_numbers = self.module.standardize is not None
        kind = batch.x.dtype
        return kind is torch.float32 or (kind in INTEGERS and not has_numbers)

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        module, parts = self.module, []
        if module.standardize is not None:
            scale = module.standardize
            parts.append(standardize(x[..., module.numbers], scale.mean, scale.scale))
        for columns, embedding in zip(module.columns, self.embeddings, strict=True):
            parts.append(embedding.forward(x[..., columns].long(), lengths)[0])
        return torch.cat(parts, dim=-1), lengths

    def pack(self, n_inputs: int) -> list[Any] | None:
        from sklearn_rnn._kernels._network import read_columns  # imports llvmlite

        module, embeddings = self.module, []
        columns = [*module.numbers, *(c for own in module.columns for c in own)]
        for own, link in zip(module.columns, self.embeddings, strict=True):
            if type(link) is not TokenLink or len(own) != 1:
                return None
            embeddings.append((own[0], link.module.table.weight))
        if sorted(columns) != list(range(len(columns))):
            return None
        none, scale = torch.empty(0, dtype=torch.float32), module.standardize
        mean, deviation = (none, none) if scale is None else (scale.mean, scale.scale)
        return [read_columns(module.numbers, mean, deviation, embeddings)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> None:
        begin = len(self.module.numbers)
        for embedding in self.embeddings:
            size = embedding.module.output_size
            embedding.backward(d_out[..., begin : begin + size], wants_x=False)
            begin += size
