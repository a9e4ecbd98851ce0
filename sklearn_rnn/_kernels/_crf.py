"""A linear-chain CRF on the CPU: log-likelihoods, marginals, best paths."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read
from sklearn_rnn._kernels._threads import count_parts, run_in_threads

_GROUP, _LANES = 4, WIDTH // 2  # as in the kernel: sequences, doubles of a vector


class Scores(NamedTuple):
    """Scores of transitions, and which are allowed; None: all."""

    transitions: Tensor  # (K, K), by the class they come from
    start: Tensor  # (K,)
    end: Tensor  # (K,)
    allowed: Tensor | None
    allowed_start: Tensor | None
    allowed_end: Tensor | None


class PathGradients(NamedTuple):
    """Results of `compute_gradients`."""

    log_likelihood: Tensor  # (batch,) in float64
    d_emissions: Tensor  # zeros at padding
    d_transitions: Tensor  # zeros where forbidden
    d_start: Tensor
    d_end: Tensor


def compute_log_likelihood(
    emissions: Tensor,
    targets: Tensor,
    lengths: Tensor,
    scores: Scores,
    *,
    as_loss: bool = False,
) -> Tensor:
    """Return the log-likelihood of the labels of each row, for autograd.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    targets : Tensor of shape (batch, time)
        Classes as int64; -1 is unknown. A label that is no class, or that no allowed
        path has, leads to -inf.
    lengths : Tensor of shape (batch,)
    scores : Scores
    as_loss : bool, default=False
        Whether to return its negative in float32.

    Returns
    -------
    result : Tensor of shape (batch,)
        In float64.
    """
    return _LogLikelihood.apply(as_loss, emissions, targets, lengths, *scores)


class _LogLikelihood(torch.autograd.Function):
    """The gradients of the sum are computed with the values, and scaled later."""

    @staticmethod
    def forward(ctx, as_loss, emissions, targets, lengths, *scores):
        batch = _Batch(emissions, lengths, Scores(*scores), targets)
        result = empty(batch.size, dtype=torch.float64)
        if any(ctx.needs_input_grad):
            ctx.as_loss, ctx.batch = as_loss, batch
            gradients = batch.compute_gradients(None, log_z=result)
            ctx.save_for_backward(*gradients, emissions, targets, lengths)
        else:
            batch.sum_paths(log_z=result)
        return result.neg_().float() if as_loss else result

    @staticmethod
    @once_differentiable
    def backward(ctx, weights):
        d_emissions, counts, *_ = ctx.saved_tensors  # none of them may have changed
        batch = ctx.batch
        if ctx.as_loss:
            weights = weights.double().neg_()
        lowest, highest = map(float, weights.aminmax()) if batch.size else (0.0, 0.0)
        if lowest == highest:
            d_emissions, factor = d_emissions * lowest, lowest
        else:
            d_emissions, counts = batch.compute_gradients(weights)
            factor = 1.0
        d_scores = batch.sum_counts(counts, factor)
        return None, d_emissions, None, None, *d_scores, None, None, None


def compute_gradients(
    emissions: Tensor,
    targets: Tensor,
    lengths: Tensor,
    scores: Scores,
    weights: Tensor,
) -> PathGradients:
    """Compute log-likelihoods, and the gradients of ``sum(weights * likelihoods)``.

    Parameters
    ----------
    emissions, targets, lengths, scores
        As `compute_log_likelihood` takes them.
    weights : Tensor of shape (batch,)
        In float64.

    Returns
    -------
    gradients : PathGradients
    """
    batch = _Batch(emissions, lengths, scores, targets)
    result = empty(batch.size, dtype=torch.float64)
    d_emissions, counts = batch.compute_gradients(weights, log_z=result)
    return PathGradients(result, d_emissions, *batch.sum_counts(counts))


def marginals(
    emissions: Tensor, lengths: Tensor, scores: Scores
) -> tuple[Tensor, Tensor]:
    """Return the probability of each class at each step.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    lengths : Tensor of shape (batch,)
    scores : Scores

    Returns
    -------
    log_z : Tensor of shape (batch,)
        -inf if no path is allowed.
    result : Tensor of shape (batch, time, K)
        In float64; zeros at padding.
    """
    batch = _Batch(emissions, lengths, scores)
    log_z = empty(batch.size, dtype=torch.float64)
    result = empty(*emissions.shape, dtype=torch.float64)
    batch.sum_paths(log_z=log_z, probabilities=result)
    return log_z, result


def decode(emissions: Tensor, lengths: Tensor, scores: Scores) -> tuple[Tensor, Tensor]:
    """Return the best path of each row.

    Parameters
    ----------
    emissions : Tensor of shape (batch, time, K)
    lengths : Tensor of shape (batch,)
    scores : Scores

    Returns
    -------
    best : Tensor of shape (batch,)
        -inf if no path is allowed, NaN if an emission is.
    paths : Tensor of shape (batch, time)
        Classes, -1 at padding.
    """
    batch = _Batch(emissions, lengths, scores)
    best = empty(batch.size, dtype=torch.float64)
    paths = empty(*emissions.shape[:2], dtype=torch.int64)
    batch.find_best_paths(best, paths)
    return best, paths


class _Batch:
    """Checked tensors, the order of the rows, and the logarithms of all scores.

    Rows are sorted by length, longest first, and form groups of four, which are dealt
    out to the threads.
    """

    def __init__(
        self,
        emissions: Tensor,
        lengths: Tensor,
        scores: Scores,
        targets: Tensor | None = None,
    ) -> None:
        named = {"emissions": emissions, "lengths": lengths, "targets": targets}
        named |= scores._asdict()
        tensors = {name: t for name, t in named.items() if t is not None}
        self.sizes: dict[str, int] = {}
        found = read("crf", self.sizes, tensors)
        self.tensors = dict(zip(tensors, found, strict=True))
        self.shape = self.size, self.n_steps, n = emissions.shape
        self.n_groups, self.wide = -(-self.size // _GROUP), -(-n // _LANES) * _LANES
        # for each class: some products, and about 30 operations besides
        work = 2 * self.size * self.n_steps * self.wide * (3 * n + 30)
        self.n_parts = count_parts(4 * self.n_groups, work)
        self.order = empty(self.size + self.n_steps + 1, dtype=torch.int64)
        self.potentials = empty(n + 2, n, dtype=torch.float64)
        addresses = self._find_addresses("lengths", *Scores._fields)
        memory = self.order.data_ptr(), self.potentials.data_ptr()
        get_library("crf").crf_prepare(*self.shape, *addresses, *memory)

    def _find_addresses(self, *names: str) -> list[int]:
        return [_find_address(self.tensors.get(name)) for name in names]

    def compute_gradients(
        self, weights: Tensor | None, log_z: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return gradients of ``sum(weights * log_likelihoods)``.

        Those with respect to the scores are to be summed up by `sum_counts`.
        """
        if weights is not None:
            (weights,) = read("crf", self.sizes, {"weights": weights})
        if log_z is None:
            log_z = empty(self.size, dtype=torch.float64)
        n = self.shape[2]
        d_emissions = empty(*self.shape)
        counts = empty(self.n_groups, n + 2, n, dtype=torch.float64)
        self.sum_paths(weights, log_z=log_z, d_emissions=d_emissions, counts=counts)
        return d_emissions, counts

    def sum_counts(self, counts: Tensor, factor: float = 1.0) -> list[Tensor]:
        """Return the gradients of transitions, start and end, times a factor."""
        n = self.shape[2]
        gradients = [empty(*shape) for shape in ((n, n), (n,), (n,))]
        weight = torch.full((1,), factor, dtype=torch.float64)
        tensors = counts, weight, *gradients
        get_library("crf").crf_sum_groups(
            self.n_groups, n, *map(_find_address, tensors)
        )
        return gradients

    def sum_paths(self, weights: Tensor | None = None, **results: Tensor) -> None:
        """Set those of the results that are given; see the kernel."""
        n_numbers = _GROUP * (self.n_steps * (4 * self.wide + 1) + self.wide + 3)
        n_numbers += (3 * self.shape[2] + 2) * self.wide + 3
        memory = empty(self.n_parts, n_numbers, dtype=torch.float64)
        first = self._find_addresses("emissions", "targets", "lengths")
        given = *first, _find_address(weights), self.potentials.data_ptr()
        names = "log_z", "d_emissions", "probabilities", "counts"
        last = [results.get(name) for name in names]
        self._run("crf_sum_paths", given, [memory], last)

    def find_best_paths(self, scores: Tensor, paths: Tensor) -> None:
        """Set the best path of each row, and its score."""
        _, n_steps, n = self.shape
        messages = empty(self.n_parts, 2, n, dtype=torch.float64)
        pointers = empty(self.n_parts, n_steps, n, dtype=torch.int64)
        first = self._find_addresses("emissions", "lengths")
        given = *first, self.potentials.data_ptr()
        self._run("crf_decode", given, [messages, pointers], [scores, paths])

    def _run(
        self,
        kernel: str,
        given: Sequence[int],
        memory: Sequence[Tensor],
        results: Sequence[Tensor | None],
    ) -> None:
        """Call a kernel in each thread, which has its own part of the memory."""
        if 0 in self.shape:  # nothing is at no address
            for result in results:
                if result is not None:
                    result.zero_()
            return
        last = [_find_address(result) for result in results]
        jobs = [
            (*self.shape, part, self.n_parts, self.order.data_ptr(), *given,
             *[_find_address(tensor[part]) for tensor in memory], *last)
            for part in range(self.n_parts)
        ]  # fmt: skip
        run_in_threads(
            getattr(get_library("crf"), kernel), jobs, (self, memory, results)
        )


def _find_address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
