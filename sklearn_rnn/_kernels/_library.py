"""The compiled kernels: made by numba once on a machine, then loaded without it.

numba takes half a second to import, before any kernel runs; llvmlite, on which it
stands, a twentieth of that. So machine code is kept in a file, as numba does it, but
for a group of kernels together, and with addresses for arguments in place of arrays.
A group is compiled when it is first used.
"""

import ctypes
import gc
import getpass
import hashlib
import json
import os
import re
import struct
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
from filelock import FileLock

from sklearn_rnn._kernels._constants import (
    FEATURES,
    LINKED,
    RUNS_AS_PYTHON,
    SYMBOL,
    WIDTH,
)

_SOURCES = Path(__file__).with_name("_numba")

# files of `_numba`, where another one imports them, or names from them
_IMPORTS = re.compile(
    r"^from sklearn_rnn\._kernels\._numba(\.\w+| import [^(\n]+| import \([^)]*\))",
    re.MULTILINE,
)

_linking = threading.Lock()
_own = threading.local()  # of a thread: kernels that it verifies, or records

# where a function of numba's puts its result and its error; ours have none
_NOWHERE = (ctypes.c_int64 * 2)()
_IGNORED = ctypes.addressof(_NOWHERE), ctypes.addressof(_NOWHERE) + 8


class Library:
    """A group of functions of `_numba`, by name; they take whole numbers.

    Parameters
    ----------
    n_arguments : dict of int
        How many arguments each function has.
    machine_code : bytes
        Compiled code of all functions.
    linked : sequence of Library
        Groups whose functions it calls.
    """

    def __init__(
        self,
        n_arguments: dict[str, int],
        machine_code: bytes,
        linked: Sequence["Library"] = (),
    ) -> None:
        if not _is_object_file(machine_code):
            raise ValueError("The machine code is no whole object file.")
        machine = make_target_machine()
        _name_functions_of_c()
        self._names, self._linked = list(n_arguments), linked
        with _linking:  # names are those of the process
            for library in linked:
                library.name_functions()
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code))
            self._engine.finalize_object()
        for name, n in n_arguments.items():
            setattr(self, name, self._find(name, n))

    def find_address(self, name: str) -> int:
        """Return where the machine code of a function begins."""
        address = self._engine.get_function_address(name)
        if address == 0:
            raise RuntimeError(f"The machine code has no function {name!r}.")
        return address

    def name_functions(self) -> None:
        """Tell LLVM where the functions are, for groups that call them."""
        for name in self._names:
            llvm.add_symbol(SYMBOL.format(name), self.find_address(name))

    def _find(self, name: str, n_arguments: int) -> Callable[..., Any]:
        address = self.find_address(name)
        arguments = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * n_arguments
        # without the GIL
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)
        function: Any = prototype(address)
        function.kept = self._engine, self._linked  # the code is there as long as it is
        return partial(function, *_IGNORED)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...


def get_library(group: str = "network") -> Library:
    """Return a group of kernels; within `use_libraries`, those."""
    return getattr(_own, group, None) or load_library(group)


@contextmanager
def use_libraries(libraries: dict[str, Any]) -> Iterator[None]:
    """Let `get_library` return these groups of kernels in this thread."""
    before = dict(vars(_own))
    vars(_own).update(libraries)
    try:
        yield
    finally:
        vars(_own).clear()
        vars(_own).update(before)


@cache
def load_library(group: str) -> Library:
    """Load a group of kernels; at their first use on a machine, compile them.

    Parameters
    ----------
    group : {"network", "steps", "prediction", "crf", "vocabulary"}

    Raises
    ------
    Exception
        Whatever numba, llvmlite or the comparison with torch raises: "auto" then goes
        on with torch, see `sklearn_rnn.nn._config`.
    """
    if RUNS_AS_PYTHON:
        return _make_python_library(group)
    name = f"{group}-{_identify(group)}.o"
    linked = [load_library(other) for other in LINKED.get(group, ())]
    library = _load(name, linked)
    if library is not None:
        return library
    with one_process_at_a_time():
        library = _load(name, linked)  # compiled by another process meanwhile
        if library is None:
            found = _compile(group)
            library = Library(*found, linked)
            _verify(group, library)
            _write(name, *found)
    return library


def _make_python_library(group: str) -> Any:
    """Return the kernels' source, to be run and debugged as Python."""
    from numba import config

    config.DISABLE_JIT = 1
    from sklearn_rnn._kernels._numba._entries import list_entries
    from sklearn_rnn._kernels._numba._python import PythonLibrary

    return PythonLibrary(list_entries(group))


def _load(name: str, linked: Sequence[Library] = ()) -> Library | None:
    """Return what lies on the disk; None if nothing does, or nothing that loads."""
    found = _read(name)
    if found is not None:
        # a file may have a good checksum and hold anything
        with suppress(Exception):
            return Library(*found, linked)
    return None


def _verify(group: str, library: Library) -> None:
    """Raise an error if freshly compiled kernels do not compute what torch computes."""
    from sklearn_rnn._kernels._verification import verify_kernels

    with use_libraries({group: library}):
        verify_kernels(group)


def _is_object_file(code: bytes) -> bool:
    """Whether these bytes are a whole object file: LLVM would crash on others."""
    if code.startswith(b"\x7fELF") and len(code) > 64:
        # the table of sections is the end of what LLVM writes
        begin = int.from_bytes(code[40:48], "little")
        size, n_sections = struct.unpack_from("<HH", code, 58)
        return size == 64 and begin + size * n_sections <= len(code)
    # Mach-O, and COFF of x86-64 and ARM64
    return code.startswith((b"\xcf\xfa\xed\xfe", b"\x64\x86", b"\x64\xaa"))


def make_target_machine() -> llvm.TargetMachine:
    """Return LLVM's description of this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=FEATURES,
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",  # as numba
        jit=True,
    )


@contextmanager
def one_process_at_a_time() -> Iterator[None]:
    """Wait for other processes of this user that compile the kernels.

    They then find the compiled code on the disk. If there is no lock within two
    minutes, go on without: it only saves time.
    """
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    with ExitStack() as stack:
        # NotImplementedError: the file system has no locks
        with suppress(OSError, NotImplementedError):
            path = os.path.join(tempfile.gettempdir(), f"sklearn_rnn-{user}.lock")
            stack.enter_context(FileLock(path, timeout=120))
        yield


def _name_functions_of_c() -> None:
    """Tell LLVM where they are on Windows, where it does not look, as numba does."""
    if sys.platform == "win32":
        for name in ("exp", "log", "pow", "memcpy", "memmove", "memset"):
            function = ctypes.cast(getattr(ctypes.cdll.msvcrt, name), ctypes.c_void_p)
            llvm.add_symbol(name, function.value)
        clock = ctypes.WinDLL("kernel32").QueryPerformanceCounter
        llvm.add_symbol(clock.__name__, ctypes.cast(clock, ctypes.c_void_p).value)


def _identify(group: str) -> str:
    """Return a short name of a group's sources, of numba and of the machine."""
    digest = hashlib.sha256()
    own = Path(__file__), Path(__file__).with_name("_constants.py")
    for path in (*sorted(_list_sources(group)), *own):
        digest.update(path.read_bytes())
    versions = version("numba"), version("llvmlite")
    machine = llvm.get_host_cpu_name(), FEATURES, llvm.get_default_triple(), str(WIDTH)
    digest.update(" ".join((*versions, *machine)).encode())
    return digest.hexdigest()[:16]


def _list_sources(group: str) -> set[Path]:
    """Return the files of `_numba` that a group consists of: it imports them.

    They are not imported here: that would take as long as numba does.
    """
    found, waiting = set(), ["_entries", f"_entries_of_{group}"]
    while waiting:
        path = (_SOURCES / waiting.pop()).with_suffix(".py")
        if path not in found and path.exists():
            found.add(path)
            for names in _IMPORTS.findall(path.read_text("utf-8")):
                waiting += re.findall(r"\w+", names)
    return found


def _folders() -> Iterator[Path]:
    """Where machine code may lie, as with numba: beside the source, or at home."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
        return
    yield _SOURCES / "__pycache__"
    with suppress(RuntimeError):  # no home
        yield Path.home() / ".cache" / "sklearn_rnn"


def _read(name: str) -> tuple[dict[str, int], bytes] | None:
    for folder in _folders():
        # not there, damaged, or the head of another kind of file
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            head, _, machine_code = (folder / name).read_bytes().partition(b"\n")
            found = json.loads(head)
            n_arguments = found["n_arguments"]
            if found["sha256"] == _digest(n_arguments, machine_code):
                return n_arguments, machine_code
    return None


def _digest(n_arguments: dict[str, int], machine_code: bytes) -> str:
    """Return the checksum of machine code, and of how it is to be called."""
    head = json.dumps(sorted(n_arguments.items()))
    return hashlib.sha256(head.encode() + machine_code).hexdigest()


def _write(name: str, n_arguments: dict[str, int], machine_code: bytes) -> None:
    """Keep machine code in the first folder that takes it; where none does, go on."""
    digest = _digest(n_arguments, machine_code)
    head = json.dumps({"sha256": digest, "n_arguments": n_arguments})
    for folder in _folders():
        part = folder / f"{name}.{os.getpid()}.{threading.get_ident()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(part, "xb") as file:
                file.write(head.encode() + b"\n" + machine_code)
            os.replace(part, folder / name)  # whole, or not at all
        except OSError:
            with suppress(OSError):
                part.unlink()
        else:
            return
    warnings.warn(
        "The compiled kernels could not be kept: each process will compile them anew. "
        "Set NUMBA_CACHE_DIR to a folder that can be written.",
        stacklevel=2,
    )


def _compile(group: str) -> tuple[dict[str, int], bytes]:
    from numba import config

    was_enabled, was_disabled = gc.isenabled(), config.DISABLE_JIT
    gc.disable()  # it would look through all objects of torch again and again
    config.DISABLE_JIT = 0  # a person may have set it; here it would leave nothing
    try:
        from sklearn_rnn._kernels._numba._entries import compile_entries

        return compile_entries(group)
    finally:
        config.DISABLE_JIT = was_disabled
        if was_enabled:
            gc.enable()
