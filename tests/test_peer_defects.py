"""Defects seen in other packages, each a test that it is not ours."""

import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from numpydoc.docscrape import NumpyDocString
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from skorch.callbacks import Callback

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn.nn import GRU, LSTM, Elman, initialize

TINY = {
    "hidden_size": 4,
    "conv_channels": None,
    "max_epochs": 3,
    "random_state": 0,
}
CELLS = ["rnn", "gru", "lstm"]


@pytest.mark.parametrize("cell", CELLS)
def test_recurrence_runs_over_time_and_not_over_the_batch(ragged, cell):
    """A classifier whose layers took (time, batch) for (batch, time)."""
    X, y = ragged
    classifier = RNNClassifier(**TINY, cell=cell, pooling="last", bidirectional=False)
    classifier.fit(X, y)
    batch = np.ones((3, 6, 2))
    reference = classifier.encode(batch)
    earlier_step, other_row = batch.copy(), batch.copy()
    earlier_step[0, 0] = -1
    other_row[1] = -1
    assert not np.allclose(classifier.encode(earlier_step)[0], reference[0], atol=1e-5)
    np.testing.assert_array_equal(
        classifier.encode(other_row)[[0, 2]], reference[[0, 2]]
    )


@pytest.mark.parametrize("cell", CELLS)
def test_backward_direction_has_seen_the_whole_sequence(ragged, cell):
    """``output[:, -1]`` of a bidirectional layer: the backward half saw one step."""
    X, y = ragged
    classifier = RNNClassifier(**TINY, cell=cell, pooling="last", bidirectional=True)
    classifier.fit(X, y)
    for n_steps in (2, 6):
        batch = np.ones((1, n_steps, 2))
        changed = batch.copy()
        changed[0, 0] = -1  # the first step: what the backward direction reads last
        backward = [classifier.encode(b)[0, 4:] for b in (batch, changed)]
        assert not np.allclose(*backward, atol=1e-5)


def test_only_the_lstm_has_an_open_forget_gate():
    """A forget bias of 1 written into GRUs and plain RNNs, where no such gate is."""
    for layer_class, expected in ((LSTM, 3.0), (GRU, 0.0), (Elman, 0.0)):
        layer = initialize(layer_class(2, 3), torch.Generator().manual_seed(0))
        total = layer.rnn.bias_ih_l0.sum() + layer.rnn.bias_hh_l0.sum()
        assert total.item() == expected


def documented_options():
    for cls in (RNNClassifier, RNNRegressor):
        for parameter in NumpyDocString(cls.__doc__)["Parameters"]:
            choices = re.match(r"\{(.*?)\}", parameter.type.replace("\\", ""))
            for choice in choices[1].split(",") if choices else []:
                yield cls, parameter.name, choice.strip().strip('"')


@pytest.mark.parametrize(("cls", "name", "value"), list(documented_options()))
def test_every_documented_option_is_accepted(ragged, cls, name, value):
    """A documented ``rnn_type="simple_rnn"`` that the network did not know."""
    X, _ = ragged
    cls(**{**TINY, name: value}).fit(X, np.arange(40) % 2).predict(X)


def test_no_checkpoint_is_written_by_default(ragged):
    RNNClassifier(**TINY, early_stopping=True).fit(*ragged)
    assert list(Path.cwd().iterdir()) == []


def test_settings_survive_cloning_in_cross_validation(ragged):
    """A wrapper whose clone lost the number of epochs."""
    X, y = RaggedArray.from_sequences(ragged[0]), ragged[1]
    result = cross_validate(
        RNNClassifier(**TINY), X, y, cv=2, return_estimator=True, error_score="raise"
    )
    for fitted in result["estimator"]:
        assert fitted.n_iter_ == fitted.max_epochs == 3
        assert clone(fitted).get_params() == fitted.get_params()


class InterruptAlways(Callback):
    calls = 0

    def on_epoch_end(self, net, **kwargs):
        InterruptAlways.calls += 1
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_a_whole_search(ragged):
    """skorch swallows it: one fit ends early, the search goes on."""
    X, y = RaggedArray.from_sequences(ragged[0]), ragged[1]
    InterruptAlways.calls = 0
    search = GridSearchCV(
        RNNClassifier(**TINY, callbacks=[InterruptAlways()]),
        {"hidden_size": [2, 3]},
        cv=2,
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert InterruptAlways.calls == 1


def test_a_list_of_equal_arrays_is_not_several_inputs(rng):
    """skorch reads a list as one input each: two sequences as two features."""
    X = list(rng.normal(size=(2, 5, 3)))
    regressor = RNNRegressor(**TINY).fit(X, [0.0, 1.0])
    assert regressor.n_features_in_ == 3
    np.testing.assert_array_equal(regressor.predict(X), regressor.predict(np.array(X)))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_any_dtype_is_taken(rng, dtype):
    X = (rng.normal(size=(20, 5, 2)) > 0).astype(dtype)
    expected = RNNRegressor(**TINY).fit(X.astype("f4"), np.arange(20.0)).predict(X)
    actual = RNNRegressor(**TINY).fit(X, np.arange(20.0)).predict(X)
    np.testing.assert_array_equal(actual, expected)


def test_samples_are_shuffled_by_default(rng):
    """Loaders that go through sorted classes in order."""
    order = []

    class Record(Callback):
        def on_batch_end(self, net, batch, **kwargs):
            order.append(batch[1][0].tolist())

    X, y = rng.normal(size=(100, 3, 1)), np.repeat([0, 1], 50)
    RNNClassifier(**TINY, callbacks=[Record()], batch_size=25).fit(X, y)
    assert all(0 < sum(batch) < 25 for batch in order)
    assert order[:4] != order[4:8]  # and anew in each epoch


def test_class_weights_go_by_label_and_not_by_position(ragged):
    """Weights given in the integer order of a criterion."""
    X, y = ragged
    noise = [np.zeros((3, 2)) for _ in X]
    classifier = RNNClassifier(**{**TINY, "max_epochs": 30}, class_weight={"up": 9})
    classifier.fit(noise, y)
    up = list(classifier.classes_).index("up")
    assert classifier.predict_proba(noise)[0, up] == pytest.approx(0.9, abs=0.02)


def test_early_stopping_is_no_error_in_cross_validation(ragged):
    """Internal splits that die on small folds, or without one."""
    X, y = RaggedArray.from_sequences(ragged[0]), ragged[1]
    for n_samples in (40, 8):
        scores = cross_val_score(
            RNNClassifier(**TINY, early_stopping=True, validation_fraction=0.3),
            X[:n_samples],
            y[:n_samples],
            cv=2,
            error_score="raise",
        )
        assert np.isfinite(scores).all()


def test_nan_in_is_an_error_and_not_nan_out(ragged):
    X, y = ragged
    classifier = RNNClassifier(**TINY).fit(X, y)
    spoiled = [x.copy() for x in X]
    spoiled[3][1, 0] = np.nan
    with pytest.raises(ValueError, match=r"X\[3\] has NaN at step 1, feature 0"):
        classifier.predict(spoiled)


def test_fit_requests_do_not_leak_into_score():
    """A wrapper that wrote the fit request to score."""
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        classifier = RNNClassifier().set_fit_request(sample_weight=True, groups=True)
        routing = classifier.get_metadata_routing()
        assert routing.fit.requests["sample_weight"] is True
        assert routing.fit.requests["groups"] is True
        assert routing.score.requests["sample_weight"] is None


def test_scaling_is_along_features_and_not_along_time(rng):
    """Standardising a column of a 3-D array step by step skews what is learned."""
    trend = np.linspace(0, 100, 20)[None, :, None] + rng.normal(size=(30, 20, 1))
    regressor = RNNRegressor(**TINY).fit(trend, np.arange(30.0))
    inputs = regressor.module_.inputs
    assert inputs.mean.item() == pytest.approx(trend.mean(), rel=1e-5)
    assert inputs.scale.item() == pytest.approx(trend.std(), rel=1e-5)
