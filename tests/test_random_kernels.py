"""`random_kernels`: a ridge regression whose output joins that of the network."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from training_tools import make_classifier

from sklearn_rnn import RNNClassifier, _random_kernels
from sklearn_rnn._defaults import is_enough_for_trial, suggest_random_kernels
from sklearn_rnn._sequence_base import _SHARES
from sklearn_rnn._training_data import TrainingData
from sklearn_rnn.inspection import step_attributions

SMALL = {"conv_channels": 3, "random_kernels": 40, "max_epochs": 2}


@pytest.fixture(scope="module")
def shapes():
    """Sequences with a bump, up or down, anywhere; label by its direction."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = [rng.normal(scale=0.3, size=(n, 1)) for n in rng.integers(20, 40, 60)]
    for x, label in zip(X, y, strict=True):
        start = rng.integers(len(x) - 8)
        x[start : start + 8, 0] += np.hanning(8) * (3 if label else -3)
    return X, y


@pytest.fixture(scope="module")
def fitted(shapes):
    return make_classifier(**SMALL).fit(*shapes)


def outputs_of_branch(classifier, X):
    module = classifier.module_
    with torch.no_grad():
        return [
            module.random_branch(
                module.inputs(torch.as_tensor(x, dtype=torch.float32)[None])
            )[0].numpy()
            for x in X
        ]


@pytest.mark.parametrize("share", [None, 0.0, 0.85, 1.0])
def test_the_network_has_its_share_of_the_mean_with_the_branch(share, fitted, shapes):
    X, _ = shapes
    fitted = copy.deepcopy(fitted)
    module = fitted.module_
    if share is None:
        share = fitted.network_share_
        assert share == pytest.approx(1 / 3)
    else:
        fitted.predict(X)  # packs the weights
        module.random_branch.set_network_share(share)
    beside = outputs_of_branch(fitted, X)
    head = module.head
    own = fitted.encode(X) @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    logits = share * own + (1 - share) * np.stack(beside)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-4)


def test_a_network_that_learns_nothing_predicts_as_the_regression_does(shapes):
    X, y = shapes
    lazy = make_classifier(**SMALL, learning_rate=1e-12).fit(X[:40], y[:40])
    beside = np.argmax(outputs_of_branch(lazy, X[40:]), axis=1)
    np.testing.assert_array_equal(beside, y[40:])
    with torch.no_grad():
        lazy.module_.head.weight.zero_()
    np.testing.assert_array_equal(lazy.predict(X[40:]), beside)


def test_the_network_is_trained_as_without_the_branch(shapes, fitted):
    X, y = shapes
    alone = make_classifier(**{**SMALL, "random_kernels": None}, dropout=0.5)
    alone.fit(X, y)
    assert fitted.dropout_ == 0.5
    for name, weight in alone.module_.state_dict().items():
        assert torch.equal(weight, fitted.module_.state_dict()[name]), name
    assert alone.loss_curve_ == fitted.loss_curve_


def test_a_branch_without_use_is_left_out():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 12, 1)), np.arange(50) % 2
    branch = make_classifier(**SMALL).fit(X, y).module_.random_branch
    assert branch.weight.abs().max() < 1e-2


def test_the_regression_sees_the_level_of_a_sequence():
    rng = np.random.default_rng(3)
    y = np.arange(60) % 2
    X = [rng.normal(scale=0.1, size=(n, 1)) for n in rng.integers(20, 40, 60)]
    X = [x + label for x, label in zip(X, y, strict=True)]
    classifier = make_classifier(**SMALL).fit(X[:40], y[:40])
    found = np.argmax(outputs_of_branch(classifier, X[40:]), axis=1)
    np.testing.assert_array_equal(found, y[40:])


def test_the_rounding_of_a_level_is_not_read():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(40, 30, 1)), np.arange(40) % 2
    X = ((X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)).astype("f4")
    branch = make_classifier(**SMALL).fit(X, y).module_.random_branch
    mean, last = (branch.last_steps.scale * 2 / 2**0.5).tolist()
    assert mean == pytest.approx(1.0)
    assert last == pytest.approx(X[:, -1].std(), rel=0.01)
    outputs = branch.last_steps(torch.from_numpy(X))
    assert outputs[:, 0].abs().max() < 1e-5


def test_the_last_step_has_the_weight_that_suits_samples_left_out(shapes, monkeypatch):
    errors, fit_logits = [], _random_kernels._fit_logits

    def record(*args):
        found = fit_logits(*args)
        errors.append(found.error)
        return found

    monkeypatch.setattr(_random_kernels, "_fit_logits", record)
    chosen = make_classifier(**SMALL).fit(*shapes).module_.random_branch
    for k, weight in enumerate(_random_kernels._WEIGHTS_OF_LAST):
        monkeypatch.setattr(_random_kernels, "_WEIGHTS_OF_LAST", (weight,))
        branch = make_classifier(**SMALL).fit(*shapes).module_.random_branch
        is_best = errors[k] == min(errors[:2])
        assert torch.equal(branch.weight, chosen.weight) == is_best
    assert errors[0] != errors[1]


def test_the_branch_is_the_regression_that_was_fitted(shapes, monkeypatch):
    """Weights and bounds are those of its features, of which one is far away."""
    fits, fit_logits = [], _random_kernels._fit_logits

    def record(features, *args):
        found = fit_logits(features, *args)
        fits.append((found.error, features @ found.coef.T.float() + found.bias))
        return found

    monkeypatch.setattr(_random_kernels, "_fit_logits", record)
    X = [x.copy() for x in shapes[0]]
    X[7][-1] = 100
    classifier = make_classifier(**SMALL).fit(X, shapes[1])
    _, expected = min(fits, key=lambda fit: fit[0])
    found = np.sort(
        outputs_of_branch(classifier, X), axis=0
    )  # samples are in any order
    np.testing.assert_allclose(found, np.sort(expected, axis=0), atol=1e-4)


def test_one_wrong_value_moves_the_regression_no_further_than_its_bound(fitted, shapes):
    branch = copy.deepcopy(fitted.module_.random_branch)
    assert branch.last_steps.bound == pytest.approx(4 * 2**0.5)  # 4 deviations
    right = torch.as_tensor(shapes[0][0], dtype=torch.float32)[None]
    wrong = right.clone()
    wrong[0, -1] = 1e6
    both = branch.last_steps(right), branch.last_steps(wrong)
    assert both[0].abs().max() < branch.last_steps.bound
    assert both[1].abs().max() == branch.last_steps.bound


def test_predictions_are_batch_and_padding_invariant(fitted, shapes):
    X, _ = shapes
    together = fitted.predict_proba(X)
    np.testing.assert_array_equal(
        together, np.concatenate([fitted.predict_proba([x]) for x in X])
    )
    np.testing.assert_array_equal(together[::-1], fitted.predict_proba(X[::-1]))


def test_weight_2_equals_two_copies(shapes):
    X, y = shapes[0][:20], shapes[1][:20]
    weight = np.where(np.arange(20) < 5, 2.0, 1.0)
    weighted = make_classifier(**SMALL).fit(X, y, sample_weight=weight)
    copied = make_classifier(**SMALL).fit([*X, *X[:5]], [*y, *y[:5]])
    np.testing.assert_allclose(
        weighted.predict_proba(X), copied.predict_proba(X), atol=1e-5
    )


def test_a_warm_start_keeps_the_regression(fitted, shapes):
    X, y = shapes
    again = make_classifier(**SMALL, warm_start=True).fit(X, y).fit(X[:9], y[:9])
    before, after = fitted.module_.random_branch, again.module_.random_branch
    assert torch.equal(before.weight, after.weight)
    assert torch.equal(before.bias, after.bias)


@pytest.fixture
def enough(monkeypatch):
    """Few samples are enough for a trial of the network."""
    monkeypatch.setattr("sklearn_rnn._defaults._SOME_SAMPLES", 50)


def test_the_share_of_the_network_suits_samples_held_out(enough, shapes):
    X, y = shapes
    options = {**SMALL, "dropout": 0.0, "validation_fraction": 0.4}
    tried = make_classifier(**options, early_stopping="auto").fit(X, y)
    # of each class, the middle of each third: 4 of 10 that follow each other
    held = np.flatnonzero(np.isin(np.arange(60) // 2 % 10, [3, 4, 5, 6]))
    rest = np.setdiff1d(np.arange(60), held)
    part = make_classifier(**options).fit([X[i] for i in rest], y[rest])
    for name in ("weight", "bias"):  # the network had no other samples
        np.testing.assert_array_equal(
            getattr(tried.module_.head, name).detach(),
            getattr(part.module_.head, name).detach(),
        )
    losses = []
    for share in _SHARES:
        part.module_.random_branch.set_network_share(share)
        probabilities = part.predict_proba([X[i] for i in held])
        losses.append(log_loss(y[held], probabilities))
    best = _SHARES[int(np.argmin(losses))]
    assert tried.network_share_ == pytest.approx(best)
    assert best != pytest.approx(1 / 3)


def test_the_regression_has_all_samples_after_the_trial(enough, shapes):
    X, y = shapes
    options = {**SMALL, "early_stopping": "auto", "validation_fraction": 0.4}
    tried = make_classifier(**options).fit(X, y)
    # the standardisation is the one of the samples that the network had
    whole, module = copy.copy(tried), copy.deepcopy(tried.module_)
    module.random_branch = tried._make_random_branch(module.inputs, 2)
    data = whole._encode(whole._check_data(X, y, None, None, continues=True))
    whole._fit_random_branch(module, data, tried._make_kernel_generator())
    for name in ("weight", "bias"):
        np.testing.assert_array_equal(
            getattr(module.random_branch, name),
            getattr(tried.module_.random_branch, name),
        )


def test_groups_are_not_on_both_sides_of_the_trial(enough, shapes, monkeypatch):
    X, y = shapes
    groups, seen = np.arange(60) // 6, []
    split = TrainingData.split

    def spy(data, splitter):
        seen.extend(split(data, splitter))
        return tuple(seen)

    monkeypatch.setattr(TrainingData, "split", spy)
    make_classifier(**SMALL, early_stopping="auto").fit(X, y, groups=groups)
    train, tried = ({_find_group(x, X, groups) for x in part.X} for part in seen)
    assert len(tried) == 1
    assert train == set(groups) - tried


def _find_group(x, X, groups):
    (i,) = [i for i, own in enumerate(X) if np.array_equal(own.astype("f4"), x)]
    return groups[i]


@pytest.mark.parametrize(("early_stopping", "n"), [(False, 60), ("auto", 49)])
def test_without_a_trial_the_network_has_a_third(early_stopping, n, enough, shapes):
    X, y = shapes
    rnn = make_classifier(**SMALL, early_stopping=early_stopping).fit(X[:n], y[:n])
    assert rnn.network_share_ == pytest.approx(1 / 3)
    assert make_classifier(random_kernels=None).fit(X, y).network_share_ == 1


def test_a_warm_start_keeps_the_share(enough, shapes):
    X, y = shapes
    rnn = make_classifier(**SMALL, early_stopping="auto", warm_start=True).fit(X, y)
    share = rnn.network_share_
    assert rnn.fit(X, y).network_share_ == share


def test_a_thousand_samples_are_enough_for_a_trial():
    assert is_enough_for_trial(1000, 10_000)
    assert not is_enough_for_trial(999, 10_000)
    assert not is_enough_for_trial(1000, 1_000_000_000)


def test_copies_do_not_tell_the_class_of_a_sample():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(50, 12, 1)), np.arange(50) % 2
    copies = make_classifier(**SMALL).fit(np.repeat(X, 2, 0), np.repeat(y, 2))
    assert copies.module_.random_branch.weight.abs().max() < 1e-2


def test_several_labels_at_once(shapes):
    X, y = shapes
    labels = np.column_stack([y, 1 - y, np.ones_like(y)])
    classifier = make_classifier(**SMALL).fit(X, labels)
    assert classifier.module_.random_branch.bias.shape == (3,)
    np.testing.assert_array_equal(classifier.predict(X)[:, 0], y)


def test_auto_is_for_numbers_behind_convolutions(shapes):
    X, y = shapes
    options = {"max_epochs": 1, "random_kernels": "auto"}
    assert make_classifier(**options, conv_channels=3).fit(X, y).random_kernels_ == 1000
    plain = make_classifier(**options, conv_channels=None).fit(X, y)
    assert plain.random_kernels_ is None
    assert plain.module_.random_branch is None
    assert suggest_random_kernels(10_000) == 1000
    assert suggest_random_kernels(10_001) is None


def test_tokens_have_no_random_kernels():
    ids, y = [np.arange(1, 4)] * 8, np.arange(8) % 2
    tokens = make_classifier(embedding_dim=3, conv_channels=2, max_epochs=1)
    assert clone(tokens).fit(ids, y).random_kernels_ is None
    with pytest.raises(ValueError, match="'random_kernels' parameter of RNNClassifier"):
        tokens.set_params(random_kernels=5).fit(ids, y)


def test_partial_fit_goes_on_from_fit_but_starts_without(fitted, shapes):
    X, y = shapes
    stream = make_classifier(**{**SMALL, "random_kernels": "auto"})
    stream.partial_fit(X, y, classes=[0, 1])
    assert stream.random_kernels_ is None
    with pytest.raises(ValueError, match="partial_fit does not support random_kernels"):
        make_classifier(**SMALL).partial_fit(X, y, classes=[0, 1])
    before = outputs_of_branch(fitted, X)
    more = make_classifier(**SMALL).fit(X, y).partial_fit(X[:5], y[:5])
    assert more.random_kernels_ == 40
    np.testing.assert_array_equal(outputs_of_branch(more, X), before)


def test_streams_name_the_parameter(shapes):
    options = {**SMALL, "conv_channels": None, "bidirectional": False}
    classifier = make_classifier(**options).fit(*shapes)
    with pytest.raises(ValueError, match="random_kernels=None"):
        classifier.stream()


def test_attributions_sum_to_the_output_with_the_branch(fitted, shapes):
    pytest.importorskip("captum")
    X = shapes[0][:2]
    for x, parts in zip(X, step_attributions(fitted, X, target=1), strict=True):
        zeros = np.full_like(x, fitted.module_.inputs.mean.item())
        rise = [
            np.log(fitted.predict_proba([v])[0]) @ np.array([-1.0, 1.0])
            for v in (x, zeros)
        ]
        assert np.isfinite(parts).all()
        assert np.sign(parts.sum()) == np.sign(rise[0] - rise[1])


def test_every_seed_has_kernels_of_its_own_channels():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(12, 15, 4)), np.arange(12) % 2
    weights = [
        RNNClassifier(max_epochs=1, hidden_size=2, random_state=seed)
        .fit(X, y)
        .module_.random_branch.convolutions.weight
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
