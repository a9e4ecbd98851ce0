"""What is set in torch before fit or predict changes no bit, and is as before after."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.inspection import (
    attention_weights,
    gate_activations,
    step_attributions,
)
from sklearn_rnn.nn import config_context
from sklearn_rnn.utils._torch import neutral_torch_state

TINY = {"hidden_size": 40, "max_epochs": 2, "n_iter_no_change": 2, "random_state": 0}
_RNG = np.random.default_rng(0)
X = [_RNG.normal(size=(n, 3)) for n in _RNG.integers(3, 15, 40)]
Y = _RNG.integers(0, 3, 40)


@contextmanager
def _set(change, before, value):
    change(value)
    try:
        yield
    finally:
        change(before)


def _set_precision(value):
    torch.backends.fp32_precision = value


def _set_mkldnn(value):
    torch.backends.mkldnn.enabled = value


STATES = {
    "float64": lambda: _set(torch.set_default_dtype, torch.float32, torch.float64),
    "bfloat16": lambda: _set(torch.set_default_dtype, torch.float32, torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "grad disabled": lambda: _set(torch.set_grad_enabled, True, False),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "default device": lambda: _set(torch.set_default_device, None, "meta"),
    "device block": lambda: torch.device("meta"),
    "matmul precision": lambda: _set(
        torch.set_float32_matmul_precision, "highest", "medium"
    ),
    "precision of all": lambda: _set(_set_precision, "none", "bf16"),
    "deterministic": lambda: _set(torch.use_deterministic_algorithms, False, True),
    "flush denormals": lambda: _set(torch.set_flush_denormal, False, True),
    "no oneDNN": lambda: _set(_set_mkldnn, True, False),
}


def read_state():
    """Return all settings that a call could leave changed."""
    mkldnn = torch.backends.mkldnn
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.fp32_precision,
        mkldnn.enabled,
        [part.fp32_precision for part in (mkldnn.matmul, mkldnn.conv, mkldnn.rnn)],
        np.float64(np.finfo(float).tiny) / 2,
        torch.get_num_threads(),
    )


def fit_and_use(X=X, y=Y):
    """Return arrays that fit, partial_fit and all that follows compute."""
    classifier = RNNClassifier(**TINY, dropout=0.1).fit(X, y)
    streamed = RNNRegressor(**TINY, cell="lstm", conv_channels=None)
    streamed.set_params(pooling="attention", loss="gaussian", optimizer="rmsprop")
    streamed.partial_fit(X, y).partial_fit(X, y)
    assert not any(w.is_inference() for w in streamed.module_.parameters())
    return [
        np.array(classifier.loss_curve_ + streamed.loss_curve_),
        classifier.predict_proba(X),
        classifier.encode(X),
        classifier.hidden_states(X).values,
        *streamed.predict(X, return_std=True),
        attention_weights(streamed, X).values,
        step_attributions(streamed, X[:2]).values,
        gate_activations(streamed, X)["forget"].values,
    ]


@pytest.fixture(scope="module", params=["auto", "torch"])
def kernels(request):
    with config_context(kernels=request.param):
        yield request.param


@pytest.fixture(scope="module")
def expected(kernels):
    return fit_and_use()


@pytest.mark.parametrize("name", STATES)
def test_state_of_torch_changes_no_bit_and_is_as_before(name, expected):
    with STATES[name]():
        before = read_state()
        results = fit_and_use()
        assert read_state() == before
    for result, unchanged in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, unchanged)


def test_tensors_made_in_inference_mode_are_X_and_y(expected):
    with torch.inference_mode():
        tensors = [torch.tensor(x) for x in X]
        inside = fit_and_use(tensors, torch.tensor(Y))
    for results in (inside, fit_and_use(tensors, torch.tensor(Y))):
        for result, unchanged in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result, unchanged)


def test_state_comes_back_after_errors():
    with STATES["float64"](), torch.no_grad():
        before = read_state()
        with pytest.raises(ValueError, match="NaN"):
            RNNClassifier(**TINY).fit([np.full((3, 1), np.nan)] * 4, [0, 1, 0, 1])
        assert read_state() == before


def test_state_stays_neutral_until_the_last_thread_is_done():
    first_is_done, second_is_inside = threading.Event(), threading.Event()
    seen = []

    def compute():
        with neutral_torch_state():
            second_is_inside.set()
            first_is_done.wait(10)
            seen.append(torch.get_default_dtype())

    with STATES["float64"]():
        with neutral_torch_state():
            thread = threading.Thread(target=compute)
            thread.start()
            second_is_inside.wait(10)
        first_is_done.set()
        thread.join()
        assert torch.get_default_dtype() is torch.float64
    assert seen == [torch.float32]
