"""The kernels against torch and against the formulas, both in double precision."""

import itertools

import numpy as np
import pytest
import torch
from numpy_twins import ElmanTwin, GRUTwin, LSTMTwin, ResetBeforeGRUTwin

from sklearn_rnn.nn import (
    GRU,
    LSTM,
    Elman,
    Encoder,
    ResetBeforeGRU,
    config_context,
    initialize,
)
from sklearn_rnn.nn._gated import run_kernels, suits_kernels, threads_for

pytestmark = pytest.mark.numba


@pytest.fixture(autouse=True)
def _kernels():
    """Whatever rule holds without a setting, this file is about the kernels."""
    with config_context(kernels="numba"):
        yield


CELLS = {
    "tanh": Elman,
    "relu": lambda d, h: Elman(d, h, "relu"),
    "gru": GRU,
    "gru_reset_before": ResetBeforeGRU,
    "lstm": LSTM,
}


def run(layer, x, lengths, state, reverse, weights):
    """Return outputs, final state and all gradients of a weighted sum of both."""
    x = x.detach().requires_grad_()
    parts = state if isinstance(state, tuple) else (state,)
    parts = tuple(p.detach().requires_grad_() for p in parts)
    state = parts if isinstance(state, tuple) else parts[0]
    outputs, final = layer(x, lengths, state, reverse=reverse)
    finals = final if isinstance(final, tuple) else (final,)
    total = (outputs * weights[0].to(outputs.dtype)).sum()
    for f in finals:
        total = total + (f * weights[1].to(f.dtype)).sum()
    inputs = [x, *parts, *layer.parameters()]
    return [outputs, *finals, *torch.autograd.grad(total, inputs)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("batch", "n_steps", "n_features", "hidden_size"),
    [(1, 1, 1, 1), (1, 9, 3, 2), (5, 7, 4, 7), (9, 6, 1, 17), (33, 12, 5, 33),
     (8, 5, 37, 65), (6, 4, 8, 130), (4, 3, 2, 300),
     # so many weights of x that it has a product of its own: more than one chunk
     (31, 17, 700, 47)],
)  # fmt: skip
@pytest.mark.parametrize("cell", CELLS)
def test_kernels_agree_with_torch_in_double_precision(
    cell, batch, n_steps, n_features, hidden_size, reverse
):
    generator = torch.Generator().manual_seed(hidden_size)
    layer = initialize(CELLS[cell](n_features, hidden_size), generator)
    rng = np.random.default_rng(hidden_size)
    lengths = torch.from_numpy(rng.integers(1, n_steps + 1, batch))
    lengths[0] = n_steps
    x = torch.randn(batch, n_steps, n_features, generator=generator)
    state = torch.randn(batch, hidden_size, generator=generator)
    if cell == "lstm":
        state = state, torch.randn(batch, hidden_size, generator=generator)
    weights = (
        torch.randn(batch, n_steps, hidden_size, generator=generator),
        torch.randn(batch, hidden_size, generator=generator),
    )
    actual = run(layer, x, lengths, state, reverse, weights)
    state = tuple(s.double() for s in state) if cell == "lstm" else state.double()
    with config_context(kernels="torch"):
        expected = run(layer.double(), x.double(), lengths, state, reverse, weights)
    for a, b in zip(actual, expected, strict=True):
        error = (a.double() - b).norm() / b.norm().clamp(min=1e-3)
        assert error < 2e-6


# Against the formulas in NumPy -------------------------------------------------------

SIZES = [1, 2, 15, 16, 17, 31, 33, 64, 65, 127, 130, 300]  # around whole vectors
TWINS = {
    "tanh": ElmanTwin,
    "relu": lambda weights: ElmanTwin(weights, "relu"),
    "gru": GRUTwin,
    "gru_reset_before": ResetBeforeGRUTwin,
    "lstm": LSTMTwin,
}


def make_layer(cell, n_features, hidden_size, seed=0):
    """A layer whose weights, biases too, keep states between -1 and 1, but not at 0."""
    layer = CELLS[cell](n_features, hidden_size)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            n_inputs = parameter.shape[-1] if parameter.dim() == 2 else 4
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise * 0.7 / np.sqrt(n_inputs))
    return layer


def make_problem(cell, hidden_size, seed, batch=None, n_features=None, longest=7):
    """A ragged batch of an odd size, a start, and gradients from outside."""
    rng = np.random.default_rng(seed)
    batch = batch or int(rng.choice([1, 3, 5, 9, 13]))
    n_steps = int(rng.integers(1, longest + 1))
    n_features = n_features or int(rng.choice([1, 3, 16, 37]))
    n_parts = 2 if cell == "lstm" else 1

    def normal(*shape):
        return torch.from_numpy(rng.normal(size=shape).astype("f4"))

    return {
        "cell": cell,
        "layer": make_layer(cell, n_features, hidden_size, seed),
        "x": normal(batch, n_steps, n_features),
        "lengths": torch.from_numpy(rng.integers(1, n_steps + 1, batch)),
        "start": [normal(batch, hidden_size) for _ in range(n_parts)],
        "d_outputs": normal(batch, n_steps, hidden_size),
        "d_finals": [normal(batch, hidden_size) for _ in range(n_parts)],
    }


def solve_with_kernels(problem, reverse, with_start):
    """Outputs, final states, and gradients of x, of the start and of the weights."""
    layer = problem["layer"]
    x = problem["x"].clone().requires_grad_()
    start = [s.clone().requires_grad_() for s in problem["start"]]
    state = None
    if with_start:
        state = tuple(start) if len(start) == 2 else start[0]
    outputs, finals = layer(x, problem["lengths"], state, reverse=reverse)
    finals = finals if isinstance(finals, tuple) else (finals,)
    total = (outputs * problem["d_outputs"]).sum()
    for final, d_final in zip(finals, problem["d_finals"], strict=True):
        total = total + (final * d_final).sum()
    inputs = [x, *layer.parameters(), *(start if with_start else [])]
    results = [outputs, *finals, *torch.autograd.grad(total, inputs)]
    return [result.detach().double().numpy() for result in results]


def solve_with_twin(problem, reverse, with_start):
    """The same, one row after the other, by hand and in double precision."""
    layer = problem["layer"]
    twin = TWINS[problem["cell"]](
        [w.detach().double().numpy() for w in layer.parameters()]
    )
    x, d_outputs = (problem[k].double().numpy() for k in ("x", "d_outputs"))
    start = [s.double().numpy() * with_start for s in problem["start"]]
    d_finals = [d.double().numpy() for d in problem["d_finals"]]
    outputs, dx = np.zeros(d_outputs.shape), np.zeros(x.shape)
    finals, d_start = ([np.zeros(s.shape) for s in start] for _ in range(2))
    d_weights = [0.0] * 4
    lengths = problem["lengths"]
    for row, n in enumerate([x.shape[1]] * len(x) if lengths is None else lengths):
        steps = np.arange(int(n))[::-1] if reverse else np.arange(int(n))
        outputs[row, steps], tape = twin.forward(
            x[row, steps], tuple(s[row] for s in start)
        )
        d_own = d_outputs[row, steps].copy()
        d_own[-1] += d_finals[0][row]
        d_cell = [d[row] for d in d_finals[1:]]
        dx[row, steps], d_own_start, d_own_weights = twin.backward(d_own, tape, *d_cell)
        last = twin.final_state(tape) if d_cell else [outputs[row, steps[-1]]]
        for k, (h, d_h) in enumerate(zip(last, d_own_start, strict=True)):
            finals[k][row], d_start[k][row] = h, d_h
        d_weights = [s + d for s, d in zip(d_weights, d_own_weights, strict=True)]
    return [outputs, *finals, dx, *d_weights, *(d_start if with_start else [])]


def assert_right(problem, reverse, with_start):
    actual = solve_with_kernels(problem, reverse, with_start)
    expected = solve_with_twin(problem, reverse, with_start)
    for a, b in zip(actual, expected, strict=True):
        # the terms of a gradient are near 1; one number alone may cancel to 0.1
        assert np.linalg.norm(a - b) <= 2e-6 * max(np.linalg.norm(b), 1)


WAYS = list(itertools.product([False, True], repeat=2))  # reverse, with a start


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("hidden_size", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_kernels_agree_with_the_formulas(cell, hidden_size, ragged):
    for seed, way in itertools.product(range(2), WAYS):
        problem = make_problem(cell, hidden_size, 1000 * seed + hidden_size)
        if not ragged:
            problem["lengths"] = None
        assert_right(problem, *way)


# wide layers are slow by the formulas: 7 leaves all remainders of vectors
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("cell", CELLS)
def test_every_hidden_size_agrees_with_the_formulas(cell, step):
    for hidden_size in [*range(1, 65), *range(65, 301, step)]:
        # some numbers in each result, so that not all of them cancel
        batch, longest = (5, 7) if hidden_size <= 64 else (3, 2)  # the twins are slow
        problem = make_problem(cell, hidden_size, hidden_size, batch, 3, longest)
        assert_right(problem, *WAYS[hidden_size % 4])


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_every_batch_size_on_any_threads_agrees_with_the_formulas(
    cell, n_threads, monkeypatch
):
    monkeypatch.setattr("sklearn_rnn._kernels._threads._WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n_threads)
        for batch in range(1, 27):  # more than the rows of three threads' tiles
            problem = make_problem(cell, 17, batch, batch=batch, n_features=3)
            assert_right(problem, *WAYS[batch % 4])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_finite_differences_of_the_formulas(cell, reverse):
    """Along a random direction, through everything that has a gradient at once."""
    problem = make_problem(cell, 17, seed=6)
    n = 1 + len(problem["start"])  # outputs and final states
    gradients = solve_with_kernels(problem, reverse, True)[n:]

    moved = [problem["x"], *problem["layer"].parameters(), *problem["start"]]
    rng = np.random.default_rng(0)
    directions = [torch.from_numpy(rng.normal(size=m.shape)) for m in moved]
    kept = [m.detach().double() for m in moved]
    problem["layer"].double()
    weights = [problem["d_outputs"], *problem["d_finals"]]

    def loss(step):
        new = [m + step * d for m, d in zip(kept, directions, strict=True)]
        problem["x"], problem["start"] = new[0], new[5:]
        for parameter, value in zip(
            problem["layer"].parameters(), new[1:5], strict=True
        ):
            parameter.data = value
        results = solve_with_twin(problem, reverse, True)[:n]
        pairs = zip(results, weights, strict=True)
        return sum((r * w.double().numpy()).sum() for r, w in pairs)

    numeric = (loss(1e-6) - loss(-1e-6)) / 2e-6
    terms = [(g * d.numpy()).sum() for g, d in zip(gradients, directions, strict=True)]
    assert abs(sum(terms) - numeric) < 1e-6 * sum(map(abs, terms))


# What must not change anything -------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize("cell", CELLS)
def test_memory_order_and_read_only_input_change_nothing(cell):
    layer = make_layer(cell, 3, 4)
    lengths = torch.tensor([6, 1, 4, 6, 2])
    x, h, c = torch.randn(5, 6, 3), torch.randn(5, 4), torch.randn(5, 4)
    state = (h, c) if cell == "lstm" else h
    weights = torch.randn(5, 6, 4), torch.randn(5, 4)

    def results(x, state):
        return run(layer, x, lengths, state, True, weights)

    def turned(tensor):  # the same numbers in another order in memory
        return tensor.transpose(0, 1).contiguous().transpose(0, 1)

    def read_only(tensor):
        array = tensor.numpy().copy()
        array.flags.writeable = False
        return torch.from_numpy(array)

    def every_second(tensor):
        return torch.stack([tensor, -tensor], dim=2).flatten(1, 2)[:, ::2]

    expected = results(x, state)
    for change in (turned, read_only, every_second):
        other = tuple(map(change, state)) if cell == "lstm" else change(state)
        assert all(map(torch.equal, results(change(x), other), expected))
    for parameter in layer.parameters():
        if parameter.dim() == 2:
            parameter.data = turned(parameter.data)
    assert all(map(torch.equal, results(x, state), expected))


def test_memory_order_of_a_gradient_changes_nothing():
    layer = make_layer("gru", 3, 4)
    d_outputs = torch.randn(6, 5, 4)
    gradients = []
    for d in (d_outputs.transpose(0, 1), d_outputs.transpose(0, 1).contiguous()):
        outputs, _ = layer(torch.ones(5, 6, 3))
        gradients.append(torch.autograd.grad(outputs, list(layer.parameters()), d))
    for a, b in zip(*gradients, strict=True):
        assert torch.equal(a, b)


def test_lengths_of_another_integer_type_change_nothing():
    layer, x = make_layer("gru", 3, 4), torch.randn(4, 6, 3)
    lengths = torch.tensor([6, 1, 3, 2])
    expected, _ = layer(x, lengths)
    assert torch.equal(layer(x, lengths.int())[0], expected)
    assert torch.equal(layer(x, lengths.repeat_interleave(2)[::2])[0], expected)


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_at_once_are_each_by_itself(cell):
    problem = make_problem(cell, 17, seed=6)
    layers = [make_layer(cell, problem["x"].shape[2], 17, seed) for seed in (0, 1)]
    x = problem["x"].requires_grad_()
    weights = [w for layer in layers for w in layer.parameters()]
    d_outputs = torch.cat([problem["d_outputs"], -2 * problem["d_outputs"]], dim=-1)

    def gradients(outputs):
        return torch.autograd.grad((outputs * d_outputs).sum(), [x, *weights])

    together, finals = run_kernels(layers, x, problem["lengths"], None, [False, True])
    single = [
        layer(x, problem["lengths"], reverse=reverse)
        for layer, reverse in zip(layers, [False, True], strict=True)
    ]
    alone = torch.cat([outputs for outputs, _ in single], dim=-1)
    assert torch.equal(together, alone)
    for a, (_, b) in zip(finals, single, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    for a, b in zip(gradients(together), gradients(alone), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_last_state_alone_is_that_of_all_outputs(cell):
    problem = make_problem(cell, 17, seed=6)
    layer, lengths = problem["layer"], problem["lengths"]
    x = problem["x"].requires_grad_()
    inputs = [x, *layer.parameters()]
    outputs, _ = layer(x, lengths)
    picked = outputs[torch.arange(len(x)), lengths - 1]
    nothing, (final,) = run_kernels([layer], x, lengths, None, [False], only_last=True)
    final = final[0] if cell == "lstm" else final
    assert nothing.numel() == 0
    assert torch.equal(final, picked)
    weight = torch.randn(final.shape)
    for a, b in zip(
        torch.autograd.grad((final * weight).sum(), inputs),
        torch.autograd.grad((picked * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(("hidden_size", "n_features"), [(33, None), (47, 700)])
@pytest.mark.parametrize("cell", CELLS)
def test_prediction_leaves_no_tape_and_changes_no_bit(cell, hidden_size, n_features):
    problem = make_problem(cell, hidden_size, seed=6, n_features=n_features)
    layer, x, lengths = (problem[key] for key in ("layer", "x", "lengths"))
    for reverse in (False, True):
        outputs, state = layer(x, lengths, reverse=reverse)
        with torch.no_grad():
            outputs_, state_ = layer(x, lengths, reverse=reverse)
        assert not outputs_.requires_grad
        torch.testing.assert_close((outputs, state), (outputs_, state_), rtol=0, atol=0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_nan_stays_in_its_row_and_after_its_step(cell, reverse):
    layer, x = make_layer(cell, 3, 17), torch.randn(9, 6, 3)
    lengths = torch.tensor([6, 6, 1, 5, 4, 3, 2, 6, 1])
    clean, _ = layer(x, lengths, reverse=reverse)
    x[3, 2, 1] = torch.nan
    x[4, 4:] = torch.nan  # padding
    outputs, _ = layer(x, lengths, reverse=reverse)
    others = [i for i in range(9) if i != 3]
    assert torch.equal(outputs[others], clean[others])
    before, after = (slice(3, 5), slice(0, 3)) if reverse else (slice(2), slice(2, 5))
    assert torch.equal(outputs[3, before], clean[3, before])
    assert outputs[3, after].isnan().all()
    assert (outputs[3, 5:] == 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_forwards_without_a_backward_in_between_keep_their_memory(cell):
    layer = make_layer(cell, 3, 17)
    parameters = list(layer.parameters())
    xs = [torch.randn(5, n, 3) for n in (6, 6, 4, 7)]
    weights = [torch.randn(5, n, 17) for n in (6, 6, 4, 7)]

    def gradients(outputs, weight):
        return torch.autograd.grad((outputs * weight).sum(), parameters)

    alone = [gradients(layer(x)[0], w) for x, w in zip(xs, weights, strict=True)]
    with threads_for(layer):
        for _ in range(2):  # the second time with memory that is there
            all_outputs = [layer(x)[0] for x in xs]
            with torch.no_grad():
                layer(xs[0])
            layer(xs[0])  # and no backward at all
            for k in (2, 0, 3, 1):
                actual = gradients(all_outputs[k], weights[k])
                for a, b in zip(actual, alone[k], strict=True):
                    assert torch.equal(a, b)


# What must fail ----------------------------------------------------------------------


def test_backward_goes_once_only():
    outputs, _ = make_layer("gru", 3, 4)(torch.randn(5, 6, 3))
    outputs.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="called twice"):
        outputs.sum().backward()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((torch.ones(2, 5, 4),), ValueError, r"\(2, 5, 3\).* \(2, 5, 4\)"),
        ((torch.ones(2, 0, 3),), RuntimeError, "length to be larger than 0"),
        (
            (torch.ones(2, 5, 3), torch.tensor([5, 6])),
            ValueError,
            r"2 numbers of steps, 5 at most. Got \[5 6\]",
        ),
        ((torch.ones(2, 5, 3), torch.tensor([5, -1])), ValueError, "2 numbers"),
        ((torch.ones(2, 5, 3), torch.tensor([5])), ValueError, "2 numbers"),
        (
            (torch.ones(2, 5, 3), None, torch.ones(1, 4)),
            ValueError,
            r"state must .* \(2, 4\), as .* Got the shape \(1, 4\)",
        ),
        (
            (torch.ones(2, 5, 3), None, torch.ones(2, 4).double()),
            ValueError,
            "state must .* torch.float32 .* as torch.float64 on cpu",
        ),
    ],
)
def test_what_does_not_fit_is_not_read(arguments, error, match):
    with pytest.raises(error, match=match):
        make_layer("gru", 3, 4)(*arguments)


def test_an_empty_batch_has_an_empty_result():
    outputs, state = make_layer("gru", 3, 4)(torch.ones(0, 5, 3))
    assert outputs.shape == (0, 5, 4)
    assert state.shape == (0, 4)


class Doubled(GRU):
    """A layer of a user, on top of ours."""

    def forward(self, x, lengths=None, state=None):
        return super().forward(2 * x, lengths, state)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_subclass_with_its_own_forward_is_listened_to(bidirectional):
    x = torch.randn(5, 6, 3)
    lengths = torch.tensor([6, 1, 2, 3, 6])
    results = []
    for make, factor in ((Doubled, 1), (GRU, 2)):
        encoder = Encoder(3, (4, 4), make, bidirectional=bidirectional)
        encoder = initialize(encoder, torch.Generator().manual_seed(0))
        if make is GRU:
            with torch.no_grad():
                for layer in [*encoder.forward_layers, *encoder.backward_layers]:
                    layer.rnn.weight_ih_l0.mul_(factor)
        results.append((encoder(x, lengths), encoder.last(x, lengths)))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("hidden_size", "expected"), [(384, True), (385, False)])
def test_torch_trains_wide_lstms_on_equal_lengths(hidden_size, expected):
    layer = LSTM(2, hidden_size)
    x, lengths = torch.ones(3, 4, 2), torch.tensor([4, 2, 1])
    assert suits_kernels([layer], x, None)  # "numba" always
    with config_context(kernels="auto"):
        assert suits_kernels([layer], x, None) is expected
        assert suits_kernels([layer], x, lengths)
        with torch.no_grad():  # predictions are exact
            assert suits_kernels([layer], x, None)
    with config_context(kernels="torch"):
        assert not suits_kernels([layer], x, lengths)
