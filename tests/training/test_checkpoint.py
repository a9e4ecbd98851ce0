"""A fit that was killed goes on from its checkpoint, and ends with the same bits."""

import errno
import json
import multiprocessing
import os
import signal
import warnings
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import sklearn_rnn
from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranscriber,
    RNNTranslator,
)
from sklearn_rnn._training import _checkpoint


class Killed(Exception):
    """In place of a kill, inside one process."""


class Counter(Callback):
    """Counts epochs and mini-batches, and raises an error at the end of some."""

    error, at, within = None, (), ()

    def initialize(self):
        self.n_begun_ = self.n_epochs_ = self.n_batches_ = 0
        self.losses_ = []
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.n_begun_ += 1

    def on_batch_end(self, net, **kwargs):
        self.n_batches_ += 1
        if self.n_batches_ in Counter.within:
            raise Counter.error

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1
        self.losses_.append(net.history[-1, "batches", :, "train_loss"])
        if self.n_epochs_ in Counter.at:
            raise Counter.error


@pytest.fixture
def always_write(monkeypatch):
    monkeypatch.setattr(_checkpoint, "INTERVAL", 0)
    monkeypatch.setattr(_checkpoint, "_MOST_SHARE", np.inf)


@pytest.fixture
def kill_after(always_write, monkeypatch):
    """Return a function: fits fail at the end of these epochs, until called anew."""

    def start(*epochs, within=(), error=Killed):
        monkeypatch.setattr(Counter, "at", epochs)
        monkeypatch.setattr(Counter, "within", within)
        monkeypatch.setattr(Counter, "error", error)

    return start


def make(kind=RNNClassifier, **options):
    options = {"hidden_size": 5, "max_epochs": 5, "random_state": 0, **options}
    return kind(callbacks=[Counter()], **options)


def counter_of(fitted):
    return fitted.net_.callbacks_[1][1]


def assert_same_fit(actual, expected):
    weights = expected.module_.state_dict()
    for name, weight in actual.module_.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    assert actual.loss_curve_ == expected.loss_curve_
    assert actual.validation_scores_ == expected.validation_scores_
    for row, other in zip(actual.history_, expected.history_, strict=True):
        assert {**row, "dur": 0} == {**other, "dur": 0}
    assert vars(counter_of(actual)) == vars(counter_of(expected))
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
    assert counter_of(resumed).n_epochs_ == 5
    assert len(os.listdir("runs")) == 1


@pytest.mark.parametrize("options", SETTINGS)
def test_a_fit_that_is_killed_within_an_epoch_ends_with_the_same_bits(
    ragged, kill_after, options
):
    options = {**options, "batch_size": 8, "max_epochs": 3}
    expected = make(**options).fit(*ragged)
    n_batches = counter_of(expected).n_batches_ // 3
    # in the first epoch, at the beginning and at the end of others
    for last in (3, n_batches + 1, 2 * n_batches, 2 * n_batches + 3):
        kill_after(within=(last,))
        with pytest.raises(Killed):
            make(**options, checkpoint="runs").fit(*ragged)
    kill_after()
    resumed = make(**options, checkpoint="runs").fit(*ragged)
    assert_same_fit(resumed, expected)
    assert counter_of(resumed).n_begun_ == 3
    X = ragged[0]
    np.testing.assert_array_equal(resumed.predict_proba(X), expected.predict_proba(X))


GENERATOR = {"truncate": 4, "dropout": 0.2, "batch_size": 3, "max_epochs": 2}


def of_generator(cell):
    X = ["abcabcabcab", "cabca", "bcabcabcabcabcabc", "ab"] * 2
    return make(RNNGenerator, cell=cell, **GENERATOR), (X,), "score_samples"


def of_tagger():
    X = [np.array([1, 1, 2, 3]), np.array([4, 1, 1]), np.array([2, 5])] * 6
    options = {"embedding_dim": 3, "batch_size": 4, "max_epochs": 2}
    return make(RNNTagger, **options), (X, [x % 2 for x in X]), "predict_proba"


def of_translator():
    X = ["ab", "ba", "abc", "cab", "bb", "a"] * 3
    options = {"batch_size": 4, "max_epochs": 2, "dropout": 0.2}
    return make(RNNTranslator, **options), (X, [x[::-1] for x in X]), "predict"


def of_translator_of_lists():
    X = [np.arange(n) % 3 for n in (3, 2, 4)] * 4
    y = [["one", "two"], ["two"], ["one"]] * 4
    options = {"batch_size": 5, "max_epochs": 2}
    return make(RNNTranslator, **options), (X, y), "predict"


@pytest.mark.parametrize(
    "case",
    [
        lambda: of_generator("gru"),
        lambda: of_generator("lstm"),
        of_tagger,
        of_translator,
        of_translator_of_lists,
    ],
    ids=["generator", "generator lstm", "tokens", "texts", "lists"],
)
def test_what_batches_share_goes_on(kill_after, case):
    """States between windows, drawn token dropout, and pairs."""
    model, data, method = case()
    expected = model.fit(*data)
    n_batches = counter_of(expected).n_batches_
    for last in range(2, n_batches + 1, max(n_batches // 5, 1)):
        kill_after(within=(last,))
        with pytest.raises(Killed):
            case()[0].set_params(checkpoint="runs").fit(*data)
    kill_after()
    resumed = case()[0].set_params(checkpoint="runs").fit(*data)
    assert_same_fit(resumed, expected)
    X = data[0]
    for one, other in zip(
        getattr(resumed, method)(X), getattr(expected, method)(X), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_validation_set_of_texts_is_part_of_the_fit():
    X = ["abab", "ba", "aab"] * 3
    for options in ({}, {"X_val": X}, {"X_val": X[::-1]}, {"X_val": X}):
        make(RNNGenerator, max_epochs=1, checkpoint="runs").fit(X, **options)
    assert len(os.listdir("runs")) == 3


def test_a_copy_takes_little_time(ragged, monkeypatch):
    """After a copy or a file that took long, the next one waits."""
    clock, times = iter(count()), []
    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(_checkpoint, "_BETWEEN_COPIES", 0)
    monkeypatch.setattr(_checkpoint, "_MOST_SHARE", 0.04)
    monkeypatch.setattr(_checkpoint, "INTERVAL", 10**9)
    right = _checkpoint.capture
    monkeypatch.setattr(
        _checkpoint, "capture", lambda *a: times.append(next(clock)) or right(*a)
    )
    make(checkpoint="runs", max_epochs=15, batch_size=2).fit(*ragged)
    # a copy takes 2 of the clock's seconds: 50 pass until the next
    assert np.diff(times[2:-1]).min() >= 2 / 0.04
    assert len(times) > 4


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


@pytest.mark.parametrize(
    ("kind", "options", "method"),
    [
        (RNNForecaster, {"context": 8, "horizon": 3, "batch_size": 16}, "predict"),
        (RNNAnomalyDetector, {"context": 8, "batch_size": 2}, "score_samples"),
    ],
)
def test_series_go_on(rng, kill_after, kind, options, method):
    X = rng.normal(size=(3, 60)).cumsum(axis=1)
    fitted = make(kind, **options).fit(X)
    expected = getattr(fitted, method)(X)
    n_batches = counter_of(getattr(fitted, "regressor_", fitted)).n_batches_
    for when in ({"within": (n_batches // 2,)}, {"within": (n_batches - 1,)}):
        kill_after(**when)
        with pytest.raises(Killed):
            make(kind, **options, checkpoint="runs").fit(X)
    kill_after()
    resumed = make(kind, **options, checkpoint="runs").fit(X)
    np.testing.assert_array_equal(getattr(resumed, method)(X), expected)
    assert counter_of(getattr(resumed, "regressor_", resumed)).n_epochs_ == 5


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


@pytest.mark.parametrize("within", [False, True])
def test_ctrl_c_writes_a_checkpoint(ragged, kill_after, monkeypatch, within):
    monkeypatch.setattr(_checkpoint, "INTERVAL", 1000)
    monkeypatch.setattr(_checkpoint, "_BETWEEN_COPIES", 0)
    expected = make(batch_size=8).fit(*ragged)
    when = {"within": (18,)} if within else {}
    kill_after(*(() if within else (4,)), error=KeyboardInterrupt, **when)
    with pytest.raises(KeyboardInterrupt):
        make(batch_size=8, checkpoint="runs").fit(*ragged)
    kill_after()
    resumed = make(batch_size=8, checkpoint="runs").fit(*ragged)
    assert_same_fit(resumed, expected)
    assert counter_of(resumed).n_epochs_ == 5


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
    right = Counter.on_epoch_end

    def note(self, net, **kwargs):
        right(self, net, **kwargs)
        epochs.append(len(net.history))
        if len(epochs) in stop_at:
            raise KeyboardInterrupt

    def search(**options):
        grid = {"hidden_size": [3, 4]}
        return GridSearchCV(make(**options), grid, cv=2, error_score="raise").fit(X, y)

    expected = search()
    kill_after()
    monkeypatch.setattr(Counter, "on_epoch_end", note)
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


def fit_and_write_results(folder, path):
    """Run in a process of its own."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(3, 9, 40)]
    model = RNNClassifier(
        hidden_size=8,
        max_epochs=15,
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
    results = [w.numpy().tobytes() for w in model.module_.state_dict().values()]
    history = [{**row, "dur": 0} for row in model.history_]
    results += [json.dumps(history).encode(), model.predict_proba(X).tobytes()]
    path.write_bytes(b"".join(results))


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_half_a_file(handle):
    if not os.path.isdir(f"/proc/self/fd/{handle}"):
        os.ftruncate(handle, os.fstat(handle).st_size // 2)
    die()


def replace_and_die(source, target):
    os.rename(source, target)
    die()


# places within a write
FAULTS = [
    *(("fsync", die_with_half_a_file), ("fsync", die)),
    *(("replace", die), ("replace", replace_and_die)),
]


def run_with_fault(folder, path, fault, when):
    """Fit, and die at this place of a write, as number `when` of its kind."""
    if fault is not None:
        name, function = fault
        right, number = getattr(os, name), iter(count())
        setattr(os, name, lambda *a: (function if next(number) == when else right)(*a))
    fit_and_write_results(folder, path)


def start(*args):
    process = multiprocessing.get_context("fork").Process(
        target=run_with_fault, args=args
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which the child does not use
        process.start()
    return process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a new process takes seconds")
@pytest.mark.parametrize(
    "n_kills", [6, pytest.param(200, marks=pytest.mark.slow)], ids=str
)
def test_kill_9_at_any_moment_leaves_the_same_fit(tmp_path, always_write, n_kills):
    """Also within an epoch, as each batch is written, and inside a write."""
    fit_and_write_results(tmp_path / "whole", tmp_path / "expected")
    expected = (tmp_path / "expected").read_bytes()
    rng = np.random.default_rng(n_kills)
    n_killed = 0
    while n_killed < n_kills:
        folder, path = tmp_path / f"runs{n_killed}", tmp_path / f"found{n_killed}"
        while not path.exists():
            goes_on = n_killed >= n_kills
            inside = not goes_on and n_killed % 2 == 0
            fault = FAULTS[n_killed // 2 % len(FAULTS)] if inside else None
            process = start(folder, path, fault, int(rng.integers(40)))
            process.join(None if goes_on or inside else rng.uniform(0, 0.2))
            if process.is_alive():
                process.kill()
            process.join()
            n_killed += process.exitcode == -signal.SIGKILL
        assert path.read_bytes() == expected
        (left,) = folder.iterdir()  # nor temporary files
        assert left.suffix == ".safetensors"
