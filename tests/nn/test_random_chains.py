"""Random networks by a chain of links against autograd: loss, output, gradients."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn.nn import (
    CRF,
    GRU,
    LSTM,
    ColumnInputs,
    ConvStem,
    Elman,
    Encoder,
    Pooling,
    ResetBeforeGRU,
    SequenceModel,
    Standardize,
    StepModel,
    TokenEmbedding,
    WordEncoder,
    config_context,
    initialize,
    make_chain,
    set_dropout,
    set_dropout_generator,
)
from sklearn_rnn.nn import _losses as losses

N_NETWORKS = 30  # of one test
SEEDS = [
    *range(8),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 100)),
]
LOSSES = [
    *(losses.CrossEntropy(), losses.BinaryCrossEntropy()),
    *(losses.make_regression_loss(name, 0.2) for name in losses.REGRESSION_LOSSES),
]


def relu(input_size, hidden_size):
    return Elman(input_size, hidden_size, "relu")


def draw_inputs(rng, n, n_steps):
    """A layer of inputs, and values for it."""
    kind = rng.choice(["numbers", "tokens", "words", "columns"])
    n_features = int(rng.integers(1, 9))
    scale = Standardize(torch.randn(n_features), 0.5 + torch.rand(n_features))
    numbers = torch.randn(n, n_steps, n_features)
    n_tokens, size = int(rng.integers(1, 60)), int(rng.integers(1, 20))
    tokens = torch.randint(0, n_tokens + 1, (n, n_steps, 1))
    table, words = TokenEmbedding(n_tokens, size), WordEncoder(4, 3, size)
    letters = torch.randint(0, 6, (n, n_steps, 3))
    if kind == "numbers":
        return scale, numbers
    if kind == "tokens":
        return table, tokens
    if kind == "words":
        return words, letters
    at = n_features
    columns = [([at], table), ([at + 1, at + 2, at + 3], words)]
    layer = ColumnInputs(columns, list(range(n_features)), scale)
    return layer, torch.cat([numbers, tokens.float(), letters.float()], dim=2)


def draw_encoder(rng, input_size):
    sizes = tuple(map(int, rng.integers(1, 40, rng.integers(1, 4))))
    cell = [Elman, relu, GRU, LSTM, ResetBeforeGRU][rng.integers(5)]
    dropout = float(rng.choice([0.0, 0.3]))
    both = bool(rng.integers(2))
    return Encoder(input_size, sizes, cell, bidirectional=both, dropout=dropout)


def draw_stem(rng, input_size, stride):
    if rng.random() < 0.5:
        return None, input_size
    channels = tuple(map(int, rng.integers(1, 40, rng.integers(1, 3))))
    # two channels, normalised, are 1 and -1, with a gradient of rounding errors
    kernel_sizes = [
        tuple(map(int, rng.integers(1, 10, rng.integers(1, 4) if n > 12 else 1)))
        for n in channels
    ]
    stem = ConvStem(input_size, channels, kernel_sizes, stride)
    return stem, stem.output_size


def draw_target(rng, criterion, n):
    """Targets, and how many outputs they need."""
    n_outputs = int(rng.integers(1, 20))
    if isinstance(criterion, losses.CrossEntropy | losses.PathLikelihood):
        return torch.randint(-1, n_outputs, (n,)), n_outputs
    target = torch.randn(n, n_outputs)
    if isinstance(criterion, losses.BinaryCrossEntropy):
        target = (target > 0).float()
    return target, criterion.outputs_per_target * n_outputs


def draw_network(rng):
    """A network, its loss and a mini-batch."""
    n, n_steps = int(rng.integers(1, 24)), int(rng.integers(1, 20))
    lengths = None
    if rng.random() < 0.6:
        lengths = torch.from_numpy(rng.integers(1, n_steps + 1, n))
    inputs, x = draw_inputs(rng, n, n_steps)
    criterion = LOSSES[rng.integers(len(LOSSES))]
    dropout = float(rng.choice([0.0, 0.4]))
    if rng.random() < 0.5:
        stem, size = draw_stem(rng, inputs.output_size, int(rng.integers(1, 4)))
        encoder = draw_encoder(rng, size)
        both = len(encoder.backward_layers) > 0
        kind = rng.choice(["last", "mean", "max", "meanmax", "attention"])
        pooling = Pooling(kind, encoder.output_size, bidirectional=both)
        beside = None
        if stem is not None and rng.random() < 0.5:
            beside = Pooling(rng.choice(["mean", "meanmax", "attention"]), size)
        n_losses = n
        target, n_outputs = draw_target(rng, criterion, n)
        model = SequenceModel(
            inputs,
            stem,
            encoder,
            pooling,
            n_outputs,
            dropout=dropout,
            drops_inputs=bool(rng.random() < 0.3),
            stem_pooling=beside,
        )
    else:
        stem, size = draw_stem(rng, inputs.output_size, 1)
        encoder = draw_encoder(rng, size)
        with_crf = rng.random() < 0.4
        criterion = losses.PathLikelihood() if with_crf else criterion
        total = n * n_steps if lengths is None else int(lengths.sum())
        n_losses = n if with_crf else total
        target, n_outputs = draw_target(rng, criterion, total)
        crf = CRF(n_outputs) if with_crf else None
        model = StepModel(inputs, stem, encoder, n_outputs, dropout=dropout, crf=crf)
    model = initialize(model, torch.Generator().manual_seed(int(rng.integers(2**31))))
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    weight = torch.rand(n_losses) if rng.integers(2) else None
    return model.train(), criterion, {"x": x, "lengths": lengths}, target, weight


def seed_dropout(model):
    set_dropout_generator(model, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_have_the_gradients_of_autograd(seed):
    rng = np.random.default_rng(seed)
    for case in range(N_NETWORKS):
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**31)))
            model, criterion, inputs, target, weight = draw_network(rng)
        seed_dropout(model)
        output = model(**inputs)
        each = criterion(output, target)
        expected = (each if weight is None else each * weight).mean()
        expected.backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        seed_dropout(model)
        chain = make_chain(model, criterion)
        assert chain is not None, (case, model)
        loss, actual = chain.compute_gradients(inputs, target, weight)
        pairs = [(loss, expected)]
        if isinstance(output, torch.Tensor):
            pairs.append((actual, output))
        pairs += [(p.grad, gradients[name]) for name, p in model.named_parameters()]
        scale = max(
            1.0, float(loss), *(float(g.abs().max()) for g in gradients.values())
        )
        for own, wanted in pairs:
            difference = (own - wanted).abs().max().item()
            assert difference <= 2e-6 * scale, (case, difference, scale, model)


@pytest.mark.parametrize("seed", range(2))
def test_random_networks_have_the_gradients_of_torch_in_double_precision(seed):
    rng = np.random.default_rng(1000 + seed)
    for case in range(15):
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**31)))
            model, criterion, inputs, target, weight = draw_network(rng)
        set_dropout(model, 0.0)  # masks depend on the type of numbers
        loss, _ = make_chain(model, criterion).compute_gradients(inputs, target, weight)
        gradients = [p.grad.double() for p in model.parameters()]
        model.zero_grad()
        with config_context(kernels="torch"):
            inputs = {name: _as_double(value) for name, value in inputs.items()}
            each = criterion(model.double()(**inputs), _as_double(target))
            expected = (each if weight is None else each * weight.double()).mean()
            expected.backward()
        wanted = [p.grad for p in model.parameters()]
        sizes = (float(t.detach().abs().max()) for t in (expected, *wanted))
        scale = max(1.0, *sizes)
        for own, other in zip([loss, *gradients], [expected, *wanted], strict=True):
            difference = float((own - other.detach()).abs().max())
            assert difference <= 5e-6 * scale, (case, difference, scale, model)


def _as_double(value):
    is_float = value is not None and value.is_floating_point()
    return value.double() if is_float else value
