"""The last links: losses."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sklearn_rnn.nn import _losses
from sklearn_rnn.nn._chain._link import Batch
from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._models import Emissions, split_frames

# with their names among the kernels; None: torch differentiates it
LOSSES: dict[type, str | None] = {
    _losses.CrossEntropy: "cross_entropy",
    _losses.BinaryCrossEntropy: "binary_cross_entropy",
    _losses.SquaredError: "squared_error",
    _losses.AbsoluteError: "absolute_error",
    _losses.Huber: "huber",
    _losses.Quantile: "quantile",
    _losses.Poisson: "poisson",
    _losses.Gaussian: "gaussian",
    _losses.Quantiles: None,
}


class LossLink:
    """Link of all losses with one number for each output vector.

    Parameters
    ----------
    criterion : torch.nn.Module
    model : SequenceModel or StepModel
    """

    def __init__(self, criterion: Any, model: Any) -> None:
        self.criterion = criterion
        self.name = LOSSES[type(criterion)]
        self.n_outputs = model.head.out_features
        self.of_steps = not hasattr(model, "pooling")
        self.options = {}
        if self.name == "quantile":
            self.options["quantile"] = float(criterion.quantile)

    def suits(self, batch: Batch) -> bool:
        """Return whether targets and weights have the expected shape and type."""
        n = len(batch.x)
        if self.of_steps:
            n = count_steps(batch)
        if not is_weight(batch.weight, n):
            return False
        target, per_target = batch.target, self.criterion.outputs_per_target
        if self.name == "cross_entropy":
            return target.dtype is torch.int64 and target.shape == (n,)
        shape = n, self.n_outputs // per_target
        return target.dtype is torch.float32 and target.shape == shape

    def run(
        self, output: Tensor, lengths: Tensor | None, batch: Batch
    ) -> tuple[Tensor, Any, Tensor]:
        """Return the loss, the output as the criterion takes it, and its gradient."""
        if self.name is None:
            return _differentiate(self.criterion, output, batch)
        from sklearn_rnn._kernels._losses import compute_loss  # imports llvmlite

        loss, d_output = compute_loss(
            self.name, output, batch.target, batch.weight, **self.options
        )
        return loss.to(torch.float32), output, d_output


class PathLink:
    """Link of `PathLikelihood`, with the weights of the CRF.

    Parameters
    ----------
    criterion : PathLikelihood
    model : StepModel
    """

    def __init__(self, criterion: Any, model: Any) -> None:
        self.criterion, self.crf = criterion, model.crf

    def suits(self, batch: Batch) -> bool:
        """Return whether targets and weights have the expected shape and type."""
        target = batch.target
        n = count_steps(batch)
        fits = target.dtype is torch.int64 and target.shape == (n,)
        return fits and is_weight(batch.weight, len(batch.x)) and uses_kernels("crf")

    def run(
        self, output: Tensor, lengths: Tensor | None, batch: Batch
    ) -> tuple[Tensor, Any, Tensor]:
        """Return the loss, the output as the criterion takes it, and its gradient."""
        crf = self.crf
        emissions = Emissions(output, lengths, crf)
        labels = self.criterion.spread_labels(emissions, batch.target)
        losses, d_output = crf.differentiate(output, labels, lengths, batch.weight)
        return losses, emissions, d_output


class CTCLink:
    """Link of `CTC`.

    Parameters
    ----------
    criterion : CTC
    model : CTCModel
    """

    def __init__(self, criterion: Any, model: Any) -> None:
        self.criterion, self.upsample = criterion, model.upsample

    def suits(self, batch: Batch) -> bool:
        """Return whether targets and weights have the expected shape and type."""
        target, n = batch.target, len(batch.x)
        fits = target.dtype is torch.int64 and target.dim() == 2 and len(target) == n
        return fits and is_weight(batch.weight, n)

    def run(
        self, output: Tensor, lengths: Tensor | None, batch: Batch
    ) -> tuple[Tensor, Any, Tensor]:
        """Return the loss, the output as the criterion takes it, and its gradient."""
        frames = split_frames(output, lengths, self.upsample)

        def criterion(scores: Tensor, target: Tensor) -> Tensor:
            return self.criterion(frames._replace(scores=scores), target)

        loss, _, gradient = _differentiate(criterion, frames.scores, batch)
        return loss, frames, gradient.view_as(output)


def _differentiate(
    criterion: Callable[[Tensor, Tensor], Tensor], output: Tensor, batch: Batch
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss by torch's operators, the output, and its gradient."""
    with torch.enable_grad():
        output = output.detach().requires_grad_()
        losses = criterion(output, batch.target)
        loss = (losses if batch.weight is None else losses * batch.weight).mean()
        (gradient,) = torch.autograd.grad(loss, output)
    return loss.detach(), output.detach(), gradient


def count_steps(batch: Batch) -> int:
    """Return the number of valid steps."""
    if batch.lengths is None:
        return batch.x.shape[0] * batch.x.shape[1]
    return int(batch.lengths.sum())


def is_weight(weight: Tensor | None, n: int) -> bool:
    """Whether weights are missing, or one number for each loss."""
    return weight is None or (weight.dtype is torch.float32 and weight.shape == (n,))
