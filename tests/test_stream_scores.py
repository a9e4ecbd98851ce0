"""Streams of detectors: scores step by step equal those of a batch, to the last bit."""

import pickle

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNAnomalyDetector, RNNStream, load, save

SMALL = {"hidden_size": 6, "max_epochs": 1, "random_state": 0}
OF_SERIES = "score_samples", "decision_function", "predict"
pytestmark = pytest.mark.filterwarnings("ignore:Maximum epochs")


def make_series(n_features, lengths=(60, 41, 47)):
    rng = np.random.default_rng(n_features)
    X = [rng.normal(size=(n, n_features)).cumsum(axis=0) for n in lengths]
    X[0][50] += 40.0
    return X


def fit(X, **params):
    return RNNAnomalyDetector(**{**SMALL, **params}).fit(X)


def list_prefixes(x):
    return [x[: t + 1] for t in range(len(x))]


def extend_in_chunks(stream, X, cuts):
    """Return the results for steps up to each cut; pickle the stream in between."""
    results = []
    for start, stop in zip([0, *cuts], [*cuts, None], strict=True):
        stream = pickle.loads(pickle.dumps(stream))
        results.append(stream.extend([x[start:stop] for x in X]))
    return results


@pytest.fixture(scope="module")
def series():
    return make_series(2)


@pytest.fixture(scope="module")
def detector(series):
    return fit(series, season_length=5)


@pytest.mark.parametrize(
    ("n_features", "params"),
    [
        (1, {"cell": "gru"}),
        (1, {"season_length": 7, "context": 3, "cell": "lstm", "num_layers": 2}),
        (3, {"season_length": 30, "cell": "rnn", "smoothing": 1}),
        (9, {"cell": "gru_reset_before", "context": 1}),
        (40, {"season_length": 4, "context": 20}),
    ],
)
def test_every_prefix_is_scored_as_in_a_batch(n_features, params):
    X = make_series(n_features)
    detector = fit(X, **params)
    stream = detector.stream()
    expected = detector.score_steps(list_prefixes(X[0]))
    for x_t, scores in zip(X[0], expected, strict=True):
        assert stream.update(x_t) == scores[-1]
    # lengths that differ, also from stream to stream, and none
    parts = extend_in_chunks(detector.stream(3), X, [1, 20, 20, 44])
    for i, scores in enumerate(detector.score_steps(X)):
        found = np.concatenate([part[i] for part in parts])
        np.testing.assert_array_equal(found, scores)


def test_the_anomaly_raises_an_alarm_when_it_comes(series, detector):
    stream = detector.stream()
    scores = np.array([stream.update(x_t) for x_t in series[0]])
    is_alarm = scores > detector.step_threshold_
    assert is_alarm[50]
    assert is_alarm[:50].mean() < 0.2


@pytest.mark.parametrize("aggregation", ["max", "mean"])
def test_each_method_is_that_of_the_batch(series, aggregation):
    detector = fit(series, aggregation=aggregation)
    prefixes = list_prefixes(series[0])
    for method in OF_SERIES:
        expected = getattr(detector, method)(prefixes)
        stream = detector.stream(method=method)
        found = [stream.update(x_t) for x_t in series[0]]
        np.testing.assert_array_equal(found, expected)
    for method in OF_SERIES:
        parts = extend_in_chunks(detector.stream(3, method=method), series, [1, 45])
        np.testing.assert_array_equal(parts[-1], getattr(detector, method)(series))


@pytest.mark.parametrize("n_streams", [5, 70])  # 70: more than the fast step takes
def test_some_streams_may_have_a_step(series, detector, n_streams):
    stream = detector.stream(n_streams)
    expected = detector.score_steps([series[0][:31]])[0]
    stream.extend([series[0][:30]], rows=[3])
    np.testing.assert_array_equal(
        stream.n_steps, np.where(np.arange(n_streams) == 3, 30, 0)
    )
    found = stream.update(
        np.array([series[0][min(i, 3) * 10] for i in range(n_streams)])
    )
    assert found[3] == expected[30]
    assert found[0] == expected[0]
    found = stream.update([series[0][0]], rows=[1])  # its second step
    again = detector.score_steps([series[0][[10, 0]]])[0]
    assert found[0] == again[1]


def test_reset_begins_anew(series, detector):
    stream = detector.stream(3)
    stream.extend(series)
    stream.reset([1])
    np.testing.assert_array_equal(stream.n_steps, [60, 0, 47])
    found = stream.extend([x if i == 1 else x[:0] for i, x in enumerate(series)])
    np.testing.assert_array_equal(found[1], detector.score_steps(series)[1])
    assert [len(scores) for scores in found] == [0, 41, 0]
    stream = detector.stream(method="predict")
    with pytest.raises(ValueError, match="stream 0 has had no step"):
        stream.extend([series[0][:0]])
    label = stream.update(series[0][0])
    np.testing.assert_array_equal(stream.extend([series[0][:0]]), label)


def test_state_moves_to_another_stream(series, detector, tmp_path):
    save(detector, tmp_path / "detector.safetensors")
    one, other = detector.stream(), load(tmp_path / "detector.safetensors").stream()
    one.extend([series[0][:30]])
    before = one.state
    other.state = before
    for x_t in series[0][30:]:
        assert one.update(x_t) == other.update(x_t)
    assert before["n_steps"] == 30  # a copy
    with pytest.raises(ValueError, match="'n_steps' of the state must have the shape"):
        detector.stream(2).state = before
    with pytest.raises(ValueError, match="state must be a dict of"):
        other.state = {"network": before["network"]}
    with pytest.raises(ValueError, match="state must be a dict of"):
        other.state = {**before, "network": None}
    assert one.update(series[0][0]) == other.update(series[0][0])


def test_a_refused_step_leaves_the_stream_as_it_was(series, detector):
    one, twin = detector.stream(), detector.stream()
    for stream in (one, twin):
        stream.extend([series[0][:20]])
    for bad, message in (
        ([np.nan, 0.0], "has NaN at step 0"),
        (np.array([np.nan, 0.0]), "has NaN at step 0"),
        (np.array([np.inf, 0.0]), "has infinity at step 0"),
        ([1.0], "x_t has 1 features"),
        ([1.0, 2.0, 3.0], "x_t must have one step for each of 1 streams"),
        (np.zeros((2, 2)), "x_t must have one step"),
        (["a", "b"], "x_t"),
        (None, "x_t"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            one.update(bad)
    with pytest.raises(ValueError, match=r"each of 1 streams\. Got 3"):
        one.extend(series)
    assert one.update(series[0][20]) == twin.update(series[0][20])
    assert repr(one) == "<RNNStream: 1 x RNNAnomalyDetector.score_steps>"


def test_overflow_is_an_error_and_leaves_the_state(series):
    detector = fit(series, cell="rnn", nonlinearity="relu")
    with torch.no_grad():
        for weight in detector.module_.encoder.parameters():
            weight.fill_(1e18)
    stream = detector.stream()
    stream.update(series[0][50])
    stream.update(series[0][50])
    before = stream.state
    with pytest.raises(ValueError, match=r"not finite\. The stream stays as it was"):
        stream.update(series[0][50])
    with pytest.raises(ValueError, match=r"not finite\. The stream stays as it was"):
        stream.extend([series[0][50:53]])
    after = stream.state
    np.testing.assert_array_equal(after["steps"], before["steps"])
    np.testing.assert_array_equal(after["means"], before["means"])
    np.testing.assert_array_equal(after["n_steps"], before["n_steps"])
    layers = (state["network"]["layers"][0] for state in (after, before))
    np.testing.assert_array_equal(*layers)


def test_containers_and_dtypes_give_the_same_bits(series, detector):
    x_t = series[0][0].astype(np.float32)
    expected = detector.stream().update(x_t)
    for step in (x_t.tolist(), x_t.astype("f8"), torch.from_numpy(x_t), x_t[None]):
        np.testing.assert_array_equal(
            np.ravel(detector.stream().update(step)), expected
        )


def test_rows_of_tables_stream(series):
    pd = pytest.importorskip("pandas")
    tables = [pd.DataFrame(x, columns=["level", "flow"]) for x in series]
    detector = fit(tables)
    stream = detector.stream()
    found = [stream.update(tables[1].iloc[[t]])[0] for t in range(len(tables[1]))]
    np.testing.assert_array_equal(found, detector.score_steps(tables)[1])
    with pytest.raises(ValueError, match="names"):
        stream.update(tables[1].iloc[[0], ::-1])


def test_one_variable_needs_no_axis():
    x = make_series(1)[0][:, 0]
    detector = fit(x)
    expected = detector.score_steps(x)[0]
    stream, several = detector.stream(), detector.stream(4)
    for value, score in zip(x, expected, strict=True):
        assert stream.update(value) == score
        np.testing.assert_array_equal(several.update(np.full(4, value)), score)
    np.testing.assert_array_equal(detector.stream().extend(x)[0], expected)


def test_a_stream_does_not_follow_its_detector(series):
    detector = fit(series)
    expected = detector.score_steps(series)[0]
    stream = detector.stream()
    stream.extend([series[0][:30]])
    detector.fit([x * 2 + 1 for x in series])
    np.testing.assert_array_equal(stream.extend([series[0][30:]])[0], expected[30:])


def test_arguments_are_checked(detector):
    with pytest.raises(ValueError, match="'n_streams' parameter must be an int"):
        detector.stream(0)
    with pytest.raises(
        ValueError, match=r"'method' parameter must be one of \['score_"
    ):
        detector.stream(method="find_anomalies")
    with pytest.raises(ValueError, match="y is for streams of an RNNGenerator"):
        RNNStream(detector, method="predict", y=[0])
    with pytest.raises(ValueError, match="not fitted"):
        RNNAnomalyDetector().stream()
    changed = pickle.loads(pickle.dumps(detector)).set_params(hidden_size=3)
    with pytest.raises(ValueError, match="hidden_size"):
        changed.stream()
