"""Mini-batches of one shape repeat the calls of the first, and compute the same."""

import gc
import weakref
from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNStepRegressor, RNNTagger
from sklearn_rnn._kernels import _recording, _threads
from sklearn_rnn._kernels._library import get_library, load_library
from sklearn_rnn._kernels._recording import Recording
from sklearn_rnn._kernels._tensors import empty
from sklearn_rnn._kernels._threads import Buffers
from sklearn_rnn.nn import (
    GRU,
    Encoder,
    Pooling,
    RecordedChain,
    SequenceModel,
    Standardize,
    initialize,
    make_chain,
)
from sklearn_rnn.nn import _losses as losses
from sklearn_rnn.nn._chain import _recorded

TINY = {"max_epochs": 2, "hidden_size": 5, "batch_size": 12, "random_state": 0}
N_BATCHES, N_SHAPES = 8, 2  # 45 samples: 12, 11, 11, 11, twice


class Watcher(Callback):
    """It sees each mini-batch, so none is repeated."""


@pytest.fixture
def repeated(monkeypatch):
    """Counts the mini-batches that repeat calls."""
    calls, repeat = [], Recording.repeat

    def count(recording):
        calls.append(recording)
        repeat(recording)

    monkeypatch.setattr(Recording, "repeat", count)
    return calls


def assert_same_fit(make, X, y, weight, repeated):
    """Fit with repeated calls and without; return how many were repeated."""
    own = make().fit(X, y, sample_weight=weight)
    n_repeated = len(repeated)
    watched = make(callbacks=[Watcher()]).fit(X, y, sample_weight=weight)
    assert len(repeated) == n_repeated
    assert own.loss_curve_ == watched.loss_curve_
    pairs = zip(own.module_.parameters(), watched.module_.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    return n_repeated


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dropout": 0.3, "num_layers": 2},
        {"cell": "lstm", "pooling": "last"},
        {"cell": "rnn", "pooling": "attention", "bidirectional": False},
        {"pooling": "attention", "hidden_size": 16},  # its products are packed
        {"conv_kernel_size": ((3, 5), 4), "conv_channels": (6, 4)},
        {"conv_pooling": True, "optimizer": "sgd"},
        {"conv_channels": None, "early_stopping": True, "validation_fraction": 0.2},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_classifiers(rng, params, weighted, repeated):
    X, y = rng.normal(size=(45, 9, 2)).astype("f4"), np.arange(45) % 3
    weight = rng.uniform(1, 2, 45) if weighted else None
    n = assert_same_fit(
        lambda **more: RNNClassifier(**TINY | params, **more), X, y, weight, repeated
    )
    assert n == N_BATCHES - N_SHAPES or "early_stopping" in params
    assert n > 0


@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_regressors(rng, loss, repeated):
    X, y = rng.normal(size=(45, 9, 2)), rng.normal(size=(45, 2))
    assert assert_same_fit(
        lambda **more: RNNRegressor(**TINY, loss=loss, **more), X, y, None, repeated
    )


def test_steps(rng, repeated):
    X = rng.normal(size=(45, 9, 2))
    labels, numbers = (X[..., 0] > 0).astype(int), X.sum(axis=2)
    for cls, y in ((RNNTagger, labels), (RNNStepRegressor, numbers)):
        assert assert_same_fit(partial(cls, **TINY), X, y, None, repeated)


@pytest.mark.parametrize(
    "params",
    [
        {"dropout": 0.3, "num_layers": 1},
        {"cell": "lstm", "pooling": "last", "num_layers": 2, "dropout": 0},
        {"conv_pooling": True, "conv_kernel_size": ((3, 5), 4), "conv_stride": (2, 3)},
        {"conv_channels": None, "batch_size": 1, "max_epochs": 1},
    ],
    ids=str,
)
def test_ragged_batches_repeat_the_calls_for_other_lengths(rng, params, repeated):
    X = make_ragged(rng)
    own = lambda **more: RNNClassifier(**TINY | params, **more)  # noqa: E731
    weight = rng.uniform(1, 2, len(X))
    assert assert_same_fit(own, X, np.arange(len(X)) % 3, weight, repeated)


def make_ragged(rng):
    return [rng.normal(size=(n, 2)) for n in rng.permutation(np.arange(45) % 11 + 1)]


@pytest.mark.parametrize(
    "params", [{"pooling": "attention"}, {"dropout": 0.3, "num_layers": 2}], ids=str
)
def test_ragged_batches_that_need_other_calls_are_not_repeated(rng, params, repeated):
    X = make_ragged(rng)
    RNNClassifier(**TINY, **params).fit(X, np.arange(len(X)) % 3)
    assert not repeated


def test_ragged_taggers_and_a_crf_are_not_repeated(rng, repeated):
    X = make_ragged(rng)
    RNNTagger(**TINY).fit(X, [(x[:, 0] > 0).astype(int) for x in X])
    X = rng.normal(size=(45, 9, 2))
    RNNTagger(**TINY, crf=True).fit(X, (X[..., 0] > 0).astype(int))
    assert not repeated


@pytest.mark.parametrize("ragged", [False, True])
def test_calls_made_by_several_threads_compute_the_same(
    rng, monkeypatch, ragged, repeated
):
    monkeypatch.setattr(_threads, "_WORTH_HELP", 1)
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        X = make_ragged(rng) if ragged else rng.normal(size=(45, 9, 2))
        y = np.arange(45) % 3
        own = partial(RNNClassifier, **TINY | {"max_epochs": 4})
        assert assert_same_fit(own, X, y, None, repeated)
    finally:
        torch.set_num_threads(before)
    assert max(recording._n_helpers for recording in repeated) >= 1


def make_model():
    encoder = Encoder(3, (5,), GRU, bidirectional=True)
    inputs = Standardize(torch.zeros(3), torch.ones(3))
    model = SequenceModel(inputs, None, encoder, Pooling("meanmax", 10), 2)
    return initialize(model, torch.Generator().manual_seed(0))


def run(chain, model, seed, lengths=None):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 6 if lengths is None else max(lengths), 3, generator=generator)
    target = torch.tensor([0, 1, 1, 0])
    lengths = None if lengths is None else torch.tensor(lengths)
    loss, output = chain.compute_gradients({"x": x, "lengths": lengths}, target, None)
    return [
        *(loss.clone(), output.clone()),
        *(parameter.grad.clone() for parameter in model.parameters()),
    ]


def test_weights_at_another_place_are_recorded_anew(repeated):
    model, criterion = make_model().train(), losses.CrossEntropy()
    chain = RecordedChain(make_chain(model, criterion), model)
    for seed in range(6):
        if seed == 3:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.data = parameter * 2
        actual = run(chain, model, seed)
        expected = run(make_chain(model, criterion), model, seed)
        assert all(map(torch.equal, actual, expected))
    assert len(repeated) == 4


def test_recordings_of_ragged_batches_share_a_limited_memory(monkeypatch, repeated):
    model, criterion = make_model().train(), losses.CrossEntropy()
    chain = RecordedChain(make_chain(model, criterion), model, equal_lengths=False)
    lengths = [
        [19, 1, 20, 3],
        [2, 2, 2, 2],
        [4, 9, 1, 1],
        [20, 17, 20, 2],
        [1, 2, 1, 1],
    ]

    def compare(seed):
        own = run(chain, model, seed, lengths[seed % 5])
        expected = run(make_chain(model, criterion), model, seed, lengths[seed % 5])
        assert all(map(torch.equal, own, expected))

    for seed in range(10):
        compare(seed)
    assert len(chain.runs) == 3  # up to 2, 10 and 20 steps
    assert len(repeated) == 7
    one = next(iter(chain.runs.values())).recording.n_bytes
    monkeypatch.setattr(_recorded, "_MOST_MEMORY", one)
    for seed in range(10, 16):
        compare(seed)
    chain.buffers = None  # of all that were used so far
    monkeypatch.setattr(_recorded, "_MOST_STEPS", 4)
    compare(16)
    assert len(repeated) == 13


def test_lengths_of_repeated_calls_are_checked():
    model = make_model().train()
    chain = make_chain(model, losses.CrossEntropy())
    chain = RecordedChain(chain, model, equal_lengths=False)
    x, target = torch.zeros(3, 5, 3), torch.tensor([0, 1, 1])
    for lengths in ([5, 2, 3], [5, 1, 1]):
        chain.compute_gradients(
            {"x": x, "lengths": torch.tensor(lengths)}, target, None
        )
    for lengths in ([5, 2, 6], [5, 0, 2], [5, -1, 2]):
        inputs = {"x": x, "lengths": torch.tensor(lengths)}
        with pytest.raises(ValueError, match="lengths must be 3 numbers of steps"):
            chain.compute_gradients(inputs, target, None)


def record(compute, *tensors):
    recording = Recording(tensors, Buffers(for_all_lengths=True))
    with recording.record():
        compute()
    return recording


def test_what_leaves_torch_is_not_to_be_repeated():
    x = torch.ones(3)
    assert record(lambda: x.mul_(2), x).is_complete
    assert not record(lambda: x.sum(), x).is_complete  # an operator nobody listed
    assert not record(lambda: x[0].item(), x).is_complete
    # it is taken to stay as it is
    assert not record(lambda: torch.full((3,), 1.0).mul_(2)).is_complete


@pytest.mark.parametrize("by_jobs", [False, True])
def test_a_recording_keeps_the_code_that_it_calls(monkeypatch, by_jobs):
    """Threads that load the kernels at once have one copy each; one stays loaded."""
    loaded = [load_library.__wrapped__("steps")]
    engine = weakref.ref(loaded[0]._engine)
    monkeypatch.setattr(_recording, "load_library", lambda group: loaded[0])
    tensors = torch.ones(1, 4, 3), torch.full((1,), 4), empty(4, 3)
    numbers = 1, 4, 3, 4, *(tensor.data_ptr() for tensor in tensors)

    def compute():
        if by_jobs:
            _threads.run_in_threads(get_library("steps").flatten, [numbers])
        else:
            get_library("steps").flatten(*numbers)

    recording = record(compute, *tensors)
    loaded.clear()
    gc.collect()
    assert recording.is_complete
    assert engine() is not None
    del recording
    gc.collect()
    assert engine() is None


def test_addresses_of_memory_that_is_not_kept_are_found():
    x, y = torch.ones(1, 4, 3), empty(4, 3)
    lengths = torch.full((1,), 4, dtype=torch.int64)
    addresses = [tensor.data_ptr() for tensor in (x, lengths, y)]

    def compute():
        get_library("steps").flatten(1, 4, 3, 4, *addresses)

    assert record(compute, x, lengths, y).is_complete
    assert not record(compute, x, lengths).is_complete


def test_a_recording_computes_what_the_block_computed():
    x, y = torch.ones(4, 3), empty(4, 3)
    lengths = torch.full((1,), 4, dtype=torch.int64)
    results = []

    def compute():
        get_library("steps").flatten(
            1, 4, 3, 4, x.data_ptr(), lengths.data_ptr(), y.data_ptr()
        )
        results.append(y * 3)

    recording = record(compute, x, y, lengths)
    x.fill_(5)
    recording.repeat()
    assert (results[0] == 15).all()
