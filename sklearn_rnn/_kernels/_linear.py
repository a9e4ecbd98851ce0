"""Gradients of a linear layer. Its outputs: `sklearn_rnn._kernels._rows.multiply`."""

from itertools import pairwise

from torch import Tensor

from sklearn_rnn._kernels._constants import BLOCK, WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read
from sklearn_rnn._kernels._threads import count_parts, get_buffers, run_in_threads


def backward(
    x: Tensor, weight: Tensor, d_out: Tensor, *, with_bias: bool = True
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the gradients of ``x @ weight.T + bias``.

    Parameters
    ----------
    x : Tensor of shape (rows, n_in)
    weight : Tensor of shape (n_out, n_in)
    d_out : Tensor of shape (rows, n_out)
    with_bias : bool, default=True

    Returns
    -------
    d_x, d_weight : Tensor
    d_bias : Tensor of shape (n_out,), or None
    """
    tensors = {"x": x, "weight": weight, "d_out": d_out}
    x, weight, d_out = read("linear", {}, tensors)
    n_out, n_in = weight.shape
    n, wide = len(x), -(-(n_in + 1) // WIDTH) * WIDTH
    work = 2 * n * n_in * n_out
    n_parts = count_parts(n, work, is_repeated=True)
    buffers, n_memory = get_buffers(True), (n_out + 2 * BLOCK) * wide
    memory = buffers.take(n_parts * n_memory)
    sums = buffers.take(n_parts * n_out * wide)
    d_x, d_weight = empty(n, n_in), empty(n_out, n_in)
    d_bias = empty(n_out) if with_bias else None
    bounds = [n * k // n_parts for k in range(n_parts + 1)]
    jobs = [
        (b - a, n_in, n_out,
         x.data_ptr() + 4 * a * n_in, weight.data_ptr(),
         d_out.data_ptr() + 4 * a * n_out, memory.data_ptr() + 4 * k * n_memory,
         d_x.data_ptr() + 4 * a * n_in, sums.data_ptr() + 4 * k * n_out * wide)
        for k, (a, b) in enumerate(pairwise(bounds))
    ]  # fmt: skip
    kept = x, weight, d_out, memory, sums, d_x
    run_in_threads(get_library().linear_backward, jobs, kept, work=work / n_parts)
    get_library().unpack_linear(
        n_parts, n_in, n_out, sums.data_ptr(), d_weight.data_ptr(),
        0 if d_bias is None else d_bias.data_ptr(),
    )  # fmt: skip
    buffers.give_back(memory)
    buffers.give_back(sums)
    return d_x, d_weight, d_bias
