"""The code of the guide runs."""

import re
from pathlib import Path
from textwrap import dedent

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "inspection.rst"
BLOCKS = re.findall(
    r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", GUIDE.read_text(), re.MULTILINE
)


def test_the_code_runs_from_the_first_block_to_the_last(pyplot):
    names = {}
    for block in BLOCKS:
        exec(dedent(block), names)
    assert names["far_back"] > 0
    assert len(names["result"].names) == 4
