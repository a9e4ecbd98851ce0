"""Entry points of the group "steps", see `_entries.py`.

What default networks are trained without: steps end to end, attention, tokens.
"""

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._numba import _linear, _recurrence, _rows, _steps
from sklearn_rnn._kernels._numba._math import f4
from sklearn_rnn._kernels._numba._memory import doubles_at, floats_at, integers_at
from sklearn_rnn._kernels._numba._recurrence import count_gates
from sklearn_rnn._kernels._numba._shapes import shape_of_packed
from sklearn_rnn._kernels._numba._sizes import round_up

# Rows ---------------------------------------------------------------------------------


def attend(batch, n_steps, size, /, x, scores, lengths, total, out):
    _rows.attend(
        floats_at(x, (batch, n_steps, size)),
        floats_at(scores, (batch, n_steps)),
        integers_at(lengths, (batch,)),
        doubles_at(total, (size,)),
        floats_at(out, (batch, size)),
    )


# Steps end to end ---------------------------------------------------------------------


def flatten(batch, n_steps, size, n, /, x, lengths, flat):
    _steps.flatten(
        floats_at(x, (batch, n_steps, size)),
        integers_at(lengths, (batch,)),
        floats_at(flat, (n, size)),
    )


def unflatten(batch, n_steps, size, n, /, flat, lengths, x):
    _steps.unflatten(
        floats_at(flat, (n, size)),
        integers_at(lengths, (batch,)),
        floats_at(x, (batch, n_steps, size)),
    )


def add_to_rows(n, n_rows, size, /, numbers, values, table):
    _steps.add_to_rows(
        integers_at(numbers, (n,)),
        floats_at(values, (n, size)),
        floats_at(table, (n_rows, size)),
    )


def attend_forward(batch, n, size, /, x, scores, lengths, weights, out):
    _steps.attend_forward(
        floats_at(x, (n, size)),
        floats_at(scores, (n,)),
        integers_at(lengths, (batch,)),
        floats_at(weights, (n,)),
        floats_at(out, (batch, size)),
    )


def attend_backward(
    batch, n, size, /, x, hidden, score, lengths, weights, out, d_out, d_score, d_x
):
    _steps.attend_backward(
        floats_at(x, (n, size)),
        floats_at(hidden, (n, size)),
        floats_at(score, (size,)),
        integers_at(lengths, (batch,)),
        floats_at(weights, (n,)),
        floats_at(out, (batch, size)),
        floats_at(d_out, (batch, size)),
        floats_at(d_score, (size,)),
        floats_at(d_x, (n, size)),
    )


# Tokens -------------------------------------------------------------------------------


def multiply_words(
    cell, n_words, n_features, hidden, /, table, weights, ones, products
):
    size, rows = round_up(hidden), floats_at(ones, (n_words, n_features + 1))
    _linear.widen(floats_at(table, (n_words, n_features)), 0, n_words, rows, f4(1))
    _recurrence.add_x(
        cell,
        size,
        n_features,
        floats_at(weights, shape_of_packed(cell, n_features, hidden)),
        rows,
        0,
        n_words,
        floats_at(products, (n_words, count_gates(cell)[0] * size)),
    )


def sum_words(
    cell, n_words, n_features, hidden, n_parts, /, ones, w_x, d_products, gradients,
    d_table,
):  # fmt: skip
    columns, wide = count_gates(cell)[0] * round_up(hidden), round_up(n_features)
    _recurrence.sum_tokens(
        cell,
        floats_at(ones, (n_words, n_features + 1)),
        floats_at(w_x, (wide // WIDTH, columns * WIDTH)),
        floats_at(d_products, (n_parts, n_words, columns)),
        floats_at(gradients, (n_features + 1 + hidden, columns)),
        floats_at(d_table, (n_words, wide)),
    )


ENTRIES = (
    attend, flatten, unflatten, add_to_rows, attend_forward, attend_backward,
    multiply_words, sum_words,
)  # fmt: skip
