"""Graphs of ONNX predict what the estimator predicts."""

import json
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
from sklearn_rnn.onnx import _crf, _modules, export
from sklearn_rnn.preprocessing import WordAttributes

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


NAMES = np.array(["Bern", "in", "oslo", "7", "Ö", "a-b"])
ATTRIBUTES = WordAttributes(["lower", "shape"]).fit([NAMES[:4].tolist()] * 3)


def make_columns(rng, n=12):
    """Several token ids a step."""
    sentences = [rng.choice(NAMES, k).tolist() for k in rng.integers(1, 12, n)]
    return ATTRIBUTES.transform(sentences), np.resize(["x", "y"], n)


MAKERS = {"tokens": make_tokens, "columns": make_columns}


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "lstm", "rnn"])
@pytest.mark.parametrize("kind", ["numbers", "stem", "tokens", "columns"])
def test_classifiers(rng, cell, kind):
    make = MAKERS.get(kind, make_numbers)
    embeds = kind in MAKERS
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
            embedding_dim=3 if embeds else "auto",
            nonlinearity="relu" if pooling == "max" else "tanh",
        ).fit(X, y)
        export(rnn, "model.onnx", check_X=X)
        for n, longest in SHAPES:
            new = make(rng, n)[0]
            if kind != "columns":
                new = [x[:longest] for x in new]
            found = run("model.onnx", list(new), 5 if embeds else np.nan)
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


@pytest.mark.parametrize("longest", [1, 2, 4])
def test_ngrams(rng, longest):
    X, y = make_tokens(rng, 60)
    rnn = RNNClassifier(**TINY, embedding_dim=2, ngrams=longest).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    X = [*X, [1000], [7, 1000, 14]]  # an unknown token
    found = run("model.onnx", X, -1)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(X), atol=1e-5)
    alone = RNNClassifier(**TINY, embedding_dim=2, ngrams=None).fit(*make_tokens(rng))
    assert np.abs(found - alone.predict_proba(X)).max() > 0.05


def test_convolutions_side_by_side_and_their_pooling(rng):
    X, y = make_numbers(rng)
    rnn = RNNClassifier(
        **TINY,
        conv_channels=(9, 4),
        conv_kernel_size=((2, 5), 3),
        conv_stride=(1, 2),
        conv_pooling=True,
        random_kernels=20,
    ).fit(X, y)
    rnn.module_.random_branch.set_network_share(0.8)
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


def test_random_kernels_of_classifiers_cut_the_last_step(rng):
    X, y = make_numbers(rng)
    y = np.where([x[-1, 0] > 0 for x in X], "a", "b")
    rnn = RNNClassifier(**TINY, conv_channels=3, random_kernels=20).fit(X, y)
    branch = rnn.module_.random_branch
    branch.set_network_share(0.0)
    branch.weight.zero_()  # of the kernels, which would decide alone
    branch.weight[:, :6] = torch.linspace(-0.1, 0.1, 12).reshape(2, 6)
    export(rnn, "model.onnx", check_X=X)
    X = [np.concatenate([x, np.full((1, x.shape[1]), 30.0)]) for x in X]
    found = run("model.onnx", X, np.nan)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_random_kernels_and_last_steps(rng, n_targets):
    X, _ = make_numbers(rng)
    y = np.array([[x.sum(), len(x)][:n_targets] for x in X]) * 1000
    rnn = RNNRegressor(**TINY, conv_channels=3, random_kernels=20).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    X = [*X, np.full((3, X[0].shape[1]), 1e6)]  # far away: within limits
    found = run("model.onnx", X, np.nan)["prediction"]
    expected = rnn.predict(X).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.1)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_several_quantiles(rng, n_targets):
    X, _ = make_numbers(rng)
    y = np.array([[x.sum(), len(x)][:n_targets] for x in X]) * 100
    options = {"loss": "quantile", "quantile": [0.1, 0.3, 0.5, 0.9]}
    rnn = RNNRegressor(**TINY, **options).fit(X, y)
    export(rnn, "model.onnx", check_X=X)
    found = run("model.onnx", X, np.nan)["prediction"]
    expected = rnn.predict(X).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    steps = RNNStepRegressor(**TINY, **options).fit(X, [x[:, 0] for x in X])
    export(steps, "steps.onnx", check_X=X)
    found = run("steps.onnx", X, np.nan)["prediction"]
    for row, expected in zip(found, steps.predict(X), strict=True):
        np.testing.assert_allclose(row[: len(expected), 0], expected, atol=1e-5)


def test_columns_of_categories(rng):
    """The graph reads the numbers of categories, which the metadata lists."""
    pd = pytest.importorskip("pandas")
    colours = ["red", "green", "blue"]
    frames = [
        pd.DataFrame(
            {
                "size": rng.normal(size=n),
                "colour": pd.Categorical(rng.choice(colours, n), colours),
                "weekday": rng.integers(0, 7, n),
            }
        )
        for n in rng.integers(1, 9, 12)
    ]
    rnn = RNNClassifier(**TINY, categorical_features=["colour", "weekday"])
    rnn.fit(frames, np.resize(["a", "b"], 12))
    export(rnn, "model.onnx", check_X=frames)
    session = ort.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    places = json.loads(metadata["categories"])["colour"]
    assert sorted(places) == sorted(colours)
    days = json.loads(metadata["categories"])["weekday"]
    rows = [
        np.c_[
            frame["size"],
            [places.index(name) for name in frame["colour"]],
            [days.index(day) for day in frame["weekday"]],
        ]
        for frame in frames
    ]
    found = run("model.onnx", rows, np.nan)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(frames), atol=1e-5)


def test_numbers_beside_unknown_categories(rng):
    X = [np.c_[rng.normal(size=n), rng.integers(0, 3, n)] for n in (3, 1, 5, 2)] * 3
    rnn = RNNClassifier(**TINY, categorical_features=[1]).fit(X, [0, 1, 0] * 4)
    new = [x + [0, 1] for x in X]
    export(rnn, "model.onnx", check_X=new)
    found = run("model.onnx", new, np.nan)["probabilities"]
    np.testing.assert_allclose(found, rnn.predict_proba(new), atol=1e-5)


SENTENCES = [
    ["Anna", "lives", "in", "Bern", "."],
    ["in", "Oslo"],
    ["Bernadette", "Ö", "lives", "."],
] * 4


@pytest.mark.parametrize("crf", [False, True])
def test_characters_of_words(crf):
    words = WordAttributes(["lower", "characters"], n_characters=6).fit(SENTENCES)
    X = words.transform(SENTENCES)
    labels = [["B-X" if w[0].isupper() else "O" for w in s] for s in SENTENCES]
    tagger = RNNTagger(**TINY, embedding_dim=3, crf=crf).fit(X, labels)
    export(tagger, "model.onnx", check_X=X)
    new = words.transform([["Bo", "ünknown", "Annas"], ["!"]])
    found = run("model.onnx", list(new), 0)
    for name, expected in (("label", tagger.predict(new)), ("probabilities", None)):
        expected = tagger.predict_proba(new) if expected is None else expected
        for row, right in zip(found[name], expected, strict=True):
            if name == "label":
                np.testing.assert_array_equal(row[: len(right)], right)
            else:
                np.testing.assert_allclose(row[: len(right)], right, atol=1e-5)


def make_field(rng, scheme=None):
    """Return a fitted tagger with a CRF whose transitions matter, and X."""
    X = [rng.normal(size=(n, 3)) for n in rng.integers(1, 12, 12)]
    names = ["O", "B-A", "I-A", "B-B", "I-B"]
    labels = [[names[k] for k in walk(rng, len(x))] for x in X]
    tagger = RNNTagger(**TINY, crf=True, scheme=scheme).fit(X, labels)
    with torch.no_grad():
        for scores in tagger.module_.crf.parameters():
            scores.copy_(torch.from_numpy(rng.normal(size=scores.shape) * 2))
    return tagger, X


def walk(rng, n):
    """Return labels that keep to the scheme."""
    found = []
    for _ in range(n):
        last = found[-1] if found else 0
        choices = [0, 1, 3] + ([last + last % 2] if last else [])
        found.append(int(rng.choice(choices)))
    return found


@pytest.mark.parametrize("scheme", [None, "iob2"])
def test_a_field_finds_the_best_path_and_marginals(rng, scheme):
    tagger, X = make_field(rng, scheme)
    export(tagger, "model.onnx", check_X=X)
    for n, longest in SHAPES:
        new = [x[:longest] for x in X[:n]]
        found = run("model.onnx", new, np.nan)
        marginals = tagger.predict_proba(new)
        for i, expected in enumerate(tagger.predict(new)):
            n_steps = len(expected)
            np.testing.assert_array_equal(found["label"][i, :n_steps], expected)
            p = found["probabilities"][i, :n_steps]
            np.testing.assert_allclose(p, marginals[i], atol=1e-5)
            if scheme is not None:
                assert (p[marginals[i] == 0] == 0).all()


@pytest.mark.parametrize("flaw", ["start", "end", "transitions", "order"])
def test_a_wrong_field_is_found(rng, monkeypatch, tmp_path, flaw):
    tagger, X = make_field(rng)
    right = _crf._forbid
    if flaw == "order":
        monkeypatch.setattr(
            _crf, "_forbid", lambda g, s, allowed: right(g, s.flip(0), allowed)
        )
    else:
        name = "transitions" if flaw == "transitions" else f"{flaw}_transitions"
        wrong = getattr(tagger.module_.crf, name)
        monkeypatch.setattr(
            _crf,
            "_forbid",
            lambda g, s, allowed: right(g, s * 0 if s is wrong else s, allowed),
        )
    with pytest.raises(ValueError, match="predicts something else on check_X"):
        export(tagger, tmp_path / "model.onnx", check_X=X)
    assert not list(tmp_path.iterdir())


def test_a_worse_path_is_found(rng, monkeypatch, tmp_path):
    """Also if the marginals are right."""
    tagger, X = make_field(rng)
    right = _crf._Field._add_paths

    def add_paths(field):
        field.start = field.graph.add("Neg", field.start)
        labels = right(field)
        field.start = field.graph.add("Neg", field.start)
        return labels

    monkeypatch.setattr(_crf._Field, "_add_paths", add_paths)
    with pytest.raises(ValueError, match="paths of labels are less probable"):
        export(tagger, tmp_path / "model.onnx", check_X=X)


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


@pytest.mark.parametrize(
    ("cell", "flaw"),
    [
        ("gru", "flag"),
        ("gru_reset_before", "flag"),
        ("gru", "gates"),
        ("gru", "lengths"),
    ],
)
def test_a_wrong_graph_is_found_and_not_written(rng, monkeypatch, tmp_path, cell, flaw):
    X, y = make_numbers(rng)
    options = {"bidirectional": False, "pooling": "last", "conv_channels": None}
    rnn = RNNClassifier(**TINY, cell=cell, **options).fit(X, y)
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
            if flaw == "flag" and operator == "GRU":
                options["linear_before_reset"] = 1 - options["linear_before_reset"]
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
    with pytest.raises(TypeError, match=r"export takes one of .* Got str instead"):
        export("model", "m.onnx")
    with pytest.raises(NotFittedError, match="not fitted"):
        export(RNNClassifier(), "m.onnx")
