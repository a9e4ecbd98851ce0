"""Elman RNN, tanh or ReLU: what happens to the sums of some rows at one step."""

from sklearn_rnn._kernels._numba._math import tanh
from sklearn_rnn._kernels._numba._vectors import choose, for_all_units


@for_all_units
def activate_tanh(sums, h_new):
    """Set h' = tanh(a), from the sums a."""
    h_new[0] = tanh(sums[0])


@for_all_units
def activate_relu(sums, h_new):
    """Set h' = max(a, 0)."""
    a = sums[0]
    h_new[0] = choose(a < 0, 0, a)


@for_all_units
def differentiate_tanh(da, h_new, dh):
    """Set da from dh', which becomes the part of dh past the weights: nothing."""
    h = h_new[0]
    da[0] = dh[0] * (1 - h * h)
    dh[0] = 0


@for_all_units
def differentiate_relu(da, h_new, dh):
    """As `differentiate_tanh`, for a ReLU."""
    da[0] = choose(h_new[0] > 0, dh[0], 0)
    dh[0] = 0
