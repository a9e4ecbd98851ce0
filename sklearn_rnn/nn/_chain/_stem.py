"""The link of the convolutions in front of the recurrent layers."""

from typing import Any

from torch import Tensor

from sklearn_rnn._kernels._tensors import read_lengths
from sklearn_rnn.nn._chain._link import Link
from sklearn_rnn.nn._convolution import (
    concatenate,
    describe_layers,
    has_plain_layers,
)


class StemLink(Link):
    """Link of `ConvStem`."""

    def fits(self) -> bool:
        return has_plain_layers(self.module)

    def fits_all_lengths(self) -> bool:
        return True

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        from sklearn_rnn._kernels._convolution import forward  # imports llvmlite
        from sklearn_rnn._kernels._threads import get_buffers

        self.kept: list[tuple[list[Any], int]] = []
        for layer in describe_layers(self.module):
            steps = None if lengths is None else read_lengths(lengths)
            done = [forward(part, x, steps, get_buffers(True)) for part in layer]
            self.kept.append(([kept for _, _, kept in done], x.shape[1]))
            x, lengths = concatenate([part for part, _, _ in done]), done[0][1]
        return x, lengths

    def pack(self, n_inputs: int) -> list[Any]:
        from sklearn_rnn._kernels._network import convolve  # imports llvmlite

        layers = describe_layers(self.module)
        return [link for layer in layers for link in convolve(layer)]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        d: Any = d_out
        layers = list(zip(self.module.list_layers(), self.kept, strict=True))
        for k, (layer, (kept, n_steps)) in reversed(list(enumerate(layers))):
            sizes = [convolution.out_channels for convolution, _ in layer]
            parts = zip(layer, kept, d.split(sizes, dim=-1), strict=True)
            wanted = wants_x or k > 0
            d_x = [_set_gradients(*part, n_steps, wants_x=wanted) for part in parts]
            d = sum(d_x[1:], start=d_x[0]) if wanted else None
        self.kept = []
        return d


def _set_gradients(
    pair: tuple[Any, Any], kept: Any, d_out: Tensor, n_steps: int, *, wants_x: bool
) -> Any:
    """Set the gradients of a convolution and its normalisation; return that of x."""
    from sklearn_rnn._kernels._convolution import backward  # imports llvmlite

    convolution, norm = pair
    d_x, gradients = backward(kept, d_out, n_steps, wants_x=wants_x)
    convolution.weight.grad, convolution.bias.grad, *others = gradients
    for weight, gradient in zip(norm.parameters(), others, strict=False):
        weight.grad = gradient
    return d_x
