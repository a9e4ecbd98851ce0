"""The mean and the last steps of a sequence, as inputs of a linear layer."""

import math

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import mean_over_time
from sklearn_rnn.nn._masking import padding_mask


class LastSteps(nn.Module):
    """The mean of all steps and the last ones, standardised.

    Random convolutions have weights that sum to zero: they see shapes, and hardly the
    level of a sequence.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    n_steps : int
        Number of last steps. Those that a short sequence lacks are zeros.
    most_deviations : float, default=None
        Number of standard deviations from its mean at which an output is cut.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LastSteps
    >>> steps = torch.tensor([[[1.0], [3.0], [0.0]]])  # the third is padding
    >>> LastSteps(input_size=1, n_steps=3)(steps, torch.tensor([2]))
    tensor([[2., 3., 1., 0.]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, input_size: int, n_steps: int, most_deviations: float | None = None
    ) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.most_deviations = most_deviations
        self.output_size = (1 + n_steps) * input_size
        self.register_buffer("mean", torch.zeros(self.output_size))
        self.register_buffer("scale", torch.ones(self.output_size))

    @torch.no_grad()
    def set_moments(self, mean: Tensor, std: Tensor) -> None:
        """Set what outputs are standardised by: the vector has a length of about 2.

        Parameters
        ----------
        mean : Tensor of shape (output_size,)
            Mean of each output over the training set.
        std : Tensor of shape (output_size,)
            Its standard deviation, likewise.
        """
        self.mean.copy_(mean)
        self.scale.copy_(std * self.output_size**0.5 / 2)

    @property
    def bound(self) -> float:
        """Greatest absolute value of an output."""
        if self.most_deviations is None:
            return math.inf
        return self.most_deviations * 2 / self.output_size**0.5

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean, the last step, the one before, and so on, side by side.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, output_size)
            A vector for each sequence.
        """
        return self.standardize(self.take(x, lengths))

    def take(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean and the last steps as they are.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        steps : Tensor of shape (batch, output_size)
            For `standardize`.
        """
        if lengths is not None:
            mask = padding_mask(lengths, x.shape[1]).unsqueeze(-1)
            x = x.masked_fill(~mask, 0)
        last = self._take_last(x, lengths).flatten(1)
        return torch.cat([mean_over_time(x, lengths), last], dim=1)

    def standardize(self, steps: Tensor) -> Tensor:
        """Return what the layer returns.

        Parameters
        ----------
        steps : Tensor of shape (batch, output_size)
            As `take` returns them.

        Returns
        -------
        outputs : Tensor of shape (batch, output_size)
            In the units of the moments, within the bound.
        """
        return ((steps - self.mean) / self.scale).clamp(-self.bound, self.bound)

    def _take_last(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        batch, n_steps, size = x.shape
        if lengths is None:
            lengths = torch.full((batch,), n_steps, device=x.device)
        back = torch.arange(1, self.n_steps + 1, device=x.device)
        places = lengths.unsqueeze(1).to(x.device) - back  # (batch, self.n_steps)
        exists = (places >= 0).unsqueeze(-1)
        index = places.clamp(min=0).unsqueeze(-1).expand(-1, -1, size)
        return torch.where(exists, x.gather(1, index), 0)
