"""The links of the last layers: steps end to end, and a linear layer."""

from typing import Any

from torch import Tensor

from sklearn_rnn.nn._chain._link import Link
from sklearn_rnn.nn._config import uses_kernels


class FlattenLink(Link):
    """Valid steps of all rows end to end; it has no module."""

    def fits(self) -> bool:
        return uses_kernels("steps")

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._steps import flatten, list_lengths

        self.lengths, self.shape = None, x.shape
        if lengths is None:
            return x.reshape(-1, x.shape[-1]), None
        self.lengths = list_lengths(lengths, *x.shape[:2])
        return flatten(x, self.lengths), None

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import flatten  # imports llvmlite

        return [flatten(n_inputs)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        from sklearn_rnn._kernels._steps import unflatten

        if self.lengths is None:
            return d_out.view(self.shape)
        return unflatten(d_out, self.lengths, self.shape[1])


class LinearLink(Link):
    """Link of a linear layer of the last axis."""

    def fits(self) -> bool:
        return self.module.bias is not None

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._rows import multiply  # imports llvmlite

        self.x = x
        return multiply(x, self.module.weight, self.module.bias), lengths

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import multiply  # imports llvmlite

        return [multiply(self.module.weight, self.module.bias)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        from sklearn_rnn._kernels._linear import backward

        head = self.module
        rows, d_rows = (t.reshape(-1, t.shape[-1]) for t in (self.x, d_out))
        d_x, head.weight.grad, head.bias.grad = backward(rows, head.weight, d_rows)
        return d_x.view(self.x.shape)
