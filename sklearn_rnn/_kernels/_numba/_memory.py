"""Memory as kernels see it: addresses, flags, and arrays at an address."""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

_ON_X86 = platform.machine().lower() in ("x86_64", "amd64")


def _make_array_at(dtype, n_bytes):
    """Return ``array_at(address, shape)``: the array of this type that begins there."""

    @intrinsic
    def array_at(typing, address, shape):
        if not isinstance(shape, types.UniTuple):
            raise NumbaTypeError(f"shape must be a tuple, not {shape}")
        array_type = types.Array(dtype, shape.count, "C")

        def codegen(context, builder, signature, args):
            address, shape = args
            kind = context.get_data_type(dtype).as_pointer()
            counts = cgutils.unpack_tuple(builder, shape)
            strides = [ir.IntType(64)(n_bytes)]
            for count in reversed(counts[1:]):
                strides.insert(0, builder.mul(strides[0], count))
            array = context.make_array(array_type)(context, builder)
            populate_array(
                array, builder.inttoptr(address, kind), counts, strides, n_bytes, None
            )
            return array._getvalue()

        return array_type(types.int64, shape), codegen

    return array_at


floats_at = _make_array_at(types.float32, 4)
doubles_at = _make_array_at(types.float64, 8)
integers_at = _make_array_at(types.int64, 8)


@intrinsic
def read_flag(typing, address):
    """Return the integer there as other threads have set it, after a short rest."""

    def codegen(context, builder, signature, args):
        if _ON_X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(
                cgutils.get_or_insert_function(builder.module, pause, name), []
            )
        flag = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(flag, "acquire", 8)

    return types.int64(types.int64), codegen
