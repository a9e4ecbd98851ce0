"""Graphs of ONNX predict what the estimator predicts."""

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
)
from sklearn_rnn.onnx import _modules, export

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

TINY = {"max_epochs": 1, "hidden_size": 5, "random_state": 0}
SHAPES = (1, 1), (2, 3), (4, 11)  # sequences, longest


def make_numbers(rng, n=12):
    X = [rng.normal(size=(length, 3)) for length in rng.integers(1, 12, n)]
    return X, np.resize(["a", "b", "c"], n)


def make_tokens(rng, n=12):
    X = [rng.integers(0, 9, length) * 7 for length in rng.integers(1, 12, n)]
    return X, np.resize([10, 20, 30], n)


def run(path, X, fill):
    X = RaggedArray.from_sequences([np.asarray(x).reshape(len(x), -1) for x in X])
    padded = X.to_padded(fill)
    if np.isnan(fill):
        padded = padded.astype(np.float32)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(None, {"X": padded, "lengths": X.lengths})
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("kind", ["numbers", "stem", "tokens"])
def test_classifiers(rng, cell, kind):
    make = make_tokens if kind == "tokens" else make_numbers
    X, y = make(rng)
    poolings = "last", "mean", "max", "meanmax", "attention"
    for pooling, bidirectional in product(poolings, (False, True)):
        rnn = RNNClassifier(
            **TINY,
            cell=cell,
            pooling=pooling,
            bidirectional=bidirectional,
            num_layers=2 if pooling == "mean" else 1,
            conv_channels=(4, 1) if kind == "stem" else None,
            conv_kernel_size=4,
            embedding_dim=3 if kind == "tokens" else "auto",
            nonlinearity="relu" if pooling == "max" else "tanh",
        ).fit(X, y)
        export(rnn, "model.onnx", check_X=X)
        for n, longest in SHAPES:
            new = [x[:longest] for x in make(rng, n)[0]]
            found = run("model.onnx", new, 5 if kind == "tokens" else np.nan)
            expected = rnn.predict_proba(new)
            np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
            np.testing.assert_array_equal(found["label"], rnn.predict(new))


def test_a_reset_gate_before_the_product(rng):
    X, y = make_numbers(rng)
    rnn = RNNClassifier(**TINY, cell="gru_reset_before", num_layers=2).fit(X, y)
    with torch.no_grad():  # biases are near zero after one epoch
        for layer in rnn.module_.encoder.forward_layers:
            for weight in layer.weights[2:]:
                weight.copy_(torch.from_numpy(rng.normal(size=weight.shape)))
    export(rnn, "model.onnx", check_X=X)
    found = run("model.onnx", X, np.nan)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(X), atol=1e-5)


def test_convolutions_side_by_side_and_their_pooling(rng):
    X, y = make_numbers(rng)
    rnn = RNNClassifier(
        **TINY,
        conv_channels=(9, 4),
        conv_kernel_size=((2, 5), 3),
        conv_stride=(1, 2),
        conv_pooling=True,
    ).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    found = run("model.onnx", X, np.nan)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gaussian"])
def test_regressors(rng, loss):
    X, _ = make_numbers(rng)
    y = np.array([[abs(x.sum()), len(x)] for x in X]) * 1000
    rnn = RNNRegressor(**TINY, loss=loss).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    found = run("model.onnx", X, np.nan)["prediction"]
    np.testing.assert_allclose(found, rnn.predict(X), rtol=1e-4)


def test_tables_and_several_labels(rng):
    X = rng.normal(size=(12, 6))
    y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    rnn = RNNClassifier(**TINY).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    found = run("model.onnx", X, np.nan)
    np.testing.assert_array_equal(found["label"], rnn.predict(X))


def test_steps(rng):
    X, _ = make_numbers(rng)
    labels = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    tagger = RNNTagger(**TINY, conv_channels=4).fit(X, labels)
    export(tagger, "tagger.onnx", check_X=X)
    found = run("tagger.onnx", X, np.nan)["label"]
    for row, expected in zip(found, tagger.predict(X), strict=True):
        np.testing.assert_array_equal(row[: len(expected)], expected)
    regressor = RNNStepRegressor(**TINY).fit(X, [x[:, 0] for x in X])
    export(regressor, "regressor.onnx", check_X=X)
    found = run("regressor.onnx", X, np.nan)["prediction"]
    for row, expected in zip(found, regressor.predict(X), strict=True):
        np.testing.assert_allclose(row[: len(expected), 0], expected, atol=1e-5)


def test_the_file_describes_itself(rng):
    pd = pytest.importorskip("pandas")
    X, y = make_numbers(rng)
    frames = [pd.DataFrame(x, columns=["ax", "ay", "az"]) for x in X]
    export(RNNClassifier(**TINY).fit(frames, y), "model.onnx")
    session = ort.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", "time", 3]
    described = session.get_modelmeta().custom_metadata_map
    assert described["class"] == "RNNClassifier"
    assert described["feature_names"] == "ax\nay\naz"


@pytest.mark.parametrize("flaw", ["flag", "gates", "lengths"])
def test_a_wrong_graph_is_found_and_not_written(rng, monkeypatch, tmp_path, flaw):
    X, y = make_numbers(rng)
    options = {"bidirectional": False, "pooling": "last", "conv_channels": None}
    rnn = RNNClassifier(**TINY, **options).fit(X, y)
    with torch.no_grad():  # biases are zero at first
        for weight in rnn.module_.encoder.forward_layers[0].weights[2:]:
            weight.copy_(torch.from_numpy(rng.normal(size=weight.shape)))
    export(rnn, tmp_path / "model.onnx", check_X=X)
    (tmp_path / "model.onnx").unlink()
    if flaw == "gates":
        kind = type(rnn.module_.encoder.forward_layers[0])
        monkeypatch.setitem(_modules._GATES, kind, ("GRU", (0, 1, 2)))
    else:
        right = _modules.Graph.add

        def add(graph, operator, *inputs, **options):
            if flaw == "flag":
                options.pop("linear_before_reset", None)
            elif operator == "GRU":
                inputs = inputs[:-1]
            return right(graph, operator, *inputs, **options)

        monkeypatch.setattr(_modules.Graph, "add", add)
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(rnn, tmp_path / "model.onnx", check_X=X)
    assert not list(tmp_path.iterdir())


class Cell(torch.nn.Module):
    """A cell of one's own."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.linear = torch.nn.Linear(input_size, hidden_size)

    def forward(self, x, lengths, state=None):
        return torch.tanh(self.linear(x)), None


def test_what_cannot_be_exported_is_named(rng):
    X, y = make_numbers(rng)
    with pytest.raises(ValueError, match=r"cannot be exported: Cell has no operators"):
        export(RNNClassifier(**TINY, cell=Cell, pooling="max").fit(X, y), "m.onnx")
    hooked = RNNClassifier(**TINY).fit(X, y)
    hooked.module_.head.register_forward_hook(print)
    with pytest.raises(ValueError, match=r"module_\.head has hooks"):
        export(hooked, "m.onnx")
    tagger = RNNTagger(**TINY, crf=True).fit(X, [x[:, 0] > 0 for x in X])
    with pytest.raises(ValueError, match="CRF has no operators"):
        export(tagger, "m.onnx")
    with pytest.raises(TypeError, match=r"export takes one of .* Got str instead"):
        export("model", "m.onnx")
    with pytest.raises(NotFittedError, match="not fitted"):
        export(RNNClassifier(), "m.onnx")
