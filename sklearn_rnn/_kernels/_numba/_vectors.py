"""Formulas on whole vectors, of float32 or float64, for the time loops.

A formula is a Python function of `Floats`. It runs once, while a kernel is compiled:
each operation writes an instruction of LLVM. So a formula becomes one pass over the
memory, without calls, branches or remainders; the vectors that a compiler makes of
plain loops take twice the time.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, WIDTH
from sklearn_rnn._kernels._numba import _python

# of each type of number: a vector, and as many integers of its size
VECTORS = {
    types.float32: ir.VectorType(ir.FloatType(), WIDTH),
    types.float64: ir.VectorType(ir.DoubleType(), WIDTH // 2),
}
VECTOR = VECTORS[types.float32]
_BITS = {
    VECTORS[types.float32]: ir.VectorType(ir.IntType(32), WIDTH),
    VECTORS[types.float64]: ir.VectorType(ir.IntType(64), WIDTH // 2),
}


def vector_at(builder, data, index, vector):
    """Return a pointer to the vector that begins at one number of an array."""
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def spread(builder, number, vector):
    """Return a vector of this type with the same number everywhere."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    alone = builder.insert_element(nothing, number, ir.IntType(32)(0))
    return builder.shuffle_vector(alone, nothing, first)


class Floats:
    """One vector, while instructions are written. Numbers may stand beside it."""

    def __init__(self, builder, value):
        self.builder = builder
        self.value = value

    def like(self, number):
        """Return a vector of the same number everywhere; a vector as it is."""
        return _as_floats(self.builder, number, self.value.type)

    def shifted(self, n_bits):
        """Return the bits, moved to the left, as numbers."""
        vector = self.value.type
        integers = _BITS[vector]
        bits = self.builder.bitcast(self.value, integers)
        distance = ir.Constant(integers, [n_bits] * integers.count)
        moved = self.builder.shl(bits, distance)
        return Floats(self.builder, self.builder.bitcast(moved, vector))

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


def _as_floats(builder, number, vector):
    if isinstance(number, Floats):
        return number
    return Floats(builder, ir.Constant(vector, [float(number)] * vector.count))


def choose(condition, value, otherwise):
    """Return `value` where ``a < b`` or ``a > b`` holds; one of both is a vector."""
    vector = value if isinstance(value, Floats) else otherwise
    value, otherwise = vector.like(value), vector.like(otherwise)
    builder = vector.builder
    return Floats(builder, builder.select(condition, value.value, otherwise.value))


class _Units:
    """The vectors of some units in one row: ``units[k]`` is that of their gate k."""

    def __init__(self, builder, data, first, size, vector):
        self.builder, self.data, self.first, self.size = builder, data, first, size
        self.vector = vector

    def _place(self, gate):
        distance = self.builder.mul(self.size, self.size.type(gate))
        index = self.builder.add(self.first, distance)
        return vector_at(self.builder, self.data, index, self.vector)

    def __getitem__(self, gate):
        return Floats(self.builder, self.builder.load(self._place(gate), align=4))

    def __setitem__(self, gate, value):
        value = _as_floats(self.builder, value, self.vector).value
        self.builder.store(value, self._place(gate), align=4)


def _combine_lanes(floats, combine):
    """Return the sum, say, of the numbers of a vector: halves upon halves."""
    builder, n = floats.builder, WIDTH
    while n > 1:
        n //= 2
        lanes = [n + lane % n for lane in range(WIDTH)]
        mask = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), lanes)
        value = floats.value
        moved = Floats(builder, builder.shuffle_vector(value, value, mask))
        floats = combine(floats, moved)
    return builder.extract_element(floats.value, ir.IntType(32)(0))


def sum_lanes(floats):
    """Return the sum of the numbers of a vector."""
    return _combine_lanes(floats, operator.add)


def _operands(context, builder, places, types_of_places, vector):
    """Return, for each place, a function from a row and a unit to its operand."""

    def operand(k, place):
        value = builder.extract_value(places, k)
        if isinstance(place, types.Float):
            everywhere = Floats(builder, spread(builder, value, vector))
            return lambda row, unit, size: everywhere
        parts = cgutils.unpack_tuple(builder, value)
        array = context.make_array(place[0])(context, builder, parts[0])
        if len(parts) == 1:
            return lambda row, unit, size: _Units(
                builder, array.data, unit, size, vector
            )
        if len(parts) == 2:
            return lambda row, unit, size: _number_at(
                builder, array.data, builder.add(parts[1], row), vector
            )
        stride = builder.extract_value(array.shape, 1)
        first = builder.add(builder.mul(parts[1], stride), parts[2])

        def units(row, unit, size):
            begin = builder.add(first, builder.mul(row, stride))
            return _Units(builder, array.data, builder.add(begin, unit), size, vector)

        return units

    return [operand(k, place) for k, place in enumerate(types_of_places)]


def _number_at(builder, data, index, vector):
    """Return a vector of the number that lies there."""
    number = builder.load(builder.gep(data, [index]))
    return Floats(builder, spread(builder, number, vector))


def for_all_units(formula):
    """Return ``run``, which applies a formula to all units of some rows.

    ``run(n_rows, size, places)``: each place is where the first row of one of the
    formula's arguments begins: (array, row, column); (array, row) where a row has one
    number; (array,) where all rows have the same; or it is one number for all units.
    All are of one type.
    """

    def codegen(context, builder, signature, args):
        n_rows, size, places = args
        intp = size.type
        vector = VECTORS[signature.args[2][0][0].dtype]
        operands = _operands(context, builder, places, signature.args[2], vector)
        rows = cgutils.for_range(builder, n_rows, intp=intp)
        step = intp(vector.count)
        vectors = cgutils.for_range_slice(builder, intp(0), size, step, intp)
        with rows as row, vectors as (unit, _):
            formula(*(operand(row.index, unit, size) for operand in operands))
        return context.get_dummy_value()

    @intrinsic
    def run(typing, n_rows, size, places):
        return types.void(types.intp, types.intp, places), codegen

    return run


def _reduce_units(formula, start, combine):
    """Return ``run``, as `for_all_units`, for a formula with a result.

    ``run(n_rows, size, places, results, begin)``: results[begin + i] becomes all
    results of row i, combined; `start` is what changes nothing in that.
    """

    def codegen(context, builder, signature, args):
        n_rows, size, places, results, begin = args
        intp = size.type
        operands = _operands(context, builder, places, signature.args[2], VECTOR)
        results = context.make_array(signature.args[3])(context, builder, results).data
        first = ir.Constant(VECTOR, [start] * WIDTH)
        total = cgutils.alloca_once(builder, VECTOR)
        with cgutils.for_range(builder, n_rows, intp=intp) as row:
            builder.store(first, total)
            vectors = cgutils.for_range_slice(builder, intp(0), size, intp(WIDTH), intp)
            with vectors as (unit, _):
                result = formula(*(o(row.index, unit, size) for o in operands))
                old = Floats(builder, builder.load(total))
                builder.store(combine(old, result).value, total)
            whole = _combine_lanes(Floats(builder, builder.load(total)), combine)
            index = builder.add(begin, row.index)
            builder.store(whole, builder.gep(results, [index]))
        return context.get_dummy_value()

    @intrinsic
    def run(typing, n_rows, size, places, results, begin):
        arguments = types.intp, types.intp, places, results, types.intp
        return types.void(*arguments), codegen

    return run


def sum_over_units(formula):
    """Return ``run(n_rows, size, places, sums, begin)``, which sums up the results.

    sums[begin + i] becomes the sum of the formula's results over the units of row i.
    """
    return _reduce_units(formula, 0.0, operator.add)


def max_over_units(formula):
    """Return ``run(n_rows, size, places, highest, begin)``: as `sum_over_units`.

    A NaN is passed over.
    """
    return _reduce_units(formula, -np.inf, _choose_higher)


def _choose_higher(a, b):
    return choose(a < b, b, a)


if RUNS_AS_PYTHON:
    Floats = _python.Floats
    choose = _python.choose
    for_all_units = _python.for_all_units
    max_over_units = _python.max_over_units
    sum_over_units = _python.sum_over_units
