"""Which implementation runs: the setting, and a machine without numba."""

import subprocess
import sys
import threading

import pytest

import sklearn_rnn
from sklearn_rnn import RNNClassifier, config_context
from sklearn_rnn.nn._config import get_kernels


def test_setting_holds_inside_the_block_and_in_this_thread_only():
    assert get_kernels() == "auto"
    seen = []
    with config_context(kernels="torch"):
        with config_context(kernels=None):
            assert get_kernels() == "torch"
        thread = threading.Thread(target=lambda: seen.append(get_kernels()))
        thread.start()
        thread.join()
    assert seen == ["auto"]
    assert get_kernels() == "auto"
    with (
        pytest.raises(ValueError, match=r"'kernels' setting must be one of.*'fast'"),
        config_context(kernels="fast"),
    ):
        pass


def test_without_numba_torch_does_the_work(ragged, monkeypatch):
    monkeypatch.setattr("sklearn_rnn.nn._config.has_numba", lambda: False)
    X, y = ragged
    with_torch = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    with config_context(kernels="torch"):
        expected = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert with_torch.loss_curve_ == expected.loss_curve_
    with (
        pytest.raises(ImportError, match="pip install numba"),
        sklearn_rnn.config_context(kernels="numba"),
    ):
        pass


def test_import_loads_neither_numba_nor_llvmlite():
    code = "import sys, sklearn_rnn; print({'numba', 'llvmlite'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
