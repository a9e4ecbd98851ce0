"""Compilation of a group of entry points for Python.

The entry points of a group are in a file of their own, which imports what they call: a
change of one group's source leaves the machine code of the others as it is. They are
functions of whole numbers and, after the "/", of pointers. A pointer to 0 stands for
what is not given, or not wanted.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import llvmlite.binding as llvm
from numba import njit, types

from sklearn_rnn._kernels._library import make_target_machine
from sklearn_rnn._kernels._numba._compiler import link, optimize
from sklearn_rnn._kernels._numba._linked import find_types
from sklearn_rnn._kernels._numba._math import JIT


def list_entries(group: str) -> Sequence[Callable[..., Any]]:
    """Return the functions of a group."""
    return import_module(f"{__name__}_of_{group}").ENTRIES


def compile_entries(group: str) -> tuple[dict[str, int], bytes]:
    """Return how many arguments each function of a group has, and machine code."""
    entries, machine = list_entries(group), make_target_machine()
    n_arguments = {f.__name__: len(inspect.signature(f).parameters) for f in entries}
    return n_arguments, machine.emit_object(make_module(group, machine))


def make_module(group: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """Return the optimised instructions of a group, each entry under its own name."""
    entries = {entry.__name__: _compile(entry) for entry in list_entries(group)}
    module = link(compiled.library for compiled in entries.values())
    for name, compiled in entries.items():
        module.get_function(compiled.fndesc.llvm_func_name).name = name
    optimize(module, machine, entries)
    return module


def _compile(entry: Callable[..., Any]) -> Any:
    """Return what numba makes of a function."""
    signature = types.void(*find_types(entry))
    return njit(signature, **JIT)(entry).overloads[signature.args]
