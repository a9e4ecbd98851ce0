"""Machine code: compiled once, kept, found again; the lock around it."""

import ast
import os
import shutil
import subprocess
import sys
import threading
from contextlib import nullcontext
from functools import partial

import pytest

pytest.importorskip("numba", reason="needs numba")

from filelock import FileLock

from sklearn_rnn._kernels import _library
from sklearn_rnn._kernels._constants import GROUPS
from sklearn_rnn._kernels._library import load_library

FIRST_USE = """
import sys, warnings
import numpy as np
from sklearn_rnn import RNNClassifier
warnings.simplefilter("ignore")
X, y = np.ones((20, 5, 2), np.float32), np.arange(20) % 2
RNNClassifier(max_epochs=1).fit(X, y)
print("numba" in sys.modules)
"""


def start_process(folder):
    """Start a process that uses the kernels for the first time."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "HOME": str(folder),
        "TMPDIR": str(folder),  # a lock of its own
    }
    return subprocess.Popen(
        [sys.executable, "-c", FIRST_USE],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_answer(process):
    answer = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    return answer.strip() == "True"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """No folder has machine code yet; the first of them is this one."""
    folders = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setattr(_library, "_folders", lambda: iter(folders))
    monkeypatch.setattr(_library.tempfile, "tempdir", str(tmp_path))
    return folders


def test_processes_that_start_together_compile_once_and_later_ones_not(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # the kernels are compiled even so
    together = [start_process(tmp_path) for _ in range(2)]
    assert sorted(read_answer(process) for process in together) == [False, True]
    assert not read_answer(start_process(tmp_path))
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.name.startswith("network-")  # a default fit needs no other group


@pytest.mark.parametrize("n_writable", [0, 1, 2])
def test_machine_code_is_kept_in_the_first_folder_that_takes_it(
    elsewhere, n_writable, monkeypatch
):
    for folder in elsewhere[: 2 - n_writable]:
        folder.write_text("a file, so that nothing can be written below it")
    compiled = []
    code = {"answer": 1}, b"machine code\nof two lines"
    monkeypatch.setattr(
        _library, "_compile", lambda group: (compiled.append(group), code)[1]
    )
    monkeypatch.setattr(_library, "Library", lambda *found: found[:2])
    monkeypatch.setattr(_library, "_verify", lambda group, library: None)
    load_library = partial(_library.load_library.__wrapped__, "crf")
    with nullcontext() if n_writable else pytest.warns(UserWarning, match="anew"):
        assert load_library() == load_library() == code
    assert len(compiled) == (1 if n_writable else 2)
    kept = [folder.is_dir() for folder in elsewhere]
    assert kept == {0: [False, False], 1: [False, True], 2: [True, False]}[n_writable]


@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: c[:9], lambda c: c[:-1], lambda c: c + b"x"]
)
def test_a_damaged_file_is_as_good_as_none(elsewhere, damage):
    _library._write("name", {"answer": 1}, b"machine code")
    assert _library._read("name") == ({"answer": 1}, b"machine code")
    path = elsewhere[0] / "name"
    path.write_bytes(damage(path.read_bytes()))
    assert _library._read("name") is None
    assert [p.name for p in elsewhere[0].iterdir()] == ["name"]  # nothing is left over


AT_ONCE = """
import threading
import torch
from sklearn_rnn.nn import GRU, initialize
layer = initialize(GRU(3, 5), torch.Generator().manual_seed(0))
start = threading.Barrier(4)
def work():
    start.wait()
    for _ in range(300):
        layer(torch.ones(2, 4, 3))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


KEPT = """
import ctypes, gc
from sklearn_rnn._kernels import _library
load = _library.load_library.__wrapped__
flag = ctypes.c_int64(1)
spin = load("network").spin
gc.collect()
spin(1, ctypes.addressof(flag))
"""


def test_a_function_keeps_its_code():
    _library.get_library()
    subprocess.run([sys.executable, "-c", KEPT], check=True)


def test_threads_that_use_the_kernels_first_at_once_do_not_harm_each_other():
    _library.get_library()  # compiled: all load it at the same moment
    subprocess.run([sys.executable, "-c", AT_ONCE], check=True)


def test_a_thread_links_no_copy_that_another_one_has_named(monkeypatch):
    network, found = load_library("network"), _library._read
    name = f"prediction-{_library._identify('prediction')}.o"
    load_library("prediction")
    named, create = [], _library.llvm.create_mcjit_compiler

    class Copy:
        def name_functions(self):
            named.append(self)
            network.name_functions()

    def load():
        return _library.Library(*found(name), [Copy()])

    def create_beside_another_thread(*arguments):
        monkeypatch.setattr(_library.llvm, "create_mcjit_compiler", create)
        other.start()
        other.join(0.5)  # it would end
        assert len(named) == 1
        return create(*arguments)

    other = threading.Thread(target=load)
    monkeypatch.setattr(
        _library.llvm, "create_mcjit_compiler", create_beside_another_thread
    )
    load()
    other.join()
    assert len(named) == 2


def test_machine_code_belongs_to_sources_versions_and_processor(tmp_path, monkeypatch):
    names = [_library._identify("network")]
    assert _library._identify("network") == names[0]
    monkeypatch.setattr(_library, "version", lambda package: "0")
    names.append(_library._identify("network"))
    monkeypatch.setattr(_library.llvm, "get_host_cpu_name", lambda: "another")
    names.append(_library._identify("network"))
    (tmp_path / "_entries.py").write_text("another source")
    monkeypatch.setattr(_library, "_SOURCES", tmp_path)
    names.append(_library._identify("network"))
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("_crf.py", ["crf"]),
        ("_product_of_doubles.py", ["crf"]),
        ("_gru.py", ["network", "steps", "prediction"]),
        ("_network.py", ["prediction"]),
        ("_adam.py", ["network", "prediction"]),
        ("_entries_of_steps.py", ["steps"]),
        ("_product.py", GROUPS),
        ("_entries_of_vocabulary.py", ["vocabulary"]),
        ("_vectors.py", GROUPS),
        ("_compiler.py", GROUPS),
    ],
)
def test_a_changed_source_changes_the_groups_that_it_belongs_to(
    tmp_path, monkeypatch, file, changed
):
    shutil.copytree(_library._SOURCES, tmp_path / "sources")
    monkeypatch.setattr(_library, "_SOURCES", tmp_path / "sources")
    before = [_library._identify(group) for group in GROUPS]
    with open(tmp_path / "sources" / file, "a") as source:
        source.write("# changed")
    after = [_library._identify(group) for group in GROUPS]
    assert [
        group
        for group, *names in zip(GROUPS, before, after, strict=True)
        if len(set(names)) == 2
    ] == list(changed)


@pytest.mark.parametrize("group", GROUPS)
def test_all_files_that_a_group_imports_are_among_its_sources(group):
    package = "sklearn_rnn._kernels._numba"
    found = _library._list_sources(group)
    names = {path.stem for path in found}
    assert f"_entries_of_{group}" in names
    for path in found:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not isinstance(node, ast.Import) or not any(
                alias.name.startswith(package) for alias in node.names
            )
            if isinstance(node, ast.ImportFrom) and node.module == package:
                assert {alias.name for alias in node.names} <= names
            elif isinstance(node, ast.ImportFrom) and package in str(node.module):
                assert node.module.rsplit(".", 1)[1] in names


def test_every_source_belongs_to_a_group():
    found = set().union(*map(_library._list_sources, GROUPS))
    assert {path.name for path in _library._SOURCES.glob("*.py")} == {
        "__init__.py",
        *(path.name for path in found),
    }


# The lock around compilation ---------------------------------------------------------


@pytest.fixture
def held(tmp_path, monkeypatch):
    """Somebody else compiles, until the event is set."""
    monkeypatch.setattr(_library.tempfile, "tempdir", str(tmp_path / ".."))
    inside, done = threading.Event(), threading.Event()

    def compile_something():
        with _library.one_process_at_a_time():
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=compile_something)
    thread.start()
    assert inside.wait(60)
    yield done
    done.set()
    thread.join()


def test_one_compiles_at_a_time(held):
    entered = threading.Event()

    def compile_too():
        with _library.one_process_at_a_time():
            entered.set()

    thread = threading.Thread(target=compile_too)
    thread.start()
    assert not entered.wait(0.2)
    held.set()
    assert entered.wait(60)
    thread.join()


def test_a_lock_held_for_too_long_is_passed_by(held, monkeypatch):
    monkeypatch.setattr(_library, "FileLock", lambda path, timeout: FileLock(path, 0.1))
    with _library.one_process_at_a_time():
        assert not held.is_set()


def test_without_a_folder_for_the_lock_it_goes_on(tmp_path, monkeypatch):
    file = tmp_path.parent / "a_file"
    file.touch()
    monkeypatch.setattr(_library.tempfile, "tempdir", str(file))
    with _library.one_process_at_a_time():
        pass

    def no_folder():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(_library.tempfile, "gettempdir", no_folder)
    with _library.one_process_at_a_time():
        pass


@pytest.mark.parametrize("error", [PermissionError, NotImplementedError])
def test_where_no_lock_can_be_had_it_goes_on(monkeypatch, error):
    class NoLock(FileLock):
        def _acquire(self):
            raise error("no")

    monkeypatch.setattr(_library, "FileLock", NoLock)
    with _library.one_process_at_a_time():
        pass


def test_an_error_inside_the_lock_is_not_swallowed():
    with pytest.raises(OSError, match="full"), _library.one_process_at_a_time():
        raise OSError("disk full")
