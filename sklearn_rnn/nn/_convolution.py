"""The convolutional stem by kernels: convolution, normalisation and ReLU in one."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._tensors import read_lengths
from sklearn_rnn.nn._batch_invariant import is_simple, is_unchanged
from sklearn_rnn.nn._config import uses_kernels


def suits_fused_convolution(stem: Any, x: Tensor) -> bool:
    """Whether the kernels compute this stem on x, as its layers are now."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and x.dim() == 3
    return fits and x.numel() > 0 and uses_kernels() and has_plain_layers(stem)


def has_plain_layers(stem: Any) -> bool:
    """Whether a stem has the layers that it was made of, without hooks on them."""
    return all(
        _is_plain_convolution(convolution, stride, width) and _is_plain_norm(norm)
        for layer, stride, widths in zip(
            stem.list_layers(), stem.strides, stem.kernel_sizes, strict=True
        )
        for (convolution, norm), width in zip(layer, widths, strict=True)
    )


def _is_plain_convolution(layer: Any, stride: int, kernel_size: int) -> bool:
    return (
        is_unchanged(layer, nn.Conv1d)
        and is_simple(layer)
        and layer.bias is not None
        and layer.stride == (stride,)
        and layer.weight.shape[2:] == (kernel_size,)
    )


def _is_plain_norm(layer: Any) -> bool:
    if is_unchanged(layer, nn.Identity):
        return True
    return (
        is_unchanged(layer, nn.LayerNorm)
        and layer.bias is not None
        and layer.normalized_shape == tuple(layer.weight.shape)
    )


def convolve_fused(
    stem: Any, x: Tensor, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return what the stem returns, by the kernels."""
    from sklearn_rnn._kernels._convolution import convolve  # imports llvmlite

    steps = None if lengths is None else read_lengths(lengths)
    for layer in describe_layers(stem):
        done = [convolve(convolution, x, steps) for convolution in layer]
        x, steps = concatenate([part for part, _ in done]), done[0][1]
    return x, None if steps is None else torch.from_numpy(steps)


def concatenate(parts: list[Tensor]) -> Tensor:
    """Return the outputs of the convolutions of a layer, channels side by side."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def describe_layers(stem: Any) -> list[list[Any]]:
    """Return the convolutions of each layer, as the kernels take them."""
    from sklearn_rnn._kernels._convolution import Convolution  # imports llvmlite

    def describe(layer: Any, norm: Any, stride: int) -> Any:
        scale, shift, eps = None, None, 0.0
        if isinstance(norm, nn.LayerNorm):
            scale, shift, eps = norm.weight, norm.bias, norm.eps
        return Convolution(layer.weight, layer.bias, scale, shift, stride, eps)

    return [
        [describe(convolution, norm, stride) for convolution, norm in layer]
        for layer, stride in zip(stem.list_layers(), stem.strides, strict=True)
    ]
