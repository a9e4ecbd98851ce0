"""Encoder: sequences in parts and step by step, from a state on."""

import pytest
import torch

from sklearn_rnn.nn import GRU, LSTM, Elman, Encoder, config_context, initialize


@pytest.fixture(params=[Elman, GRU, LSTM])
def encoder(request):
    encoder = Encoder(3, (6, 5), request.param, dropout=0.5)
    return initialize(encoder, torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def x():
    return torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(1))


def assert_states_equal(a, b):
    for one, other in zip(a, b, strict=True):
        if isinstance(one, tuple | list):
            assert_states_equal(one, other)
        else:
            assert torch.equal(one, other)


@pytest.mark.parametrize("kernels", ["auto", "torch"])
@torch.inference_mode()
def test_run_returns_the_outputs_of_forward(encoder, x, kernels):
    lengths = torch.tensor([9, 4, 1, 6])
    with config_context(kernels=kernels):
        outputs, _ = encoder.run(x, lengths)
        assert torch.equal(outputs, encoder(x, lengths))


@pytest.mark.numba
@pytest.mark.parametrize("sizes", [[9], [1] * 9, [4, 5], [2, 6, 1]])
@torch.inference_mode()
def test_parts_of_a_sequence_have_the_bits_of_the_whole(encoder, x, sizes):
    whole, last = encoder.run(x)
    state, outputs = None, []
    for part in x.split(sizes, dim=1):
        output, state = encoder.run(part, None, state)
        outputs.append(output)
    assert torch.equal(torch.cat(outputs, dim=1), whole)
    assert_states_equal(state, last)


@pytest.mark.numba
@torch.inference_mode()
def test_steps_have_the_bits_of_the_whole(encoder, x):
    whole, _ = encoder.run(x)
    state = None
    for t in range(x.shape[1]):
        output, state = encoder.step(x[:, t], state)
        assert torch.equal(output, whole[:, t])


def test_gradients_flow_through_states(encoder, x):
    first, second = x.split([4, 5], dim=1)
    first = first.clone().requires_grad_()
    _, state = encoder.run(first)
    outputs, _ = encoder.run(second, None, state)
    outputs.sum().backward()
    assert (first.grad != 0).any(dim=2).all()


def test_backward_layers_have_no_state_to_begin_from(x):
    encoder = Encoder(3, (5,), GRU, bidirectional=True)
    with pytest.raises(ValueError, match="bidirectional=False can run from a state"):
        encoder.run(x)
