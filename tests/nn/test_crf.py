"""The CRF against enumeration of all paths, against torchcrf, and at its limits."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from sklearn_rnn import config_context
from sklearn_rnn.nn import CRF

LENGTHS = torch.tensor([6, 1, 0, 3, 6, 2])


@pytest.fixture(params=["torch", pytest.param("numba", marks=pytest.mark.numba)])
def kernels(request):
    with config_context(kernels=request.param):
        yield request.param


def normal(rng, *shape, scale=1.0):
    return torch.from_numpy(scale * rng.normal(size=shape)).float()


def make_crf(rng, n_classes, scale=1.0, **constraints):
    crf = CRF(n_classes, **constraints)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(normal(rng, *parameter.shape, scale=scale))
    return crf


def make_constraints(rng, n_classes):
    """Forbid about a third; class 0 may be anywhere."""
    shapes = (n_classes, n_classes), (n_classes,), (n_classes,)
    masks = [rng.uniform(size=shape) > 0.35 for shape in shapes]
    masks[0][0] = masks[0][:, 0] = masks[1][0] = masks[2][0] = True
    return dict(zip(("allowed", "allowed_start", "allowed_end"), masks, strict=True))


def enumerate_paths(crf, emissions):
    """Return all allowed paths of one sequence, and the score of each in float64."""
    transitions, start, end = (
        p.detach().double().numpy()
        for p in (crf.transitions, crf.start_transitions, crf.end_transitions)
    )
    numbers = emissions.double().numpy()
    scores = {}
    for path in itertools.product(range(crf.n_classes), repeat=len(emissions)):
        pairs = list(itertools.pairwise(path))
        if is_allowed(crf, path, pairs):
            score = start[path[0]] + sum(transitions[pair] for pair in pairs)
            score += sum(numbers[t, k] for t, k in enumerate(path))
            scores[path] = score + end[path[-1]]
    return scores


def is_allowed(crf, path, pairs):
    if crf.allowed is None:
        return True
    may_follow = all(crf.allowed[pair] for pair in pairs)
    return may_follow and crf.allowed_start[path[0]] and crf.allowed_end[path[-1]]


def log_sum(scores):
    return float(torch.tensor(list(scores), dtype=torch.float64).logsumexp(0))


def agrees(path, labels):
    return all(label in (-1, k) for k, label in zip(path, labels, strict=True))


def take_known_labels(rng, scores, n_unknown):
    """Return the labels of a random allowed path, some of them unknown."""
    paths = list(scores)
    labels = np.array(paths[rng.integers(len(paths))])
    labels[rng.permutation(len(labels))[:n_unknown]] = -1
    return labels


# Enumeration --------------------------------------------------------------------------


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 4])
@pytest.mark.parametrize("n_unknown", [0, 1, 6])
def test_likelihood_marginals_and_best_path_agree_with_enumeration(
    rng, kernels, n_classes, constrained, n_unknown
):
    constraints = make_constraints(rng, n_classes) if constrained else {}
    crf = make_crf(rng, n_classes, **constraints)
    emissions = normal(rng, len(LENGTHS), 6, n_classes)
    targets = torch.full((len(LENGTHS), 6), 99)  # anything, at padding
    loss, marginals = torch.zeros(len(LENGTHS)), torch.zeros(len(LENGTHS), 6, n_classes)
    best = torch.full((len(LENGTHS), 6), -1)
    for row, n in enumerate(LENGTHS.tolist()):
        if n == 0:
            continue
        scores = enumerate_paths(crf, emissions[row, :n])
        labels = take_known_labels(rng, scores, n_unknown)
        targets[row, :n] = torch.from_numpy(labels)
        log_z = log_sum(scores.values())
        loss[row] = log_z - log_sum(s for p, s in scores.items() if agrees(p, labels))
        for path, score in scores.items():
            marginals[row, range(n), path] += math.exp(score - log_z)
        best[row, :n] = torch.tensor(max(scores, key=scores.get))
    actual = crf(emissions, targets, LENGTHS)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, loss, rtol=2e-6, atol=2e-6)
    actual = crf.marginals(emissions, LENGTHS)
    assert actual.dtype == torch.float64
    torch.testing.assert_close(actual.float(), marginals, rtol=2e-6, atol=2e-6)
    assert torch.equal(crf.decode(emissions, LENGTHS), best)


def test_log_likelihoods_of_all_paths_sum_to_one(rng, kernels):
    crf = make_crf(rng, 3)
    paths = torch.tensor(list(itertools.product(range(3), repeat=4)))
    emissions = normal(rng, 1, 4, 3).expand(len(paths), -1, -1)
    result = crf.path_log_likelihood(emissions, paths)
    assert result.dtype == torch.float64
    assert float(result.exp().sum().detach()) == pytest.approx(1, abs=1e-12)


# Another implementation ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_gradients_and_best_paths_agree_with_torchcrf(rng, kernels, dtype):
    torchcrf = pytest.importorskip("torchcrf", reason="needs pytorch-crf")
    crf, theirs = make_crf(rng, 7).to(dtype), torchcrf.CRF(7, batch_first=True).double()
    theirs.load_state_dict(crf.state_dict())
    lengths = torch.tensor([12, 5, 1, 9])
    mask = torch.arange(12) < lengths.unsqueeze(1)
    emissions = normal(rng, 4, 12, 7, scale=2).to(dtype).requires_grad_()
    copied = emissions.detach().double().requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 7, (4, 12)))
    weights = torch.from_numpy(rng.uniform(size=4))

    result = crf.path_log_likelihood(emissions, targets, lengths)
    expected = theirs(copied, targets, mask, reduction="none")
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    (result * weights).sum().backward()
    (expected * weights).sum().backward()
    tolerance = 2e-6 if dtype == torch.float32 else 1e-9
    pairs = [(emissions, copied)]
    pairs += [(p, theirs.get_parameter(name)) for name, p in crf.named_parameters()]
    assert len(pairs) == 4
    for own, other in pairs:
        torch.testing.assert_close(
            own.grad.double(), other.grad, rtol=tolerance, atol=tolerance
        )
    best = crf.decode(emissions, lengths)
    for row, path in enumerate(theirs.decode(copied, mask)):
        assert path == best[row, : lengths[row]].tolist()


# Gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("constrained", [False, True])
def test_gradients_of_the_twin_are_those_of_finite_differences(rng, constrained):
    constraints = make_constraints(rng, 3) if constrained else {}
    crf = make_crf(rng, 3, **constraints).double()
    lengths = torch.tensor([4, 2, 1])
    emissions = normal(rng, 3, 4, 3).double().requires_grad_()
    targets = crf.decode(emissions, lengths)
    targets[0, 1] = targets[1, 0] = -1

    def compute(emissions, *parameters):
        named = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(crf, named, (emissions, targets, lengths))

    names = [name for name, _ in crf.named_parameters()]
    parameters = [p.detach().clone().requires_grad_() for p in crf.parameters()]
    assert gradcheck(compute, (emissions, *parameters))


@pytest.mark.parametrize("constrained", [False, True])
def test_log_odds_are_those_of_the_marginals(rng, kernels, constrained):
    crf = make_crf(rng, 3, **(make_constraints(rng, 3) if constrained else {}))
    emissions = normal(rng, 4, 5, 3)
    marginals = crf.marginals(emissions)
    for step, label in itertools.product(range(-1, 5), range(3)):
        p = marginals[:, step, label]
        log_odds = crf.log_odds(emissions, step, label)
        torch.testing.assert_close(log_odds, p.logit(), rtol=1e-5, atol=1e-5)


def test_log_odds_leave_out_padding(rng):
    crf = make_crf(rng, 3)
    emissions = normal(rng, 2, 5, 3)
    padded = crf.log_odds(emissions, 1, 2, torch.tensor([3, 1]))
    alone = crf.log_odds(emissions[:1, :3], 1, 2)
    torch.testing.assert_close(padded, torch.tensor([alone.item(), 0.0]).double())


def test_log_odds_grow_with_the_emission_where_probabilities_are_1(rng):
    crf = make_crf(rng, 3)
    emissions = normal(rng, 2, 4, 3).double()
    before = crf.log_odds(emissions, 1, 2)
    emissions[:, 1, 2] += 1000
    assert (crf.marginals(emissions)[:, 1, 2] == 1).all()
    torch.testing.assert_close(crf.log_odds(emissions, 1, 2), before + 1000)


def test_log_odds_have_the_right_gradient(rng):
    crf = make_crf(rng, 3, **make_constraints(rng, 3)).double()
    emissions = normal(rng, 2, 4, 3).double().requires_grad_()
    assert gradcheck(lambda e: crf.log_odds(e, 2, 0), emissions)


def test_gradient_is_the_difference_of_marginals_and_labels(rng, kernels):
    crf = make_crf(rng, 4)
    emissions = normal(rng, 3, 5, 4).requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 4, (3, 5)))
    crf(emissions, targets).sum().backward()
    expected = crf.marginals(emissions) - torch.nn.functional.one_hot(targets, 4)
    torch.testing.assert_close(emissions.grad, expected.float(), rtol=2e-6, atol=2e-6)
    counts = torch.zeros(4)
    for path in targets:
        counts[path[0]] += 1
    start = crf.marginals(emissions)[:, 0].sum(0).float() - counts
    torch.testing.assert_close(crf.start_transitions.grad, start, rtol=2e-6, atol=2e-6)


def test_padding_and_forbidden_transitions_have_zero_gradients(rng, kernels):
    crf = make_crf(rng, 4, **make_constraints(rng, 4))
    emissions = normal(rng, len(LENGTHS), 6, 4).requires_grad_()
    targets = crf.decode(emissions, LENGTHS)
    crf(emissions, targets, LENGTHS).sum().backward()
    padding = torch.arange(6) >= LENGTHS.unsqueeze(1)
    assert (emissions.grad[padding] == 0).all()
    assert emissions.grad[~padding].any()
    assert (crf.transitions.grad[~crf.allowed] == 0).all()
    assert (crf.start_transitions.grad[~crf.allowed_start] == 0).all()
    assert (crf.end_transitions.grad[~crf.allowed_end] == 0).all()


def test_unknown_labels_alone_give_no_loss_and_no_gradient(rng, kernels):
    crf = make_crf(rng, 3)
    emissions = normal(rng, 2, 5, 3).requires_grad_()
    loss = crf(emissions, torch.full((2, 5), -1))
    loss.sum().backward()
    assert loss.tolist() == [0, 0]
    for tensor in (emissions, *crf.parameters()):
        assert tensor.grad.abs().max() < 1e-14


# Constraints --------------------------------------------------------------------------


def make_chain_constraints():
    """0 may be followed by 0 and 1; 1 by 2 only; 2 by all. 0 first, not 1 last."""
    allowed = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1]], bool)
    return {
        "allowed": allowed,
        "allowed_start": np.array([True, False, False]),
        "allowed_end": np.array([True, False, True]),
    }


@pytest.mark.parametrize("scale", [1, 1e4])
def test_forbidden_labels_are_never_predicted_and_of_probability_zero(
    rng, kernels, scale
):
    constraints = make_chain_constraints()
    crf = CRF(3, **constraints)
    emissions = normal(rng, 50, 6, 3, scale=scale)
    with torch.no_grad():  # the forbidden ones would be chosen if they could
        crf.transitions[~crf.allowed] = 1e6
    paths = crf.decode(emissions)
    for path in paths.tolist():
        assert path[0] == 0
        assert path[-1] != 1
        assert all(constraints["allowed"][i, j] for i, j in itertools.pairwise(path))
    marginals = crf.marginals(emissions)
    assert (marginals[:, 0, 1:] == 0).all()
    assert (marginals[:, 1, 2] == 0).all()  # cannot be reached yet
    assert (marginals[:, -1, 1] == 0).all()
    torch.testing.assert_close(marginals.sum(2), torch.ones(50, 6).double())


@pytest.mark.parametrize(
    ("labels", "fragment"),
    [
        ([1, 2, 0, 0], r"targets\[1, 0\] breaks .* label 1 at the start\."),
        ([0, 2, 0, 0], r"targets\[1, 1\] breaks .* label 2 after 0\."),
        ([0, 1, -1, 1, 1], r"targets\[1, 4\] breaks .* label 1 after 1 at the end\."),
        ([0, 0, 1], r"targets\[1, 2\] breaks .* label 1 after 0 at the end\."),
        ([0, -1, 0, 0, 2], r"targets\[1, 4\] breaks .* label 2 after 0 at the end\."),
        ([0, 3, 0], r"targets\[1, 1\] must be a class from 0 to 2, .* Got 3\."),
        ([0, -2, 0], r"targets\[1, 1\] must be a class from 0 to 2, .* Got -2\."),
    ],
)
def test_labels_that_break_the_constraints_raise_with_their_place(
    kernels, labels, fragment
):
    crf = CRF(3, **make_chain_constraints())
    targets = torch.zeros(2, 5, dtype=torch.int64)
    targets[1, : len(labels)] = torch.tensor(labels)
    lengths = torch.tensor([5, len(labels)])
    for function in (crf, crf.path_log_likelihood):
        with pytest.raises(ValueError, match=fragment):
            function(torch.zeros(2, 5, 3), targets, lengths)


def test_rows_without_an_allowed_path_raise(kernels):
    crf = CRF(2, allowed_start=[True, False], allowed_end=[False, True])
    emissions, lengths = torch.zeros(2, 3, 2), torch.tensor([3, 1])
    assert crf.decode(emissions)[0].tolist() == [0, 0, 1]
    targets = torch.tensor([[0, 1, 1], [0, 0, 0]])
    for function in (crf.decode, crf.marginals, lambda e, n: crf(e, targets, n)):
        with pytest.raises(ValueError, match="Row 1 has 1 steps: no labels"):
            function(emissions, lengths)


# Limits -------------------------------------------------------------------------------


def test_zero_transitions_equal_softmax(rng, kernels):
    crf = CRF(5)
    emissions = normal(rng, 3, 7, 5, scale=3)
    targets = torch.from_numpy(rng.integers(0, 5, (3, 7)))
    log_softmax = emissions.double().log_softmax(2)
    torch.testing.assert_close(
        crf.marginals(emissions), log_softmax.exp(), rtol=1e-13, atol=0
    )
    assert torch.equal(crf.decode(emissions), emissions.argmax(2))
    expected = log_softmax.gather(2, targets.unsqueeze(2)).sum((1, 2))
    torch.testing.assert_close(
        crf.path_log_likelihood(emissions, targets).detach(), expected
    )


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_large_emissions_are_exact(rng, kernels, scale):
    crf = CRF(4)
    emissions = normal(rng, 3, 20, 4, scale=scale).requires_grad_()
    best = emissions.argmax(2)
    worst = emissions.argmin(2)
    loss = crf(emissions, torch.cat([best[:1], worst[1:]]))
    lost = emissions.double().amax(2) - emissions.double().amin(2)
    assert loss[0] == 0
    torch.testing.assert_close(loss[1:], lost[1:].sum(1).float())
    loss.sum().backward()
    one_hot = [torch.nn.functional.one_hot(k, 4).float() for k in (best, worst)]
    assert (emissions.grad[0] == 0).all()
    torch.testing.assert_close(emissions.grad[1:], (one_hot[0] - one_hot[1])[1:])
    assert torch.equal(crf.marginals(emissions).float(), one_hot[0])


def test_evidence_that_turns_late_is_not_lost(kernels):
    """Class 1 falls to exp(-1000), and wins in the end."""
    crf = CRF(2, allowed=np.eye(2, dtype=bool))
    emissions = torch.zeros(1, 30, 2)
    emissions[0, :10, 0], emissions[0, 10:, 1] = 100, 100
    assert crf.decode(emissions).tolist() == [[1] * 30]
    marginals = crf.marginals(emissions)[0]
    assert (marginals == torch.tensor([0.0, 1.0])).all()
    loss = crf(emissions, torch.zeros(1, 30, dtype=torch.int64))
    assert loss.item() == 1000


def test_extreme_transitions_are_exact(kernels):
    crf = CRF(2)
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[0.0, 2000.0], [-3000.0, 500.0]]))
    emissions, targets = torch.zeros(1, 3, 2), torch.tensor([[0, 1, 0]])
    crf(emissions, targets).backward()
    best = 2000.0 + 500.0
    assert crf.path_log_likelihood(emissions, targets).item() == -1000 - best
    expected = torch.tensor([[0.0, 0.0], [-1.0, 1.0]])
    torch.testing.assert_close(crf.transitions.grad, expected)


def test_ten_thousand_steps_lose_no_digits(rng, kernels):
    crf = make_crf(rng, 3)
    emissions = normal(rng, 1, 10_000, 3, scale=3).requires_grad_()
    targets = torch.from_numpy(rng.integers(0, 3, (1, 10_000)))
    loss = crf(emissions, targets)
    loss.backward()
    torch.testing.assert_close(
        crf.marginals(emissions).sum(2), torch.ones(1, 10_000).double()
    )
    assert emissions.grad.sum(2).abs().max() < 1e-6
    # all expected counts sum to those observed
    assert abs(float(crf.transitions.grad.sum())) < 1e-2


def test_one_class_has_no_loss(kernels):
    crf, emissions = CRF(1), torch.randn(2, 4, 1, generator=torch.Generator())
    targets = torch.zeros(2, 4, dtype=torch.int64)
    assert crf(emissions, targets).tolist() == [0, 0]
    assert (crf.marginals(emissions) == 1).all()
    assert crf.decode(emissions).tolist() == targets.tolist()


@pytest.mark.parametrize("shape", [(2, 0, 3), (0, 4, 3), (0, 0, 3)])
def test_nothing_to_label_has_no_loss(kernels, shape):
    crf, emissions = CRF(3), torch.zeros(shape, requires_grad=True)
    loss = crf(emissions, torch.zeros(shape[:2], dtype=torch.int64))
    loss.sum().backward()
    assert loss.tolist() == [0] * shape[0]
    assert crf.marginals(emissions).shape == shape
    assert crf.decode(emissions).shape == shape[:2]


def test_lowest_class_wins_ties(kernels):
    crf = CRF(4)
    assert crf.decode(torch.zeros(2, 5, 4)).tolist() == [[0] * 5] * 2
    emissions = torch.tensor([[[0.0, 2.0, 2.0, 1.0], [3.0, 1.0, 3.0, 3.0]]])
    assert crf.decode(emissions).tolist() == [[1, 0]]
    crf = CRF(3, allowed=[[False, True, True]] * 3)
    assert crf.decode(torch.zeros(1, 3, 3)).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("label", [0, 1, 2])
def test_nan_in_emissions_stays_in_its_row(rng, kernels, label):
    crf = make_crf(rng, 3)
    emissions = normal(rng, 3, 4, 3)
    emissions[1, 2, label] = math.nan
    loss = crf(emissions, torch.zeros(3, 4, dtype=torch.int64))
    assert loss.isnan().tolist() == [False, True, False]
    marginals = crf.marginals(emissions)
    assert marginals.isnan().any(2).any(1).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"emissions\[1\] .* Got NaN"):
        crf.decode(emissions)


def test_infinite_emissions_give_nan_or_zero(rng, kernels):
    crf, targets = make_crf(rng, 3), torch.zeros(3, 4, dtype=torch.int64)
    emissions = normal(rng, 3, 4, 3)
    emissions[1, 2, 1], emissions[2, 2, 1] = math.inf, -math.inf
    loss = crf(emissions, targets)
    assert loss.isfinite().tolist() == [True, False, True]
    marginals = crf.marginals(emissions)
    assert marginals[1].isnan().any()
    assert marginals[2, 2, 1] == 0
    torch.testing.assert_close(marginals[2].sum(1), torch.ones(4).double())
    labels = crf.decode(emissions)
    assert labels[1, 2] == 1
    assert labels[2, 2] != 1


def test_numbers_at_padding_have_no_effect(rng, kernels):
    crf = make_crf(rng, 3)
    emissions = normal(rng, len(LENGTHS), 6, 3)
    dirty = emissions.clone()
    dirty[torch.arange(6) >= LENGTHS.unsqueeze(1)] = math.nan
    targets = crf.decode(emissions, LENGTHS)
    for function in (crf.decode, crf.marginals, lambda e, n: crf(e, targets, n)):
        assert torch.equal(function(emissions, LENGTHS), function(dirty, LENGTHS))
    emissions.requires_grad_()
    dirty.requires_grad_()
    for tensor in (emissions, dirty):
        crf(tensor, targets, LENGTHS).sum().backward()
    assert torch.equal(emissions.grad, dirty.grad)


# Reproducible predictions -------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 1e3])
def test_predictions_are_batch_invariant(rng, kernels, scale):
    crf = make_crf(rng, 17, **make_constraints(rng, 17))
    emissions = normal(rng, 40, 30, 17, scale=scale)
    lengths = torch.from_numpy(rng.integers(0, 31, 40))
    order = torch.from_numpy(rng.permutation(40))
    for predict in (crf.marginals, crf.decode):
        together = predict(emissions, lengths)
        assert torch.equal(predict(emissions[order], lengths[order]), together[order])
        for row, n in enumerate(lengths.tolist()):
            alone = predict(emissions[row : row + 1, :n])
            assert torch.equal(alone[0], together[row, :n])
        strided = emissions.transpose(0, 1).contiguous().transpose(0, 1)
        assert torch.equal(predict(strided, lengths), together)


def test_predictions_work_in_inference_mode(rng, kernels):
    crf, emissions = make_crf(rng, 3), normal(rng, 2, 4, 3)
    expected = crf.marginals(emissions), crf.decode(emissions)
    with torch.inference_mode():
        assert torch.equal(crf.marginals(emissions), expected[0])
        assert torch.equal(crf.decode(emissions), expected[1])
        assert crf(emissions, expected[1]).shape == (2,)


# Bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"emissions": torch.zeros(2, 3, 5)}, r"shape \(batch, time, 4\)"),
        ({"emissions": torch.zeros(2, 4)}, r"shape \(batch, time, 4\)"),
        ({"emissions": torch.zeros(2, 3, 4).half()}, "float32 or float64"),
        ({"emissions": torch.zeros(2, 3, 4).long()}, "float32 or float64"),
        ({"targets": torch.zeros(2, 3)}, "targets must be int64"),
        ({"targets": torch.zeros(2, 4).long()}, r"int64 of shape \(2, 3\)"),
        ({"targets": torch.zeros(2, 3).int()}, "targets must be int64"),
        ({"targets": torch.full((2, 3), 4)}, r"targets\[0, 0\] must be a class"),
        ({"targets": torch.full((2, 3), -100)}, r"targets\[0, 0\] must be a class"),
        ({"lengths": torch.tensor([3])}, "lengths must be 2 whole numbers"),
        ({"lengths": torch.tensor([3.0, 1.0])}, "lengths must be 2 whole numbers"),
        ({"lengths": torch.tensor([4, 1])}, "between 0 and 3. Got 1 to 4"),
        ({"lengths": torch.tensor([3, -1])}, "between 0 and 3. Got -1 to 3"),
    ],
)
def test_bad_input_raises_and_names_the_argument(kernels, changes, fragment):
    given = {
        "emissions": torch.zeros(2, 3, 4),
        "targets": torch.zeros(2, 3, dtype=torch.int64),
        "lengths": torch.tensor([3, 2]),
    } | changes
    with pytest.raises(ValueError, match=fragment):
        CRF(4)(**given)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"n_classes": 0}, "n_classes must be at least 1. Got 0"),
        ({"allowed": np.ones((2, 3), bool)}, r"allowed must be booleans .*\(3, 3\)"),
        ({"allowed_start": np.ones(3)}, r"allowed_start must be booleans .*float64"),
        ({"allowed_end": [[True] * 3]}, r"allowed_end must be .* shape \(1, 3\)"),
    ],
)
def test_bad_options_raise(options, fragment):
    with pytest.raises(ValueError, match=fragment):
        CRF(**({"n_classes": 3} | options))


def test_constraints_are_saved_with_the_weights(rng):
    crf = make_crf(rng, 3, **make_chain_constraints())
    other = CRF(3, **{k: np.ones_like(v) for k, v in make_chain_constraints().items()})
    other.load_state_dict(crf.state_dict())
    emissions = normal(rng, 4, 5, 3)
    assert torch.equal(other.marginals(emissions), crf.marginals(emissions))


# Learning -----------------------------------------------------------------------------


def test_alternating_labels_are_learnt_from_transitions_alone(kernels):
    crf, emissions = CRF(2), torch.zeros(1, 9, 2)
    targets = torch.tensor([[0, 1] * 4 + [0]])
    adam = torch.optim.Adam(crf.parameters(), 0.1)
    for _ in range(100):
        adam.zero_grad()
        crf(emissions, targets).sum().backward()
        adam.step()
    assert torch.equal(crf.decode(emissions), targets)
    assert crf(emissions, targets).item() < 0.1
