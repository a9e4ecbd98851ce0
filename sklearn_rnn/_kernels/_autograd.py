"""The bridge to torch: memory, and a torch.autograd.Function."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels._constants import CELLS, WIDTH
from sklearn_rnn._kernels._library import get_library, load_library
from sklearn_rnn._kernels._packs import pack_once
from sklearn_rnn._kernels._tensors import check_lengths, empty, read
from sklearn_rnn._kernels._threads import count_parts, get_buffers, run_in_threads

_N_GATES = 1, 1, 4, 4, 3
_WEIGHTS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
_N_GATES_OF_TORCH = 1, 1, 3, 4, 3  # r, z, n of a GRU, where the kernels have four
_CHUNK = 128  # as in _numba/_recurrence.py
_WITH_CELLS = "lstm", "gru_reset_before"  # c, or the product of r and h


class Plan(NamedTuple):
    """Configuration of a layer run, besides its tensors.

    Parameters
    ----------
    mode : {"rnn_tanh", "rnn_relu", "gru", "lstm", "gru_reset_before"}
        Mode of torch's module, in lower case.
    lengths : ndarray of shape (batch,) or None
        Number of steps of each row; None: all.
    directions : tuple of bool
        For each direction, whether each row is read from its own last step to its
        first.
    only_last : bool
        Whether only the last outputs are needed.
    keep : bool
        Whether a backward pass may follow.
    hidden_size : int
        Number of units.
    """

    mode: str
    lengths: NDArray[np.int64] | None
    directions: tuple[bool, ...]
    only_last: bool
    keep: bool
    hidden_size: int


def run_layer(
    plan: Plan,
    x: Tensor,
    starts: Sequence[Tensor],
    weights: Sequence[Tensor],
    tokens: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Run one layer, in one or both directions.

    Parameters
    ----------
    plan : Plan
    x : Tensor of shape (batch, time, input)
    starts : sequence of Tensor of shape (batch, hidden) or (batch, 2 * hidden)
        First state in each direction; h and c of an LSTM side by side. None at all:
        zeros.
    weights : sequence of Tensor
        w_ih, w_hh, b_ih, b_hh as in torch.nn, of one direction after the other.
    tokens : Tensor of shape (batch, time), default=None
        Rows of x that are the inputs; x is a table then, and there is no backward pass.

    Returns
    -------
    outputs : Tensor of shape (batch, time, directions * hidden)
        Zeros at padding; empty if not needed.
    finals : list of Tensor
        Last state in each direction.
    """
    if plan.keep:
        outputs, *finals = Recurrence.apply(plan, x, *starts, *weights)
    else:
        run = LayerRun(plan, x, [*starts, *weights], tokens=tokens)
        outputs, *finals = run.forward()
    return outputs, finals


class Recurrence(torch.autograd.Function):
    """`run_layer`, for autograd."""

    @staticmethod
    def forward(ctx, plan, x, *tensors):
        """Return the outputs and the final state of each direction."""
        ctx.run = LayerRun(plan, x, tensors)
        ctx.set_materialize_grads(False)
        return ctx.run.forward()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out, *d_finals):
        """Return the gradient of each argument of `forward`."""
        if ctx.run is None:
            raise RuntimeError(
                "backward() called twice; buffers are freed after the first call."
            )
        run, ctx.run = ctx.run, None  # its memory is overwritten
        return None, *run.backward(d_out, d_finals, wants_x=ctx.needs_input_grad[1])


class _Sizes(NamedTuple):
    """Sizes of buffers, in numbers."""

    cell: int
    n_features: int
    hidden: int
    states: int  # h, and c of an LSTM
    weights: int  # packed: x | 1 | h by gates
    block: int  # numbers a row stores at a step for the backward pass
    size: int  # of h, in whole vectors
    step: int  # gradients of h and cells of a row
    step_x: int  # and of x


@lru_cache(maxsize=64)
def find_sizes(mode, n_features, hidden):
    """Return the sizes of a layer in one direction."""
    cell = CELLS.index(mode)
    size = _round_up(hidden)
    columns = _N_GATES[cell] * size
    cells = size if mode in _WITH_CELLS else 0
    return _Sizes(
        cell,
        n_features,
        hidden,
        states=2 * hidden if mode == "lstm" else hidden,
        weights=(n_features + 1 + hidden) * columns,
        block=columns + cells + n_features + 1 + size,
        size=size,
        step=size + cells,
        step_x=_round_up(n_features),
    )


def _name_sizes(sizes):
    """Return the sizes that the weights have, by their names in the table."""
    return {
        "hidden": sizes.hidden,
        "gates * hidden": _N_GATES_OF_TORCH[sizes.cell] * sizes.hidden,
        "features": sizes.n_features,
    }


def pack_layer(sizes, weights):
    """Return the weights of a layer in one direction, as `forward` reads them."""
    named = dict(zip(_WEIGHTS, weights, strict=True))
    weights = read("recurrence", _name_sizes(sizes), named)
    packed = empty(sizes.weights)
    addresses = [w.data_ptr() for w in weights]
    get_library().pack(*sizes[:3], *addresses, packed.data_ptr())
    return packed


def _round_up(n):
    return -(-n // WIDTH) * WIDTH


class LayerRun:
    """A layer on one batch: forward, and once backward if `plan.keep`.

    With `n_parts`, the number of threads does not depend on the amount of work. With
    `tokens`, of shape (batch, time), x is a table of shape (n_words, input), and the
    inputs are its rows of these numbers: each is multiplied by the weights once.
    """

    def __init__(self, plan, x, tensors, n_parts=None, tokens=None):
        self.plan, self.tokens = plan, tokens
        n_starts = len(tensors) - 4 * len(plan.directions)
        starts, given = tensors[:n_starts], tensors[n_starts:]
        n_features = given[0].shape[1] if given[0].dim() == 2 else x.shape[-1]
        self.sizes = find_sizes(plan.mode, n_features, plan.hidden_size)
        self.known = _name_sizes(self.sizes) | {
            "states": self.sizes.states,
            "outputs": len(plan.directions) * self.sizes.hidden,
        }
        self.weights = [
            self._read(**dict(zip(_WEIGHTS, given[k : k + 4], strict=True)))
            for k in range(0, len(given), 4)  # of one direction each
        ]
        if tokens is None:
            (self.x,) = self._read(x=x)
            self.shape = self.x.shape
        else:
            self.x, self.tokens = self._read(table=x, tokens=tokens)
            self.shape = *tokens.shape, n_features
            _check_tokens(self.tokens, len(x))
        self.starts = [self._read(state=start)[0] for start in starts]
        if plan.lengths is not None:
            check_lengths(plan.lengths, *self.shape[:2])
        self.buffers, self.taken = get_buffers(plan.keep), []
        self.parts = self._make_parts(n_parts)

    def _read(self, **tensors):
        # detached: their data may be replaced before the backward pass
        return [t.detach() for t in read("recurrence", self.known, tensors)]

    def _make_parts(self, n_parts):
        """Return the rows of each thread, the same for each direction."""
        plan = self.plan
        batch, n_steps, _ = self.shape
        work = batch * n_steps * self.weights[0][1].numel()
        if n_parts is None:
            n_parts = count_parts(batch, work, len(plan.directions), is_repeated=True)
        self.work = work / n_parts
        if plan.lengths is None:
            return _partition_equal_rows(batch, n_steps, n_parts, plan.keep)
        library = get_library()
        parts = _deal_rows(library, plan.lengths, n_steps, n_parts, plan.keep)
        if self.buffers.for_all_lengths:
            parts = [p._replace(n_blocks=p.n_rows * (n_steps + 1)) for p in parts]
        return parts

    def _take(self, n):
        """Return the address of memory for so many numbers."""
        self.taken.append(self.buffers.take(n))
        return self.taken[-1].data_ptr()

    def _give_back(self):
        for memory in self.taken:
            self.buffers.give_back(memory)
        self.taken = []

    def _describe(self, direction, part):
        """Return the numbers with which the arguments of both passes begin."""
        hidden, directions = self.sizes.hidden, self.plan.directions
        return (
            self.sizes.cell, directions[direction], *self.shape, hidden, part.n_rows,
            len(directions) * hidden, direction * hidden, self.n_words,
        )  # fmt: skip

    @property
    def n_words(self):
        """How many vectors the table has; 0 without tokens."""
        return 0 if self.tokens is None else len(self.x)

    def forward(self):
        plan, x, sizes = self.plan, self.x, self.sizes
        batch, n_steps, _ = self.shape
        n_directions = len(plan.directions)
        shape = batch, n_steps, n_directions * sizes.hidden
        out = x.new_empty(0 if plan.only_last else shape)  # nothing is at address 0
        finals = [x.new_empty(batch, sizes.states) for _ in plan.directions]
        jobs = self.list_jobs(out, finals)
        memory = self, out, finals, [part.numbers for part in self.parts]
        run_in_threads(get_library().forward, jobs, memory, work=self.work)
        return out, *finals

    def list_jobs(self, out, finals):
        """Return the arguments of `forward` in each direction and thread."""
        self.blocks, self.ones, self.packed, jobs = [], [], [], []
        for k, final in enumerate(finals):
            start = self.starts[k].data_ptr() if self.starts else 0
            packed = self._pack(k)
            self.packed.append(packed)
            x, tokens, products = self.x.data_ptr(), 0, 0
            if self.n_words:
                x, tokens, products = (
                    0,
                    self.tokens.data_ptr(),
                    self._multiply(k, packed),
                )
            for part in self.parts:
                self.blocks.append(self._take(part.n_blocks * self.sizes.block))
                jobs.append(
                    (*self._describe(k, part), x, tokens, products, part.address,
                     start, packed, self.blocks[-1], out.data_ptr(), final.data_ptr())
                )  # fmt: skip
        return jobs

    def _pack(self, direction):
        weights = self.weights[direction]
        if not self.plan.keep:
            pack = partial(pack_layer, self.sizes)
            self.taken.append(pack_once(self.sizes, weights, pack))
            return self.taken[-1].data_ptr()
        packed = self._take(self.sizes.weights)
        addresses = [w.data_ptr() for w in weights]
        get_library().pack(*self.sizes[:3], *addresses, packed)
        return packed

    def _multiply(self, direction, packed):
        """Return the address of the products of all vectors with the weights of x."""
        if self.plan.keep:
            self.ones.append(self._take(self.n_words * (self.sizes.n_features + 1)))
            products = self._take(self._count_products())
            self._multiply_words(packed, self.ones[-1], products)
            return products

        def multiply(_):
            ones = empty(self.n_words * (self.sizes.n_features + 1))
            products = empty(self._count_products())
            self._multiply_words(packed, ones.data_ptr(), products.data_ptr())
            return products

        kind, factors = ("words", self.n_words), [self.x, *self.weights[direction]]
        self.taken.append(pack_once((*kind, *self.sizes), factors, multiply))
        return self.taken[-1].data_ptr()

    def _count_products(self):
        return self.n_words * _N_GATES[self.sizes.cell] * self.sizes.size

    def _multiply_words(self, packed, ones, products):
        get_library("steps").multiply_words(
            self.sizes.cell, self.n_words, self.sizes.n_features, self.sizes.hidden,
            self.x.data_ptr(), packed, ones, products,
        )  # fmt: skip

    def _sum_words(self, direction, w_x, d_products, gradients):
        """Set the gradients of the weights of x; return those of the table."""
        n_words, (cell, n_features, hidden, *_) = self.n_words, self.sizes
        d_table = empty(n_words, self.sizes.step_x)
        get_library("steps").sum_words(
            cell, n_words, n_features, hidden, len(self.parts), self.ones[direction],
            w_x, d_products, gradients, d_table.data_ptr(),
        )  # fmt: skip
        return d_table[:, :n_features]

    def _pack_transposed(self, direction, of_x):
        cell, n_features, hidden, *_ = self.sizes
        n_inputs = n_features if of_x else hidden
        packed = self._take(_round_up(n_inputs) * _N_GATES[cell] * self.sizes.size)
        get_library().pack_transposed(
            cell, n_features, hidden, of_x, self.packed[direction], packed
        )
        return packed

    def backward(self, d_out, d_finals, *, wants_x):
        sizes, n_parts = self.sizes, len(self.parts)
        if self.plan.only_last:
            d_out = None
        (d_out,) = self._read(d_outputs=d_out) or [None]
        d_finals = [(self._read(d_state=d) or [None])[0] for d in d_finals]
        with_words = self.n_words > 0
        d_xs = [
            torch.empty_like(self.x) for _ in d_finals if wants_x and not with_words
        ]
        tokens = self.tokens.data_ptr() if with_words else 0
        n_products = self._count_products()
        words = []
        d_starts = [torch.empty_like(start) for start in self.starts]
        blocks, summed, jobs = iter(self.blocks), [], []
        for k, d_final in enumerate(d_finals):
            w_x = self._pack_transposed(k, True) if wants_x or with_words else 0
            w_h = self._pack_transposed(k, False)
            d_x = d_xs[k].data_ptr() if d_xs else 0
            d_start = d_starts[k].data_ptr() if d_starts else 0
            summed.append(self._take(n_parts * sizes.weights))
            d_products = self._take(n_parts * n_products) if with_words else 0
            words.append((k, w_x, d_products, summed[k]))
            for i, part in enumerate(self.parts):
                n_memory = part.n_rows * sizes.step
                if d_xs:
                    n_memory += (part.n_rows + _CHUNK) * sizes.step_x
                jobs.append(
                    (*self._describe(k, part), tokens, part.address,
                     w_x if d_xs else 0, w_h, next(blocks), self._take(n_memory),
                     _address(d_out), _address(d_final), d_x,
                     d_products + 4 * i * n_products, d_start,
                     summed[k] + 4 * i * sizes.weights)
                )  # fmt: skip
        memory = (
            *(self, d_out, d_finals, d_xs, d_starts),
            [part.numbers for part in self.parts],
        )
        run_in_threads(get_library().backward, jobs, memory, work=self.work)
        if with_words:
            d_xs = [self._sum_words(*arguments) for arguments in words]
        gradients = self._unpack(summed)
        self._give_back()
        for other in d_xs[1:]:
            d_xs[0].add_(other)
        return d_xs[0] if d_xs else None, *d_starts, *gradients

    def _unpack(self, summed):
        """Return the gradients of all weights; threads have a sum each."""
        gradients = []
        for packed, weights in zip(summed, self.weights, strict=True):
            own = [torch.empty_like(weight) for weight in weights]
            addresses = [gradient.data_ptr() for gradient in own]
            get_library().unpack_gradients(
                *self.sizes[:3], len(self.parts), packed, *addresses
            )
            gradients += own
        return gradients


def _check_tokens(tokens, n_words):
    """Raise an error if a token is no row of the table."""
    first, last = map(int, tokens.aminmax()) if tokens.numel() else (0, 0)
    if first < 0 or last >= n_words:
        raise ValueError(
            f"tokens must be from 0 to {n_words - 1}. Got {first} to {last}."
        )


def _address(tensor):
    return 0 if tensor is None else tensor.data_ptr()


class _Part(NamedTuple):
    """The rows of a batch that one thread computes."""

    n_rows: int
    n_blocks: int  # rows of memory
    address: int  # of rows, their lengths, and where the blocks begin
    numbers: Tensor  # the memory itself, kept alive


def _deal_rows(library, lengths, n_steps, n_parts, keep):
    batch = len(lengths)
    n_numbers = 2 * -(-batch // n_parts) + n_steps + 2
    memory = empty(n_steps + 1 + batch, dtype=torch.int64)
    numbers = empty(n_parts, n_numbers, dtype=torch.int64)
    ends = empty(n_parts, dtype=torch.int64)
    tensors = memory, numbers, ends
    addresses = lengths.ctypes.data, *(tensor.data_ptr() for tensor in tensors)
    library.partition_rows(batch, n_steps, n_parts, keep, *addresses)
    parts = []
    for k, n_blocks in enumerate(ends.numpy().tolist()):
        n = -(-(batch - k) // n_parts)
        address = numbers.data_ptr() + 8 * k * n_numbers
        parts.append(_Part(n, max(n, n_blocks), address, numbers))
    return parts


@lru_cache(maxsize=8)
def _partition_equal_rows(batch, n_steps, n_parts, keep):
    lengths = np.full(batch, n_steps, np.int64)
    # not one that records: the result is the same each time
    library = load_library("network")
    return _deal_rows(library, lengths, n_steps, n_parts, keep)
