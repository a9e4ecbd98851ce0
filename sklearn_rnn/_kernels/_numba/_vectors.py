"""Formulas in float32 on whole vectors, for the time loops.

A formula is a Python function of `Floats`. It runs once, while a kernel is compiled:
each operation writes an instruction of LLVM. So a formula becomes one pass over the
memory, without calls, branches or remainders; the vectors that a compiler makes of
plain loops take twice the time.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, WIDTH
from sklearn_rnn._kernels._numba import _python

VECTOR = ir.VectorType(ir.FloatType(), WIDTH)
_BITS = ir.VectorType(ir.IntType(32), WIDTH)


def vector_at(builder, data, index):
    """Return a pointer to the vector that begins at one number of an array."""
    return builder.bitcast(builder.gep(data, [index]), VECTOR.as_pointer())


class Floats:
    """One vector, while instructions are written. Numbers may stand beside it."""

    def __init__(self, builder, value):
        self.builder = builder
        self.value = value

    def like(self, number):
        """Return a vector of the same number everywhere; a vector as it is."""
        return _as_floats(self.builder, number)

    def shifted(self, n_bits):
        """Return the bits, moved to the left, as numbers."""
        bits = self.builder.bitcast(self.value, _BITS)
        moved = self.builder.shl(bits, ir.Constant(_BITS, [n_bits] * WIDTH))
        return Floats(self.builder, self.builder.bitcast(moved, VECTOR))

    def _write(self, instruction, other):
        return Floats(self.builder, instruction(self.value, self.like(other).value))

    def __add__(self, other):
        return self._write(self.builder.fadd, other)

    def __sub__(self, other):
        return self._write(self.builder.fsub, other)

    def __mul__(self, other):
        return self._write(self.builder.fmul, other)

    def __truediv__(self, other):
        return self._write(self.builder.fdiv, other)

    def __neg__(self):
        return Floats(self.builder, self.builder.fneg(self.value))

    def __radd__(self, other):
        return self.like(other) + self

    def __rsub__(self, other):
        return self.like(other) - self

    def __rmul__(self, other):
        return self.like(other) * self

    def __rtruediv__(self, other):
        return self.like(other) / self

    def __lt__(self, other):
        return self.builder.fcmp_ordered("<", self.value, self.like(other).value)

    def __gt__(self, other):
        return self.builder.fcmp_ordered(">", self.value, self.like(other).value)


def _as_floats(builder, number):
    if isinstance(number, Floats):
        return number
    return Floats(builder, ir.Constant(VECTOR, [float(number)] * WIDTH))


def choose(condition, value, otherwise):
    """Return `value` where ``a < b`` or ``a > b`` holds; one of both is a vector."""
    vector = value if isinstance(value, Floats) else otherwise
    value, otherwise = vector.like(value), vector.like(otherwise)
    builder = vector.builder
    return Floats(builder, builder.select(condition, value.value, otherwise.value))


class _Units:
    """The vectors of some units in one row: ``units[k]`` is that of their gate k."""

    def __init__(self, builder, data, first, size):
        self.builder, self.data, self.first, self.size = builder, data, first, size

    def _place(self, gate):
        distance = self.builder.mul(self.size, self.size.type(gate))
        index = self.builder.add(self.first, distance)
        return vector_at(self.builder, self.data, index)

    def __getitem__(self, gate):
        return Floats(self.builder, self.builder.load(self._place(gate), align=4))

    def __setitem__(self, gate, value):
        value = _as_floats(self.builder, value).value
        self.builder.store(value, self._place(gate), align=4)


def for_all_units(formula):
    """Return ``run``, which applies a formula to all units of some rows.

    ``run(n_rows, size, places)``: each place is (array, row, column) where the first
    row of one of the formula's arguments begins.
    """

    def codegen(context, builder, signature, args):
        n_rows, size, places = args
        intp = size.type
        operands = []
        for k, place in enumerate(signature.args[2]):
            array, row, column = cgutils.unpack_tuple(
                builder, builder.extract_value(places, k)
            )
            array = context.make_array(place[0])(context, builder, array)
            stride = builder.extract_value(array.shape, 1)
            first = builder.add(builder.mul(row, stride), column)
            operands.append((array.data, stride, first))
        rows = cgutils.for_range(builder, n_rows, intp=intp)
        vectors = cgutils.for_range_slice(builder, intp(0), size, intp(WIDTH), intp)
        with rows as row, vectors as (unit, _):
            units = []
            for data, stride, first in operands:
                begin = builder.add(first, builder.mul(row.index, stride))
                units.append(_Units(builder, data, builder.add(begin, unit), size))
            formula(*units)
        return context.get_dummy_value()

    @intrinsic
    def run(typing, n_rows, size, places):
        return types.void(types.intp, types.intp, places), codegen

    return run


if RUNS_AS_PYTHON:
    Floats = _python.Floats
    choose = _python.choose
    for_all_units = _python.for_all_units
