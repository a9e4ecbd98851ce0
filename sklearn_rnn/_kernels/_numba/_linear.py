"""A linear layer, for some rows: outputs where they are few, and all gradients."""

from numba import njit

from sklearn_rnn._kernels._constants import BLOCK, WIDTH
from sklearn_rnn._kernels._numba._math import JIT, f4
from sklearn_rnn._kernels._numba._product import add_product

# the order of a sum is free here
_SUM = JIT | {"fastmath": {"contract", "reassoc"}}


@njit(**_SUM)
def multiply(x, weight, bias, out):
    """Set out = x @ weight.T + bias."""
    for i in range(len(x)):
        for k in range(len(weight)):
            step, row = x[i], weight[k]
            total = f4(0)
            for j in range(len(row)):
                total += step[j] * row[j]
            out[i, k] = total + bias[k]


@njit(**JIT)
def widen(rows, begin, n, wide, last):
    """Copy rows to wider ones, with `last` behind each and zeros behind it."""
    n_numbers = rows.shape[1]
    for i in range(n):
        source, target = rows[begin + i], wide[i]
        for j in range(n_numbers):
            target[j] = source[j]
        target[n_numbers] = last
        for j in range(n_numbers + 1, len(target)):
            target[j] = f4(0)


@njit(**JIT)
def backward(x, weight, d_out, wide_weight, inputs, d_inputs, d_x, gradients):
    """Set the gradients of the rows, and of the weights with the bias behind them.

    `wide_weight`, `inputs` and `d_inputs` are memory: rows of whole vectors, so many
    that a number more than `x` has fits in. `d_x` is empty if it is not needed.
    """
    n_out, wide = gradients.shape
    n_in = x.shape[1]
    with_x = d_x.shape[0] > 0
    if with_x:
        widen(weight, 0, n_out, wide_weight, f4(0))
    for begin in range(0, len(x), BLOCK):
        n = min(BLOCK, len(x) - begin)
        widen(x, begin, n, inputs, f4(1))  # the 1 meets the bias
        add_product(
            begin == 0, d_out, begin * n_out, 1, n_out, n_out,
            inputs, 0, wide, WIDTH, gradients, 0, wide, wide, n,
        )  # fmt: skip
        if with_x:
            add_product(
                True, d_out, begin * n_out, n_out, 1, n,
                wide_weight, 0, wide, WIDTH, d_inputs, 0, wide, wide, n_out,
            )  # fmt: skip
            for i in range(n):
                source, target = d_inputs[i], d_x[begin + i]
                for j in range(n_in):
                    target[j] = source[j]


@njit(**JIT)
def unpack_gradients(parts, d_weight, d_bias):
    """Sum up what the threads have, (threads, n_out, n_in | 1), as torch has it."""
    n_out, n_in = d_weight.shape
    for k in range(n_out):
        for j in range(n_in):
            total = parts[0, k, j]
            for part in range(1, parts.shape[0]):
                total += parts[part, k, j]
            d_weight[k, j] = total
        total = parts[0, k, n_in]
        for part in range(1, parts.shape[0]):
            total += parts[part, k, n_in]
        if len(d_bias) > 0:
            d_bias[k] = total
