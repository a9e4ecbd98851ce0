"""A linear layer in training: equal to torch's, whatever the number of threads."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from sklearn_rnn._kernels._threads import threads_for_kernels
from sklearn_rnn.nn._threaded_linear import threaded_linear


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with threads_for_kernels():
        yield
    torch.set_num_threads(before)


def make_layer():
    torch.manual_seed(0)
    layer = torch.nn.Linear(128, 256, bias=False)
    return layer, torch.randn(7, 31, 128, requires_grad=True)


def differentiate(apply, layer, x):
    """Return an output, and the gradients of the layer and its input."""
    layer.zero_grad()
    x.grad = None
    out = apply(x)
    (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
    return [t.detach().numpy() for t in (out, layer.weight.grad, x.grad)]


@pytest.mark.skipif(not find_spec("numba"), reason="there are no kernels")
def test_rows_are_shared_by_threads(two_threads):
    layer, x = make_layer()
    assert "_Product" in threaded_linear(layer, x).grad_fn.name()
    own = differentiate(lambda x: threaded_linear(layer, x), layer, x)
    again = differentiate(lambda x: threaded_linear(layer, x), layer, x)
    for found, same, expected in zip(
        own, again, differentiate(layer, layer, x), strict=True
    ):
        np.testing.assert_array_equal(found, same)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["few", "hook", "double", "no rows"])
def test_other_layers_are_those_of_torch(two_threads, case):
    layer, x = make_layer()
    if case == "few":
        x = x[:1, :3]
    elif case == "hook":
        layer.register_forward_hook(lambda *_: None)
    elif case == "double":
        layer, x = layer.double(), x.double()
    elif case == "no rows":
        x = x[:0]
    out = threaded_linear(layer, x)
    assert "_Product" not in out.grad_fn.name()
    torch.testing.assert_close(out, layer(x))
