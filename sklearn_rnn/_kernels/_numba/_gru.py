"""GRU: what happens to the sums of one row at one step.

The sums stand as u, r, z, v: u = W_in x + b_in and v = W_hn h + b_hn, which r keeps
apart, around the two that x and h share. So x feeds the first three, h the last three.
"""

from numba import njit

from sklearn_rnn._kernels._numba._math import JIT, f4, sigmoid, tanh


@njit(**JIT)
def activate(sums, h, h_new, size):
    """Set h' = n + z (h - n) with n = tanh(u + r v); leave n, r, z, v."""
    n, v = sums[:size], sums[3 * size : 4 * size]
    rz = sums[size : 3 * size]
    for j in range(2 * size):
        rz[j] = sigmoid(rz[j])
    r, z = sums[size : 2 * size], sums[2 * size : 3 * size]
    for j in range(size):
        n[j] = tanh(n[j] + r[j] * v[j])
    for j in range(size):
        h_new[j] = n[j] + z[j] * (h[j] - n[j])


@njit(**JIT)
def differentiate(da, h, dh, size):
    """Turn n, r, z, v into du, dr, dz, dv, and dh' into the part past the weights."""
    n, r = da[:size], da[size : 2 * size]
    z, v = da[2 * size : 3 * size], da[3 * size : 4 * size]
    for j in range(size):
        n_, z_, r_, v_, d = n[j], z[j], r[j], v[j], dh[j]
        du = d * (f4(1) - z_) * (f4(1) - n_ * n_)
        n[j] = du
        r[j] = du * v_ * r_ * (f4(1) - r_)
        z[j] = d * (h[j] - n_) * z_ * (f4(1) - z_)
        v[j] = du * r_
        dh[j] = d * z_
