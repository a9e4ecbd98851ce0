"""The log loss of a large vocabulary against torch's operators in double precision."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_rnn import config_context
from sklearn_rnn.nn import _vocabulary, find_most_probable
from sklearn_rnn.nn._vocabulary import vocabulary_gradients, vocabulary_loss

NAMES = "losses", "d_x", "d_weight", "d_bias"


@pytest.fixture(params=[pytest.param("numba", marks=pytest.mark.numba), "torch"])
def kernels(request):
    if request.param == "torch":
        with config_context(kernels="torch"):
            yield
    else:
        yield


def make_problem(n, n_words, hidden, dtype=torch.float32):
    rng = np.random.default_rng(n)
    x, weight, bias = (
        torch.from_numpy(rng.normal(size=shape)).to(dtype).requires_grad_()
        for shape in ((n, hidden), (n_words, hidden), (n_words,))
    )
    targets = torch.from_numpy(rng.integers(0, n_words, n))
    targets[::5] = -1  # unknown
    weights = torch.from_numpy(rng.uniform(0, 2, n)).to(dtype)
    return x, weight, bias, targets, weights


def compute_by_torch(
    x, weight, bias, targets, weights, label_smoothing, dtype=torch.float64
):
    tensors = [t.detach().to(dtype).requires_grad_() for t in (x, weight, bias)]
    losses = nn.functional.cross_entropy(
        nn.functional.linear(*tensors), targets, ignore_index=-1, reduction="none",
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return losses.detach(), *torch.autograd.grad(losses, tensors, weights.to(dtype))


def assert_close(actual, expected, in_floats=None):
    """Compare with double precision, and with the error of torch in single precision.

    A sum over 2,000 words has another error on each processor, since torch's products
    have another order there.
    """
    for k, (own, wanted) in enumerate(zip(actual, expected, strict=True)):
        scale = max(1, wanted.abs().max().item())
        limit = 2e-6 * scale
        if in_floats is not None:
            limit = max(limit, 1.5 * find_error(in_floats[k], wanted))
        assert find_error(own, wanted) <= limit, NAMES[k]


def find_error(own, wanted):
    return (own.double() - wanted).abs().max().item()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sizes", [(7, 2, 1), (70, 37, 5), (600, 2000, 6)])
def test_losses_and_gradients_are_those_of_torch(sizes, label_smoothing, kernels):
    *tensors, targets, weights = make_problem(*sizes)
    expected = compute_by_torch(*tensors, targets, weights, label_smoothing)
    arguments = *tensors, targets, weights, label_smoothing
    in_floats = compute_by_torch(*arguments, torch.float32)
    assert_close(vocabulary_gradients(*arguments), expected, in_floats)
    losses = vocabulary_loss(*tensors, targets, label_smoothing)
    gradients = torch.autograd.grad(losses, tensors, weights)
    assert_close((losses.detach(), *gradients), expected, in_floats)


@pytest.mark.parametrize("factor", [1.0, 0.3])
def test_a_mean_needs_no_second_pass(factor, kernels, monkeypatch):
    *tensors, targets, weights = make_problem(600, 2000, 6)
    weights = torch.full_like(weights, factor)
    expected = compute_by_torch(*tensors, targets, weights, 0.1)
    losses = vocabulary_loss(*tensors, targets, 0.1)
    monkeypatch.delattr(_vocabulary, "vocabulary_gradients")
    total = factor * losses.sum()
    gradients = torch.autograd.grad(total, tensors, retain_graph=True)
    assert_close((losses.detach(), *gradients), expected)
    again = torch.autograd.grad(total, tensors)
    assert all(map(torch.equal, gradients, again))


def test_double_precision_is_kept():
    *tensors, targets, weights = make_problem(30, 20, 4, torch.float64)
    losses, *gradients = vocabulary_gradients(*tensors, targets, weights, 0.1)
    expected = compute_by_torch(*tensors, targets, weights, 0.1)
    for own, wanted in zip((losses, *gradients), expected, strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-12, atol=1e-12)


def test_large_logits_do_not_overflow(kernels):
    x, weight, bias, targets, weights = make_problem(40, 50, 3)
    arguments = x * 1e3, weight, bias, targets, weights, 0.0
    losses, *gradients = vocabulary_gradients(*arguments)
    expected = compute_by_torch(*arguments)
    torch.testing.assert_close(losses.double(), expected[0], rtol=1e-5, atol=1e-2)
    for own, wanted in zip(gradients, expected[1:], strict=True):
        scale = wanted.abs().max().item()
        torch.testing.assert_close(
            own.double() / scale, wanted / scale, rtol=0, atol=1e-4
        )


def test_a_nan_reaches_its_loss_alone(kernels):
    x, weight, bias, targets, _ = make_problem(20, 30, 3)
    x.data[3] = torch.nan
    losses = vocabulary_loss(x, weight, bias, targets)
    assert losses.isnan().nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_losses_are_equal_without_gradients(context, kernels):
    x, weight, bias, targets, _ = make_problem(700, 2000, 6)  # two threads
    expected = vocabulary_loss(x, weight, bias, targets)
    with context():
        actual = vocabulary_loss(x, weight, bias, targets)
    assert torch.equal(actual, expected.detach())


# The most probable words --------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "n_words", "n"), [(1, 2, 1), (7, 37, 5), (90, 999, 3)]
)
def test_the_most_probable_words_are_those_of_a_sort(rows, n_words, n, kernels):
    rng = np.random.default_rng(rows)
    logits = torch.from_numpy(3 * rng.normal(size=(rows, n_words)).astype("f4"))
    expected = torch.log_softmax(logits.double(), dim=1)
    expected[:, 1] = -torch.inf
    with torch.no_grad():
        log_p, words = find_most_probable(logits.clone(), n, 1)
        one = find_most_probable(logits[-1:].clone(), n, 1)
    assert log_p.dtype == torch.float64
    order = expected.argsort(dim=1, descending=True)[:, :n]
    torch.testing.assert_close(words, order)
    torch.testing.assert_close(log_p, expected.gather(1, order), rtol=0, atol=2e-6)
    assert torch.equal(one[0], log_p[-1:])
    assert torch.equal(one[1], words[-1:])


@pytest.mark.numba
def test_among_equal_words_the_first_are_found():
    with torch.no_grad():
        _, words = find_most_probable(torch.zeros(2, 40), 3, 0)
        logits = torch.zeros(1, 300)
        logits[0, [290, 70, 10, 150]] = torch.tensor([2.0, 1.0, 1.0, 1.0])
        _, distant = find_most_probable(logits, 3, 0)
    assert words.tolist() == [[1, 2, 3]] * 2
    assert distant.tolist() == [[290, 10, 70]]


class LargestArray(TorchDispatchMode):
    """The size of the largest result of an operator of this thread."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.largest = max(self.largest, result.numel())
        return result


def test_no_array_has_all_positions_and_words(kernels):
    x, weight, bias, targets, _ = make_problem(600, 1024, 8)
    with LargestArray() as arrays:
        vocabulary_loss(x, weight, bias, targets).sum().backward()
    assert arrays.largest < 0.5 * 600 * 1024


def test_no_positions_have_no_losses(kernels):
    tensors = make_problem(0, 5, 2)[:4]
    losses = vocabulary_loss(*tensors)
    assert losses.shape == (0,)
    assert not any(map(torch.any, torch.autograd.grad(losses.sum(), tensors[:3])))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"targets": torch.tensor([0, 5, 1])},
            r"targets must be words from 0 to 4 .* 5",
        ),
        ({"targets": torch.tensor([0, -2, 1])}, r"or -1 if unknown. Got -2 to 1"),
        ({"targets": torch.zeros(3)}, r"as int64, .* as torch\.float32"),
        ({"targets": torch.zeros(2, dtype=int)}, r"targets .* \(3,\). Got \(2,\)"),
        ({"bias": torch.zeros(4)}, r"bias must have the shape \(5,\). Got \(4,\)"),
        ({"x": torch.zeros(3, 3)}, r"x must have the shape \(3, 2\). Got \(3, 3\)"),
        ({"label_smoothing": 1.5}, r"label_smoothing must be from 0 to 1. Got 1\.5"),
    ],
)
def test_bad_input_is_refused_by_name(change, match):
    arguments = {
        "x": torch.zeros(3, 2),
        "weight": torch.zeros(5, 2),
        "bias": torch.zeros(5),
        "targets": torch.tensor([0, 4, 1]),
    }
    with pytest.raises(ValueError, match=match):
        vocabulary_loss(**arguments | change)
