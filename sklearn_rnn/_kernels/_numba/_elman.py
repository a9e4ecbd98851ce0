"""Elman RNN, tanh or ReLU: what happens to the sums of one row at one step."""

from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4, tanh


@njit(**JIT)
def activate(sums, h_new, size, relu):
    """Set h' = tanh(a) or max(a, 0), from the sums a."""
    if relu:
        for j in range(size):
            h_new[j] = f4(0) if sums[j] < f4(0) else sums[j]
    else:
        for j in range(size):
            h_new[j] = tanh(sums[j])


@njit(**JIT)
def differentiate(da, h_new, dh, size, relu):
    """Set da from dh', which becomes the part of dh past the weights: nothing."""
    if relu:
        for j in range(size):
            da[j] = dh[j] if h_new[j] > 0 else f4(0)
    else:
        for j in range(size):
            da[j] = dh[j] * (f4(1) - h_new[j] * h_new[j])
    for j in range(size):
        dh[j] = f4(0)
