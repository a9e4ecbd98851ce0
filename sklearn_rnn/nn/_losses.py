"""Losses: one number for each sequence, and the link from outputs to predictions.

A loss defines the number of outputs per target (`outputs_per_target`), its value
(`forward`: (batch, n_outputs), targets to (batch,)) and the meaning of the outputs
(`predict`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_rnn.nn._batch_invariant import linear
from sklearn_rnn.nn._generation import NextSteps
from sklearn_rnn.nn._masking import padding_mask
from sklearn_rnn.nn._models import Emissions, Frames
from sklearn_rnn.nn._vocabulary import vocabulary_loss

_MOST_LOGITS = 2**22  # at a time
_LARGE_VOCABULARY = 1000  # below it, logits stay in the cache


class CrossEntropy(nn.Module):
    """Multinomial log loss on logits; targets are class numbers, (batch,).

    Targets of -1 are unknown, and cost nothing.
    """

    outputs_per_target = 1

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(
            output, target, ignore_index=-1, reduction="none"
        )

    def predict(self, output: Tensor) -> Tensor:
        """Return probabilities, (batch, n_classes)."""
        return torch.softmax(output, dim=1)

    def predict_log(self, output: Tensor) -> Tensor:
        """Return logarithms of probabilities, (batch, n_classes)."""
        return torch.log_softmax(output, dim=1)


class BinaryCrossEntropy(nn.Module):
    """Log loss of each label by itself; targets are 0 or 1, (batch, n_labels)."""

    outputs_per_target = 1

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(
            output, target, reduction="none"
        ).mean(1)

    def predict(self, output: Tensor) -> Tensor:
        """Return the probability of each label, (batch, n_labels)."""
        # torch.sigmoid rounds the last numbers of a batch differently
        return 1 / (1 + torch.exp(-output))

    def predict_log(self, output: Tensor) -> Tensor:
        """Return the logarithm of the probability of each label."""
        return functional.logsigmoid(output)

    def predict_log_not(self, output: Tensor) -> Tensor:
        """Return the logarithm of the probability that a label is missing."""
        return functional.logsigmoid(-output)


class PathLikelihood(nn.Module):
    """Negative log-likelihood of label paths under a CRF, one number a sequence.

    Targets are labels of all valid steps end to end, (n_valid_steps,); -1 is unknown
    and summed over.
    """

    outputs_per_target = 1

    def forward(self, output: Emissions, target: Tensor) -> Tensor:
        scores, lengths, crf = output
        return crf(scores, self.spread_labels(output, target), lengths)

    def spread_labels(self, output: Emissions, target: Tensor) -> Tensor:
        """Return labels of shape (batch, time), -1 at padding."""
        batch, n_steps, _ = output.scores.shape
        if output.lengths is None:
            return target.view(batch, n_steps)
        labels = target.new_full((batch, n_steps), -1)
        labels[padding_mask(output.lengths, n_steps)] = target
        return labels


def linear_cross_entropy(
    output: NextSteps, target: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the log loss of each step, of logits that no caller needs."""
    states, head = output
    if head.out_features >= _LARGE_VOCABULARY:
        return vocabulary_loss(states, head.weight, head.bias, target, label_smoothing)
    return functional.cross_entropy(
        linear(head, states),
        target,
        reduction="none",
        label_smoothing=label_smoothing,
    )


class TokenLikelihood(nn.Module):
    """Negative log-likelihood of the next token, one number a step.

    Targets are the numbers of tokens, (n_valid_steps,).

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that all tokens share equally.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, output: NextSteps, target: Tensor) -> Tensor:
        return linear_cross_entropy(output, target, self.label_smoothing)


class NoteLikelihood(nn.Module):
    """Negative log-likelihood of a set of notes, the sum over notes, one number a step.

    Targets are 0 or 1, (n_valid_steps, n_notes).
    """

    def forward(self, output: NextSteps, target: Tensor) -> Tensor:
        states, head = output
        return functional.binary_cross_entropy_with_logits(
            linear(head, states), target, reduction="none"
        ).sum(1)


def token_log_likelihood(states: Tensor, head: nn.Linear, target: Tensor) -> Tensor:
    """Return the log probability of the target of each state, in double precision.

    Parameters
    ----------
    states : Tensor of shape (n_steps, size)
    head : torch.nn.Linear
    target : Tensor of shape (n_steps,)

    Returns
    -------
    log_probability : Tensor of shape (n_steps,)
    """
    n_rows = max(1, _MOST_LOGITS // head.out_features)
    parts = [
        log_probabilities(linear(head, some)).gather(1, index.unsqueeze(1))[:, 0]
        for some, index in zip(states.split(n_rows), target.split(n_rows), strict=True)
    ]
    return torch.cat(parts)


def log_probabilities(logits: Tensor) -> Tensor:
    """Return log probabilities in double precision, each row by itself."""
    return torch.log_softmax(logits.float().double(), dim=1)


def note_log_likelihood(states: Tensor, head: nn.Linear, target: Tensor) -> Tensor:
    """Return the log-likelihood of the notes of each step, in double precision."""
    logits = linear(head, states).float().double()
    return functional.logsigmoid(torch.where(target > 0, logits, -logits)).sum(1)


class CTC(nn.Module):
    """Negative log-likelihood of texts without an alignment, one number per sequence.

    The sum over all alignments: each frame has a token or the blank, and the text is
    what is left when repeated tokens are merged and blanks are dropped. Targets are
    numbers of tokens, from 1 on, of shape (batch, n_tokens); -1 is padding. Computed in
    float64.

    References
    ----------
    A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
    classification", ICML 2006.
    """

    outputs_per_target = 1

    def forward(self, output: Frames, target: Tensor) -> Tensor:
        scores, lengths = output
        if lengths is None:
            lengths = target.new_full((len(scores),), scores.shape[1])
        # torch's gradient is that of logits only through log_softmax
        log_probability = torch.log_softmax(scores.double(), dim=2).transpose(0, 1)
        n_tokens = (target >= 0).sum(dim=1)
        losses = functional.ctc_loss(
            log_probability, target, lengths, n_tokens, reduction="none"
        )
        return losses.to(scores.dtype)


class RegressionLoss(nn.Module):
    """Mean over targets of `elementwise_loss`, which subclasses define."""

    outputs_per_target = 1
    scales_target = True  # whether the network learns standardised targets

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.elementwise_loss(output, target).mean(1)

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each target, (batch, n_targets)."""
        raise NotImplementedError

    def predict(self, output: Tensor) -> Tensor:
        """Return the prediction of each target, (batch, n_targets)."""
        return output


class SquaredError(RegressionLoss):
    """(output - target)^2: learns the mean."""

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square()


class AbsoluteError(RegressionLoss):
    """|output - target|: learns the median."""

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs()


class Huber(RegressionLoss):
    """Squared below one standard deviation of the target, absolute above.

    References
    ----------
    P. Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35, 1964.
    """

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.huber_loss(output, target, reduction="none")


class Quantile(RegressionLoss):
    """Pinball loss: learns a quantile.

    Parameters
    ----------
    quantile : float
        Which one, between 0 and 1.

    References
    ----------
    R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.
    """

    def __init__(self, quantile: float) -> None:
        super().__init__()
        self.quantile = quantile

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        error = target - output
        return torch.maximum(self.quantile * error, (self.quantile - 1) * error)


class Quantiles(RegressionLoss):
    r"""Mean pinball loss of several quantiles, which never cross.

    Outputs are those of the first level for all targets, then of the second, and so on.
    The output :math:`a` of the level in the middle is its quantile; that of another is
    the distance to its neighbour nearer the middle, :math:`(a + \sqrt{a^2 + 4}) / 2`,
    which is positive.

    Parameters
    ----------
    levels : sequence of float
        Increasing, between 0 and 1.

    References
    ----------
    R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.

    J. Barron, "Squareplus: a softplus-like algebraic rectifier", arXiv:2112.11687.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        self.levels = [float(level) for level in levels]
        self.outputs_per_target = len(self.levels)

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        error = target.unsqueeze(2) - self.predict(output)
        levels = torch.tensor(self.levels, dtype=error.dtype, device=error.device)
        return torch.maximum(levels * error, (levels - 1) * error).mean(2)

    def predict(self, output: Tensor) -> Tensor:
        """Return the quantiles of each target, (batch, n_targets, n_levels)."""
        raw = output.chunk(self.outputs_per_target, dim=1)
        middle = self.outputs_per_target // 2
        below, above = [raw[middle]], [raw[middle]]
        for gap in reversed(raw[:middle]):
            below.append(below[-1] - _squareplus(gap))
        for gap in raw[middle + 1 :]:
            above.append(above[-1] + _squareplus(gap))
        return torch.stack([*reversed(below), *above[1:]], dim=2)

    def invert(self, quantiles: Tensor) -> Tensor:
        """Return outputs with these quantiles, which increase with the level."""
        middle = self.outputs_per_target // 2
        gaps = quantiles.diff(dim=2)
        raw = gaps - 1 / gaps  # inverse of _squareplus
        parts = raw[..., :middle], quantiles[..., middle, None], raw[..., middle:]
        return torch.cat(parts, dim=2).transpose(1, 2).flatten(1)


def _squareplus(x: Tensor) -> Tensor:
    """Return a positive number; unlike softplus, rounded the same in each batch."""
    return (x + (x.square() + 4).sqrt()) / 2


class Poisson(RegressionLoss):
    """Half the Poisson deviance, without its constant terms: for counts."""

    scales_target = False

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        return output.exp() - target * output

    def predict(self, output: Tensor) -> Tensor:
        return output.exp()


class Gaussian(RegressionLoss):
    """Negative log-likelihood of a normal distribution, mean and deviation learned.

    Outputs are all means, then the logarithms of all standard deviations.

    References
    ----------
    D. Nix, A. Weigend, "Estimating the mean and variance of the target probability
    distribution", ICNN 1994.
    """

    outputs_per_target = 2

    def elementwise_loss(self, output: Tensor, target: Tensor) -> Tensor:
        mean, log_std = self._split(output)
        return log_std + 0.5 * ((target - mean) / log_std.exp()).square()

    def predict(self, output: Tensor) -> Tensor:
        return self._split(output)[0]

    def predict_std(self, output: Tensor) -> Tensor:
        """Return the standard deviation of each target, (batch, n_targets)."""
        return self._split(output)[1].exp()

    def _split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = output.chunk(2, dim=1)
        return mean, log_std.clamp(min=-7)  # exact fits would diverge to -infinity


REGRESSION_LOSSES: dict[str, type[RegressionLoss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "gaussian": Gaussian,
}


def make_regression_loss(
    name: str, quantile: float | Sequence[float]
) -> RegressionLoss:
    """Return the loss of a regressor by its name."""
    make_loss = REGRESSION_LOSSES[name]
    if name == "quantile" and isinstance(quantile, Sequence):
        return Quantiles(quantile)
    return make_loss(quantile) if name == "quantile" else make_loss()
