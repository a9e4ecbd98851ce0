"""LSTM: forward and backward of one layer in one direction, for some rows.

As in `_gru`. Gates are i, f, g, o in torch's order. `tape` keeps i, f, g, o, the cell
state c and tanh(c) of each step. `start` and `final` are h and c side by side.
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
    sigmoid,
    tanh,
)


@njit(**JIT)
def forward(x, rows, lengths, reverse, start, w_ih, w_hh, b_ih, b_hh, out, tape, final):
    H = w_hh.shape[0]
    n = len(rows)
    xs = np.empty((n, x.shape[2]), f4)
    h = np.empty((n, H), f4)
    cell = np.empty((n, H), f4)
    gates = np.empty((n, 4 * H), f4)
    bias = b_ih + b_hh
    for i in range(n):
        h[i] = start[rows[i], :H]
        cell[i] = start[rows[i], H:]
    for step in range(lengths[0]):
        n = count_active(lengths, step, n)
        gather(x, rows, lengths, step, reverse, n, xs)
        for i in range(n):
            gates[i] = bias
        add_product(xs[:n], w_ih, gates[:n])
        add_product(h[:n], w_hh, gates[:n])
        for i in range(n):
            t = lengths[i] - 1 - step if reverse else step
            o, s, g, state, c = (
                out[rows[i], t],
                tape[rows[i], t],
                gates[i],
                h[i],
                cell[i],
            )
            for j in range(2 * H):
                s[j] = sigmoid(g[j])
            for j in range(H):
                s[2 * H + j] = tanh(g[2 * H + j])
            for j in range(H):
                s[3 * H + j] = sigmoid(g[3 * H + j])
            for j in range(H):
                new = s[H + j] * c[j] + s[j] * s[2 * H + j]
                squashed = tanh(new)
                c[j] = new
                s[4 * H + j] = new
                s[5 * H + j] = squashed
                state[j] = s[3 * H + j] * squashed
                o[j] = state[j]
    for i in range(len(rows)):
        final[rows[i], :H] = h[i]
        final[rows[i], H:] = cell[i]


@njit(**JIT)
def backward(
    x, rows, lengths, reverse, start, w_ih, w_hh, out, tape,
    d_out, d_final, d_x, d_start, dw_ih, dw_hh, db_ih, db_hh,
):  # fmt: skip
    """`w_ih`, `w_hh` as torch has them, (gates, input); gradients transposed."""
    H = w_hh.shape[1]
    n_rows = len(rows)
    with_out, with_x = d_out.shape[0] > 0, d_x.shape[0] > 0
    xs = np.empty((n_rows, x.shape[2]), f4)
    dxs = np.empty((n_rows, x.shape[2]), f4)
    before = np.empty((n_rows, H), f4)
    dh = np.empty((n_rows, H), f4)
    dc = np.empty((n_rows, H), f4)
    da = np.empty((n_rows, 4 * H), f4)
    for i in range(n_rows):
        dh[i] = d_final[rows[i], :H]
        dc[i] = d_final[rows[i], H:]
    n = 0
    for step in range(lengths[0] - 1, -1, -1):
        while n < n_rows and lengths[n] > step:
            n += 1
        gather(x, rows, lengths, step, reverse, n, xs)
        if step > 0:
            gather(out, rows, lengths, step - 1, reverse, n, before)
        else:
            for i in range(n):
                before[i] = start[rows[i], :H]
        for i in range(n):
            t = lengths[i] - 1 - step if reverse else step
            s, a, d, e = tape[rows[i], t], da[i], dh[i], dc[i]
            if step > 0:
                last = tape[rows[i], t + 1 if reverse else t - 1, 4 * H : 5 * H]
            else:
                last = start[rows[i], H:]
            if with_out:
                given = d_out[rows[i], t]
                for j in range(H):
                    d[j] += given[j]
            for j in range(H):
                gi, gf, gg, go = s[j], s[H + j], s[2 * H + j], s[3 * H + j]
                squashed = s[5 * H + j]
                g = e[j] + d[j] * go * (f4(1) - squashed * squashed)
                a[j] = g * gg * gi * (f4(1) - gi)
                a[H + j] = g * last[j] * gf * (f4(1) - gf)
                a[2 * H + j] = g * gi * (f4(1) - gg * gg)
                a[3 * H + j] = d[j] * squashed * go * (f4(1) - go)
                e[j] = g * gf
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
        d_start[rows[i], :H] = dh[i]
        d_start[rows[i], H:] = dc[i]
