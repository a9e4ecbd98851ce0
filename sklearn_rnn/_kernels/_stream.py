"""One step of some streams: buffers, packed weights and arguments are made once.

The machine code is that of a batch, called for batches of one step: results are equal
to the last bit.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from sklearn_rnn._kernels._autograd import LayerRun, Plan
from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read


class LayerStep:
    """A recurrent layer on one step of all streams, in one thread.

    Parameters
    ----------
    mode : {"rnn_tanh", "rnn_relu", "gru", "lstm", "gru_reset_before"}
        Mode of torch's module, in lower case.
    x : Tensor of shape (n_streams, n_features)
        Memory that a call reads.
    state : Tensor of shape (n_streams, hidden) or (n_streams, 2 * hidden)
        Memory of the state, which a call changes; h and c of an LSTM side by side.
    weights : list of Tensor
        w_ih, w_hh, b_ih and b_hh, copied.

    Attributes
    ----------
    output : Tensor of shape (n_streams, hidden)
        Memory that a call writes.
    run : callable
        Computes the step, without arguments.
    """

    def __init__(self, mode: str, x: Tensor, state: Tensor, weights: Any) -> None:
        n_streams, hidden = len(x), weights[1].shape[1]
        plan = Plan(mode, None, (False,), False, False, hidden)
        run = LayerRun(plan, x.unsqueeze(1), [state, *weights], n_parts=1)
        self.output = empty(n_streams, hidden)
        arguments = run.list_jobs(self.output.unsqueeze(1), [state])[0]
        self._memory = run, x, state
        self.run = _bind(get_library().forward, arguments)


class LinearStep:
    """A linear layer on one step of all streams, as `_rows.multiply` computes it.

    Parameters
    ----------
    x : Tensor of shape (n_streams, n_in)
        Memory that a call reads.
    weight : Tensor of shape (n_out, n_in)
    bias : Tensor of shape (n_out,)

    Attributes
    ----------
    output : Tensor of shape (n_streams, n_out)
        Memory that a call writes.
    run : callable
        Computes the step, without arguments.
    """

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor) -> None:
        weight, bias, x = read(
            "multiply", {}, {"weight": weight.detach(), "bias": bias.detach(), "x": x}
        )
        n, (n_out, n_in) = len(x), weight.shape
        self.output = empty(n, n_out)
        library = get_library()
        self._memory: Any = weight, bias, x
        if n_out < WIDTH:
            addresses = [t.data_ptr() for t in (x, weight, bias, self.output)]
            self.run = _bind(library.multiply, (n, n_in, n_out, *addresses))
            return
        wide = -(-n_out // WIDTH) * WIDTH
        packed, sums = empty(n_in * wide), empty(n, wide)
        library.pack_rows(n_out, n_in, 1, weight.data_ptr(), packed.data_ptr())
        self._memory = bias, x, packed, sums
        addresses = [t.data_ptr() for t in (x, packed, bias, sums, self.output)]
        self.run = _bind(
            library.convolve, (1, n * n_in, n, n_out, n_in, n_in, *addresses)
        )


def _bind(function: Callable[..., Any], numbers: Any) -> Callable[[], Any]:
    # ctypes takes objects of its own twice as fast as int
    return partial(function, *map(ctypes.c_int64, numbers))
