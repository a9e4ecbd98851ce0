"""GRU with reset before the product: what happens to the sums of some rows at one step.

The sums stand as n, r, z. x feeds all three, h the last two; the first has to wait for
the product of r h, which stands where an LSTM has its c.
"""

from sklearn_rnn._kernels._numba._math import sigmoid, tanh
from sklearn_rnn._kernels._numba._vectors import for_all_units


@for_all_units
def reset(sums, h, product):
    """Set r h; leave r and z."""
    r = sigmoid(sums[1])
    sums[1], sums[2] = r, sigmoid(sums[2])
    product[0] = r * h[0]


@for_all_units
def activate(sums, h, h_new):
    """Set h' = n + z (h - n); leave n, r, z."""
    n, z = tanh(sums[0]), sums[2]
    sums[0] = n
    h_new[0] = n + z * (h[0] - n)


@for_all_units
def differentiate(da, h, dh):
    """Turn n and z into their gradients, and dh' into the part past the weights."""
    n, z, d = da[0], da[2], dh[0]
    da[0] = d * (1 - z) * (1 - n * n)
    da[2] = d * (h[0] - n) * z * (1 - z)
    dh[0] = d * z


@for_all_units
def differentiate_reset(da, h, d_product, dh):
    """Turn r into its gradient, from that of r h; add to dh."""
    r, d = da[1], d_product[0]
    da[1] = d * h[0] * r * (1 - r)
    dh[0] = dh[0] + d * r
