"""No kernel makes a pointer of a whole number: LLVM may miscompile such code."""

from pathlib import Path

import pytest

import sklearn_rnn

pytestmark = pytest.mark.numba

SOURCES = Path(sklearn_rnn.__file__).parent / "_kernels" / "_numba"


def test_the_sources_write_no_instruction_that_turns_a_number_into_a_pointer():
    sources = list(SOURCES.glob("*.py"))
    assert len(sources) > 8
    for source in sources:
        assert "inttoptr(" not in source.read_text(), source.name


def test_instructions_of_the_kernels_turn_no_number_into_a_pointer():
    from numba import njit, types

    from sklearn_rnn._kernels._numba._entries import ENTRIES, find_types
    from sklearn_rnn._kernels._numba._math import JIT

    assert len(ENTRIES) > 15
    for entry in ENTRIES:
        signature = types.void(*find_types(entry))
        code = njit(signature, **JIT)(entry).inspect_llvm(signature.args)
        assert "getelementptr" in code or entry.__name__ == "spin", entry.__name__
        # older versions of LLVM do so themselves when they reduce loop variables
        # (lsr); ptrtoint is there where LLVM compares where arrays lie
        assert "inttoptr" not in code or "%lsr" in code, entry.__name__
