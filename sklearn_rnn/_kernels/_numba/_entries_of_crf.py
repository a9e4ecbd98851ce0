"""Entry points of the group "crf", see `_entries.py`."""

from sklearn_rnn._kernels._numba import (
    _crf,
)
from sklearn_rnn._kernels._numba._memory import (
    bytes_at,
    doubles_at,
    floats_at,
    integers_at,
    move,
    nothing,
)
from sklearn_rnn._kernels._numba._sizes import given


def crf_prepare(
    batch, n_steps, n_classes, /, lengths, transitions, start, end, allowed,
    allowed_start, allowed_end, order, potentials,
):  # fmt: skip
    rows = integers_at(order, (batch,))
    counts = integers_at(move(order, 8 * batch), (n_steps + 1,))
    _crf.sort_rows(integers_at(lengths, (batch,)), counts, rows)
    logs = doubles_at(potentials, (n_classes + 2, n_classes))
    for scores, mask, n_rows, row in (
        (transitions, allowed, n_classes, 0),
        (start, allowed_start, 1, n_classes),
        (end, allowed_end, 1, n_classes + 1),
    ):
        _crf.set_logarithms(
            floats_at(scores, (n_rows, n_classes)),
            bytes_at(mask, (given(mask, n_rows), n_classes)),
            row,
            logs,
        )


def crf_sum_groups(
    n_groups, n_classes, /, counts, weight, d_transitions, d_start, d_end
):
    groups = doubles_at(counts, (n_groups, n_classes + 2, n_classes))
    factor = doubles_at(weight, (1,))[0]
    for gradient, n_rows, row in (
        (d_transitions, n_classes, 0),
        (d_start, 1, n_classes),
        (d_end, 1, n_classes + 1),
    ):
        result = floats_at(gradient, (n_rows, n_classes))
        _crf.sum_groups(groups, factor, row, result)


def crf_sum_paths(
    batch, n_steps, n_classes, part, n_parts, /, order, emissions, targets, lengths,
    weights, potentials, memory, log_z, d_emissions, probabilities, counts,
):  # fmt: skip
    group = _crf.GROUP
    n_all = -(-batch // group)
    wide = -(-n_classes // _crf.LANES) * _crf.LANES
    steps, squares = group * n_steps * wide, n_classes * wide
    factors = move(memory, 8 * 4 * steps)
    transposed = move(factors, 8 * (squares + 2 * wide))
    pairs = move(transposed, 8 * squares)
    beta = move(pairs, 8 * squares)
    sums = move(beta, 8 * group * wide)
    numbers = move(sums, 8 * group * (n_steps + 1))
    _crf.sum_paths(
        _crf.Sequences(
            floats_at(emissions, (batch, n_steps, n_classes)),
            integers_at(targets, (given(targets, batch), n_steps)),
            integers_at(lengths, (batch,)),
        ),
        _crf.Part(integers_at(order, (batch,)), part, n_parts),
        doubles_at(weights, (given(weights, batch),)),
        _crf.make_potentials(
            doubles_at(potentials, (n_classes + 2, n_classes)),
            doubles_at(factors, (n_classes + 2, wide)),
            doubles_at(transposed, (n_classes, wide)),
            doubles_at(move(numbers, 8 * 2 * group), (3,)),
        ),
        _crf.Forward(
            doubles_at(memory, (group * n_steps, wide)),
            doubles_at(move(memory, 8 * steps), (group * n_steps, wide)),
            doubles_at(sums, (group, n_steps + 1)),
            doubles_at(numbers, (group,)),
            doubles_at(move(numbers, 8 * group), (group,)),
        ),
        _crf.Backward(
            doubles_at(move(memory, 8 * 2 * steps), (group * n_steps, wide)),
            doubles_at(move(memory, 8 * 3 * steps), (group * n_steps, wide)),
            doubles_at(beta, (group, wide)),
            doubles_at(pairs, (n_classes, wide)),
        ),
        doubles_at(log_z, (batch,)),
        floats_at(d_emissions, (given(d_emissions, batch), n_steps, n_classes)),
        doubles_at(probabilities, (given(probabilities, batch), n_steps, n_classes)),
        doubles_at(counts, (given(counts, n_all), n_classes + 2, n_classes)),
    )


def crf_decode(
    batch, n_steps, n_classes, part, n_parts, /, order, emissions, lengths, potentials,
    messages, pointers, scores, paths,
):  # fmt: skip
    _crf.decode(
        _crf.Sequences(
            floats_at(emissions, (batch, n_steps, n_classes)),
            integers_at(nothing(), (0, n_steps)),
            integers_at(lengths, (batch,)),
        ),
        _crf.Part(integers_at(order, (batch,)), part, n_parts),
        doubles_at(potentials, (n_classes + 2, n_classes)),
        doubles_at(messages, (2, n_classes)),
        integers_at(pointers, (n_steps, n_classes)),
        doubles_at(scores, (batch,)),
        integers_at(paths, (batch, n_steps)),
    )


ENTRIES = crf_prepare, crf_sum_paths, crf_sum_groups, crf_decode
