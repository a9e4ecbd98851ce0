"""The link of the convolutions in front of the recurrent layers."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import convolve, is_simple
from sklearn_rnn.nn._chain._link import Link
from sklearn_rnn.nn._masking import padding_mask

_aten: Any = torch.ops.aten


class StemLink(Link):
    """Link of `ConvStem`, by torch's own backward functions."""

    def fits(self) -> bool:
        return all(map(is_simple, self.module.convolutions))

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        module = self.module
        self.kept: list[_Kept] = []
        left = (module.kernel_size - 1) // 2
        right = module.kernel_size - 1 - left
        for convolution, norm in zip(module.convolutions, module.norms, strict=True):
            mask = None
            if lengths is not None:
                mask = padding_mask(lengths, x.shape[1]).unsqueeze(-1)
                x = x * mask
                lengths = (lengths + module.stride - 1) // module.stride
            x = nn.functional.pad(x, (0, 0, left, right))
            convolved = convolve(convolution, x)
            normed, mean, rstd = _normalize(norm, convolved)
            out = torch.relu(normed)
            self.kept.append(_Kept(mask, x, convolved, mean, rstd, out))
            x = out
        return x, lengths

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        module = self.module
        left = (module.kernel_size - 1) // 2
        d: Tensor | None = d_out
        layers = list(zip(module.convolutions, module.norms, self.kept, strict=True))
        for convolution, norm, kept in reversed(layers):
            d = _aten.threshold_backward(d, kept.out, 0)
            if isinstance(norm, nn.LayerNorm):
                d, norm.weight.grad, norm.bias.grad = _aten.native_layer_norm_backward(
                    d, kept.convolved, norm.normalized_shape, kept.mean, kept.rstd,
                    norm.weight, norm.bias, [True] * 3,
                )  # fmt: skip
            needs_x = wants_x or kept is not self.kept[0]
            d, convolution.weight.grad, convolution.bias.grad = (
                _aten.convolution_backward(
                    d.transpose(1, 2), kept.x.transpose(1, 2), convolution.weight,
                    convolution.bias.shape, convolution.stride, [0], [1], False, [0],
                    1, [needs_x, True, True],
                )
            )  # fmt: skip
            if needs_x:
                right = kept.x.shape[1] - (module.kernel_size - 1 - left)
                d = d.transpose(1, 2)[:, left:right]
                d = d if kept.mask is None else d * kept.mask
        return d


class _Kept(NamedTuple):
    """Results of a convolution that the backward pass needs."""

    mask: Tensor | None
    x: Tensor
    convolved: Tensor
    mean: Tensor | None
    rstd: Tensor | None
    out: Tensor


def _normalize(norm: Any, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    if not isinstance(norm, nn.LayerNorm):
        return x, None, None
    return torch.native_layer_norm(
        x, norm.normalized_shape, norm.weight, norm.bias, norm.eps
    )
