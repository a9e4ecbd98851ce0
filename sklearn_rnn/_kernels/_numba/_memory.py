"""Memory as kernels see it: pointers, flags, and arrays where a pointer points.

No pointer is made of a whole number. One is an argument, or lies in memory, or is
another one moved by an instruction of LLVM for this; what LLVM knows of the memory
behind a pointer is lost, or wrong, where numbers stand between.
"""

import platform
import sys
import time

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON
from sklearn_rnn._kernels._numba import _python

_ON_X86 = platform.machine().lower() in ("x86_64", "amd64")
_BYTE, _INT32, _INT64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _make_array_at(dtype, n_bytes):
    """Return ``array_at(pointer, shape)``: the array of this type that begins there."""

    @intrinsic
    def array_at(typing, pointer, shape):
        if not isinstance(shape, types.UniTuple):
            raise NumbaTypeError(f"shape must be a tuple, not {shape}")
        array_type = types.Array(dtype, shape.count, "C")

        def codegen(context, builder, signature, args):
            pointer, shape = args
            kind = context.get_data_type(dtype).as_pointer()
            counts = cgutils.unpack_tuple(builder, shape)
            strides = [_INT64(n_bytes)]
            for count in reversed(counts[1:]):
                strides.insert(0, builder.mul(strides[0], count))
            array = context.make_array(array_type)(context, builder)
            data = builder.bitcast(pointer, kind)
            populate_array(array, data, counts, strides, n_bytes, None)
            return array._getvalue()

        return array_type(types.voidptr, shape), codegen

    return array_at


floats_at = _make_array_at(types.float32, 4)
doubles_at = _make_array_at(types.float64, 8)
integers_at = _make_array_at(types.int64, 8)
words_at = _make_array_at(types.int32, 4)
bytes_at = _make_array_at(types.uint8, 1)


@intrinsic
def move(typing, pointer, n_bytes):
    """Return the pointer, moved by so many bytes."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]], source_etype=_BYTE)

    return types.voidptr(types.voidptr, types.int64), codegen


@intrinsic
def pointer_in(typing, pointers, index):
    """Return the pointer of this number among those that lie there."""

    def codegen(context, builder, signature, args):
        kind = _BYTE.as_pointer()
        first = builder.bitcast(args[0], kind.as_pointer())
        place = builder.gep(first, [args[1]], source_etype=kind)
        return builder.load(place, align=8, typ=kind)

    return types.voidptr(types.voidptr, types.int64), codegen


@intrinsic
def nothing(typing):
    """Return the pointer that stands for what is not given."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_BYTE.as_pointer(), None)

    return types.voidptr(), codegen


@intrinsic
def is_given(typing, pointer):
    """Whether the pointer stands for something."""

    def codegen(context, builder, signature, args):
        return builder.icmp_unsigned("!=", args[0], ir.Constant(args[0].type, None))

    return types.boolean(types.voidptr), codegen


@intrinsic
def read_flag(typing, pointer):
    """Return the integer there as other threads have set it, after a short rest."""

    def codegen(context, builder, signature, args):
        if _ON_X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(
                cgutils.get_or_insert_function(builder.module, pause, name), []
            )
        flag = builder.bitcast(args[0], _INT64.as_pointer())
        return builder.load_atomic(flag, "acquire", 8, typ=_INT64)

    return types.int64(types.voidptr), codegen


@intrinsic
def read_clock(typing):
    """Return the time of a clock that never goes back, in its own ticks."""

    def codegen(context, builder, signature, args):
        if sys.platform == "win32":
            return _call_clock(builder, "QueryPerformanceCounter", [], 1)
        clock = _INT32(time.CLOCK_MONOTONIC)
        seconds, rest = _call_clock(builder, "clock_gettime", [clock], 2)
        return builder.add(builder.mul(seconds, _INT64(10**9)), rest)

    return types.int64(), codegen


def _call_clock(builder, name, arguments, n_numbers):
    """Call a function of C that writes integers to where its last argument points."""
    time_type = ir.ArrayType(_INT64, n_numbers)
    place = cgutils.alloca_once(builder, time_type)
    where = builder.bitcast(place, _BYTE.as_pointer())
    kinds = [argument.type for argument in arguments]
    kind = ir.FunctionType(_INT32, [*kinds, where.type])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(function, [*arguments, where])
    found = builder.load(place, typ=time_type)
    numbers = [builder.extract_value(found, k) for k in range(n_numbers)]
    return numbers if n_numbers > 1 else numbers[0]


if RUNS_AS_PYTHON:
    bytes_at = _python.bytes_at
    doubles_at = _python.doubles_at
    floats_at = _python.floats_at
    integers_at = _python.integers_at
    is_given = _python.is_given
    move = _python.move
    nothing = _python.nothing
    pointer_in = _python.pointer_in
    read_clock = _python.read_clock
    read_flag = _python.read_flag
    words_at = _python.words_at
