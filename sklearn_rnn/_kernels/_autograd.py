"""The bridge to torch: arrays and torch.autograd.Function."""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels import _adam
from sklearn_rnn._kernels import _recurrence as kernels
from sklearn_rnn._kernels._memory import spin
from sklearn_rnn._kernels._product import WIDTH
from sklearn_rnn._kernels._threads import (
    get_buffers,
    get_num_threads,
    one_process_at_a_time,
    run_in_threads,
)

_CELLS = {
    "rnn_tanh": kernels.RNN_TANH,
    "rnn_relu": kernels.RNN_RELU,
    "gru": kernels.GRU,
    "lstm": kernels.LSTM,
}
_NOTHING = np.empty((0, 0, 0), np.float32)
# multiplications that are worth a second thread: handing work over costs about 20 us
_WORTH_A_THREAD = 3_000_000


class Plan(NamedTuple):
    """What a layer computes, besides its tensors.

    Parameters
    ----------
    mode : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
        As torch's modules call it.
    lengths : ndarray of shape (batch,) or None
        Number of steps of each row; None: all.
    directions : tuple of bool
        For each direction, whether each row is read from its own last step to its
        first.
    only_last : bool
        Whether nobody wants the outputs of all steps.
    keep : bool
        Whether a backward pass may come.
    """

    mode: str
    lengths: NDArray[np.int64] | None
    directions: tuple[bool, ...]
    only_last: bool
    keep: bool


def run_layer(
    plan: Plan, x: Tensor, starts: Sequence[Tensor], weights: Sequence[Tensor]
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

    Returns
    -------
    outputs : Tensor of shape (batch, time, directions * hidden)
        Zeros at padding; empty if nobody wants them.
    finals : list of Tensor
        Last state in each direction.
    """
    compile_kernels()
    run = Recurrence.apply if plan.keep else _run_without_autograd
    outputs, *finals = run(plan, x, *starts, *weights)
    return outputs, finals


class Recurrence(torch.autograd.Function):
    """`run_layer`, for autograd."""

    @staticmethod
    def forward(ctx, plan, x, *tensors):
        """Return the outputs and the final state of each direction."""
        ctx.run = _make_run(plan, x, *tensors)
        ctx.set_materialize_grads(False)
        return tuple(torch.from_numpy(array) for array in ctx.run.forward())

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out, *d_finals):
        """Return the gradient of each argument of `forward`."""
        if ctx.run is None:
            raise RuntimeError("A recurrent layer can go backwards only once.")
        run, ctx.run = ctx.run, None  # its memory is overwritten
        gradients = [None if d is None else _array(d) for d in (d_out, *d_finals)]
        results = run.backward(*gradients, wants_x=ctx.needs_input_grad[1])
        return None, *(None if g is None else torch.from_numpy(g) for g in results)


def _run_without_autograd(plan, x, *tensors):
    run = _make_run(plan, x, *tensors)
    return [torch.from_numpy(array) for array in run.forward()]


def _make_run(plan, x, *tensors):
    n_starts = len(tensors) - 4 * len(plan.directions)
    arrays = [_array(tensor) for tensor in tensors]
    return _Run(plan, _array(x), arrays[:n_starts], arrays[n_starts:])


class _Run:
    """A layer on one batch: forward, and once backward if `plan.keep`."""

    def __init__(self, plan, x, starts, weights):
        self.plan, self.x = plan, x
        self.cell = _CELLS[plan.mode]
        # of one direction each: w_ih, w_hh, b_ih, b_hh
        self.weights = [weights[k : k + 4] for k in range(0, len(weights), 4)]
        self.hidden = weights[1].shape[1]
        self.starts_at_zero = not starts
        self.starts = starts or [self._zeros()] * len(plan.directions)
        self.buffers = get_buffers(plan.keep)
        self.parts = self._make_parts()

    def _zeros(self):
        n_states = 2 if self.cell == kernels.LSTM else 1
        return np.zeros((self.x.shape[0], n_states * self.hidden), np.float32)

    def _make_parts(self):
        """Return rows, lengths and blocks of each thread, the same for a direction."""
        plan = self.plan
        batch, n_steps, _ = self.x.shape
        n_threads = get_num_threads() // len(plan.directions)
        total = batch * n_steps if plan.lengths is None else int(plan.lengths.sum())
        work = total * self.weights[0][1].size
        n_parts = max(1, min(n_threads, batch // 4, work // _WORTH_A_THREAD))
        if plan.lengths is None:
            return _deal_equal_rows(batch, n_steps, n_parts, plan.keep)
        return _deal_rows(plan.lengths, n_parts, plan.keep)

    def forward(self):
        plan, x = self.plan, self.x
        batch, n_steps, _ = x.shape
        n_directions = len(plan.directions)
        out = _NOTHING
        if not plan.only_last:
            shape = (batch, n_steps, n_directions * self.hidden)
            out = np.empty(shape, np.float32)
        finals = [np.empty_like(start) for start in self.starts]
        self.blocks, jobs = [], []
        for k, reverse in enumerate(plan.directions):
            packed = kernels.pack(self.cell, *self.weights[k])
            n_panels, panel = packed.shape
            self.shape_of_gradients = panel // WIDTH, n_panels * WIDTH
            for part in self.parts:
                blocks = self._take_blocks(part)
                self.blocks.append(blocks)
                jobs.append(
                    (self.cell, x, *part, reverse, self.starts[k], packed, *blocks,
                     out, k * self.hidden, finals[k])
                )  # fmt: skip
        run_in_threads(kernels.forward, jobs)
        return out, *finals

    def _take_blocks(self, part):
        rows, _, begins = part
        n_rows = int(begins[-1]) if self.plan.keep else len(rows)
        n_inputs, columns = self.shape_of_gradients
        size, size_of_c = self._sizes()
        take = self.buffers.take
        return (
            take(n_rows, n_inputs - self.hidden + size),
            take(n_rows, columns),
            take(n_rows, size_of_c),
        )

    def _take_step(self, n_rows, w_x):
        """Return memory for the gradients of h, of c and of x of one step."""
        widths = *self._sizes(), w_x.shape[0] * WIDTH
        return [self.buffers.take(n_rows, width) for width in widths]

    def _sizes(self):
        """Return the columns that h takes, and those that c does."""
        size = -(-self.hidden // WIDTH) * WIDTH
        return size, size if self.cell == kernels.LSTM else 0

    def backward(self, d_out, *d_finals, wants_x):
        if d_out is None:
            d_out = _NOTHING
        n_parts = len(self.parts)
        jobs, memory, d_xs, d_starts, packed = [], [], [], [], []
        blocks = iter(self.blocks)
        for k, reverse in enumerate(self.plan.directions):
            w_ih, w_hh, *_ = self.weights[k]
            w_x = np.empty((0, 0), np.float32)
            if wants_x:
                w_x = kernels.pack_transposed(self.cell, w_ih, self.hidden, True)
            w_h = kernels.pack_transposed(self.cell, w_hh, self.hidden, False)
            d_final = d_finals[k]
            if d_final is None:
                d_final = np.zeros_like(self.starts[k])
            d_xs.append(np.empty_like(self.x) if wants_x else _NOTHING)
            d_starts.append(np.empty_like(self.starts[k]))
            packed.append(np.empty((n_parts, *self.shape_of_gradients), np.float32))
            for part, own in zip(self.parts, packed[k], strict=True):
                memory.append((*next(blocks), *self._take_step(len(part[0]), w_x)))
                jobs.append(
                    (self.cell, *part, reverse, w_x, w_h, *memory[-1],
                     d_out, k * self.hidden, d_final, d_xs[k], d_starts[k], own)
                )  # fmt: skip
        run_in_threads(kernels.backward, jobs)
        for own in memory:
            self.buffers.give_back(own)
        gradients = []
        for own, weights in zip(packed, self.weights, strict=True):
            unpacked = [np.empty_like(w) for w in weights]
            kernels.unpack_gradients(self.cell, own, *unpacked)
            gradients += unpacked
        d_x = sum(d_xs[1:], d_xs[0]) if wants_x else None
        if self.starts_at_zero:
            return d_x, *gradients
        return d_x, *d_starts, *gradients


@cache
def compile_kernels() -> None:
    """Compile all kernels, or load them from the disk, at their first use."""
    x = np.zeros((1, 1, 1), np.float32)
    weights = [np.zeros((4, 1), np.float32)] * 2 + [np.zeros(4, np.float32)] * 2
    start = np.zeros((1, 2), np.float32)
    with one_process_at_a_time():
        run = _Run(Plan("lstm", None, (False,), False, True), x, [start], weights)
        run.forward()
        run.backward(None, start, wants_x=True)
        spin(np.ones(1, np.int64), 1)
        numbers = [torch.zeros(1)]
        _adam.clip(numbers, math.inf)
        _adam.update(
            *[numbers] * 5, rate=0.0, betas=(0.0, 0.0), eps=1.0, decay=0.0,
            decoupled=False,
        )  # fmt: skip


def _deal_rows(lengths, n_parts, keep):
    order = np.argsort(-lengths, kind="stable")
    parts = []
    for k in range(n_parts):
        rows = np.ascontiguousarray(order[k::n_parts])
        own = lengths[rows]
        parts.append((rows, own, kernels.begins_of_blocks(own, keep)))
    return parts


@lru_cache(maxsize=8)
def _deal_equal_rows(batch, n_steps, n_parts, keep):
    return _deal_rows(np.full(batch, n_steps, np.int64), n_parts, keep)


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().contiguous().numpy()
