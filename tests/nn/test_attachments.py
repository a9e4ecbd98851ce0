"""Hooks, pruning and parametrisations act, whichever implementation runs."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from sklearn_rnn import RNNClassifier, config_context
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

LENGTHS = torch.tensor([7, 1, 4, 6, 2])


def make_model(cell=GRU, *, pooling="last", bidirectional=True):
    inputs = Standardize(torch.zeros(2), torch.ones(2))
    encoder = Encoder(4, (5,), cell, bidirectional=bidirectional)
    size = encoder.output_size
    pool = Pooling(pooling, size, bidirectional=bidirectional)
    stem = ConvStem(2, (4,), 3, 1)
    model = SequenceModel(inputs, stem, encoder, pool, n_outputs=3)
    return initialize(model, torch.Generator().manual_seed(0))


def make_x():
    return torch.randn(5, 7, 2, generator=torch.Generator().manual_seed(1))


PLACES = {
    "encoder": lambda m: m.encoder,
    "layer": lambda m: m.encoder.forward_layers[0],
    "backward layer": lambda m: m.encoder.backward_layers[0],
    "rnn": lambda m: m.encoder.forward_layers[0].rnn,
    "backward rnn": lambda m: m.encoder.backward_layers[0].rnn,
    "head": lambda m: m.head,
    "convolution": lambda m: m.stem.convolutions[0],
    "norm": lambda m: m.stem.norms[0],
    "pooling": lambda m: m.pooling,
}
KINDS = (
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_hooks_are_called_once(cell, place, kind, ragged):
    model, calls = make_model(cell), []
    getattr(PLACES[place](model), kind)(lambda *_: calls.append(1))
    x, lengths = make_x().requires_grad_(), LENGTHS if ragged else None
    model(x, lengths).sum().backward()
    assert calls == [1]
    if "forward" in kind:
        with torch.inference_mode():
            model(x.detach(), lengths)
        assert calls == [1, 1]


@pytest.mark.parametrize("place", PLACES)
def test_a_replaced_forward_is_called(place):
    model, calls = make_model(), []
    module = PLACES[place](model)
    original = module.forward

    def forward(*args, **options):
        calls.append(1)
        return original(*args, **options)

    module.forward = forward
    for context in (torch.enable_grad(), torch.inference_mode()):
        with context:
            model(make_x(), LENGTHS)
    assert len(calls) == 2


def test_hooks_of_all_modules_are_called():
    model, seen = make_model(), []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, *_: seen.append(type(module))
    )
    try:
        with torch.inference_mode():
            model(make_x(), LENGTHS)
    finally:
        handle.remove()
    assert {nn.GRU, GRU, Encoder, nn.Linear, nn.Conv1d, Pooling} <= set(seen)


class Halved(nn.Module):
    """A parametrisation."""

    def forward(self, weight):
        return weight / 2


@pytest.mark.parametrize("kernels", ["auto", "torch"])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_parametrisations_act(cell, ragged, kernels):
    x, lengths = make_x(), LENGTHS if ragged else None
    outputs = []
    for parametrised in (False, True):
        model = make_model(cell)
        rnn = model.encoder.forward_layers[0].rnn
        for module, name in (rnn, "weight_hh_l0"), (model.head, "weight"):
            if parametrised:
                parametrize.register_parametrization(module, name, Halved())
            else:
                getattr(module, name).data /= 2
        with config_context(kernels=kernels):
            outputs.append(model(x, lengths))
            with torch.no_grad():
                outputs.append(model(x, lengths))
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], rtol=1e-5, atol=1e-6)
    outputs[2].sum().backward()
    original = rnn.parametrizations.weight_hh_l0.original
    assert original.grad.abs().max() > 0


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
@pytest.mark.parametrize("ragged", [False, True])
def test_pruned_weights_stay_zero_in_training(cell, ragged):
    model = make_model(cell)
    pruned = [(model.encoder.forward_layers[0].rnn, "weight_hh_l0")]
    pruned += [(model.head, "weight"), (model.stem.convolutions[0], "weight")]
    for module, name in pruned:
        prune.random_unstructured(module, name, amount=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, lengths = make_x(), LENGTHS if ragged else None
    for _ in range(3):
        optimizer.zero_grad()
        model(x, lengths).square().sum().backward()
        optimizer.step()
    with torch.inference_mode():
        pruned_output = model(x, lengths)
    for module, name in pruned:
        prune.remove(module, name)
        assert (getattr(module, name) == 0).any()
    with torch.inference_mode():  # the same weights without the hooks
        torch.testing.assert_close(model(x, lengths), pruned_output)


@pytest.mark.parametrize(
    "options", [{}, {"conv_channels": None, "pooling": "last", "bidirectional": False}]
)
def test_hooks_on_a_fitted_network_act_in_fit_and_predict(options, ragged):
    X, y = ragged
    model = RNNClassifier(max_epochs=1, random_state=0, warm_start=True, **options)
    model.fit(X, y)
    before, calls = model.predict_proba(X), []
    layer = model.module_.encoder.forward_layers[0]
    handles = [
        module.register_forward_hook(lambda *_: calls.append(1))
        for module in (model.module_, layer, layer.rnn, model.module_.head)
    ]
    after = model.predict_proba(X)
    assert len(calls) >= 4
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    calls.clear()
    model.fit(X, y)
    assert len(calls) >= 4
    for handle in handles:
        handle.remove()


def test_methods_replaced_on_a_part_take_its_chain_from_the_network():
    pytest.importorskip("numba", reason="needs numba")
    from sklearn_rnn.nn import make_chain
    from sklearn_rnn.nn._losses import CrossEntropy

    def make_plain():
        inputs = Standardize(torch.zeros(2), torch.ones(2))
        model = SequenceModel(
            inputs, None, Encoder(2, (5,), GRU), Pooling("last", 5), 3
        )
        return initialize(model, torch.Generator().manual_seed(0))

    assert make_chain(make_plain(), CrossEntropy()) is not None
    for place, name in (
        ("encoder", "last"),
        ("encoder", "_run_layer"),
        ("head", "_call_impl"),
        ("encoder.forward_layers.0", "step"),
    ):
        model = make_plain()
        setattr(model.get_submodule(place), name, lambda *_: None)
        assert make_chain(model, CrossEntropy()) is None, (place, name)
    for change in ("bias", "pooling"):
        model = make_plain()
        if change == "bias":
            model.head.bias = None
        else:
            model.pooling = nn.Identity()
            model.pooling.kind = "last"
        assert make_chain(model, CrossEntropy()) is None
