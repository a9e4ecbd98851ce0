"""The code of the guide runs."""

import doctest
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["inspection_states.rst", "inspection_steps.rst"])
def test_the_examples_of_the_page_are_right(page):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    path = str(DOCS / page)
    failed, tried = doctest.testfile(path, module_relative=False, optionflags=options)
    plt.close("all")
    assert (failed, tried > 0) == (0, True)
