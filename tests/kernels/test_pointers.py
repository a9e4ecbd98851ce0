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
def modules():
    """Return the instructions of each group, compiled in this process."""
    from sklearn_rnn._kernels._constants import GROUPS
    from sklearn_rnn._kernels._library import make_target_machine
    from sklearn_rnn._kernels._numba._entries import make_module

    machine = make_target_machine()
    return {group: make_module(group, machine) for group in GROUPS}


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


def test_instructions_do_not_convert_integers_to_pointers(modules):
    from sklearn_rnn._kernels._numba._entries import list_entries

    for group, module in modules.items():
        assert integers_to_pointers(str(module)) == []
        for entry in list_entries(group):
            code = str(module.get_function(entry.__name__))
            # an entry offsets pointers, or passes them on
            passes = re.search(r"call fastcc (void|i32) @\w+\(.*\bptr ", code)
            uses_pointers = "getelementptr" in code or passes
            assert uses_pointers or entry.__name__ == "spin"


def test_kernels_have_no_strided_arrays(modules):
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
