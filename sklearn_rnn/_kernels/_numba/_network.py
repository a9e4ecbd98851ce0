"""A whole network on some sequences: the kernels of its links, one after the other.

A link is a row of sizes and three pointers to weights. Its outputs lie in one of two
blocks of memory; the next link reads them there and writes into the other block. A row
is a sequence with as many steps as the longest one: what lies behind its own last step
is never read.

A link of the kind "pool_aside" writes outputs of its own: those of the links behind it
are computed from its inputs, up to the link "append", which puts both side by side.

Behind the links of the network there may be those of branches, each of which begins
with the inputs once more. Its last one takes the mean of its outputs and those so far.

A stream has a state before and after each step: the number of its steps so far, then
what layers and a pooling keep, in whole doubles.
"""

from numba import njit

from sklearn_rnn._kernels._constants import BLOCK, LINKS, N_WEIGHTS, WIDTH
from sklearn_rnn._kernels._numba import (
    _convolution,
    _entries_of_network,
    _last_steps,
    _ngrams,
    _random_convolutions,
    _recurrence,
    _rows,
    _steps,
)
from sklearn_rnn._kernels._numba._linked import call_linked
from sklearn_rnn._kernels._numba._math import JIT, f4, tanh
from sklearn_rnn._kernels._numba._memory import (
    doubles_at,
    floats_at,
    integers_at,
    is_given,
    move,
    nothing,
    pointer_in,
    words_at,
)
from sklearn_rnn._kernels._numba._shapes import count_states, widths_of_blocks
from sklearn_rnn._kernels._numba._sizes import round_up
from sklearn_rnn._kernels._numba._vectors import sum_over_units

(
    STANDARDIZE, EMBED, CONVOLVE, RECUR, POOL, FLATTEN, MULTIPLY,
    CONVOLVE_RANDOMLY, ADD_NGRAMS, ATTEND, POOL_ASIDE, APPEND,
    READ_COLUMNS,
) = range(len(LINKS))  # fmt: skip
# they read the steps themselves
_OF_STEPS = STANDARDIZE, EMBED, READ_COLUMNS
_FIRST = *_OF_STEPS, ADD_NGRAMS

# products are rounded before they are added, as in torch
_ROUNDED = JIT | {"fastmath": False}
_run_standardize = call_linked(_entries_of_network.standardize)
_run_convolution = call_linked(_entries_of_network.convolution_forward)
_run_partition = call_linked(_entries_of_network.partition_rows)
_run_layer = call_linked(_entries_of_network.forward)
_run_few = call_linked(_entries_of_network.multiply)
_run_many = call_linked(_entries_of_network.convolve)
_run_random_convolutions = call_linked(_entries_of_network.convolve_randomly)


@njit(**JIT)
def run(
    batch, n_steps, width, links, weights, values, offsets, rows, memory, start, final,
    out,
):  # fmt: skip
    """Compute the outputs of some sequences.

    Parameters
    ----------
    batch, n_steps : int
        How many sequences there are, and how many steps the longest one has.
    width : int
        The most numbers that a link has for a step.
    links : (n_links, n_sizes)
        Kind and sizes of each link, see `_kernels/_network.py`.
    weights, values : pointers
        To the pointers of each link, and to the steps of all sequences.
    offsets, rows : (n + 1,), (batch,)
        First step of each sequence, and which sequences are to be read.
    memory, start, final, out : pointers
        To memory, the states before and after, if they are wanted, and the outputs.
    """
    lengths, longest = integers_at(memory, (batch,)), n_steps
    block = 4 * (batch * n_steps * width + batch * n_steps * width % 2)
    blocks = move(memory, 8 * batch), move(memory, 8 * batch + block)
    here, there = blocks
    scratch = move(there, block)
    n = batch * n_steps
    counts, aside = final, nothing()
    if is_given(start):
        _count_step(batch, start, final)
        start, final = move(start, 8 * batch), move(final, 8 * batch)
    for k in range(links.shape[0]):
        sizes = links[k]
        pointer = N_WEIGHTS * k
        first, second = pointer_in(weights, pointer), pointer_in(weights, pointer + 1)
        kind = sizes[0]
        if kind in _OF_STEPS:
            n_steps, n = longest, batch * longest  # n: rows of a linear layer
            here, there = blocks
            for i in range(batch):
                lengths[i] = offsets[rows[i] + 1] - offsets[rows[i]]
        is_last = k + 1 == len(links) or links[k + 1, 0] in _FIRST
        target = out if is_last else there
        if kind == STANDARDIZE:
            _standardize(sizes, first, second, n_steps, values, offsets, rows, scratch,
                         target)  # fmt: skip
        elif kind == EMBED:
            _embed(sizes, first, n_steps, values, offsets, rows, target)
        elif kind == READ_COLUMNS:
            third = pointer_in(weights, pointer + 2)
            _read_columns(
                sizes, first, second, third, n_steps, values, offsets, rows, target
            )
        elif kind == CONVOLVE:
            new_steps = _convolve(
                sizes, first, second, batch, n_steps, memory, here, scratch, target
            )
            if sizes[6] + sizes[2] < sizes[7]:  # others read the same steps
                continue
            n_steps, n = new_steps, batch * new_steps
        elif kind == RECUR:
            n_bytes = _recur(sizes, first, second, batch, n_steps, memory, here, start,
                             final, scratch, target)  # fmt: skip
            if is_given(start):
                start, final = move(start, n_bytes), move(final, n_bytes)
            if sizes[5] != 0:
                n = batch
        elif kind == POOL:
            if is_given(start):
                _pool_so_far(sizes, batch, counts, here, start, final, target)
            else:
                _pool(sizes, n_steps, lengths, here, scratch, target)
            n = batch
        elif kind == ATTEND:
            third = pointer_in(weights, pointer + 2)
            _attend(
                sizes, first, second, third, n_steps, lengths, here, scratch, target
            )
            n = batch
        elif kind == POOL_ASIDE:
            aside, scratch = scratch, move(scratch, 8 * _count_doubles(sizes, batch))
            _pool(sizes, n_steps, lengths, here, scratch, aside)
            continue
        elif kind == APPEND:
            _append(sizes, batch, here, aside, target)
        elif kind == FLATTEN:
            n = _flatten(sizes, n_steps, lengths, here, target)
        elif kind == CONVOLVE_RANDOMLY:
            _convolve_randomly(
                sizes, first, second, batch, n_steps, memory, here, scratch, target
            )
        elif kind == ADD_NGRAMS:
            third = pointer_in(weights, pointer + 2)
            _add_ngrams(sizes, first, second, third, longest, values, offsets, rows,
                        scratch, target)  # fmt: skip
        else:
            _multiply(sizes, first, second, n, here, scratch, target)
        here, there = target, here


@njit(**JIT)
def _standardize(sizes, mean, scale, n_steps, values, offsets, rows, scratch, y):
    n_features = sizes[1]
    for i in range(len(rows)):
        begin, end = offsets[rows[i]], offsets[rows[i] + 1]
        x = move(values, 4 * begin * n_features)
        n, row = (end - begin) * n_features, move(y, 4 * i * n_steps * n_features)
        _run_standardize((n, n_features, x, mean, scale, scratch, row))


@njit(**JIT)
def _embed(sizes, table, n_steps, values, offsets, rows, y):
    size, n_tokens, batch = sizes[1], sizes[2], len(rows)
    vectors = floats_at(table, (n_tokens, size))
    x = floats_at(y, (batch, n_steps, size))
    for i in range(batch):
        begin, end = offsets[rows[i]], offsets[rows[i] + 1]
        tokens = integers_at(move(values, 8 * begin), (end - begin,))
        for t in range(len(tokens)):
            _recurrence.copy(vectors[tokens[t]], x[i, t], size)


@njit(**JIT)
def _read_columns(sizes, plan, moments, tables, n_steps, values, offsets, rows, y):
    """Write numbers, standardised, then the vector of each column of tokens.

    The plan lists the columns of numbers, then of each column of tokens: itself, the
    shape of its table, and where that begins.
    """
    n_columns, n_numbers, width, batch = sizes[1], sizes[2], sizes[3], len(rows)
    columns = integers_at(plan, (n_numbers,))
    of_tokens = integers_at(move(plan, 8 * n_numbers), (n_columns - n_numbers, 4))
    mean_and_scale = floats_at(moments, (2, n_numbers))
    x = floats_at(y, (batch, n_steps, width))
    for i in range(batch):
        begin, n = offsets[rows[i]], offsets[rows[i] + 1] - offsets[rows[i]]
        steps = floats_at(move(values, 4 * begin * n_columns), (n, n_columns))
        for t in range(n):
            step, row = steps[t], x[i, t]
            for j in range(n_numbers):
                centred = step[columns[j]] - mean_and_scale[0, j]
                row[j] = centred / mean_and_scale[1, j]
            place = n_numbers
            for k in range(len(of_tokens)):
                token, size = int(step[of_tokens[k, 0]]), of_tokens[k, 2]
                vector = move(tables, 4 * (of_tokens[k, 3] + token * size))
                _recurrence.copy(floats_at(vector, (size,)), row[place:], size)
                place += size


@njit(**JIT)
def _convolve(sizes, packed, parameters, batch, n_steps, steps, x, scratch, y):
    """Return how many steps are left; the lengths become those of the outputs.

    The lengths stay as they are if other convolutions follow, side by side.
    """
    channels, n_out, kernel_size, stride = sizes[1], sizes[2], sizes[3], sizes[4]
    column, width = sizes[6], sizes[7]
    new_steps, lengths = -(-n_steps // stride), integers_at(steps, (batch,))
    n_outputs, n_padded = 0, (batch + 1) * (kernel_size // 2)
    for i in range(batch):
        n_outputs += -(-lengths[i] // stride)
        n_padded += lengths[i]
    out, new_lengths = y, steps
    if n_out < width:
        n_numbers = batch * new_steps * n_out
        out, scratch = scratch, move(scratch, 4 * (n_numbers + n_numbers % 2))
    if column + n_out < width:
        new_lengths, scratch = scratch, move(scratch, 8 * batch)
    chunk = move(scratch, 8 * n_outputs)
    memory = move(chunk, 4 * _convolution.CHUNK * round_up(n_out))
    _run_convolution(
        (
            batch, n_steps, new_steps, channels, n_out, kernel_size, stride, sizes[5],
            0, 1, n_outputs, n_padded, 0, x, steps, packed, parameters, scratch,
            memory, chunk, new_lengths, out,
        )
    )  # fmt: skip
    if n_out < width:
        found = floats_at(out, (batch, new_steps, n_out))
        all_columns = floats_at(y, (batch, new_steps, width))
        counts = integers_at(new_lengths, (batch,))
        for i in range(batch):
            for t in range(counts[i]):
                _recurrence.copy(found[i, t], all_columns[i, t, column:], n_out)
    return new_steps


@njit(**JIT)
def _recur(
    sizes, forward, backward, batch, n_steps, steps, x, start, final, scratch, y
):
    """Run a layer in all directions; return how many bytes of state it has."""
    cell, n_features, hidden, n_directions = sizes[1], sizes[2], sizes[3], sizes[4]
    only_last, columns = sizes[5] != 0, sizes[4] * hidden
    states = count_states(cell) * hidden
    widths = widths_of_blocks(cell, n_features, hidden)
    numbers = move(scratch, 8 * (n_steps + 1 + batch))
    ends = move(numbers, 8 * (2 * batch + n_steps + 2))
    _run_partition((batch, n_steps, 1, 0, steps, scratch, numbers, ends))
    blocks = move(ends, 8)
    last = move(blocks, 4 * batch * (widths[0] + widths[1] + widths[2]))
    begin, end = start, final
    if not is_given(start):
        begin, end = nothing(), last
    outputs = nothing() if only_last else y
    for direction in range(n_directions):
        packed = forward if direction == 0 else backward
        _run_layer(
            (
                cell, direction, batch, n_steps, n_features, hidden, batch, columns,
                direction * hidden, 0, x, nothing(), nothing(), numbers, begin, packed,
                blocks, outputs, end,
            )
        )  # fmt: skip
        if only_last:
            found = floats_at(end, (batch, states))
            vectors = floats_at(y, (batch, columns))
            for i in range(batch):
                _recurrence.copy(found[i], vectors[i, direction * hidden :], hidden)
    return 4 * (batch * states + batch * states % 2)


@njit(**JIT)
def _pool(sizes, n_steps, lengths, x, scratch, y):
    size, batch = sizes[1], len(lengths)
    states = floats_at(x, (batch, n_steps, size))
    pooled = floats_at(y, (batch, (sizes[2] + sizes[3]) * size))
    if sizes[2] != 0:
        _rows.mean_over_time(states, lengths, doubles_at(scratch, (size,)), pooled)
    if sizes[3] != 0:
        _rows.max_over_time(states, lengths, sizes[2] * size, pooled)


@njit(**JIT)
def _count_doubles(sizes, batch):
    """Return how many doubles a pooling of all rows needs."""
    return -(-batch * (sizes[2] + sizes[3]) * sizes[1] // 2)


@njit(**JIT)
def _append(sizes, batch, x, aside, y):
    size, n_aside = sizes[1], sizes[2]
    vectors, others = floats_at(x, (batch, size)), floats_at(aside, (batch, n_aside))
    both = floats_at(y, (batch, size + n_aside))
    for i in range(batch):
        _recurrence.copy(vectors[i], both[i], size)
        _recurrence.copy(others[i], both[i, size:], n_aside)


@sum_over_units
def _score_steps(hidden, score):
    return tanh(hidden[0]) * score[0]


@njit(**JIT)
def _attend(sizes, weight, bias, score, n_steps, lengths, x, scratch, y):
    """Set y to the means of the steps of each row, by their scores.

    A score is the product of `score` and tanh(weight @ step + bias).
    """
    size, wide, batch = sizes[1], sizes[2], len(lengths)
    total = doubles_at(scratch, (size,))
    sums = move(scratch, 8 * size)
    hidden = move(sums, 4 * BLOCK * wide)
    scores = floats_at(move(hidden, 4 * BLOCK * wide), (n_steps,))
    states, pooled = floats_at(x, (batch, n_steps, size)), floats_at(y, (batch, size))
    for i in range(batch):
        for begin in range(0, lengths[i], BLOCK):
            n = min(BLOCK, lengths[i] - begin)
            steps = move(x, 4 * (i * n_steps + begin) * size)
            _run_many(
                (1, n * size, n, wide, size, size, steps, weight, bias, sums, hidden)
            )
            places = (floats_at(hidden, (n, wide)), 0, 0), (floats_at(score, (wide,)),)
            _score_steps(n, wide, places, scores, begin)
        _rows.average(states[i], scores, lengths[i], total, pooled[i])


@njit(**JIT)
def _count_step(batch, start, final):
    before, now = integers_at(start, (batch,)), integers_at(final, (batch,))
    for i in range(batch):
        now[i] = before[i] + 1


@njit(**JIT)
def _pool_so_far(sizes, batch, counts, x, start, final, y):
    """Pool the state of a step with those before: with their sum, and the highest."""
    size = sizes[1]
    states = floats_at(x, (batch, size))
    pooled = floats_at(y, (batch, (sizes[2] + sizes[3]) * size))
    n_steps = integers_at(counts, (batch,))
    sums = doubles_at(start, (sizes[2] * batch, size))
    new_sums = doubles_at(final, (sizes[2] * batch, size))
    place = 8 * sizes[2] * batch * size
    highest = floats_at(move(start, place), (sizes[3] * batch, size))
    new_highest = floats_at(move(final, place), (sizes[3] * batch, size))
    for i in range(len(sums)):
        for j in range(size):
            new_sums[i, j] = sums[i, j] + states[i, j]
            pooled[i, j] = new_sums[i, j] / n_steps[i]
    for i in range(len(highest)):
        for j in range(size):
            value = states[i, j]
            # a NaN stays
            if value > highest[i, j] or value != value:
                new_highest[i, j] = value
            else:
                new_highest[i, j] = highest[i, j]
            pooled[i, sizes[2] * size + j] = new_highest[i, j]


@njit(**JIT)
def _flatten(sizes, n_steps, lengths, x, y):
    """Return how many steps there are."""
    size, batch, n = sizes[1], len(lengths), 0
    for i in range(batch):
        n += lengths[i]
    _steps.flatten(
        floats_at(x, (batch, n_steps, size)), lengths, floats_at(y, (n, size))
    )
    return n


@njit(**JIT)
def _convolve_randomly(sizes, table, numbers, batch, n_steps, steps, x, scratch, y):
    """Set y to its weighted mean with a branch; see `_random_convolutions.py`.

    If there are numbers of the last steps, they come first, and outputs have limits.
    """
    n_channels, n_features, n_out, n_last = sizes[1], sizes[2], sizes[3], sizes[6]
    n_random = n_features - n_last
    n_kernels = n_random // 2
    layer = sizes[1:]  # of n_features inputs and n_out outputs
    n_numbers = batch * n_features
    added = move(scratch, 4 * (n_numbers + n_numbers % 2))  # doubles will follow
    sums = move(added, 4 * batch * round_up(n_out))
    memory = move(sums, 4 * batch * round_up(n_out))
    moments = move(numbers, 12 * n_kernels)
    last = move(moments, 8 * n_random + 16)
    limits = move(last, 12 * n_last)
    bias = move(limits, 8 * n_out if n_last else 0)
    features = floats_at(scratch, (batch, n_features))
    if n_last != 0:
        _last_steps.take(
            floats_at(x, (batch, n_steps, n_channels)),
            integers_at(steps, (batch,)),
            floats_at(last, (3, n_last)),
            doubles_at(memory, (n_channels,)),
            features,
        )
    for i in range(batch):
        outputs = features[i, n_last:]
        _run_random_convolutions(
            (
                1, n_steps, n_channels, n_kernels, sizes[4], sizes[5], 0, 1,
                move(x, 4 * i * n_steps * n_channels), move(steps, 8 * i), table,
                numbers, memory, move(scratch, 4 * (i * n_features + n_last)),
            )
        )  # fmt: skip
        _random_convolutions.standardize(
            outputs, floats_at(moments, (2 * n_random + 2,))
        )
    _multiply(layer, move(bias, 4 * n_out), bias, batch, scratch, sums, added)
    found, own = floats_at(y, (batch, n_out)), floats_at(added, (batch, n_out))
    if n_last != 0:
        _last_steps.keep_within(floats_at(limits, (2, n_out)), own)
    _mix(floats_at(move(moments, 8 * n_random + 8), (2,)), found, own)


@njit(**JIT)
def _add_ngrams(
    sizes, known, table, numbers, n_steps, values, offsets, rows, scratch, y
):
    """Set y to its weighted mean with the outputs of n-grams."""
    n_tokens, longest, n_out, n_known = sizes[1], sizes[2], sizes[3], sizes[4]
    n_bytes, batch = 8 * (n_steps + 2), len(rows)
    keys = move(scratch, n_bytes)
    places = move(keys, n_bytes)
    sums = move(places, n_bytes)
    added = move(sums, 4 * (1 + n_out))
    found, own = floats_at(y, (batch, n_out)), floats_at(added, (batch, n_out))
    for i in range(batch):
        begin, end = offsets[rows[i]], offsets[rows[i] + 1]
        shape, n_sums = (end - begin + 2,), (1 + n_out,)
        _ngrams.sum_rows(
            integers_at(move(values, 8 * begin), (end - begin,)),
            n_tokens,
            longest,
            integers_at(known, (n_known,)),
            floats_at(table, (n_known, 1 + n_out)),
            integers_at(scratch, shape),
            integers_at(keys, shape),
            integers_at(places, shape),
            floats_at(sums, n_sums),
        )
        bias = floats_at(move(numbers, 8), (n_out,))
        _ngrams.scale_sums(floats_at(sums, n_sums), bias, own[i])
    _mix(floats_at(numbers, (2,)), found, own)


@njit(**_ROUNDED)
def _mix(shares, found, own):
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            found[i, j] = shares[0] * found[i, j] + shares[1] * own[i, j]


@njit(**JIT)
def _multiply(sizes, weight, bias, n, x, scratch, y):
    """Apply a linear layer; few columns are not packed, see `_kernels/_rows.py`."""
    n_in, n_out = sizes[1], sizes[2]
    if n_out < WIDTH:
        _run_few((n, n_in, n_out, x, weight, bias, y))
    else:
        _run_many((1, n * n_in, n, n_out, n_in, n_in, x, weight, bias, scratch, y))


# Streams and weights ------------------------------------------------------------------


@njit(**JIT)
def read_step(step, x):
    """Set x to a step, given in doubles; return whether all numbers are finite."""
    is_finite = True
    for j in range(len(step)):
        x[j] = f4(step[j])
        is_finite = is_finite and x[j] - x[j] == f4(0)
    return is_finite


@njit(**JIT)
def are_finite(numbers):
    """Whether all of them are."""
    is_finite = True
    for j in range(len(numbers)):
        is_finite = is_finite and numbers[j] - numbers[j] == f4(0)
    return is_finite


@njit(**JIT)
def write_outputs(found, out, doubles):
    """Copy outputs, in both types."""
    for j in range(len(found)):
        out[j] = found[j]
        doubles[j] = found[j]


@njit(**JIT)
def differ(weights, copies, sizes):
    """Whether a bit has changed since it was copied.

    Both point to pointers; `sizes` are how many words of 32 bits are there.
    """
    changed = 0
    for i in range(len(sizes)):
        n_pairs, n_left = sizes[i] // 2, sizes[i] % 2
        now, before = pointer_in(weights, i), pointer_in(copies, i)
        pairs, old_pairs = integers_at(now, (n_pairs,)), integers_at(before, (n_pairs,))
        for j in range(n_pairs):
            changed |= pairs[j] ^ old_pairs[j]
        last = words_at(move(now, 8 * n_pairs), (n_left,))
        old_last = words_at(move(before, 8 * n_pairs), (n_left,))
        for j in range(n_left):
            changed |= last[j] ^ old_last[j]
    return changed != 0
