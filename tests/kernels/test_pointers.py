"""No kernel converts an integer to a pointer: LLVM may miscompile such code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import sklearn_rnn

pytestmark = pytest.mark.numba

SOURCES = Path(sklearn_rnn.__file__).parent / "_kernels" / "_numba"


# llvmlite's instruction, and numba's function that emits it
FORBIDDEN = ("inttoptr(", "pointer_add(")


def test_sources_do_not_convert_integers_to_pointers():
    sources = list(SOURCES.glob("*.py"))
    assert len(sources) > 8
    for source in sources:
        for call in FORBIDDEN:
            assert call not in source.read_text(), (source.name, call)


@pytest.fixture(scope="module")
def compiled():
    """Return {name: dispatcher} of all entries, compiled in this process."""
    from numba import njit, types

    from sklearn_rnn._kernels._numba._entries import ENTRIES, find_types
    from sklearn_rnn._kernels._numba._math import JIT

    entries = [entry for group in ENTRIES.values() for entry in group]
    assert len(entries) > 15
    return {
        entry.__name__: njit(types.void(*find_types(entry)), **JIT)(entry)
        for entry in entries
    }


def integers_to_pointers(code):
    """Return the instructions that convert integers to pointers.

    Older versions of LLVM convert the loop variables (lsr) that they introduce.
    """
    lines = [line.strip() for line in code.splitlines()]
    return [
        line
        for line in lines
        if "inttoptr" in line and not re.search(r"inttoptr i64 %lsr\.", line)
    ]


def test_only_loop_variables_of_llvm_may_become_pointers():
    lines = ["%a = inttoptr i64 %lsr.iv4 to ptr", "%b = inttoptr i64 %4 to ptr"]
    assert integers_to_pointers("\n".join(lines)) == lines[1:]


def test_instructions_do_not_convert_integers_to_pointers(compiled):
    for name, entry in compiled.items():
        (code,) = entry.inspect_llvm().values()
        assert "getelementptr" in code or name == "spin", name
        assert integers_to_pointers(code) == [], name


def test_kernels_have_no_strided_arrays(compiled):
    """Older versions of numba convert integers to pointers to index those."""
    from numba import types

    arrays = []
    for source in SOURCES.glob("_*.py"):
        module = import_module(f"sklearn_rnn._kernels._numba.{source.stem}")
        for function in vars(module).values():
            for result in getattr(function, "overloads", {}).values():
                for variable, kind in result.type_annotation.typemap.items():
                    members = [kind, *getattr(kind, "types", ())]
                    arrays += [
                        (module.__name__, function.__name__, variable, member.layout)
                        for member in members
                        if isinstance(member, types.Array)
                    ]
    assert len(arrays) > 100
    assert [array for array in arrays if array[-1] != "C"] == []
