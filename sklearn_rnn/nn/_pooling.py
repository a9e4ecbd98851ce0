"""Pooling of the states of all steps into one vector."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._tensors import check_lengths, check_lengths_type
from sklearn_rnn.nn._batch_invariant import (
    attend,
    linear,
    mean_over_time,
    softmax_over_time,
)
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._masking import gather_ends, padding_mask


class Pooling(nn.Module):
    r"""Last, mean, max, mean and max side by side, or a learned weighted mean.

    Parameters
    ----------
    kind : {"last", "mean", "max", "meanmax", "attention"}
        Kind of pooling.
    input_size : int
        Size of the state of a step, both directions together.
    bidirectional : bool, default=False
        Whether the second half of the state was computed from the end to the start:
        its last step is then each sequence's first.

    Notes
    -----
    "attention" computes :math:`\sum_t a_t h_t` with
    :math:`a = \mathrm{softmax}_t(v^\top \tanh(W h_t + b))`.

    References
    ----------
    Z. Yang et al., "Hierarchical attention networks for document classification",
    NAACL 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import Pooling
    >>> outputs = torch.tensor([[[1.0], [3.0], [0.0]]])  # the third is padding
    >>> Pooling("mean", 1)(outputs, torch.tensor([2]))
    tensor([[2.]])
    """

    def __init__(
        self, kind: str, input_size: int, *, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.kind = kind
        self.bidirectional = bidirectional
        self.output_size = 2 * input_size if kind == "meanmax" else input_size
        if kind == "attention":
            self.project = make_empty(nn.Linear, input_size, input_size)
            self.score = make_empty(nn.Linear, input_size, 1, bias=False)

    def forward(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool the outputs of an encoder.

        Parameters
        ----------
        outputs : Tensor of shape (batch, time, input_size)
            States of all steps; zeros where the input is padding.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        pooled : Tensor of shape (batch, output_size)
            One vector for each sequence.

        Raises
        ------
        ValueError
            If `lengths` are not integers from 1 to time, one for each sequence.
        """
        _check_lengths(lengths, *outputs.shape[:2])
        if self.kind == "last":
            return gather_ends(outputs, lengths, bidirectional=self.bidirectional)
        if self.kind == "mean":
            return mean_over_time(outputs, lengths)
        if self.kind == "max":
            return _max(outputs, lengths)
        if self.kind == "meanmax":
            both = [mean_over_time(outputs, lengths), _max(outputs, lengths)]
            return torch.cat(both, dim=-1)
        return attend(outputs, self._scores(outputs), lengths)

    def attention_weights(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the weight of each step, of a pooling by attention.

        Parameters
        ----------
        outputs : Tensor of shape (batch, time, input_size)
            States of all steps; zeros where the input is padding.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        weights : Tensor of shape (batch, time)
            The sum of each row is 1; zero at padding.
        """
        _check_lengths(lengths, *outputs.shape[:2])
        return softmax_over_time(self._scores(outputs), lengths)

    def _scores(self, outputs: Tensor) -> Tensor:
        scores = linear(self.score, torch.tanh(linear(self.project, outputs)))
        return scores.squeeze(-1)  # (batch, time)


def _check_lengths(lengths: Tensor | None, batch: int, n_steps: int) -> None:
    if lengths is None:
        return
    check_lengths_type(lengths)
    if torch.compiler.is_compiling():  # there are no numbers yet
        return
    # avoid a synchronisation with the GPU
    numbers = lengths.numpy() if lengths.is_cpu else np.ones(len(lengths), np.int64)
    check_lengths(numbers, batch, n_steps, least=1)


def _max(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is not None:
        mask = padding_mask(lengths, outputs.shape[1]).unsqueeze(-1)
        outputs = outputs.masked_fill(~mask, -torch.inf)
    return outputs.amax(1)
