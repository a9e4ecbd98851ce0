"""Devices, seeds, and torch's settings."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch.overrides import TorchFunctionMode

from sklearn_rnn.utils._interrupts import finally_do


def resolve_device(device: str | torch.device) -> torch.device:
    """Convert the `device` parameter to an available device.

    Parameters
    ----------
    device : str or torch.device
        "auto" is CUDA if there is a GPU, otherwise the CPU.

    Returns
    -------
    device : torch.device

    Raises
    ------
    ValueError
        If torch does not support the device, or this machine does not have it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "meta":
            raise RuntimeError("it holds no data.")
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        name = str(device)
        advice = " Did you mean 'cuda'?" if name.lower().startswith("gpu") else ""
        raise ValueError(
            "The 'device' parameter must be 'auto', 'cpu' or a device of torch that "
            f"this machine has. Got {name!r} instead.{advice} torch: {error}"
        ) from error
    return resolved


def make_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Return a RandomState that is not NumPy's global one, also for None."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seed(random_state: np.random.RandomState) -> int:
    """Return the next number of `random_state`, good as a seed."""
    return int(random_state.randint(np.iinfo(np.int32).max))


def make_generator(
    random_state: np.random.RandomState, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator seeded by the next number of `random_state`."""
    return torch.Generator(device=device).manual_seed(draw_seed(random_state))


@contextmanager
def isolated_seed(seed: int) -> Iterator[None]:
    """Seed torch's global CPU generator in a block and restore it afterwards.

    For layer classes of users, which draw their weights from the global generator.
    """
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: it would also seed GPUs, and takes a millisecond
        torch.default_generator.manual_seed(seed)
        yield


class _WithoutMemory(TorchFunctionMode):
    """Let tensors stay on the device "meta", as they are.

    There, torch imports its compiler to copy or to initialize them.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty_like:  # of Module.to_empty
            return args[0]
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Build modules in a block without memory: their tensors have a shape alone."""
    with torch.device("meta"), _WithoutMemory():
        yield


# Settings of the whole process; while one thread needs them neutral, they stay so.
_Setting = tuple[Callable[[Any], None], Any]  # setter and value
_lock = threading.Lock()
_holders: set[object] = set()  # one for each `neutral_torch_state` that is open
_settings_before: list[_Setting] = []


@contextmanager
def neutral_torch_state() -> Iterator[None]:
    """Use torch's default settings in a block, whatever has been set before.

    Neutral are the default dtype and device, gradient and inference mode, autocast,
    the flushing of denormal numbers, oneDNN and its precision. Flags of CUDA are left
    as they are: on a GPU results are not bitwise reproducible.
    """
    holder = object()
    flushes = _flushes_denormals()

    def restore() -> None:
        _restore_settings(holder)
        if flushes:
            torch.set_flush_denormal(True)

    with finally_do(restore), ExitStack() as stack:
        _neutralize_settings(holder)
        if flushes:
            torch.set_flush_denormal(False)
        for context in _neutral_contexts():
            stack.enter_context(context)
        yield


def _neutralize_settings(holder: object) -> None:
    global _settings_before
    with _lock:
        changes = list(_list_changes())
        if not _holders:
            _settings_before = [(change, before) for change, before, _ in changes]
        _holders.add(holder)
        for change, _, neutral in changes:
            change(neutral)


def _restore_settings(holder: object) -> None:
    with _lock:
        if _holders == {holder}:
            for change, before in _settings_before:
                change(before)
        _holders.discard(holder)


def _list_changes() -> Iterator[tuple[Callable[[Any], None], Any, Any]]:
    """Yield changed settings: the setter, the value, and the neutral value."""
    dtype = torch.get_default_dtype()
    if dtype is not torch.float32:
        yield torch.set_default_dtype, dtype, torch.float32
    mkldnn: Any = torch.backends.mkldnn
    if not mkldnn.enabled:
        yield partial(setattr, mkldnn, "enabled"), False, True
    for part in (mkldnn.matmul, mkldnn.conv, mkldnn.rnn):
        precision = part.fp32_precision
        if precision not in ("none", "ieee"):
            # "none" inherits; the value read may be inherited already
            before = "none" if precision == mkldnn.fp32_precision else precision
            yield partial(setattr, part, "fp32_precision"), before, "ieee"


def _neutral_contexts() -> Iterator[AbstractContextManager[Any]]:
    """Yield contexts that make this thread's settings neutral."""
    if torch.is_inference_mode_enabled():
        yield torch.inference_mode(False)
    if not torch.is_grad_enabled():
        yield torch.enable_grad()
    for kind in ("cpu", "cuda"):
        if torch.is_autocast_enabled(kind):
            yield torch.autocast(kind, enabled=False)
    if torch.get_default_device().type != "cpu":
        yield torch.device("cpu")


def is_torch_state_neutral() -> bool:
    """Whether functions of this thread on float64 on the CPU need no neutral block."""
    return not _flushes_denormals() and not torch.is_autocast_enabled("cpu")


def _flushes_denormals() -> bool:
    """Return whether this thread flushes denormals to zero; torch has no getter."""
    return sys.float_info.min / 2 == 0


def _reset_holders() -> None:
    """Reset after a fork: the other threads do not exist in the child."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_holders)
