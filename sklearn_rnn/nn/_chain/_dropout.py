"""The link of dropout."""

from typing import Any

from torch import Tensor

from sklearn_rnn.nn._chain._link import Link


class DropoutLink(Link):
    """Link of `Dropout`, with the same random numbers."""

    def fits_all_lengths(self) -> bool:
        return self.module.p == 0  # others draw numbers for padding, too

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        module = self.module
        self.factors: Tensor | None = None
        if not module.training or module.p == 0:
            return x, lengths
        self.factors = module.draw_factors(x)
        return x * self.factors, lengths

    def pack(self, n_inputs: int) -> list[Any] | None:
        return None if self.module.training and self.module.p > 0 else []

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor:
        return d_out if self.factors is None else d_out * self.factors
