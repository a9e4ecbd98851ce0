"""A linear-chain conditional random field over the labels of all steps."""

import math
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._masking import padding_mask

UNKNOWN = -1  # a label that is summed over; in paths, padding


class CRF(nn.Module):
    r"""Linear-chain conditional random field: labels that depend on their neighbours.

    The output layer of a tagger: it scores the whole sequence of labels, where a
    softmax scores each label alone. Use it if some labels rarely or never follow
    others.

    Parameters
    ----------
    n_classes : int
        Number of classes K.
    allowed : array-like of bool of shape (n_classes, n_classes), default=None
        Whether class j (column) may follow class i (row). None: all may.
    allowed_start : array-like of bool of shape (n_classes,), default=None
        Whether a sequence may begin with a class. None: with all.
    allowed_end : array-like of bool of shape (n_classes,), default=None
        Whether a sequence may end with a class. None: with all.

    Attributes
    ----------
    transitions : torch.nn.Parameter of shape (n_classes, n_classes)
        Score of each class (column) after each class (row). All scores start at
        zero; those of forbidden transitions have no effect.
    start_transitions : torch.nn.Parameter of shape (n_classes,)
        Score of each class at the first step.
    end_transitions : torch.nn.Parameter of shape (n_classes,)
        Score of each class at the last step.

    Notes
    -----
    With emissions :math:`e`, transitions :math:`A`, start :math:`s` and end :math:`f`

    .. math::
        \log p(y) = s_{y_1} + \sum_t e_{t, y_t} + \sum_t A_{y_t, y_{t + 1}}
        + f_{y_T} - \log Z,

    where :math:`Z` sums over all allowed sequences of labels. The forward-backward
    algorithm computes :math:`Z` and the marginals, the Viterbi algorithm the best
    labels [1]_, all in float64. A forbidden transition has probability zero exactly.

    Marginals and decoded labels of a row depend on that row alone, to the last bit.

    References
    ----------
    .. [1] J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields:
       probabilistic models for segmenting and labeling sequence data", ICML 2001.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import CRF
    >>> crf = CRF(2, allowed=[[True, True], [False, True]])  # 0 never follows 1
    >>> emissions = torch.tensor([[[0.0, 1.0], [3.0, 0.0]]])
    >>> crf.decode(emissions)
    tensor([[0, 0]])
    >>> crf.marginals(emissions).round(decimals=2)
    tensor([[[0.8900, 0.1100],
             [0.8400, 0.1600]]], dtype=torch.float64)
    """

    allowed: Tensor | None
    allowed_start: Tensor | None
    allowed_end: Tensor | None

    def __init__(
        self,
        n_classes: int,
        *,
        allowed: Any = None,
        allowed_start: Any = None,
        allowed_end: Any = None,
    ) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes must be at least 1. Got {n_classes}.")
        self.n_classes = n_classes
        self.transitions = _make_scores(n_classes, n_classes)
        self.start_transitions = _make_scores(n_classes)
        self.end_transitions = _make_scores(n_classes)
        for name, scores, value in (
            ("allowed", self.transitions, allowed),
            ("allowed_start", self.start_transitions, allowed_start),
            ("allowed_end", self.end_transitions, allowed_end),
        ):
            self.register_buffer(name, _make_mask(name, value, scores.shape))

    def forward(
        self, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """Return the negative log-likelihood of the labels.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        targets : Tensor of shape (batch, time)
            Labels as int64, 0 to n_classes - 1. Those that are -1 are unknown: the
            likelihood sums over them. Any numbers at padding.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        loss : Tensor of shape (batch,)
            In the type of the emissions; computed in float64. Zero for a row without
            steps, NaN for one with NaN.

        Raises
        ------
        ValueError
            If a shape, a type or a label is wrong, if labels break the constraints,
            or if no labels of a row's length keep to them.
        """
        return self._compute(emissions, targets, lengths, as_loss=True)

    def path_log_likelihood(
        self, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """Return the log-likelihood of the labels.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        targets : Tensor of shape (batch, time)
            Labels as int64, 0 to n_classes - 1. Those that are -1 are unknown: the
            likelihood sums over them. Any numbers at padding.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        log_likelihood : Tensor of shape (batch,)
            In float64.

        Raises
        ------
        ValueError
            If a shape, a type or a label is wrong, if labels break the constraints,
            or if no labels of a row's length keep to them.
        """
        return self._compute(emissions, targets, lengths, as_loss=False)

    def _compute(
        self,
        emissions: Tensor,
        targets: Tensor,
        lengths: Tensor | None,
        *,
        as_loss: bool,
    ) -> Tensor:
        """Return log-likelihoods, or their negatives in the type of the emissions."""
        lengths = self._check_inputs(emissions, lengths)
        _check_targets(targets, emissions)
        if self._suits_kernels(emissions):
            from sklearn_rnn._kernels._crf import compute_log_likelihood as run

            result = run(emissions, targets, lengths, self.scores, as_loss=as_loss)
        else:
            potentials = self._stack_potentials()
            result = _log_likelihood(emissions, targets, lengths, potentials)
            result = -result.to(emissions.dtype) if as_loss else result
        self._check_results(result, lengths, targets)
        return result

    @torch.no_grad()
    def differentiate(
        self,
        emissions: Tensor,
        targets: Tensor,
        lengths: Tensor | None,
        weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Set the gradients of all scores of the mean of `forward`, by the kernels.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        targets : Tensor of shape (batch, time)
            Labels as int64, 0 to n_classes - 1. Those that are -1 are unknown: the
            likelihood sums over them. Any numbers at padding.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.
        weight : Tensor of shape (batch,) or None
            Weight of each row in the mean.

        Returns
        -------
        loss : Tensor of shape ()
            The weighted mean.
        d_emissions : Tensor of shape (batch, time, n_classes)
            Its gradient; zeros at padding.

        Raises
        ------
        ValueError
            As `forward` does.
        """
        from sklearn_rnn._kernels._crf import compute_gradients  # imports llvmlite

        lengths = self._check_inputs(emissions, lengths)
        _check_targets(targets, emissions)
        weight = emissions.new_ones(len(emissions)) if weight is None else weight
        result, d_emissions, *gradients = compute_gradients(
            emissions, targets, lengths, self.scores, -weight.double() / len(weight)
        )
        self._check_results(result, lengths, targets)
        (
            self.transitions.grad,
            self.start_transitions.grad,
            self.end_transitions.grad,
        ) = gradients
        return (-result.float() * weight).mean(), d_emissions

    @torch.no_grad()
    def marginals(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the probability of each class at each step, without gradients.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        probabilities : Tensor of shape (batch, time, n_classes)
            In float64; zeros at padding, NaN in a row with NaN.

        Raises
        ------
        ValueError
            If a shape or a type is wrong, or if no labels of a row's length keep to
            the constraints.
        """
        lengths = self._check_inputs(emissions, lengths)
        if self._suits_kernels(emissions):
            from sklearn_rnn._kernels._crf import marginals  # imports llvmlite

            log_z, probabilities = marginals(emissions, lengths, self.scores)
        else:
            potentials = self._stack_potentials()
            log_z, probabilities = _marginals(emissions, lengths, potentials)
        self._check_results(log_z, lengths)
        return probabilities

    def log_odds(
        self, emissions: Tensor, step: int, label: int, lengths: Tensor | None = None
    ) -> Tensor:
        """Return the log-odds of the marginal probability of a class at a step.

        ``log(p / (1 - p))`` as the difference of two normalisers, that of all paths
        through the class and that of all others: exact also where p rounds to 0 or 1,
        and differentiable.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        step : int
            Which step; negative: from the end of the batch.
        label : int
            Which class.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        log_odds : Tensor of shape (batch,)
            In float64; infinite for a class that the constraints forbid, or demand, at
            this step. Zero if the step is padding.

        Raises
        ------
        ValueError
            If a shape or a type is wrong.
        """
        lengths = self._check_inputs(emissions, lengths)
        at_label = torch.zeros_like(emissions[:1], dtype=torch.bool)
        at_label[:, step, label] = True
        elsewhere = torch.zeros_like(at_label)
        elsewhere[:, step] = ~at_label[:, step]
        both = [emissions.masked_fill(m, -torch.inf) for m in (elsewhere, at_label)]
        potentials = self._stack_potentials()
        messages = _forward(torch.cat(both).double(), lengths.repeat(2), potentials)
        on, off = _log_sum(messages[-1] + potentials[-1], 1).chunk(2)
        return on - off

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the most probable labels of each row, by the Viterbi algorithm.

        Parameters
        ----------
        emissions : Tensor of shape (batch, time, n_classes)
            Score of each class at each step; any numbers at padding.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        labels : Tensor of shape (batch, time)
            As int64; -1 at padding. The lowest class wins a tie.

        Raises
        ------
        ValueError
            If a shape or a type is wrong, if emissions are NaN, or if no labels of a
            row's length keep to the constraints.
        """
        lengths = self._check_inputs(emissions, lengths)
        if self._suits_kernels(emissions):
            from sklearn_rnn._kernels._crf import decode  # imports llvmlite

            scores, labels = decode(emissions, lengths, self.scores)
        else:
            scores, labels = _decode(emissions, lengths, self._stack_potentials())
        self._check_results(scores, lengths)
        for row in scores.isnan().nonzero().flatten().tolist():
            raise ValueError(
                f"emissions[{row}] and the transitions must be numbers. Got NaN."
            )
        return labels

    def _suits_kernels(self, emissions: Tensor) -> bool:
        return uses_kernels("crf") and all(
            tensor.device.type == "cpu" and tensor.dtype == torch.float32
            for tensor in (emissions, self.transitions)
        )

    @property
    def scores(self) -> Any:
        """The transitions and constraints as the kernels take them."""
        from sklearn_rnn._kernels._crf import Scores  # imports llvmlite

        scores = self.transitions, self.start_transitions, self.end_transitions
        return Scores(*scores, self.allowed, self.allowed_start, self.allowed_end)

    def _stack_potentials(self) -> Tensor:
        """Return transitions, start and end in float64, -inf where forbidden."""
        scores = self.transitions, self.start_transitions, self.end_transitions
        masks = self.allowed, self.allowed_start, self.allowed_end
        rows = []
        for score, mask in zip(scores, masks, strict=True):
            row = score.double().view(-1, self.n_classes)
            rows.append(row if mask is None else row.masked_fill(~mask, -torch.inf))
        return torch.cat(rows)  # (n_classes + 2, n_classes)

    def _check_inputs(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        """Check emissions and lengths; return the lengths as int64."""
        if emissions.dim() != 3 or emissions.shape[2] != self.n_classes:
            raise ValueError(
                f"emissions must have shape (batch, time, {self.n_classes}). "
                f"Got {tuple(emissions.shape)}."
            )
        if emissions.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"emissions must be float32 or float64. Got {emissions.dtype}."
            )
        batch, n_steps, _ = emissions.shape
        if lengths is None:
            return torch.full((batch,), n_steps, device=emissions.device)
        if lengths.is_floating_point() or lengths.shape != (batch,):
            raise ValueError(
                f"lengths must be {batch} whole numbers, one for each row of "
                f"emissions. Got {lengths.dtype} of shape {tuple(lengths.shape)}."
            )
        low, high = map(int, lengths.aminmax()) if batch else (0, 0)
        if low < 0 or high > n_steps:
            raise ValueError(
                f"lengths must be between 0 and {n_steps}. Got {low} to {high}."
            )
        return lengths.to(emissions.device, torch.int64)

    def _check_results(
        self, results: Tensor, lengths: Tensor, targets: Tensor | None = None
    ) -> None:
        """Raise an error if a result is not finite because of the constraints."""
        if math.isfinite(results.detach().sum()):
            return
        for row in (~results.isfinite()).nonzero().flatten().tolist():
            n_steps = int(lengths[row])
            if self._find_dead_end([UNKNOWN] * n_steps) is not None:
                raise ValueError(
                    f"Row {row} has {n_steps} steps: no labels of this length keep to "
                    "the constraints (allowed, allowed_start, allowed_end)."
                )
            if targets is not None:
                self._check_labels(row, targets[row, :n_steps].tolist())

    def _check_labels(self, row: int, labels: list[int]) -> None:
        for step, label in enumerate(labels):
            if not -1 <= label < self.n_classes:
                raise ValueError(
                    f"targets[{row}, {step}] must be a class from 0 to "
                    f"{self.n_classes - 1}, or -1 if unknown. Got {label}."
                )
        dead_end = self._find_dead_end(labels)
        if dead_end is not None:
            _raise_broken_constraint(row, dead_end, labels)

    def _find_dead_end(self, labels: list[int]) -> int | None:
        """Return the first step that no allowed path with these labels passes."""
        permitted = self._stack_potentials().detach().cpu() > -torch.inf
        transitions, (start, end) = permitted[:-2], permitted[-2:]
        reached = start
        for step, label in enumerate(labels):
            if step > 0:
                reached = transitions[reached].any(0)
            if label != UNKNOWN:
                reached = reached & (torch.arange(self.n_classes) == label)
            if step == len(labels) - 1:
                reached = reached & end
            if not reached.any():
                return step
        return None


def _make_scores(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape, dtype=torch.float32))


def _make_mask(name: str, value: Any, shape: torch.Size) -> Tensor | None:
    if value is None:
        return None
    mask = torch.as_tensor(np.asarray(value))
    if mask.dtype != torch.bool or mask.shape != shape:
        raise ValueError(
            f"{name} must be booleans of shape {tuple(shape)}. "
            f"Got {mask.dtype} of shape {tuple(mask.shape)}."
        )
    return mask.clone()


def _check_targets(targets: Tensor, emissions: Tensor) -> None:
    shape = emissions.shape[:2]
    if targets.dtype != torch.int64 or targets.shape != shape:
        raise ValueError(
            f"targets must be int64 of shape {tuple(shape)}, as the emissions have "
            f"them. Got {targets.dtype} of shape {tuple(targets.shape)}."
        )
    if targets.device != emissions.device:
        raise ValueError(
            f"targets must be on the device of emissions, {emissions.device}. "
            f"Got {targets.device}."
        )


def _raise_broken_constraint(row: int, step: int, labels: list[int]) -> NoReturn:
    before = "at the start" if step == 0 else f"after {labels[step - 1]}"
    end = " at the end" if step == len(labels) - 1 else ""
    raise ValueError(
        f"targets[{row}, {step}] breaks the constraints (allowed, allowed_start, "
        f"allowed_end): label {labels[step]} {before}{end}."
    )


# In torch: batches of any device, with logarithms -------------------------------------


def _log_likelihood(
    emissions: Tensor, targets: Tensor, lengths: Tensor, potentials: Tensor
) -> Tensor:
    """Return the log-likelihood of each row, in float64."""
    batch, n_steps, n_classes = emissions.shape
    emissions = emissions.double()
    if n_steps == 0:
        return emissions.sum((1, 2))
    classes = torch.arange(n_classes, device=emissions.device)
    labels = targets.unsqueeze(2)
    permitted = (labels == classes) | (labels == UNKNOWN)
    both = torch.cat([emissions.masked_fill(~permitted, -torch.inf), emissions])
    messages = _forward(both, lengths.repeat(2), potentials)
    log_z = _log_sum(messages[-1] + potentials[-1], 1).view(2, batch)
    return (log_z[0] - log_z[1]).masked_fill(lengths == 0, 0)


def _forward(emissions: Tensor, lengths: Tensor, potentials: Tensor) -> list[Tensor]:
    """Return the forward message of each step; at padding, that of the last step."""
    valid = padding_mask(lengths, emissions.shape[1]).unsqueeze(2)  # (batch, time, 1)
    emissions = emissions.masked_fill(~valid, 0)
    message = potentials[-2] + emissions[:, 0]
    messages = [message]
    for t in range(1, emissions.shape[1]):
        arrived = _log_sum(message.unsqueeze(2) + potentials[:-2], 1)
        message = torch.where(valid[:, t], arrived + emissions[:, t], message)
        messages.append(message)
    return messages  # (batch, n_classes) each


def _log_sum(x: Tensor, dim: int) -> Tensor:
    """Logarithm of a sum. torch's own has the gradient NaN if all summands are zero."""
    impossible = (x == -torch.inf).all(dim, keepdim=True)
    result = x.masked_fill(impossible, 0).logsumexp(dim)
    return result.masked_fill(impossible.squeeze(dim), -torch.inf)


def _marginals(
    emissions: Tensor, lengths: Tensor, potentials: Tensor
) -> tuple[Tensor, Tensor]:
    """Return log Z, and the probability of each class at each step."""
    batch, n_steps, _ = emissions.shape
    emissions = emissions.double()
    if n_steps == 0:
        return emissions.sum((1, 2)), emissions
    alphas = _forward(emissions, lengths, potentials)
    log_z = _log_sum(alphas[-1] + potentials[-1], 1)
    beta = potentials[-1].expand(batch, -1)
    result = torch.zeros_like(emissions)
    for t in range(n_steps - 1, -1, -1):
        if t < n_steps - 1:
            after = (emissions[:, t + 1] + beta).unsqueeze(1)
            moved = _log_sum(potentials[:-2] + after, 2)
            beta = torch.where((t + 1 < lengths).unsqueeze(1), moved, beta)
        result[:, t] = (alphas[t] + beta - log_z.unsqueeze(1)).exp()
    valid = padding_mask(lengths, n_steps).unsqueeze(2)
    return log_z.masked_fill(lengths == 0, 0), result.masked_fill(~valid, 0)


def _decode(
    emissions: Tensor, lengths: Tensor, potentials: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the score and the labels of the best path."""
    batch, n_steps, n_classes = emissions.shape
    emissions = emissions.double()
    labels = torch.full((batch, n_steps), UNKNOWN, device=emissions.device)
    if n_steps == 0:
        return emissions.sum((1, 2)), labels
    best = potentials[-2] + emissions[:, 0]
    stay = torch.arange(n_classes, device=emissions.device)
    pointers = []
    for t in range(1, n_steps):
        arrived, pointer = (best.unsqueeze(2) + potentials[:-2]).max(1)
        valid = (t < lengths).unsqueeze(1)
        best = torch.where(valid, arrived + emissions[:, t], best)
        pointers.append(torch.where(valid, pointer, stay))
    scores, label = (best + potentials[-1]).max(1, keepdim=True)
    for t in range(n_steps - 1, -1, -1):
        labels[:, t : t + 1] = label
        label = pointers[t - 1].gather(1, label) if t > 0 else label
    valid = padding_mask(lengths, n_steps)
    scores = scores.squeeze(1).masked_fill(lengths == 0, 0)
    return scores, labels.masked_fill(~valid, UNKNOWN)
