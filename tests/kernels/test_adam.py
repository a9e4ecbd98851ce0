"""Clipping and Adam's step against torch's own."""

import copy
import math
import pickle

import pytest
import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import config_context
from sklearn_rnn._kernels import _adam
from sklearn_rnn._training._optimizers import Adam, AdamW, GradientClipper

SHAPES = [(3, 5), (7,), (), (40, 33)]


def make_weights(shapes=SHAPES):
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]


def draw_gradients(weights, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        values = torch.randn(weight.shape, generator=generator)
        weight.grad = 3 * values.to(weight.dtype)


def train(optimizer, weights, seeds):
    for seed in seeds:
        draw_gradients(weights, seed)
        optimizer.step()
    return weights


def assert_all_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.fixture
def count_updates(monkeypatch):
    """A list that grows with each call of the kernel."""
    calls, update = [], _adam.update
    monkeypatch.setattr(
        _adam, "update", lambda *a, **k: (calls.append(1), update(*a, **k))
    )
    return calls


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)]
)
def test_steps_are_those_of_torch(ours, theirs, weight_decay, count_updates):
    results = []
    for optimizer_class in (ours, theirs):
        weights = make_weights()
        groups = [
            {"params": weights[:2], "lr": 0.03},
            {"params": weights[2:], "weight_decay": weight_decay},
        ]
        optimizer = optimizer_class(groups, lr=0.01, betas=(0.8, 0.99))
        results.append(train(optimizer, weights, range(100)))
    assert_all_close(*results)
    assert len(count_updates) == 2 * 99  # the first step is torch's: it makes the state


def test_training_goes_on_with_the_kernel_or_torch(count_updates):
    weights, same = make_weights(), make_weights()
    optimizer = Adam(weights)
    train(optimizer, weights, range(5))
    with config_context(kernels="torch"):
        train(optimizer, weights, range(5, 10))
    assert len(count_updates) == 4
    train(optimizer, weights, range(10, 15))
    train(torch.optim.Adam(same), same, range(15))
    assert_all_close(weights, same)


@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_go_on_by_themselves(way):
    weights = make_weights()
    optimizer = Adam(weights)
    train(optimizer, weights, range(5))
    optimizer_2, weights_2 = way((optimizer, weights))
    train(optimizer, weights, range(5, 10))
    before = [w.detach().clone() for w in weights]
    train(optimizer_2, weights_2, range(5, 10))
    assert_all_close(weights_2, weights)
    assert_all_close(weights, before)


def test_a_loaded_state_counts(count_updates):
    weights, other = make_weights(), make_weights()
    optimizer, other_optimizer = Adam(weights), Adam(other)
    train(optimizer, weights, range(5))
    train(other_optimizer, other, range(50, 53))
    optimizer.load_state_dict(copy.deepcopy(other_optimizer.state_dict()))
    with torch.no_grad():
        for weight, value in zip(weights, other, strict=True):
            weight.copy_(value)
    train(optimizer, weights, range(3))
    train(other_optimizer, other, range(3))
    assert_all_close(weights, other)


def test_a_weight_without_gradient_stays(count_updates):
    weights, same = make_weights(), make_weights()
    optimizer, torchs = Adam(weights), torch.optim.Adam(same)
    train(optimizer, weights, range(3))
    train(torchs, same, range(3))
    for group in (weights, same):
        draw_gradients(group, 3)
        group[1].grad = None
    optimizer.step()
    torchs.step()
    assert_all_close(weights, same)
    assert len(count_updates) == 2


@pytest.mark.parametrize(
    "register",
    [
        Adam.register_step_pre_hook,
        Adam.register_step_post_hook,
        lambda _, hook: register_optimizer_step_pre_hook(hook),
        lambda _, hook: register_optimizer_step_post_hook(hook),
    ],
    ids=["before", "after", "before all", "after all"],
)
def test_hooks_of_users_are_called_while_they_are_registered(register, count_updates):
    weights = make_weights()
    optimizer, seen = Adam(weights), []
    train(optimizer, weights, range(3))
    handle = register(optimizer, lambda *args: seen.append(args[0]))
    train(optimizer, weights, range(2))
    handle.remove()
    train(optimizer, weights, range(2))
    assert seen == [optimizer] * 2
    assert len(count_updates) == 6


@pytest.mark.parametrize(
    "odd",
    [
        torch.nn.Parameter(torch.ones(3, 4).T),
        torch.nn.Parameter(torch.ones(3, dtype=torch.float64)),
    ],
    ids=["transposed", "double"],
)
def test_other_memory_is_left_to_torch(odd, count_updates):
    optimizer = Adam([odd])
    train(optimizer, [odd], range(3))
    assert not count_updates
    assert math.isfinite(GradientClipper().clip([odd], 0.1))


@pytest.mark.parametrize("limit", [None, 0.5, 1e9])
def test_clipping_is_that_of_torch(limit):
    weights, same = make_weights(), make_weights()
    draw_gradients(weights, 0)
    draw_gradients(same, 0)
    norm = GradientClipper().clip(weights, limit)
    expected = torch.nn.utils.clip_grad_norm_(same, limit or math.inf)
    assert norm == pytest.approx(float(expected), rel=1e-6)
    assert_all_close([w.grad for w in weights], [w.grad for w in same])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_shows(value):
    weights = make_weights()
    draw_gradients(weights, 0)
    weights[0].grad[1, 2] = value
    assert not math.isfinite(GradientClipper().clip(weights, 1.0))


def test_numbers_are_known_while_tensors_and_memory_are_the_same():
    weights = make_weights()
    numbers = _adam.find_numbers(weights)
    assert _adam.find_numbers(list(weights), numbers) is numbers
    weights[0].data = weights[0].data.clone()
    moved = _adam.find_numbers(weights, numbers)
    assert moved.addresses[0] == weights[0].data_ptr() != numbers.addresses[0]
    fewer = _adam.find_numbers(weights[:-1], moved)
    assert list(fewer.sizes) == list(moved.sizes)[:-1]
    others = make_weights()
    assert _adam.find_numbers(others, moved).addresses[0] == others[0].data_ptr()
    assert _adam.find_numbers([None, *weights[1:]], moved) is None


def test_numbers_are_looked_up_again_if_a_tensor_is_seen_in_another_way():
    weights = make_weights()
    numbers = _adam.find_numbers(weights)
    whole = weights[0].data
    weights[0].data = whole[:2]
    assert _adam.find_numbers(weights, numbers).sizes[0] == whole[:2].numel()
    weights[0].data = whole.T
    assert _adam.find_numbers(weights, numbers) is None
    integers = [whole.view(torch.int32), *weights[1:]]  # in the same memory
    assert _adam.find_numbers(integers, numbers) is None


def test_a_group_of_weights_that_comes_later_is_trained():
    first, second = make_weights(), make_weights()
    optimizer = Adam(first)
    train(optimizer, first, range(3))
    optimizer.add_param_group({"params": second})
    before = [w.detach().clone() for w in second]
    train(optimizer, [*first, *second], range(3))
    assert all((w != b).any() for w, b in zip(second, before, strict=True))
