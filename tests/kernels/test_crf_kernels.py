"""The kernels of the CRF against its twin in torch; threads; what they refuse."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import config_context
from sklearn_rnn._kernels import _crf, _threads
from sklearn_rnn.nn import CRF


@pytest.fixture(params=[1, 2])
def n_threads(request, monkeypatch):
    """Number of threads, also for little work."""
    monkeypatch.setattr(_threads, "_WORTH_A_THREAD", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def make_case(rng, n_classes, scale, constrained):
    """Return a CRF, emissions, lengths and labels, some of them unknown."""
    n = n_classes
    masks = [rng.uniform(size=shape) > 0.4 for shape in ((n, n), n, n)]
    masks[0][0] = masks[0][:, 0] = masks[1][0] = masks[2][0] = True
    names = "allowed", "allowed_start", "allowed_end"
    crf = CRF(n, **(dict(zip(names, masks, strict=True)) if constrained else {}))
    with torch.no_grad():
        for parameter in crf.parameters():
            numbers = rng.normal(size=parameter.shape, scale=scale / 3)
            parameter.copy_(torch.from_numpy(numbers))
    emissions = torch.from_numpy(rng.normal(size=(23, 14, n), scale=scale)).float()
    lengths = torch.from_numpy(rng.integers(0, 15, 23))
    other = torch.from_numpy(rng.normal(size=(23, 14, n), scale=scale)).float()
    targets = crf.decode(other, lengths)  # they keep to the constraints
    unknown = torch.from_numpy(rng.uniform(size=(23, 14)) < 0.2)
    return crf, emissions, lengths, targets.masked_fill(unknown, -1)


def compute_all(crf, emissions, lengths, targets):
    """Return the log-likelihoods, all gradients, marginals and paths."""
    crf.zero_grad()
    emissions = emissions.clone().requires_grad_()
    result = crf.path_log_likelihood(emissions, targets, lengths)
    (result * torch.linspace(0, 2, len(result))).sum().backward()
    gradients = [emissions.grad, *(p.grad.clone() for p in crf.parameters())]
    predictions = crf.marginals(emissions, lengths), crf.decode(emissions, lengths)
    return [result.detach(), *predictions], gradients


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("scale", [1, 30, 100, 200, 1000])  # the last use logarithms
@pytest.mark.parametrize("n_classes", [1, 2, 9, 33])
def test_kernels_agree_with_the_twin(rng, n_classes, scale, constrained):
    case = make_case(rng, n_classes, scale, constrained)
    results, gradients = compute_all(*case)
    with config_context(kernels="torch"):
        other_results, other_gradients = compute_all(*case)
    torch.testing.assert_close(results, other_results, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients, other_gradients, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("scale", [1, 1000])
def test_one_call_has_the_gradients_of_autograd(rng, scale):
    crf, emissions, lengths, targets = make_case(rng, 9, scale, True)
    weights = torch.linspace(0, 2, len(lengths), dtype=torch.float64)
    actual = _crf.compute_gradients(emissions, targets, lengths, crf.scores, weights)
    with config_context(kernels="torch"):
        results, gradients = compute_all(crf, emissions, lengths, targets)
    torch.testing.assert_close(actual[0], results[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(list(actual[1:]), gradients, rtol=2e-6, atol=2e-6)


def test_logarithms_agree_with_factors(rng):
    """Both pass a first step at which class 0 is all but certain; -1e4 needs logs."""
    crf, emissions, lengths, targets = make_case(rng, 5, 1, False)
    targets = torch.cat([torch.zeros_like(targets[:, :1]), targets], 1)
    results = []
    for emission in (-100, -1e4):
        first = torch.full((23, 1, 5), emission).float()
        first[..., 0] = 0
        longer = torch.cat([first, emissions], 1)
        results.append(compute_all(crf, longer, lengths + 1, targets))
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_threads_change_no_bit(rng, n_threads):
    case = make_case(rng, 9, 1, True)
    crf, emissions, lengths, _ = case
    assert _crf._Batch(emissions, lengths, crf.scores).n_parts == n_threads
    together = compute_all(*case)
    torch.set_num_threads(1)
    for results, alone in zip(together, compute_all(*case), strict=True):
        assert all(map(torch.equal, results, alone))


@pytest.mark.parametrize(
    "lengths", [[0] * 8, [14] + [1] * 7, [1] * 9 + [14], [3, 9, 4], list(range(15))]
)
def test_all_rows_are_computed_once(rng, lengths, n_threads):
    crf, emissions, _, targets = make_case(rng, 4, 1, True)
    n, lengths = len(lengths), torch.tensor(lengths)
    case = crf, emissions[:n], lengths, torch.full_like(targets[:n], -1)
    results, gradients = compute_all(*case)
    with config_context(kernels="torch"):
        other_results, other_gradients = compute_all(*case)
    torch.testing.assert_close(results, other_results, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients, other_gradients, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_second_backward_pass_has_the_same_gradients(rng, scale):
    crf, emissions, lengths, targets = make_case(rng, 9, scale, True)
    emissions.requires_grad_()
    result = crf.path_log_likelihood(emissions, targets, lengths).sum()
    passes = [
        torch.autograd.grad(result, [emissions, *crf.parameters()], retain_graph=True)
        for _ in range(2)
    ]
    assert all(map(torch.equal, *passes))


def test_lengths_out_of_range_reach_no_other_memory(rng):
    """`nn.CRF` refuses them; the kernels cut them."""
    emissions = torch.from_numpy(rng.normal(size=(3, 4, 2))).float()
    scores = CRF(2).scores
    lengths = torch.tensor([10**9, -5, 4])
    _, paths = _crf.decode(emissions, lengths, scores)
    assert torch.equal(paths[0], emissions[0].argmax(1))
    assert (paths[1] == -1).all()
    _, marginals = _crf.marginals(emissions, lengths, scores)
    torch.testing.assert_close(marginals[::2], emissions[::2].double().softmax(2))
    assert (marginals[1] == 0).all()


@pytest.mark.parametrize(
    ("name", "tensor", "fragment"),
    [
        ("emissions", torch.zeros(2, 3, 4).double(), r"\(2, 3, 4\), as .*float64"),
        ("emissions", torch.zeros(2, 3, 4, device="meta"), "as .*float32 on meta"),
        ("emissions", torch.zeros(2, 3, 4).to_sparse(), "sparse"),
        ("targets", torch.zeros(2, 3), r"\(2, 3\), as .*int64"),
        ("targets", torch.zeros(2, 4).long(), r"\(2, 3\), as .*int64"),
        ("lengths", torch.zeros(3).long(), r"\(2\), as .*int64"),
        ("lengths", torch.zeros(2).int(), r"\(2\), as .*int64"),
        ("transitions", torch.zeros(4, 3), r"\(4, 4\), as .*float32"),
        ("start", torch.zeros(4).double(), r"\(4\), as .*float32"),
        ("end", torch.zeros(5), r"\(4\), as .*float32"),
        ("allowed", torch.ones(4, 4), r"\(4, 4\), as .*bool"),
        ("allowed_start", torch.ones(3).bool(), r"\(4\), as .*bool"),
        ("allowed_end", torch.ones(4).long(), r"\(4\), as .*bool"),
        ("weights", torch.ones(2), r"\(2\), as .*float64"),
        ("weights", torch.ones(3).double(), r"\(2\), as .*float64"),
    ],
)
def test_other_memory_than_expected_raises(name, tensor, fragment):
    scores = torch.zeros(4, 4), torch.zeros(4), torch.zeros(4), None, None, None
    given = {
        "emissions": torch.zeros(2, 3, 4),
        "targets": torch.zeros(2, 3, dtype=torch.int64),
        "lengths": torch.tensor([3, 2]),
        "scores": _crf.Scores(*scores),
        "weights": torch.ones(2, dtype=torch.float64),
    }
    _crf.compute_gradients(**given)  # well, as they are
    if name in given:
        given[name] = tensor
    else:
        given["scores"] = given["scores"]._replace(**{name: tensor})
    with pytest.raises(ValueError, match=f"{name} must have the shape .*{fragment}"):
        _crf.compute_gradients(**given)


def test_strided_tensors_are_read_as_they_are(rng):
    crf, emissions, lengths, targets = make_case(rng, 5, 1, False)
    expected, _ = compute_all(crf, emissions, lengths, targets)
    strided = torch.from_numpy(np.asfortranarray(emissions.numpy()))
    assert not strided.is_contiguous()
    with torch.no_grad():
        result = crf.path_log_likelihood(strided, targets.T.contiguous().T, lengths)
    assert torch.equal(result, expected[0])
