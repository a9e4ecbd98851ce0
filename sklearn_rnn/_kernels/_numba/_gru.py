"""GRU: what happens to the sums of some rows at one step.

The sums stand as u, r, z, v: u = W_in x + b_in and v = W_hn h + b_hn, which r keeps
apart, around the two that x and h share. So x feeds the first three, h the last three.
"""

from sklearn_rnn._kernels._numba._math import sigmoid, tanh
from sklearn_rnn._kernels._numba._vectors import for_all_units


@for_all_units
def activate(sums, h, h_new):
    """Set h' = n + z (h - n) with n = tanh(u + r v); leave n, r, z, v."""
    r, z = sigmoid(sums[1]), sigmoid(sums[2])
    n = tanh(sums[0] + r * sums[3])
    sums[0], sums[1], sums[2] = n, r, z
    h_new[0] = n + z * (h[0] - n)


@for_all_units
def differentiate(da, h, dh):
    """Turn n, r, z, v into du, dr, dz, dv, and dh' into the part past the weights."""
    n, r, z, v, d = da[0], da[1], da[2], da[3], dh[0]
    du = d * (1 - z) * (1 - n * n)
    da[0] = du
    da[1] = du * v * r * (1 - r)
    da[2] = d * (h[0] - n) * z * (1 - z)
    da[3] = du * r
    dh[0] = d * z
