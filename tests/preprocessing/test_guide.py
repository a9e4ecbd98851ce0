"""The code of the guide runs."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "preprocessing.rst"
BLOCKS = re.findall(
    r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", GUIDE.read_text(), re.MULTILINE
)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_runs_after_what_stands_before_it(number):
    names = {}
    for block in BLOCKS[: number + 1]:
        exec(dedent(block), names)
