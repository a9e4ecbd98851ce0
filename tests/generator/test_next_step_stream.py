"""Streams of generators: the next step as a batch predicts it, to the last bit."""

import pickle

import numpy as np
import pytest

from sklearn_rnn import RNNGenerator

SMALL = {"hidden_size": 7, "max_epochs": 1, "random_state": 0}
SETTINGS = [
    {},
    {"cell": "lstm", "num_layers": 2, "tie_weights": False},
    {"cell": "gru_reset_before", "embedding_dim": 5, "end_token": False},
    {"cell": "rnn", "num_layers": 2},
]


def make_steps(kind):
    """Return sequences to train on, and new ones, the first with unknown steps."""
    rng = np.random.default_rng(0)
    lengths = [5, 7, 3, 2] * 3
    if kind == "texts":
        return ["abab", "ababab", "ab c", "b"] * 3, ["abz\n ac", "ba", "c"]
    if kind == "ids":
        X = [rng.integers(3, 9, n) for n in lengths]
        return X, [np.array([4, 77, 5, 3]), *X[1:3]]
    X = [rng.integers(0, 2, (n, 4)) for n in lengths]
    return X, X[:3]


def fit(X, y=None, **params):
    return RNNGenerator(**{**SMALL, **params}).fit(X, y)


@pytest.fixture(scope="module")
def generator():
    return fit(make_steps("texts")[0])


def check_streams(generator, X, y=None):
    n, prefixes = len(X[0]), [X[0][: t + 1] for t in range(len(X[0]))]
    classes = None if y is None else np.repeat(y[0], n)
    for method in ("predict_proba", "predict"):
        predict = getattr(generator, method)
        stream = generator.stream(y=None if y is None else y[0], method=method)
        found = [stream.update(X[0][t]) for t in range(n)]
        np.testing.assert_array_equal(found, predict(prefixes, classes))
        streams = generator.stream(len(X), y=y, method=method)
        empty = [x[:0] for x in X]
        np.testing.assert_array_equal(streams.extend(empty), predict(empty, y))
        for part in (slice(1), slice(1, 3), slice(3, 3), slice(3, None)):
            streams = pickle.loads(pickle.dumps(streams))
            found = streams.extend([x[part] for x in X])
        np.testing.assert_array_equal(found, predict(X, y))
        np.testing.assert_array_equal(streams.n_steps, [len(x) for x in X])


@pytest.mark.parametrize("kind", ["texts", "ids", "notes"])
@pytest.mark.parametrize("params", SETTINGS)
def test_every_prefix_is_predicted_as_in_a_batch(kind, params):
    X, new = make_steps(kind)
    check_streams(fit(X, **params), new)


@pytest.mark.parametrize("kind", ["texts", "ids", "notes"])
def test_streams_of_classes(kind):
    X, new = make_steps(kind)
    y = np.resize(["fast", "slow"], len(X))
    generator = fit(X, y)
    check_streams(generator, new, np.array(["slow", "fast", "slow"]))
    for bad in (None, "quick", ["fast", "slow"]):
        with pytest.raises(ValueError, match=r"pass y|not among the classes|inconsist"):
            generator.stream(3, y=bad)


def test_its_own_tokens_make_the_most_probable_text(generator):
    stream, text = generator.stream(method="predict"), "a"
    token = stream.update("a")
    while token is not None and len(text) < 9:
        text += token
        token = stream.update(token)
    assert text == generator.sample(prompt="a", temperature=0, max_length=8)[0]


def test_rows_reset_and_state(generator):
    streams = generator.stream(3)
    streams.extend(["ab", "b", ""])
    found = streams.update(["a", "c"], rows=[2, 0])
    np.testing.assert_array_equal(found, generator.predict_proba(["a", "abc"]))
    state = streams.state
    np.testing.assert_array_equal(state["n_steps"], [3, 1, 1])
    streams.reset([0])
    np.testing.assert_array_equal(streams.n_steps, [0, 1, 1])
    found = streams.update(["b", "b", "b"])
    np.testing.assert_array_equal(found, generator.predict_proba(["b", "bb", "ab"]))
    streams.state = state
    found = streams.update(["b", "b", "b"])
    np.testing.assert_array_equal(found, generator.predict_proba(["abcb", "bb", "ab"]))


@pytest.mark.parametrize(
    ("kind", "bad", "message"),
    [
        ("texts", "ab", "x_t must be one character for each of 1 streams"),
        ("texts", "", "x_t must be one character"),
        ("texts", 3, "x_t must be one character"),
        ("texts", None, "x_t must be one character"),
        ("texts", ["a", "b"], "x_t must be one character"),
        ("ids", "a", "x_t"),
        ("ids", np.nan, "x_t"),
        ("ids", [3, 4], "x_t must have one step for each of 1 streams"),
        ("notes", [0, 1, 0.5, 1], "x_t must be strings, token ids, or sets of notes"),
        ("notes", [0, 1, 1], "x_t must have one step for each of 1 streams"),
        ("notes", [0, np.nan, 1, 1], "x_t"),
    ],
)
def test_a_refused_step_leaves_the_stream_as_it_was(kind, bad, message):
    X, new = make_steps(kind)
    generator = fit(X)
    stream = generator.stream()
    stream.update(new[0][0])
    with pytest.raises((ValueError, TypeError), match=message):
        stream.update(bad)
    found = stream.update(new[0][1])
    np.testing.assert_array_equal(found, generator.predict_proba([new[0][:2]])[0])


@pytest.mark.parametrize("level", ["word", "subword"])
def test_words_cannot_stream(level):
    if level == "subword":
        pytest.importorskip("tokenizers")
    generator = fit(["a cat sat", "a mat"] * 5, level=level)
    with pytest.raises(ValueError, match=r"level='.*cannot stream.*level='char'"):
        generator.stream()


def test_arguments_are_checked(generator):
    with pytest.raises(
        ValueError, match=r"'method' parameter must be one of \['predict"
    ):
        generator.stream(method="sample")
    with pytest.raises(ValueError, match="pass no y"):
        generator.stream(y="a")
    with pytest.raises(ValueError, match="'n_streams' parameter must be an int"):
        generator.stream(0)
    with pytest.raises(ValueError, match="not fitted"):
        RNNGenerator().stream()
