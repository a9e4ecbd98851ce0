"""Kernels that fail to compile, to load, or to compute: torch, or a clear error."""

import ctypes
import json
import subprocess
import sys
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RNNClassifier, config_context
from sklearn_rnn._kernels import _library
from sklearn_rnn._kernels._verification import verify_kernels
from sklearn_rnn.nn import _config

load_library = partial(_library.load_library.__wrapped__, "network")


@pytest.fixture
def good_code():
    """The arguments of the real kernels, and their machine code."""
    _library.get_library()
    found = _library._read(f"network-{_library._identify('network')}.o")
    return found or _library._compile("network")


@pytest.fixture
def folder(tmp_path, monkeypatch, good_code):
    """Where machine code is read and kept; nothing is there yet."""
    monkeypatch.setattr(_library, "_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(_library.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def not_loaded(folder):
    """The setting knows nothing of the kernels, before the test and after it."""
    caches = _library.load_library, _config.find_error, _config._warn_of_torch
    for cached in caches:
        cached.cache_clear()
    yield folder
    for cached in caches:
        cached.cache_clear()


# Fallback -----------------------------------------------------------------------------


def fail(*_):
    raise RuntimeError("an odd processor")


def no_numba(*_):
    raise ImportError("numba needs an older Python")


@pytest.mark.parametrize(
    ("function", "failure"),
    [
        ("_compile", fail),
        ("_compile", no_numba),
        ("_compile", lambda group: ({"spin": 2}, b"not machine code")),
        ("Library", fail),
        ("_verify", fail),
        ("_identify", fail),
    ],
)
def test_auto_warns_once_and_uses_torch(
    not_loaded, function, failure, monkeypatch, ragged, good_code
):
    X, y = ragged
    with config_context(kernels="torch"):
        expected = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    monkeypatch.setattr(_library, "_compile", lambda group: good_code)
    monkeypatch.setattr(_library, function, failure)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    ours = [w for w in caught if w.category is RuntimeWarning]
    assert len(ours) == 1
    assert "torch's layers are used" in str(ours[0].message)
    assert model.loss_curve_ == expected.loss_curve_
    assert not list(not_loaded.glob("*.o"))  # nothing that failed is kept
    with (
        config_context(kernels="numba"),
        pytest.raises(RuntimeError, match="kernels cannot be used") as error,
    ):
        RNNClassifier(max_epochs=2).fit(X, y)
    assert error.value.__cause__ is not None


@pytest.mark.parametrize(
    "member", ["codegen.AOTCodeLibrary", "codegen.AOTCPUCodegen", "compiler.Compiler"]
)
def test_auto_uses_torch_where_numba_lacks_what_it_promises_nobody(
    not_loaded, member, monkeypatch, ragged
):
    for name in list(sys.modules):  # imported anew
        if name.startswith("sklearn_rnn._kernels._numba."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(f"numba.core.{member}")
    with pytest.warns(RuntimeWarning, match=f"torch's layers .*{member[-8:]}"):
        model = RNNClassifier(max_epochs=1, random_state=0).fit(*ragged)
    with config_context(kernels="torch"):
        expected = RNNClassifier(max_epochs=1, random_state=0).fit(*ragged)
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize("package", ["numba", "llvmlite"])
def test_a_package_that_does_not_import_is_as_good_as_none(package, tmp_path):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("raise OSError('no such library')")
    code = f"""
import os, sys, warnings
os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path / "cache")!r}  # nothing is compiled yet
sys.path.insert(0, {str(tmp_path)!r})
import numpy as np
from sklearn_rnn import RNNClassifier
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    X, y = np.ones((20, 5, 2), np.float32), np.arange(20) % 2
    RNNClassifier(max_epochs=1).fit(X, y).predict(X)
print([str(w.message) for w in caught if w.category is RuntimeWarning])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("no such library") == 1


# Verification -------------------------------------------------------------------------

# which argument of a function is the address of its result
RESULTS = {
    "gather": -1,
    "standardize": -1,
    "forward": -2,
    "unpack_gradients": -1,
    "convolution_forward": -1,
    "unpack_convolution": -4,
    "convolve": -1,
    "multiply": -1,
    "compute_loss": -2,
    "unpack_linear": -1,
    "mean_over_time": -1,
    "pool": -1,
    "pool_backward": -1,
}
RESULTS_OF_STEPS = {
    "attend": -1,
    "flatten": -1,
    "unflatten": -1,
    "add_to_rows": -1,
    "attend_forward": -1,
    "attend_backward": -1,
    "multiply_words": -1,
    "sum_words": -1,
}


class Wrong:
    """A library in which one function computes something else."""

    def __init__(self, name, group="network"):
        self.name, self.group = name, group

    def __getattr__(self, name):
        function = getattr(_library.load_library(self.group), name)
        if name != self.name:
            return function

        def compute(*args):
            if name == "adam":  # with another rate
                numbers = ctypes.cast(args[-1], ctypes.POINTER(ctypes.c_double))
                numbers[0] *= 2
            function(*args)
            if name == "clip":
                ctypes.cast(args[-1], ctypes.POINTER(ctypes.c_double))[1] += 1
            elif name in (results := RESULTS | RESULTS_OF_STEPS):
                address = args[results[name]]
                ctypes.cast(address, ctypes.POINTER(ctypes.c_float))[0] += 1

        return compute


def test_good_kernels_pass_whatever_torch_is_set_to():
    verify_kernels("network")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        verify_kernels("network")
    torch.set_default_dtype(torch.float64)
    try:
        verify_kernels("network")
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_crf_that_computes_something_else_is_found():
    _library._verify("crf", _library.load_library("crf"))
    good = _library.load_library("crf")

    def compute(*args):
        good.crf_sum_paths(*args)
        log_z = args[12]
        ctypes.cast(log_z, ctypes.POINTER(ctypes.c_double))[0] += 1

    wrong = SimpleNamespace(**{**vars(good), "crf_sum_paths": compute})
    with pytest.raises(RuntimeError, match="kernel of the CRF does not compute"):
        _library._verify("crf", wrong)
    assert _library.get_library("crf") is good


@pytest.mark.parametrize(
    ("name", "result", "number", "what"),
    [
        ("soften", -3, ctypes.c_float, "a vocabulary"),
        ("find_most_probable", -2, ctypes.c_double, "the most probable words"),
        ("attend_to_memory", -1, ctypes.c_float, "attention"),
    ],
)
def test_a_decoder_that_computes_something_else_is_found(name, result, number, what):
    good = _library.load_library("vocabulary")

    def compute(*args):
        getattr(good, name)(*args)
        ctypes.cast(args[result], ctypes.POINTER(number))[0] += 1

    wrong = SimpleNamespace(**{**vars(good), name: compute})
    with pytest.raises(RuntimeError, match=f"kernel of {what} does not compute"):
        _library._verify("vocabulary", wrong)
    assert _library.get_library("vocabulary") is good


@pytest.mark.parametrize("name", [*RESULTS, "clip", "adam"])
def test_a_kernel_that_computes_something_else_is_found(name):
    with pytest.raises(RuntimeError, match=r"does not compute what torch does"):
        _library._verify("network", Wrong(name))
    assert _library.get_library() is _library.load_library("network")  # it was not kept


@pytest.mark.parametrize("name", RESULTS_OF_STEPS)
def test_a_kernel_of_steps_that_computes_something_else_is_found(name):
    with pytest.raises(RuntimeError, match=r"does not compute what torch does"):
        _library._verify("steps", Wrong(name, "steps"))
    assert _library.get_library("steps") is _library.load_library("steps")


# Broken caches ------------------------------------------------------------------------

HEADS = [
    [],
    [1, 2],
    3,
    None,
    "text",
    {},
    {"sha256": 1, "n_arguments": None},
    {"sha256": "x", "n_arguments": [1]},
    {"sha256": "x", "n_arguments": {"spin": "two"}},
    {"n_arguments": {"spin": 2}},
]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_is_other_json_is_as_good_as_no_file(folder, head, good_code):
    (folder / "name").write_bytes(json.dumps(head).encode() + b"\n" + good_code[1])
    assert _library._read("name") is None
    assert _library._load("name") is None


def test_a_head_with_other_arguments_is_as_good_as_no_file(folder, good_code):
    _library._write("name", *good_code)
    text = (folder / "name").read_bytes()
    (folder / "name").write_bytes(text.replace(b'"spin": 2', b'"spin": 3', 1))
    assert _library._read("name") is None


BODIES = [
    lambda code: b"",
    lambda code: b"not machine code",
    lambda code: code[: len(code) // 2],
    lambda code: b"\x00" * len(code),
]


@pytest.mark.parametrize("spoil", BODIES)
def test_a_good_checksum_over_a_wrong_body_is_compiled_anew(
    folder, spoil, good_code, monkeypatch
):
    n_arguments, code = good_code
    name = f"network-{_library._identify('network')}.o"
    _library._write(name, n_arguments, spoil(code))
    monkeypatch.setattr(_library, "_compile", lambda group: good_code)
    load_library().spin(1, ctypes.addressof(ctypes.c_int64(1)))
    assert _library._read(name) == good_code  # and the file is replaced


def test_a_file_with_too_few_functions_is_compiled_anew(folder, good_code, monkeypatch):
    name = f"network-{_library._identify('network')}.o"
    _library._write(name, {**good_code[0], "missing": 1}, good_code[1])
    monkeypatch.setattr(_library, "_compile", lambda group: good_code)
    load_library()
    assert _library._read(name) == good_code


N_BROKEN = [50, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("n", N_BROKEN)
def test_randomly_broken_files_are_as_good_as_none(folder, n, good_code):
    """Bytes changed, cut, repeated or inserted anywhere, the head included."""
    rng = np.random.default_rng(n)
    _library._write("name", *good_code)
    whole = (folder / "name").read_bytes()
    for _ in range(n):
        at = int(rng.choice([rng.integers(200), rng.integers(len(whole))]))
        junk = rng.bytes(rng.integers(1, 20))
        broken = [
            whole[:at],
            whole[:at] + junk + whole[at:],
            whole[:at] + whole[at + len(junk) :],
            whole[:at] + bytes(255 - b for b in whole[at : at + 3]) + whole[at + 3 :],
        ][rng.integers(4)]
        (folder / "name").write_bytes(broken)
        found = _library._read("name")
        assert found is None or found == good_code  # a space in the head, say
