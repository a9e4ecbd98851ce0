"""Threads and memory of the kernels."""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from sklearn_rnn._kernels._tensors import empty

_ON_LINUX = sys.platform == "linux"
_lock = threading.Lock()
_local = threading.local()
_idle: list["_Worker"] = []
_holders = 0  # how many threads are inside `threads_for_kernels`
_n_threads = 1  # that the first of them had
_find_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if _ON_LINUX else None
# multiplications that are worth a second thread: handing work over costs about 20 us
_WORTH_A_THREAD = 3_000_000
_N_LOOKS = 20_000  # for a job, or for its end, before a thread sleeps


@contextmanager
def threads_for_kernels() -> Iterator[None]:
    """Give torch's threads to the kernels inside, and back afterwards.

    torch's idle workers spin, and would steal the cores from the kernels. Inside, the
    kernels use the same memory again and again; it is released afterwards.
    """
    if getattr(_local, "buffers", None) is not None:  # this thread is inside already
        yield
        return
    global _holders, _n_threads
    with _lock:
        # torch counts for each thread; a new one begins with the number set last
        n_threads = torch.get_num_threads()
        if _holders == 0:
            _n_threads = n_threads
        elif n_threads == 1:
            n_threads = _n_threads
        _holders += 1
        torch.set_num_threads(1)
    _local.buffers, _local.n_threads = _Buffers(), n_threads
    try:
        yield
    finally:
        _local.buffers = _local.n_threads = None
        with _lock:
            _holders -= 1
            torch.set_num_threads(n_threads)


def get_num_threads() -> int:
    """Return how many threads the kernels may use."""
    return getattr(_local, "n_threads", None) or torch.get_num_threads()


def count_parts(n_rows: int, work: int, n_jobs: int = 1) -> int:
    """Return into how many parts some rows are to be cut, for a thread each.

    Parameters
    ----------
    n_rows : int
    work : int
        Multiplications.
    n_jobs : int
        How many jobs of this kind run at once.
    """
    n_threads = get_num_threads() // n_jobs
    return max(1, min(n_threads, n_rows // 4, work // _WORTH_A_THREAD))


def run_in_threads(
    function: Callable[..., Any], jobs: Sequence[tuple], memory: Any = None
) -> None:
    """Call the function with the arguments of each job, one of them in this thread.

    `memory` holds what the jobs have the addresses of: each thread keeps it until its
    job has ended, also where Ctrl-C ends the waiting for it.
    """
    if len(jobs) == 1 or get_num_threads() == 1:
        for job in jobs:
            function(*job)
        return
    workers = [_take_worker() for _ in jobs[1:]]
    for worker, job in zip(workers, jobs[1:], strict=True):
        worker.start(function, job, memory)
    try:
        function(*jobs[0])
    finally:
        errors = [worker.wait() for worker in workers]
        _idle.extend(workers)
    for error in filter(None, errors):
        raise error


def _take_worker() -> "_Worker":
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


class _Worker:
    """A thread that waits for jobs.

    A pool of concurrent.futures costs several times as much for each job, most of it
    under the lock of Python's interpreter. Before it sleeps, it looks for the next job
    for about half a millisecond: a thread that sleeps is slow to wake up.
    """

    def __init__(self) -> None:
        from sklearn_rnn._kernels._library import get_library  # imports llvmlite

        self.spin = get_library().spin
        self.begins, self.ended = threading.Lock(), threading.Lock()
        self.begins.acquire()
        self.ended.acquire()
        self.has_job, self.has_ended = ctypes.c_int64(0), ctypes.c_int64(0)
        self.cores: set[int] = set()
        self.thread = threading.Thread(
            target=self._run, name="sklearn_rnn", daemon=True
        )
        self.thread.start()

    def start(self, function: Callable[..., Any], job: tuple, memory: Any) -> None:
        """Begin to call the function with these arguments."""
        self.function, self.job, self.memory = function, job, memory
        self._leave_core()
        self.has_job.value = 1
        self.begins.release()

    def _leave_core(self) -> None:
        """Keep off the core of the thread that gives the job, and works meanwhile.

        Linux has been seen to wake workers there, one behind the other.
        """
        if _find_core is None:
            return
        cores = os.sched_getaffinity(0) - {_find_core()}
        if self.thread.native_id and cores and cores != self.cores:
            with suppress(OSError):  # not allowed
                os.sched_setaffinity(self.thread.native_id, cores)
            self.cores = cores

    def wait(self) -> Exception | None:
        """Wait until the call has ended; return its error, if it had one."""
        self.spin(ctypes.addressof(self.has_ended), _N_LOOKS)
        self.ended.acquire()
        self.has_ended.value = 0
        return self.error

    def _run(self) -> None:
        while True:
            self.spin(ctypes.addressof(self.has_job), _N_LOOKS)
            self.begins.acquire()
            self.has_job.value = 0
            self.error = None
            try:
                self.function(*self.job)
            except Exception as error:
                self.error = error
            self.function = self.job = self.memory = None
            self.has_ended.value = 1
            self.ended.release()


def _forget_threads() -> None:
    """In a forked process, where the other threads do not exist."""
    global _lock, _holders
    _idle.clear()
    _lock = threading.Lock()
    _holders = int(getattr(_local, "buffers", None) is not None)
    torch.set_num_threads(1)  # torch would wait for its own for ever


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


class _Buffers:
    """Memory that the batches of one fit use one after the other.

    Fresh memory would cost a page fault for each 4 kB.
    """

    def __init__(self) -> None:
        self.free: dict[int, list[Tensor]] = {}

    def take(self, n: int) -> Tensor:
        """Return memory for so many numbers at least."""
        size = 1 << max(0, n - 1).bit_length()  # ragged batches differ in size
        free = self.free.setdefault(size, [])
        return free.pop() if free else empty(size)

    def give_back(self, memory: Tensor) -> None:
        self.free[len(memory)].append(memory)


class _NoBuffers(_Buffers):
    """Fresh memory, where no fit is under way."""

    def take(self, n: int) -> Tensor:
        return empty(n)

    def give_back(self, memory: Tensor) -> None:
        pass


def get_buffers(keep: bool) -> _Buffers:
    """Return the memory of the fit that this thread is in, if it comes back."""
    return (keep and getattr(_local, "buffers", None)) or _NoBuffers()
