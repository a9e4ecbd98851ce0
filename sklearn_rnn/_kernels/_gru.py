"""GRU: forward and backward of one layer in one direction, for some rows.

Weights are transposed, (input, gates), so that the inner loops run along gates. Gates
are r, z, n in torch's order. `tape` keeps r, z, n and v = W_hn h + b_hn of each step.
Rows are sorted by length, longest first.
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
    gx = np.empty((n, 3 * H), f4)
    gh = np.empty((n, 3 * H), f4)
    for i in range(n):
        h[i] = start[rows[i]]
    for step in range(lengths[0]):
        n = count_active(lengths, step, n)
        gather(x, rows, lengths, step, reverse, n, xs)
        for i in range(n):
            gx[i] = b_ih
            gh[i] = b_hh
        add_product(xs[:n], w_ih, gx[:n])
        add_product(h[:n], w_hh, gh[:n])
        for i in range(n):
            t = lengths[i] - 1 - step if reverse else step
            o, s, u, g, state = out[rows[i], t], tape[rows[i], t], gx[i], gh[i], h[i]
            for j in range(2 * H):
                s[j] = sigmoid(u[j] + g[j])
            for j in range(H):
                c = tanh(u[2 * H + j] + s[j] * g[2 * H + j])
                new = c + s[H + j] * (state[j] - c)
                s[2 * H + j] = c
                s[3 * H + j] = g[2 * H + j]
                state[j] = new
                o[j] = new
    for i in range(len(rows)):
        final[rows[i]] = h[i]


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
    du = np.empty((n_rows, 3 * H), f4)
    dv = np.empty((n_rows, 3 * H), f4)
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
            s, h, a, b, d = tape[rows[i], t], before[i], du[i], dv[i], dh[i]
            if with_out:
                given = d_out[rows[i], t]
                for j in range(H):
                    d[j] += given[j]
            for j in range(H):
                r, z, c, v = s[j], s[H + j], s[2 * H + j], s[3 * H + j]
                g = d[j]
                dc = g * (f4(1) - z) * (f4(1) - c * c)
                dz = g * (h[j] - c) * z * (f4(1) - z)
                dr = dc * v * r * (f4(1) - r)
                a[j], a[H + j], a[2 * H + j] = dr, dz, dc
                b[j], b[H + j], b[2 * H + j] = dr, dz, dc * r
                d[j] = g * z
        add_rows(du, n, db_ih)
        add_rows(dv, n, db_hh)
        add_product_tn(xs[:n], du[:n], dw_ih)
        add_product_tn(before[:n], dv[:n], dw_hh)
        add_product(dv[:n], w_hh, dh[:n])
        if with_x:
            dxs[:n] = 0
            add_product(du[:n], w_ih, dxs[:n])
            for i in range(n):
                t = lengths[i] - 1 - step if reverse else step
                d_x[rows[i], t] = dxs[i]
    for i in range(n_rows):
        d_start[rows[i]] = dh[i]
