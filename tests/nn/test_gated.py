"""Layers against the formulas in NumPy, and against torch on packed sequences."""

import numpy as np
import pytest
import torch
from numpy_twins import ElmanTwin, GRUTwin, LSTMTwin, ResetBeforeGRUTwin
from torch import nn as tnn

from sklearn_rnn.nn import (
    GRU,
    LSTM,
    Elman,
    Encoder,
    ResetBeforeGRU,
    config_context,
    initialize,
)

CELLS = {
    "elman_tanh": (lambda d, h: Elman(d, h), ElmanTwin),
    "elman_relu": (
        lambda d, h: Elman(d, h, "relu"),
        lambda weights: ElmanTwin(weights, "relu"),
    ),
    "gru": (GRU, GRUTwin),
    "gru_reset_before": (ResetBeforeGRU, ResetBeforeGRUTwin),
    "lstm": (LSTM, LSTMTwin),
}
LENGTHS = {"full": None, "ragged": [7, 1, 4, 7, 2], "one_step": [1, 1, 1, 1, 1]}


@pytest.fixture(params=CELLS)
def cell(request):
    return request.param


@pytest.fixture(
    params=[pytest.param("numba", marks=pytest.mark.numba), "torch"], autouse=True
)
def kernels(request):
    """Every test of this file runs on both implementations."""
    with config_context(kernels=request.param):
        yield request.param


def make_layer(cell, n_features=3, hidden_size=5, seed=0):
    layer = CELLS[cell][0](n_features, hidden_size)
    initialize(layer, torch.Generator().manual_seed(seed))
    with torch.no_grad():  # biases too, so that a bias left out shows
        for parameter in layer.parameters():
            noise = torch.Generator().manual_seed(seed + 1)
            parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.3)
    return layer


def make_twin(cell, layer):
    rnn = layer.rnn
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return CELLS[cell][1]([getattr(rnn, n).detach().double().numpy() for n in names])


def make_input(rng, lengths, n_steps=7, n_features=3):
    x = rng.normal(size=(5, n_steps, n_features)).astype("f4")
    n_valid = [n_steps] * 5 if lengths is None else lengths
    for row, n in enumerate(n_valid):
        x[row, n:] = 77  # whatever stands in the padding must not matter
    return torch.from_numpy(x).requires_grad_(), n_valid


def make_state(rng, cell, hidden_size=5):
    parts = tuple(
        torch.from_numpy(
            rng.normal(size=(5, hidden_size)).astype("f4")
        ).requires_grad_()
        for _ in range(2 if cell == "lstm" else 1)
    )
    return parts, (parts if cell == "lstm" else parts[0])


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_layer_agrees_with_the_formulas_forward_and_backward(
    rng, cell, lengths, with_state
):
    layer = make_layer(cell)
    twin = make_twin(cell, layer)
    x, n_valid = make_input(rng, lengths)
    parts, state = make_state(rng, cell)
    tensor_lengths = None if lengths is None else torch.tensor(lengths)
    outputs, final = layer(x, tensor_lengths, state if with_state else None)
    d_outputs = torch.from_numpy(rng.normal(size=outputs.shape).astype("f4"))
    (outputs * d_outputs).sum().backward()

    sums = [0.0] * 4
    for row, n in enumerate(n_valid):
        start = tuple(
            p[row].detach().double().numpy() * (1.0 if with_state else 0.0)
            for p in parts
        )
        x_row = x[row, :n].detach().double().numpy()
        expected, tape = twin.forward(x_row, start)
        dx, d_state, d_weights = twin.backward(
            d_outputs[row, :n].double().numpy(), tape
        )
        assert_close(outputs[row, :n], expected)
        assert (outputs[row, n:] == 0).all()
        assert_close((final[0] if cell == "lstm" else final)[row], expected[-1])
        if cell == "lstm":
            assert_close(final[1][row], twin.final_state(tape)[1])
        assert_close(x.grad[row, :n], dx)
        assert (x.grad[row, n:] == 0).all()
        if with_state:
            for part, d_part in zip(parts, d_state, strict=True):
                assert_close(part.grad[row], d_part)
        sums = [s + d for s, d in zip(sums, d_weights, strict=True)]
    for parameter, expected in zip(layer.parameters(), sums, strict=True):
        assert_close(parameter.grad, expected)


def assert_close(tensor, expected):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-5, atol=1e-5)


def test_gradients_of_the_twins_agree_with_finite_differences(rng, cell):
    twin = make_twin(cell, make_layer(cell))
    n_parts = 2 if cell == "lstm" else 1
    x, start = rng.normal(size=(4, 3)), tuple(rng.normal(size=(n_parts, 5)))
    d_outputs = rng.normal(size=(4, 5))

    def loss():
        return (twin.forward(x, start)[0] * d_outputs).sum()

    dx, d_state, d_weights = twin.backward(d_outputs, twin.forward(x, start)[1])
    pairs = [(x, dx), *zip(start, d_state, strict=True)]
    pairs += zip((twin.W, twin.U, twin.b, twin.c), d_weights, strict=True)
    for array, gradient in pairs:
        numeric = np.empty(array.size)
        flat = array.reshape(-1)
        for i in range(array.size):
            kept, step = flat[i], 1e-6
            flat[i] = kept + step
            above = loss()
            flat[i] = kept - step
            numeric[i] = (above - loss()) / (2 * step)
            flat[i] = kept
        np.testing.assert_allclose(numeric, gradient.ravel(), rtol=1e-6, atol=1e-7)


def test_padded_and_packed_paths_agree(rng, cell):
    """The packed path serves GPUs; it is run on the CPU here."""
    layer = make_layer(cell)
    x, lengths = make_input(rng, LENGTHS["ragged"])
    _, state = make_state(rng, cell)
    lengths = torch.tensor(lengths)
    padded = layer(x, lengths, state)
    batched = (
        tuple(s.unsqueeze(0) for s in state) if cell == "lstm" else state.unsqueeze(0)
    )
    packed = layer._forward_packed(x, lengths, batched)
    torch.testing.assert_close(padded, packed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("with_state", [False, True])
def test_steps_one_by_one_agree_with_the_whole_sequence(rng, cell, with_state):
    layer = make_layer(cell)
    x, _ = make_input(rng, None)
    state = make_state(rng, cell)[1] if with_state else None
    whole, final = layer(x, None, state)
    outputs = []
    for t in range(x.shape[1]):
        output, state = layer.step(x[:, t], state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(state, final, rtol=1e-5, atol=1e-6)


def test_a_sequence_cut_in_two_agrees_with_the_whole(rng, cell):
    layer = make_layer(cell)
    x, _ = make_input(rng, None)
    whole, final = layer(x)
    first, state = layer(x[:, :3])
    second, state = layer(x[:, 3:], None, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state, final)


@pytest.mark.parametrize("hidden_sizes", [(5,), (4, 3)], ids=["one", "stacked"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_encoder_agrees_with_torch_on_packed_sequences(
    rng, name, bidirectional, hidden_sizes
):
    make = {"RNN": Elman, "GRU": GRU, "LSTM": LSTM}[name]
    encoder = Encoder(3, hidden_sizes, make, bidirectional=bidirectional)
    initialize(encoder, torch.Generator().manual_seed(0))
    x, lengths = make_input(rng, LENGTHS["ragged"])
    outputs = encoder(x, torch.tensor(lengths))

    packed = tnn.utils.rnn.pack_padded_sequence(
        x.double(), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    weights, references = [], []
    for index, size in enumerate(hidden_sizes):
        width = packed.data.shape[1]
        reference = getattr(tnn, name)(
            width, size, batch_first=True, bidirectional=bidirectional
        ).double()
        for own, other in pairs_of_weights(encoder, index, reference):
            other.data.copy_(own)
            weights.append(own)
            references.append(other)
        packed, _ = reference(packed)
    expected, _ = tnn.utils.rnn.pad_packed_sequence(packed, batch_first=True)

    d_outputs = torch.from_numpy(rng.normal(size=outputs.shape).astype("f4"))
    actual = torch.autograd.grad(outputs, [x, *weights], d_outputs)
    gradients = torch.autograd.grad(expected, [x, *references], d_outputs.double())
    for a, b in zip([outputs, *actual], [expected, *gradients], strict=True):
        assert (a.double() - b).norm() <= 2e-6 * b.double().norm()


def pairs_of_weights(encoder, index, reference):
    """Weights of one layer of ours, and the same ones of torch's layer."""
    for layers, suffix in (
        (encoder.forward_layers, ""),
        (encoder.backward_layers, "_reverse"),
    ):
        if len(layers):
            for key, value in layers[index].rnn.named_parameters():
                yield value, getattr(reference, key + suffix)


def test_building_a_layer_leaves_the_global_generator_alone(cell):
    before = torch.get_rng_state()
    make_layer(cell)
    assert torch.equal(before, torch.get_rng_state())


def test_recurrent_weights_start_orthogonal_and_biases_at_zero(cell):
    layer = initialize(CELLS[cell][0](3, 6), torch.Generator().manual_seed(0))
    for gate in layer.rnn.weight_hh_l0.detach().split(6):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-5)
    bias = (layer.rnn.bias_ih_l0 + layer.rnn.bias_hh_l0).detach().view(-1, 6)
    expected = torch.zeros_like(bias)
    if cell == "lstm":
        expected[1] = 1  # the forget gate, and no other cell's
    assert torch.equal(bias, expected)
