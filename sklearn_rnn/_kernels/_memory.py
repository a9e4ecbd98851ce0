"""Memory as kernels see it: arrays without a count of references, addresses, flags."""

import platform

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._math import JIT

_ON_X86 = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def borrow(typing, array):
    """Return an array of which numba does not count references.

    numba counts them for each row that is taken from an array, with atomic operations
    that cost as much as all else that small rows need. Only for arguments of a
    function: their caller has a reference that lasts.
    """

    def codegen(context, builder, signature, args):
        value = context.make_array(signature.args[0])(context, builder, args[0])
        value.meminfo = cgutils.get_null_value(value.meminfo.type)
        return value._getvalue()

    return array(array), codegen


@intrinsic
def pointer(typing, address):
    """Return a number as a pointer to float32."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.FloatType().as_pointer())

    return types.CPointer(types.float32)(types.int64), codegen


@intrinsic
def _read_flag(typing, flag):
    """Return flag[0] as other threads have set it, after a short rest of the core."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        if _ON_X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(
                cgutils.get_or_insert_function(builder.module, pause, name), []
            )
        return builder.load_atomic(data, "acquire", 8)

    return types.int64(flag), codegen


@njit(**JIT)
def spin(flag, n_turns):
    """Wait until flag[0] is set, but look at it so many times at most."""
    while n_turns > 0 and _read_flag(flag) == 0:
        n_turns -= 1
