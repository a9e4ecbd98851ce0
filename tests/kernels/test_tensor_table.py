"""Tensors that do not fit: an error names them before a kernel takes their address."""

import re

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RNNClassifier
from sklearn_rnn._kernels import (
    _adam,
    _batches,
    _convolution,
    _linear,
    _losses,
    _network,
    _random_convolutions,
    _rows,
    _steps,
    _vocabulary,
)
from sklearn_rnn._kernels._autograd import LayerRun, Plan
from sklearn_rnn._kernels._tensors import TABLE, read
from sklearn_rnn.nn import GRU, LSTM, ConvStem, Elman, Encoder, Pooling, initialize

pytestmark = pytest.mark.numba

GATES = {Elman: 1, GRU: 3, LSTM: 4}


def make(module):
    return initialize(module, torch.Generator().manual_seed(0))


def replace(rnn, name, tensor):
    setattr(rnn, name, nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))


# Recurrent layers ---------------------------------------------------------------------

BAD_WEIGHTS = [
    ("weight_hh_l0", lambda w: torch.zeros(1, 2000)),
    ("weight_hh_l0", lambda w: w[:, :-1].detach()),
    ("weight_hh_l0", lambda w: w[0].detach()),
    ("weight_ih_l0", lambda w: w[:-1].detach()),
    ("weight_ih_l0", lambda w: torch.zeros(())),
    ("bias_ih_l0", lambda w: torch.zeros(1)),
    ("bias_hh_l0", lambda w: torch.zeros(1)),
    ("bias_hh_l0", lambda w: w.detach().to("meta")),
    ("bias_hh_l0", lambda w: w.detach().double()),
    ("bias_ih_l0", lambda w: w.detach().half()),
    ("weight_ih_l0", lambda w: w.detach().to_sparse()),
    ("weight_ih_l0", lambda w: torch.zeros(w.shape, dtype=torch.complex64)),
]


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
@pytest.mark.parametrize(("name", "change"), BAD_WEIGHTS)
def test_replaced_weights_of_a_layer_are_refused_by_name(cell, name, change, grad):
    layer = make(cell(3, 5))
    replace(layer.rnn, name, change(getattr(layer.rnn, name)))
    expected = rf"{name[:-3]} must have the shape .*float32 on the CPU\. Got the shape"
    with (
        torch.set_grad_enabled(grad),
        pytest.raises(ValueError, match=expected),
    ):
        layer(torch.ones(2, 4, 3), torch.tensor([4, 1]))


@pytest.mark.parametrize(
    "lengths",
    [
        torch.tensor([4.0, 1.5]),
        torch.tensor([[4, 1]]),
        torch.tensor([4, 5]),
        torch.tensor([4, -1]),
        torch.tensor([4, 10**12]),
        torch.tensor([4]),
        torch.tensor([True, False]),
        torch.tensor([4, 1], device="meta"),
    ],
)
@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_lengths_of_a_layer_are_refused(cell, lengths):
    with pytest.raises(ValueError, match="lengths must be"):
        make(cell(3, 5))(torch.ones(2, 4, 3), lengths)


@torch.no_grad()
def test_tensors_replaced_between_the_passes_have_the_gradients_of_the_old_ones():
    results = []
    for replaces in (False, True):
        layer = make(GRU(3, 5))
        tensors = torch.ones(2, 4, 3), torch.ones(2, 5), *layer.weights
        lengths = np.array([4, 1])
        run = LayerRun(
            Plan("gru", lengths, (False,), False, True, 5), tensors[0], tensors[1:]
        )
        outputs, _ = run.forward()
        if replaces:
            for tensor in tensors:
                tensor.data = torch.zeros(0)
        results.append(run.backward(torch.ones_like(outputs), [None], wants_x=True))
    for old, new in zip(*results, strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_directions_of_different_cells_run_one_by_one(pooling):
    encoder = make(Encoder(3, (5,), GRU, bidirectional=True))
    for other in (LSTM(3, 5), Elman(3, 5), Elman(3, 5, "relu")):
        encoder.backward_layers[0] = make(other)
        x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 2, 1, 5])
        forward = encoder.forward_layers[0](x, lengths)[0]
        backward = other(x, lengths, reverse=True)[0]
        expected = torch.cat([forward, backward], dim=-1)
        assert torch.equal(encoder(x, lengths), expected)


# Rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["last", "mean", "max", "meanmax", "attention"])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize(
    "lengths",
    [[5, 10**8], [5, 6], [0, 5], [-1, 5], [5.0, 5.0], [[5, 5]], [5], [5, 5, 5], 5],
)
def test_lengths_of_a_pooling_are_refused(kind, grad, lengths):
    pooling = make(Pooling(kind, 32))
    with (
        torch.set_grad_enabled(grad),
        pytest.raises(ValueError, match=r"lengths must be .*Got"),
    ):
        pooling(torch.zeros(2, 5, 32), torch.tensor(lengths))


@pytest.mark.parametrize(
    "change",
    [
        {"dilation": (2,)},
        {"padding": (1,)},
        {"padding": "same", "stride": (1,)},
        {"stride": (3,)},
        {"stride": (1,)},
    ],
)
def test_a_changed_convolution_does_what_torchs_does(change, rng):
    stem = make(ConvStem(4, (6,), 3, 2))
    for name, value in change.items():
        setattr(stem.convolutions[0], name, value)
    x = torch.from_numpy(rng.normal(size=(3, 200, 4)).astype("f4"))
    expected, _ = stem(x)
    with torch.no_grad():
        actual, _ = stem(x)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_a_convolution_of_groups_or_without_bias_does_what_torchs_does():
    for options in ({"groups": 2}, {"bias": False}):
        stem = ConvStem(4, (6,), 3, 2)
        stem.convolutions[0] = nn.Conv1d(4, 6, 3, stride=2, **options)
        x = torch.randn(3, 12, 4)
        expected, _ = make(stem)(x)
        with torch.no_grad():
            actual, _ = stem(x)
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


X, WEIGHT, BIAS = torch.ones(2, 5, 3), torch.ones(4, 3, 2), torch.ones(4)
STEPS = torch.tensor([5, 3])


def _run_pool(x, d_out):
    pool = _steps.Pool(with_mean=True, with_max=True)
    pool.forward(x, STEPS)
    return pool.backward(d_out)


def _run_attention(flat, hidden, scores, score, d_out):
    attend = _steps.Attend()
    attend.forward(flat, hidden, scores, torch.tensor([2, 3]))
    return attend.backward(score, d_out)


def _run_vocabulary(logits, bias, targets, weights, losses, d_bias):
    _vocabulary.soften(logits, 5, bias, targets, weights, 0.1, losses, d_bias)


# three large weights of nine, for one channel of three
PATTERN = torch.tensor([2.0, -1, -1] * 3) * torch.eye(3)[[0, 1, 2, 0]].unsqueeze(-1)
THRESHOLDS = torch.stack([BIAS, BIAS + 1], dim=1)


def _run_random_convolutions(x, *tensors):
    packed = _random_convolutions.pack_kernels(*tensors)
    return _random_convolutions.convolve_randomly(packed, x, STEPS)


KERNELS = {
    "convolution": (
        lambda x, *weights: _convolution.forward(
            _convolution.Convolution(*weights, 1, 1e-5), x, None
        ),
        (X, WEIGHT, BIAS, BIAS, BIAS),
        5,
    ),
    "convolve": (_rows.convolve, (X, WEIGHT, BIAS, 1), 3),
    "multiply": (_rows.multiply, (X, WEIGHT[:, :, 0], BIAS), 3),
    "attend": (_rows.attend, (X, X[:, :, 0], None), 2),
    "attend_to_memory": (_rows.attend_to_memory, (X, X, X, None), 3),
    "random convolutions": (
        _run_random_convolutions,
        (X, PATTERN, THRESHOLDS, torch.tensor([1, 1, 2, 2])),
        4,
    ),
    "ngrams": (
        lambda *tensors: _network.add_ngrams(9, 2, *tensors, torch.tensor(0.5)),
        (torch.arange(6), torch.ones(6, 5), BIAS),
        3,
    ),
    "scores": (_network.attend, (WEIGHT[:, :, 0], BIAS, BIAS.unsqueeze(0)), 3),
    "columns": (
        lambda mean, scale, table: _network.read_columns(
            [0, 1, 2, 3], mean, scale, [(4, table)]
        ),
        (BIAS, BIAS, torch.ones(3, 2)),
        3,
    ),
    "standardize": (_batches.standardize, (X, X[0, 0], X[0, 0]), 3),
    "cross_entropy": (
        lambda *args: _losses.compute_loss("cross_entropy", *args),
        (X[:, 0], torch.tensor([1, 2]), torch.ones(2)),
        3,
    ),
    "squared_error": (
        lambda *args: _losses.compute_loss("squared_error", *args),
        (X[:, 0], X[:, 0], torch.ones(2)),
        3,
    ),
    "linear": (_linear.backward, (X[:, 0], WEIGHT[:, :, 0], torch.ones(2, 4)), 3),
    "flatten": (_steps.flatten, (X, STEPS), 1),
    "unflatten": (
        lambda flat: _steps.unflatten(flat, STEPS, 5),
        (torch.ones(8, 3),),
        1,
    ),
    "add_to_rows": (
        _steps.add_to_rows,
        (torch.tensor([0, 3]), X[:, 0], torch.zeros(4, 3)),
        3,
    ),
    "vocabulary": (
        _run_vocabulary,
        (
            torch.ones(2, 16),
            torch.ones(16),
            torch.tensor([1, 4]),
            torch.ones(2),
            torch.ones(2),
            torch.ones(16),
        ),
        6,
    ),
    "most_probable": (
        lambda logits: _vocabulary.find_most_probable(logits, 2, 0),
        (torch.ones(2, 5),),
        1,
    ),
    "pool": (_run_pool, (X, torch.ones(2, 6)), 2),
    "attention": (
        _run_attention,
        (X[0], X[0], X[0, :, :1], X[:1, 0], X[:, 0]),
        5,
    ),
}
SPOIL = {
    "shorter": lambda t: t[..., :-1],
    "one axis more": lambda t: t.unsqueeze(0).unsqueeze(0),
    "half": lambda t: t.half(),
    "meta": lambda t: t.to("meta"),
    "sparse": lambda t: t.to_sparse(),
}


# any number of axes before the last; a shorter kernel; fewer features
FITTING = [
    ("multiply", 0, "one axis more"),
    ("standardize", 0, "one axis more"),
    ("convolve", 1, "shorter"),
    ("convolution", 1, "shorter"),
    ("attend", 0, "shorter"),
    ("scores", 0, "shorter"),
    ("columns", 2, "shorter"),
    ("attend_to_memory", 2, "shorter"),
    ("most_probable", 0, "shorter"),
    ("flatten", 0, "shorter"),
    ("unflatten", 0, "shorter"),
    ("cross_entropy", 0, "shorter"),
]


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("kernel", KERNELS)
def test_each_tensor_of_each_kernel_is_checked(kernel, spoil):
    function, arguments, n_tensors = KERNELS[kernel]
    function(*arguments)  # well, as they are
    for k in range(n_tensors):
        spoiled = list(arguments)
        spoiled[k] = SPOIL[spoil](spoiled[k])
        if (kernel, k, spoil) in FITTING:
            continue
        with pytest.raises((ValueError, RuntimeError, NotImplementedError)) as caught:
            function(*spoiled)
        if spoil != "sparse":  # torch's reshape refuses some of them
            assert caught.type is ValueError
            assert "must have the shape" in str(caught.value)


@pytest.mark.parametrize(("n_words", "wide"), [(17, 16), (0, 16), (5, 8)])
def test_logits_that_are_no_whole_vectors_are_refused(n_words, wide):
    row, numbers = torch.ones(wide), torch.ones(2)
    with pytest.raises(ValueError, match="multiples of 16"):
        _vocabulary.soften(
            torch.ones(2, wide), n_words, row, STEPS, numbers, 0.0, numbers, row
        )


@pytest.mark.parametrize("forbidden", [-1, 5])
def test_a_forbidden_word_that_does_not_exist_is_refused(forbidden):
    with pytest.raises(ValueError, match="forbidden must be below 5 and"):
        _vocabulary.find_most_probable(torch.ones(2, 5), 2, forbidden)


def test_a_stride_below_one_is_refused():
    with pytest.raises(ValueError, match=r"stride must be at least 1\. Got -1"):
        _rows.convolve(X, WEIGHT, BIAS, -1)


@pytest.mark.parametrize(
    "change",
    [
        lambda weight, dilation: weight[0, 0, 0].mul_(2),
        lambda weight, dilation: weight[0, 1].fill_(-1),
        lambda weight, dilation: weight[0].zero_(),
        lambda weight, dilation: weight[0].neg_(),
        lambda weight, dilation: dilation.sub_(1),
    ],
)
def test_other_random_convolutions_are_not_packed(change):
    tensors = PATTERN.clone(), THRESHOLDS, torch.tensor([1, 1, 2, 2])
    assert _random_convolutions.pack_kernels(*tensors) is not None
    change(tensors[0], tensors[2])
    assert _random_convolutions.pack_kernels(*tensors) is None


def test_negative_views_are_read_as_what_they_are():
    view = torch.complex(torch.zeros(3), torch.ones(3)).conj().imag
    assert view.is_neg()
    (values,) = read("standardize", {}, {"mean": view})
    assert values.tolist() == [-1, -1, -1]
    assert np.ctypeslib.as_array(values.numpy()).tolist() == [-1, -1, -1]


def test_each_row_of_the_table_names_a_type_of_the_kernels():
    types = {e.dtype for kernel in TABLE.values() for e in kernel.values()}
    assert types == {torch.float32, torch.float64, torch.int64, torch.bool}


@pytest.mark.parametrize(
    ("rows", "offsets", "n_steps"),
    [
        ([2], [0, 4, 9], 5),
        ([-1], [0, 4, 9], 5),
        ([1], [0, 4, 9], 4),
        ([1], [0, 4, 50_000_009], 5),
        ([1], [0, 4, 50_000_009], 60_000_000),
        ([0], [-4, 4, 9], 8),
        ([1], [0, 9, 4], 5),
    ],
)
def test_sequences_outside_the_values_are_refused(rows, offsets, n_steps):
    values = np.ones((9, 2), np.float32)
    with pytest.raises(ValueError, match=r"(rows|lengths|offsets) must be .*Got"):
        _batches.gather(values, np.array(offsets), np.array(rows), n_steps)


# Training -----------------------------------------------------------------------------


def update_by_adam(weight, gradient, *state):
    weight, gradient = (_adam.find_numbers([t]) for t in (weight, gradient))
    settings = {"rate": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "decay": 0.0}
    moments = _adam.Moments(*([t] for t in state))
    _adam.update(weight, gradient, moments, **settings, decoupled=False)


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize(
    "spoil", [lambda t: t.double(), lambda t: t.to("meta"), lambda t: t.repeat(3)[1:]]
)
def test_each_tensor_of_the_state_of_adam_is_checked(k, spoil):
    state = [torch.ones(4), torch.ones(4), torch.ones(1)]
    state[k] = spoil(state[k])
    with pytest.raises(ValueError, match=r"must have \d+ numbers, contiguous"):
        update_by_adam(torch.ones(4), torch.ones(4), *state)


def test_a_gradient_of_another_size_is_refused():
    state = torch.ones(4), torch.ones(4), torch.ones(1)
    with pytest.raises(ValueError, match=r"as many numbers as the weights, \[4\]"):
        update_by_adam(torch.ones(4), torch.ones(5), *state)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        torch.ones(3, dtype=torch.float64),
        torch.ones(3, device="meta"),
        torch.ones(3, 4).T,
        torch.ones(3).to_sparse(),
        torch._neg_view(torch.ones(3)),
    ],
    ids=["none", "double", "meta", "transposed", "sparse", "negative"],
)
def test_numbers_that_the_kernels_cannot_read_are_not_found(odd):
    assert _adam.find_numbers([torch.ones(3), odd]) is None


@pytest.mark.parametrize("options", [{}, {"conv_channels": None, "pooling": "last"}])
@pytest.mark.parametrize("shape", [(2, 2000), (9, 3), (1, 1)])
def test_another_head_is_refused_or_fits_in_partial_fit(options, shape, ragged):
    X, y = ragged
    model = RNNClassifier(random_state=0, **options).partial_fit(
        X, y, classes=["down", "up"]
    )
    model.module_.head.weight.data = torch.zeros(shape)
    with pytest.raises((ValueError, RuntimeError)) as caught:
        model.partial_fit(X, y)
    assert re.search("shape|size", str(caught.value))
