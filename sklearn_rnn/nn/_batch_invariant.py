"""Batch-invariant linear layers, convolutions and means for prediction.

In prediction, the kernels compute each row by itself,
see `sklearn_rnn._kernels._rows`. Otherwise torch's operators are used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._gated import has_global_hooks, has_hooks
from sklearn_rnn.nn._masking import padding_mask


def is_exact(x: Tensor) -> bool:
    """Whether to compute x row by row."""
    return not torch.is_grad_enabled() and _suit_kernels(x)


def _suit_kernels(*tensors: Tensor) -> bool:
    return uses_kernels() and all(
        t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors
    )


_LOGITS_AT_ONCE = 2**17  # they stay in the cache


@contextmanager
def constant_weights() -> Iterator[None]:
    """Let kernels keep what they make of the weights, which this block changes not."""
    if not uses_kernels():
        yield
        return
    from sklearn_rnn._kernels._packs import packs_kept

    with packs_kept():
        yield


def are_weights_constant() -> bool:
    """Return whether this is a block of `constant_weights`, with kernels."""
    if not uses_kernels():
        return False
    from sklearn_rnn._kernels._packs import are_packs_kept

    return are_packs_kept()


def standardize(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return (x - mean) / scale, by the kernel if no gradient is needed."""
    trained = torch.is_grad_enabled() and x.requires_grad
    fits = mean.shape == scale.shape == x.shape[-1:]
    if trained or not fits or not _suit_kernels(x, mean, scale):
        return (x - mean).div_(scale)
    from sklearn_rnn._kernels._batches import standardize  # imports llvmlite

    return standardize(x.contiguous(), mean.contiguous(), scale.contiguous())


def linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer to the last axis of x."""
    if not is_exact(x) or not is_unchanged(layer, nn.Linear):
        return layer(x)
    from sklearn_rnn._kernels._rows import multiply  # imports llvmlite

    bias = layer.bias
    if bias is None:
        bias = x.new_zeros(layer.out_features)
    return multiply(x, layer.weight, bias)


def convolve(layer: Any, x: Tensor) -> Tensor:
    """Apply an nn.Conv1d to (batch, time, channels), without padding."""
    if not is_exact(x) or not is_unchanged(layer, nn.Conv1d) or not is_simple(layer):
        return _convolve_by_torch(layer, x)
    from sklearn_rnn._kernels._rows import convolve

    bias = layer.bias
    if bias is None:
        bias = x.new_zeros(layer.out_channels)
    return convolve(x, layer.weight, bias, layer.stride[0])


def _convolve_by_torch(layer: Any, x: Tensor) -> Tensor:
    """Apply the layer with a few different numbers of steps only.

    oneDNN keeps code and memory for each of the last thousand shapes: batches of ever
    other lengths would take a gigabyte.
    """
    n_steps = x.shape[1]
    rounded = round_up_steps(n_steps)
    if x.is_cuda or rounded == n_steps or not is_simple(layer):
        return layer(x.transpose(1, 2)).transpose(1, 2)
    padded = nn.functional.pad(x, (0, 0, 0, rounded - n_steps))
    n_kernel, stride = layer.kernel_size[0], layer.stride[0]
    new_steps = (n_steps - n_kernel) // stride + 1
    return layer(padded.transpose(1, 2))[:, :, :new_steps].transpose(1, 2)


def round_up_steps(n_steps: int) -> int:
    """Round up to one of eight numbers between two powers of two, from 128 on."""
    unit = max(1, 1 << (n_steps - 1).bit_length() >> 4) if n_steps > 128 else 1
    return -(-n_steps // unit) * unit


def is_unchanged(layer: Any, torch_class: Any) -> bool:
    """Whether the layer is torch's own class, without overrides and hooks."""
    return (
        type(layer).forward is torch_class.forward
        and not has_hooks(layer)
        and not has_global_hooks()
    )


def is_simple(layer: Any) -> bool:
    """Whether a convolution has neither padding nor dilation nor groups."""
    plain = layer.padding in ((0,), "valid") and layer.dilation == (1,)
    return plain and layer.groups == 1


def mean_over_time(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean of the valid steps, (batch, time, size) to (batch, size).

    Padded outputs are zeros.
    """
    if is_exact(outputs):
        from sklearn_rnn._kernels._rows import mean_over_time

        return mean_over_time(outputs, lengths)
    if lengths is None:
        return outputs.mean(1)
    return outputs.sum(1) / lengths.unsqueeze(-1)


def attend(outputs: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean of the valid steps, weighted by the softmax of their scores.

    ``scores`` is (batch, time); (batch, time, size) becomes (batch, size).
    """
    if is_exact(outputs) and uses_kernels("steps"):
        from sklearn_rnn._kernels._rows import attend

        return attend(outputs, scores, lengths)
    weights = softmax_over_time(scores, lengths)
    return (weights.unsqueeze(-1) * outputs).sum(1)


def attend_to_memory(
    queries: Tensor, keys: Tensor, memory: Tensor, lengths: Tensor | None
) -> Tensor:
    """Mean of the memory, weighted by the softmax of the products with each query.

    ``queries`` is (batch, n_queries, size), ``keys`` (batch, time, size) and ``memory``
    (batch, time, features); the result is (batch, n_queries, features).
    """
    if is_exact(queries) and uses_kernels("vocabulary"):
        from sklearn_rnn._kernels._rows import attend_to_memory

        return attend_to_memory(queries, keys, memory, lengths)
    keys = keys.double()
    means = [attend(memory, score(query, keys), lengths) for query in queries.unbind(1)]
    return torch.stack(means, dim=1)


def score(query: Tensor, keys: Tensor) -> Tensor:
    """Return the products of a query, (batch, size), with its keys, (batch, time)."""
    products = keys.double() * query.double().unsqueeze(1)
    return products.sum(-1).to(query.dtype)


def find_most_probable(logits: Tensor, n: int, forbidden: int) -> tuple[Tensor, Tensor]:
    """Return log probabilities and numbers of the most probable tokens of each row.

    Parameters
    ----------
    logits : Tensor of shape (batch, n_tokens)
        Overwritten.
    n : int
        At most n_tokens.
    forbidden : int
        A token that is not to be found.

    Returns
    -------
    log_p : Tensor of shape (batch, n)
        float64; the best first.
    tokens : Tensor of shape (batch, n)
    """
    if is_exact(logits) and uses_kernels("vocabulary"):
        from sklearn_rnn._kernels._vocabulary import find_most_probable

        return find_most_probable(logits, n, forbidden)
    best = []
    for rows in logits.split(max(1, _LOGITS_AT_ONCE // logits.shape[1])):
        log_p = torch.log_softmax(rows.float().double(), dim=1)
        log_p[:, forbidden] = -torch.inf
        best.append(log_p.topk(n, dim=1))
    log_p, tokens = map(torch.cat, zip(*best, strict=True))
    return log_p, tokens


def softmax_over_time(scores: Tensor, lengths: Tensor | None) -> Tensor:
    """Softmax of (batch, time) over the valid steps; zero at padding."""
    if lengths is not None:
        mask = padding_mask(lengths, scores.shape[1])
        scores = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=1)
