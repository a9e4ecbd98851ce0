"""Networks that predict the next step: gradients by a chain against autograd."""

import copy

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RNNGenerator, config_context
from sklearn_rnn._kernels._autograd import LayerRun, Plan
from sklearn_rnn.nn import (
    GRU,
    LSTM,
    ConditionedInputs,
    Elman,
    Encoder,
    Memory,
    NextStepModel,
    ResetBeforeGRU,
    Standardize,
    TokenEmbedding,
    constant_weights,
    initialize,
    make_chain,
    set_dropout,
    set_dropout_generator,
)
from sklearn_rnn.nn import _losses as losses

CELLS = [Elman, GRU, LSTM, ResetBeforeGRU]
LENGTHS = torch.tensor([7, 1, 4, 7, 2])


def make_model(cell=GRU, n_tokens=4, sizes=(6,), *, tied=True, notes=False, p=0.0):
    size = sizes[-1] if tied else 3
    if notes:
        inputs, n_outputs = Standardize(torch.zeros(size), torch.ones(size)), size
    else:
        inputs, n_outputs = TokenEmbedding(n_tokens, size), n_tokens + 1
    model = NextStepModel(
        inputs,
        Encoder(size, sizes, cell, dropout=p),
        n_outputs,
        dropout=p,
        tied_to=inputs.table if tied and not notes else None,
    )
    return initialize(model, torch.Generator().manual_seed(0)).train()


def make_windows(model, generator, lengths=LENGTHS, n_windows=3):
    """Mini-batches of one window of each sequence, with memory; some have ended."""
    notes, memory, batches = isinstance(model.inputs, Standardize), Memory(), []
    n_outputs = model.head.out_features
    for k in range(n_windows):
        own = None if lengths is None else lengths[: len(lengths) - k]
        shape = (5, 7) if own is None else (len(own), int(own.max()))
        n = shape[0] * shape[1] if own is None else int(own.sum())
        if notes:
            x = (torch.rand(*shape, n_outputs, generator=generator) < 0.4).float()
            target = (torch.rand(n, n_outputs, generator=generator) < 0.4).float()
        else:
            x = torch.randint(n_outputs, (*shape, 1), generator=generator)
            target = torch.randint(n_outputs, (n,), generator=generator)
        weight = 0.5 + torch.rand(n, generator=generator)
        inputs = {"x": x, "lengths": own, "carried": memory}
        batches.append((inputs, target, weight))
    return batches


def seed_dropout(model):
    set_dropout_generator(model, torch.Generator().manual_seed(5))


def run_chain(model, criterion, batches):
    seed_dropout(model)
    chain, results = make_chain(model, criterion), []
    for inputs, target, weight in batches:
        model.zero_grad()
        loss, output = chain.compute_gradients(inputs, target, weight)
        gradients = [p.grad.clone() for p in model.parameters()]
        results.append([loss, output.states, *gradients])
    return results


def run_autograd(model, criterion, batches, dtype=torch.float64):
    model = copy.deepcopy(model).to(dtype)
    seed_dropout(model)
    results = []
    for inputs, target, weight in batches:
        model.zero_grad()
        x = inputs["x"]
        x = x.to(dtype) if x.is_floating_point() else x
        target = target.to(dtype) if target.is_floating_point() else target
        output = model(x, inputs["lengths"], inputs["carried"])
        loss = (criterion(output, target) * weight).mean()
        loss.backward()
        gradients = [p.grad.clone() for p in model.parameters()]
        results.append([loss.detach(), output.states.detach(), *gradients])
    return results


def assert_right(model, criterion, lengths=LENGTHS):
    generator = torch.Generator().manual_seed(1)
    state = generator.get_state()
    actual = run_chain(model, criterion, make_windows(model, generator, lengths))
    generator.set_state(state)
    with config_context(kernels="torch"):
        batches = make_windows(model, generator, lengths)
        expected = run_autograd(model, criterion, batches)
    for own, others in zip(actual, expected, strict=True):
        for a, b in zip(own, others, strict=True):
            scale = b.abs().max().clamp(min=1e-2)
            assert (a.double() - b).abs().max() < 2e-6 * scale


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("n_tokens", [4, 40])  # fewer than steps, and more
@pytest.mark.parametrize("cell", CELLS)
def test_tokens(cell, n_tokens, tied, lengths):
    model = make_model(cell, n_tokens, (9, 6) if tied else (6,), tied=tied)
    assert_right(model, losses.TokenLikelihood(), lengths)


def test_a_large_vocabulary_with_smoothed_labels():
    assert_right(make_model(GRU, 1200), losses.TokenLikelihood(label_smoothing=0.1))


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
def test_notes(lengths):
    assert_right(make_model(LSTM, notes=True), losses.NoteLikelihood(), lengths)


@pytest.mark.parametrize("n_tokens", [4, 40])
def test_dropout_draws_the_same_masks(n_tokens):
    model = make_model(GRU, n_tokens, (6, 6), p=0.4)
    assert_right(model, losses.TokenLikelihood())
    set_dropout(model, 0.0)
    assert_right(model, losses.TokenLikelihood())


@pytest.mark.parametrize("n_parts", [1, 2])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, np.array([7, 1, 4, 7, 2])])
@pytest.mark.parametrize("mode", ["rnn_tanh", "gru", "lstm", "gru_reset_before"])
def test_looking_up_products_equals_multiplying_vectors(
    mode, lengths, reverse, n_parts
):
    n_gates = {"rnn_tanh": 1, "lstm": 4}.get(mode, 3)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    table, tokens = draw(6, 23), torch.randint(6, (5, 7), generator=generator)
    shapes = (n_gates * 19, 23), (n_gates * 19, 19), (n_gates * 19,), (n_gates * 19,)
    tensors = [draw(5, 38 if mode == "lstm" else 19), *(draw(*s) for s in shapes)]
    plan, d = Plan(mode, lengths, (reverse,), False, True, 19), draw(5, 7, 19)
    multiplied = LayerRun(plan, table[tokens], tensors, n_parts)
    looked_up = LayerRun(plan, table, tensors, n_parts, tokens=tokens)
    for a, b in zip(looked_up.forward(), multiplied.forward(), strict=True):
        assert torch.equal(a, b)
    d_table, *others = looked_up.backward(d, [None], wants_x=True)
    d_x, *expected = multiplied.backward(d, [None], wants_x=True)
    sums = torch.zeros_like(table)
    for row, n in enumerate([7] * 5 if lengths is None else lengths):
        sums.index_add_(0, tokens[row, :n], d_x[row, :n])
    for a, b in zip([d_table, *others], [sums, *expected], strict=True):
        assert (a - b).abs().max() < 2e-6 * b.abs().max()


@pytest.mark.parametrize("token", [-1, 6])
def test_a_token_without_a_vector_is_refused(token):
    weights = [torch.ones(9, 3), torch.ones(9, 3), torch.ones(9), torch.ones(9)]
    plan, tokens = Plan("gru", None, (False,), False, True, 3), torch.zeros(2, 4)
    tokens = tokens.long()
    tokens[1, 2] = token
    with pytest.raises(ValueError, match="tokens must be from 0 to 5"):
        LayerRun(plan, torch.ones(6, 3), weights, tokens=tokens)


def test_conditions_and_projections_are_left_to_autograd():
    table = TokenEmbedding(4, 6)
    conditioned = NextStepModel(
        ConditionedInputs(table, 2), Encoder(6, (6,), GRU), 5, tied_to=table.table
    )
    projected = NextStepModel(table, Encoder(6, (8,), GRU), 5, tied_to=table.table)
    for model in (conditioned, projected):
        assert make_chain(model, losses.TokenLikelihood()) is None


def test_a_generator_trains_by_a_chain_as_by_autograd(monkeypatch):
    text = "".join(np.random.default_rng(0).choice(list("abcde "), 700))
    params = {"hidden_size": 8, "batch_size": 4, "truncate": 20, "max_epochs": 2}
    curves = []
    for with_chain in (True, False):
        if not with_chain:
            from sklearn_rnn._training import _net

            monkeypatch.setattr(_net, "make_chain", lambda *arguments: None)
        generator = RNNGenerator(**params, random_state=0).fit([text])
        curves.append(generator.loss_curve_)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_with_products_of_a_table_are_equal_to_the_bit(cell):
    """In a block of constant weights, against steps that look the vectors up."""
    model = make_model(cell, n_tokens=9, sizes=(7, 6)).eval()
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 10, (4, 300, 1), generator=generator)

    def run():
        state, found = None, []
        for x_t in tokens:
            logits, state = model.step(x_t, state)
            found.append(logits)
        return torch.stack(found)

    with torch.inference_mode():
        for _ in range(2):  # the second time with other weights
            expected = run()
            with constant_weights():
                assert torch.equal(run(), expected)
            model.inputs.table.weight.mul_(2)


def test_steps_with_products_of_a_table_give_way_to_hooks(monkeypatch):
    model = make_model().eval()
    calls, step_in_table = [], Encoder.step_in_table

    def count(*args):
        calls.append(args)
        return step_in_table(*args)

    monkeypatch.setattr(Encoder, "step_in_table", count)
    tokens = torch.tensor([[3], [4]])
    with torch.inference_mode():
        model.step(tokens)
        with constant_weights():
            assert not calls
            model.step(tokens)
            assert len(calls) == 1
            for module in (model.inputs, model.inputs.table):
                handle = module.register_forward_hook(lambda *args: None)
                model.step(tokens)
                handle.remove()
            with config_context(kernels="torch"):
                model.step(tokens)
    assert len(calls) == 1


def test_products_of_two_tables_are_not_mixed_up():
    encoder, tokens = make_model().encoder, torch.tensor([[3], [4]])
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(5, 6, generator=generator) for _ in range(2)]
    with torch.inference_mode():
        expected = [encoder.step(table[tokens[:, 0]])[0] for table in tables]
        with constant_weights():
            for table, output in zip(tables, expected, strict=True):
                assert torch.equal(encoder.step_in_table(table, tokens)[0], output)
