"""Entry points of the group "prediction", see `_entries.py`: whole networks."""

import numpy as np

from sklearn_rnn._kernels._constants import N_SIZES
from sklearn_rnn._kernels._numba import _network, _recurrence
from sklearn_rnn._kernels._numba._memory import (
    doubles_at,
    floats_at,
    integers_at,
    move,
    nothing,
)


def run_network(
    n_links, batch, n_steps, width, /, links, weights, values, offsets, rows, memory,
    out,
):  # fmt: skip
    _network.run(
        batch,
        n_steps,
        width,
        integers_at(links, (n_links, N_SIZES)),
        weights,
        values,
        integers_at(offsets, (0,)),  # nobody says how many there are
        integers_at(rows, (batch,)),
        memory,
        nothing(),
        nothing(),
        out,
    )


def step_network(
    n_links, n_streams, width, n_features, n_out, n_state, /, links, weights, step,
    offsets, memory, state, out, doubles, was_done,
):  # fmt: skip
    shape, out_shape = (n_streams * n_features,), (n_streams * n_out,)
    new_state = memory  # of whole doubles, as all that lies there
    x = move(memory, 4 * n_state)
    result = move(x, 4 * (shape[0] + shape[0] % 2))
    own = move(result, 4 * (out_shape[0] + out_shape[0] % 2))
    done = integers_at(was_done, (1,))
    done[0] = 0
    if _network.read_step(doubles_at(step, shape), floats_at(x, shape)):
        _network.run(
            n_streams,
            np.int64(1),  # numba would compile all once more for a constant
            width,
            integers_at(links, (n_links, N_SIZES)),
            weights,
            x,
            integers_at(offsets, (n_streams + 1,)),
            integers_at(offsets, (n_streams,)),  # all of them, in order
            own,
            state,
            new_state,
            result,
        )
        found = floats_at(result, out_shape)
        if _network.are_finite(found):
            _network.write_outputs(
                found, floats_at(out, out_shape), doubles_at(doubles, out_shape)
            )
            _recurrence.copy(
                floats_at(new_state, (n_state,)), floats_at(state, (n_state,)), n_state
            )
            done[0] = 1


def differ(n, /, weights, copies, sizes, result):
    changed = _network.differ(weights, copies, integers_at(sizes, (n,)))
    integers_at(result, (1,))[0] = 1 if changed else 0


ENTRIES = run_network, step_network, differ
