"""Streams: step by step equals the batch, to the last bit."""

import pickle
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import sklearn_rnn
from sklearn_rnn import RNNClassifier, RNNRegressor, RNNStepRegressor, RNNTagger

CAUSAL = {"bidirectional": False, "max_epochs": 1, "hidden_size": 9, "random_state": 0}
SEQUENCE = {**CAUSAL, "conv_channels": None}
POOLINGS = "last", "mean", "max", "meanmax"


def make_data(rng, n=12):
    X = [rng.normal(size=(length, 3)) for length in rng.integers(2, 9, n)]
    return X, np.resize(["a", "b", "c"], n)


@pytest.fixture(scope="module")
def data():
    return make_data(np.random.default_rng(0))


@pytest.fixture(scope="module")
def classifier(data):
    return RNNClassifier(**SEQUENCE, pooling="meanmax").fit(*data)


@pytest.fixture(scope="module")
def steps(data):
    X, _ = data
    labels = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    numbers = [x[:, :2].cumsum(axis=0) for x in X]
    return X, labels, numbers


def extend_in_chunks(stream, X, rng, n_chunks=3):
    """Return the last predictions of a stream that gets X in chunks of any length."""
    cuts = np.sort([rng.integers(1, len(x) + 1, n_chunks - 1) for x in X], axis=1)
    bounds = [[0, *cut, len(x)] for x, cut in zip(X, cuts, strict=True)]
    results = []
    for k in range(n_chunks):
        chunk = [x[b[k] : b[k + 1]] for x, b in zip(X, bounds, strict=True)]
        stream = pickle.loads(pickle.dumps(stream))  # at any time
        results.append(stream.extend(chunk))
    return results


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "lstm", "rnn"])
def test_every_prefix_is_predicted_as_in_a_batch(data, cell):
    X, y = data
    rng = np.random.default_rng(1)
    for pooling, num_layers in product(POOLINGS, (1, 2)):
        rnn = RNNClassifier(
            **SEQUENCE, cell=cell, pooling=pooling, num_layers=num_layers
        ).fit(X, y)
        stream = rnn.stream(method="predict_proba")
        prefixes = [X[0][: t + 1] for t in range(len(X[0]))]
        for x_t, expected in zip(X[0], rnn.predict_proba(prefixes), strict=True):
            np.testing.assert_array_equal(stream.update(x_t), expected)
        many = rnn.stream(len(X), method="predict_proba")
        last = extend_in_chunks(many, X, rng)[-1]
        np.testing.assert_array_equal(last, rnn.predict_proba(X))


@pytest.mark.parametrize("loss", ["squared_error", "quantile", "poisson", "gaussian"])
def test_numbers_are_predicted_as_in_a_batch(data, loss):
    X, _ = data
    y = np.abs([[x[:, 0].sum(), x[:, 1].mean()] for x in X])
    rnn = RNNRegressor(**SEQUENCE, loss=loss).fit(X, y)
    stream = rnn.stream(len(X))
    first = stream.update(np.array([x[0] for x in X]))
    np.testing.assert_array_equal(first, rnn.predict([x[:1] for x in X]))
    rest = stream.extend([x[1:] for x in X])
    np.testing.assert_array_equal(rest, rnn.predict(X))


@pytest.mark.parametrize("kind", ["tagger", "multilabel", "step_regressor"])
def test_each_step_is_predicted_as_in_a_batch(steps, kind):
    X, labels, numbers = steps
    if kind == "step_regressor":
        rnn = RNNStepRegressor(**CAUSAL, conv_channels=None).fit(X, numbers)
    elif kind == "tagger":
        rnn = RNNTagger(**CAUSAL, conv_channels=None).fit(X, labels)
    else:
        several = [(number > 0).astype(int) for number in numbers]
        rnn = RNNTagger(**CAUSAL, conv_channels=None).fit(X, several)
    expected = rnn.predict(X)
    stream = rnn.stream()
    for x_t, wanted in zip(X[0], expected[0], strict=True):
        np.testing.assert_array_equal(stream.update(x_t), wanted)
    chunks = extend_in_chunks(rnn.stream(len(X)), X, np.random.default_rng(0))
    for i, wanted in enumerate(expected):
        found = np.concatenate([chunk[i] for chunk in chunks])
        np.testing.assert_array_equal(found, wanted)
    if kind == "tagger":
        found = rnn.stream(len(X), method="predict_proba").extend(X)
        np.testing.assert_array_equal(found.values, rnn.predict_proba(X).values)


def test_tokens_stream(rng):
    X = [rng.integers(0, 9, n) for n in rng.integers(2, 9, 12)]
    rnn = RNNClassifier(**SEQUENCE, embedding_dim=4).fit(X, np.resize([0, 1], 12))
    stream = rnn.stream(method="predict_proba")
    for t, token in enumerate(X[0]):
        expected = rnn.predict_proba([X[0][: t + 1]])[0]
        np.testing.assert_array_equal(stream.update(token), expected)
    found = extend_in_chunks(rnn.stream(12, method="predict_proba"), X, rng)[-1]
    np.testing.assert_array_equal(found, rnn.predict_proba(X))


def test_rows_of_tables_stream(rng):
    pd = pytest.importorskip("pandas")
    X = [
        pd.DataFrame(
            {"level": rng.normal(size=n), "valve": rng.choice(["open", "shut"], n)}
        ).astype({"valve": "category"})
        for n in rng.integers(3, 9, 12)
    ]
    rnn = RNNClassifier(**SEQUENCE).fit(X, np.resize([0, 1], 12))
    expected = rnn.predict_proba(X)
    stream = rnn.stream(method="predict_proba")
    for t in range(len(X[0])):
        found = stream.update(X[0].iloc[[t]])
    np.testing.assert_array_equal(found[0], expected[0])
    found = extend_in_chunks(rnn.stream(12, method="predict_proba"), X, rng)[-1]
    np.testing.assert_array_equal(found, expected)


def test_one_feature_needs_no_axis(rng):
    X = rng.normal(size=(12, 5))  # a table: the columns are the steps
    rnn = RNNRegressor(**SEQUENCE).fit(X, X.mean(axis=1))
    stream, several = rnn.stream(), rnn.stream(12)
    for t in range(5):
        one, all_of_them = stream.update(X[0, t]), several.update(X[:, t])
    np.testing.assert_array_equal(all_of_them, rnn.predict(X))
    assert one == all_of_them[0]
    assert np.ndim(one) == 0


def test_containers_and_dtypes_give_the_same_bits(classifier):
    x = np.array([0.1, 0.2, 0.3], np.float32)
    expected = classifier.stream(method="predict_proba").update(x)
    for step in (
        x.tolist(),
        x.astype("f8"),
        torch.from_numpy(x),
        x[None],
        x[::-1][::-1],
    ):
        found = classifier.stream(method="predict_proba").update(step)
        np.testing.assert_array_equal(np.ravel(found), expected)


def test_some_rows_may_have_a_step(data, classifier):
    X, _ = data
    stream = classifier.stream(len(X), method="predict_proba")
    stream.extend([x[:1] for x in X])
    found = stream.update([X[4][1], X[2][1]], rows=[4, 2])
    expected = classifier.predict_proba([X[4][:2], X[2][:2]])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        stream.n_steps, np.where(np.isin(range(12), [2, 4]), 2, 1)
    )
    # no step leaves a stream as it is
    none = stream.extend([np.empty((0, 3))] * len(X))
    np.testing.assert_array_equal(none[[4, 2]], expected)


def test_reset_begins_anew(data, classifier):
    X, _ = data
    stream = classifier.stream(len(X), method="predict_proba")
    stream.extend(X)
    stream.reset([3])
    with pytest.raises(ValueError, match="stream 3 has had no step"):
        stream.extend([np.empty((0, 3))] * len(X))
    found = stream.extend([x if i == 3 else x[:0] for i, x in enumerate(X)])
    np.testing.assert_array_equal(found, classifier.predict_proba(X))
    stream.reset()
    assert not stream.n_steps.any()


def test_state_moves_to_another_stream(data, classifier):
    X, _ = data
    one, other = (classifier.stream(method="predict_proba") for _ in range(2))
    one.extend([X[0][:2]])
    other.state = one.state
    for x_t in X[0][2:]:
        np.testing.assert_array_equal(one.update(x_t), other.update(x_t))
    with pytest.raises(ValueError, match="'n_steps' of the state must have the shape"):
        classifier.stream(2).state = one.state
    with pytest.raises(ValueError, match="state must be a dict of"):
        one.state = {"layers": []}
    wrong = one.state
    wrong["layers"][0] = wrong["layers"][0][:, :-1]
    with pytest.raises(ValueError, match="'layers' of the state"):
        one.state = wrong


def test_a_refused_step_leaves_the_stream_as_it_was(data, classifier):
    X, _ = data
    stream, twin = (classifier.stream(method="predict_proba") for _ in range(2))
    for s in (stream, twin):
        s.update(X[0][0])
    for bad, message in (
        ([np.nan, 0.0, 0.0], "has NaN at step 0"),
        (np.array([np.inf, 0, 0]), "has infinity at step 0"),
        (np.array([1e300, 0, 0]), "too large for float32"),
        ([1.0, 2.0], "x_t must have one step for each of 1 streams"),
        (["a", "b", "c"], "x_t"),
        (np.zeros((2, 3)), "x_t must have one step"),
        (None, "x_t"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            stream.update(bad)
    for rows in ([1], [0, 0], [], [0.5], 0):
        with pytest.raises(ValueError, match="rows must be different numbers"):
            stream.update(X[0][:1], rows=rows)
    np.testing.assert_array_equal(stream.update(X[0][1]), twin.update(X[0][1]))


def test_overflow_is_an_error_and_leaves_the_state(rng):
    X = [rng.normal(size=(4, 1)) for _ in range(12)]
    options = {"cell": "rnn", "nonlinearity": "relu", "pooling": "mean"}
    rnn = RNNRegressor(**SEQUENCE, **options).fit(X, [x.sum() for x in X])
    with torch.no_grad():
        for weight in rnn.module_.encoder.parameters():
            weight.fill_(1e18)
    stream = rnn.stream()
    stream.update(np.ones(1))
    stream.update(np.ones(1))
    before = stream.state
    with pytest.raises(ValueError, match=r"not finite\. The stream stays as it was"):
        stream.update(np.ones(1))
    np.testing.assert_array_equal(stream.n_steps, before["n_steps"])
    np.testing.assert_array_equal(stream.state["layers"][0], before["layers"][0])
    np.testing.assert_array_equal(stream.state["total"], before["total"])


def test_a_stream_does_not_follow_its_estimator(data):
    X, y = data
    rnn = RNNClassifier(**SEQUENCE, pooling="last").fit(X, y)
    expected = rnn.predict_proba([X[0][:1]])[0]
    streams = [
        rnn.stream(method="predict_proba"),
        rnn.stream(2, method="predict_proba"),
    ]
    rnn.partial_fit(X, y)
    np.testing.assert_array_equal(streams[0].update(X[0][0]), expected)
    np.testing.assert_array_equal(streams[1].update([X[0][0]], rows=[1])[0], expected)
    rnn.fit(X, y == "a")
    assert streams[0].update(X[0][1]).shape == (3,)


@pytest.mark.parametrize("n_streams", [1, 70])  # 70: more than one thread serves
def test_torchs_layers_stream_too(data, n_streams):
    X, y = data
    rnn = RNNClassifier(**SEQUENCE, cell="lstm", num_layers=2, pooling="mean").fit(X, y)
    with sklearn_rnn.config_context(kernels="torch"):
        expected = rnn.predict_proba(X)
        stream = rnn.stream(n_streams, method="predict_proba")
        for x_t in X[0]:
            found = stream.update([x_t], rows=[n_streams - 1])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_stream_goes_on_without_the_kernels(data, cell):
    X, y = data
    rnn = RNNClassifier(**SEQUENCE, cell=cell).fit(X, y)
    stream = rnn.stream(len(X), method="predict_proba")
    stream.extend([x[:1] for x in X])
    content = pickle.dumps(stream)
    with sklearn_rnn.config_context(kernels="torch"):
        found = pickle.loads(content).extend([x[1:] for x in X])
    np.testing.assert_allclose(found, rnn.predict_proba(X), rtol=1e-5)


class Counter(torch.nn.Module):
    """A cell of one's own: its first state is not zero, and is a tuple of two."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.linear = torch.nn.Linear(input_size, hidden_size)

    def forward(self, x, lengths, state=None):
        values = torch.tanh(self.linear(x))
        n = torch.ones(len(x), 1) if state is None else state[1]
        total = torch.zeros_like(values[:, 0]) if state is None else state[0]
        outputs, totals, counts = [], [total], [n]
        for t in range(x.shape[1]):
            totals.append(totals[-1] + values[:, t])
            counts.append(counts[-1] + 1)
            outputs.append(totals[-1] / counts[-1])
        outputs = torch.stack(outputs, dim=1)
        if lengths is None:
            return outputs, (totals[-1], counts[-1])
        outputs = outputs * (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
        rows = torch.arange(len(x))
        ends = (torch.stack(part, dim=1)[rows, lengths] for part in (totals, counts))
        return outputs, tuple(ends)


def test_cells_of_ones_own_stream(data):
    X, y = data
    rnn = RNNClassifier(**SEQUENCE, cell=Counter, pooling="last").fit(X, y)
    stream = rnn.stream(len(X), method="predict_proba")
    stream.extend([x[:1] for x in X[:6]], rows=range(6))
    found = stream.extend([x[1:] if i < 6 else x for i, x in enumerate(X)])
    np.testing.assert_allclose(found, rnn.predict_proba(X), rtol=1e-12)


def test_what_cannot_stream_names_each_parameter(data, steps):
    X, y = data
    rnn = RNNClassifier(max_epochs=1, hidden_size=4, pooling="attention").fit(X, y)
    with pytest.raises(ValueError, match="cannot stream") as error:
        rnn.stream()
    for needed in ("bidirectional=False", "conv_channels=None", "pooling='last'"):
        assert needed in str(error.value)
    tagger = RNNTagger(**CAUSAL, crf=True).fit(X, steps[1])
    with pytest.raises(ValueError, match="Fit it with crf=False"):
        tagger.stream()


def test_arguments_are_checked(data, classifier):
    for n_streams in (0, 1.5, "2"):
        with pytest.raises(ValueError, match="'n_streams' parameter must be an int"):
            classifier.stream(n_streams)
    with pytest.raises(ValueError, match="'method' parameter must be one of"):
        classifier.stream(method="decision_function")
    with pytest.raises(ValueError, match=r"each of 2 streams\. Got 12"):
        classifier.stream(2).extend(data[0])
    with pytest.raises(NotFittedError, match="not fitted"):
        RNNClassifier().stream()
