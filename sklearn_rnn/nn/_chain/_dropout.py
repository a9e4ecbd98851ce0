"""The link of dropout."""

from typing import Any

from torch import Tensor

from sklearn_rnn.nn._chain._link import Link


class DropoutLink(Link):
    """Link of `Dropout`, with the same random numbers."""

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        module = self.module
        self.keep: Tensor | None = None
        if not module.training or module.p == 0:
            return x, lengths
        self.keep = keep = module.draw_mask(x)
        return (x * keep).div_(1 - module.p), lengths

    def pack(self, n_inputs: int) -> list[Any] | None:
        return None if self.module.training and self.module.p > 0 else []

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        if self.keep is None:
            return d_out
        return (d_out * self.keep).div_(1 - self.module.p)
