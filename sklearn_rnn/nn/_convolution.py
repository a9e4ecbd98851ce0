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
        _is_plain_convolution(convolution, stem) and _is_plain_norm(norm)
        for convolution, norm in zip(stem.convolutions, stem.norms, strict=True)
    )


def _is_plain_convolution(layer: Any, stem: Any) -> bool:
    return (
        is_unchanged(layer, nn.Conv1d)
        and is_simple(layer)
        and layer.bias is not None
        and layer.stride == (stem.stride,)
        and layer.weight.shape[2:] == (stem.kernel_size,)
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
    for convolution in describe_convolutions(stem):
        x, steps = convolve(convolution, x, steps)
    return x, None if steps is None else torch.from_numpy(steps)


def describe_convolutions(stem: Any) -> list[Any]:
    """Return each convolution of a stem with its normalisation, for the kernels."""
    from sklearn_rnn._kernels._convolution import Convolution  # imports llvmlite

    described = []
    for layer, norm in zip(stem.convolutions, stem.norms, strict=True):
        scale, shift, eps = None, None, 0.0
        if isinstance(norm, nn.LayerNorm):
            scale, shift, eps = norm.weight, norm.bias, norm.eps
        described.append(
            Convolution(layer.weight, layer.bias, scale, shift, stem.stride, eps)
        )
    return described
