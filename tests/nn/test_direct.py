"""Gradients by kernels alone against those of autograd."""

import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn.nn import (
    GRU,
    LSTM,
    ConvStem,
    Elman,
    Encoder,
    Pooling,
    SequenceModel,
    Standardize,
    initialize,
)
from sklearn_rnn.nn import _losses as losses
from sklearn_rnn.nn._direct import compute_gradients, supports_fused_training

LENGTHS = torch.tensor([7, 1, 4, 7, 2])


def make_model(cell=GRU, sizes=(5,), *, pooling="last", stem=None, **options):
    inputs = Standardize(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]))
    encoder = Encoder(2, sizes, cell, **options)
    directions = 2 if options.get("bidirectional") else 1
    pool = Pooling(pooling, directions * sizes[-1], bidirectional=directions == 2)
    model = SequenceModel(inputs, stem, encoder, pool, n_outputs=3)
    return initialize(model, torch.Generator().manual_seed(0)).train()


def make_batch(criterion, lengths):
    generator = torch.Generator().manual_seed(1)
    inputs = {"x": torch.randn(5, 7, 2, generator=generator), "lengths": lengths}
    target = torch.randn(5, 3, generator=generator)
    if isinstance(criterion, losses.CrossEntropy):
        target = target.argmax(1)
    return inputs, target, torch.rand(5, generator=generator)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", [losses.CrossEntropy(), losses.SquaredError()])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sizes", [(5,), (17, 4, 3)])
@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_gradients_are_those_of_autograd(
    cell, sizes, bidirectional, lengths, criterion, weighted
):
    model = make_model(cell, sizes, bidirectional=bidirectional)
    inputs, target, weight = make_batch(criterion, lengths)
    output = model(**inputs)
    each = criterion(output, target) * (weight if weighted else 1)
    expected = torch.autograd.grad(each.mean(), list(model.parameters()))

    assert supports_fused_training(model, criterion)
    loss, actual = compute_gradients(
        model, criterion, inputs, target, weight if weighted else None
    )
    torch.testing.assert_close(loss, each.mean(), rtol=2e-6, atol=2e-6)
    torch.testing.assert_close(actual, output, rtol=2e-6, atol=2e-6)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=2e-6)


def watch_module(model):
    model.head.register_forward_hook(lambda *_: None)


def watch_gradient(model):
    model.head.weight.register_hook(lambda _: None)


def watch_sum(model):
    model.head.weight.register_post_accumulate_grad_hook(lambda _: None)


def parametrize_head(model):
    torch.nn.utils.parametrizations.weight_norm(model.head)


def parametrize_layer(model):
    layer = model.encoder.forward_layers[0]
    torch.nn.utils.parametrizations.weight_norm(layer.rnn, "weight_hh_l0")


def watch_all_modules(model):
    return torch.nn.modules.module.register_module_forward_hook(lambda *_: None)


def replace_forward(model):
    model.head.forward = lambda x: x


def share_weights(model):
    layers = model.encoder.forward_layers
    layers[0].rnn.bias_ih_l0 = layers[0].rnn.bias_hh_l0


def make_double(model):
    model.double()


def freeze(model):
    model.head.bias.requires_grad_(False)


def drop_out(model):
    model.dropout.p = 0.5


@pytest.mark.parametrize(
    "change",
    [watch_module, watch_gradient, watch_sum, watch_all_modules, replace_forward,
     parametrize_head, parametrize_layer, share_weights, make_double, freeze, drop_out],
)  # fmt: skip
def test_a_network_that_somebody_watches_or_changes_is_not_plain(change):
    model = make_model()
    assert supports_fused_training(model, losses.CrossEntropy())
    handle = change(model)
    try:
        assert not supports_fused_training(model, losses.CrossEntropy())
    finally:
        if handle is not None:
            handle.remove()


def test_what_has_no_kernel_is_not_plain():
    assert not supports_fused_training(make_model(), losses.Huber())
    assert not supports_fused_training(
        make_model(pooling="mean"), losses.CrossEntropy()
    )
    stem = ConvStem(2, (2,), 3, 1)
    assert not supports_fused_training(make_model(stem=stem), losses.CrossEntropy())
    assert not supports_fused_training(torch.nn.Linear(2, 3), losses.CrossEntropy())


@pytest.mark.parametrize("value", [float("nan"), 1e30])
def test_a_loss_that_is_not_finite_shows(value):
    model, criterion = make_model(), losses.SquaredError()
    inputs, target, _ = make_batch(criterion, None)
    target[2, 1] = value
    loss, _ = compute_gradients(model, criterion, inputs, target, None)
    assert not torch.isfinite(loss)


def double_x(inputs, target, weight):
    return {**inputs, "x": inputs["x"].double()}, target, weight


def short_target(inputs, target, weight):
    return inputs, target[:-1], weight


def target_as_float(inputs, target, weight):
    return inputs, target.float(), weight


def short_weight(inputs, target, weight):
    return inputs, target, weight[:-1]


def double_weight(inputs, target, weight):
    return inputs, target, weight.double()


@pytest.mark.parametrize(
    "change", [double_x, short_target, target_as_float, short_weight, double_weight]
)
def test_where_the_kernels_do_not_serve_nothing_is_done(change):
    model, criterion = make_model(), losses.CrossEntropy()
    batch = change(*make_batch(criterion, None))
    assert compute_gradients(model, criterion, *batch) is None
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_that_is_none_gives_no_loss(wrong):
    model, criterion = make_model(), losses.CrossEntropy()
    inputs, target, _ = make_batch(criterion, None)
    target[1] = wrong
    assert compute_gradients(model, criterion, inputs, target, None)[0].isnan()


def test_lengths_beyond_the_steps_are_refused():
    model, criterion = make_model(), losses.CrossEntropy()
    inputs, target, _ = make_batch(criterion, torch.tensor([7, 1, 4, 8, 2]))
    with pytest.raises(ValueError, match="lengths must be 5 numbers of steps, 7 at"):
        compute_gradients(model, criterion, inputs, target, None)


def test_a_transposed_weight_has_the_gradient_of_its_copy():
    gradients = []
    for copy in (False, True):
        model, criterion = make_model(), losses.SquaredError()
        weight = model.head.weight.detach().T.contiguous().T
        weight = weight.contiguous() if copy else weight
        model.head.weight = torch.nn.Parameter(weight)
        inputs, target, _ = make_batch(criterion, None)
        compute_gradients(model, criterion, inputs, target, None)
        gradients.append(model.head.weight.grad)
    assert torch.equal(*gradients)
