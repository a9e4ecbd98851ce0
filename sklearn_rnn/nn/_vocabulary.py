"""Log loss of a linear layer with thousands of outputs, in pieces.

An array of all positions and all words would leave the cache, and soon the memory:
torch's operators pass over it six times. Here some rows of logits are computed, turned
into gradients where they lie, and multiplied into the gradients of inputs and weights
before the next rows take their place.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._threads import (
    count_parts,
    run_in_threads,
    threads_for_kernels,
)
from sklearn_rnn.nn._config import uses_kernels

_UNKNOWN = -1  # a word that costs nothing
_LANES = 16  # rows of logits are multiples of it, as the kernels need
# logits of a piece: those on the CPU stay in its cache
_PIECE, _PIECE_ON_GPU = 2**21, 2**26
_FEWEST_ROWS, _MOST_ROWS = 32, 256


class VocabularyGradients(NamedTuple):
    """Losses, and the gradients of ``sum(weights * losses)``.

    Parameters
    ----------
    losses : Tensor of shape (positions,)
        Not multiplied by the weights.
    d_x : Tensor of shape (positions, hidden)
    d_weight : Tensor of shape (n_words, hidden)
    d_bias : Tensor of shape (n_words,)
    """

    losses: Tensor
    d_x: Tensor
    d_weight: Tensor
    d_bias: Tensor


def vocabulary_loss(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of ``x @ weight.T + bias`` at each position.

    Equal to ``torch.nn.functional.cross_entropy`` without a reduction, but no array of
    (positions, n_words) is made, neither here nor in the backward pass. Gradients are
    computed with the losses, as if these were summed; where the losses have different
    weights, the backward pass computes them once more. For training: the loss of a
    position may depend on the others in its last bits.

    Parameters
    ----------
    x : Tensor of shape (positions, hidden)
        Inputs of the linear layer.
    weight : Tensor of shape (n_words, hidden)
    bias : Tensor of shape (n_words,)
    targets : Tensor of shape (positions,)
        Words from 0 to n_words - 1, as int64; -1 costs nothing.
    label_smoothing : float, default=0.0
        Share of the target that all words share equally, from 0 to 1.

    Returns
    -------
    losses : Tensor of shape (positions,)
    """
    return _VocabularyLoss.apply(x, weight, bias, targets, label_smoothing)


def vocabulary_gradients(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    weights: Tensor,
    label_smoothing: float = 0.0,
) -> VocabularyGradients:
    """Return the losses of `vocabulary_loss` with all gradients, in one pass.

    Parameters
    ----------
    x, weight, bias, targets, label_smoothing
        As in `vocabulary_loss`.
    weights : Tensor of shape (positions,)
        Factor of each loss in the sum that is differentiated.

    Returns
    -------
    VocabularyGradients
    """
    run = _Run(x, weight, bias, targets, weights, label_smoothing)
    d_weight, d_bias = run.run()
    return VocabularyGradients(run.losses, run.d_x, d_weight, d_bias)


class _VocabularyLoss(torch.autograd.Function):
    """`vocabulary_loss`, for autograd."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        label_smoothing: float,
    ) -> Tensor:
        """Return the losses."""
        differentiate = any(ctx.needs_input_grad)
        ones = x.new_ones(len(x)) if differentiate else None
        run = _Run(x, weight, bias, targets, ones, label_smoothing)
        sums = run.run()
        if differentiate:
            ctx.save_for_backward(x, weight, bias, targets, run.d_x, *sums)
            ctx.label_smoothing = label_smoothing
        return run.losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_losses: Tensor) -> Any:
        """Return the gradient of each argument of `forward`."""
        x, weight, bias, targets, d_x, d_weight, d_bias = ctx.saved_tensors
        known = d_losses[targets != _UNKNOWN]
        factor = known[:1].sum()  # zero if there are none
        if (known == factor).all():
            return d_x * factor, d_weight * factor, d_bias * factor, None, None
        run = vocabulary_gradients(
            x, weight, bias, targets, d_losses, ctx.label_smoothing
        )
        return run.d_x, run.d_weight, run.d_bias, None, None


class _Run:
    """All pieces of one batch; the arguments are those of `vocabulary_gradients`."""

    def __init__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        weights: Tensor | None,
        label_smoothing: float,
    ) -> None:
        _check(x, weight, bias, targets, weights, label_smoothing)
        self.x, self.weight, bias = x.detach(), weight.detach(), bias.detach()
        self.targets, self.label_smoothing = targets, label_smoothing
        self.weights = None if weights is None else weights.detach().contiguous()
        self.n_words = len(weight)
        wide = -(-self.n_words // _LANES) * _LANES
        # its first number stands behind the words, too, where it changes no maximum
        self.bias = self.x.new_empty(wide).fill_(bias[0])
        self.bias[: self.n_words] = bias
        self.n_rows = _count_rows(self.x, wide)
        self.losses = self.x.new_empty(len(x))
        self.d_x = self.x.new_empty(0 if weights is None else len(x), x.shape[1])

    @torch.no_grad()
    def run(self) -> tuple[Tensor, Tensor]:
        """Set losses and d_x; return the other gradients, empty without weights."""
        tensors = self.x, self.weight, self.bias
        suited = all(t.is_cpu and t.dtype is torch.float32 for t in tensors)
        if not suited or not uses_kernels("vocabulary"):
            return self._run_part(0, len(self.x), _soften)
        from sklearn_rnn._kernels._vocabulary import soften  # imports llvmlite

        with threads_for_kernels(), torch.autocast("cpu", enabled=False):
            return self._run_threads(soften)

    def _run_threads(self, soften: Callable[..., None]) -> tuple[Tensor, Tensor]:
        n = len(self.x)
        n_parts = min(count_parts(n, n * self.weight.numel()), n // self.n_rows) or 1
        bounds = [n * k // n_parts for k in range(n_parts + 1)]
        sums: list[Any] = [None] * n_parts
        mode = torch.is_inference_mode_enabled()

        def run_part(k: int) -> None:
            with torch.inference_mode(mode):  # of the thread that made the tensors
                sums[k] = self._run_part(bounds[k], bounds[k + 1], soften)

        run_in_threads(run_part, [(k,) for k in range(n_parts)])
        for other in sums[1:]:
            for total, own in zip(sums[0], other, strict=True):
                total += own
        return sums[0]

    def _run_part(
        self, begin: int, end: int, soften: Callable[..., None]
    ) -> tuple[Tensor, Tensor]:
        """Run some rows, piece by piece."""
        differentiate = self.weights is not None
        n_pieces = max(1, -(-(end - begin) // self.n_rows))
        bounds = [begin + (end - begin) * k // n_pieces for k in range(n_pieces + 1)]
        memory = self.x.new_empty(min(self.n_rows, end - begin), len(self.bias))
        d_weight = self.weight.new_zeros(self.weight.shape if differentiate else 0)
        d_bias = torch.zeros_like(self.bias)
        for first, last in pairwise(bounds):
            rows, piece = slice(first, last), memory[: last - first]
            logits, x = piece[:, : self.n_words], self.x[rows]
            torch.mm(x, self.weight.T, out=logits)
            soften(
                piece, self.n_words, self.bias, self.targets[rows],
                None if self.weights is None else self.weights[rows],
                self.label_smoothing, self.losses[rows], d_bias,
            )  # fmt: skip
            if differentiate:
                torch.mm(logits, self.weight, out=self.d_x[rows])
                d_weight.addmm_(logits.T, x)
        return d_weight, d_bias[: self.n_words]


def _check(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    weights: Tensor | None,
    label_smoothing: float,
) -> None:
    """Raise an error if shapes do not fit, or a target is no word."""
    n, n_words = len(x), len(weight)
    shapes = {
        "x": (x, (n, weight.shape[1])),
        "bias": (bias, (n_words,)),
        "targets": (targets, (n,)),
        "weights": (weights, (n,)),
    }
    for name, (tensor, shape) in shapes.items():
        if tensor is not None and tensor.shape != shape:
            raise ValueError(
                f"{name} must have the shape {shape}. Got {tuple(tensor.shape)}."
            )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1. Got {label_smoothing}.")
    low, high = map(int, targets.aminmax()) if n else (0, 0)
    if targets.dtype is not torch.int64 or low < _UNKNOWN or high >= n_words:
        raise ValueError(
            f"targets must be words from 0 to {n_words - 1} as int64, or {_UNKNOWN} if "
            f"unknown. Got {low} to {high} as {targets.dtype}."
        )


def _count_rows(x: Tensor, wide: int) -> int:
    """Return how many rows of logits make a piece."""
    if not x.is_cpu:
        return max(_FEWEST_ROWS, _PIECE_ON_GPU // wide)
    return max(_FEWEST_ROWS, min(_MOST_ROWS, _PIECE // wide))


def _soften(
    piece: Tensor,
    n_words: int,
    bias: Tensor,
    targets: Tensor,
    weights: Tensor | None,
    label_smoothing: float,
    losses: Tensor,
    d_bias: Tensor,
) -> None:
    """Do what `sklearn_rnn._kernels._vocabulary.soften` does, by torch."""
    logits = piece[:, :n_words]
    logits += bias[:n_words]
    known = targets != _UNKNOWN
    words, right = targets.clamp(min=0).unsqueeze(1), 1 - label_smoothing
    log_z = torch.logsumexp(logits, dim=1)
    chosen = logits.gather(1, words).squeeze(1)
    own = log_z - right * chosen - label_smoothing * logits.mean(1)
    losses.copy_(own.where(known, 0))
    if weights is None:
        return
    factors = weights.where(known, 0).unsqueeze(1)
    logits.sub_(log_z.unsqueeze(1)).exp_().sub_(label_smoothing / n_words)
    logits.mul_(factors).scatter_add_(1, words, -right * factors)
    d_bias[:n_words] += logits.sum(0)
