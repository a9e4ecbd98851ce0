"""Random convolutions and a ridge regression: an output beside the network's."""

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._threads import threads_for_kernels
from sklearn_rnn.nn._batch_invariant import is_exact, round_up_steps
from sklearn_rnn.nn._inputs import share_channels
from sklearn_rnn.nn._last_steps import LastSteps
from sklearn_rnn.nn._masking import padding_mask

KERNEL_SIZE = 9
_SIDE = KERNEL_SIZE // 2
# six weights are -1 and three are 2, as in MiniRocket: they sum to zero
_PATTERNS = np.array(
    [
        [2.0 if k in places else -1.0 for k in range(KERNEL_SIZE)]
        for places in itertools.combinations(range(KERNEL_SIZE), KERNEL_SIZE // 3)
    ]
)
_GOLDEN = (5**0.5 - 1) / 2
_PENALTIES = [10 ** (k / 2) for k in range(-12, 1)]
_PENALTIES_OF_BLOCKS = [10.0**k for k in range(-6, 3)]  # up to next to no slope
_N_BLOCKS, _MOST_IN_BLOCK = 5, 500
_LARGEST_THRESHOLD = 1.5  # in standard deviations of a kernel's outputs
_SMALLEST_DEVIATION = 1e-4  # of outputs that are scaled to 1: less may be rounding


class RandomConvolutions(nn.Module):
    r"""Dilated convolutions that are not trained, pooled over the steps in two ways.

    With :math:`v_k = w_k * x - b_k`, output 2k is the root of the mean over the steps
    of :math:`\max(0, v_k)`, and output 2k + 1 the mean of
    :math:`\min(1, \max(0, v_k) / 0.25)`, both standardised: by how much the threshold
    is exceeded, and how often.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    n_kernels : int
        Number of kernels; each has two outputs.

    References
    ----------
    A. Dempster, D. Schmidt, G. Webb, "MiniRocket: a very fast (almost) deterministic
    transform for time series classification", KDD 2021, for kernels and dilations.
    There the outputs are the fractions of steps where :math:`w_k * x > b_k`, which
    have no slope.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import RandomConvolutions
    >>> branch = RandomConvolutions(input_size=3, n_kernels=100)
    >>> branch.draw(length=50, generator=torch.Generator().manual_seed(0))
    >>> branch(torch.ones(2, 50, 3), torch.tensor([50, 20])).shape
    torch.Size([2, 200])
    """

    MAX_DILATION = 64
    SMALLEST_MEAN = 1e-4  # below the root
    WIDTH = 0.25  # above the threshold, in standard deviations: from 0 to a whole step
    weight: Tensor
    threshold: Tensor
    dilation: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, input_size: int, n_kernels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(n_kernels, input_size, KERNEL_SIZE))
        self.register_buffer("threshold", torch.zeros(n_kernels))
        self.register_buffer("dilation", torch.ones(n_kernels, dtype=torch.int64))
        self.output_size = 2 * n_kernels
        self.register_buffer("mean", torch.zeros(self.output_size))
        self.register_buffer("scale", torch.ones(self.output_size))
        self._groups = [1], [n_kernels]  # dilations, and how many kernels have each

    def _load_from_state_dict(self, *args: Any, **options: Any) -> None:
        super()._load_from_state_dict(*args, **options)
        self._count_dilations()

    def _count_dilations(self) -> None:
        # once, because no numbers can be read in torch.export
        dilations, counts = self.dilation.unique_consecutive(return_counts=True)
        self._groups = dilations.tolist(), counts.tolist()

    @torch.no_grad()
    def draw(self, length: int, generator: torch.Generator) -> None:
        """Draw weights; dilations are powers of two, up to the length of a sequence.

        Parameters
        ----------
        length : int
            Number of steps of a typical sequence.
        generator : torch.Generator
            Source of random numbers; on the CPU.
        """
        n_kernels, input_size, _ = self.weight.shape
        reach = max(1, (length - 1) // (KERNEL_SIZE - 1))
        dilations = [2**k for k in range(min(reach, self.MAX_DILATION).bit_length())]
        shares = share_channels(n_kernels, len(dilations))
        self.dilation.copy_(torch.tensor(np.repeat(dilations, shares)))
        self._count_dilations()
        places = np.concatenate([np.arange(n) % len(_PATTERNS) for n in shares])
        patterns = torch.tensor(_PATTERNS[places]).unsqueeze(1)
        chosen = _draw_channels(n_kernels, input_size, generator)
        weight = patterns * chosen.unsqueeze(-1)
        self.weight.copy_(weight / weight.flatten(1).norm(dim=1)[:, None, None])

    @torch.no_grad()
    def set_thresholds(self, means: Tensor) -> None:
        """Set thresholds from the outputs of a training set, which were without.

        Weights are scaled: the outputs of each kernel have a deviation of about 1.

        Parameters
        ----------
        means : Tensor of shape (2 * n_kernels,)
            Mean of what `pool` returns over the steps of the training set.
        """
        # of normal numbers, the mean of the positive part times this is the deviation
        deviation = (means[::2] * (2 * torch.pi) ** 0.5).clamp(min=_SMALLEST_DEVIATION)
        self.weight.copy_(self.weight / deviation[:, None, None])
        n = len(deviation)
        levels = (torch.arange(1, n + 1, dtype=torch.float64) * _GOLDEN) % 1
        edge = torch.special.ndtr(torch.tensor(_LARGEST_THRESHOLD).double())
        levels = torch.special.ndtri((1 - edge) + (2 * edge - 1) * levels)
        self.threshold.copy_(levels)

    @torch.no_grad()
    def set_moments(self, mean: Tensor, std: Tensor) -> None:
        """Set what outputs are standardised by: the vector has a length of about 1.

        Parameters
        ----------
        mean : Tensor of shape (2 * n_kernels,)
            Mean of each output over the training set.
        std : Tensor of shape (2 * n_kernels,)
            Its standard deviation, likewise.
        """
        self.mean.copy_(mean)
        self.scale.copy_(std * self.output_size**0.5)

    def has_valid_dilations(self) -> bool:
        """Return whether dilations are such as `draw` sets.

        Returns
        -------
        valid : bool
            False if a file was changed.
        """
        return bool(((self.dilation >= 1) & (self.dilation <= self.MAX_DILATION)).all())

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve and pool.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, 2 * n_kernels)
            A vector for each sequence.
        """
        low, high = self.pool(x, lengths).unflatten(1, (-1, 2)).unbind(2)
        least, exact = low + self.SMALLEST_MEAN, is_exact(low)
        # torch's root may be off by one bit, unlike that of NumPy and of the kernels
        roots = torch.from_numpy(np.sqrt(least.numpy())) if exact else least.sqrt()
        outputs = torch.stack([roots, (low - high) / self.WIDTH], dim=2).flatten(1)
        return (outputs - self.mean) / self.scale

    def pool(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve and return means over the steps: of what is above two thresholds.

        These are the thresholds, and the same plus `WIDTH`.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        means : Tensor of shape (batch, 2 * n_kernels)
            Not negative; two numbers for each kernel.
        """
        if not is_exact(x):
            return self._pool_by_torch(x, lengths)
        packed = self.pack()
        if packed is None:  # rounded, so that a row does not depend on the others
            return self._pool_by_torch(x.double(), lengths).float()
        from sklearn_rnn._kernels._random_convolutions import (  # imports llvmlite
            convolve_randomly,
        )

        return convolve_randomly(packed, x, lengths)

    def pack(self) -> Any:
        """Return the kernels as the package's kernels read them.

        Returns
        -------
        packed : PackedKernels or None
            None if the weights are not such as `draw` sets.
        """
        from sklearn_rnn._kernels._random_convolutions import pack_kernels

        thresholds = torch.stack([self.threshold, self.threshold + self.WIDTH], dim=1)
        return pack_kernels(self.weight, thresholds, self.dilation)

    def _pool_by_torch(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is not None:
            x = x * padding_mask(lengths, x.shape[1]).unsqueeze(-1)
        parts = [_pool_group(x, lengths, *group) for group in self.list_groups()]
        return torch.cat(parts, dim=1)

    def list_groups(self) -> list[tuple[Tensor, Tensor, int]]:
        """Return weight, threshold and dilation of all kernels of one dilation.

        Returns
        -------
        groups : list of (Tensor, Tensor, int)
            In the order of the outputs.
        """
        dilations, sizes = self._groups
        groups = zip(
            self.weight.split(sizes),
            self.threshold.split(sizes),
            dilations,
            strict=True,
        )
        return list(groups)


class RandomBranch(nn.Module):
    """Random convolutions and a linear layer: outputs beside those of a network.

    The linear layer is a ridge regression, fitted before the network is trained. The
    output of both is a mean, in which the network has `network_share`.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    n_kernels : int
        Number of random kernels.
    n_outputs : int
        Size of the output.
    n_last : int, default=0
        If above 0, the linear layer reads this number of last steps, too, see
        :class:`LastSteps`.
    most_deviations : float, default=None
        Number of standard deviations from its mean at which a last step is cut. None:
        outputs are kept between `lowest` and `highest` instead, since what is linear in
        the steps has no limits.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import RandomBranch
    >>> branch = RandomBranch(input_size=3, n_kernels=100, n_outputs=2)
    >>> branch.convolutions.draw(50, torch.Generator().manual_seed(0))
    >>> branch(torch.ones(2, 50, 3), torch.tensor([50, 20])).shape
    torch.Size([2, 2])
    """

    # of the network, which is surer than it should be
    DEFAULT_SHARE = 1 / 3

    weight: Tensor
    bias: Tensor
    network_share: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        input_size: int,
        n_kernels: int,
        n_outputs: int,
        *,
        n_last: int = 0,
        most_deviations: float | None = None,
    ) -> None:
        super().__init__()
        self.convolutions = RandomConvolutions(input_size, n_kernels)
        self.last_steps, n_features = None, self.convolutions.output_size
        if n_last:
            self.last_steps = LastSteps(input_size, n_last, most_deviations)
            n_features += self.last_steps.output_size
        self.has_limits = self.last_steps is not None and most_deviations is None
        if self.has_limits:
            self.register_buffer("lowest", torch.full((n_outputs,), -torch.inf))
            self.register_buffer("highest", torch.full((n_outputs,), torch.inf))
        self.register_buffer("weight", torch.zeros(n_outputs, n_features))
        self.register_buffer("bias", torch.zeros(n_outputs))
        self.register_buffer("network_share", torch.tensor(self.DEFAULT_SHARE))

    def leave_out_last_steps(self) -> None:
        """Have the linear layer, which is not fitted yet, read no steps."""
        n_last = self.last_steps.output_size if self.last_steps is not None else 0
        self.last_steps, self.weight = None, self.weight[:, n_last:]

    @torch.no_grad()
    def set_network_share(self, share: float) -> None:
        """Set the share of the network in the mean.

        Parameters
        ----------
        share : float
            From 0 to 1.
        """
        self.network_share.fill_(share)

    def mix(self, output: Tensor, own: Tensor) -> Tensor:
        """Return the mean of the outputs of a network and of this branch.

        Parameters
        ----------
        output : Tensor of shape (batch, n_outputs)
            Output of the network.
        own : Tensor of shape (batch, n_outputs)
            Output of this branch.

        Returns
        -------
        output : Tensor of shape (batch, n_outputs)
            The mean, in which the network has `network_share`.
        """
        return self.network_share * output + (1 - self.network_share) * own

    def pack(self) -> Any:
        """Return the branch as a link of a packed network.

        Returns
        -------
        link : PackedLink or None
            None if the kernels do not run it.
        """
        from sklearn_rnn._kernels._network import convolve_randomly  # imports llvmlite

        kernels, packed = self.convolutions, self.convolutions.pack()
        if packed is None:
            return None
        constants = torch.from_numpy(  # whatever the default type and device are
            np.array([kernels.SMALLEST_MEAN, kernels.WIDTH], np.float32)
        )
        shares = torch.stack([self.network_share, 1 - self.network_share])
        moments = kernels.mean, kernels.scale, constants, shares
        last: tuple[Tensor, ...] = ()
        if self.last_steps is not None:
            own = self.last_steps
            inf = torch.full_like(self.bias, torch.inf)
            limits = (self.lowest, self.highest) if self.has_limits else (-inf, inf)
            last = own.mean, own.scale, torch.full_like(own.mean, own.bound), *limits
        return convolve_randomly(packed, moments, self.weight, self.bias, last)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs for each sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            To be mixed with the output of a network.
        """
        features = self.convolutions(x, lengths)
        if self.last_steps is not None:
            features = torch.cat([self.last_steps(x, lengths), features], dim=1)
        outputs = self._multiply(features)
        if not self.has_limits:
            return outputs
        return torch.maximum(torch.minimum(outputs, self.highest), self.lowest)

    def _multiply(self, features: Tensor) -> Tensor:
        if is_exact(features):
            from sklearn_rnn._kernels._rows import multiply  # imports llvmlite

            return multiply(features, self.weight, self.bias)
        return nn.functional.linear(features, self.weight, self.bias)


@torch.no_grad()
def fit_ridge(
    features: Tensor, targets: Tensor, weight: Tensor, *, in_blocks: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a ridge regression; its penalty has the least error for what is left out.

    Parameters
    ----------
    features : Tensor of shape (n_samples, n_features)
        As `RandomConvolutions` returns them.
    targets : Tensor of shape (n_samples, n_outputs)
    weight : Tensor of shape (n_samples,)
        Weight of each sample; only ratios matter.
    in_blocks : bool, default=False
        Whether a fifth of the samples that follow each other, 500 at most, is left out
        at once, and not one: of windows of a series, the next one tells nearly all.

    Returns
    -------
    weight : Tensor of shape (n_outputs, n_features)
    bias : Tensor of shape (n_outputs,)
    left_out : Tensor of shape (n_samples, n_outputs)
        Predictions for each sample of the regression without it, or its block.
    """
    with threads_for_kernels():  # more threads would round differently
        features, targets = features.double(), targets.double()
        share = weight.double() / weight.double().sum()
        root = share.sqrt().unsqueeze(1)
        centre, level = share @ features, share @ targets
        A, Y = root * (features - centre), root * (targets - level)
        U, values = _decompose(A)
        UY = U.T @ Y
        find_errors = _leave_out_blocks if in_blocks else _leave_one_out
        best = torch.inf
        for penalty in _PENALTIES_OF_BLOCKS if in_blocks else _PENALTIES:
            kept = values / (values + penalty)
            errors = find_errors(Y - U @ (kept.unsqueeze(1) * UY), U, kept, root)
            error = float(errors.square().sum())
            if error < best:
                best, left_out = error, targets - errors / root
                coef = A.T @ (U @ (UY / (values + penalty).unsqueeze(1)))
        return coef.T, level - centre @ coef, left_out


def _leave_one_out(residuals: Tensor, U: Tensor, kept: Tensor, root: Tensor) -> Tensor:
    """Return the errors for each sample of the fit without it."""
    leverage = root.squeeze(1) ** 2 + (U * U) @ kept  # the first is of the bias
    return residuals / (1 - leverage.clamp(max=1 - 1e-9).unsqueeze(1))


def _leave_out_blocks(
    residuals: Tensor, U: Tensor, kept: Tensor, root: Tensor
) -> Tensor:
    """Return the errors for each block of samples of the fit without it."""
    n_samples = len(residuals)
    n_blocks = max(_N_BLOCKS, -(-n_samples // _MOST_IN_BLOCK))
    errors = []
    for rows in torch.arange(n_samples).tensor_split(n_blocks):
        leverage = root[rows] @ root[rows].T + (U[rows] * kept) @ U[rows].T
        rest = (1 + 1e-9) * torch.eye(len(rows), dtype=U.dtype) - leverage
        errors.append(torch.linalg.solve(rest, residuals[rows]))
    return torch.cat(errors)


def _decompose(A: Tensor) -> tuple[Tensor, Tensor]:
    """Return the left singular vectors of A, and the squares of singular values."""
    wide = A.shape[0] <= A.shape[1]
    values, vectors = torch.linalg.eigh(A @ A.T if wide else A.T @ A)
    kept = values > 1e-10 * values[-1].clamp(min=1e-300)
    values, vectors = values[kept], vectors[:, kept]
    return (vectors if wide else A @ vectors / values.sqrt()), values


def _draw_channels(
    n_kernels: int, input_size: int, generator: torch.Generator
) -> Tensor:
    """Return which features each kernel reads: from one to nine, few more often."""
    most = np.log2(min(input_size, KERNEL_SIZE) + 1)
    sizes = (2 ** (most * torch.rand(n_kernels, generator=generator))).long()
    order = torch.rand(n_kernels, input_size, generator=generator).argsort(dim=1)
    return order.argsort(dim=1) < sizes.clamp(1, input_size).unsqueeze(1)


def _pool_group(
    x: Tensor, lengths: Tensor | None, weight: Tensor, threshold: Tensor, dilation: int
) -> Tensor:
    """Return the means of kernels of one dilation; x is zero at padding."""
    n_steps = x.shape[1]
    more = 0 if x.is_cuda else round_up_steps(n_steps) - n_steps
    side = _SIDE * dilation
    padded = nn.functional.pad(x, (0, 0, side, side + more)).transpose(1, 2)
    weight, bias = weight.to(x.dtype), -threshold.to(x.dtype)
    out = nn.functional.conv1d(padded, weight, bias, dilation=dilation)
    out = out[:, :, :n_steps]
    both = torch.stack([out, out - RandomConvolutions.WIDTH], dim=2)
    out = torch.relu(both.flatten(1, 2))
    if lengths is None:
        return out.mean(2)
    out = out * padding_mask(lengths, n_steps).unsqueeze(1)
    return out.sum(2) / lengths.unsqueeze(1)
