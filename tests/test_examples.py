"""Every example of the gallery has its parts, and runs, with its data and without."""

import ast
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted(
    (Path(__file__).resolve().parents[1] / "examples").glob("plot_*.py"),
    key=lambda path: path.stem,
)
DOWNLOADS = [path for path in EXAMPLES if "fetch_" in path.read_text()]
NO_SERVER = "http://127.0.0.1:9"  # the port of "discard", on which no server listens


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


@named(EXAMPLES)
def test_example_has_a_title_prose_and_a_figure(path):
    code = path.read_text()
    title, line, blank, *prose = ast.get_docstring(ast.parse(code)).split("\n")
    assert line == "=" * len(title)
    assert blank == ""
    assert len(" ".join(prose)) > 100
    assert code.count("\n# %%\n# ") >= 2  # blocks that begin with prose
    name = path.stem.removeprefix("plot_")
    assert f'.savefig("{name}.png"' in code


@pytest.mark.slow
@named(EXAMPLES)
def test_example_runs_and_draws(path, request, tmp_path, capsys):
    if path in DOWNLOADS:
        request.getfixturevalue("mirror")
    run(path, tmp_path)
    assert "Could not download" not in capsys.readouterr().out


@pytest.mark.slow
@named(DOWNLOADS)
def test_example_runs_without_a_network_and_says_so(
    path, home, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("SKLEARN_RNN_MIRROR", NO_SERVER)
    run(path, tmp_path)
    out = capsys.readouterr().out
    assert f"Could not download {NO_SERVER}" in out
    assert "instead." in out


def run(path, folder):
    """Run an example as a script; it must leave its figure in the working directory."""
    import matplotlib.pyplot as plt

    runpy.run_path(str(path), run_name="__main__")
    plt.close("all")
    figure = folder / f"{path.stem.removeprefix('plot_')}.png"
    assert figure.stat().st_size > 10_000
