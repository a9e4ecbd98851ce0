"""Freshly compiled kernels against torch and NumPy, before they are used or cached.

A compiler that is too new, or a processor that is too odd, may give code that loads
and computes something else. One small case of each family of kernels shows it.
"""

from array import array
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_rnn._kernels import (
    _adam,
    _batches,
    _convolution,
    _crf,
    _linear,
    _losses,
    _network,
    _random_convolutions,
    _rows,
    _steps,
    _vocabulary,
)
from sklearn_rnn._kernels._autograd import LayerRun, Plan
from sklearn_rnn._kernels._constants import LOSSES, WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._threads import get_buffers


def _reset_before_gru_cell(x: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
    w_ih, w_hh, b_ih, b_hh = (weight.chunk(3) for weight in weights)
    r, z = (
        torch.sigmoid(x @ w_ih[k].T + b_ih[k] + h @ w_hh[k].T + b_hh[k]) for k in (0, 1)
    )
    n = torch.tanh(x @ w_ih[2].T + b_ih[2] + (r * h) @ w_hh[2].T + b_hh[2])
    return (1 - z) * n + z * h


_CELLS: dict[str, tuple[Any, int]] = {  # one step by torch, and how many gates it has
    "rnn_tanh": (torch.rnn_tanh_cell, 1),
    "rnn_relu": (torch.rnn_relu_cell, 1),
    "gru": (torch.gru_cell, 3),
    "lstm": (torch.lstm_cell, 4),
    "gru_reset_before": (_reset_before_gru_cell, 3),
}
_LENGTHS = np.array([4, 1, 6, 3])
# of random convolutions: the large weights, and the channels that are read
_PLACES, _CHANNELS = (
    ((0, 1, 2), (3, 4, 8), (2, 6, 7)),
    ((1, 1, 0), (0, 0, 1), (1, 1, 1)),
)
_N_STEPS, _N_FEATURES, _HIDDEN = 6, 3, 19  # more than one vector, and not whole ones


def verify_kernels(group: str) -> None:
    """Raise RuntimeError if a kernel does not compute what torch or NumPy computes.

    Parameters
    ----------
    group : {"network", "steps", "prediction", "crf", "vocabulary"}
    """
    rng = np.random.default_rng(0)
    # whatever the caller has set: no modes of torch reach the reference
    with (
        torch.inference_mode(False),
        torch.autocast("cpu", enabled=False),
        torch.device("cpu"),
    ):
        _VERIFICATIONS[group](rng)


def _verify_network(rng: np.random.Generator) -> None:
    for mode, reverse in product(_CELLS, (False, True)):
        _verify_layer(rng, mode, reverse)
    _verify_batches(rng)
    _verify_convolution(rng)
    _verify_rows(rng)
    _verify_random_convolutions(rng)
    _verify_linear(rng)
    _verify_losses(rng)
    _verify_pooling(rng)
    _verify_adam(rng)
    _verify_calls(rng)


def _verify_crf(rng: np.random.Generator) -> None:
    """Compare with sums over all paths."""
    n_classes, lengths = 3, [4, 2, 3, 1, 4]  # more than a group of four
    batch = len(lengths)
    emissions = _draw(rng, batch, 4, n_classes)
    scores = _crf.Scores(
        *(_draw(rng, *shape) for shape in ((3, 3), (3,), (3,))), None, None, None
    )
    targets = torch.from_numpy(rng.integers(0, n_classes, (batch, 4)))
    steps = torch.tensor(lengths)
    weights = torch.ones(batch, dtype=torch.float64)
    found = _crf.compute_gradients(emissions, targets, steps, scores, weights)
    _, best = _crf.decode(emissions, steps, scores)
    log_z, marginals = _crf.marginals(emissions, steps, scores)
    transitions, start, end = (s.double().numpy() for s in scores[:3])
    for i, n in enumerate(lengths):
        x, path = emissions[i].double().numpy(), targets[i, :n].numpy()
        paths = np.array(list(product(range(n_classes), repeat=n)))
        total = x[np.arange(n), paths].sum(axis=1) + start[paths[:, 0]]
        total += (
            transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1) + end[paths[:, -1]]
        )
        share = np.exp(total - np.log(np.exp(total).sum()))
        one_hot = np.eye(n_classes)[paths]  # (n_paths, n, n_classes)
        expected = np.einsum("p,ptk->tk", share, one_hot)
        right = share[(paths == path).all(axis=1)].item()
        _compare("the CRF", log_z[i], np.log(np.exp(total).sum()))
        _compare("the CRF", found.log_likelihood[i], np.log(right))
        _compare("the CRF", found.d_emissions[i, :n], np.eye(3)[path] - expected)
        _compare("the CRF", marginals[i, :n], expected)
        _compare("the CRF", best[i, :n], paths[total.argmax()])


def _compare(name: str, actual: Any, expected: Any) -> None:
    actual, expected = (np.asarray(a, np.float64) for a in (actual, expected))
    if not np.allclose(actual, expected, rtol=1e-3, atol=1e-4):
        raise RuntimeError(
            f"The compiled kernel of {name} does not compute what torch does on this "
            f"machine: it differs by {np.abs(actual - expected).max():.3g}."
        )


def _draw(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.uniform(-0.5, 0.5, shape).astype(np.float32))


def _verify_layer(rng: np.random.Generator, mode: str, reverse: bool) -> None:
    n_gates = _CELLS[mode][1]
    rows = n_gates * _HIDDEN
    shapes = (rows, _N_FEATURES), (rows, _HIDDEN), (rows,), (rows,)
    weights = [_draw(rng, *shape) for shape in shapes]
    x = _draw(rng, len(_LENGTHS), _N_STEPS, _N_FEATURES)
    d_out = _draw(rng, len(_LENGTHS), _N_STEPS, _HIDDEN)
    plan = Plan(mode, _LENGTHS, (reverse,), False, True, _HIDDEN)
    with torch.no_grad():
        run = LayerRun(plan, x, weights)
        outputs, _ = run.forward()
        gradients = run.backward(d_out, [None], wants_x=True)
    with torch.enable_grad():
        doubles = [t.double().requires_grad_() for t in (x, *weights)]
        expected = _run_by_torch(mode, reverse, *doubles)
        loss = (expected * d_out.double()).sum()
        expected_gradients = torch.autograd.grad(loss, doubles)
    _compare(mode, outputs, expected.detach())
    for actual, wanted in zip(gradients, expected_gradients, strict=True):
        _compare(f"the gradient of {mode}", actual, wanted)


def _run_by_torch(mode: str, reverse: bool, x: Tensor, *weights: Tensor) -> Tensor:
    """Return the outputs of all steps, zeros at padding: row by row, step by step."""
    cell, rows = _CELLS[mode][0], []
    zeros = torch.zeros(1, _HIDDEN, dtype=torch.float64)
    for row, n in enumerate(_LENGTHS):
        state: Any = (zeros, zeros) if mode == "lstm" else zeros
        outputs = [zeros] * _N_STEPS
        for t in range(n)[:: -1 if reverse else 1]:
            state = cell(x[row : row + 1, t], state, *weights)
            outputs[t] = state[0] if mode == "lstm" else state
        rows.append(torch.cat(outputs))
    return torch.stack(rows)


def _verify_prediction(rng: np.random.Generator) -> None:
    """Compare with the kernels of the layers, which are compared with torch's."""
    lengths, hidden, n_out = _LENGTHS, _HIDDEN, 2 * _HIDDEN
    offsets = np.concatenate([[0], lengths.cumsum()])
    values = _draw(rng, int(offsets[-1]), _N_FEATURES).numpy()
    mean, scale = _draw(rng, _N_FEATURES), 1 + _draw(rng, _N_FEATURES)
    convolution = _convolution.Convolution(
        _draw(rng, hidden, _N_FEATURES, 3), _draw(rng, hidden),
        1 + _draw(rng, hidden), _draw(rng, hidden), 2, 1e-5,
    )  # fmt: skip
    wider = _convolution.Convolution(
        _draw(rng, n_out, _N_FEATURES, 5), _draw(rng, n_out), None, None, 2, 0.0
    )
    rows = 3 * hidden
    shapes = (rows, hidden + n_out), (rows, hidden), (rows,), (rows,)
    weights = [[_draw(rng, *shape) for shape in shapes] for _ in range(2)]
    head, bias = _draw(rng, n_out, 4 * hidden), _draw(rng, n_out)
    samples = np.arange(len(lengths))
    x = _batches.gather(values, offsets, samples, _N_STEPS)
    x = _batches.standardize(x, mean, scale)
    parts = [_convolution.forward(c, x, lengths)[:2] for c in (convolution, wider)]
    x, steps = torch.cat([part for part, _ in parts], dim=-1), parts[0][1]
    plan = Plan("gru", steps.numpy(), (False, True), False, False, hidden)
    states, _ = LayerRun(plan, x, [*weights[0], *weights[1]]).forward()[:2]
    pool = _steps.Pool(with_mean=True, with_max=True)
    pooled = pool.forward(states, steps)
    network = _network.PackedNetwork(
        [
            _network.standardize(mean, scale),
            *_network.convolve([convolution, wider]),
            _network.recur("gru", weights, only_last=False),
            _network.pool(2 * hidden, with_mean=True, with_max=True),
            _network.multiply(head, bias),
        ]
    )
    for own, outputs in network.run(values, offsets, samples):
        expected = _rows.multiply(pooled, head, bias)[own]
        _compare("a whole network", outputs, expected)
    _verify_columns(rng)
    _verify_poolings(rng)
    _verify_ngrams(rng)


def _verify_columns(rng: np.random.Generator) -> None:
    """Compare numbers between two columns of tokens with torch."""
    x, tokens = _draw(rng, 5, 2), torch.tensor([[0, 3], [1, 2], [2, 1], [2, 0], [0, 2]])
    mean, scale, tables = _draw(rng, 2), 1 + _draw(rng, 2), _draw(rng, 2, 4, _HIDDEN)
    head, bias = _draw(rng, 3, 2 + 2 * _HIDDEN), _draw(rng, 3)
    columns = [tokens[:, :1], x, tokens[:, 1:]]
    network = _network.PackedNetwork(
        [
            _network.read_columns(
                [2, 1], mean, scale, [(3, tables[0]), (0, tables[1])]
            ),
            _network.flatten(2 + 2 * _HIDDEN),
            _network.multiply(head, bias),
        ]
    )
    values = torch.cat(columns, dim=1).numpy()
    ((_, outputs),) = network.run(values, np.array([0, 5]), np.arange(1))
    vectors = tables[0, tokens[:, 1]], tables[1, tokens[:, 0]]
    inputs = torch.cat([(x.flip(1) - mean) / scale, *vectors], dim=1).double()
    _compare("columns", outputs, inputs @ head.double().T + bias)


def _verify_poolings(rng: np.random.Generator) -> None:
    """Compare attention, and a maximum beside it, with torch in double precision."""
    x, offsets = _draw(rng, 70, _N_FEATURES), np.array([0, 67, 70])
    project, bias = _draw(rng, _HIDDEN, _N_FEATURES), _draw(rng, _HIDDEN)
    score, zeros = _draw(rng, 1, _HIDDEN), _draw(rng, _N_FEATURES) * 0
    head, shift = _draw(rng, 2, 2 * _N_FEATURES), _draw(rng, 2)
    links = _network.pool_beside(
        _network.pool(_N_FEATURES, with_mean=False, with_max=True),
        [_network.attend(project, bias, score)],
    )
    network = _network.PackedNetwork(
        [
            _network.standardize(zeros, zeros + 1),
            *links,
            _network.multiply(head, shift),
        ]
    )
    ((_, outputs),) = network.run(x.numpy(), offsets, np.arange(2))
    for own, steps in zip(outputs, x.double().split([67, 3]), strict=True):
        scores = torch.tanh(steps @ project.double().T + bias) @ score[0].double()
        pooled = torch.cat([torch.softmax(scores, 0) @ steps, steps.amax(0)])
        _compare("two poolings", own, head.double() @ pooled + shift)


def _verify_ngrams(rng: np.random.Generator) -> None:
    """Compare n-grams beside a mean of vectors with sums of rows, one by one."""
    n_tokens, values, offsets = 3, np.array([[1], [3], [3], [0]]), np.array([0, 3, 4])
    begin, end, radix = n_tokens + 2, n_tokens + 3, n_tokens + 4
    digits = [begin, 2, 4, 4, end], [begin, 1, end]
    keys = torch.tensor([0, 4, begin * radix + 2, 4 * radix + 4, begin * radix + 4])
    keys, table, bias = keys.sort().values, _draw(rng, 5, 3).abs(), _draw(rng, 2)
    table[0], share = 0, torch.tensor(0.3, dtype=torch.float32)
    embedding, head = _draw(rng, n_tokens + 1, 2), _draw(rng, 2, 2)
    network = _network.PackedNetwork(
        [
            _network.embed(embedding),
            _network.pool(2, with_mean=True, with_max=False),
            _network.multiply(head, bias),
        ],
        [_network.add_ngrams(n_tokens, 2, keys, table, bias, share)],
    )
    ((_, outputs),) = network.run(values, offsets, np.arange(2))
    for i, own in enumerate(digits):
        known = [*own[1:-1], *(a * radix + b for a, b in pairwise(own))]
        rows = [table[keys == key].double().sum(0) for key in known]
        squares, sums = torch.stack(rows).sum(0).split([1, 2])
        added = bias + sums / squares.clamp(min=1).sqrt()
        tokens = values[offsets[i] : offsets[i + 1], 0]
        alone = embedding[tokens].double().mean(0) @ head.double().T + bias
        _compare("n-grams", outputs[i], 0.3 * alone + 0.7 * added)


def _verify_batches(rng: np.random.Generator) -> None:
    values = _draw(rng, 9, _N_FEATURES).numpy()
    x = _batches.gather(values, np.array([0, 4, 9]), np.array([1, 0]), 5)
    padded = np.vstack([values[:4], np.zeros((1, _N_FEATURES))])
    _compare("batches", x, [values[4:], padded])
    mean, scale = _draw(rng, _N_FEATURES), 1 + _draw(rng, _N_FEATURES)
    _compare(
        "standardisation", _batches.standardize(x, mean, scale), (x - mean) / scale
    )


def _verify_convolution(rng: np.random.Generator) -> None:
    kernel_size, stride = 4, 2
    x = _draw(rng, len(_LENGTHS), _N_STEPS, _N_FEATURES)
    weight = _draw(rng, _HIDDEN, _N_FEATURES, kernel_size)
    bias, scale, shift = (
        _draw(rng, _HIDDEN),
        1 + _draw(rng, _HIDDEN),
        _draw(rng, _HIDDEN),
    )
    tensors = weight, bias, scale, shift
    convolution = _convolution.Convolution(*tensors, stride, 1e-5)
    out, _, kept = _convolution.forward(convolution, x, _LENGTHS, get_buffers(True))
    d_out = _draw(rng, *out.shape)
    d_x, gradients = _convolution.backward(kept, d_out, _N_STEPS, wants_x=True)
    with torch.enable_grad():
        doubles = [t.double().requires_grad_() for t in (x, *tensors)]
        expected = torch.zeros(out.shape, dtype=torch.float64)
        for row, n in enumerate(_LENGTHS):
            padded = torch.zeros(n + kernel_size - 1, _N_FEATURES, dtype=torch.float64)
            padded[1 : n + 1] = doubles[0][row, :n]
            windows = padded.unfold(0, kernel_size, stride)
            sums = torch.einsum("tck,nck->tn", windows, doubles[1]) + doubles[2]
            norm = torch.layer_norm(sums, (_HIDDEN,), *doubles[3:], 1e-5)
            expected[row, : len(norm)] = torch.relu(norm)
        loss = (expected * d_out.double()).sum()
        wanted = torch.autograd.grad(loss, doubles)
    _compare("a stem", out, expected.detach())
    for own, other in zip((d_x, *gradients), wanted, strict=True):
        _compare("the gradient of a stem", own, other)


def _verify_rows(rng: np.random.Generator) -> None:
    x = _draw(rng, 4, _N_STEPS, _N_FEATURES)
    weight, bias = _draw(rng, _HIDDEN, _N_FEATURES, 2), _draw(rng, _HIDDEN)
    windows = x.double().unfold(1, 2, 2)  # (batch, new_time, channels, 2)
    expected = torch.einsum("btck,nck->btn", windows, weight.double()) + bias
    _compare("a convolution", _rows.convolve(x, weight, bias, 2), expected)
    for n_out in (3, _HIDDEN):
        head, own_bias = weight[:n_out, :, 0], bias[:n_out]
        expected = x.double() @ head.double().T + own_bias
        _compare("a product", _rows.multiply(x, head, own_bias), expected)


def _verify_random_convolutions(rng: np.random.Generator) -> None:
    patterns = [[2 if k in places else -1 for k in range(9)] for places in _PLACES]
    weight = torch.tensor(patterns).unsqueeze(1) * torch.tensor(_CHANNELS)[..., None]
    thresholds, dilation = _draw(rng, len(weight), 2), torch.tensor([1, 1, 2])
    packed = _random_convolutions.pack_kernels(weight.float() / 4, thresholds, dilation)
    assert packed is not None
    x, means = _draw(rng, len(_LENGTHS), _N_STEPS, _N_FEATURES), []
    for row, n in zip(x.double(), _LENGTHS, strict=True):
        padded = torch.zeros(n + 16, _N_FEATURES, dtype=torch.float64)
        padded[8 : n + 8] = row[:n]
        sums = [
            sum(w[:, k] @ padded[8 + d * (k - 4) :][:n].T for k in range(9))
            for w, d in zip(weight.double() / 4, dilation.tolist(), strict=True)
        ]
        above = torch.stack(sums).T[..., None] - thresholds
        means.append(above.relu().mean(0).flatten())
    found = _random_convolutions.convolve_randomly(
        packed, x, torch.from_numpy(_LENGTHS)
    )
    _compare("random convolutions", found, torch.stack(means))


def _verify_linear(rng: np.random.Generator) -> None:
    x, weight, d_out = _draw(rng, 70, 19), _draw(rng, 5, 19), _draw(rng, 70, 5)
    names = "of a linear layer's input", "of its weight", "of its bias"
    x64, weight64, d64 = x.double(), weight.double(), d_out.double()
    expected = d64 @ weight64, d64.T @ x64, d64.sum(0)
    actual = _linear.backward(x, weight, d_out)
    for name, own, wanted in zip(names, actual, expected, strict=True):
        _compare(f"the gradient {name}", own, wanted)


def _verify_losses(rng: np.random.Generator) -> None:
    output, weight = _draw(rng, 4, 2), 1 + _draw(rng, 4)
    for name in LOSSES:
        target = _draw(rng, 4, 1 if name == "gaussian" else 2)
        if name == "cross_entropy":
            target = torch.tensor([1, 0, 0, 1])
        loss, d_output = _losses.compute_loss(name, output, target, weight, 0.3)
        with torch.enable_grad():
            x = output.double().requires_grad_()
            mean = (_run_loss(name, x, target) * weight).mean()
            (expected,) = torch.autograd.grad(mean, x)
        _compare(f"the loss {name}", loss, mean.detach())
        _compare(f"the gradient of the loss {name}", d_output, expected)


def _run_loss(name: str, x: Tensor, target: Tensor) -> Tensor:
    if name == "cross_entropy":
        return -torch.log_softmax(x, 1)[torch.arange(4), target]
    target = target.double()
    error = x - target
    by_target: dict[str, Any] = {
        "binary_cross_entropy": lambda: torch.log1p(x.exp()) - target * x,
        "squared_error": error.square,
        "absolute_error": error.abs,
        "huber": lambda: torch.where(error.abs() < 1, error**2 / 2, error.abs() - 0.5),
        "quantile": lambda: torch.maximum(-0.3 * error, 0.7 * error),
        "poisson": lambda: x.exp() - target * x,
        "gaussian": lambda: x[:, 1:] + (error[:, :1] / x[:, 1:].exp()) ** 2 / 2,
    }
    return by_target[name]().mean(1)


def _verify_pooling(rng: np.random.Generator) -> None:
    lengths = torch.from_numpy(_LENGTHS)
    x, d_out = _draw(rng, 4, _N_STEPS, _HIDDEN), _draw(rng, 4, 2 * _HIDDEN)
    with torch.enable_grad():
        x64 = x.double().requires_grad_()
        rows = [row[:n] for row, n in zip(x64, _LENGTHS, strict=True)]
        pooled = torch.stack([torch.cat([r.mean(0), r.amax(0)]) for r in rows])
        (expected,) = torch.autograd.grad((pooled * d_out).sum(), x64)
    pooled = pooled.detach()
    pool = _steps.Pool(with_mean=True, with_max=True)
    _compare("a pooling", pool.forward(x, lengths), pooled)
    _compare("a mean", _rows.mean_over_time(x, lengths), pooled[:, :_HIDDEN])
    d_x = pool.backward(d_out)
    for own, wanted, n in zip(d_x, expected, _LENGTHS, strict=True):
        _compare("the gradient of a pooling", own[:n], wanted[:n])


def _verify_steps(rng: np.random.Generator) -> None:
    lengths = torch.from_numpy(_LENGTHS)
    x, scores = _draw(rng, 4, _N_STEPS, _HIDDEN), _draw(rng, 4, _N_STEPS)
    rows = [row[:n] for row, n in zip(x, _LENGTHS, strict=True)]
    flat, again = _steps.flatten(x, lengths), torch.zeros_like(x)
    for own, row in zip(again, rows, strict=True):
        own[: len(row)] = row
    _compare("steps end to end", flat, torch.cat(rows))
    _compare("steps in rows", _steps.unflatten(flat, lengths, _N_STEPS), again)
    shares = [own[:n].double() for own, n in zip(scores, _LENGTHS, strict=True)]
    attended = [
        torch.softmax(own, 0) @ row.double()
        for own, row in zip(shares, rows, strict=True)
    ]
    _compare("attention", _rows.attend(x, scores, lengths), torch.stack(attended))
    table, numbers = torch.zeros(3, _HIDDEN, dtype=torch.float32), torch.arange(14) % 3
    _steps.add_to_rows(numbers, flat, table)
    sums = torch.stack([flat[numbers == k].double().sum(0) for k in range(3)])
    _compare("a sum of rows", table, sums)
    _verify_attention(rng, flat, lengths)
    _verify_words(rng)


def _verify_words(rng: np.random.Generator) -> None:
    """Compare a layer on rows of a table with the same layer on their vectors."""
    rows = 3 * _HIDDEN
    shapes = (rows, _N_FEATURES), (rows, _HIDDEN), (rows,), (rows,)
    weights = [_draw(rng, *shape) for shape in shapes]
    table, d_out = _draw(rng, 5, _N_FEATURES), _draw(rng, 4, _N_STEPS, _HIDDEN)
    tokens = torch.from_numpy(rng.integers(0, len(table), (4, _N_STEPS)))
    plan, results = Plan("gru", _LENGTHS, (False,), False, True, _HIDDEN), []
    for x, words in ((table[tokens], None), (table, tokens)):
        run = LayerRun(plan, x, weights, tokens=words)
        outputs, _ = run.forward()
        results.append([outputs, *run.backward(d_out, [None], wants_x=True)])
    (outputs, d_x, *expected), (found, d_table, *actual) = results
    total = torch.zeros_like(table)
    for row, words, n in zip(d_x, tokens, _LENGTHS, strict=True):
        total.index_add_(0, words[:n], row[:n])
    _compare("words", found, outputs)
    _compare("the gradient of words", d_table, total)
    for own, wanted in zip(actual, expected, strict=True):
        _compare("the gradient of a layer of words", own, wanted)


def _verify_attention(rng: np.random.Generator, flat: Tensor, lengths: Tensor) -> None:
    inside, score = _draw(rng, *flat.shape), _draw(rng, 1, _HIDDEN)
    d_out = _draw(rng, len(lengths), _HIDDEN)
    with torch.enable_grad():
        given = [t.double().requires_grad_() for t in (flat, inside, score)]
        scores = given[1].tanh() @ given[2][0]
        parts = zip(
            *(t.split(lengths.tolist()) for t in (given[0], scores)), strict=True
        )
        pooled = torch.stack([own.softmax(0) @ row for row, own in parts])
        expected = torch.autograd.grad((pooled * d_out).sum(), given)
    attend = _steps.Attend()
    hidden = inside.tanh()
    actual = attend.forward(flat, hidden, hidden @ score.T, lengths)
    _compare("attention", actual, pooled.detach())
    for own, wanted in zip(attend.backward(score, d_out), expected, strict=True):
        _compare("the gradient of attention", own, wanted)


def _verify_adam(rng: np.random.Generator) -> None:
    weight, gradient = _draw(rng, 5, 7), _draw(rng, 5, 7)
    norm = gradient.norm()
    expected = gradient / norm
    of_weight, of_gradient = map(_adam.find_numbers, ([weight], [gradient]))
    if of_weight is None or of_gradient is None:
        raise RuntimeError("The tensors of a test cannot be read.")
    _compare("a norm", _adam.clip(of_gradient, 1.0), norm)
    _compare("clipping", gradient, expected)
    first, second = torch.zeros(5, 7), torch.zeros(5, 7)
    steps = torch.zeros((), dtype=torch.float32)
    # the first step of Adam: against the sign of the gradient
    wanted = weight - 0.1 * gradient / (gradient.abs() + 1e-8)
    _adam.update(
        of_weight, of_gradient,
        _adam.Moments([first.float()], [second.float()], [steps]),
        rate=0.1, betas=(0.9, 0.999), eps=1e-8, decay=0.0, decoupled=False,
    )  # fmt: skip
    _compare("Adam", weight, wanted)


def _verify_calls(rng: np.random.Generator) -> None:
    """Make two calls that lie in memory."""
    library, one = get_library(), torch.ones(2, dtype=torch.float32)
    x, mean = _draw(rng, 2, 6, 2), _draw(rng, 2)
    result, memory = torch.zeros_like(x), torch.empty(4 * WIDTH, dtype=torch.float32)
    program = array("q", [2])
    for k in range(2):
        tensors = x[k], mean, one, memory, result[k]
        numbers = 12, 2, *(tensor.data_ptr() for tensor in tensors)
        program.extend((library.find_address("standardize"), len(numbers), *numbers))
    library.repeat(1, 0, 0, program.buffer_info()[0], 0)
    _compare("calls in memory", result, x - mean)


def _verify_vocabulary(rng: np.random.Generator) -> None:
    n_words, words = 19, torch.tensor([3, -1, 18])
    x, weights = 9 * _draw(rng, 3, n_words), 1 + _draw(rng, 3)
    wide = torch.zeros(3, 32, dtype=torch.float32)
    wide[:, :n_words] = x
    bias = _draw(rng, 32)
    bias[n_words:] = bias[0]
    losses, d_bias = torch.zeros_like(weights), torch.zeros_like(bias)
    with torch.enable_grad():
        logits = (x.double() + bias[:n_words]).requires_grad_()
        expected = nn.functional.cross_entropy(
            logits, words, ignore_index=-1, label_smoothing=0.1, reduction="none"
        )
        (wanted,) = torch.autograd.grad((expected * weights).sum(), logits)
    _vocabulary.soften(wide, n_words, bias, words, weights, 0.1, losses, d_bias)
    _compare("a vocabulary", losses, expected.detach())
    _compare("the gradient of a vocabulary", wide[:, :n_words], wanted)
    _compare("the gradient of a bias", d_bias[:n_words], wanted.sum(0))
    log_p, words = _vocabulary.find_most_probable(x.clone(), 4, 7)
    wanted = torch.log_softmax(x.double(), dim=1)
    wanted[:, 7] = -torch.inf
    _compare("the most probable words", log_p, wanted.topk(4, dim=1).values)
    _compare("the best words", wanted.gather(1, words), log_p)
    keys, memory, queries = (_draw(rng, 2, n, 5) for n in (3, 3, 4))
    found = _rows.attend_to_memory(queries, keys, memory, None)
    weights = torch.softmax(queries.double() @ keys.double().transpose(1, 2), dim=2)
    _compare("attention", found, weights @ memory.double())


_VERIFICATIONS = {
    "network": _verify_network,
    "steps": _verify_steps,
    "prediction": _verify_prediction,
    "crf": _verify_crf,
    "vocabulary": _verify_vocabulary,
}
