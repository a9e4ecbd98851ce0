"""Elman RNN, tanh or ReLU: forward and backward of one layer in one direction.

As in `_gru`. There is no tape: the outputs tell all.
"""

import numpy as np
from numba import njit

from sklearn_rnn._kernels._math import (
    JIT,
    add_product,
    add_product_tn,
    add_rows,
    count_active,
    f4,
    gather,
    tanh,
)


@njit(**JIT)
def forward(
    x, rows, lengths, reverse, start, w_ih, w_hh, b_ih, b_hh, out, tape, final, relu
):
    H = w_hh.shape[0]
    n = len(rows)
    xs = np.empty((n, x.shape[2]), f4)
    h = np.empty((n, H), f4)
    a = np.empty((n, H), f4)
    bias = b_ih + b_hh
    for i in range(n):
        h[i] = start[rows[i]]
    for step in range(lengths[0]):
        n = count_active(lengths, step, n)
        gather(x, rows, lengths, step, reverse, n, xs)
        for i in range(n):
            a[i] = bias
        add_product(xs[:n], w_ih, a[:n])
        add_product(h[:n], w_hh, a[:n])
        for i in range(n):
            t = lengths[i] - 1 - step if reverse else step
            o, g, state = out[rows[i], t], a[i], h[i]
            if relu:
                for j in range(H):
                    state[j] = max(g[j], f4(0))
            else:
                for j in range(H):
                    state[j] = tanh(g[j])
            for j in range(H):
                o[j] = state[j]
    for i in range(len(rows)):
        final[rows[i]] = h[i]


@njit(**JIT)
def backward(
    x, rows, lengths, reverse, start, w_ih, w_hh, out, tape,
    d_out, d_final, d_x, d_start, dw_ih, dw_hh, db_ih, db_hh, relu,
):  # fmt: skip
    """`w_ih`, `w_hh` as torch has them, (gates, input); gradients transposed."""
    H = w_hh.shape[1]
    n_rows = len(rows)
    with_out, with_x = d_out.shape[0] > 0, d_x.shape[0] > 0
    xs = np.empty((n_rows, x.shape[2]), f4)
    dxs = np.empty((n_rows, x.shape[2]), f4)
    before = np.empty((n_rows, H), f4)
    dh = np.empty((n_rows, H), f4)
    da = np.empty((n_rows, H), f4)
    for i in range(n_rows):
        dh[i] = d_final[rows[i]]
    n = 0
    for step in range(lengths[0] - 1, -1, -1):
        while n < n_rows and lengths[n] > step:
            n += 1
        gather(x, rows, lengths, step, reverse, n, xs)
        if step > 0:
            gather(out, rows, lengths, step - 1, reverse, n, before)
        else:
            for i in range(n):
                before[i] = start[rows[i]]
        for i in range(n):
            t = lengths[i] - 1 - step if reverse else step
            h, a, d = out[rows[i], t], da[i], dh[i]
            if with_out:
                given = d_out[rows[i], t]
                for j in range(H):
                    d[j] += given[j]
            if relu:
                for j in range(H):
                    a[j] = d[j] if h[j] > 0 else f4(0)
            else:
                for j in range(H):
                    a[j] = d[j] * (f4(1) - h[j] * h[j])
            for j in range(H):
                d[j] = f4(0)
        add_rows(da, n, db_ih)
        add_product_tn(xs[:n], da[:n], dw_ih)
        add_product_tn(before[:n], da[:n], dw_hh)
        add_product(da[:n], w_hh, dh[:n])
        if with_x:
            dxs[:n] = 0
            add_product(da[:n], w_ih, dxs[:n])
            for i in range(n):
                t = lengths[i] - 1 - step if reverse else step
                d_x[rows[i], t] = dxs[i]
    db_hh[:] = db_ih
    for i in range(n_rows):
        d_start[rows[i]] = dh[i]
