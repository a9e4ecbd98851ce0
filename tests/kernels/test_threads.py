"""Threads, memory and locks of the kernels."""

import ctypes
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from skorch.callbacks import Callback

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn._kernels import _threads
from sklearn_rnn._kernels._library import load_library
from sklearn_rnn.nn import GRU, initialize
from sklearn_rnn.nn._gated import run_kernels, threads_for


@pytest.fixture
def two_threads(monkeypatch):
    """torch has two threads, and the kernels use both for the smallest of layers."""
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


# How many threads --------------------------------------------------------------------


def test_threads_are_put_back_also_after_an_error(ragged, two_threads):
    X, _ = ragged
    with pytest.raises(ValueError, match="NaN or infinite"):
        RNNRegressor(
            cell="rnn",
            nonlinearity="relu",
            learning_rate=1e30,
            max_grad_norm=None,
            optimizer="sgd",
            learning_rate_schedule=None,
        ).fit(X, np.arange(40.0))
    assert torch.get_num_threads() == 2


def test_threads_are_put_back_in_each_thread_whoever_leaves_first(two_threads):
    inside, first_left, seen = threading.Event(), threading.Event(), []

    def second():
        with _threads.threads_for_kernels():
            seen.append(_threads.get_num_threads())
            inside.set()
            first_left.wait(60)
        seen.append(torch.get_num_threads())

    thread = threading.Thread(target=second)
    with _threads.threads_for_kernels():
        assert torch.get_num_threads() == 1
        thread.start()
        assert inside.wait(60)
    assert torch.get_num_threads() == 2
    first_left.set()
    thread.join()
    assert torch.get_num_threads() == 2
    assert seen == [2, 2]


def test_each_thread_keeps_a_number_of_its_own(two_threads):
    def count(n_threads):
        torch.set_num_threads(n_threads)
        with _threads.threads_for_kernels(), _threads.threads_for_kernels():
            inside = _threads.get_num_threads(), torch.get_num_threads()
        return *inside, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(count, 3).result() == (3, 1, 3)
        assert pool.submit(count, 1).result() == (1, 1, 1)
    assert count(2) == (2, 1, 2)


def test_one_thread_is_one_also_with_two_directions(monkeypatch):
    monkeypatch.setattr(_threads, "_take_worker", None)
    layers = [initialize(GRU(3, 5), torch.Generator().manual_seed(k)) for k in (0, 1)]
    assert torch.get_num_threads() == 1  # as tests have it
    outputs, _ = run_kernels(layers, torch.ones(8, 5, 3), None, None, [False, True])
    outputs.sum().backward()
    # else it would have called None


def test_one_thread_and_two_differ_by_rounding(monkeypatch):
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    generator = torch.Generator().manual_seed(0)
    layer = initialize(GRU(3, 9), generator)
    x = torch.randn(32, 10, 3, generator=generator)
    results = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            with threads_for(layer):
                outputs, _ = layer(x)
                gradients = torch.autograd.grad(outputs.sum(), list(layer.parameters()))
            results.append((outputs, *gradients))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])  # rows do not meet
    for a, b in zip(*results, strict=True):
        largest = float(b.detach().abs().max())
        torch.testing.assert_close(a, b, rtol=0, atol=2e-6 * largest)


def _threads_of_a_fit(X, y):
    """In a worker of joblib: the threads it may use, and those that a fit has made."""
    _threads._WORTH_A_THREAD = 1
    make_classifier().fit(X, y).predict(X)
    ours = [t for t in threading.enumerate() if t.name.startswith("sklearn_rnn")]
    return _threads.get_num_threads(), torch.get_num_threads(), len(ours)


@pytest.mark.parametrize("share", [1, 2])
def test_workers_of_joblib_keep_to_their_share(ragged, share):
    with joblib.parallel_config(backend="loky", inner_max_num_threads=share):
        counts = joblib.Parallel(n_jobs=2)(
            joblib.delayed(_threads_of_a_fit)(*ragged) for _ in range(2)
        )
    assert counts == [(share, share, share - 1)] * 2  # one more is the worker itself


@pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two cores",
)
def test_a_worker_keeps_off_the_core_of_the_thread_that_waits(two_threads):
    seen = []
    _threads.run_in_threads(
        lambda number: seen.append(os.sched_getaffinity(0) if number else None),
        [(0,), (1,)],
    )
    (cores,) = filter(None, seen)
    assert len(os.sched_getaffinity(0) - cores) == 1


def test_a_worker_keeps_the_memory_of_its_job_also_where_waiting_is_ended(two_threads):
    class Memory:
        pass

    memory, goes_on = Memory(), threading.Event()
    alive = weakref.ref(memory)

    def interrupted(self):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_threads._Job, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _threads.run_in_threads(
                lambda number: number and goes_on.wait(60), [(0,), (1,)], memory
            )
    del memory
    gc.collect()
    assert alive() is not None
    goes_on.set()
    for _ in range(600):
        if alive() is None:
            break
        time.sleep(0.1)
    assert alive() is None


# At once -----------------------------------------------------------------------------


def make_classifier(**params):
    params = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, **params}
    return RNNClassifier(**params)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_eight_threads_at_once_give_the_results_of_one(ragged, two_threads, n_threads):
    X, y = ragged
    torch.set_num_threads(n_threads)
    cells = ["rnn", "gru", "lstm", "gru"]

    def fit_and_predict(cell):
        classifier = make_classifier(cell=cell, pooling="last").fit(X, y)
        return classifier.loss_curve_, classifier.predict_proba(X)

    expected = [fit_and_predict(cell) for cell in cells]
    start = threading.Barrier(8)

    def work(k):
        counts = [torch.get_num_threads()]
        start.wait(60)
        result = fit_and_predict(cells[k % 4])
        return result, [*counts, torch.get_num_threads()]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert torch.get_num_threads() == n_threads
    for k, ((curve, probability), counts) in enumerate(answers):
        assert counts == [n_threads, n_threads]
        assert curve == expected[k % 4][0]
        np.testing.assert_array_equal(probability, expected[k % 4][1])


# Fork --------------------------------------------------------------------------------


def _run_on_two_threads(answer=None):
    """Run a layer whose rows are dealt out to two threads."""
    layer = initialize(GRU(3, 4), torch.Generator().manual_seed(0))
    torch.set_num_threads(2)
    with threads_for(layer):  # torch itself has one inside
        outputs, _ = layer(torch.ones(32, 5, 3))
    torch.set_num_threads(1)
    if answer is not None:
        answer.put(outputs.shape)


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    _run_on_two_threads()
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=_run_on_two_threads, args=(answer,), daemon=True)
    process.start()
    try:
        assert answer.get(timeout=60) == (32, 5, 4)
    finally:
        process.kill()


def _count_inside_and_after(holder, answer):
    counts = [torch.get_num_threads()]
    holder.__exit__(None, None, None)
    with _threads.threads_for_kernels():
        counts.append(_threads.get_num_threads())
    answer.put([*counts, torch.get_num_threads()])


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_forked_inside_a_fit_stays_on_one_thread(two_threads):
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    holder = _threads.threads_for_kernels()
    with holder:
        process = context.Process(
            target=_count_inside_and_after, args=(holder, answer), daemon=True
        )
        process.start()
        assert answer.get(timeout=60) == [1, 1, 1]
        process.join(60)
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_after_a_fork_a_model_predicts_and_another_one_is_fitted(
    ragged, two_threads, cell
):
    X, y = ragged
    # the defaults: weights so large that torch copies them on several threads
    classifier = RNNClassifier(cell=cell, max_epochs=3, random_state=0).fit(X, y)
    expected = classifier.predict_proba(X)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()

    def work():
        fresh = RNNClassifier(cell=cell, max_epochs=3, random_state=0).fit(X, y)
        answer.put([model.predict_proba(X) for model in (classifier, fresh)])

    process = context.Process(target=work, daemon=True)
    process.start()
    try:
        same, fresh = answer.get(timeout=60)
        np.testing.assert_array_equal(same, expected)
        np.testing.assert_allclose(fresh, expected, rtol=1e-3, atol=1e-4)
    finally:
        process.kill()


# Memory ------------------------------------------------------------------------------


def test_memory_is_used_again_inside_and_released_after(ragged):
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            own = _threads._local.buffers
            n_arrays = sum(len(arrays) for arrays in own.free.values())
            seen.append((weakref.ref(own), n_arrays))

    make_classifier(callbacks=[Watch()], max_epochs=4, batch_size=40).fit(*ragged)
    gc.collect()
    assert seen[0][1] > 0
    assert {n for _, n in seen} == {seen[0][1]}  # no more from the second epoch on
    assert all(reference() is None for reference, _ in seen)
    assert isinstance(_threads.get_buffers(True), _threads._NoBuffers)


def test_memory_is_not_shared_by_two_fits_at_once():
    def buffers():
        with _threads.threads_for_kernels():
            both_inside.wait(60)
            return _threads.get_buffers(True)

    both_inside = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        one, other = [pool.submit(buffers) for _ in range(2)]
    assert one.result() is not other.result()


@pytest.mark.parametrize("n", [0, 1, 5, 64])
def test_memory_taken_is_large_enough_and_comes_back(n):
    buffers = _threads.Buffers()
    one, other = buffers.take(n), buffers.take(n)
    assert min(len(one), len(other)) >= n
    assert one.data_ptr() != other.data_ptr()
    buffers.give_back(one)
    assert buffers.take(n) is one


SCRIPT = """
import gc, re, warnings
from pathlib import Path
import numpy as np
from sklearn_rnn import RNNClassifier
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(64, 20, 4)).astype("f4")
y = np.arange(64) % 2
def fit(n_epochs=1):  # its blocks take some 2 MB
    RNNClassifier(
        cell="lstm", conv_channels=None, hidden_size=32, batch_size=64,
        max_epochs=n_epochs, n_iter_no_change=1000, random_state=0,
    ).fit(X, y)
def read(name):
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(re.search(name + ":\\s+(\\d+)", status)[1]) / 1024
for _ in range(20):
    fit()
before = read("VmRSS")
for _ in range(200):
    fit()
print(read("VmRSS") - before)
before = read("VmHWM")
fit(100)
print(read("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_neither_fits_nor_epochs_grow():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    by_fits, by_epochs = [float(word) for word in done.stdout.split()]  # MB
    assert by_fits < 20  # 200 fits
    assert by_epochs < 10  # 100 epochs


# Calls that lie in memory -------------------------------------------------------------


def write_program(*calls):
    """Return a program of one group; a call is a kernel and its arguments."""
    numbers = [len(calls)]
    for name, *arguments in calls:
        address = load_library("network").find_address(name)
        numbers += [address, len(arguments), *arguments]
    return (ctypes.c_int64 * len(numbers))(*numbers)


@pytest.fixture
def awake_for_hours(monkeypatch):
    """Let threads look for calls until the test ends."""
    monkeypatch.setattr(_threads, "_WAIT", 10**7 * _threads._WAIT)
    yield
    for worker in list(_threads._idle):
        worker.has_job.value = 1
        worker.jobs.put(None)


def repeat(program, mailboxes):
    places = ctypes.addressof(program), ctypes.addressof(mailboxes)
    load_library("network").repeat(1, 0, len(mailboxes), *places)


def write_flag_setter(n_ticks):
    """Return a flag, and a program of a call that sets it and one that waits for it."""
    flag, numbers = torch.zeros(1, dtype=torch.int64), torch.ones(4, 64)
    numbers[0] = 5  # and a mean of 1
    places = [row.data_ptr() for row in numbers]
    set_flag = "standardize", 2, 2, *places, flag.data_ptr()
    return flag, write_program(set_flag, ("spin", n_ticks, flag.data_ptr())), numbers


def test_a_call_is_made_by_another_thread_that_is_awake(two_threads, awake_for_hours):
    # this thread makes the first call; the other one waits for it, for hours
    flag, program, _memory = write_flag_setter(10**13)
    with (
        _threads.threads_for_kernels(),
        _threads.borrow_helpers(1, ctypes.addressof(program)) as mailboxes,
    ):
        state = ctypes.c_int64.from_address(mailboxes[0])
        while state.value != 1:
            time.sleep(0.001)
        repeat(program, mailboxes)
    assert flag.item() != 0


def test_a_thread_that_is_asleep_is_not_waited_for(two_threads):
    flag, program, _memory = write_flag_setter(1)
    state = (ctypes.c_int64 * 3)()  # nobody looks there
    repeat(program, (ctypes.c_int64 * 1)(ctypes.addressof(state)))
    assert flag.item() != 0
    assert state[0] == 0


def test_parts_for_a_thread_that_is_awake_are_smaller(monkeypatch):
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 2)
    work = 2 * _threads._WORTH_HELP
    assert _threads.count_parts(64, work) == 1
    assert _threads.count_parts(64, work, is_repeated=True) == 2
    assert _threads.count_parts(64, work - 1, is_repeated=True) == 1
