"""The bridge to torch: threads, arrays, torch.autograd.Function."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_rnn._kernels import _elman, _gru, _lstm

# cell: kernels, floats of tape for each unit and step, further arguments
_CELLS: dict[str, tuple[Any, int, tuple[bool, ...]]] = {
    "gru": (_gru, 4, ()),
    "lstm": (_lstm, 6, ()),
    "rnn_tanh": (_elman, 0, (False,)),
    "rnn_relu": (_elman, 0, (True,)),
}


class Recurrence(torch.autograd.Function):
    """One layer in one direction: (x, start, weights) to (outputs, final state)."""

    @staticmethod
    def forward(ctx, cell, reverse, lengths, x, start, w_ih, w_hh, b_ih, b_hh):
        """Run the time loop.

        Parameters
        ----------
        cell : str
            A key of `_CELLS`.
        reverse : bool
            Whether each row is read from its own last step to its first.
        lengths : ndarray of shape (batch,)
        x : Tensor of shape (batch, time, input)
        start : Tensor of shape (batch, n_states * hidden)
        w_ih, w_hh, b_ih, b_hh : Tensor
            As in torch.nn.

        Returns
        -------
        outputs : Tensor of shape (batch, time, hidden)
            Zeros at padding.
        final : Tensor of shape (batch, n_states * hidden)
        """
        kernels, tape_size, options = _CELLS[cell]
        batch, n_steps, _ = x.shape
        hidden = w_hh.shape[1]
        order = np.argsort(-lengths, kind="stable")
        ragged = lengths[order[-1]] < n_steps
        make = np.zeros if ragged else np.empty
        out = make((batch, n_steps, hidden), np.float32)
        tape = np.empty((batch, n_steps, tape_size * hidden), np.float32)
        final = np.empty(start.shape, np.float32)
        arrays = [_array(t) for t in (x, start, w_ih, w_hh, b_ih, b_hh)]
        x_, start_, w_ih_, w_hh_, b_ih_, b_hh_ = arrays
        w_ih_t, w_hh_t = np.ascontiguousarray(w_ih_.T), np.ascontiguousarray(w_hh_.T)
        parts = _split(order)

        def run(rows):
            kernels.forward(
                x_, rows, lengths[rows], reverse, start_, w_ih_t, w_hh_t, b_ih_, b_hh_,
                out, tape, final, *options,
            )  # fmt: skip

        _in_threads(run, [(rows,) for rows in parts])
        ctx.saved = cell, reverse, lengths, parts, arrays, out, tape
        ctx.set_materialize_grads(False)
        return torch.from_numpy(out), torch.from_numpy(final)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out, d_final):
        """Return the gradient of each argument of `forward`, None for the first."""
        cell, reverse, lengths, parts, arrays, out, tape = ctx.saved
        kernels, _, options = _CELLS[cell]
        x, start, w_ih, w_hh, b_ih, b_hh = arrays
        nothing = np.empty((0, 0, 0), np.float32)
        d_out = nothing if d_out is None else _array(d_out)
        d_final = np.zeros_like(start) if d_final is None else _array(d_final)
        d_x = np.zeros_like(x) if ctx.needs_input_grad[3] else nothing
        d_start = np.empty_like(start)
        shapes = (w_ih.T.shape, w_hh.T.shape, b_ih.shape, b_hh.shape)
        sums = [[np.zeros(shape, np.float32) for shape in shapes] for _ in parts]

        def run(rows, *gradients):
            kernels.backward(
                x, rows, lengths[rows], reverse, start, w_ih, w_hh, out, tape,
                d_out, d_final, d_x, d_start, *gradients, *options,
            )  # fmt: skip

        _in_threads(run, [(r, *s) for r, s in zip(parts, sums, strict=True)])
        dw_ih, dw_hh, db_ih, db_hh = (sum(part) for part in zip(*sums, strict=True))
        gradients = (dw_ih.T, dw_hh.T, db_ih, db_hh)
        return (
            None, None, None,
            torch.from_numpy(d_x) if ctx.needs_input_grad[3] else None,
            torch.from_numpy(d_start) if ctx.needs_input_grad[4] else None,
            *(torch.from_numpy(np.ascontiguousarray(g)) for g in gradients),
        )  # fmt: skip


def row_lengths(x: Tensor, lengths: Tensor | None) -> np.ndarray:
    """Return the number of valid steps of each row as an array."""
    if lengths is None:
        return np.full(x.shape[0], x.shape[1], np.int64)
    return lengths.numpy()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


# Threads ----------------------------------------------------------------------------

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_holders = 0  # how many `threads_for_kernels` are open
_n_threads = 1


@contextmanager
def threads_for_kernels() -> Iterator[None]:
    """Give torch's threads to the kernels inside, and back afterwards.

    torch's idle workers spin, and would steal the cores from the kernels.
    """
    global _holders, _n_threads
    with _lock:
        if _holders == 0:
            _n_threads = torch.get_num_threads()
            torch.set_num_threads(1)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                torch.set_num_threads(_n_threads)


def _split(order: np.ndarray) -> list[np.ndarray]:
    """Deal the rows, sorted by length, out to the threads."""
    n = _n_threads if _holders else torch.get_num_threads()
    n = max(1, min(n, len(order) // 4))
    return [np.ascontiguousarray(order[k::n]) for k in range(n)]


def _forget_pool() -> None:
    """In a forked process, where the threads of the pool do not exist."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _in_threads(run: Any, jobs: list[tuple]) -> None:
    global _pool
    if len(jobs) == 1:
        return run(*jobs[0])
    if _pool is None:
        _pool = ThreadPoolExecutor(16, "sklearn_rnn")
    others = [_pool.submit(run, *job) for job in jobs[1:]]
    run(*jobs[0])
    for other in others:
        other.result()
    return None
