"""The kernels against torch in double precision, and their manners with threads."""

import multiprocessing
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import sklearn_rnn
from sklearn_rnn import RNNClassifier, RNNRegressor, config_context
from sklearn_rnn.nn import GRU, LSTM, Elman, initialize
from sklearn_rnn.nn._config import get_kernels
from sklearn_rnn.nn._gated import suits_kernels, threads_for

CELLS = {
    "tanh": Elman,
    "relu": lambda d, h: Elman(d, h, "relu"),
    "gru": GRU,
    "lstm": LSTM,
}


def run(layer, x, lengths, state, reverse, weights):
    """Return outputs, final state and all gradients of a weighted sum of both."""
    x = x.clone().requires_grad_()
    parts = state if isinstance(state, tuple) else (state,)
    parts = tuple(p.clone().requires_grad_() for p in parts)
    state = parts if isinstance(state, tuple) else parts[0]
    outputs, final = layer(x, lengths, state, reverse=reverse)
    finals = final if isinstance(final, tuple) else (final,)
    total = (outputs * weights[0].to(outputs.dtype)).sum()
    for f in finals:
        total = total + (f * weights[1].to(f.dtype)).sum()
    inputs = [x, *parts, *layer.parameters()]
    return [outputs, *finals, *torch.autograd.grad(total, inputs)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("batch", "n_steps", "n_features", "hidden_size"),
    [(1, 1, 1, 1), (1, 9, 3, 2), (5, 7, 4, 7), (9, 6, 1, 17), (33, 12, 5, 33),
     (8, 5, 37, 65), (6, 4, 8, 130), (4, 3, 2, 300)],
)  # fmt: skip
@pytest.mark.parametrize("cell", CELLS)
def test_kernels_agree_with_torch_in_double_precision(
    cell, batch, n_steps, n_features, hidden_size, reverse
):
    generator = torch.Generator().manual_seed(hidden_size)
    layer = initialize(CELLS[cell](n_features, hidden_size), generator)
    rng = np.random.default_rng(hidden_size)
    lengths = torch.from_numpy(rng.integers(1, n_steps + 1, batch))
    lengths[0] = n_steps
    x = torch.randn(batch, n_steps, n_features, generator=generator)
    state = torch.randn(batch, hidden_size, generator=generator)
    if cell == "lstm":
        state = state, torch.randn(batch, hidden_size, generator=generator)
    weights = (
        torch.randn(batch, n_steps, hidden_size, generator=generator),
        torch.randn(batch, hidden_size, generator=generator),
    )
    with config_context(kernels="numba"):
        actual = run(layer, x, lengths, state, reverse, weights)
    state = tuple(s.double() for s in state) if cell == "lstm" else state.double()
    with config_context(kernels="torch"):
        expected = run(layer.double(), x.double(), lengths, state, reverse, weights)
    for a, b in zip(actual, expected, strict=True):
        error = (a.double() - b).norm() / b.norm().clamp(min=1e-3)
        assert error < 2e-6


def test_memory_order_and_read_only_input_change_nothing():
    layer = initialize(GRU(3, 4), torch.Generator().manual_seed(0))
    x = torch.randn(5, 6, 3)
    expected, _ = layer(x)
    strided = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(layer(strided)[0], expected)
    array = x.numpy().copy()
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        read_only = torch.from_numpy(array)
    assert torch.equal(layer(read_only)[0], expected)


def test_gradient_comes_from_the_last_state_alone():
    layer = initialize(LSTM(3, 4), torch.Generator().manual_seed(0))
    x = torch.randn(5, 6, 3)
    gradients = []
    for kernels in ("numba", "torch"):
        with config_context(kernels=kernels):
            _, (h, _) = layer(x)
        gradients.append(torch.autograd.grad(h.sum(), list(layer.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_model_fitted_with_one_goes_on_with_the_other(ragged, cell):
    X, y = ragged
    curves, answers = [], []
    for order in (("numba", "torch"), ("torch", "numba")):
        classifier = RNNClassifier(
            cell=cell, hidden_size=5, max_epochs=3, warm_start=True, random_state=0
        )
        for kernels in order:
            with config_context(kernels=kernels):
                classifier.fit(X, y)
        curves.append(classifier.loss_curve_)
        answers.append(classifier.predict_proba(X))
    np.testing.assert_allclose(*curves, rtol=1e-3)
    np.testing.assert_allclose(*answers, rtol=1e-2, atol=1e-3)


def test_threads_are_put_back_also_after_an_error(ragged):
    X, _ = ragged
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(ValueError, match="NaN or infinite"):
            RNNRegressor(
                cell="rnn",
                nonlinearity="relu",
                learning_rate=1e30,
                max_grad_norm=None,
                optimizer="sgd",
                learning_rate_schedule=None,
            ).fit(X, np.arange(40.0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_thread_and_two_differ_by_rounding():
    layer = initialize(GRU(3, 9), torch.Generator().manual_seed(0))
    x = torch.randn(32, 10, 3)
    results = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            with threads_for(layer):
                outputs, _ = layer(x)
                gradients = torch.autograd.grad(outputs.sum(), list(layer.parameters()))
            results.append((outputs, *gradients))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])  # rows do not meet
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def _run_on_two_threads(answer=None):
    """Run a layer whose rows are dealt out to two threads."""
    layer = initialize(GRU(3, 4), torch.Generator().manual_seed(0))
    torch.set_num_threads(2)
    with threads_for(layer):  # torch itself has one inside
        outputs, _ = layer(torch.ones(32, 5, 3))
    torch.set_num_threads(1)
    if answer is not None:
        answer.put(outputs.shape)


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    _run_on_two_threads()
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=_run_on_two_threads, args=(answer,), daemon=True)
    process.start()
    try:
        assert answer.get(timeout=60) == (32, 5, 4)
    finally:
        process.kill()


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


def test_import_does_not_load_numba():
    code = "import sys, sklearn_rnn; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("hidden_size", "expected"), [(256, True), (257, False)])
def test_torch_trains_wide_lstms_on_equal_lengths(hidden_size, expected):
    layer = LSTM(2, hidden_size)
    x, lengths = torch.ones(3, 4, 2), torch.tensor([4, 2, 1])
    assert suits_kernels([layer], x, None) is expected
    assert suits_kernels([layer], x, lengths)
    with torch.no_grad():  # predictions are exact
        assert suits_kernels([layer], x, None)
    with config_context(kernels="numba"):
        assert suits_kernels([layer], x, None)
    with config_context(kernels="torch"):
        assert not suits_kernels([layer], x, lengths)
