"""Small matrix products in float32, for the time loops.

A product is cut into tiles of C that stay in vector registers while k runs. Each
number of C is summed in the order of k, whatever tile it lies in: so the result of a
row does not depend, to the last bit, on how many rows are computed with it.

The tile is written in LLVM's vector types, since a compiler does not find it by
itself: loops in Python's terms reach about half of its speed.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._library import WIDTH
from sklearn_rnn._kernels._numba._math import JIT

_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_POINTER = _VECTOR.as_pointer()


def _make_tile(n_rows, n_vectors):
    """Return ``tile``, which adds a product of this many rows and vectors to C.

    ``tile(fresh, A, a, a_row, a_k, B, b, b_k, b_vector, C, c, c_row, K)``: A, B and C
    are arrays that give the memory; ``a``, ``b``, ``c`` are where in it the tile
    begins, in floats, ``a_row``, ... how far apart neighbours are. ``fresh`` says that
    C is to be overwritten.
    """

    def at(builder, start, *terms):
        for distance, count in terms:
            start = builder.add(start, builder.mul(distance, count))
        return start

    def codegen(context, builder, signature, args):
        fresh, A, a, a_row, a_k, B, b, b_k, b_vector, C, c, c_row, K = args
        A, B, C = (
            context.make_array(signature.args[i])(context, builder, args[i]).data
            for i in (1, 5, 9)
        )
        intp = K.type
        cells = [(r, v) for r in range(n_rows) for v in range(n_vectors)]
        fma = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(_VECTOR, [_VECTOR] * 3),
            f"llvm.fmuladd.v{WIDTH}f32",
        )
        nothing = ir.Constant(_VECTOR, ir.Undefined)
        first = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)

        def vector(data, index):
            return builder.bitcast(builder.gep(data, [index]), _POINTER)

        def target(r, v):
            return vector(C, at(builder, c, (c_row, intp(r)), (intp(v), intp(WIDTH))))

        zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
        sums = {}
        for cell in cells:
            sums[cell] = cgutils.alloca_once(builder, _VECTOR)
            builder.store(zero, sums[cell])
        with builder.if_then(builder.not_(fresh)):
            for cell in cells:
                builder.store(builder.load(target(*cell), align=4), sums[cell])
        with cgutils.for_range(builder, K, intp=intp) as loop:
            k = loop.index
            rows_of_b = [
                builder.load(
                    vector(B, at(builder, b, (k, b_k), (b_vector, intp(v)))), align=4
                )
                for v in range(n_vectors)
            ]
            for r in range(n_rows):
                number = builder.load(
                    builder.gep(A, [at(builder, a, (k, a_k), (a_row, intp(r)))])
                )
                spread = builder.insert_element(nothing, number, ir.IntType(32)(0))
                spread = builder.shuffle_vector(spread, nothing, first)
                for v in range(n_vectors):
                    old = builder.load(sums[r, v])
                    new = builder.call(fma, [spread, rows_of_b[v], old])
                    builder.store(new, sums[r, v])
        for cell in cells:
            builder.store(builder.load(sums[cell]), target(*cell), align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(typing, fresh, A, a, a_row, a_k, B, b, b_k, b_vector, C, c, c_row, K):
        n = types.intp
        signature = types.void(types.bool_, A, n, n, n, B, n, n, n, C, n, n, n)
        return signature, codegen

    return tile


_TILE_8_2, _TILE_8_1 = _make_tile(8, 2), _make_tile(8, 1)
_TILE_4_2, _TILE_4_1 = _make_tile(4, 2), _make_tile(4, 1)
_TILE_1_2, _TILE_1_1 = _make_tile(1, 2), _make_tile(1, 1)


def _add_product(
    fresh, A, a, a_row, a_k, n_rows, B, b, b_k, b_vector, C, c, c_row, n_columns, K
):
    """C += A @ B, or C = A @ B where `fresh`; for the rest see `_make_tile`.

    `n_columns` is a multiple of WIDTH.
    """
    j = 0
    while j < n_columns:
        w = b + j // WIDTH * b_vector
        i = 0
        if n_columns - j >= 2 * WIDTH:
            while i + 8 <= n_rows:
                _TILE_8_2(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 8
            if i + 4 <= n_rows:
                _TILE_4_2(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 4
            while i < n_rows:
                _TILE_1_2(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 1
            j += 2 * WIDTH
        else:
            while i + 8 <= n_rows:
                _TILE_8_1(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 8
            if i + 4 <= n_rows:
                _TILE_4_1(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 4
            while i < n_rows:
                _TILE_1_1(
                    fresh, A, a + i * a_row, a_row, a_k, B, w, b_k, b_vector,
                    C, c + i * c_row + j, c_row, K,
                )  # fmt: skip
                i += 1
            j += WIDTH


_MATRIX, _N = types.float32[:, ::1], types.intp
# a signature, since numba would compile it anew for each constant among the arguments
_SIGNATURE = types.void(
    types.bool_, _MATRIX, _N, _N, _N, _N, _MATRIX, _N, _N, _N, _MATRIX, _N, _N, _N, _N
)
add_product = njit(_SIGNATURE, **JIT)(_add_product)
