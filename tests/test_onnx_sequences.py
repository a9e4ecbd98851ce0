"""Graphs of ONNX of estimators that write sequences, continue them or score steps."""

import json
import re
import warnings

import numpy as np
import pytest
import torch

import sklearn_rnn
from sklearn_rnn import (
    RaggedArray,
    RNNAnomalyDetector,
    RNNForecaster,
    RNNGenerator,
    RNNTranscriber,
    RNNTranslator,
    nn,
)
from sklearn_rnn.onnx import (
    _detector,
    _forecaster,
    _graph,
    _modules,
    _translator,
    export,
)

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


# Forecasters --------------------------------------------------------------------------

SEVERAL = {"target_features": [2, 0], "known_features": [1]}


def make_series(rng, n_features=1, n=4):
    shape = (30, n_features)
    return [
        1e4 + 100 * rng.normal(size=shape).cumsum(axis=0)[: 18 + 3 * i]
        for i in range(n)
    ]


def fit_forecaster(X, **options):
    options = {"horizon": 5, "context": 8, "segment_length": 3} | options
    rnn = RNNForecaster(**TINY, **options).fit(X)
    shake(rnn.module_)
    return rnn


@pytest.mark.parametrize(
    ("n_features", "options"),
    [
        (1, {}),
        (1, {"scaling": "robust", "context": 7, "cell": "lstm", "num_layers": 2}),
        (1, {"scaling": "mean", "quantiles": np.array([0.9, 0.25])}),
        (3, {"scaling": None, "target_features": [2, 0]}),
        (3, {"target_features": [0], "known_features": [2]}),
        (3, {"quantiles": (0.1, 0.5, 0.8), **SEVERAL}),
        (3, {"quantiles": (0.3, 0.8), "calibration_origins": 4, **SEVERAL}),
    ],
)
def test_forecasters(rng, n_features, options):
    X = make_series(rng, n_features)
    rnn = fit_forecaster(X, **options)
    export(rnn, "model.onnx", check_X=X)
    has_known = "known_features" in options
    for n, longest in ((1, 1), (2, 6), (4, 30)):  # shorter than a window, too
        new = [x[:longest] for x in X[:n]]
        future = 1e4 + 100 * rng.normal(size=(n, 5, 1)) if has_known else None
        inputs = pad(new, dtype=np.float64)
        atol = 1e-5 * (1e4 if longest == 1 else 100)  # of the scale of a window
        if has_known:
            inputs["X_future"] = future
        found, _ = run("model.onnx", **inputs)
        expected = rnn.predict(new, future).reshape(found["prediction"].shape)
        np.testing.assert_allclose(found["prediction"], expected, atol=atol)
        if "quantiles" in options:
            expected = rnn.predict_quantiles(new, X_future=future)
            expected = expected.reshape(found["quantiles"].shape)
            np.testing.assert_allclose(found["quantiles"], expected, atol=atol)


def test_a_flat_window_has_a_scale(rng):
    X = make_series(rng)
    rnn = fit_forecaster(X)
    new = [np.full(9, 3.0), np.zeros(9)]
    export(rnn, "model.onnx", check_X=new)
    found, metadata = run("model.onnx", **pad(new, dtype=np.float64))
    np.testing.assert_allclose(found["prediction"][..., 0], rnn.predict(new), atol=1e-4)
    assert json.loads(metadata["context"]) == 8


def test_a_wrong_forecaster_is_found(rng, monkeypatch, tmp_path):
    X = make_series(rng, 3)
    rnn = fit_forecaster(X, **SEVERAL)
    check_that_flaws_are_found(rnn, X, monkeypatch, tmp_path)
    export(rnn, tmp_path / "model.onnx", check_X=X)


@pytest.mark.parametrize("flaw", ["FARTHEST", "Median", "mark"])
def test_a_wrong_window_is_found(rng, monkeypatch, tmp_path, flaw):
    X = make_series(rng, 3)
    rnn = fit_forecaster(X, scaling="robust", **SEVERAL)
    forecast = _forecaster._Forecast
    if flaw == "FARTHEST":
        monkeypatch.setattr(_forecaster, "FARTHEST", 0.5)
    elif flaw == "Median":
        take_last = lambda own: own.graph.add(  # noqa: E731
            "Gather", own.past, own.graph.integers(-1), axis=2
        )
        monkeypatch.setattr(forecast, "_add_median", take_last)
    else:
        right = forecast._pad
        monkeypatch.setattr(
            forecast, "_pad", lambda own, x, **k: right(own, x, **k | {"value": 0.0})
        )
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(rnn, tmp_path / "model.onnx", check_X=X)
    assert not list(tmp_path.iterdir())


# Generators ---------------------------------------------------------------------------

WORDS = ["anna", "nora", "hanna", "o", "flora", ""]


def read_steps(path, X, y=None):
    """Return probabilities after all steps, read at once and one by one."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    n_units = session.get_inputs()[2].shape[1]
    classes = {} if y is None else {"y": y}
    state = np.zeros((1, n_units), np.float32)
    for x_t in X:
        inputs = {"X": x_t[np.newaxis, np.newaxis], "lengths": np.ones(1, np.int64)}
        by_step, state = session.run(None, {**inputs, "state": state, **classes})
    inputs = {"X": X[np.newaxis], "lengths": np.array([len(X)])}
    state = np.zeros((1, n_units), np.float32)
    return by_step[0], session.run(None, {**inputs, "state": state, **classes})[0][0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "num_layers": 2, "tie_weights": False},
        {"cell": "gru_reset_before", "embedding_dim": 3, "end_token": False},
        {"cell": "rnn", "hidden_size": (5, 4), "level": "word"},
    ],
)
def test_generators(options):
    rnn = RNNGenerator(**TINY | options).fit(WORDS)
    shake(rnn.module_)
    export(rnn, "model.onnx", check_X=WORDS)
    session = ort.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    tokens = json.loads(metadata["tokens"])
    assert tokens == rnn.tokens_.tolist()
    for text in ("nanar", ""):
        parts = text if rnn.level == "char" else text.split()
        numbers = [0, *(tokens.index(t) if t in tokens else 1 for t in parts)]
        for found in read_steps("model.onnx", np.array(numbers)[:, np.newaxis]):
            p = rnn.predict_proba([text])[0]
            np.testing.assert_allclose(np.exp(found), p, atol=1e-5)


@pytest.mark.parametrize("classes", [["b", "a"], [3, 7]])
def test_generators_of_classes(rng, classes):
    X = [rng.integers(5, 9, n) for n in (3, 6, 1, 4)]
    rnn = RNNGenerator(**TINY).fit(X, np.resize(classes, 4))
    shake(rnn.module_)
    export(rnn, "model.onnx", check_X=X)
    numbers = np.r_[0, rnn.tokens_.tolist().index(X[0][0])][:, np.newaxis]
    for k, y in enumerate(rnn.classes_):
        p = rnn.predict_proba([X[0][:1]], [y])[0]
        for found in read_steps("model.onnx", numbers, np.array([k])):
            np.testing.assert_allclose(np.exp(found), p, atol=1e-5)


def test_generators_of_notes(rng):
    X = [rng.integers(0, 2, (n, 3)) for n in (3, 6, 2, 4)]
    rnn = RNNGenerator(**TINY).fit(X)
    shake(rnn.module_)
    export(rnn, "model.onnx", check_X=X)
    steps = np.r_[np.zeros((1, 3)), X[0]].astype(np.float32)
    for found in read_steps("model.onnx", steps):
        np.testing.assert_allclose(found, rnn.predict_proba(X[:1])[0], atol=1e-5)


def test_a_wrong_generator_is_found(monkeypatch, tmp_path):
    rnn = RNNGenerator(**TINY).fit(WORDS)
    shake(rnn.module_)
    check_that_flaws_are_found(rnn, WORDS, monkeypatch, tmp_path)
    export(rnn, tmp_path / "model.onnx", check_X=WORDS)


def test_a_state_of_the_wrong_layer_is_found(monkeypatch, tmp_path):
    rnn = RNNGenerator(**TINY, num_layers=2).fit(WORDS)
    shake(rnn.module_)
    right = _modules._split
    swap = lambda *arguments: right(*arguments)[::-1]  # noqa: E731
    monkeypatch.setattr(_modules, "_split", swap)
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(rnn, tmp_path / "model.onnx", check_X=WORDS)
    assert not list(tmp_path.iterdir())


# Detectors ----------------------------------------------------------------------------


def fit_detector(rng, n_features=2, **options):
    X = [rng.normal(size=(n, n_features)).cumsum(axis=0) for n in (60, 75, 90)]
    options = {"context": 4, "smoothing": 5, "max_epochs": 3} | options
    rnn = RNNAnomalyDetector(**TINY | options).fit(X)
    shake(rnn.module_)
    rnn._network_share = np.full_like(
        rnn._network_share, 0.7
    )  # of a real fit it may be 0
    return rnn, X


@pytest.mark.parametrize(
    ("n_features", "options"),
    [
        (2, {}),
        (1, {"season_length": 7, "cell": "lstm", "num_layers": 2}),
        (3, {"aggregation": "mean", "cell": "rnn", "contamination": 0.1}),
    ],
)
def test_detectors(rng, n_features, options):
    rnn, X = fit_detector(rng, n_features, **options)
    export(rnn, "model.onnx", check_X=X)
    X[0][30] += 20
    for n, longest in ((1, 1), (2, 9), (3, 90)):  # shorter than a past, too
        new = [x[:longest] for x in X[:n]]
        found, _ = run("model.onnx", **pad(new, dtype=np.float64))
        scores = rnn.score_steps(new)
        for row, expected in zip(found["score_steps"], scores, strict=True):
            np.testing.assert_allclose(row[: len(expected)], expected, atol=1e-5)
        np.testing.assert_allclose(
            found["score_samples"], rnn.score_samples(new), atol=1e-5
        )
        np.testing.assert_array_equal(found["predict"], rnn.predict(new))
    assert found["score_steps"].max() > rnn.step_threshold_


def test_a_wrong_detector_is_found(rng, monkeypatch, tmp_path):
    rnn, X = fit_detector(rng)
    check_that_flaws_are_found(rnn, X, monkeypatch, tmp_path)
    export(rnn, tmp_path / "model.onnx", check_X=X)


@pytest.mark.parametrize("flaw", ["_smooth", "_go_back", "FARTHEST_INPUT"])
def test_wrong_scores_are_found(rng, monkeypatch, tmp_path, flaw):
    rnn, X = fit_detector(rng)
    if flaw == "FARTHEST_INPUT":
        monkeypatch.setattr(_detector, flaw, 1.0)
    else:
        leave = {"_smooth": lambda own, e: e, "_go_back": lambda own, n: own.places}
        monkeypatch.setattr(_detector._Scores, flaw, leave[flaw])
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(rnn, tmp_path / "model.onnx", check_X=X)
    assert not list(tmp_path.iterdir())


# Translators --------------------------------------------------------------------------


def translate(X, lengths, n_steps):
    """Return numbers of target tokens by greedy decoding; those after the end too."""
    found, _ = run("model.encoder.onnx", X=X, lengths=lengths)
    state = found.pop("state")
    if found:
        found["lengths"] = lengths
    y, numbers = np.zeros(len(X), np.int64), []
    for _ in range(n_steps):
        step, _ = run("model.decoder.onnx", y=y, state=state, **found)
        state, log_p = step["state_after"], step["log_probabilities"]
        log_p[:, 1] = -np.inf
        y = log_p.argmax(axis=1)
        numbers.append(y)
    return np.stack(numbers, axis=1)


def cut_at_end(numbers):
    return numbers[: np.flatnonzero(np.r_[numbers, 0] == 0)[0]]


GREEDY = {"beam_size": 1, "max_length": 6, "level": "char"}
TARGETS = ["Anna x", "No", "Hanna", "O", "flo ra", ""]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "hidden_size": (5, 4), "tie_weights": False},
        {"cell": "gru_reset_before", "bidirectional": False, "attention": False},
        {"cell": "rnn", "num_layers": 2, "target_level": "word"},
    ],
)
@pytest.mark.parametrize("kind", ["texts", "features"])
def test_translators(rng, options, kind):
    texts = kind == "texts"
    X = WORDS if texts else [rng.normal(size=(n, 2)) for n in range(1, 7)]
    rnn = RNNTranslator(**TINY | GREEDY | options)
    rnn.fit(X, TARGETS)
    shake(rnn.module_)
    with torch.no_grad():
        rnn.module_.decoder.head.bias[0] = -1  # the end is seldom the first token
    export(rnn, "model.onnx", check_X=X)
    if texts:
        tokens = rnn.tokens_.tolist()
        X = [*WORDS, "nanza"]  # z is unknown
        steps = [[*(tokens.index(c) if c in tokens else 1 for c in x), 0] for x in X]
        padded = pad(steps, 3, np.int64)
    else:
        padded = pad(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some have no end yet
        expected = rnn.predict(X)
    codec = rnn._target_codec
    numbers = [cut_at_end(row) for row in translate(**padded, n_steps=6)]
    assert list(codec.decode(numbers)) == list(expected)
    assert any(expected)


def test_translators_of_token_ids(rng):
    X = [rng.integers(3, 9, n) for n in (3, 6, 1, 4)]
    y = [x[::-1].tolist() for x in X]
    rnn = RNNTranslator(**TINY).fit(X, y)
    shake(rnn.module_)
    export(rnn, "model.onnx", check_X=X)
    _, metadata = run("model.encoder.onnx", **pad([[0], [2, 0]], 0, np.int64))
    assert json.loads(metadata["tokens"]) == rnn.tokens_.tolist()


def test_a_wrong_translator_is_found(monkeypatch, tmp_path):
    rnn = RNNTranslator(**TINY).fit(WORDS, TARGETS)
    shake(rnn.module_)
    check_that_flaws_are_found(rnn, WORDS, monkeypatch, tmp_path)
    export(rnn, tmp_path / "model.onnx", check_X=WORDS)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model.decoder.onnx", "model.encoder.onnx"]


@pytest.mark.parametrize("flaw", ["cell", "context"])
def test_a_wrong_decoder_is_found(monkeypatch, tmp_path, flaw):
    rnn = RNNTranslator(**TINY, cell="lstm").fit(WORDS, TARGETS)
    shake(rnn.module_)
    if flaw == "cell":  # begins like the state
        twice = lambda graph, module, ends: graph.add(  # noqa: E731
            "Concat", *[_modules.add_linear(graph, module.bridge, ends)] * 2, axis=1
        )
        monkeypatch.setattr(_translator, "_add_start", twice)
    else:  # reads padding
        monkeypatch.setattr(_translator, "set_padding", lambda graph, x, *_: x)
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(rnn, tmp_path / "model.onnx", check_X=WORDS)
    assert not list(tmp_path.iterdir())


# All ----------------------------------------------------------------------------------


def test_every_estimator_can_be_exported():
    names = {name for name in sklearn_rnn.__all__ if name.startswith("RNN")}
    names.remove("RNNStream")
    with pytest.raises(TypeError, match="export takes one of") as error:
        export("model", "model.onnx")
    assert set(re.findall(r"'(RNN\w+)'", str(error.value))) == names
