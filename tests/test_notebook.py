"""In a notebook: the diagram, the learning curve, the progress bar."""

import re
from xml.etree import ElementTree

import nbformat
import pytest
import sklearn
from nbclient import NotebookClient

from sklearn_rnn import RNNClassifier
from sklearn_rnn.utils._html import learning_curve_svg

CELLS = [
    """
import numpy as np
from sklearn_rnn import RNNClassifier
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 6, 2)), np.arange(40) % 2
classifier = RNNClassifier(hidden_size=4, max_epochs=12, verbose=1, random_state=0)
classifier
""",
    "classifier.fit(X, y, X_val=X, y_val=y)",
]


@pytest.mark.filterwarnings("ignore")
def test_notebook_shows_diagram_curve_and_bar(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    unfitted, fitted = (
        "".join(
            str(output.get("data", {}).get("text/html", "")) + output.get("text", "")
            for output in cell.outputs
        )
        for cell in notebook.cells
    )
    assert "RNNClassifier" in unfitted
    assert "<svg role=" not in unfitted
    assert "Learning curve over 12 epochs" in fitted
    assert "12/12" in str(notebook)  # as text, or in the state of a widget


def test_curve_is_valid_svg_with_the_numbers(ragged):
    classifier = RNNClassifier(hidden_size=3, max_epochs=4, random_state=0)
    assert "<svg role=" not in classifier._repr_html_()
    html = classifier.fit(*ragged)._repr_html_()
    assert "<svg role=" in classifier._repr_mimebundle_()["text/html"]
    svg = ElementTree.fromstring(re.search(r"<svg role=.*?</svg>", html)[0])
    (line,) = svg.iter("polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    assert len(points) == 4
    heights = [y for _, y in points]
    losses = classifier.loss_curve_
    assert heights.index(min(heights)) == losses.index(max(losses))  # y points down
    assert f"{losses[-1]:.3g}" in html


def test_curve_of_one_epoch_or_equal_losses_is_drawn():
    assert "nan" not in learning_curve_svg([0.5])
    assert "nan" not in learning_curve_svg([0.5, 0.5], [1.0, 1.0])
    assert learning_curve_svg([]) == ""


def test_text_display_has_no_html(ragged):
    with sklearn.config_context(display="text"):
        classifier = RNNClassifier(max_epochs=1, hidden_size=2).fit(*ragged)
        assert "text/html" not in classifier._repr_mimebundle_()
