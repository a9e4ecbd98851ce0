"""Graphs of ONNX of estimators that write sequences, continue them or score steps."""

import json

import numpy as np
import pytest
import torch

from sklearn_rnn import RaggedArray, RNNTranscriber, nn
from sklearn_rnn.onnx import _graph, _modules, export

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

TINY = {"max_epochs": 1, "hidden_size": 5, "random_state": 0}
SHAPES = (1, 1), (2, 3), (4, 11)  # sequences, longest


def run(path, **inputs):
    """Return the outputs of a file by name, and its metadata."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, inputs), strict=True))
    return found, session.get_modelmeta().custom_metadata_map


def pad(sequences, fill=np.nan, dtype=np.float32):
    X = RaggedArray.from_sequences([np.reshape(x, (len(x), -1)) for x in sequences])
    return {"X": X.to_padded(fill).astype(dtype), "lengths": X.lengths}


def shake(module):
    """Draw the biases of recurrent layers and the head: near zero after one epoch."""
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "bias_" in name or name.startswith("head"):
                weight.normal_(generator=draws)


def check_that_flaws_are_found(estimator, X, monkeypatch, tmp_path):
    """A wrong flag or order of gates must raise an error, and leave no file."""
    right, gates = _graph.Graph.add, dict(_modules._GATES)

    def add(graph, operator, *inputs, **options):
        if operator == "GRU":
            options["linear_before_reset"] = 1 - options["linear_before_reset"]
        return right(graph, operator, *inputs, **options)

    for flaw in ("flag", "gates"):
        with monkeypatch.context() as patch:
            if flaw == "flag":
                patch.setattr(_graph.Graph, "add", add)
            else:
                patch.setitem(gates, nn.GRU, ("GRU", (0, 1, 2)))
                patch.setattr(_modules, "_GATES", gates)
            with pytest.raises(ValueError, match="predicts something else on check_X"):
                export(estimator, tmp_path / "model.onnx", check_X=X)
        assert not list(tmp_path.iterdir())


# Transcribers -------------------------------------------------------------------------


def decode_greedily(log_probabilities, n_frames, tokens):
    """Return the text of each row, as the how-to describes it."""
    texts = []
    for frames, n in zip(log_probabilities.argmax(axis=2), n_frames, strict=True):
        numbers = frames[:n]
        kept = numbers[np.diff(numbers, prepend=0) != 0]
        texts.append([tokens[k] for k in kept if k != 0])
    return texts


def make_texts(rng, n=8):
    texts = ["".join(rng.choice(list("abc"), k)) for k in rng.integers(1, 4, n)]
    return [rng.normal(size=(12 + 3 * len(t), 3)) for t in texts], texts


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "conv_channels": None, "upsample": 2},
        {"cell": "gru_reset_before", "num_layers": 2, "bidirectional": False},
        {"cell": "rnn", "conv_stride": (2, 1), "conv_channels": (4, 4)},
    ],
)
def test_transcribers(rng, options):
    X, texts = make_texts(rng)
    rnn = RNNTranscriber(**TINY | {"conv_channels": 4} | options).fit(X, texts)
    shake(rnn.module_)
    export(rnn, "model.onnx", check_X=X)
    for n, longest in SHAPES:
        new = [x[:longest] for x in X[:n]]
        found, metadata = run("model.onnx", **pad(new))
        expected = rnn.predict_log_proba(new)
        np.testing.assert_array_equal(found["n_frames"], expected.lengths)
        for row, right in zip(found["log_probabilities"], expected, strict=True):
            np.testing.assert_allclose(row[: len(right)], right, atol=1e-5)
        assert any(rnn.predict(new))
        decoded = decode_greedily(tokens=json.loads(metadata["tokens"]), **found)
        assert ["".join(tokens) for tokens in decoded] == list(rnn.predict(new))


def test_transcribers_of_token_ids(rng):
    X = [rng.integers(0, 9, 12) * 7 for _ in range(8)]
    y = [rng.integers(0, 3, 4).tolist() for _ in range(8)]
    rnn = RNNTranscriber(**TINY, embedding_dim=3, conv_channels=None, upsample=2)
    rnn.fit(X, y)
    shake(rnn.module_)
    new = [*X, np.array([5, 7])]  # 5 is unknown
    export(rnn, "model.onnx", check_X=new)
    found, metadata = run("model.onnx", **pad(new, 5, np.int64))
    decoded = decode_greedily(tokens=json.loads(metadata["tokens"]), **found)
    for tokens, right in zip(decoded, rnn.predict(new), strict=True):
        np.testing.assert_array_equal(tokens, right)


def test_a_wrong_transcriber_is_found(rng, monkeypatch, tmp_path):
    X, texts = make_texts(rng)
    rnn = RNNTranscriber(**TINY, conv_channels=4).fit(X, texts)
    shake(rnn.module_)
    check_that_flaws_are_found(rnn, X, monkeypatch, tmp_path)
    export(rnn, tmp_path / "model.onnx", check_X=X)
