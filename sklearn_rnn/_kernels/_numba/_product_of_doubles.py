"""The product of `_product.py` in float64."""

from numba import njit, types

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._product import MATRIX, SIGNATURE, make_product

_write_product = make_product(number=types.float64)


def _add_product_of_doubles(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K
):
    """`add_product` in float64; `n_columns` is a multiple of WIDTH / 2."""
    _write_product(
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K,
        )
    )  # fmt: skip


_DOUBLES = types.float64[:, ::1]
_SIGNATURE = types.void(
    *(_DOUBLES if kind == MATRIX else kind for kind in SIGNATURE.args)
)
add_product_of_doubles = njit(_SIGNATURE, **JIT)(_add_product_of_doubles)

if RUNS_AS_PYTHON:
    add_product_of_doubles = _python.add_product
