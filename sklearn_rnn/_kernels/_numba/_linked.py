"""Calls of the machine code of another group, which is not compiled once more.

The other group is loaded first, and tells LLVM where its entries are, see `Library`.
"""

import inspect

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import RUNS_AS_PYTHON, SYMBOL
from sklearn_rnn._kernels._numba import _python

_POINTER, _INT32 = ir.IntType(8).as_pointer(), ir.IntType(32)


def find_types(entry):
    """Return the types of an entry's arguments: integers, then pointers."""
    parameters = inspect.signature(entry).parameters.values()
    return [
        types.int64 if p.kind is p.POSITIONAL_ONLY else types.voidptr
        for p in parameters
    ]


def allocate_ignored(builder):
    """Return where a function of numba's puts its result and its error.

    Entries have none.
    """
    places = [cgutils.alloca_once(builder, _POINTER) for _ in range(2)]
    return [builder.bitcast(place, _POINTER) for place in places]


def call_linked(entry):
    """Return ``call(arguments)``: an entry of another group, with a tuple."""
    kinds = find_types(entry)

    def codegen(context, builder, signature, args):
        values = [
            context.cast(builder, value, own, kind)
            for value, own, kind in zip(
                cgutils.unpack_tuple(builder, args[0]),
                signature.args[0],
                kinds,
                strict=True,
            )
        ]
        numbers = [value.type for value in values]
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(_INT32, [_POINTER, _POINTER, *numbers]),
            SYMBOL.format(entry.__name__),
        )
        builder.call(function, [*allocate_ignored(builder), *values])
        return context.get_dummy_value()

    @intrinsic
    def call(typing, arguments):
        return types.void(arguments), codegen

    return call


if RUNS_AS_PYTHON:
    call_linked = _python.call_linked
