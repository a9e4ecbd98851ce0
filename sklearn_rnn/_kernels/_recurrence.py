"""Forward and backward of one layer in one direction, for some rows of a batch.

Rows are sorted by length, longest first, so that those still running at a step are
the first n. What a step reads, and leaves for the backward pass, stands in blocks of
rows, one block a step: block t has a row for each one that ran at step t - 1, and row
i of it begins with the state that row i has *before* step t. A row whose sequence has
ended leaves its last state there.

- ``inputs``: x | 1 | h. The 1 meets the bias: its gradient is one more row of the
  weights'.
- ``sums``: the gates, then their gradients. A gate has `size` columns, `hidden`
  rounded up to whole vectors; the columns too many stay without effect.
- ``cells``: c of an LSTM.

Where nothing is to be kept for a backward pass, all blocks are one and the same.
"""

import numpy as np
from numba import njit

from sklearn_rnn._kernels import _elman, _gru, _lstm
from sklearn_rnn._kernels._math import JIT, f4
from sklearn_rnn._kernels._product import WIDTH, add_product

RNN_TANH, RNN_RELU, GRU, LSTM = range(4)
_CHUNK = 128  # rows of gradients, still in the cache, that the weights' sum up at once


@njit(**JIT)
def count_gates(cell):
    """Gates; x feeds those before the second number, h those from the third on."""
    if cell == LSTM:
        return 4, 4, 0
    if cell == GRU:
        return 4, 3, 1
    return 1, 1, 0


@njit(**JIT)
def place_of(cell, gate, of_x):
    """Where a gate of torch's weights of x, or of h, stands among ours."""
    if cell == LSTM:  # i, f, g, o to i, f, o, g
        return 5 - gate if gate >= 2 else gate
    if cell == GRU:  # r, z, n to u, r, z, v
        return (0 if of_x else 3) if gate == 2 else gate + 1
    return 0


@njit(**JIT)
def begins_of_blocks(lengths, keep):
    """Row at which each block begins, and at which the last one ends."""
    begins = np.zeros(lengths[0] + 2, np.int64)
    n = len(lengths)
    for t in range(lengths[0] + 1):
        begins[t + 1] = begins[t] + n if keep else 0
        while n > 0 and lengths[n - 1] <= t:
            n -= 1
    return begins


@njit(**JIT)
def pack(cell, w_ih, w_hh, b_ih, b_hh):
    """Weights for `forward`, (columns / WIDTH, x | 1 | h, WIDTH)."""
    n_features, hidden = w_ih.shape[1], w_hh.shape[1]
    size = -(-hidden // WIDTH) * WIDTH
    n_gates = count_gates(cell)[0]
    packed = np.zeros((n_gates * size // WIDTH, n_features + 1 + hidden, WIDTH), f4)
    for row in range(w_ih.shape[0]):
        gate, unit = row // hidden, row % hidden
        for_x = place_of(cell, gate, True) * size + unit
        for_h = place_of(cell, gate, False) * size + unit
        panel, lane = packed[for_x // WIDTH], for_x % WIDTH
        for k in range(n_features):
            panel[k, lane] = w_ih[row, k]
        panel[n_features, lane] += b_ih[row]
        panel = packed[for_h // WIDTH]
        for k in range(hidden):
            panel[n_features + 1 + k, lane] = w_hh[row, k]
        panel[n_features, lane] += b_hh[row]
    return packed


@njit(**JIT)
def pack_transposed(cell, weight, hidden, of_x):
    """Weights of x or of h for `backward`, (inputs / WIDTH, gates, WIDTH)."""
    size = -(-hidden // WIDTH) * WIDTH
    n_inputs = weight.shape[1]
    n_gates = count_gates(cell)[0]
    packed = np.zeros((-(-n_inputs // WIDTH), n_gates * size, WIDTH), f4)
    for row in range(weight.shape[0]):
        k = place_of(cell, row // hidden, of_x) * size + row % hidden
        for j in range(n_inputs):
            packed[j // WIDTH, k, j % WIDTH] = weight[row, j]
    return packed


@njit(**JIT)
def unpack_gradients(cell, packed, dw_ih, dw_hh, db_ih, db_hh):
    """Sum up what the threads have, (threads, x | 1 | h, gates), as torch has it."""
    n_features, hidden = dw_ih.shape[1], dw_hh.shape[1]
    size = packed.shape[2] // count_gates(cell)[0]
    total = packed[0]
    for part in packed[1:]:
        for k in range(total.shape[0]):
            for j in range(total.shape[1]):
                total[k, j] += part[k, j]
    for row in range(dw_ih.shape[0]):
        gate, unit = row // hidden, row % hidden
        for_x = place_of(cell, gate, True) * size + unit
        for_h = place_of(cell, gate, False) * size + unit
        for k in range(n_features):
            dw_ih[row, k] = total[k, for_x]
        for k in range(hidden):
            dw_hh[row, k] = total[n_features + 1 + k, for_h]
        db_ih[row] = total[n_features, for_x]
        db_hh[row] = total[n_features, for_h]


@njit(**JIT)
def add_inputs(cell, size, n_features, weights, inputs, begin, n, sums):
    """Set sums = inputs @ weights, less the blocks of weights that are zero."""
    n_gates, end_x, begin_h = count_gates(cell)
    K, stride, columns = weights.shape[1], inputs.shape[1], sums.shape[1]
    a, c = begin * stride, begin * columns
    panel = K * WIDTH
    if begin_h > 0:  # x alone
        add_product(
            True, inputs, a, stride, 1, n, weights, 0, WIDTH, panel,
            sums, c, columns, begin_h * size, n_features + 1,
        )  # fmt: skip
    both = begin_h * size
    add_product(
        True, inputs, a, stride, 1, n, weights, both * K, WIDTH, panel,
        sums, c + both, columns, (end_x - begin_h) * size, K,
    )  # fmt: skip
    if end_x < n_gates:  # h alone
        own = end_x * size
        add_product(
            True, inputs, a + n_features, stride, 1, n,
            weights, own * K + n_features * WIDTH, WIDTH, panel,
            sums, c + own, columns, (n_gates - end_x) * size, K - n_features,
        )  # fmt: skip


@njit(**JIT)
def add_to_gradients(
    cell, size, n_features, hidden, inputs, da, begin, n, fresh, gradients
):
    """Compute gradients += inputs.T @ da, the same blocks."""
    n_gates, end_x, begin_h = count_gates(cell)
    stride, columns = inputs.shape[1], da.shape[1]
    a, b = begin * stride, begin * columns
    wide = gradients.shape[1]
    if begin_h > 0:
        add_product(
            fresh, inputs, a, 1, stride, n_features + 1, da, b, columns, WIDTH,
            gradients, 0, wide, begin_h * size, n,
        )  # fmt: skip
    both = begin_h * size
    add_product(
        fresh, inputs, a, 1, stride, n_features + 1 + hidden,
        da, b + both, columns, WIDTH,
        gradients, both, wide, (end_x - begin_h) * size, n,
    )  # fmt: skip
    if end_x < n_gates:
        own = end_x * size
        add_product(
            fresh, inputs, a + n_features, 1, stride, 1 + hidden,
            da, b + own, columns, WIDTH,
            gradients, n_features * wide + own, wide, (n_gates - end_x) * size, n,
        )  # fmt: skip


@njit(**JIT)
def forward(
    cell, x, rows, lengths, begins, reverse, start, weights, inputs, sums, cells,
    out, column, final,
):  # fmt: skip
    """Run all steps.

    Parameters
    ----------
    cell : int
    x : (batch, time, n_features)
    rows : (n,)
        Which rows of the batch, longest first.
    lengths : (n,)
        Their numbers of steps.
    begins : (lengths[0] + 2,)
        From `begins_of_blocks`.
    reverse : bool
        Whether each row is read from its own last step to its first.
    start : (batch, hidden) or (batch, 2 * hidden)
    weights
        From `pack`.
    inputs, sums, cells
        Memory for the blocks.
    out : (batch, time, columns), or empty where only the last state is wanted
    column : int
        Of out, where the outputs begin.
    final : as start
    """
    n_features = x.shape[2]
    own = n_features + 1  # column of inputs at which h begins
    size = inputs.shape[1] - own
    hidden = weights.shape[1] - own
    lstm, gru, relu = cell == LSTM, cell == GRU, cell == RNN_RELU
    keep = begins[1] > 0
    for i in range(len(rows)):
        inputs[i, own:] = f4(0)
        inputs[i, own : own + hidden] = start[rows[i], :hidden]
        if lstm:
            cells[i] = f4(0)
            cells[i, :hidden] = start[rows[i], hidden:]
    n = len(rows)
    for t in range(lengths[0]):
        begin, later = begins[t], begins[t + 1]
        ran, n = n, n
        while lengths[n - 1] <= t:
            n -= 1
        for i in range(n):
            time = lengths[i] - 1 - t if reverse else t
            row, given = inputs[begin + i], x[rows[i], time]
            for k in range(n_features):
                row[k] = given[k]
            row[n_features] = f4(1)
        if keep:
            inputs[begin + n : begin + ran, :own] = f4(0)
        add_inputs(cell, size, n_features, weights, inputs, begin, n, sums)
        for i in range(n):
            a, h = sums[begin + i], inputs[begin + i, own:]
            h_new = inputs[later + i, own:]
            if lstm:
                _lstm.activate(a, cells[begin + i], h_new, cells[later + i], size)
            elif gru:
                _gru.activate(a, h, h_new, size)
            else:
                _elman.activate(a, h_new, size, relu)
            if out.shape[0] > 0:
                time = lengths[i] - 1 - t if reverse else t
                answer = out[rows[i], time]
                for j in range(hidden):
                    answer[column + j] = h_new[j]
    for i in range(len(rows)):
        last = begins[lengths[i]] + i
        final[rows[i], :hidden] = inputs[last, own : own + hidden]
        if lstm:
            final[rows[i], hidden:] = cells[last, :hidden]
        if out.shape[0] > 0:
            out[rows[i], lengths[i] :, column : column + hidden] = f4(0)


@njit(**JIT)
def backward(
    cell, rows, lengths, begins, reverse, w_x, w_h, inputs, sums, cells,
    d_out, column, d_final, d_x, d_start, gradients,
):  # fmt: skip
    """Run all steps backwards.

    Parameters
    ----------
    cell, rows, lengths, begins, reverse, inputs, sums, cells
        As `forward` had and left them; the gates in sums become their gradients.
    w_x, w_h
        From `pack_transposed`.
    d_out : (batch, time, columns), or empty where the gradient is of `final` alone
    column : int
        Of d_out, where the gradients of these outputs begin.
    d_final : as final
    d_x : (batch, time, n_features), or empty where it is not wanted
    d_start : as start
    gradients : (x | 1 | h, gates)
        Of the weights; overwritten.
    """
    n_gates, end_x, begin_h = count_gates(cell)
    hidden = d_final.shape[1] // 2 if cell == LSTM else d_final.shape[1]
    own = gradients.shape[0] - hidden
    n_features = own - 1
    size = inputs.shape[1] - own
    columns = sums.shape[1]
    n_rows = len(rows)
    lstm, gru, relu = cell == LSTM, cell == GRU, cell == RNN_RELU
    with_out, with_x = d_out.shape[0] > 0, d_x.shape[0] > 0
    wide_x = w_x.shape[0] * WIDTH
    dh = np.zeros((n_rows, size), f4)
    dc = np.zeros((n_rows, size if lstm else 0), f4)
    dx = np.empty((n_rows, wide_x if with_x else 0), f4)
    for i in range(n_rows):
        dh[i, :hidden] = d_final[rows[i], :hidden]
        if lstm:
            dc[i, :hidden] = d_final[rows[i], hidden:]
    n, fresh = 0, True
    waiting = begins[lengths[0]]  # blocks from here on are summed up
    for t in range(lengths[0] - 1, -1, -1):
        begin, later = begins[t], begins[t + 1]
        while n < n_rows and lengths[n] > t:
            n += 1
        for i in range(n):
            d, da, h = dh[i], sums[begin + i], inputs[begin + i, own:]
            if with_out:
                time = lengths[i] - 1 - t if reverse else t
                given = d_out[rows[i], time]
                for j in range(hidden):
                    d[j] += given[column + j]
            if lstm:
                c, c_new = cells[begin + i], cells[later + i]
                _lstm.differentiate(da, c, c_new, d, dc[i], size)
            elif gru:
                _gru.differentiate(da, h, d, size)
            else:
                _elman.differentiate(da, inputs[later + i, own:], d, size, relu)
        sums[begin + n : later] = f4(0)
        first = begin * columns
        add_product(
            False, sums, first + begin_h * size, columns, 1, n,
            w_h, begin_h * size * WIDTH, WIDTH, columns * WIDTH,
            dh, 0, size, size, (n_gates - begin_h) * size,
        )  # fmt: skip
        if with_x:
            add_product(
                True, sums, first, columns, 1, n, w_x, 0, WIDTH, columns * WIDTH,
                dx, 0, wide_x, wide_x, end_x * size,
            )  # fmt: skip
            for i in range(n):
                time = lengths[i] - 1 - t if reverse else t
                answer, row = d_x[rows[i], time], dx[i]
                for k in range(n_features):
                    answer[k] = row[k]
        if waiting - begin >= _CHUNK or t == 0:
            add_to_gradients(
                cell, size, n_features, hidden, inputs, sums, begin, waiting - begin,
                fresh, gradients,
            )  # fmt: skip
            waiting, fresh = begin, False
    for i in range(n_rows):
        d_start[rows[i], :hidden] = dh[i, :hidden]
        if lstm:
            d_start[rows[i], hidden:] = dc[i, :hidden]
        if with_x:
            d_x[rows[i], lengths[i] :] = f4(0)
