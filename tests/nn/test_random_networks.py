"""Random networks by the kernels against torch in double precision."""

import copy
import itertools

import numpy as np
import pytest
import torch

from sklearn_rnn import config_context
from sklearn_rnn.nn import (
    GRU,
    LSTM,
    ConvStem,
    Elman,
    Encoder,
    Pooling,
    ResetBeforeGRU,
    SequenceModel,
    Standardize,
    initialize,
)

pytestmark = pytest.mark.numba

BLOCK = 25  # networks of one test
SEEDS = [
    *range(8),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 160)),
]


def relu(input_size, hidden_size):
    return Elman(input_size, hidden_size, "relu")


def draw_network(rng):
    """A network of up to three layers, any pooling, with or without a stem."""
    n_features = int(rng.integers(1, 9))
    inputs = Standardize(
        torch.from_numpy(rng.normal(size=n_features).astype("f4")),
        torch.from_numpy(rng.uniform(0.5, 2, n_features).astype("f4")),
    )
    stem, size = None, n_features
    if rng.random() < 0.4:
        channels = tuple(map(int, rng.integers(2, 40, rng.integers(1, 3))))
        stem = ConvStem(
            n_features, channels, int(rng.integers(1, 8)), int(rng.integers(1, 4))
        )
        size = stem.output_size
    bidirectional = bool(rng.integers(2))
    sizes = tuple(map(int, rng.integers(1, 50, rng.integers(1, 4))))
    cell = [Elman, relu, GRU, LSTM, ResetBeforeGRU][rng.integers(5)]
    encoder = Encoder(size, sizes, cell, bidirectional=bidirectional)
    kind = rng.choice(["last", "mean", "max", "meanmax", "attention"])
    pooling = Pooling(kind, encoder.output_size, bidirectional=bidirectional)
    n_outputs = int(rng.integers(1, 20))
    model = SequenceModel(inputs, stem, encoder, pooling, n_outputs)
    model = initialize(model, torch.Generator().manual_seed(int(rng.integers(2**31))))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.add_(torch.from_numpy(rng.normal(0, 0.3, parameter.shape)))
    return model


def draw_batch(rng, n_features):
    """Sequences of equal or different lengths; the longest has some 40 steps."""
    n, n_steps = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    x = torch.from_numpy(rng.normal(size=(n, n_steps, n_features)).astype("f4"))
    if rng.random() < 0.3:
        return x, None
    lengths = torch.from_numpy(rng.integers(1, n_steps + 1, n))
    for row, length in enumerate(lengths):
        x[row, length:] = 0
    return x, lengths


def difference(actual, expected):
    """Relative to the largest of all, as sums of both signs lose digits."""
    expected = expected.detach()
    scale = float(expected.abs().max().clamp(min=1))
    return float((actual.detach().double() - expected).abs().max()) / scale


def is_smooth(model):
    """Whether gradients are continuous: no ReLU, and no maximum."""
    relu = model.encoder.forward_layers[0].rnn.mode == "RNN_RELU"
    return not relu and model.stem is None and "max" not in model.pooling.kind


def run(model, x, lengths, weight, kernels):
    """Return the outputs, those without gradients, and the gradients."""
    with config_context(kernels=kernels):
        outputs = model(x, lengths)
        gradients = torch.autograd.grad(
            (outputs * weight.to(outputs.dtype)).sum(),
            list(model.parameters()),
            allow_unused=True,
        )
        with torch.inference_mode():
            predicted = model(x, lengths)
    return outputs, predicted, gradients


@pytest.mark.parametrize("seed", SEEDS)
def test_outputs_and_gradients_are_those_of_torch_in_double(seed):
    rng = np.random.default_rng(seed)
    n_beyond_a_kink = 0
    for _ in range(BLOCK):
        model = draw_network(rng)
        x, lengths = draw_batch(rng, model.inputs.output_size)
        weight = torch.from_numpy(rng.normal(size=(len(x), model.head.out_features)))
        double = copy.deepcopy(model).double()
        expected, _, wanted = run(double, x.double(), lengths, weight, "torch")
        outputs, predicted, gradients = run(model, x, lengths, weight, "numba")
        assert difference(outputs, expected) < 2e-5
        assert difference(predicted, expected) < 2e-5
        assert [g is None for g in gradients] == [g is None for g in wanted]
        pairs = [
            (g, w) for g, w in zip(gradients, wanted, strict=True) if w is not None
        ]
        worst = max(difference(*pair) for pair in pairs)
        if is_smooth(model):
            assert worst < 2e-4
        else:  # rounded, a value may lie on the other side of a kink: torch's do too
            assert worst < 0.1
            n_beyond_a_kink += worst >= 2e-4
    assert n_beyond_a_kink <= 2


def draw_shape(rng, shape):
    """Another shape: an axis longer or shorter, missing, or one more."""
    shape = list(shape)
    k = int(rng.integers(len(shape)))
    choice = rng.integers(4)
    if choice == 0:
        shape[k] = int(rng.integers(0, 3000))
    elif choice == 1:
        shape[k] = max(0, shape[k] - 1)
    elif choice == 2:
        del shape[k]
    else:
        shape.insert(k, int(rng.integers(1, 3)))
    return shape


TYPES = torch.float32, torch.float32, torch.float64, torch.float16, torch.int64


@pytest.mark.parametrize("seed", SEEDS)
def test_networks_with_any_other_weights_answer_as_torch_or_refuse(seed):
    """No memory but their own is read: what differs in shape must raise an error."""
    rng = np.random.default_rng(seed)
    for _ in range(BLOCK):
        model = draw_network(rng)
        x, lengths = draw_batch(rng, model.inputs.output_size)
        named = list(itertools.chain(model.named_parameters(), model.named_buffers()))
        name, tensor = named[rng.integers(len(named))]
        shape, dtype = draw_shape(rng, tensor.shape), TYPES[rng.integers(len(TYPES))]
        if list(tensor.shape) == shape:
            continue
        tensor.requires_grad_(False)
        tensor.data = torch.ones(shape).to(dtype)
        with torch.set_grad_enabled(bool(rng.integers(2))):
            try:
                output = model(x, lengths)
            except (ValueError, RuntimeError, IndexError, TypeError) as error:
                assert str(error)
            else:  # broadcast, or never read
                assert len(output) == len(x), name
