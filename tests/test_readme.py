"""What the README shows is so."""

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs_and_scores_as_it_says(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    exec(code, {})
    assert float(capsys.readouterr().out) > 0.9


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README.read_text()))
def test_links_lead_somewhere(target):
    assert (README.parent / target).exists()
