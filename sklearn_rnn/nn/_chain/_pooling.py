"""The links of the poolings."""

from typing import Any

import torch
from torch import Tensor

from sklearn_rnn.nn._chain._link import Link
from sklearn_rnn.nn._chain._steps import FlattenLink, LinearLink


def make_pooling_link(module: Any) -> Link:
    """Return the link of a `Pooling` of all steps."""
    return AttentionLink(module) if module.kind == "attention" else MomentLink(module)


class MomentLink(Link):
    """Link of a pooling by the mean, the maximum or both."""

    def fits_all_lengths(self) -> bool:
        return True

    def pools(self) -> bool:
        return True

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._steps import Pool, list_lengths  # imports llvmlite

        kind = self.module.kind
        self.pool = Pool(with_mean="mean" in kind, with_max="max" in kind)
        return self.pool.forward(x, list_lengths(lengths, *x.shape[:2])), None

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import pool  # imports llvmlite

        kind = self.module.kind
        return [pool(n_inputs, with_mean="mean" in kind, with_max="max" in kind)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        return self.pool.backward(d_out)


class AttentionLink(Link):
    """Link of a pooling by attention."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.flatten, self.project = FlattenLink(None), LinearLink(module.project)

    def fits(self) -> bool:
        return self.flatten.fits() and self.project.fits()

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._rows import multiply
        from sklearn_rnn._kernels._steps import Attend, list_lengths

        weight = self.module.score.weight
        self.attend = Attend()
        steps = list_lengths(lengths, *x.shape[:2])
        flat, _ = self.flatten.forward(x, lengths)
        hidden = self.project.forward(flat, None)[0].tanh_()
        no_bias = torch.full((1,), 0.0, dtype=torch.float32, device="cpu")
        scores = multiply(hidden, weight, no_bias)
        return self.attend.forward(flat, hidden, scores, steps), None

    def pack(self, n_inputs: int) -> list[Any] | None:
        from sklearn_rnn._kernels._network import attend  # imports llvmlite

        project, score = self.module.project, self.module.score
        if score.bias is not None or score.weight.shape != (1, len(project.bias)):
            return None
        return [attend(project.weight, project.bias, score.weight)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        weight = self.module.score.weight
        d_flat, d_hidden, weight.grad = self.attend.backward(weight, d_out)
        d_flat += self.project.backward(d_hidden, wants_x=True)
        return self.flatten.backward(d_flat, wants_x=True)
