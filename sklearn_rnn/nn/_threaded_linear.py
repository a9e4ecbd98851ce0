"""A linear layer in training, its rows shared by the threads of the kernels.

Between the kernels torch has one thread, see
`sklearn_rnn._kernels._threads.threads_for_kernels`.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._threads import count_parts, has_threads, run_in_threads
from sklearn_rnn.nn._batch_invariant import is_unchanged, linear
from sklearn_rnn.nn._config import uses_kernels


def threaded_linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer without a bias to the last axis of x.

    In prediction, each row by itself.
    """
    n_rows = x.numel() // x.shape[-1] if x.numel() else 0
    suits = (
        torch.is_grad_enabled()
        and uses_kernels()
        and has_threads()
        and x.is_cpu
        and x.dtype is layer.weight.dtype is torch.float32
        and not torch.is_autocast_enabled("cpu")
        and is_unchanged(layer, nn.Linear)
        and count_parts(n_rows, n_rows * layer.weight.numel()) > 1
    )
    return _Product.apply(x, layer.weight) if suits else linear(layer, x)


class _Product(torch.autograd.Function):
    """``x @ weight.T``, for autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Return the product."""
        ctx.save_for_backward(x, weight)
        rows, factor = x.detach().flatten(0, -2), weight.detach().T
        out = rows.new_empty(len(rows), factor.shape[1])

        def multiply(part: int, begin: int, end: int) -> None:
            torch.mm(rows[begin:end], factor, out=out[begin:end])

        _share_rows(multiply, len(rows), weight.numel())
        return out.view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of x and weight."""
        x, weight = (tensor.detach() for tensor in ctx.saved_tensors)
        d_rows, rows = d_out.flatten(0, -2), x.flatten(0, -2)
        d_x = torch.empty_like(rows)
        sums: dict[int, Tensor] = {}

        def multiply(part: int, begin: int, end: int) -> None:
            torch.mm(d_rows[begin:end], weight, out=d_x[begin:end])
            sums[part] = d_rows[begin:end].T @ rows[begin:end]

        n_parts = _share_rows(multiply, len(rows), weight.numel())
        d_weight = sums[0]
        for part in range(1, n_parts):
            d_weight += sums[part]
        return d_x.view(x.shape), d_weight


def _share_rows(
    multiply: Callable[[int, int, int], None], n_rows: int, n_weights: int
) -> int:
    """Call a function with the rows of each thread; return the number of threads."""
    n_parts = count_parts(n_rows, n_rows * n_weights)
    bounds = [n_rows * k // n_parts for k in range(n_parts + 1)]
    parts = [(k, a, b) for k, (a, b) in enumerate(pairwise(bounds))]
    run_in_threads(multiply, parts)
    return n_parts
