"""What the pages of the documentation show is so."""

import doctest
import re
import runpy
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from test_public_api import PUBLIC

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CODE = DOCS / "how_to" / "code"
RUN_ELSEWHERE = {  # by the tests of
    "datasets.rst": "datasets, from a mirror",
    "inspection.rst": "inspection, with matplotlib",
    "inspection_states.rst": "inspection, with matplotlib",
    "inspection_steps.rst": "inspection, with matplotlib",
}
PAGES = sorted(
    str(page.relative_to(DOCS))
    for folder in (DOCS, DOCS / "how_to", DOCS / "development")
    for page in folder.glob("*.rst")
    if page.name not in RUN_ELSEWHERE
)
BLOCK = re.compile(
    r"^\.\. code-block:: python\n((?:   :.*\n)*)\n((?:   .*\n|\n)+)", re.MULTILINE
)
# what a file of docs/how_to/code needs that the tests do not install
NEEDS = {
    "keras_before.py": "keras",
    "aeon_before.py": "tensorflow",
    "onnx_forecaster.py": "onnxruntime",
    "onnx_generator.py": "onnxruntime",
    "onnx_service.py": "onnxruntime",
    "onnx_transcriber.py": "onnxruntime",
    "dask_search.py": "distributed",
    "duckdb_series.py": "duckdb",
    "onnx_translator.py": "onnxruntime",
    "postgresql_series.py": "psycopg",
    "ray_search.py": "ray",
}


def code_of(page):
    """Return (line, code block or example of a doctest), in order."""
    text = (DOCS / page).read_text()
    blocks = [
        (text[: m.start()].count("\n"), dedent(m[2])) for m in BLOCK.finditer(text)
    ]
    examples = doctest.DocTestParser().get_examples(text)
    return sorted([*blocks, *((e.lineno, e) for e in examples)], key=lambda c: c[0])


def run_example(example, names, page):
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    test = doctest.DocTest([example], {}, page, page, 0, None)
    test.globs = names  # as given: the constructor would copy them
    runner.run(test, clear_globs=False)
    assert runner.failures == 0, f"{page}, line {example.lineno + 1}"


@pytest.mark.parametrize("page", [page for page in PAGES if code_of(page)])
def test_the_code_of_a_page_runs_from_top_to_bottom(page, monkeypatch):
    monkeypatch.syspath_prepend(CODE)
    names = {"__name__": "__main__"}
    for _, code in code_of(page):
        if isinstance(code, str):
            exec(code, names)
        else:
            run_example(code, names, page)


SERVICE = "web_service.py"  # needs a model


@pytest.mark.parametrize(
    "name", sorted(path.name for path in CODE.glob("*.py") if path.name != SERVICE)
)
def test_included_code_runs(name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    runpy.run_path(str(CODE / name))


def test_the_web_service_predicts_and_explains_bad_requests():
    pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    names = runpy.run_path(str(CODE / "onnx_service.py"))
    client = testclient.TestClient(runpy.run_path(str(CODE / SERVICE))["app"])
    X = [x[:n].tolist() for x, n in zip(names["X"], (3, 1, 9), strict=False)]
    answer = client.post("/predict", json={"X": X})
    assert answer.status_code == 200
    expected = names["model"].predict_proba([np.array(x) for x in X])
    np.testing.assert_allclose(answer.json()["probabilities"], expected, atol=1e-5)
    for bad in ([], [[]], [[[1.0, 2.0]]], [[[None]]], [["x"]]):
        assert client.post("/predict", json={"X": bad}).status_code == 422


def test_the_api_page_has_every_public_name():
    page = (DOCS / "api.rst").read_text()
    listed = set()
    module = None
    for line in page.splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            listed.add((module, line.strip()))
    public = {(module, name) for module in PUBLIC for name in PUBLIC[module]}
    public -= {("sklearn_rnn.nn", "config_context")}  # listed as sklearn_rnn's
    assert public <= listed


def test_pages_and_examples_lead_to_each_other():
    for example in (ROOT / "examples").glob("plot_*.py"):
        pages = re.findall(r":doc:`/(\w+(?:/\w+)?)`", example.read_text())
        assert pages, example.name
        for page in pages:
            text = (DOCS / f"{page}.rst").read_text()
            label = f":ref:`sphx_glr_auto_examples_{example.name}`"
            assert label in text, f"{page} does not lead to {example.name}"


def test_every_figure_says_what_is_to_be_seen():
    for page in PAGES:
        text = (DOCS / page).read_text()
        for figure in re.split(r"^\s*\.\. (?:figure|image|plot):: ", text, flags=re.M)[
            1:
        ]:
            assert ":alt: " in figure.split("\n\n")[0], page


def test_the_speed_up_is_the_same_wherever_it_is_said():
    pages = ["README.md", "CHANGES.md", "docs/index.rst"]
    said = {
        tuple(re.findall(r"([\d.]+)\s+to\s+([\d.]+)\s+times\s+faster", text))
        for text in ((ROOT / page).read_text() for page in pages)
    }
    assert len(said) == 1
    assert len(said.pop()) == 1
