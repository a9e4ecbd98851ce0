"""A linear-chain CRF on the CPU: log-likelihoods, marginals, best paths.

Everywhere, `emissions` are (batch, time, K) in float32, `lengths` (batch,) in int64,
and `potentials` (K + 2, K) in float64: transitions by the class they come from, then
the start, then the end; -inf where forbidden.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read
from sklearn_rnn._kernels._threads import count_parts, run_in_threads


def log_likelihood(
    emissions: Tensor, targets: Tensor, lengths: Tensor, potentials: Tensor
) -> Tensor:
    """Return the log-likelihood of the labels of each row, for autograd.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    targets : Tensor of shape (batch, time)
        Classes as int64; -1 is unknown. A label that is no class, or that no allowed
        path has, leads to -inf.
    lengths : Tensor of shape (batch,)
    potentials : Tensor of shape (K + 2, K)

    Returns
    -------
    result : Tensor of shape (batch,)
        In float64.
    """
    tensors = emissions, potentials, targets, lengths
    if torch.is_grad_enabled() and (
        emissions.requires_grad or potentials.requires_grad
    ):
        return _LogLikelihood.apply(*tensors)
    return _compute_log_likelihood(*tensors, with_gradients=False)[0]


class PathGradients(NamedTuple):
    """Results of `compute_gradients`."""

    log_likelihood: Tensor  # (batch,) in float64
    d_emissions: Tensor  # zeros at padding
    d_potentials: Tensor  # in float64


def compute_gradients(
    emissions: Tensor,
    targets: Tensor,
    lengths: Tensor,
    potentials: Tensor,
    weights: Tensor,
) -> PathGradients:
    """Compute log-likelihoods, and the gradients of ``sum(weights * likelihoods)``.

    Parameters
    ----------
    emissions, targets, lengths, potentials : Tensor
        As `log_likelihood` takes them.
    weights : Tensor of shape (batch,)
        In float64.

    Returns
    -------
    gradients : PathGradients
    """
    read("crf", {"batch": len(emissions)}, {"weights": weights})
    tensors = emissions, potentials, targets, lengths
    result, *gradients = _compute_log_likelihood(*tensors, with_gradients=True)
    return PathGradients(result, *_weight(*gradients, weights))


def _weight(
    d_emissions: Tensor, d_potentials: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    weights = weights.view(-1, 1, 1)
    return d_emissions * weights.float(), (d_potentials * weights).sum(0)


class _LogLikelihood(torch.autograd.Function):
    """The gradients of each row are computed with its value, and weighted later."""

    @staticmethod
    def forward(ctx, *tensors):
        result, *gradients = _compute_log_likelihood(*tensors, with_gradients=True)
        ctx.save_for_backward(*gradients)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx, weights):
        return *_weight(*ctx.saved_tensors, weights), None, None


def _compute_log_likelihood(emissions, potentials, targets, lengths, *, with_gradients):
    batch, n_steps, n_classes = emissions.shape
    result = empty(batch, dtype=torch.float64)
    n = batch if with_gradients else 0
    d_emissions = empty(n, n_steps, n_classes)
    d_potentials = empty(n, n_classes + 2, n_classes, dtype=torch.float64)
    _run_on_rows(
        get_library().crf_log_likelihood,
        {"emissions": emissions, "targets": targets},
        lengths,
        potentials,
        _make_chain_memory,
        (result, d_emissions, d_potentials),
    )
    return result, d_emissions, d_potentials


def marginals(
    emissions: Tensor, lengths: Tensor, potentials: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the probability of each class at each step.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    lengths : Tensor of shape (batch,)
    potentials : Tensor of shape (K + 2, K)

    Returns
    -------
    log_z : Tensor of shape (batch,)
        -inf if no path is allowed.
    result : Tensor of shape (batch, time, K)
        In float64; zeros at padding.
    """
    log_z = empty(len(emissions), dtype=torch.float64)
    result = empty(*emissions.shape, dtype=torch.float64)
    _run_on_rows(
        get_library().crf_marginals,
        {"emissions": emissions},
        lengths,
        potentials,
        _make_chain_memory,
        (log_z, result),
    )
    return log_z, result


def decode(
    emissions: Tensor, lengths: Tensor, potentials: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the best path of each row.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    lengths : Tensor of shape (batch,)
    potentials : Tensor of shape (K + 2, K)

    Returns
    -------
    scores : Tensor of shape (batch,)
        -inf if no path is allowed, NaN if an emission is.
    paths : Tensor of shape (batch, time)
        Classes, -1 at padding.
    """
    scores = empty(len(emissions), dtype=torch.float64)
    paths = empty(*emissions.shape[:2], dtype=torch.int64)
    _run_on_rows(
        get_library().crf_decode,
        {"emissions": emissions},
        lengths,
        potentials,
        _make_path_memory,
        (scores, paths),
    )
    return scores, paths


def _run_on_rows(
    function: Callable[..., Any],
    inputs: dict[str, Tensor],
    lengths: Tensor,
    potentials: Tensor,
    make_memory: Callable[[int, int], tuple[Tensor, ...]],
    results: tuple[Tensor, ...],
) -> None:
    """Call a kernel on the rows, in one or more threads.

    Its arguments are the sizes, then the addresses of its rows of the inputs, the
    lengths, the potentials, the memory of a thread, and its rows of the results.
    """
    _, n_steps, n_classes = inputs["emissions"].shape
    tensors = {**inputs, "lengths": lengths, "potentials": potentials}
    *by_row, potentials = read("crf", {"classes + 2": n_classes + 2}, tensors)
    jobs, kept = [], [*by_row, potentials, *results]
    for first, last in _split_rows(lengths, n_classes):
        memory = make_memory(n_steps, n_classes)
        kept += memory
        jobs.append(
            (last - first, n_steps, n_classes,
             *(_address_of_row(tensor, first) for tensor in by_row),
             potentials.data_ptr(),
             *(tensor.data_ptr() for tensor in memory),
             *(_address_of_row(tensor, first) for tensor in results))
        )  # fmt: skip
    run_in_threads(function, jobs, kept)


def _split_rows(lengths: Tensor, n_classes: int) -> list[tuple[int, int]]:
    """Return the first row and the end of each part, of about as many steps each."""
    ends = np.cumsum(lengths.numpy())
    total = int(ends[-1]) if len(ends) else 0
    n_parts = count_parts(len(ends), 4 * total * n_classes**2)
    targets = [total * k // n_parts for k in range(1, n_parts)]
    return list(pairwise([0, *np.searchsorted(ends, targets).tolist(), len(ends)]))


def _address_of_row(tensor: Tensor, row: int) -> int:
    """Return where a row begins; 0 if the tensor is empty."""
    if tensor.numel() == 0:
        return 0
    return tensor.data_ptr() + row * tensor.stride(0) * tensor.element_size()


def _make_chain_memory(n_steps: int, n_classes: int) -> tuple[Tensor]:
    n = (2 * n_classes + 5 + 3 * n_steps) * n_classes + n_steps + 4
    return (empty(n, dtype=torch.float64),)


def _make_path_memory(n_steps: int, n_classes: int) -> tuple[Tensor, Tensor]:
    messages = empty(2, n_classes, dtype=torch.float64)
    return messages, empty(n_steps, n_classes, dtype=torch.int64)
