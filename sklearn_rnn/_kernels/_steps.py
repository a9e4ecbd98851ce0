"""Steps of padded batches: end to end, pooled, and added to rows of a table."""

import torch
from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import check_lengths, empty, read, read_lengths


def list_lengths(lengths: Tensor | None, batch: int, n_steps: int) -> Tensor:
    """Return the number of steps of each row, as the kernels read them."""
    if lengths is None:
        return torch.full((batch,), n_steps, dtype=torch.int64, device="cpu")
    check_lengths(read_lengths(lengths), batch, n_steps, least=1)
    return lengths.detach().to(torch.int64).contiguous()  # the same memory, if it can


def flatten(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the valid steps of (batch, time, features) end to end."""
    (x,) = read("steps", {}, {"x": x})
    batch, n_steps, size = x.shape
    flat = empty(int(lengths.numpy().sum()), size)
    tensors = x, lengths, flat
    get_library("steps").flatten(
        batch, n_steps, size, len(flat), *(t.data_ptr() for t in tensors)
    )
    return flat


def unflatten(flat: Tensor, lengths: Tensor, n_steps: int) -> Tensor:
    """Return steps end to end as (batch, time, features), with zeros at padding."""
    n = int(lengths.numpy().sum())
    (flat,) = read("steps", {"steps": n}, {"flat": flat})
    x = empty(len(lengths), n_steps, flat.shape[1])
    tensors = flat, lengths, x
    get_library("steps").unflatten(*x.shape, n, *(t.data_ptr() for t in tensors))
    return x


def add_to_rows(numbers: Tensor, values: Tensor, table: Tensor) -> None:
    """Add each of the values to the row of the table with its number, in place."""
    tensors = {"numbers": numbers, "flat": values, "table": table}
    numbers, values, table = read("steps", {}, tensors)
    n_rows, size = table.shape
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < n_rows:
        raise ValueError(f"numbers must be from 0 to {n_rows - 1}. Got {numbers}.")
    addresses = [t.data_ptr() for t in (numbers, values, table)]
    get_library("steps").add_to_rows(len(numbers), n_rows, size, *addresses)


class Pool:
    """The mean and the maximum of the valid steps, or one of them.

    Parameters
    ----------
    with_mean, with_max : bool
    """

    def __init__(self, *, with_mean: bool, with_max: bool) -> None:
        self.wanted = with_mean, with_max

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (batch, features), or (batch, 2 * features)."""
        (self.x,) = read("steps", {}, {"x": x})
        self.lengths = lengths
        batch, _, size = x.shape
        self.out = empty(batch, sum(self.wanted) * size)
        tensors = self.x, lengths, self.out
        get_library().pool(
            *x.shape, *self.wanted, *(tensor.data_ptr() for tensor in tensors)
        )
        return self.out

    def backward(self, d_out: Tensor) -> Tensor:
        """Return the gradient of x; anything at padding."""
        sizes = dict(zip(("batch", "pooled"), self.out.shape, strict=True))
        (d_out,) = read("steps", sizes, {"d_pooled": d_out})
        d_x, shares = torch.empty_like(self.x), empty(2, self.x.shape[2])
        tensors = self.x, self.lengths, self.out, d_out, shares, d_x
        get_library().pool_backward(
            *self.x.shape, *self.wanted, *(tensor.data_ptr() for tensor in tensors)
        )
        return d_x


class Attend:
    """The mean of steps that lie end to end, weighted by softmax(hidden @ score)."""

    def forward(
        self, flat: Tensor, hidden: Tensor, scores: Tensor, lengths: Tensor
    ) -> Tensor:
        """Return (batch, features).

        Parameters
        ----------
        flat : Tensor of shape (steps, features)
        hidden : Tensor of shape (steps, features)
            ``tanh(...)``; overwritten by `backward`.
        scores : Tensor of shape (steps, 1)
        lengths : Tensor of shape (batch,)
        """
        tensors = {"flat": flat, "hidden": hidden, "scores": scores}
        self.flat, self.hidden, scores = read(
            "steps", {"one": 1, "steps": int(lengths.numpy().sum())}, tensors
        )
        n, size = flat.shape
        self.lengths, self.weights = lengths, empty(n)
        self.out = empty(len(lengths), size)
        used = self.flat, scores, lengths, self.weights, self.out
        addresses = [tensor.data_ptr() for tensor in used]
        get_library("steps").attend_forward(len(lengths), n, size, *addresses)
        return self.out

    def backward(self, score: Tensor, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of flat, of what is inside tanh, and of score.

        That of flat is the one by way of the mean alone.
        """
        n, size = self.flat.shape
        sizes = {"one": 1, "features": size, "batch": len(self.lengths), "pooled": size}
        score, d_out = read("steps", sizes, {"score": score, "d_pooled": d_out})
        d_score, d_flat = torch.empty_like(score), torch.empty_like(self.flat)
        used = (
            *(self.flat, self.hidden, score, self.lengths, self.weights, self.out),
            *(d_out, d_score, d_flat),
        )
        addresses = [tensor.data_ptr() for tensor in used]
        get_library("steps").attend_backward(len(self.lengths), n, size, *addresses)
        return d_flat, self.hidden, d_score
