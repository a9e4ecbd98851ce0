"""Kernels for vectors of 4, 8 and 16 floats, and their source as Python.

The width is that of the processor, if nothing forces another one: so each runs in a
process of its own, where the tests of the kernels are run once more.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.numba

WIDTH = pytest.importorskip("sklearn_rnn._kernels._constants").WIDTH
# those tests themselves run at the processor's width
OTHER_WIDTHS = [width for width in ("4", "8", "16") if int(width) != WIDTH]
TESTS = Path(__file__).parents[1]
FILES = [
    *("kernels/test_rows.py", "kernels/test_batches.py", "kernels/test_product.py"),
    *("kernels/test_autograd.py", "kernels/test_adam.py"),
    *("kernels/test_convolution.py", "kernels/test_crf_kernels.py"),
    *("nn/test_vocabulary_loss.py", "nn/test_random_convolutions.py"),
    "nn/test_next_step_chain.py::test_looking_up_products_equals_multiplying_vectors",
    # whole networks
    *("nn/test_packed_attention.py", "nn/test_packed_networks.py"),
    "nn/test_random_chains.py::"
    "test_random_networks_have_the_gradients_of_torch_in_double_precision",
]
AS_PYTHON = """
import numpy as np
import torch
from sklearn_rnn import RNNClassifier, RNNTagger, config_context, nn

rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 6, 8)]
ids = [rng.integers(0, 5, n) for n in rng.integers(2, 6, 8)]
y, steps = np.arange(8) % 2, [(x[:, 0] > 0).astype(int) for x in X]
small = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}
plain = small | {"conv_channels": None, "pooling": "last"}
words_of = plain | {"embedding_dim": 2}
torch.manual_seed(0)
x, words = torch.randn(4, 3), torch.tensor([0, 20, -1, 4])
weight, bias = torch.randn(21, 3), torch.randn(21)


def predict(kernels):
    with config_context(kernels=kernels):
        for cell in ("gru", "lstm", "rnn"):
            yield RNNClassifier(cell=cell, **plain).fit(X, y).predict_proba(X)
        yield RNNClassifier(random_kernels=9, **plain).fit(X, y).predict_proba(X)
        yield RNNClassifier(ngrams=3, **words_of).fit(ids, y).predict_proba(ids)
        both = {"conv_channels": 4, "pooling": "attention", "dropout": 0.2}
        table = [np.column_stack([x, own]) for x, own in zip(X, steps)]
        mixed = RNNClassifier(categorical_features=[2], **plain)
        yield mixed.fit(table, y).predict_proba(table)
        for beside in (False, True):
            attending = RNNClassifier(conv_pooling=beside, **small, **both)
            yield attending.fit(X, y).predict_proba(X)
        yield RNNTagger(crf=True, **small).fit(X, steps).predict_proba(X).values
        yield from nn.vocabulary_gradients(x, weight, bias, words, torch.ones(4), 0.1)
        with torch.no_grad():
            yield from nn.find_most_probable(x @ weight.T, 3, 1)


# one after the other, since a setting is that of the thread
results = [list(predict(kernels)) for kernels in ("numba", "torch")]
for ours, torchs in zip(*results, strict=True):
    np.testing.assert_allclose(ours, torchs, rtol=1e-4, atol=1e-5)
"""


def run(arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("width", OTHER_WIDTHS)
def test_kernels_of_every_width_pass_the_tests_of_the_kernels(width):
    pytest_options = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    files = [str(TESTS / file) for file in FILES]
    done = run([*pytest_options, *files], SKLEARN_RNN_VECTOR_WIDTH=width)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d{3} passed", done.stdout)


@pytest.mark.parametrize("width", ["4", "8", "16"])
def test_the_width_is_forced(width):
    code = "from sklearn_rnn._kernels._constants import WIDTH; print(WIDTH)"
    done = run(["-c", code], SKLEARN_RNN_VECTOR_WIDTH=width)
    assert done.stdout.strip() == width


def test_another_width_is_refused_by_name():
    code = "import sklearn_rnn._kernels._constants"
    done = run(["-c", code], SKLEARN_RNN_VECTOR_WIDTH="5")
    assert "SKLEARN_RNN_VECTOR_WIDTH must be 4, 8 or 16. Got '5'" in done.stderr


def test_the_source_of_the_kernels_runs_as_python():
    done = run(
        ["-W", "ignore", "-c", AS_PYTHON],
        SKLEARN_RNN_PYTHON_KERNELS="1",
        SKLEARN_RNN_VECTOR_WIDTH="4",
    )
    assert done.returncode == 0, done.stderr[-3000:]
