"""N-grams of tokens and a linear layer: what short runs of tokens tell of a class."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_BITS = 63  # of the number of an n-gram


class NGramBranch(nn.Module):
    r"""N-grams of tokens and a linear layer: outputs beside those of a network.

    The linear layer is a logistic regression, fitted before the network is trained. An
    n-gram counts by its inverse document frequency (idf), and a sequence has length 1:

    .. math:: y = b + \frac{\sum_g w_g}{\sqrt{\sum_g \mathrm{idf}_g^2}}

    The sums are over all n-grams of the sequence that were known in training, and
    :math:`w_g` is a coefficient times the idf. A sequence has a marker before its first
    token and one after its last, so that an n-gram can tell where it stands.

    Parameters
    ----------
    n_tokens : int
        Number of different tokens seen at fit.
    longest : int
        Number of tokens of the longest n-grams; there are all shorter ones, too.
    n_outputs : int
        Size of the output.

    References
    ----------
    H.-T. Cheng et al., "Wide & deep learning for recommender systems", DLRS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_rnn.nn import NGramBranch
    >>> branch = NGramBranch(n_tokens=3, longest=2, n_outputs=1)
    >>> keys = np.array([2, 17])  # token 1; token 1, then token 2
    >>> branch.set_ngrams(keys, np.ones(2), np.array([[1.0], [3.0]]), np.zeros(1))
    >>> branch(torch.tensor([[[1], [1]], [[1], [2]]]))
    tensor([[1.4142],
            [2.8284]])
    """

    # of the network: a mean in which both count the same
    DEFAULT_SHARE = 0.5

    keys: Tensor
    table: Tensor
    bias: Tensor
    network_share: Tensor

    def __init__(self, n_tokens: int, longest: int, n_outputs: int) -> None:
        super().__init__()
        self.n_tokens, self.longest = n_tokens, longest
        self.register_buffer("bias", torch.zeros(n_outputs))
        self.register_buffer("network_share", torch.tensor(self.DEFAULT_SHARE))
        self.allocate(0)

    # the number of an n-gram has digits: 0 is padding, 1 an unknown token
    @property
    def begin(self) -> int:
        """Digit of the marker before the first token."""
        return self.n_tokens + 2

    @property
    def end(self) -> int:
        """Digit of the marker after the last token."""
        return self.n_tokens + 3

    @property
    def radix(self) -> int:
        """Number of different digits."""
        return self.n_tokens + 4

    def has_room(self) -> bool:
        """Return whether each n-gram has a number of its own.

        Returns
        -------
        fits : bool
            False if int64 has fewer numbers than there are n-grams.
        """
        return self.longest < _BITS / math.log2(self.radix)

    def allocate(self, n_ngrams: int) -> None:
        """Make room for a number of n-grams, which are not known yet.

        Parameters
        ----------
        n_ngrams : int
            Rows of the table, beside the one of unknown n-grams.
        """
        n_outputs = len(self.bias)
        self.register_buffer("keys", torch.zeros(n_ngrams + 1, dtype=torch.int64))
        # squared idf, then weights; row 0 is that of unknown n-grams
        self.register_buffer("table", torch.zeros(n_ngrams + 1, 1 + n_outputs))

    @torch.no_grad()
    def set_ngrams(
        self, known: NDArray[np.int64], idf: NDArray, coef: NDArray, bias: NDArray
    ) -> None:
        """Set the known n-grams and the linear layer.

        Parameters
        ----------
        known : ndarray of shape (n_ngrams,)
            Numbers of n-grams in ascending order, as `iterate_keys` yields them.
        idf : ndarray of shape (n_ngrams,)
            Inverse document frequencies.
        coef : ndarray of shape (n_ngrams, n_outputs)
            Coefficients.
        bias : ndarray of shape (n_outputs,)
            Constant terms.
        """
        self.allocate(len(known))
        self.keys[1:] = torch.from_numpy(known)
        self.table[1:, 0] = torch.from_numpy(idf**2)
        self.table[1:, 1:] = torch.from_numpy(idf[:, np.newaxis] * coef)
        self.bias.copy_(torch.from_numpy(bias))

    def has_valid_keys(self) -> bool:
        """Return whether keys are in ascending order.

        Returns
        -------
        valid : bool
            The first one is 0, that of unknown n-grams.
        """
        return bool(self.keys[0] == 0 and (self.keys[1:] > self.keys[:-1]).all())

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
        from sklearn_rnn._kernels._network import add_ngrams  # imports llvmlite

        if not self.has_room():  # numbers of n-grams would overflow
            return None
        tensors = self.keys, self.table, self.bias, self.network_share
        return add_ngrams(self.n_tokens, self.longest, *tensors)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs for each sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, time, 1)
            Integers: 1 to n_tokens, and 0 for unknown tokens; padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            To be mixed with the output of a network.
        """
        rows = self._find_rows(self._write_digits(x, lengths))
        # added one after the other: padding, whose row is zero, changes no bit
        sums = nn.functional.embedding_bag(rows, self.table, mode="sum")
        squares, sums = sums.split([1, sums.shape[1] - 1], dim=1)
        return self.bias + sums / squares.clamp(min=1).sqrt()

    def contributions(self, x: Tensor) -> Tensor:
        """Return what each step adds to the outputs, an equal part of its n-grams.

        Parameters
        ----------
        x : Tensor of shape (batch, time, 1)
            As of `forward`, without padding.

        Returns
        -------
        parts : Tensor of shape (batch, time, n_outputs)
            Their sum over the steps, and `bias`, are the outputs.
        """
        digits = self._write_digits(x, None)
        values = self.table[self._find_rows(digits)]  # (batch, n-grams, 1 + n_outputs)
        length = values[..., :1].sum(1, keepdim=True).clamp(min=1).sqrt()
        n_digits = digits.shape[1]
        sums = torch.zeros_like(values[:, :n_digits, 1:])
        is_token = torch.ones(n_digits, 1).to(sums)
        is_token[[0, -1]] = 0
        start = 0
        for n in range(1, min(self.longest, n_digits) + 1):
            count = n_digits + 1 - n
            own = values[:, start : start + count, 1:]
            start += count
            spans = [is_token[j : j + count] for j in range(n)]
            n_tokens = torch.stack(spans).sum(0).clamp(min=1)
            for j, span in enumerate(spans):
                sums[:, j : j + count] += span * own / n_tokens
        return sums[:, 1:-1] / length

    def _find_rows(self, digits: Tensor) -> Tensor:
        """Return the row of the table of each n-gram, short ones first."""
        keys = torch.cat(list(self.iterate_keys(digits)), dim=-1)
        place = torch.searchsorted(self.keys, keys).clamp_(max=len(self.keys) - 1)
        return place.mul_(self.keys[place] == keys)

    def _write_digits(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the digits of padded sequences, (batch, time + 2)."""
        digits = nn.functional.pad(x.squeeze(-1) + 1, (1, 1))
        digits[:, 0] = self.begin
        if lengths is None:
            digits[:, -1] = self.end
            return digits
        after = torch.arange(digits.shape[1], device=x.device) - lengths.unsqueeze(1)
        digits = torch.where(after > 1, 0, digits)
        return torch.where(after == 1, self.end, digits)

    def write_digits(
        self, values: NDArray[np.int64], offsets: NDArray[np.int64]
    ) -> Tensor:
        """Return the digits of sequences end to end, each followed by padding.

        Parameters
        ----------
        values : ndarray of shape (n_steps, 1)
            Tokens of all sequences, as of `forward`.
        offsets : ndarray of shape (n_samples + 1,)
            Where each sequence starts and ends.

        Returns
        -------
        digits : Tensor of shape (n_steps + 3 * n_samples,)
            For `iterate_keys`.
        """
        lengths = np.diff(offsets)
        digits = np.zeros(offsets[-1] + 3 * len(lengths), np.int64)
        starts = offsets[:-1] + 3 * np.arange(len(lengths))
        step = np.arange(offsets[-1]) + np.repeat(starts + 1 - offsets[:-1], lengths)
        digits[step] = values[:, 0] + 1
        digits[starts], digits[starts + lengths + 1] = self.begin, self.end
        return torch.from_numpy(digits)

    def iterate_keys(self, digits: Tensor) -> Iterator[Tensor]:
        """Yield the numbers of the n-grams, for each length from 1 to `longest`.

        Parameters
        ----------
        digits : Tensor of shape (..., n_digits)
            As `write_digits` returns them.

        Yields
        ------
        keys : Tensor of shape (..., n_digits - n + 1)
            Of the n-gram that begins at each digit; 0 where padding is in it.
        """
        yield torch.where(digits < self.begin, digits, 0)  # markers alone tell nothing
        keys = digits
        for n in range(2, self.longest + 1):
            last = digits[..., n - 1 :]
            keys = keys[..., : last.shape[-1]]
            keys = (keys * self.radix).add_(last).mul_((keys > 0) & (last > 0))
            yield keys
