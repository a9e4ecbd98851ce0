"""Layers before the recurrent ones: scaling, embedding, convolution."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import convolve, standardize
from sklearn_rnn.nn._convolution import convolve_fused, suits_fused_convolution
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._masking import padding_mask


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, feature by feature.

    Parameters
    ----------
    mean : Tensor of shape (n_features,)
        Mean of each feature over all training steps: saved, not trained.
    scale : Tensor of shape (n_features,)
        Their standard deviation, likewise; 1 for a feature that does not vary.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import Standardize
    >>> inputs = Standardize(mean=torch.tensor([10.0]), scale=torch.tensor([2.0]))
    >>> inputs(torch.tensor([[[10.0], [14.0]]]))
    tensor([[[0.],
             [2.]]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.output_size = len(mean)

    def forward(self, x: Tensor) -> Tensor:
        """Standardise all steps.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.

        Returns
        -------
        x : Tensor of shape (batch, time, n_features)
            In units of the scale.
        """
        return standardize(x, self.mean, self.scale)


class TokenEmbedding(nn.Module):
    """A learned vector for each token; row 0 stands for all unknown tokens.

    Parameters
    ----------
    n_tokens : int
        Number of different tokens seen at fit.
    embedding_dim : int
        Size of a vector.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import TokenEmbedding, initialize
    >>> inputs = TokenEmbedding(n_tokens=100, embedding_dim=8)
    >>> inputs = initialize(inputs, torch.Generator().manual_seed(0))
    >>> inputs(torch.tensor([[[3], [0], [100]]])).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, n_tokens: int, embedding_dim: int) -> None:
        super().__init__()
        self.table = make_empty(nn.Embedding, n_tokens + 1, embedding_dim)
        self.output_size = embedding_dim

    def forward(self, x: Tensor) -> Tensor:
        """Look up the vector of each token.

        Parameters
        ----------
        x : Tensor of shape (batch, time, 1)
            Integers: 1 to n_tokens, and 0 for unknown tokens.

        Returns
        -------
        x : Tensor of shape (batch, time, embedding_dim)
            Their vectors.
        """
        return self.table(x.squeeze(-1))


class ColumnInputs(nn.Module):
    """Columns of two kinds, concatenated: numbers standardised, categories embedded.

    Parameters
    ----------
    embeddings : sequence of (list of int, TokenEmbedding or WordEncoder)
        Columns of categories or tokens, and the layer that embeds them: one column, or
        several that spell a word.
    numbers : sequence of int
        Columns of numbers.
    standardize : Standardize or None
        Their scale; None without columns of numbers.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ColumnInputs, Standardize, TokenEmbedding, initialize
    >>> scale = Standardize(torch.zeros(1), torch.ones(1))
    >>> inputs = ColumnInputs([([1], TokenEmbedding(9, 4))], [0], scale)
    >>> inputs = initialize(inputs, torch.Generator().manual_seed(0))
    >>> inputs(torch.tensor([[[0.5, 3.0], [0.1, 9.0]]])).shape
    torch.Size([1, 2, 5])
    """

    def __init__(
        self,
        embeddings: Sequence[tuple[list[int], Any]],
        numbers: Sequence[int],
        standardize: Standardize | None,
    ) -> None:
        super().__init__()
        self.columns = [columns for columns, _ in embeddings]
        self.numbers = list(numbers)
        self.embeddings = nn.ModuleList(embedding for _, embedding in embeddings)
        self.standardize = standardize
        sizes = [embedding.output_size for _, embedding in embeddings]
        self.output_size = sum(sizes) + len(self.numbers)

    def forward(self, x: Tensor) -> Tensor:
        """Standardise numbers and look up the vectors of categories.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_columns)
            Numbers; in columns of categories, rows of the embedding, 0 for unknown.

        Returns
        -------
        x : Tensor of shape (batch, time, output_size)
            The numbers, then the vectors of each column of categories.
        """
        parts = []
        if self.standardize is not None:
            parts.append(self.standardize(x[..., self.numbers]))
        for columns, embedding in zip(self.columns, self.embeddings, strict=True):
            parts.append(embedding(x[..., columns].long()))
        return torch.cat(parts, dim=-1)


class ConvStem(nn.Module):
    """Convolutions over time, each followed by layer normalisation and ReLU.

    A sequence is seen with zeros around it, whatever padding its batch needs, so its
    result depends on itself alone.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    channels : sequence of int
        Output channels of each layer.
    kernel_size : int, or sequence of (int or sequence of int)
        Steps that one output sees; one for all layers, or one for each. Several in a
        layer are convolutions side by side, which share its channels evenly.
    stride : int or sequence of int
        Steps between two outputs, of all layers or of each: n steps become
        ceil(n / stride).

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ConvStem, initialize
    >>> stem = ConvStem(3, channels=(16, 8), kernel_size=((5, 9), 3), stride=(2, 1))
    >>> stem = initialize(stem, torch.Generator().manual_seed(0))
    >>> x, lengths = stem(torch.ones(2, 10, 3), torch.tensor([10, 3]))
    >>> x.shape, lengths
    (torch.Size([2, 5, 8]), tensor([5, 2]))
    """

    def __init__(
        self,
        input_size: int,
        channels: Sequence[int],
        kernel_size: int | Sequence[int | Sequence[int]],
        stride: int | Sequence[int],
    ) -> None:
        super().__init__()
        sizes = [input_size, *channels]
        self.kernel_sizes = _list_kernel_sizes(kernel_size, len(channels))
        self.strides = (
            [stride] * len(channels) if isinstance(stride, int) else list(stride)
        )
        shares = [
            share_channels(n_out, len(widths))
            for n_out, widths in zip(channels, self.kernel_sizes, strict=True)
        ]
        self.convolutions = nn.ModuleList(
            make_empty(nn.Conv1d, n_in, n_own, width, stride=own_stride)
            for n_in, own, widths, own_stride in zip(
                sizes, shares, self.kernel_sizes, self.strides, strict=False
            )
            for n_own, width in zip(own, widths, strict=True)
        )
        # normalised, one channel alone would be constant
        self.norms = nn.ModuleList(
            nn.LayerNorm(n_own) if n_own > 1 else nn.Identity()
            for own in shares
            for n_own in own
        )
        self.output_size = sizes[-1]

    @property
    def steps_per_output(self) -> int:
        """Steps from one output to the next."""
        return math.prod(self.strides)

    def list_layers(self) -> list[list[tuple[Any, Any]]]:
        """Return the convolutions of each layer, with their normalisations.

        Returns
        -------
        layers : list of list of (Conv1d, LayerNorm or Identity)
            Those side by side are in one list.
        """
        pairs = iter(zip(self.convolutions, self.norms, strict=True))
        return [[next(pairs) for _ in widths] for widths in self.kernel_sizes]

    def forward(
        self, x: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Convolve over time.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        x : Tensor of shape (batch, new_time, output_size)
            Zeros at padding.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row of the result.
        """
        if suits_fused_convolution(self, x):
            return convolve_fused(self, x, lengths)
        x = _mask(x, lengths)
        for layer, stride in zip(self.list_layers(), self.strides, strict=True):
            if lengths is not None:
                lengths = (lengths + stride - 1) // stride
            parts = [
                _convolve_padded(convolution, norm, x) for convolution, norm in layer
            ]
            x = _mask(torch.cat(parts, dim=-1), lengths)
        return x, lengths

    def count_steps(self, n_steps: Any) -> Any:
        """Return how many steps are left after all layers.

        Parameters
        ----------
        n_steps : int or array of int
            Numbers of steps.

        Returns
        -------
        n_steps : int or array of int
            ``ceil(n_steps / stride)`` after each layer.
        """
        for stride in self.strides:
            n_steps = (n_steps + stride - 1) // stride
        return n_steps


def _list_kernel_sizes(
    kernel_size: int | Sequence[int | Sequence[int]], n_layers: int
) -> list[tuple[int, ...]]:
    """Return the kernel sizes of each layer."""
    entries = [kernel_size] * n_layers if isinstance(kernel_size, int) else kernel_size
    return [(entry,) if isinstance(entry, int) else tuple(entry) for entry in entries]


def share_channels(n_channels: int, n_parts: int) -> list[int]:
    """Return the channels of each convolution of a layer: nearly equal shares."""
    return [n_channels // n_parts + (k < n_channels % n_parts) for k in range(n_parts)]


def _convolve_padded(convolution: Any, norm: Any, x: Tensor) -> Tensor:
    kernel_size = convolution.kernel_size[0]
    left = (kernel_size - 1) // 2
    padded = nn.functional.pad(x, (0, 0, left, kernel_size - 1 - left))
    return torch.relu(norm(convolve(convolution, padded)))


def _mask(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return x with zeros at padding."""
    if lengths is None:
        return x
    return x * padding_mask(lengths, x.shape[1]).unsqueeze(-1)
