"""Ctrl-C at every line of the kernels' threads: torch has its own again, and no worker
is lost."""

import ctypes
import threading
import time
from contextlib import suppress

import pytest
import torch
from test_interrupts import LineTrace

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn._kernels import _threads
from sklearn_rnn._kernels._library import load_library
from sklearn_rnn.nn import GRU, initialize
from sklearn_rnn.nn._gated import run_kernels, threads_for


class ThreadsTrace(LineTrace):
    """Counts and interrupts the lines of `_threads.py` alone."""

    def __call__(self, frame, event, argument):
        is_there = frame.f_code.co_filename == _threads.__file__
        return self._trace if is_there else None


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def compute():
    """Return a function that runs a layer with the threads of the kernels."""
    layer = initialize(GRU(3, 4), torch.Generator().manual_seed(0))
    x = torch.randn(16, 5, 3, generator=torch.Generator().manual_seed(1))

    def compute():
        with torch.inference_mode(), threads_for(layer):
            return run_kernels([layer], x, None, None, [False])[0]

    return compute


def find_workers():
    return [t for t in threading.enumerate() if t.name == "sklearn_rnn"]


def wait_until_all_are_idle():
    """Workers finish what they were given; no more than a moment later."""
    end = time.monotonic() + 10
    while len(_threads._idle) < len(find_workers()) and time.monotonic() < end:
        time.sleep(0.001)
    assert {w.thread for w in _threads._idle} == set(find_workers())


def test_ctrl_c_at_any_line_restores_threads_and_loses_no_worker(two_threads, compute):
    expected = compute()
    wait_until_all_are_idle()
    n_workers = len(find_workers())
    assert n_workers >= 1
    with ThreadsTrace().active() as counted:
        compute()
    assert counted.n_lines > 40
    for at in range(counted.n_lines):
        trace = ThreadsTrace(at)
        with trace.active():
            try:
                compute()
            except KeyboardInterrupt:
                pass
            else:
                assert trace.place is None, trace.place  # fewer lines this time
        assert torch.get_num_threads() == 2, trace.place
        assert not _threads._holders, trace.place
        assert getattr(_threads._local, "buffers", None) is None, trace.place
        wait_until_all_are_idle()
        assert torch.equal(compute(), expected), trace.place
    wait_until_all_are_idle()
    # a worker that was begun where Ctrl-C came is there for the next job
    assert len(find_workers()) <= n_workers + 2


@pytest.fixture
def program():
    """Yield a program of a group of two calls, and the flags that these calls need.

    A call of `spin` ends when its flag is set.
    """
    library, flags = load_library("network"), (ctypes.c_int64 * 2)(1, 1)
    numbers = [2]
    for k in range(2):
        address = ctypes.addressof(flags) + 8 * k
        numbers += [library.find_address("spin"), 2, 10**12, address]
    return (ctypes.c_int64 * len(numbers))(*numbers), flags


def repeat(program, n_groups=1):
    address = ctypes.addressof(program)
    with _threads.borrow_helpers(1, address) as mailboxes:
        places = address, ctypes.addressof(mailboxes)
        load_library("network").repeat(n_groups, 0, len(mailboxes), *places)


def test_ctrl_c_while_helpers_are_borrowed_loses_no_worker(two_threads, program):
    def compute():
        with _threads.threads_for_kernels():
            repeat(program[0])

    compute()
    wait_until_all_are_idle()
    n_workers = len(find_workers())
    with ThreadsTrace().active() as counted:
        compute()
    assert counted.n_lines > 30
    for at in range(counted.n_lines):
        with ThreadsTrace(at).active(), suppress(KeyboardInterrupt):
            compute()
        assert torch.get_num_threads() == 2
        wait_until_all_are_idle()
    compute()
    assert len(find_workers()) <= n_workers + 2


def test_a_second_ctrl_c_while_a_job_is_given_up_leaves_no_wait_for_ever(
    two_threads, compute, monkeypatch
):
    compute()
    job = _threads._Job(lambda: None, (), None)
    job.worker = worker = _threads._take_worker()  # Ctrl-C came before it was started

    def interrupted(self, job):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_threads._Worker, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            job.wait()
    waiting = threading.Thread(target=job.wait, daemon=True)
    waiting.start()
    waiting.join(10)
    assert not waiting.is_alive()
    wait_until_all_are_idle()
    assert worker in _threads._idle
