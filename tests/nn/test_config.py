"""Which implementation runs: the setting, and a machine without numba."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import sklearn.utils.parallel
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import cross_validate
from skorch.callbacks import Callback

import sklearn_rnn
from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor, config_context
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


class RecordKernels(Callback):
    """Keeps in the history which setting holds where the network is trained."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("kernels", get_kernels())


@pytest.mark.parametrize(
    ("backend", "n_jobs"), [("loky", None), ("loky", 2), ("threading", 2)]
)
def test_workers_of_a_search_have_the_setting(ragged, backend, n_jobs):
    estimator = RNNRegressor(hidden_size=2, max_epochs=1, callbacks=[RecordKernels()])
    X = RaggedArray.from_sequences(ragged[0])
    with parallel_config(backend), config_context(kernels="torch"):
        result = cross_validate(
            estimator, X, np.arange(40.0), cv=2, n_jobs=n_jobs, return_estimator=True
        )
    for fitted in result["estimator"]:
        assert fitted.history_[0]["kernels"] == "torch"
    # the workers are used again, without the setting
    with parallel_config(backend):
        result = cross_validate(
            estimator, X, np.arange(40.0), cv=2, n_jobs=n_jobs, return_estimator=True
        )
    for fitted in result["estimator"]:
        assert fitted.history_[0]["kernels"] == "auto"


def test_a_block_inside_a_worker_ends_with_the_setting_of_the_worker():
    def read_kernels():
        with config_context(kernels="auto"):
            inside = get_kernels()
        return inside, get_kernels()

    with config_context(kernels="torch"):
        inside = sklearn.utils.parallel.Parallel(n_jobs=2, backend="threading")(
            sklearn.utils.parallel.delayed(read_kernels)() for _ in range(2)
        )
    assert inside == [("auto", "torch")] * 2


def test_a_function_given_to_joblib_can_open_the_block():
    def read_kernels():
        with config_context(kernels="torch"):
            return get_kernels()

    assert (
        Parallel(n_jobs=2)(delayed(read_kernels)() for _ in range(2)) == ["torch"] * 2
    )


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
