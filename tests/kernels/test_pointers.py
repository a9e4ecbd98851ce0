"""No kernel makes a pointer of a whole number: LLVM may miscompile such code."""

import pytest

pytestmark = pytest.mark.numba


def test_instructions_of_the_kernels_turn_no_number_into_a_pointer():
    from numba import njit, types

    from sklearn_rnn._kernels._numba._entries import ENTRIES, find_types
    from sklearn_rnn._kernels._numba._math import JIT

    assert len(ENTRIES) > 15
    for entry in ENTRIES:
        signature = types.void(*find_types(entry))
        code = njit(signature, **JIT)(entry).inspect_llvm(signature.args)
        assert "getelementptr" in code or entry.__name__ == "spin", entry.__name__
        # ptrtoint is there: LLVM compares where arrays lie before it vectorises
        assert "inttoptr" not in code, entry.__name__
