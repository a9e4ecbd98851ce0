"""Memory as the kernels see it: arrays without a count of references, addresses."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


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
