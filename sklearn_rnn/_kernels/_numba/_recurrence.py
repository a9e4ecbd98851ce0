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
- ``cells``: c of an LSTM; the product of r and h where r acts before the weights.

Where nothing is to be kept for a backward pass, all blocks are one and the same.
"""

from numba import njit

from sklearn_rnn._kernels._constants import CELLS, WIDTH
from sklearn_rnn._kernels._numba import _elman, _gru, _lstm, _reset_before
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._product import add_product
from sklearn_rnn._kernels._numba._transposition import transpose

RNN_TANH, RNN_RELU, GRU, LSTM, GRU_RESET_BEFORE = map(CELLS.index, CELLS)
CHUNK = 128  # rows, still in the cache, of one product with the weights of x
# weights of x from which on it has a product of its own, for a chunk: beside those of
# h, at each step, they would not stay in the cache
_MANY_WEIGHTS = 2**15


@njit(**JIT)
def count_gates(cell):
    """Gates; x feeds those before the second number, h those from the third on."""
    if cell == LSTM:
        return 4, 4, 0
    if cell == GRU:
        return 4, 3, 1
    if cell == GRU_RESET_BEFORE:
        return 3, 3, 1
    return 1, 1, 0


@njit(**JIT)
def place_of(cell, gate, of_x):
    """Where a gate of torch's weights of x, or of h, stands among ours."""
    if cell == LSTM:  # i, f, g, o to i, f, o, g
        return 5 - gate if gate >= 2 else gate
    if cell == GRU:  # r, z, n to u, r, z, v
        return (0 if of_x else 3) if gate == 2 else gate + 1
    if cell == GRU_RESET_BEFORE:  # r, z, n to n, r, z
        return (gate + 1) % 3
    return 0


@njit(**JIT)
def copy(source, target, n):
    """Copy the first n numbers; slices in numba take seconds to compile."""
    for j in range(n):
        target[j] = source[j]


@njit(**JIT)
def clear(rows, begin, end, first, last):
    """Set some columns of some rows to zero."""
    for i in range(begin, end):
        row = rows[i]
        for j in range(first, last):
            row[j] = f4(0)


@njit(**JIT)
def pack(cell, w_ih, w_hh, b_ih, b_hh, packed):
    """Set weights for `forward`, in panels of WIDTH columns."""
    n_features, hidden = w_ih.shape[1], w_hh.shape[1]
    size, panel = -(-hidden // WIDTH) * WIDTH, packed.shape[1]
    clear(packed, 0, packed.shape[0], 0, panel)
    for gate in range(w_ih.shape[0] // hidden):
        for_x, for_h = place_of(cell, gate, True), place_of(cell, gate, False)
        for unit in range(0, hidden, WIDTH):
            n, row = min(WIDTH, hidden - unit), gate * hidden + unit
            transpose(
                w_ih, row * n_features, n_features, n, n_features,
                packed, (for_x * size + unit) // WIDTH * panel, WIDTH,
            )  # fmt: skip
            begin = (for_h * size + unit) // WIDTH * panel + (n_features + 1) * WIDTH
            transpose(w_hh, row * hidden, hidden, n, hidden, packed, begin, WIDTH)
        for unit in range(hidden):
            row, k = gate * hidden + unit, n_features * WIDTH + unit % WIDTH
            packed[(for_x * size + unit) // WIDTH, k] += b_ih[row]
            packed[(for_h * size + unit) // WIDTH, k] += b_hh[row]


@njit(**JIT)
def pack_transposed(weights, first, n_inputs, packed):
    """Set weights of x or of h for `backward`, in panels: (panels, gates * WIDTH).

    `weights` are those of `pack`, where these inputs begin with number `first`.
    """
    panel, columns = weights.shape[1], packed.shape[1]
    for j in range(0, n_inputs, WIDTH):
        n = min(WIDTH, n_inputs - j)
        if n < WIDTH:
            clear(packed, j // WIDTH, j // WIDTH + 1, 0, columns)
        for k in range(weights.shape[0]):
            transpose(
                weights, k * panel + (first + j) * WIDTH, WIDTH, n, WIDTH,
                packed, j // WIDTH * columns + k * WIDTH * WIDTH, WIDTH,
            )  # fmt: skip


@njit(**JIT)
def unpack_gradients(cell, packed, dw_ih, dw_hh, db_ih, db_hh):
    """Sum up what the threads have, (threads, x | 1 | h, gates), as torch has it."""
    n_features, hidden = dw_ih.shape[1], dw_hh.shape[1]
    columns, own = packed.shape[2], n_features + 1
    size = columns // count_gates(cell)[0]
    total = packed[0]
    for part in range(1, packed.shape[0]):
        for k in range(total.shape[0]):
            for j in range(columns):
                total[k, j] += packed[part, k, j]
    for gate in range(dw_ih.shape[0] // hidden):
        for_x = place_of(cell, gate, True) * size
        for_h = place_of(cell, gate, False) * size
        row = gate * hidden
        transpose(
            total, for_x, columns, n_features, hidden,
            dw_ih, row * n_features, n_features,
        )  # fmt: skip
        transpose(
            total, own * columns + for_h, columns, hidden, hidden,
            dw_hh, row * hidden, hidden,
        )  # fmt: skip
        for unit in range(hidden):
            db_ih[row + unit] = total[n_features, for_x + unit]
            db_hh[row + unit] = total[n_features, for_h + unit]


@njit(**JIT)
def block_of_weights(cell, number, n_features, n_inputs):
    """Return first and last inputs and gates of a block that is not zero.

    The first is fed by x alone, the second by both, the third by h alone.
    """
    n_gates, end_x, begin_h = count_gates(cell)
    if number == 0:
        return 0, n_features + 1, 0, begin_h
    if number == 1:
        return 0, n_inputs, begin_h, end_x
    return n_features, n_inputs, end_x, n_gates


@njit(**JIT)
def add_inputs(cell, size, n_features, weights, inputs, begin, n, sums):
    """Set sums = inputs @ weights, block by block."""
    K, stride, columns = weights.shape[1] // WIDTH, inputs.shape[1], sums.shape[1]
    for number in range(3):
        k, end, gate, end_gate = block_of_weights(cell, number, n_features, K)
        column = gate * size
        add_product(
            True, inputs, begin * stride + k, stride, 1, n,
            weights, column * K + k * WIDTH, WIDTH, K * WIDTH,
            sums, begin * columns + column, columns, (end_gate - gate) * size, end - k,
        )  # fmt: skip


@njit(**JIT)
def copy_steps(x, rows, lengths, begins, reverse, first, end, inputs):
    """Set x | 1 of some steps, or the 1 alone; zeros for rows that have ended."""
    n, n_features = len(rows), x.shape[2]
    with_x = x.shape[0] > 0
    for t in range(first, end):
        begin = begins[t]
        while lengths[n - 1] <= t:
            n -= 1
        for i in range(n):
            time = lengths[i] - 1 - t if reverse else t
            row = inputs[begin + i]
            if with_x:
                copy(x[rows[i], time], row, n_features)
            row[n_features] = f4(1)
        clear(inputs, begin + n, begins[t + 1], 0, n_features + 1)


@njit(**JIT)
def find_end_of_chunk(begins, n_steps, first):
    """Return the end of the steps whose blocks, from the first on, are a chunk."""
    end = first + 1
    while end < n_steps and begins[end + 1] - begins[first] <= CHUNK:
        end += 1
    return end


@njit(**JIT)
def add_x(cell, size, n_features, weights, inputs, begin, n, sums):
    """Set the sums of x | 1, of all gates that x feeds."""
    K, stride, columns = weights.shape[1] // WIDTH, inputs.shape[1], sums.shape[1]
    _, end_x, _ = count_gates(cell)
    add_product(
        True, inputs, begin * stride, stride, 1, n, weights, 0, WIDTH, K * WIDTH,
        sums, begin * columns, columns, end_x * size, n_features + 1,
    )  # fmt: skip


@njit(**JIT)
def look_up(products, tokens, rows, lengths, reverse, t, n, begin, n_columns, sums):
    """Set the sums of x | 1 of a step to rows of the products of all tokens."""
    for i in range(n):
        time = lengths[i] - 1 - t if reverse else t
        copy(products[tokens[rows[i], time]], sums[begin + i], n_columns)


@njit(**JIT)
def add_to_tokens(
    da, tokens, rows, lengths, reverse, t, n, begin, n_columns, d_products
):
    """Add the gradients of the sums of a step to the rows of their tokens."""
    for i in range(n):
        time = lengths[i] - 1 - t if reverse else t
        source, target = da[begin + i], d_products[tokens[rows[i], time]]
        for j in range(n_columns):
            target[j] += source[j]


@njit(**JIT)
def sum_tokens(cell, table, w_x, d_products, gradients, d_table):
    """Set the gradients of the table, and of the weights of x | 1.

    Parameters
    ----------
    cell : int
    table : (n_words, n_features + 1)
        The vectors, with a 1 behind each.
    w_x
        From `pack_transposed`.
    d_products : (threads, n_words, columns)
    gradients : (x | 1 | h, gates)
        Zeros for x, and at 1 for gates that x feeds.
    d_table : (n_words, n_features in whole vectors)
    """
    n_words, own = table.shape
    total, columns, wide = d_products[0], d_products.shape[2], d_table.shape[1]
    _, end_x, _ = count_gates(cell)
    n = end_x * (columns // count_gates(cell)[0])
    for part in range(1, len(d_products)):
        for k in range(n_words):
            source, target = d_products[part, k], total[k]
            for j in range(n):
                target[j] += source[j]
    add_product(
        False, table, 0, 1, own, own, total, 0, columns, WIDTH,
        gradients, 0, columns, n, n_words,
    )  # fmt: skip
    add_product(
        True, total, 0, columns, 1, n_words, w_x, 0, WIDTH, columns * WIDTH,
        d_table, 0, wide, wide, n,
    )  # fmt: skip


@njit(**JIT)
def add_h(cell, size, n_features, weights, inputs, begin, n, sums):
    """Add the products of h, in the order of `add_inputs`."""
    K, stride, columns = weights.shape[1] // WIDTH, inputs.shape[1], sums.shape[1]
    n_gates, end_x, begin_h = count_gates(cell)
    for number in range(2):
        gate, end = (end_x, n_gates) if number else (begin_h, end_x)
        k, column = n_features + (0 if number else 1), gate * size
        add_product(
            number == 1, inputs, begin * stride + k, stride, 1, n,
            weights, column * K + k * WIDTH, WIDTH, K * WIDTH,
            sums, begin * columns + column, columns, (end - gate) * size, K - k,
        )  # fmt: skip


@njit(**JIT)
def add_to_gradients(
    cell, size, n_features, of_x, inputs, da, begin, n, fresh, gradients
):
    """Compute gradients += inputs.T @ da, block by block; those of x if `of_x`."""
    stride, columns = inputs.shape[1], da.shape[1]
    n_inputs = gradients.shape[0]
    for number in range(0 if of_x else 1, 3):
        k, end, gate, end_gate = block_of_weights(cell, number, n_features, n_inputs)
        if number == 1 and not of_x:
            k = n_features + 1
        column = gate * size
        add_product(
            fresh, inputs, begin * stride + k, 1, stride, end - k,
            da, begin * columns + column, columns, WIDTH,
            gradients, k * columns + column, columns, (end_gate - gate) * size, n,
        )  # fmt: skip


@njit(**JIT)
def activate_reset_before(n, size, weights, inputs, begin, later, sums, cells):
    """Take a step of a GRU whose first gate waits for the product of r and h."""
    K, columns, own = weights.shape[1] // WIDTH, sums.shape[1], inputs.shape[1] - size
    gates, h = (sums, begin, 0), (inputs, begin, own)
    _reset_before.reset(n, size, (gates, h, (cells, begin, 0)))
    add_product(
        False, cells, begin * size, size, 1, n, weights, own * WIDTH, WIDTH, K * WIDTH,
        sums, begin * columns, columns, size, K - own,
    )  # fmt: skip
    _reset_before.activate(n, size, (gates, h, (inputs, later, own)))


@njit(**JIT)
def differentiate_reset_before(n, size, w_h, inputs, begin, sums, dh, d_product):
    """Take a step of it backwards; `d_product` is memory."""
    columns, own = sums.shape[1], inputs.shape[1] - size
    da, h, d = (sums, begin, 0), (inputs, begin, own), (dh, 0, 0)
    _reset_before.differentiate(n, size, (da, h, d))
    add_product(
        True, sums, begin * columns, columns, 1, n, w_h, 0, WIDTH, columns * WIDTH,
        d_product, 0, size, size, size,
    )  # fmt: skip
    _reset_before.differentiate_reset(n, size, (da, h, (d_product, 0, 0), d))


@njit(**JIT)
def add_to_gradients_of_products(size, cells, da, begin, n, fresh, own, gradients):
    """Add what `add_to_gradients` leaves out: the products of r and h."""
    columns = da.shape[1]
    add_product(
        fresh, cells, begin * size, 1, size, gradients.shape[0] - own,
        da, begin * columns, columns, WIDTH,
        gradients, own * columns, columns, size, n,
    )  # fmt: skip


@njit(**JIT)
def forward(
    cell, x, tokens, products, rows, lengths, begins, reverse, start, weights, inputs,
    sums, cells, out, column, final,
):  # fmt: skip
    """Run all steps.

    Parameters
    ----------
    cell : int
    x : (batch, time, n_features), or (0, time, n_features) where tokens are given
    tokens : (batch, time), or (0, time)
        Numbers of vectors.
    products : (n_words, gates)
        Sums of x | 1 of each vector.
    rows : (n,)
        Which rows of the batch, longest first.
    lengths : (n,)
        Their numbers of steps.
    begins : (lengths[0] + 2,)
        From `partition_rows`.
    reverse : bool
        Whether each row is read from its own last step to its first.
    start : (batch, hidden) or (batch, 2 * hidden), or empty where it is zero
    weights
        From `pack`.
    inputs, sums, cells
        Memory for the blocks.
    out : (batch, time, columns), or empty where only the last state is wanted
    column : int
        Column of out where the outputs begin.
    final : (batch, hidden) or (batch, 2 * hidden)
    """
    n_features = x.shape[2]
    own = n_features + 1  # column of inputs at which h begins
    size = inputs.shape[1] - own
    hidden = weights.shape[1] // WIDTH - own
    lstm, gru, relu = cell == LSTM, cell == GRU, cell == RNN_RELU
    reset_before = cell == GRU_RESET_BEFORE
    keep = begins[1] > 0
    for i in range(len(rows)):
        clear(inputs, i, i + 1, own, own + size)
        clear(cells, i, i + 1, 0, cells.shape[1])
        if start.shape[0] > 0:
            copy(start[rows[i]], inputs[i, own:], hidden)
            if lstm:
                copy(start[rows[i], hidden:], cells[i], hidden)
    n, ahead = len(rows), 0
    looks_up, n_of_x = len(tokens) > 0, count_gates(cell)[1] * size
    many = n_features * sums.shape[1] >= _MANY_WEIGHTS
    is_apart = keep and many and not looks_up
    for t in range(lengths[0]):
        begin, later = begins[t], begins[t + 1]
        while lengths[n - 1] <= t:
            n -= 1
        if t == ahead:
            ahead = find_end_of_chunk(begins, lengths[0], t) if is_apart else t + 1
            copy_steps(x, rows, lengths, begins, reverse, t, ahead, inputs)
            if is_apart:
                n_ahead = begins[ahead] - begin
                add_x(cell, size, n_features, weights, inputs, begin, n_ahead, sums)
        if keep and reset_before:
            clear(cells, begin + n, later, 0, size)
        if looks_up:
            look_up(products, tokens, rows, lengths, reverse, t, n, begin, n_of_x, sums)
        if is_apart or looks_up:
            add_h(cell, size, n_features, weights, inputs, begin, n, sums)
        else:
            add_inputs(cell, size, n_features, weights, inputs, begin, n, sums)
        gates, h_new = (sums, begin, 0), (inputs, later, own)
        if lstm:
            before, after = (cells, begin, 0), (cells, later, 0)
            _lstm.activate(n, size, (gates, before, h_new, after))
        elif gru:
            _gru.activate(n, size, (gates, (inputs, begin, own), h_new))
        elif reset_before:
            activate_reset_before(n, size, weights, inputs, begin, later, sums, cells)
        elif relu:
            _elman.activate_relu(n, size, (gates, h_new))
        else:
            _elman.activate_tanh(n, size, (gates, h_new))
        if out.shape[0] > 0:
            for i in range(n):
                time = lengths[i] - 1 - t if reverse else t
                copy(inputs[later + i, own:], out[rows[i], time, column:], hidden)
    for i in range(len(rows)):
        last = begins[lengths[i]] + i
        copy(inputs[last, own:], final[rows[i]], hidden)
        if lstm:
            copy(cells[last], final[rows[i], hidden:], hidden)
        if out.shape[0] > 0:
            clear(out[rows[i]], lengths[i], out.shape[1], column, column + hidden)


@njit(**JIT)
def copy_gradients(dx, rows, lengths, begins, reverse, first, waiting, n_features, d_x):
    """Copy the gradients of x of the steps from the first on, until one that waits."""
    n, t, start = len(rows), first, begins[first]
    while t < lengths[0] and begins[t] < waiting:
        while lengths[n - 1] <= t:
            n -= 1
        for i in range(n):
            time = lengths[i] - 1 - t if reverse else t
            copy(dx[begins[t] - start + i], d_x[rows[i], time], n_features)
        t += 1


@njit(**JIT)
def backward(
    cell, n_features, tokens, rows, lengths, begins, reverse, w_x, w_h, inputs, sums,
    cells, dh, dc, dx, d_out, column, d_final, d_x, d_products, d_start, gradients,
):  # fmt: skip
    """Run all steps backwards.

    Parameters
    ----------
    cell, tokens, rows, lengths, begins, reverse, inputs, sums, cells
        As `forward` had and left them; the gates in sums become their gradients.
    w_x, w_h
        From `pack_transposed`.
    dh : (n, size)
    dc : (n, size), or (n, 0) where cells have no columns
        Memory for the gradients of one step.
    dx : (n + CHUNK, n_features in whole vectors), or (n + CHUNK, 0) where not wanted
        Memory for those of x of a chunk.
    d_out : (batch, time, columns), or empty where the gradient is of `final` alone
    column : int
        Column of d_out where the gradients of these outputs begin.
    d_final : as final, or empty where it is zero
    d_x : (batch, time, n_features), or empty where it is not wanted
    d_products : (n_words, gates), or empty where there are no tokens
        Overwritten; then the gradients of the weights of x are zeros.
    d_start : as start, or empty where it is not wanted
    gradients : (x | 1 | h, gates)
        Gradients of the weights; overwritten.
    """
    n_gates, end_x, begin_h = count_gates(cell)
    own = n_features + 1
    hidden = gradients.shape[0] - own
    size = inputs.shape[1] - own
    columns = sums.shape[1]
    n_rows = len(rows)
    lstm, gru, relu = cell == LSTM, cell == GRU, cell == RNN_RELU
    reset_before = cell == GRU_RESET_BEFORE
    with_out, with_x = d_out.shape[0] > 0, d_x.shape[0] > 0
    wide_x, n_words = w_x.shape[0] * WIDTH, len(d_products)
    clear(d_products, 0, n_words, 0, columns)
    if n_words > 0:
        clear(gradients, 0, own, 0, columns)
    clear(dh, 0, n_rows, 0, size)
    clear(dc, 0, n_rows, 0, dc.shape[1])
    for i in range(min(n_rows, d_final.shape[0])):
        copy(d_final[rows[i]], dh[i], hidden)
        if lstm:
            copy(d_final[rows[i], hidden:], dc[i], hidden)
    n, fresh = 0, True
    waiting = begins[lengths[0]]  # blocks from here on are summed up
    for t in range(lengths[0] - 1, -1, -1):
        begin, later = begins[t], begins[t + 1]
        while n < n_rows and lengths[n] > t:
            n += 1
        if with_out:
            for i in range(n):
                d = dh[i]
                time = lengths[i] - 1 - t if reverse else t
                given = d_out[rows[i], time]
                for j in range(hidden):
                    d[j] += given[column + j]
        da, d = (sums, begin, 0), (dh, 0, 0)
        if lstm:
            before, after = (cells, begin, 0), (cells, later, 0)
            _lstm.differentiate(n, size, (da, before, after, d, (dc, 0, 0)))
        elif gru:
            _gru.differentiate(n, size, (da, (inputs, begin, own), d))
        elif reset_before:
            differentiate_reset_before(n, size, w_h, inputs, begin, sums, dh, dc)
        elif relu:
            _elman.differentiate_relu(n, size, (da, (inputs, later, own), d))
        else:
            _elman.differentiate_tanh(n, size, (da, (inputs, later, own), d))
        clear(sums, begin + n, later, 0, columns)
        first = begin * columns
        if n_words > 0:
            add_to_tokens(
                sums, tokens, rows, lengths, reverse, t, n, begin, end_x * size,
                d_products,
            )  # fmt: skip
        add_product(
            False, sums, first + begin_h * size, columns, 1, n,
            w_h, begin_h * size * WIDTH, WIDTH, columns * WIDTH,
            dh, 0, size, size, (n_gates - begin_h) * size,
        )  # fmt: skip
        if waiting - begin >= CHUNK or t == 0:
            if with_x:
                add_product(
                    True, sums, first, columns, 1, waiting - begin,
                    w_x, 0, WIDTH, columns * WIDTH,
                    dx, 0, wide_x, wide_x, end_x * size,
                )  # fmt: skip
                copy_gradients(
                    dx, rows, lengths, begins, reverse, t, waiting, n_features, d_x
                )
            add_to_gradients(
                cell, size, n_features, n_words == 0, inputs, sums, begin,
                waiting - begin, fresh, gradients,
            )  # fmt: skip
            if reset_before:
                add_to_gradients_of_products(
                    size, cells, sums, begin, waiting - begin, fresh, own, gradients
                )
            waiting, fresh = begin, False
    for i in range(n_rows):
        if d_start.shape[0] > 0:
            copy(dh[i], d_start[rows[i]], hidden)
            if lstm:
                copy(dc[i], d_start[rows[i], hidden:], hidden)
        if with_x:
            clear(d_x[rows[i]], lengths[i], d_x.shape[1], 0, n_features)
