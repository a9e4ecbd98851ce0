"""Calls of kernels that lie in memory, made one after the other or by several threads.

A call is whole numbers side by side: the address of a function, the number of its
arguments, and these. Calls that may be made at once are a group: the number of calls,
then the calls. A program is groups, one behind the other.

A thread that helps has a mailbox: its state, the address of the program, and where in
it, in bytes, the call is that it is to make. It looks there again and again, without
the lock of Python's interpreter; a job that Python hands over takes as long as some
kernels. A thread that has gone to sleep is not waited for.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from sklearn_rnn._kernels._constants import MOST_ARGUMENTS, RUNS_AS_PYTHON
from sklearn_rnn._kernels._numba import _python
from sklearn_rnn._kernels._numba._linked import allocate_ignored
from sklearn_rnn._kernels._numba._math import JIT
from sklearn_rnn._kernels._numba._memory import (
    integers_at,
    move,
    pointer_in,
    read_clock,
    read_flag,
)

ASLEEP, LISTENING, POSTED = range(3)
_BYTE, _INT32, _INT64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def _call(typing, function, n_arguments, numbers):
    """Call the function at a pointer with so many numbers, which lie at another one."""

    def codegen(context, builder, signature, args):
        function, n_arguments, numbers = args
        ignored = allocate_ignored(builder)
        pointers = [pointer.type for pointer in ignored]
        first = builder.bitcast(numbers, _INT64.as_pointer())
        after = builder.append_basic_block("after")
        switch = builder.switch(n_arguments, after)
        for n in range(1, MOST_ARGUMENTS + 1):
            block = builder.append_basic_block(f"arguments.{n}")
            switch.add_case(_INT64(n), block)
            builder.position_at_end(block)
            own = [builder.load(builder.gep(first, [_INT64(k)])) for k in range(n)]
            kind = ir.FunctionType(_INT32, [*pointers, *[_INT64] * n])
            builder.call(builder.bitcast(function, kind.as_pointer()), ignored + own)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(types.voidptr, types.int64, types.voidptr), codegen


@intrinsic
def _write_flag(typing, pointer, number):
    """Set the integer there, after all that this thread has written before."""

    def codegen(context, builder, signature, args):
        flag = builder.bitcast(args[0], _INT64.as_pointer())
        builder.store_atomic(args[1], flag, "release", 8)
        return context.get_dummy_value()

    return types.void(types.voidptr, types.int64), codegen


@intrinsic
def _exchange(typing, pointer, old, new):
    """Replace the integer there by a new one if it is the old one; return whether."""

    def codegen(context, builder, signature, args):
        flag = builder.bitcast(args[0], _INT64.as_pointer())
        result = builder.cmpxchg(flag, args[1], args[2], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(types.voidptr, types.int64, types.int64), codegen


if RUNS_AS_PYTHON:
    _call = _python.call
    _exchange = _python.exchange
    _write_flag = _python.write_flag


@njit(**JIT)
def _make_call(program, place):
    """Make the call that begins at a byte of the program."""
    pointer = move(program, place)
    n_arguments = integers_at(pointer, (2,))[1]
    _call(pointer_in(pointer, 0), n_arguments, move(pointer, 16))


@njit(**JIT)
def _find_next(program, place):
    """Return where the next call begins."""
    return place + 8 * (2 + integers_at(move(program, place), (2,))[1])


@njit(**JIT)
def _post(mailbox, place):
    """Leave a call to another thread, if it looks for one; return whether."""
    integers_at(mailbox, (3,))[2] = place
    return _exchange(mailbox, LISTENING, POSTED)


@njit(**JIT)
def repeat(n_groups, place, n_helpers, program, mailboxes):
    """Make the calls of some groups, the first of which begins at a byte."""
    for _ in range(n_groups):
        n_calls = integers_at(move(program, place), (1,))[0]
        first = place + 8
        place, helper = _find_next(program, first), 0
        for _ in range(n_calls - 1):
            is_posted = False
            while helper < n_helpers and not is_posted:
                is_posted = _post(pointer_in(mailboxes, helper), place)
                helper += 1
            if not is_posted:
                _make_call(program, place)
            place = _find_next(program, place)
        _make_call(program, first)
        for k in range(helper):
            while read_flag(pointer_in(mailboxes, k)) == POSTED:
                pass


@njit(**JIT)
def serve(n_ticks, flag, mailbox):
    """Make the calls that are posted, until a flag is set or none came for a while."""
    program = move(mailbox, 8)
    _write_flag(mailbox, LISTENING)
    begin = read_clock()
    while read_flag(flag) == 0 and read_clock() - begin < n_ticks:
        if read_flag(mailbox) == POSTED:
            _make_call(pointer_in(program, 0), integers_at(mailbox, (3,))[2])
            _write_flag(mailbox, LISTENING)
            begin = read_clock()
    if not _exchange(mailbox, LISTENING, ASLEEP):
        _make_call(pointer_in(program, 0), integers_at(mailbox, (3,))[2])
        _write_flag(mailbox, ASLEEP)
