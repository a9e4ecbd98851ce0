"""Entry points of the group "vocabulary", see `_entries.py`."""

from sklearn_rnn._kernels._numba import (
    _rows,
    _vocabulary,
)
from sklearn_rnn._kernels._numba._memory import (
    doubles_at,
    floats_at,
    integers_at,
)
from sklearn_rnn._kernels._numba._sizes import given


def soften(
    rows, n_words, wide, /, logits, bias, targets, weights, losses, d_bias, smoothing
):
    _vocabulary.soften(
        floats_at(logits, (rows, wide)),
        n_words,
        floats_at(bias, (1, wide)),
        integers_at(targets, (rows,)),
        floats_at(weights, (given(weights, rows),)),
        doubles_at(smoothing, (1,))[0],
        floats_at(losses, (rows,)),
        floats_at(d_bias, (1, wide)),
    )


def find_most_probable(
    rows, n_words, n, forbidden, /, logits, result, log_p, words
):  # fmt: skip
    _vocabulary.find_most_probable(
        floats_at(logits, (rows, n_words)),
        forbidden,
        floats_at(result, (1,)),
        doubles_at(log_p, (rows, n)),
        integers_at(words, (rows, n)),
    )


def attend_to_memory(
    rows, n_queries, n_steps, size, width, /, queries, keys, memory, lengths, products,
    scores, total, out,
):  # fmt: skip
    _rows.attend_to_memory(
        floats_at(queries, (rows, n_queries, size)),
        floats_at(keys, (rows, size, n_steps)),
        floats_at(memory, (rows, n_steps, width)),
        integers_at(lengths, (rows,)),
        doubles_at(products, (n_steps,)),
        floats_at(scores, (n_steps,)),
        doubles_at(total, (width,)),
        floats_at(out, (rows, n_queries, width)),
    )


ENTRIES = soften, find_most_probable, attend_to_memory
