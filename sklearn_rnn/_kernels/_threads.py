"""Threads and memory of the kernels."""

import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

import torch
from torch import Tensor

from sklearn_rnn._kernels._tensors import empty

_ON_LINUX = sys.platform == "linux"
_lock = threading.RLock()
_local = threading.local()
_idle: set["_Worker"] = set()
# who is inside `threads_for_kernels`, and how many threads of torch each had
_holders: dict["_Holder", int] = {}
_find_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if _ON_LINUX else None
# multiplications that are worth a second thread: handing work over costs about 20 us,
# and to a thread that is awake, see `_recording`, less than one
_WORTH_A_THREAD = 3_000_000
_WORTH_HELP = 800_000
# a millisecond: how long a thread looks for a job, or its end, before it sleeps
_CLOCK = time.get_clock_info("perf_counter").resolution  # of Windows; others have ns
_WAIT = round(0.001 / (_CLOCK if sys.platform == "win32" else 1e-9))


@contextmanager
def threads_for_kernels() -> Iterator[None]:
    """Give torch's threads to the kernels inside, and back afterwards.

    torch's idle workers spin, and would steal the cores from the kernels. Inside, the
    kernels use the same memory again and again; it is released afterwards.
    """
    if has_threads():
        yield
        return
    holder = _Holder()
    # twice, since Ctrl-C may come in the midst of giving back, too
    try:
        try:
            holder.take()
            yield
        finally:
            holder.give_back()
    finally:
        holder.give_back()


def has_threads() -> bool:
    """Whether this thread is inside `threads_for_kernels` already."""
    return getattr(_local, "buffers", None) is not None


class _Holder:
    """Torch's threads while the kernels have them; each step may be repeated.

    There is no ``with _lock``: Ctrl-C between its end and the next line would leave the
    lock shut.
    """

    def __init__(self) -> None:
        self.has_given_back = False

    def take(self) -> None:
        try:
            _lock.acquire()
            # torch counts for each thread; a new one begins with the number set last
            n_threads = torch.get_num_threads()
            if n_threads == 1:
                n_threads = next(iter(_holders.values()), 1)
            _holders[self] = n_threads
            torch.set_num_threads(1)
        finally:
            _open_lock()
        _local.n_threads = n_threads
        _local.buffers = Buffers()

    def give_back(self) -> None:
        if self.has_given_back:
            return
        _local.buffers = _local.n_threads = None
        try:
            _lock.acquire()
            if self in _holders:
                torch.set_num_threads(_holders[self])
                del _holders[self]
        finally:
            _open_lock()
        self.has_given_back = True


def _open_lock() -> None:
    """As often as this thread has shut it."""
    with suppress(RuntimeError):  # not shut by this thread
        while True:
            _lock.release()


def get_num_threads() -> int:
    """Return how many threads the kernels may use."""
    return getattr(_local, "n_threads", None) or torch.get_num_threads()


def count_parts(
    n_rows: int, work: int, n_jobs: int = 1, *, is_repeated: bool = False
) -> int:
    """Return into how many parts some rows are to be cut, for a thread each.

    Parameters
    ----------
    n_rows : int
    work : int
        Multiplications.
    n_jobs : int
        How many jobs of this kind run at once.
    is_repeated : bool, default=False
        Whether a recording may repeat the jobs. Parts are as many then whether it does
        or not, since sums of gradients depend on them.
    """
    n_threads = get_num_threads() // n_jobs
    worth = min(_WORTH_A_THREAD, _WORTH_HELP) if is_repeated else _WORTH_A_THREAD
    return max(1, min(n_threads, n_rows // 4, work // worth))


def is_worth_help(work: float) -> bool:
    """Whether a job of so many multiplications is one for a thread that is awake."""
    return work >= _WORTH_HELP


def run_in_threads(
    function: Callable[..., Any],
    jobs: Sequence[tuple],
    memory: Any = None,
    *,
    work: float = math.inf,
) -> None:
    """Call the function with the arguments of each job, one of them in this thread.

    `memory` holds what the jobs have the addresses of: each thread keeps it until its
    job has ended, also where Ctrl-C ends the waiting for it. `work` is the number of
    multiplications of a job: this thread runs all jobs if they are few.
    """
    record_jobs = getattr(function, "record_jobs", None)
    if record_jobs is not None:  # see `_recording`
        function = record_jobs(jobs, memory, work)
    if len(jobs) == 1 or get_num_threads() == 1 or work < _WORTH_A_THREAD:
        for job in jobs:
            function(*job)
        return
    others = [_Job(function, job, memory) for job in jobs[1:]]
    # twice, since Ctrl-C may come in the midst of waiting, too
    try:
        try:
            for other in others:
                other.hand_over()
            function(*jobs[0])
        finally:
            for other in others:
                other.wait()
    finally:
        for other in others:
            other.wait()
    for other in others:
        if other.error is not None:
            raise other.error


class _Job:
    """A call for another thread."""

    def __init__(
        self, function: Callable[..., Any], arguments: tuple, memory: Any
    ) -> None:
        self.call: Any = (function, arguments, memory)
        self.error: Exception | None = None
        self.worker: _Worker | None = None
        self.was_handed_over = False
        self.begins, self.ended = threading.Lock(), threading.Lock()
        self.ended.acquire()
        self.has_ended = ctypes.c_int64(0)

    def hand_over(self) -> None:
        """Give the job to a worker."""
        self.worker = _take_worker()
        self.worker.start(self)
        self.was_handed_over = True

    def run(self) -> None:
        """Call the function, in the worker's thread."""
        if not self.begins.acquire(blocking=False):
            return  # given up meanwhile
        function, arguments, _ = self.call
        try:
            function(*arguments)
        except Exception as error:
            self.error = error

    def end(self) -> None:
        """Tell the thread that waits, and keep no memory for it."""
        self.call = None
        self.has_ended.value = 1
        with suppress(RuntimeError):  # a job that was given up may come twice
            self.ended.release()

    def wait(self) -> None:
        """Wait until the call has ended.

        A job that Ctrl-C kept from being handed over is given up, if it has not begun.
        Its worker is sent the job nevertheless, perhaps once more, and then is free as
        after any other.
        """
        if self.worker is None:
            return
        if not self.was_handed_over:
            self.begins.acquire(blocking=False)
            self.worker.start(self)
            self.was_handed_over = True
        if not self.has_ended.value:
            self.worker.spin(_WAIT, ctypes.addressof(self.has_ended))
            self.ended.acquire()
        self.worker = None


@contextmanager
def borrow_helpers(n: int, program: int) -> Iterator[Any]:
    """Keep threads awake that make calls of a program, see `_numba/_calls.py`.

    Parameters
    ----------
    n : int
        How many there are at most.
    program : int
        Address of the program.

    Yields
    ------
    mailboxes : ctypes array of int
        The address of the mailbox of each thread.
    """
    workers: list[_Worker] = []
    # twice, since Ctrl-C may come in the midst of giving back, too
    try:
        try:
            for _ in range(min(n, get_num_threads() - 1)):
                workers.append(_take_worker())
                workers[-1].listen(program)
            addresses = [worker.mailbox for worker in workers]
            yield (ctypes.c_int64 * len(workers))(*addresses)
        finally:
            _release(workers)
    finally:
        _release(workers)


def _release(workers: "list[_Worker]") -> None:
    while workers:
        _idle.add(workers.pop())


def _take_worker() -> "_Worker":
    while True:
        try:
            return _idle.pop()
        except KeyError:
            _Worker().is_ready.wait()


class _Worker:
    """A thread that waits for jobs.

    A pool of concurrent.futures costs several times as much for each job, most of it
    under the lock of Python's interpreter. Before it sleeps, it looks for the next job
    for about a millisecond: a thread that sleeps is slow to wake up. Meanwhile it makes
    the calls of programs.

    It says itself when it is free: no Ctrl-C reaches it.
    """

    def __init__(self) -> None:
        from sklearn_rnn._kernels._library import get_library  # imports llvmlite

        self.spin, self.serve = get_library().spin, get_library().serve
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.has_job = ctypes.c_int64(0)
        # state, program and place; nothing else is in their line of the cache
        self._memory = (ctypes.c_int64 * 24)()
        self.mailbox = ctypes.addressof(self._memory) + 64
        self.is_ready = threading.Event()
        self.cores: set[int] = set()
        self.thread = threading.Thread(
            target=self._run, name="sklearn_rnn", daemon=True
        )
        self.thread.start()

    def start(self, job: _Job) -> None:
        """Begin to run the job."""
        self._leave_core()
        self.has_job.value = 1
        self.jobs.put(job)

    def listen(self, program: int) -> None:
        """Begin to make calls of a program, as soon as the thread is awake."""
        self._leave_core()
        self._memory[9] = program
        if self._memory[8] == 0 and self.jobs.empty():  # asleep
            self.has_job.value = 1
            self.jobs.put(None)

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

    def _run(self) -> None:
        _idle.add(self)
        self.is_ready.set()
        while True:
            if self.jobs.empty():
                self.serve(_WAIT, ctypes.addressof(self.has_job), self.mailbox)
            job = self.jobs.get()
            self.has_job.value = 0
            if job is None:  # only to be awake
                continue
            job.run()
            _idle.add(self)
            job.end()
            del job


def _forget_threads() -> None:
    """In a forked process, where the other threads do not exist."""
    global _lock
    _idle.clear()
    _lock = threading.RLock()
    _holders.clear()  # also this thread's: it must not put torch's threads back
    torch.set_num_threads(1)  # torch would wait for its own for ever


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


class Buffers:
    """Memory that the batches of one fit use one after the other.

    Fresh memory would cost a page fault for each 4 kB.

    Parameters
    ----------
    for_all_lengths : bool, default=False
        Whether ragged batches are to take as much as if all rows had all steps, so that
        others can be computed in it.
    """

    def __init__(self, *, for_all_lengths: bool = False) -> None:
        self.for_all_lengths = for_all_lengths
        self.free: dict[int, list[Tensor]] = {}

    def take(self, n: int) -> Tensor:
        """Return memory for so many numbers at least."""
        size = 1 << max(0, n - 1).bit_length()  # ragged batches differ in size
        free = self.free.setdefault(size, [])
        return free.pop() if free else empty(size)

    def give_back(self, memory: Tensor) -> None:
        self.free[len(memory)].append(memory)


class _NoBuffers(Buffers):
    """Fresh memory, where no fit is under way."""

    def take(self, n: int) -> Tensor:
        return empty(n)

    def give_back(self, memory: Tensor) -> None:
        pass


@contextmanager
def use_buffers(buffers: Buffers) -> Iterator[None]:
    """Let `get_buffers` return this memory in this thread."""
    before = getattr(_local, "buffers", None)
    _local.buffers = buffers
    try:
        yield
    finally:
        _local.buffers = before


def get_buffers(keep: bool) -> Buffers:
    """Return the memory of the fit that this thread is in, if it comes back."""
    return (keep and getattr(_local, "buffers", None)) or _NoBuffers()
