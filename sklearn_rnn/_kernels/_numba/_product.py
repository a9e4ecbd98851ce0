"""Small matrix products, of float32 or float64, for the time loops.

A product is cut into tiles of C that stay in vector registers while k runs. Each
number of C is summed in the order of k, whatever tile it lies in: so the result of a
row does not depend, to the last bit, on how many rows are computed with it.

The tiles are written in LLVM's vector types, since a compiler does not find them by
itself: loops in Python's terms reach about half of their speed.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, WIDTH
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._vectors import VECTORS, spread, vector_at

# Tiles have so many rows and vectors beside each other. Eight sums or more hide that
# each has to wait for the one before it; so those of the last rows are wide. With a
# row of B they must fit in the registers: 32 with AVX-512, or else 16.
_ROWS, _VECTORS = ((8, 4), (2, 1)) if WIDTH == 16 else ((4,), (3, 2, 1))
_VECTORS_OF_LAST_ROWS = {2: (4, 2, 1), 1: (8, 4, 2, 1)}


def _index(builder, start, *products):
    """Return start + a b + ..."""
    for a, b in products:
        start = builder.add(start, builder.mul(a, b))
    return start


def _alone(builder, pointer):
    """Return a pointer of which LLVM does not know how it was computed.

    Otherwise it computes each of several pointers from the one before, in each
    iteration of a loop, which takes longer than the sums of a row.
    """
    same = ir.FunctionType(pointer.type, [pointer.type])
    return builder.asm(same, "", "=r,0", [pointer], side_effect=False)


def cut(builder, begin, end, steps):
    """Write a loop from begin towards end for each step, largest first.

    Yields where a loop stands, and its step; what is written then is done there.
    """
    intp = end.type
    for step in steps:
        rest = builder.srem(builder.sub(end, begin), intp(step))
        stop = builder.sub(end, rest)
        loop = cgutils.for_range_slice(builder, begin, stop, intp(step), intp)
        with loop as (position, _):
            yield position, step
        begin = stop


def _write_tile(builder, vector, fresh, a_at, b_at, c_at, n_rows, n_vectors, K):
    """C += A @ B for one tile, of vectors of this type.

    ``a_at(row, k)``, ``b_at(k, vector)`` and ``c_at(row, vector)`` return pointers.
    """
    cells = [(row, vector) for row in range(n_rows) for vector in range(n_vectors)]
    fma = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [vector] * 3),
        f"llvm.fmuladd.v{vector.count}{vector.element.intrinsic_name}",
    )
    zero = ir.Constant(vector, [0.0] * vector.count)
    sums = {}
    for cell in cells:
        sums[cell] = cgutils.alloca_once(builder, vector)
        builder.store(zero, sums[cell])
    with builder.if_then(builder.not_(fresh)):
        for cell in cells:
            builder.store(builder.load(c_at(*cell), align=4), sums[cell])
    with cgutils.for_range(builder, K, intp=K.type) as loop:
        k = loop.index
        row_of_b = [builder.load(b_at(k, v), align=4) for v in range(n_vectors)]
        for row in range(n_rows):
            number = spread(builder, builder.load(a_at(row, k)), vector)
            for v in range(n_vectors):
                old = builder.load(sums[row, v])
                new = builder.call(fma, [number, row_of_b[v], old])
                builder.store(new, sums[row, v])
    for cell in cells:
        builder.store(builder.load(sums[cell]), c_at(*cell), align=4)


def make_product(axis=None, number=types.float32):
    """Return ``write(arguments)``: C += A @ B, tile by tile.

    The arguments are those of `_add_product`, as one tuple. With an axis, "rows of A",
    "k of A" or "rows of C", what lies there evenly otherwise lies at the places in a
    table: two more arguments, an array and where in it the table begins.
    """
    vector = VECTORS[number]

    def codegen(context, builder, signature, args):
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K, *table,
        ) = cgutils.unpack_tuple(builder, args[0])  # fmt: skip
        matrix = context.make_array(types.Array(number, 2, "C"))
        A, B, C = (matrix(context, builder, array).data for array in (A, B, C))
        intp = K.type
        zero, floats = intp(0), intp(vector.count)
        if axis is not None:
            places = context.make_array(_PLACES)(context, builder, table[0]).data

        def place(number):
            pointer = builder.gep(places, [builder.add(table[1], number)])
            return builder.load(pointer)

        def places_of_rows(i, height):
            return [place(builder.add(i, intp(row))) for row in range(height)]

        def write_tile(i, height, j, width):
            begin_a = _index(builder, a, (i, a_row))
            begin_c = _index(builder, c, (i, c_row), (j, floats))
            vectors_of_b, rows = [], []
            for v in range(width):
                begin_b = _index(builder, b, (j, b_vector), (b_vector, intp(v)))
                vectors_of_b.append(_alone(builder, builder.gep(B, [begin_b])))
            if axis == "rows of A":
                for at in places_of_rows(i, height):
                    index = _index(builder, a, (at, a_row))
                    rows.append(_alone(builder, builder.gep(A, [index])))
            elif axis == "rows of C":
                for at in places_of_rows(i, height):
                    index = _index(builder, c, (at, c_row), (j, floats))
                    rows.append(builder.gep(C, [index]))

            def a_at(row, k):
                if axis == "rows of A":
                    return builder.gep(rows[row], [builder.mul(k, a_k)])
                at = place(k) if axis == "k of A" else k
                index = _index(builder, begin_a, (at, a_k), (a_row, intp(row)))
                return builder.gep(A, [index])

            def b_at(k, v):
                return vector_at(builder, vectors_of_b[v], builder.mul(k, b_k), vector)

            def c_at(row, v):
                if axis == "rows of C":
                    return vector_at(builder, rows[row], intp(v * vector.count), vector)
                index = _index(builder, begin_c, (c_row, intp(row)), (floats, intp(v)))
                return vector_at(builder, C, index, vector)

            _write_tile(builder, vector, fresh, a_at, b_at, c_at, height, width, K)

        n_vectors = builder.udiv(n_columns, floats)
        last_rows = builder.sub(n_rows, builder.srem(n_rows, intp(_ROWS[-1])))
        for j, width in cut(builder, zero, n_vectors, _VECTORS):
            for i, height in cut(builder, zero, last_rows, _ROWS):
                write_tile(i, height, j, width)
        for i, height in cut(builder, last_rows, n_rows, _VECTORS_OF_LAST_ROWS):
            widths = _VECTORS_OF_LAST_ROWS[height]
            for j, width in cut(builder, zero, n_vectors, widths):
                write_tile(i, height, j, width)
        return context.get_dummy_value()

    @intrinsic
    def write(typing, arguments):
        return types.void(arguments), codegen

    return write


_write_product = make_product()
_write_product_by_rows = make_product("rows of A")
_write_product_by_k = make_product("k of A")
_write_product_to_rows = make_product("rows of C")


def _add_product(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K
):
    """C += A @ B, or C = A @ B where `fresh`.

    A, B and C are arrays that give the memory; ``a``, ``b``, ``c`` are where in it the
    matrices begin, in floats, ``a_row``, ... how far apart neighbours are. `n_columns`
    is a multiple of WIDTH.
    """
    _write_product(
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K,
        )
    )  # fmt: skip


def _add_product_by_rows(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where row i of A is row places[begin + i]."""
    _write_product_by_rows(
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K, places, begin,
        )
    )  # fmt: skip


def _add_product_by_k(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where column k of A is column places[begin + k]."""
    _write_product_by_k(
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K, places, begin,
        )
    )  # fmt: skip


def _add_product_to_rows(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K,
    places, begin,
):  # fmt: skip
    """`add_product`, where row i of C is row places[begin + i]; all differ."""
    _write_product_to_rows(
        (
            fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector,
            C, c, c_row, n_columns, K, places, begin,
        )
    )  # fmt: skip


MATRIX, _N, _PLACES = types.float32[:, ::1], types.intp, types.int64[::1]
# a signature, since numba would compile it anew for each constant among the arguments
SIGNATURE = types.void(
    types.bool_, MATRIX, _N, _N, _N, _N, MATRIX, _N, _N, _N, MATRIX, _N, _N, _N, _N
)
_SIGNATURE_WITH_PLACES = types.void(*SIGNATURE.args, _PLACES, _N)
add_product = njit(SIGNATURE, **JIT)(_add_product)
add_product_by_rows = njit(_SIGNATURE_WITH_PLACES, **JIT)(_add_product_by_rows)
add_product_by_k = njit(_SIGNATURE_WITH_PLACES, **JIT)(_add_product_by_k)
add_product_to_rows = njit(_SIGNATURE_WITH_PLACES, **JIT)(_add_product_to_rows)


if RUNS_AS_PYTHON:
    add_product = _python.add_product
    add_product_by_rows = _python.add_product_by_rows
    add_product_by_k = _python.add_product_by_k
    add_product_to_rows = _python.add_product_to_rows
