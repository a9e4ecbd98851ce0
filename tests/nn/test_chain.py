"""Gradients by a chain of links against those of autograd."""

import copy

import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import config_context
from sklearn_rnn._kernels._losses import compute_loss
from sklearn_rnn.nn import (
    CRF,
    GRU,
    LSTM,
    ColumnInputs,
    ConvStem,
    Dropout,
    Elman,
    Encoder,
    Pooling,
    ResetBeforeGRU,
    SequenceModel,
    Standardize,
    StepModel,
    TokenEmbedding,
    WordEncoder,
    initialize,
    make_chain,
    set_dropout_generator,
)
from sklearn_rnn.nn import _losses as losses
from sklearn_rnn.nn._chain._losses import LOSSES

LENGTHS = torch.tensor([7, 1, 4, 7, 2])
POOLINGS = ["last", "mean", "max", "meanmax", "attention"]
REGRESSION_LOSSES = [
    losses.make_regression_loss(name, 0.3) for name in losses.REGRESSION_LOSSES
]


def relu(input_size, hidden_size):
    return Elman(input_size, hidden_size, "relu")


def make_standardize():
    return Standardize(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]))


def make_model(
    cell=GRU, sizes=(5,), *, pooling="last", stem=None, stem_pooling=None, **options
):
    encoder = Encoder(2 if stem is None else stem.output_size, sizes, cell, **options)
    directions = 2 if options.get("bidirectional") else 1
    pool = Pooling(pooling, directions * sizes[-1], bidirectional=directions == 2)
    if stem_pooling is not None:
        stem_pooling = Pooling(stem_pooling, stem.output_size)
    model = SequenceModel(
        *(make_standardize(), stem, encoder, pool), 3, stem_pooling=stem_pooling
    )
    return initialize(model, torch.Generator().manual_seed(0)).train()


def make_batch(criterion, lengths):
    generator = torch.Generator().manual_seed(1)
    inputs = {"x": torch.randn(5, 7, 2, generator=generator), "lengths": lengths}
    target = torch.randn(5, 3, generator=generator)
    if isinstance(criterion, losses.CrossEntropy):
        target = target.argmax(1)
    return inputs, target, torch.rand(5, generator=generator)


def seed_dropout(model):
    set_dropout_generator(model, torch.Generator().manual_seed(5))


def run_autograd(model, criterion, inputs, target, weight):
    """Loss, output and all gradients, by torch in double precision."""
    with config_context(kernels="torch"):
        seed_dropout(model)
        output = model(**inputs)
        each = criterion(output, target)
        mean = (each if weight is None else each * weight).mean()
        return mean, output, torch.autograd.grad(mean, list(model.parameters()))


def to_double(model, inputs, target, weight):
    inputs = {k: v.double() if k == "x" and v.is_floating_point() else v
              for k, v in inputs.items()}  # fmt: skip
    target = target.double() if target.is_floating_point() else target
    return copy.deepcopy(model).double(), inputs, target, weight


def assert_close(actual, expected, limit=2e-6):
    """Relative to the largest number, as sums of both signs lose digits."""
    actual, expected = actual.detach().double(), expected.detach().double()
    scale = max(1.0, float(expected.abs().max()))
    difference = float((actual - expected).abs().max())
    assert difference <= limit * scale, difference


def assert_same_gradients(model, criterion, inputs, target, weight=None):
    chain = make_chain(model, criterion)
    assert chain is not None
    seed_dropout(model)
    loss, output = chain.compute_gradients(inputs, target, weight)
    expected = run_autograd(model, criterion, inputs, target, weight)
    if not any(p.p for p in model.modules() if hasattr(p, "generator")):
        double, *batch = to_double(model, inputs, target, weight)
        expected = run_autograd(double, criterion, *batch)
    assert_close(loss, expected[0])
    if isinstance(output, torch.Tensor):
        assert_close(output, expected[1])
    for parameter, gradient in zip(model.parameters(), expected[2], strict=True):
        assert_close(parameter.grad, gradient)


# Each link ----------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sizes", [(5,), (17, 4, 3)])
@pytest.mark.parametrize("cell", [Elman, relu, GRU, LSTM, ResetBeforeGRU])
def test_gradients_of_recurrent_layers(cell, sizes, bidirectional, lengths, weighted):
    for criterion in losses.CrossEntropy(), losses.SquaredError():
        model = make_model(cell, sizes, bidirectional=bidirectional)
        inputs, target, weight = make_batch(criterion, lengths)
        weight = weight if weighted else None
        assert_same_gradients(model, criterion, inputs, target, weight)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("size", [1, 16, 19])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_of_poolings(pooling, size, bidirectional, lengths):
    criterion = losses.CrossEntropy()
    model = make_model(
        GRU, (4, size), pooling=pooling, bidirectional=bidirectional
    )  # fmt: skip
    assert_same_gradients(model, criterion, *make_batch(criterion, lengths))


def test_equal_maxima_share_a_gradient():
    criterion = losses.SquaredError()
    model = make_model(Elman, pooling="meanmax")
    for weight in model.encoder.parameters():
        weight.data.zero_()  # all states are equal
    assert_same_gradients(model, criterion, *make_batch(criterion, LENGTHS))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 4, 9])
@pytest.mark.parametrize("channels", [(1,), (16,), (5, 19), (1, 17)])
def test_gradients_of_convolutions(channels, kernel_size, stride, lengths):
    criterion = losses.SquaredError()
    stem = ConvStem(2, channels, kernel_size, stride)
    model = make_model(pooling="meanmax", stem=stem)
    assert_same_gradients(model, criterion, *make_batch(criterion, lengths))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("stride", [2, (2, 3)])
@pytest.mark.parametrize("kernel_size", [((3, 9), 2), ((1, 4, 5), (2, 3, 11))])
@pytest.mark.parametrize("channels", [(12, 17), (19, 13)])
def test_gradients_of_convolutions_side_by_side(channels, kernel_size, stride, lengths):
    criterion = losses.SquaredError()
    stem = ConvStem(2, channels, kernel_size, stride)
    model = make_model(pooling="meanmax", stem=stem)
    assert_same_gradients(model, criterion, *make_batch(criterion, lengths))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("stem_pooling", ["mean", "max", "meanmax", "attention"])
@pytest.mark.parametrize("pooling", ["last", "meanmax"])
def test_gradients_of_a_pooling_beside_the_recurrent_layers(
    pooling, stem_pooling, lengths
):
    criterion = losses.SquaredError()
    stem = ConvStem(2, (6, 5), ((3, 5), 3), (1, 2))
    model = make_model(
        LSTM, pooling=pooling, stem=stem, stem_pooling=stem_pooling, bidirectional=True
    )
    assert_same_gradients(model, criterion, *make_batch(criterion, lengths))


def test_the_last_outputs_of_a_stem_have_no_chain():
    stem = ConvStem(2, (3,), 3, 1)
    model = make_model(stem=stem, stem_pooling="last")
    assert make_chain(model, losses.SquaredError()) is None


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("criterion", REGRESSION_LOSSES)
def test_gradients_of_losses(criterion, lengths):
    inputs, target, weight = make_batch(criterion, lengths)
    model = make_model()
    if isinstance(criterion, losses.Gaussian):
        model.head = torch.nn.Linear(5, 6)
        model.head.bias.data[4] = -9  # clamped
    assert_same_gradients(model, criterion, inputs, target, weight)


@pytest.mark.parametrize("criterion", REGRESSION_LOSSES)
def test_a_target_that_is_hit_has_the_gradient_of_autograd(criterion):
    output = torch.tensor([[0.5, -7.0]], requires_grad=True)
    target = torch.tensor([[0.5, -7.0]])
    target = target[:, :1] if isinstance(criterion, losses.Gaussian) else target
    (expected,) = torch.autograd.grad(criterion(output, target).mean(), output)
    _, actual = compute_loss(LOSSES[type(criterion)], output, target, None, 0.3)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_labels_that_do_not_exclude_each_other(lengths):
    criterion = losses.BinaryCrossEntropy()
    inputs, target, weight = make_batch(criterion, lengths)
    assert_same_gradients(make_model(), criterion, inputs, (target > 0).float(), weight)


def test_unknown_classes_cost_nothing():
    criterion = losses.CrossEntropy()
    inputs, target, weight = make_batch(criterion, LENGTHS)
    target[:2] = -1
    assert_same_gradients(make_model(), criterion, inputs, target, weight)


def make_tokens(lengths):
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, 7, (5, 7, 1), generator=generator)
    return {"x": tokens, "lengths": lengths}


def make_token_model(inputs, **options):
    encoder = Encoder(inputs.output_size, (5,), GRU, **options)
    model = SequenceModel(inputs, None, encoder, Pooling("mean", 5), 3)
    return initialize(model, torch.Generator().manual_seed(0)).train()


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_dropout_of_embedded_tokens_has_the_masks_of_autograd(lengths):
    criterion = losses.CrossEntropy()
    _, target, weight = make_batch(criterion, lengths)
    model = make_token_model(TokenEmbedding(8, 6))
    model.input_dropout = Dropout(0.4)
    assert_same_gradients(model, criterion, make_tokens(lengths), target, weight)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_embedded_tokens(lengths):
    criterion = losses.CrossEntropy()
    _, target, weight = make_batch(criterion, lengths)
    model = make_token_model(TokenEmbedding(8, 6))
    assert_same_gradients(model, criterion, make_tokens(lengths), target, weight)


@pytest.mark.parametrize("kind", ["ids", "ids as numbers", "ids beside numbers"])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_columns(lengths, kind):
    criterion = losses.CrossEntropy()
    inputs, target, weight = make_batch(criterion, lengths)
    x = torch.cat([inputs["x"], *[make_tokens(None)["x"].float()] * 2], dim=2)
    tables = [([3], TokenEmbedding(8, 6)), ([2], TokenEmbedding(9, 3))]
    if kind == "ids beside numbers":
        columns = ColumnInputs(tables, [1, 0], make_standardize())
    else:
        columns = ColumnInputs(tables, [], None)
    model = make_token_model(columns)
    inputs = {"x": x.long() if kind == "ids" else x, "lengths": lengths}
    assert_same_gradients(model, criterion, inputs, target, weight)


@pytest.mark.parametrize("as_columns", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_words_read_by_their_characters(lengths, as_columns):
    criterion = losses.CrossEntropy()
    inputs, target, weight = make_batch(criterion, lengths)
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(0, 3, (5, 7, 4), generator=generator)
    words = WordEncoder(3, 4, 6)
    if as_columns:
        words = ColumnInputs([([2, 3, 4, 5], words)], [0, 1], make_standardize())
        x = torch.cat([inputs["x"], x.float()], dim=2)
    inputs = {"x": x, "lengths": lengths}
    model = make_token_model(words)
    assert_same_gradients(model, criterion, inputs, target, weight)


def test_the_table_has_gradients_of_its_own_batch_alone():
    """The memory of the gradient is used again: rows of the batch before are zero."""
    criterion = losses.CrossEntropy()
    model = make_token_model(TokenEmbedding(8, 6))
    chain, table = make_chain(model, criterion), model.inputs.table.weight
    _, target, _ = make_batch(criterion, None)
    for noise in (False, True, False):
        inputs = make_tokens(LENGTHS)
        inputs["x"] = (inputs["x"] + int(noise)) % 9
        chain.compute_gradients(inputs, target, None)
        expected = run_autograd(model, criterion, inputs, target, None)[2][0]
        torch.testing.assert_close(table.grad, expected, rtol=1e-5, atol=2e-7)
        if noise:
            table.grad.add_(1.0)  # as a callback may


def test_a_token_outside_the_table_is_refused():
    model, criterion = make_token_model(TokenEmbedding(5, 6)), losses.CrossEntropy()
    _, target, _ = make_batch(criterion, None)
    with pytest.raises(IndexError, match="index out of range"):
        make_chain(model, criterion).compute_gradients(make_tokens(None), target, None)


# One answer a step --------------------------------------------------------------------


def make_step_model(n_outputs, sizes=(5,), *, crf=None, **options):
    encoder = Encoder(2, sizes, LSTM, bidirectional=True, **options)
    model = StepModel(
        make_standardize(), None, encoder, n_outputs, crf=crf, dropout=encoder.dropout.p
    )
    return initialize(model, torch.Generator().manual_seed(0)).train()


def count_steps(lengths):
    return 35 if lengths is None else int(lengths.sum())


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("n_outputs", [2, 16, 17, 40])
def test_gradients_of_classes_of_steps(n_outputs, lengths):
    criterion, n = losses.CrossEntropy(), count_steps(lengths)
    inputs, _, _ = make_batch(criterion, lengths)
    generator = torch.Generator().manual_seed(2)
    target = torch.randint(-1, n_outputs, (n,), generator=generator)
    weight = torch.rand(n, generator=generator)
    model = make_step_model(n_outputs, (4, 5))
    assert_same_gradients(model, criterion, inputs, target, weight)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_numbers_of_steps(lengths):
    criterion, n = losses.Gaussian(), count_steps(lengths)
    inputs, _, _ = make_batch(criterion, lengths)
    target = torch.randn(n, 2, generator=torch.Generator().manual_seed(2))
    assert_same_gradients(make_step_model(4), criterion, inputs, target)


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_of_paths(lengths, weighted, constrained):
    criterion, n = losses.PathLikelihood(), count_steps(lengths)
    inputs, _, weight = make_batch(criterion, lengths)
    target = torch.arange(n) % 3 - 1
    options = {}
    if constrained:
        allowed = torch.ones(4, 4, dtype=torch.bool)
        allowed[3, 0] = allowed[3, 1] = False
        options = {"allowed": allowed, "allowed_end": [True, True, True, False]}
    model = make_step_model(4, crf=CRF(4, **options))
    for score in model.crf.parameters():
        score.data += torch.arange(4) / 8
    weight = weight if weighted else None
    assert_same_gradients(model, criterion, inputs, target, weight)


def test_labels_that_break_a_constraint_are_refused_by_a_chain():
    criterion = losses.PathLikelihood()
    inputs, _, _ = make_batch(criterion, None)
    crf = CRF(3, allowed=torch.ones(3, 3).tril() > 0)
    chain = make_chain(make_step_model(3, crf=crf), criterion)
    with pytest.raises(ValueError, match="breaks the constraints"):
        chain.compute_gradients(inputs, torch.arange(35) % 3, None)


# Dropout ------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("pooling", ["last", "meanmax"])
def test_dropout_has_the_masks_of_autograd(pooling, lengths):
    criterion = losses.SquaredError()
    model = make_model(LSTM, (6, 5), pooling=pooling, dropout=0.4)
    model.dropout.p = 0.3
    assert_same_gradients(model, criterion, *make_batch(criterion, lengths))


@pytest.mark.parametrize("with_crf", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_dropout_of_steps_has_the_masks_of_autograd(lengths, with_crf):
    criterion = losses.PathLikelihood() if with_crf else losses.CrossEntropy()
    inputs, _, _ = make_batch(criterion, lengths)
    crf = CRF(3) if with_crf else None
    model = make_step_model(3, (6, 5), crf=crf, dropout=0.4)
    target = torch.arange(count_steps(lengths)) % 3
    assert_same_gradients(model, criterion, inputs, target)


# Which networks have a chain ----------------------------------------------------------


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


def leave_out_bias(model):
    model.head.bias = None


def replace_part(model):
    model.pooling = torch.nn.Identity()
    model.pooling.kind = "last"


def derive_part(model):
    class Own(Standardize):
        pass

    model.inputs.__class__ = Own


def derive_cell(model):
    class Own(GRU):
        pass

    model.encoder.forward_layers[0].__class__ = Own


def dilate(model):
    model.stem.convolutions[0].dilation = (2,)


@pytest.mark.parametrize(
    "change",
    [watch_module, watch_gradient, watch_sum, watch_all_modules, replace_forward,
     parametrize_head, parametrize_layer, share_weights, make_double, freeze,
     leave_out_bias, replace_part, derive_part, derive_cell, dilate],
)  # fmt: skip
def test_a_network_that_somebody_watches_or_changes_has_no_chain(change):
    model = make_model(stem=ConvStem(2, (2,), 3, 1))
    assert make_chain(model, losses.CrossEntropy()) is not None
    handle = change(model)
    try:
        assert make_chain(model, losses.CrossEntropy()) is None
    finally:
        if handle is not None:
            handle.remove()


def test_a_table_with_options_of_torch_has_no_chain():
    for name, value in (
        ("padding_idx", 0),
        ("max_norm", 1.0),
        ("sparse", True),
        ("scale_grad_by_freq", True),
    ):
        model = make_token_model(TokenEmbedding(5, 6))
        setattr(model.inputs.table, name, value)
        assert make_chain(model, losses.CrossEntropy()) is None


def test_what_has_no_link_has_no_chain():
    class Own(losses.CrossEntropy):
        pass

    assert make_chain(make_model(), Own()) is None
    assert make_chain(torch.nn.Linear(2, 3), losses.CrossEntropy()) is None
    with config_context(kernels="torch"):
        assert make_chain(make_model(), losses.CrossEntropy()) is None


def test_a_chain_serves_again_after_the_hook_is_gone():
    model = make_model()
    model.head.register_full_backward_hook(lambda *_: None).remove()
    assert make_chain(model, losses.CrossEntropy()) is not None


@pytest.mark.parametrize("value", [float("nan"), 1e30])
def test_a_loss_that_is_not_finite_shows(value):
    model, criterion = make_model(), losses.SquaredError()
    inputs, target, _ = make_batch(criterion, None)
    target[2, 1] = value
    loss, _ = make_chain(model, criterion).compute_gradients(inputs, target, None)
    assert not torch.isfinite(loss)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_state_that_is_nan_shows(pooling):
    model, criterion = make_model(pooling=pooling), losses.SquaredError()
    inputs, target, _ = make_batch(criterion, None)
    inputs["x"][1, 3, 0] = torch.nan
    loss, _ = make_chain(model, criterion).compute_gradients(inputs, target, None)
    assert loss.isnan()


def double_x(inputs, target, weight):
    return {**inputs, "x": inputs["x"].double()}, target, weight


def empty_x(inputs, target, weight):
    return {**inputs, "x": inputs["x"][:, :0]}, target, weight


def short_target(inputs, target, weight):
    return inputs, target[:-1], weight


def target_as_float(inputs, target, weight):
    return inputs, target.float(), weight


def short_weight(inputs, target, weight):
    return inputs, target, weight[:-1]


def double_weight(inputs, target, weight):
    return inputs, target, weight.double()


@pytest.mark.parametrize(
    "change",
    [double_x, empty_x, short_target, target_as_float, short_weight, double_weight],
)
def test_a_batch_that_a_link_does_not_support_is_left_alone(change):
    model, criterion = make_model(), losses.CrossEntropy()
    batch = change(*make_batch(criterion, None))
    assert make_chain(model, criterion).compute_gradients(*batch) is None
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("wrong", [-2, 3])
def test_a_class_that_is_none_gives_no_loss(wrong):
    model, criterion = make_model(), losses.CrossEntropy()
    inputs, target, _ = make_batch(criterion, None)
    target[1] = wrong
    chain = make_chain(model, criterion)
    assert chain.compute_gradients(inputs, target, None)[0].isnan()


def test_lengths_beyond_the_steps_are_refused():
    model, criterion = make_model(), losses.CrossEntropy()
    inputs, target, _ = make_batch(criterion, torch.tensor([7, 1, 4, 8, 2]))
    with pytest.raises(ValueError, match="lengths must be 5 numbers of steps, 7 at"):
        make_chain(model, criterion).compute_gradients(inputs, target, None)


def test_a_transposed_weight_has_the_gradient_of_its_copy():
    gradients = []
    for copies in (False, True):
        model, criterion = make_model(), losses.SquaredError()
        weight = model.head.weight.detach().T.contiguous().T
        weight = weight.contiguous() if copies else weight
        model.head.weight = torch.nn.Parameter(weight)
        inputs, target, _ = make_batch(criterion, None)
        make_chain(model, criterion).compute_gradients(inputs, target, None)
        gradients.append(model.head.weight.grad)
    assert torch.equal(*gradients)
