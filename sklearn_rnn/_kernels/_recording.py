"""The calls of one mini-batch, to be made again for others of the same shape.

For a small network, the code that checks tensors, takes memory and makes arguments
takes longer than the kernels. It does the same for each mini-batch of one shape. So it
runs once, while all that computes is written down: calls of kernels, and operators of
torch. Later mini-batches make these calls alone, in the same memory.
"""

import ctypes
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_rnn._kernels._constants import GROUPS, MOST_ARGUMENTS
from sklearn_rnn._kernels._library import Library, load_library, use_libraries
from sklearn_rnn._kernels._threads import (
    Buffers,
    borrow_helpers,
    is_worth_help,
    use_buffers,
)

_LEAST_ADDRESS = 1 << 32  # a number of things is less
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
        self._calls: list[Callable[[], Any] | _Part] = []
        self._program = array("q")
        self._n_helpers = 0
        self._kept: list[Any] = list(tensors)
        self._addresses: set[int] = set()
        self._constants: set[int] = set()

    @contextmanager
    def record(self) -> Iterator[None]:
        """Write down what is computed in a block, which is computed as ever."""
        libraries = {group: _Library(group, self) for group in GROUPS}
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

    def add_kernels(
        self, address: int, calls: Sequence[Sequence[int]], kept: Any
    ) -> None:
        """Write down calls of a kernel that may be made at once.

        `kept` is what the calls have the addresses of: memory, and the kernel.
        """
        self._kept.append(kept)
        if not self._calls or not isinstance(self._calls[-1], _Part):
            self._calls.append(_Part(8 * len(self._program)))
        self._calls[-1].n_groups += 1  # type: ignore[union-attr]
        self._n_helpers = max(self._n_helpers, len(calls) - 1)
        self._program.append(len(calls))
        for numbers in calls:
            self._addresses.update(n for n in numbers if n >= _LEAST_ADDRESS)
            self._program.extend((address, len(numbers), *numbers))
            self.is_complete &= address != 0 and len(numbers) <= MOST_ARGUMENTS

    def repeat(self) -> None:
        """Make all calls again."""
        program = self._program.buffer_info()[0]
        make_calls = load_library("network").repeat
        with borrow_helpers(self._n_helpers, program) as mailboxes:
            own = len(mailboxes), program, ctypes.addressof(mailboxes)
            for call in self._calls:
                if isinstance(call, _Part):
                    make_calls(call.n_groups, call.begin, *own)
                else:
                    call()


@dataclass
class _Part:
    """Groups of calls in a program: where they begin, and how many there are."""

    begin: int
    n_groups: int = 0


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
        library = load_library(self._group)
        function = getattr(library, name)
        if name in ("spin", "serve"):  # threads wait by these
            return function
        # the source that runs as Python has no addresses
        address = library.find_address(name) if isinstance(library, Library) else 0
        return _Kernel(function, address, self._recording)


class _Kernel:
    def __init__(
        self, function: Callable[..., Any], address: int, recording: Recording
    ) -> None:
        self.function, self.address, self.recording = function, address, recording

    def __call__(self, *numbers: int) -> None:
        self.recording.add_kernels(self.address, [numbers], self.function)
        self.function(*numbers)

    def record_jobs(
        self, jobs: Sequence[tuple[int, ...]], memory: Any, work: float
    ) -> Callable[..., Any]:
        """Write down jobs for several threads; return the kernel."""
        groups = [jobs] if is_worth_help(work) else [[job] for job in jobs]
        for group in groups:
            self.recording.add_kernels(self.address, group, (memory, self.function))
        return self.function
