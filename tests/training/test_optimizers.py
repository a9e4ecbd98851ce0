"""Optimizers: each one learns, and a step is torch's step."""

import copy

import pytest
import torch
from sklearn.base import clone
from training_tools import make_classifier


@pytest.mark.parametrize("schedule", [None, "onecycle", "cosine", "plateau"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimizer_and_schedule_learns(ragged, optimizer, schedule):
    X, y = ragged
    classifier = make_classifier(
        optimizer=optimizer,
        learning_rate=0.1 if optimizer == "sgd" else 0.01,
        learning_rate_schedule=schedule,
        max_epochs=40,
    ).fit(X, y)
    assert classifier.score(X, y) > 0.8
    assert classifier.loss_curve_[-1] < 0.6 * classifier.loss_curve_[0]


def test_fit_agrees_with_a_hand_written_loop(rng):
    """One optimizer step after another, in plain torch, from the same weights."""
    X = rng.normal(size=(16, 6, 2)).astype("f4")
    y = rng.integers(0, 3, 16)
    params = {"learning_rate_schedule": None, "max_grad_norm": 0.1, "pooling": "last"}
    params |= {"weight_decay": 0.1, "n_iter_no_change": 100}
    classifier = make_classifier(**params, max_epochs=1, batch_size=16)
    untrained = clone(classifier).set_params(learning_rate=1e-30).fit(X, y)
    module = copy.deepcopy(untrained.module_).train()
    decayed = [p for n, p in module.named_parameters() if "bias" not in n]
    spared = [p for n, p in module.named_parameters() if "bias" in n]
    adam = torch.optim.Adam(
        [{"params": decayed, "weight_decay": 0.1}, {"params": spared}], lr=0.01
    )
    for _ in range(4):
        adam.zero_grad()
        output = module(torch.from_numpy(X))
        loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(y))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 0.1)
        adam.step()
    fitted = classifier.set_params(max_epochs=4).fit(X, y)
    for a, b in zip(fitted.module_.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert fitted.loss_curve_[-1] == pytest.approx(loss.item(), rel=1e-4)


def test_optimizer_accepts_a_class(ragged):
    by_class = make_classifier(optimizer=torch.optim.Adamax).fit(*ragged)
    assert isinstance(by_class.net_.optimizer_, torch.optim.Adamax)
    assert by_class.net_.optimizer_.param_groups[0]["lr"] < 0.01


def test_adamw_decays_only_if_asked(ragged):
    """torch's own default is 0.01."""
    X, y = ragged
    adam, adamw, decayed = (
        make_classifier(optimizer=name, weight_decay=decay).fit(X, y)
        for name, decay in (("adam", 0.0), ("adamw", 0.0), ("adamw", 0.5))
    )
    assert adamw.loss_curve_ == adam.loss_curve_
    assert decayed.loss_curve_ != adam.loss_curve_
