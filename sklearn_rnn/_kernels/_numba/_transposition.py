"""Transposition of matrices of float32, a square of vectors at a time.

Weights and their gradients lie in torch's order outside of the kernels, and in panels
inside. For short mini-batches, moving them number by number took half of the time.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, WIDTH
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._product import MATRIX, cut
from sklearn_rnn._kernels._numba._vectors import VECTOR


def _exchange(builder, vectors, distance):
    """Transpose squares of two by two blocks, each of `distance` numbers and rows."""
    lanes = range(WIDTH)
    low = [k if not k & distance else WIDTH + k - distance for k in lanes]
    high = [k + distance if not k & distance else WIDTH + k for k in lanes]
    mask = ir.VectorType(ir.IntType(32), WIDTH)
    result = list(vectors)
    for i in (row for row in range(WIDTH) if not row & distance):
        pair = vectors[i], vectors[i + distance]
        result[i] = builder.shuffle_vector(*pair, ir.Constant(mask, low))
        result[i + distance] = builder.shuffle_vector(*pair, ir.Constant(mask, high))
    return result


def _move_block(builder, source, target, n_rows, n_columns):
    """Transpose a block; ``source(row, column)`` and ``target`` return pointers."""
    if n_rows < WIDTH or n_columns < WIDTH:
        for i in range(n_rows):
            for j in range(n_columns):
                builder.store(builder.load(source(i, j)), target(j, i))
        return
    kind, distance = VECTOR.as_pointer(), WIDTH
    vectors = [
        builder.load(builder.bitcast(source(i, 0), kind), align=4) for i in range(WIDTH)
    ]
    while distance > 1:
        distance //= 2
        vectors = _exchange(builder, vectors, distance)
    for j, vector in enumerate(vectors):
        builder.store(vector, builder.bitcast(target(j, 0), kind), align=4)


@intrinsic
def _write(typing, arguments):
    def codegen(context, builder, signature, args):
        A, a, a_row, n_rows, n_columns, B, b, b_row = cgutils.unpack_tuple(
            builder, args[0]
        )
        matrix = context.make_array(MATRIX)
        A, B = (matrix(context, builder, array).data for array in (A, B))
        intp = n_rows.type

        def make_place(data, begin, stride, i, j):
            first = builder.add(begin, builder.add(builder.mul(i, stride), j))

            def place(row, column):
                distance = builder.add(builder.mul(intp(row), stride), intp(column))
                return builder.gep(data, [builder.add(first, distance)])

            return place

        for i, height in cut(builder, intp(0), n_rows, (WIDTH, 1)):
            for j, width in cut(builder, intp(0), n_columns, (WIDTH, 1)):
                source = make_place(A, a, a_row, i, j)
                target = make_place(B, b, b_row, j, i)
                _move_block(builder, source, target, height, width)
        return context.get_dummy_value()

    return types.void(arguments), codegen


def _transpose(A, a, a_row, n_rows, n_columns, B, b, b_row):
    """Set B = A.T, for A of n_rows and n_columns.

    A and B are arrays that give the memory; ``a``, ``b`` are where in it the matrices
    begin, in floats, ``a_row`` and ``b_row`` how far apart rows are.
    """
    _write((A, a, a_row, n_rows, n_columns, B, b, b_row))


_N = types.intp
transpose = njit(types.void(MATRIX, _N, _N, _N, _N, MATRIX, _N, _N), **JIT)(_transpose)

if RUNS_AS_PYTHON:
    transpose = _python.transpose
