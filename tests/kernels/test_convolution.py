"""Convolution, normalisation and ReLU in one: against torch in double precision."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import config_context
from sklearn_rnn._kernels._convolution import Convolution, backward, convolve, forward
from sklearn_rnn._kernels._threads import Buffers
from sklearn_rnn.nn import ConvStem, initialize

pytestmark = pytest.mark.numba

LENGTHS = np.array([13, 1, 4, 0, 2])
N_STEPS = 13
CHANNELS = list(itertools.product([1, 3, 32, 33], [1, 2, 16, 33]))


@pytest.fixture
def n_threads(request, monkeypatch):
    monkeypatch.setattr("sklearn_rnn._kernels._threads._WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def normal(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape).astype("f4"))


def make_convolution(rng, channels, n_out, kernel_size, stride):
    weight = normal(rng, n_out, channels, kernel_size) / np.sqrt(channels * kernel_size)
    scale, shift = 1 + normal(rng, n_out) / 4, normal(rng, n_out) / 4
    # without it two channels are 1 and -1, whatever comes: no digits would be left
    eps = 1.0 if n_out == 2 else 1e-5
    norm = (None, None) if n_out == 1 else (scale, shift)
    return Convolution(weight, normal(rng, n_out), *norm, stride, eps)


def convolve_row(x, convolution):
    """(time, channels) to (new_time, new_channels) before ReLU, by torch."""
    weight, bias, scale, shift, stride, eps = convolution
    kernel_size = weight.shape[-1]
    padded = nn.functional.pad(x.T, ((kernel_size - 1) // 2, kernel_size // 2))
    sums = nn.functional.conv1d(padded, weight, bias, stride).T
    if scale is None:
        return sums
    return nn.functional.layer_norm(sums, scale.shape, scale, shift, eps)


def compute_expected(convolution, x, lengths, d_out):
    """Outputs and gradients, one row after the other, in double precision.

    Where an output is on the edge of ReLU, d_out is set to zero.
    """
    tensors = [x, *convolution[:4]]
    doubles = [t if t is None else t.double().requires_grad_() for t in tensors]
    own = Convolution(*doubles[1:], *convolution[4:])
    out = torch.zeros(d_out.shape, dtype=torch.float64)
    for row, n in enumerate(lengths):
        if n > 0:
            result = convolve_row(doubles[0][row, :n], own)
            n_new = len(result)
            d_out[row, :n_new][result.abs() < 1e-5] = 0
            out[row, :n_new] = torch.relu(result)
    given = [d for d in doubles if d is not None]
    return [out, *torch.autograd.grad((out * d_out.double()).sum(), given)]


def compute_actual(convolution, x, lengths, d_out):
    out, new_lengths, kept = forward(convolution, x, lengths, Buffers())
    np.testing.assert_array_equal(new_lengths, -(-lengths // convolution.stride))
    d_x, gradients = backward(kept, d_out, x.shape[1], wants_x=True)
    return [out, d_x, *(g for g in gradients if g is not None)]


def assert_close(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == torch.float32
        assert a.shape == b.shape
        # the terms of a gradient are near 1; one number alone may cancel
        assert (a.double() - b).norm() <= 2e-6 * max(b.norm(), 1)


@pytest.mark.parametrize(
    ("kernel_size", "stride"),
    [(1, 1), (1, 3), (2, 1), (3, 3), (4, 2), (5, 1), (8, 3), (9, 1), (9, 2)],
)
@pytest.mark.parametrize(("channels", "n_out"), CHANNELS)
def test_outputs_and_gradients_agree_with_torch(
    rng, channels, n_out, kernel_size, stride
):
    convolution = make_convolution(rng, channels, n_out, kernel_size, stride)
    x = normal(rng, 5, N_STEPS, channels)
    d_out = normal(rng, 5, -(-N_STEPS // stride), n_out)
    expected = compute_expected(convolution, x, LENGTHS, d_out)
    assert_close(compute_actual(convolution, x, LENGTHS, d_out), expected)


@pytest.mark.parametrize("n_threads", [1, 2, 3], indirect=True)
@pytest.mark.parametrize("batch", [1, 7, 16, 40])
def test_many_steps_on_any_threads_agree_with_torch(rng, n_threads, batch):
    convolution = make_convolution(rng, 5, 40, 4, 2)
    x, d_out = normal(rng, batch, 70, 5), normal(rng, batch, 35, 40)
    lengths = rng.integers(1, 71, batch)
    expected = compute_expected(convolution, x, lengths, d_out)
    assert_close(compute_actual(convolution, x, lengths, d_out), expected)


def test_without_lengths_all_steps_are_valid(rng):
    convolution, x = make_convolution(rng, 3, 5, 4, 2), normal(rng, 5, N_STEPS, 3)
    out, new_lengths, _ = forward(convolution, x, None)
    assert new_lengths is None
    assert torch.equal(out, forward(convolution, x, np.full(5, N_STEPS))[0])


@pytest.mark.parametrize("n_threads", [1, 3], indirect=True)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("n_out", [1, 17, 64])
def test_batch_mates_padding_and_memory_order_change_no_bit(
    rng, n_threads, n_out, keep
):
    convolution = make_convolution(rng, 6, n_out, 9, 2)
    x, lengths = normal(rng, 16, 90, 6), rng.integers(0, 91, 16)

    def run(x, lengths):
        return forward(convolution, x, lengths, Buffers() if keep else None)[0]

    together = run(x, lengths)
    for row, n in enumerate(lengths):
        alone = run(x[row : row + 1, : max(n, 1)], lengths[row : row + 1])
        n_new = -(-n // 2)
        assert torch.equal(together[row, :n_new], alone[0, :n_new])
        assert (together[row, n_new:] == 0).all()
    padded = nn.functional.pad(x, (0, 0, 0, 30), value=torch.nan)
    for row, n in enumerate(lengths):
        padded[row, n:] = torch.nan
    assert torch.equal(run(padded, lengths)[:, :45], together)
    strided = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(run(strided, lengths), together)


def test_gradients_at_padding_are_zero_and_those_given_there_are_ignored(rng):
    convolution, x = make_convolution(rng, 3, 20, 5, 2), normal(rng, 5, N_STEPS, 3)
    d_out = normal(rng, 5, 7, 20)
    spoiled = d_out.clone()
    for row, n in enumerate(LENGTHS):
        spoiled[row, -(-n // 2) :] = torch.nan
    expected = compute_actual(convolution, x, LENGTHS, d_out)
    actual = compute_actual(convolution, x, LENGTHS, spoiled)
    for a, b in zip(actual, expected, strict=True):
        assert torch.equal(a, b)
    for row, n in enumerate(LENGTHS):
        assert (actual[1][row, n:] == 0).all()


def test_a_nan_stays_in_its_sequence(rng):
    convolution, x = make_convolution(rng, 3, 5, 3, 1), normal(rng, 3, 6, 3)
    expected, *_ = forward(convolution, x, None)
    x[1, 2, 0] = torch.nan
    out, *_ = forward(convolution, x, None)
    assert torch.isnan(out[1, 1:4]).all()
    assert torch.isfinite(out[1, [0, 4, 5]]).all()
    assert torch.equal(out[[0, 2]], expected[[0, 2]])


def test_memory_goes_back_to_the_buffers_and_is_used_again(rng):
    convolution, x = make_convolution(rng, 3, 5, 4, 2), normal(rng, 5, N_STEPS, 3)
    buffers, counts = Buffers(), []
    for _ in range(3):
        for n in (N_STEPS, 6, 9, 12):
            out, _, kept = forward(convolution, x[:, :n], None, buffers)
            backward(kept, out, n, wants_x=True)
        counts.append(sum(len(free) for free in buffers.free.values()))
    assert counts[0] == counts[1] == counts[2] > 0


def test_weights_replaced_between_the_passes_have_the_gradients_of_the_old_ones(rng):
    x, results = normal(rng, 5, N_STEPS, 3), []
    convolution = make_convolution(rng, 3, 5, 4, 2)
    for replaces in (False, True):
        own = Convolution(*(t.clone() for t in convolution[:4]), *convolution[4:])
        out, _, kept = forward(own, x, LENGTHS, Buffers())
        if replaces:
            for tensor in (x, *own[:4]):
                tensor.data = torch.zeros(0)
        results.append(backward(kept, torch.ones_like(out), N_STEPS, wants_x=True))
    for old, new in zip(results[0][1], results[1][1], strict=True):
        assert torch.equal(old, new)
    assert torch.equal(results[0][0], results[1][0])


def test_backward_runs_once(rng):
    convolution, x = make_convolution(rng, 3, 5, 4, 2), normal(rng, 5, N_STEPS, 3)
    x.requires_grad_()
    out, _ = convolve(convolution, x, LENGTHS)
    out.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r"backward\(\) called twice"):
        out.sum().backward()


@pytest.mark.parametrize("lengths", [[14, 1, 4, 0, 2], [-1, 1, 4, 0, 2], [1], [[1]]])
def test_lengths_that_do_not_fit_are_refused(rng, lengths):
    convolution, x = make_convolution(rng, 3, 5, 4, 2), normal(rng, 5, N_STEPS, 3)
    with pytest.raises(ValueError, match="lengths must be 5 numbers of steps"):
        forward(convolution, x, np.array(lengths))


def test_a_stride_below_one_is_refused(rng):
    convolution = make_convolution(rng, 3, 5, 4, 2)._replace(stride=0)
    with pytest.raises(ValueError, match=r"stride must be at least 1\. Got 0"):
        forward(convolution, torch.ones(2, 5, 3), None)


# The stem -----------------------------------------------------------------------------


def run_stem(stem, x, lengths, kernels):
    """Outputs, new lengths, and gradients of x and of all weights."""
    x = x.clone().requires_grad_()
    with config_context(kernels=kernels):
        out, new_lengths = stem(x, lengths)
        gradients = torch.autograd.grad(out.square().sum(), [x, *stem.parameters()])
    return out.detach(), new_lengths, gradients


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("channels", [(1,), (40, 1, 7), (16, 33)])
@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (5, 1), (4, 3), (9, 2)])
def test_a_stem_of_several_layers_agrees_with_torch(
    rng, channels, kernel_size, stride, ragged
):
    stem = ConvStem(3, channels, kernel_size, stride)
    stem = initialize(stem, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in stem.parameters():
            parameter.add_(normal(rng, *parameter.shape) / 9)
    for norm in stem.norms:
        norm.eps = 1.0  # or else some steps, nearly constant, would be divided by 0
    x = normal(rng, 5, 30, 3)
    lengths = torch.tensor([30, 1, 17, 2, 9]) if ragged else None
    actual = run_stem(stem, x, lengths, "numba")
    double = copy.deepcopy(stem).double()
    expected = run_stem(double, x.double(), lengths, "torch")
    with torch.inference_mode():
        assert torch.equal(stem(x, lengths)[0], actual[0])
    assert_close(actual[:1], expected[:1])
    assert actual[1] is None if lengths is None else torch.equal(actual[1], expected[1])
    assert_close(actual[2], expected[2])


def test_the_gradient_of_x_is_computed_only_if_it_is_needed(rng):
    stem = initialize(ConvStem(3, (5,), 3, 2), torch.Generator().manual_seed(0))
    out, _ = stem(normal(rng, 2, 9, 3))
    (d_weight,) = torch.autograd.grad(out.sum(), [stem.convolutions[0].weight])
    assert d_weight.shape == (5, 3, 3)


def test_another_epsilon_of_the_norm_counts(rng):
    stem = initialize(ConvStem(3, (5,), 3, 2), torch.Generator().manual_seed(0))
    x = normal(rng, 2, 9, 3)
    before, _ = stem(x)
    stem.norms[0].eps = 3.0
    after, _ = stem(x)
    with config_context(kernels="torch"):
        torch.testing.assert_close(after, stem(x)[0], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(before, after)
