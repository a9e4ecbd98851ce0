"""A fit that was killed goes on from its checkpoint, and ends with the same bits."""

import errno
import multiprocessing
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import sklearn_rnn
from sklearn_rnn import (
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranscriber,
)
from sklearn_rnn._training import _checkpoint


class Killed(Exception):
    """In place of a kill, inside one process."""


class Counter(Callback):
    """Counts epochs, and raises an error at the end of some."""

    error, at = None, ()

    def initialize(self):
        self.n_epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1
        if self.n_epochs_ in Counter.at:
            raise Counter.error


@pytest.fixture
def kill_after(monkeypatch):
    """Return a function: fits fail at the end of these epochs, until called anew."""
    monkeypatch.setattr(_checkpoint, "INTERVAL", 0)

    def start(*epochs, error=Killed):
        monkeypatch.setattr(Counter, "at", epochs)
        monkeypatch.setattr(Counter, "error", error)

    return start


def make(kind=RNNClassifier, **options):
    options = {"hidden_size": 5, "max_epochs": 5, "random_state": 0, **options}
    return kind(callbacks=[Counter()], **options)


def assert_same_fit(actual, expected):
    weights = expected.module_.state_dict()
    for name, weight in actual.module_.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    assert actual.loss_curve_ == expected.loss_curve_
    assert actual.validation_scores_ == expected.validation_scores_
    assert len(actual.history_) == len(expected.history_)
    states = (fitted._random_state.get_state() for fitted in (actual, expected))
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    ours, others = (f.net_.optimizer_.state_dict() for f in (actual, expected))
    assert ours["param_groups"] == others["param_groups"]
    for number, moments in others["state"].items():
        for name, moment in moments.items():
            assert torch.equal(ours["state"][number][name], moment)


SETTINGS = [
    {},
    {"early_stopping": True, "dropout": 0.3, "learning_rate_schedule": None},
    {"learning_rate_schedule": "plateau", "optimizer": "sgd", "cell": "lstm"},
    {"learning_rate_schedule": "cosine", "weight_averaging": 0.6},
    {"optimizer": torch.optim.Adagrad, "weight_decay": 0.1, "batch_size": 8},
]


@pytest.mark.parametrize("options", SETTINGS)
def test_a_killed_fit_ends_with_the_same_bits(ragged, kill_after, options):
    expected = make(**options).fit(*ragged)
    for epoch in (2, 4):  # the second process is killed, too
        kill_after(epoch)
        with pytest.raises(Killed):
            make(**options, checkpoint="runs").fit(*ragged)
    kill_after()
    resumed = make(**options, checkpoint="runs").fit(*ragged)
    assert_same_fit(resumed, expected)
    assert resumed.net_.callbacks_[1][1].n_epochs_ == 5
    assert len(os.listdir("runs")) == 1


@pytest.mark.parametrize(
    "kind", [RNNRegressor, RNNTagger, RNNStepRegressor, RNNTranscriber]
)
def test_each_estimator_goes_on(ragged, kill_after, kind):
    X, y = ragged
    if kind is RNNTranscriber:
        y = ["up" if x[0, 0] > 0 else "" for x in X]
    elif kind is RNNRegressor:
        y = [x.sum() for x in X]
    elif kind is RNNTagger:
        y = [np.where(x[:, 0] > 0, "a", "b") for x in X]
    else:
        y = [x[:, 0].cumsum() for x in X]
    options = {"X_val": X[:5], "y_val": y[:5]}
    stem = {"conv_channels": None} if kind is RNNTranscriber else {}
    expected = make(kind, **stem).fit(X, y, **options)
    kill_after(3)
    with pytest.raises(Killed):
        make(kind, **stem, checkpoint="runs").fit(X, y, **options)
    kill_after()
    resumed = make(kind, **stem, checkpoint="runs").fit(X, y, **options)
    assert_same_fit(resumed, expected)


def test_a_forecaster_goes_on(rng, kill_after):
    X = rng.normal(size=(3, 60)).cumsum(axis=1)
    options = {"context": 8, "horizon": 3}
    expected = make(RNNForecaster, **options).fit(X).predict(X)
    kill_after(3)
    with pytest.raises(Killed):
        make(RNNForecaster, **options, checkpoint="runs").fit(X)
    kill_after()
    resumed = make(RNNForecaster, **options, checkpoint="runs").fit(X).predict(X)
    np.testing.assert_array_equal(resumed, expected)


def test_random_state_none_goes_on_with_its_own_numbers(ragged, kill_after):
    options = {"random_state": None, "early_stopping": True, "checkpoint": "runs"}
    kill_after(3)
    with pytest.raises(Killed):
        make(**options).fit(*ragged)
    kill_after()
    first, again = (make(**options).fit(*ragged) for _ in range(2))
    assert_same_fit(again, first)


def test_a_shared_generator_ends_where_it_would_have(ragged, kill_after):
    generators = [np.random.RandomState(3) for _ in range(3)]
    make(random_state=generators[0]).fit(*ragged)
    kill_after(3)
    with pytest.raises(Killed):
        make(random_state=generators[1], checkpoint="runs").fit(*ragged)
    kill_after()
    make(random_state=generators[2], checkpoint="runs").fit(*ragged)
    assert generators[2].randint(2**31) == generators[0].randint(2**31)


def test_a_warm_start_goes_on(ragged, kill_after):
    expected, killed = (make(warm_start=True).fit(*ragged) for _ in range(2))
    expected.fit(*ragged)
    kill_after(3)
    killed.set_params(checkpoint="runs")
    with pytest.raises(Killed):
        killed.fit(*ragged)
    kill_after()
    assert_same_fit(killed.fit(*ragged), expected)


def test_ctrl_c_writes_a_checkpoint(ragged, kill_after, monkeypatch):
    monkeypatch.setattr(_checkpoint, "INTERVAL", 1000)
    monkeypatch.setattr(_checkpoint, "_BETWEEN_COPIES", 0)
    expected = make().fit(*ragged)
    monkeypatch.setattr(Counter, "at", (4,))
    monkeypatch.setattr(Counter, "error", KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        make(checkpoint="runs").fit(*ragged)
    monkeypatch.setattr(Counter, "at", ())
    resumed = make(checkpoint="runs").fit(*ragged)
    assert_same_fit(resumed, expected)
    assert resumed.net_.callbacks_[1][1].n_epochs_ == 5


def test_other_data_or_parameters_have_other_files(ragged):
    X, y = ragged
    changed = [x + 1 for x in X]
    make(checkpoint="runs", max_epochs=1).fit(X, y)
    make(checkpoint="runs", max_epochs=1, verbose=2).fit(X, y)  # the same fit
    assert len(os.listdir("runs")) == 1
    make(checkpoint="runs", max_epochs=1).fit(changed, y)
    make(checkpoint="runs", max_epochs=1).fit(X, y[::-1])
    make(checkpoint="runs", max_epochs=1).fit(X, y, sample_weight=np.arange(1, 41))
    make(checkpoint="runs", max_epochs=1).fit(X, y, X_val=X[:4], y_val=y[:4])
    make(checkpoint="runs", max_epochs=1).fit(X, y, X_val=X[:4], y_val=y[1:5])
    make(checkpoint="runs", max_epochs=2).fit(X, y)
    make(checkpoint="runs", max_epochs=1, random_state=1).fit(X, y)
    make(checkpoint="runs", max_epochs=1, tol=0.1).fit(X, y)
    assert len(os.listdir("runs")) == 9


def test_a_killed_search_skips_finished_fits(ragged, kill_after, monkeypatch):
    X, y = ragged
    epochs, stop_at = [], [13]  # the third epoch of the third fit

    def count(self, net, **kwargs):
        epochs.append(len(net.history))
        if len(epochs) in stop_at:
            raise KeyboardInterrupt

    def search(**options):
        grid = {"hidden_size": [3, 4]}
        return GridSearchCV(make(**options), grid, cv=2, error_score="raise").fit(X, y)

    expected = search()
    kill_after()
    monkeypatch.setattr(Counter, "on_epoch_end", count)
    with pytest.raises(KeyboardInterrupt):
        search(checkpoint="runs")
    del epochs[:], stop_at[:]
    found = search(checkpoint="runs")
    # the third fit goes on after two epochs; the fourth and the refit are new
    assert epochs == [3, 4, 5, *range(1, 6), *range(1, 6)]
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(found.cv_results_[key], expected.cv_results_[key])
    assert_same_fit(found.best_estimator_, expected.best_estimator_)


def test_a_full_disk_keeps_the_file_before_and_warns(ragged, kill_after, monkeypatch):
    kill_after(3)
    with pytest.raises(Killed):
        make(checkpoint="runs").fit(*ragged)
    (path,) = Path("runs").iterdir()
    before = path.read_bytes()

    def fail(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    kill_after()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.warns(UserWarning, match="No space left on device"):
        fitted = make(checkpoint="runs").fit(*ragged)
    assert path.read_bytes() == before
    assert [p.name for p in Path("runs").iterdir()] == [path.name]
    assert_same_fit(fitted, make().fit(*ragged))


def test_a_folder_that_cannot_be_made_is_named(ragged):
    Path("file").write_text("")
    for folder in ("file", "", "a\0b"):
        with pytest.raises(ValueError, match="The 'checkpoint' parameter"):
            make(checkpoint=folder).fit(*ragged)


def test_a_damaged_file_is_not_used(ragged, kill_after):
    kill_after()
    expected = make(checkpoint="runs").fit(*ragged)
    (path,) = Path("runs").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="cannot be read, and training begins anew"):
        assert_same_fit(make(checkpoint="runs").fit(*ragged), expected)


def test_other_arithmetic_is_a_warning(ragged, kill_after, monkeypatch):
    kill_after()
    make(checkpoint="runs").fit(*ragged)
    monkeypatch.setattr(
        _checkpoint, "describe_arithmetic", lambda: {"kernels": "of tomorrow"}
    )
    with pytest.warns(UserWarning, match="will differ in the last bits"):
        make(checkpoint="runs").fit(*ragged)


class Odd(Callback):
    """Learns what no file holds."""

    def on_train_begin(self, net, **kwargs):
        self.things_ = object()


def test_a_callback_that_cannot_be_saved_is_named(ragged):
    model = RNNClassifier(max_epochs=2, callbacks=[("odd", Odd())], checkpoint="runs")
    with pytest.raises(
        ValueError, match="The callback 'odd' of RNNClassifier does not"
    ):
        model.fit(*ragged)


def test_a_saved_estimator_names_no_folder(ragged):
    model = RNNClassifier(max_epochs=1, hidden_size=4, checkpoint=Path("runs"))
    sklearn_rnn.save(model.fit(*ragged), "model.safetensors")
    assert sklearn_rnn.load("model.safetensors").checkpoint is None


# kill -9 ------------------------------------------------------------------------------


def fit_and_write_weights(folder, path):
    """Run in a process of its own."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(3, 9, 40)]
    model = RNNClassifier(
        hidden_size=8,
        max_epochs=60,
        early_stopping=True,
        n_iter_no_change=100,
        dropout=0.2,
        batch_size=8,
        random_state=0,
        checkpoint=folder,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, [x[:, 0].sum() > 0 for x in X])
    weights = [w.numpy().tobytes() for w in model.module_.state_dict().values()]
    path.write_bytes(b"".join(weights))


def start(folder, path):
    process = multiprocessing.get_context("fork").Process(
        target=fit_and_write_weights, args=(folder, path)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which the child does not use
        process.start()
    return process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a new process takes seconds")
@pytest.mark.parametrize(
    "n_kills", [6, pytest.param(200, marks=pytest.mark.slow)], ids=str
)
def test_kill_9_at_any_moment_leaves_the_same_fit(tmp_path, monkeypatch, n_kills):
    monkeypatch.setattr(_checkpoint, "INTERVAL", 0)
    fit_and_write_weights(tmp_path / "whole", tmp_path / "expected")
    expected = (tmp_path / "expected").read_bytes()
    rng = np.random.default_rng(n_kills)
    n_killed = 0
    while n_killed < n_kills:
        folder, path = tmp_path / f"runs{n_killed}", tmp_path / f"found{n_killed}"
        while not path.exists():
            process = start(folder, path)
            if n_killed < n_kills:
                process.join(rng.uniform(0, 0.3))
                if process.is_alive():
                    process.kill()
                    n_killed += 1
            process.join()
        assert path.read_bytes() == expected
        (left,) = folder.iterdir()  # nor temporary files
        assert left.suffix == ".safetensors"
