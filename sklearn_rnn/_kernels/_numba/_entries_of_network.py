"""Entry points of the group "network", see `_entries.py`."""

from sklearn_rnn._kernels._constants import BLOCK, WIDTH
from sklearn_rnn._kernels._numba import (
    _adam,
    _batches,
    _calls,
    _convolution,
    _linear,
    _losses,
    _random_convolutions,
    _recurrence,
    _rows,
    _steps,
)
from sklearn_rnn._kernels._numba._memory import (
    doubles_at,
    floats_at,
    integers_at,
    move,
    read_clock,
    read_flag,
)
from sklearn_rnn._kernels._numba._recurrence import count_gates
from sklearn_rnn._kernels._numba._shapes import (
    count_states,
    rows_of_weights,
    shape_of_packed,
    widths_of_blocks,
)
from sklearn_rnn._kernels._numba._sizes import given, round_up

# Batches ------------------------------------------------------------------------------


def gather(n_values, n_features, n_rows, n_steps, /, values, offsets, rows, x):
    _batches.gather(
        floats_at(values, (n_values,)),
        n_features,
        integers_at(offsets, (0,)),  # nobody says how many there are
        integers_at(rows, (n_rows,)),
        floats_at(x, (n_rows, n_steps * n_features)),
    )


def standardize(n, n_features, /, x, mean, scale, repeated, result):
    _batches.standardize(
        floats_at(x, (n,)),
        floats_at(mean, (n_features,)),
        floats_at(scale, (n_features,)),
        floats_at(repeated, (2, n_features * WIDTH)),
        floats_at(result, (n,)),
    )


def partition_rows(n_rows, n_steps, n_parts, keep, /, lengths, memory, numbers, ends):
    n_numbers = 2 * -(-n_rows // n_parts) + n_steps + 2
    _batches.partition_rows(
        integers_at(lengths, (n_rows,)),
        keep != 0,
        integers_at(memory, (n_steps + 1,)),
        integers_at(move(memory, 8 * (n_steps + 1)), (n_rows,)),
        integers_at(numbers, (n_parts, n_numbers)),
        integers_at(ends, (n_parts,)),
    )


# One layer in one direction ---------------------------------------------------------


def pack(cell, n_features, hidden, /, w_ih, w_hh, b_ih, b_hh, packed):
    n = rows_of_weights(cell, hidden)
    _recurrence.pack(
        cell,
        floats_at(w_ih, (n, n_features)),
        floats_at(w_hh, (n, hidden)),
        floats_at(b_ih, (n,)),
        floats_at(b_hh, (n,)),
        floats_at(packed, shape_of_packed(cell, n_features, hidden)),
    )


def pack_transposed(cell, n_features, hidden, of_x, /, weights, packed):
    n_inputs = n_features if of_x != 0 else hidden
    n = count_gates(cell)[0] * round_up(hidden)
    _recurrence.pack_transposed(
        floats_at(weights, shape_of_packed(cell, n_features, hidden)),
        0 if of_x != 0 else n_features + 1,
        n_inputs,
        floats_at(packed, (round_up(n_inputs) // WIDTH, n * WIDTH)),
    )


def unpack_gradients(
    cell, n_features, hidden, n_parts, /, packed, dw_ih, dw_hh, db_ih, db_hh
):
    n = rows_of_weights(cell, hidden)
    columns = count_gates(cell)[0] * round_up(hidden)
    _recurrence.unpack_gradients(
        cell,
        floats_at(packed, (n_parts, n_features + 1 + hidden, columns)),
        floats_at(dw_ih, (n, n_features)),
        floats_at(dw_hh, (n, hidden)),
        floats_at(db_ih, (n,)),
        floats_at(db_hh, (n,)),
    )


def forward(
    cell, reverse, batch, n_steps, n_features, hidden, n_rows, columns, column,
    n_words, /, x, tokens, products, rows, start, weights, memory, out, final,
):  # fmt: skip
    states = count_states(cell) * hidden
    lengths = integers_at(move(rows, 8 * n_rows), (n_rows,))
    longest = lengths[0]
    begins = integers_at(move(rows, 16 * n_rows), (longest + 2,))
    n = max(n_rows, begins[longest + 1])
    widths = widths_of_blocks(cell, n_features, hidden)
    cells = move(memory, 4 * n * widths[0])
    inputs = move(cells, 4 * n * widths[1])
    _recurrence.forward(
        cell,
        floats_at(x, (given(x, batch), n_steps, n_features)),
        integers_at(tokens, (given(tokens, batch), n_steps)),
        floats_at(products, (n_words, widths[0])),
        integers_at(rows, (n_rows,)),
        lengths,
        begins,
        reverse != 0,
        floats_at(start, (given(start, batch), states)),
        floats_at(weights, shape_of_packed(cell, n_features, hidden)),
        floats_at(inputs, (n, widths[2])),
        floats_at(memory, (n, widths[0])),
        floats_at(cells, (n, widths[1])),
        floats_at(out, (given(out, batch), n_steps, columns)),
        column,
        floats_at(final, (batch, states)),
    )


def backward(
    cell, reverse, batch, n_steps, n_features, hidden, n_rows, columns, column,
    n_words, /, tokens, rows, w_x, w_h, memory, memory_of_step, d_out, d_final,
    d_x, d_products, d_start, gradients,
):  # fmt: skip
    states = count_states(cell) * hidden
    size = round_up(hidden)
    wide_x = given(w_x, round_up(n_features))
    lengths = integers_at(move(rows, 8 * n_rows), (n_rows,))
    longest = lengths[0]
    begins = integers_at(move(rows, 16 * n_rows), (longest + 2,))
    n = begins[longest + 1]
    widths = widths_of_blocks(cell, n_features, hidden)
    cells = move(memory, 4 * n * widths[0])
    inputs = move(cells, 4 * n * widths[1])
    dc = move(memory_of_step, 4 * n_rows * size)
    dx = move(dc, 4 * n_rows * widths[1])
    _recurrence.backward(
        cell,
        n_features,
        integers_at(tokens, (given(tokens, batch), n_steps)),
        integers_at(rows, (n_rows,)),
        lengths,
        begins,
        reverse != 0,
        floats_at(w_x, (wide_x // WIDTH, widths[0] * WIDTH)),
        floats_at(w_h, (size // WIDTH, widths[0] * WIDTH)),
        floats_at(inputs, (n, widths[2])),
        floats_at(memory, (n, widths[0])),
        floats_at(cells, (n, widths[1])),
        floats_at(memory_of_step, (n_rows, size)),
        floats_at(dc, (n_rows, widths[1])),
        floats_at(dx, (n_rows + _recurrence.CHUNK, wide_x)),
        floats_at(d_out, (given(d_out, batch), n_steps, columns)),
        column,
        floats_at(d_final, (given(d_final, batch), states)),
        floats_at(d_x, (given(d_x, batch), n_steps, n_features)),
        floats_at(d_products, (n_words, widths[0])),
        floats_at(d_start, (given(d_start, batch), states)),
        floats_at(gradients, (n_features + 1 + hidden, widths[0])),
    )


# Rows ---------------------------------------------------------------------------------


def pack_rows(n_out, channels, kernel_size, /, weight, packed):
    n_panels = round_up(n_out) // WIDTH
    _rows.pack(
        floats_at(weight, (n_out, channels * kernel_size)),
        kernel_size,
        floats_at(packed, (n_panels, kernel_size * channels * WIDTH)),
    )


def convolve(
    batch, n_numbers, n_steps, n_out, n_inputs, shift, /, x, packed, bias, sums, out
):
    wide = round_up(n_out)
    _rows.convolve(
        floats_at(x, (batch, n_numbers)),
        floats_at(packed, (wide // WIDTH, n_inputs * WIDTH)),
        floats_at(bias, (n_out,)),
        shift,
        floats_at(sums, (n_steps, wide)),
        floats_at(out, (batch, n_steps, n_out)),
    )


def multiply(n, n_in, n_out, /, x, weight, bias, out):
    _linear.multiply(
        floats_at(x, (n, n_in)),
        floats_at(weight, (n_out, n_in)),
        floats_at(bias, (n_out,)),
        floats_at(out, (n, n_out)),
    )


# Convolution, normalisation and ReLU --------------------------------------------------


def pack_convolution(
    n_out, channels, kernel_size, /, weight, bias, scale, shift, eps, memory, packed,
    parameters,
):  # fmt: skip
    n_inputs, wide = channels * kernel_size, round_up(n_out)
    _convolution.pack(
        floats_at(weight, (n_out, n_inputs)),
        channels,
        floats_at(bias, (n_out,)),
        floats_at(scale, (given(scale, n_out),)),
        floats_at(shift, (given(shift, n_out),)),
        doubles_at(eps, (1,))[0],
        floats_at(move(memory, 4 * n_inputs * WIDTH), (n_inputs,)),
        floats_at(memory, (n_inputs, WIDTH)),
        floats_at(packed, (wide // WIDTH, n_inputs * WIDTH)),
        floats_at(parameters, (4, wide)),
    )


def pack_convolution_transposed(n_out, channels, kernel_size, /, weight, packed):
    n_panels, n_of_x = round_up(n_out) // WIDTH, round_up(channels) // WIDTH
    _convolution.pack_transposed(
        floats_at(weight, (n_panels, kernel_size * channels * WIDTH)),
        channels,
        n_out,
        floats_at(packed, (kernel_size, n_of_x, n_out * WIDTH)),
    )


def unpack_convolution(
    n_out, channels, kernel_size, n_parts, /, gradients, memory, d_weight, d_bias,
    d_scale, d_shift,
):  # fmt: skip
    n_inputs, n_scales = channels * kernel_size, given(d_scale, n_out)
    _convolution.unpack(
        floats_at(gradients, (n_parts, n_inputs + 3, round_up(n_out))),
        channels,
        n_scales > 0,
        floats_at(move(memory, 4 * n_inputs * WIDTH), (n_inputs + 1,)),
        floats_at(memory, (n_inputs, WIDTH)),
        floats_at(d_weight, (n_out, n_inputs)),
        floats_at(d_bias, (n_out,)),
        floats_at(d_scale, (n_scales,)),
        floats_at(d_shift, (n_scales,)),
    )


def convolution_forward(
    batch, n_steps, new_steps, channels, n_out, kernel_size, stride, normalized,
    first, by, n_outputs, n_padded, keep, /, x, lengths, packed, parameters, places,
    memory, y, new_lengths, out,
):  # fmt: skip
    wide, n = round_up(n_out), n_outputs if keep != 0 else _convolution.CHUNK
    normal = move(memory, 4 * n_padded * channels)
    _convolution.forward(
        floats_at(x, (batch, n_steps, channels)),
        integers_at(lengths, (batch,)),
        first,
        by,
        kernel_size,
        stride,
        normalized != 0,
        floats_at(packed, (wide // WIDTH, channels * kernel_size * WIDTH)),
        floats_at(parameters, (4, wide)),
        keep != 0,
        integers_at(places, (n_outputs,)),
        floats_at(memory, (n_padded, channels)),
        floats_at(normal, (n, wide)),
        floats_at(move(normal, 4 * n * wide), (n,)),
        floats_at(y, (_convolution.CHUNK, wide)),
        integers_at(new_lengths, (batch,)),
        floats_at(out, (batch, new_steps, n_out)),
    )


def convolution_backward(
    batch, n_steps, new_steps, channels, n_out, kernel_size, stride, normalized,
    first, by, n_outputs, n_padded, /, lengths, packed, parameters, places, memory,
    memory_of_chunk, d_out, d_x, gradients,
):  # fmt: skip
    wide, n_inputs, chunk = round_up(n_out), channels * kernel_size, _convolution.CHUNK
    wide_x = given(packed, round_up(channels))
    normal = move(memory, 4 * n_padded * channels)
    correlation = move(memory_of_chunk, 4 * chunk * wide)
    _convolution.backward(
        integers_at(lengths, (batch,)),
        first,
        by,
        kernel_size,
        stride,
        normalized != 0,
        floats_at(packed, (kernel_size, wide_x // WIDTH, n_out * WIDTH)),
        floats_at(parameters, (4, wide)),
        integers_at(places, (n_outputs,)),
        floats_at(memory, (n_padded, channels)),
        floats_at(normal, (n_outputs, wide)),
        floats_at(move(normal, 4 * n_outputs * wide), (n_outputs,)),
        floats_at(memory_of_chunk, (chunk, wide)),
        floats_at(correlation, (chunk,)),
        floats_at(move(correlation, 4 * chunk), (n_padded, wide_x)),
        floats_at(d_out, (batch, new_steps, n_out)),
        floats_at(d_x, (given(d_x, batch), n_steps, channels)),
        floats_at(gradients, (n_inputs, wide)),
        floats_at(move(gradients, 4 * n_inputs * wide), (3, wide)),
    )


# Random convolutions ------------------------------------------------------------------


def convolve_randomly(
    batch, n_steps, n_channels, n_kernels, n_listed, margin, first, by, /, x, lengths,
    table, numbers, memory, means,
):  # fmt: skip
    steps = integers_at(lengths, (batch,))
    for i in range(first, batch, by):
        _random_convolutions.pool_at(
            (n_channels, n_kernels, n_listed, margin),
            table,
            numbers,
            steps[i],
            move(x, 4 * i * n_steps * n_channels),
            memory,
            floats_at(move(means, 8 * i * n_kernels), (2 * n_kernels,)),
        )


# Training -----------------------------------------------------------------------------


def compute_loss(
    loss, n, n_all, n_outputs, n_targets, /, output, target, sample_weight, memory,
    d_output, quantile_and_result,
):  # fmt: skip
    numbers = doubles_at(quantile_and_result, (2,))
    numbers[1] = _losses.compute_loss(
        loss,
        numbers[0],
        n_all,
        floats_at(output, (n, n_outputs)),
        integers_at(target, (n,)),
        floats_at(target, (n, n_targets)),
        floats_at(sample_weight, (given(sample_weight, n),)),
        floats_at(memory, (BLOCK,)),
        floats_at(move(memory, 4 * BLOCK), (BLOCK, round_up(n_outputs))),
        floats_at(d_output, (n, n_outputs)),
    )


def linear_backward(n, n_in, n_out, /, x, weight, d_out, memory, d_x, gradients):
    wide = round_up(n_in + 1)
    inputs = move(memory, 4 * n_out * wide)
    d_inputs = move(inputs, 4 * BLOCK * wide)
    _linear.backward(
        floats_at(x, (n, n_in)),
        floats_at(weight, (n_out, n_in)),
        floats_at(d_out, (n, n_out)),
        floats_at(memory, (n_out, wide)),
        floats_at(inputs, (BLOCK, wide)),
        floats_at(d_inputs, (BLOCK, wide)),
        floats_at(d_x, (given(d_x, n), n_in)),
        floats_at(gradients, (n_out, wide)),
    )


def unpack_linear(n_parts, n_in, n_out, /, parts, d_weight, d_bias):
    _linear.unpack_gradients(
        floats_at(parts, (n_parts, n_out, round_up(n_in + 1))),
        floats_at(d_weight, (n_out, n_in)),
        floats_at(d_bias, (given(d_bias, n_out),)),
    )


# Steps --------------------------------------------------------------------------------


def mean_over_time(batch, n_steps, size, /, x, lengths, total, out):
    _rows.mean_over_time(
        floats_at(x, (batch, n_steps, size)),
        integers_at(lengths, (batch,)),
        doubles_at(total, (size,)),
        floats_at(out, (batch, size)),
    )


def pool(batch, n_steps, size, with_mean, with_max, /, x, lengths, out):
    _steps.pool(
        floats_at(x, (batch, n_steps, size)),
        integers_at(lengths, (batch,)),
        with_mean != 0,
        with_max != 0,
        floats_at(out, (batch, (with_mean + with_max) * size)),
    )


def pool_backward(
    batch, n_steps, size, with_mean, with_max, /, x, lengths, out, d_out, shares, d_x
):
    wide = (with_mean + with_max) * size
    _steps.pool_backward(
        floats_at(x, (batch, n_steps, size)),
        integers_at(lengths, (batch,)),
        with_mean != 0,
        with_max != 0,
        floats_at(out, (batch, wide)),
        floats_at(d_out, (batch, wide)),
        floats_at(shares, (2, size)),
        floats_at(d_x, (batch, n_steps, size)),
    )


# Optimizers ---------------------------------------------------------------------------


def clip(n, /, gradients, sizes, limit_and_norm):
    numbers = doubles_at(limit_and_norm, (2,))
    numbers[1] = _adam.clip(gradients, integers_at(sizes, (n,)), numbers[0])


def adam(
    n, decoupled, /, weights, gradients, first_moments, second_moments, steps, sizes,
    settings,
):  # fmt: skip
    numbers = doubles_at(settings, (5,))
    _adam.update(
        weights,
        gradients,
        first_moments,
        second_moments,
        steps,
        integers_at(sizes, (n,)),
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        decoupled != 0,
    )


# Threads ------------------------------------------------------------------------------


def repeat(n_groups, place, n_helpers, /, program, mailboxes):
    _calls.repeat(n_groups, place, n_helpers, program, mailboxes)


def serve(n_ticks, /, flag, mailbox):
    _calls.serve(n_ticks, flag, mailbox)


def spin(n_ticks, /, flag):
    """Wait until the flag is set, but for so many ticks of the clock at most."""
    begin = read_clock()
    while read_flag(flag) == 0 and read_clock() - begin < n_ticks:
        pass


ENTRIES = (
    gather, standardize, partition_rows,
    pack, pack_transposed, unpack_gradients, forward, backward,
    pack_convolution, pack_convolution_transposed, unpack_convolution,
    convolution_forward, convolution_backward,
    pack_rows, convolve, multiply, convolve_randomly,
    compute_loss, linear_backward, unpack_linear,
    mean_over_time, pool, pool_backward,
    clip, adam, repeat, serve, spin,
)  # fmt: skip
