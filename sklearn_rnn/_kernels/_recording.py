"""The calls of one mini-batch, to be made again for others of the same shape.

For a small network, the code that checks tensors, takes memory and makes arguments
takes longer than the kernels. It does the same for each mini-batch of one shape. So it
runs once, while all that computes is written down: calls of kernels, and operators of
torch. Later mini-batches make these calls alone, in the same memory.
"""

import ctypes
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_rnn._kernels._library import load_library, use_libraries
from sklearn_rnn._kernels._threads import Buffers, run_in_threads, use_buffers

_LEAST_ADDRESS = 1 << 32  # a number of things is less
_GROUPS = "network", "prediction", "crf", "vocabulary"
_ATEN: Any = torch.ops.aten
# memory, and numbers that nobody changes: kernels read them
_MEMORY = {
    *(_ATEN.empty.memory_format, _ATEN.empty_like.default, _ATEN.new_empty.default),
    _ATEN.full.default,
}
# what computes nothing: views of memory
_NOTHING = {
    *(_ATEN.detach.default, _ATEN.alias.default),
    *(_ATEN.view.default, _ATEN.view.dtype),
    _ATEN.slice.Tensor,
    *(_ATEN.select.int, _ATEN.split.Tensor, _ATEN.split_with_sizes.default),
    *(_ATEN.unsqueeze.default, _ATEN.squeeze.dim, _ATEN.transpose.int, _ATEN.t.default),
    _ATEN.unbind.int,
}
_IN_PLACE = {
    *(_ATEN.add_.Tensor, _ATEN.mul_.Tensor, _ATEN.div_.Tensor, _ATEN.tanh_.default),
    *(getattr(_ATEN.random_, "from"), _ATEN.zero_.default, _ATEN.copy_.default),
}
_WITH_RESULT = {
    *(_ATEN.mul.Tensor, _ATEN.cat.default, _ATEN.constant_pad_nd.default),
    *(_ATEN.new_zeros.default, _ATEN.clone.default),
    *(_ATEN._to_copy.default, _ATEN.add.Tensor, _ATEN.ge.Scalar),
}


class Recording:
    """Calls, and the memory that they use.

    Parameters
    ----------
    tensors : sequence of Tensor
        What is used and not made while the calls are written down.
    buffers : Buffers
        Memory for what a call needs of another one. Several recordings may share it.

    Attributes
    ----------
    is_complete : bool
        Whether all that was computed is among the calls, and all that they use is
        kept. If not, the calls are not to be repeated.
    n_bytes : int
        Memory that is kept, without that of the buffers and of what was given.
    """

    def __init__(self, tensors: Sequence[Tensor], buffers: Buffers) -> None:
        self.is_complete, self.n_bytes = True, 0
        self._buffers = buffers
        self._calls: list[Callable[[], Any]] = []
        self._kept: list[Any] = list(tensors)
        self._addresses: set[int] = set()
        self._constants: set[int] = set()

    @contextmanager
    def record(self) -> Iterator[None]:
        """Write down what is computed in a block, which is computed as ever."""
        libraries = {group: _Library(group, self) for group in _GROUPS}
        others = list(self._kept)
        with use_libraries(libraries), use_buffers(self._buffers), _Operators(self):
            yield
        others += self._buffers.free.values()
        kept, shared = map(_find_blocks, (self._kept, others))
        self.n_bytes = sum(end - begin for begin, end in kept - shared)
        self.is_complete &= _are_inside(self._addresses, kept | shared)

    def add_operator(self, operator: Any, args: Any, options: Any, result: Any) -> None:
        """Write down an operator of torch."""
        if operator in _NOTHING:
            return  # the memory itself is kept
        self._kept.append(result)
        if operator in _IN_PLACE:
            self._calls.append(_make_call(operator, args, options))
            self.is_complete &= args[0].data_ptr() not in self._constants
        elif operator is _ATEN._to_copy.default and result.numel() == 1:
            # torch's operators take ten times as long, for a loss
            numbers = result.numpy(), args[0].numpy()
            self._calls.append(partial(np.copyto, *numbers, casting="unsafe"))
        elif operator in _WITH_RESULT:
            self._calls.append(partial(_compute, result, operator, args, options))
        elif operator is _ATEN.full.default:
            self._constants.add(result.data_ptr())
        elif operator not in _MEMORY:
            self.is_complete = False

    def add_kernel(self, function: Callable[..., Any], numbers: Sequence[int]) -> None:
        """Write down a call of a kernel."""
        self._calls.append(partial(function, *self._read(numbers)))

    def add_jobs(
        self, function: Callable[..., Any], jobs: Any, memory: Any, work: float
    ) -> None:
        """Write down calls of a kernel in several threads."""
        self._kept.append(memory)
        own = [self._read(job) for job in jobs]
        self._calls.append(partial(run_in_threads, function, own, memory, work=work))

    def _read(self, numbers: Sequence[int]) -> list[ctypes.c_int64]:
        self._addresses.update(n for n in numbers if n >= _LEAST_ADDRESS)
        # ctypes takes objects of its own twice as fast as int
        return [ctypes.c_int64(n) for n in numbers]

    def repeat(self) -> None:
        """Make all calls again."""
        for call in self._calls:
            call()


def _are_inside(
    addresses: Collection[int], memory: Collection[tuple[int, int]]
) -> bool:
    """Whether all addresses are in some blocks of memory."""
    blocks = sorted(memory)
    begins = [begin for begin, _ in blocks]
    ends = list(accumulate((end for _, end in blocks), max))
    return all(
        (k := bisect_right(begins, address) - 1) >= 0 and address < ends[k]
        for address in addresses
    )


def _find_blocks(memory: Any) -> set[tuple[int, int]]:
    """Return where the memory of each tensor and array begins and ends."""
    blocks, seen, waiting = set(), set(), [memory]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, Tensor):
            storage = part.untyped_storage()
            blocks.add((storage.data_ptr(), storage.data_ptr() + storage.nbytes()))
        elif isinstance(part, np.ndarray):
            blocks.add((part.ctypes.data, part.ctypes.data + part.nbytes))
    return blocks


def _make_call(operator: Any, args: Any, options: Any) -> Callable[[], Any]:
    """Return the call of an operator that works in place; NumPy is faster in sums."""
    are_floats = all(isinstance(t, Tensor) and t.dtype is torch.float32 for t in args)
    if operator is _ATEN.add_.Tensor and are_floats and not options:
        total, added = (tensor.detach().numpy() for tensor in args)
        return partial(np.add, total, added, total)
    return partial(operator, *args, **options)


def _compute(result: Tensor, operator: Any, args: Any, options: Any) -> None:
    result.copy_(operator(*args, **options))


class _Operators(TorchDispatchMode):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.recording.add_operator(func, args, kwargs or {}, result)
        return result


class _Library:
    """A group of kernels whose calls are written down."""

    def __init__(self, group: str, recording: Recording) -> None:
        self._group, self._recording = group, recording

    def __getattr__(self, name: str) -> Any:
        function = getattr(load_library(self._group), name)
        if name == "spin":  # threads wait by it
            return function
        return _Kernel(function, self._recording)


class _Kernel:
    def __init__(self, function: Callable[..., Any], recording: Recording) -> None:
        self.function, self.recording = function, recording

    def __call__(self, *numbers: int) -> None:
        self.recording.add_kernel(self.function, numbers)
        self.function(*numbers)

    def record_jobs(
        self, jobs: Sequence[tuple[int, ...]], memory: Any, work: float
    ) -> Callable[..., Any]:
        """Write down jobs for several threads; return the kernel."""
        self.recording.add_jobs(self.function, jobs, memory, work)
        return self.function
