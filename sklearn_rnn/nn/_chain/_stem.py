"""The link of the convolutions in front of the recurrent layers."""

from typing import Any

import torch
from torch import Tensor

from sklearn_rnn._kernels._tensors import read_lengths
from sklearn_rnn.nn._chain._link import Link
from sklearn_rnn.nn._convolution import describe_convolutions, has_plain_layers


class StemLink(Link):
    """Link of `ConvStem`."""

    def fits(self) -> bool:
        return has_plain_layers(self.module)

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._convolution import forward  # imports llvmlite
        from sklearn_rnn._kernels._threads import get_buffers

        steps = None if lengths is None else read_lengths(lengths)
        self.kept: list[tuple[Any, int]] = []
        for convolution in describe_convolutions(self.module):
            n_steps = x.shape[1]
            x, steps, kept = forward(convolution, x, steps, get_buffers(True))
            self.kept.append((kept, n_steps))
        return x, None if steps is None else torch.from_numpy(steps)

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        from sklearn_rnn._kernels._convolution import backward  # imports llvmlite

        module = self.module
        d: Any = d_out
        layers = list(zip(module.convolutions, module.norms, self.kept, strict=True))
        for k, (convolution, norm, (kept, n_steps)) in reversed(
            list(enumerate(layers))
        ):
            d, gradients = backward(kept, d, n_steps, wants_x=wants_x or k > 0)
            convolution.weight.grad, convolution.bias.grad, *others = gradients
            for weight, gradient in zip(norm.parameters(), others, strict=False):
                weight.grad = gradient
        self.kept = []
        return d

    """Link of `ConvStem`."""
