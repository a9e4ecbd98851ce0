"""The kernels of the CRF against its twin in torch; threads; what they refuse."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import config_context
from sklearn_rnn._kernels import _crf, _threads
from sklearn_rnn.nn import CRF
from sklearn_rnn.nn._crf import _log_likelihood


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
    emissions.requires_grad_()
    potentials = crf._stack_potentials().detach().requires_grad_()
    weights = torch.linspace(0, 2, len(lengths), dtype=torch.float64)
    result = _log_likelihood(emissions, targets, lengths, potentials)
    expected = torch.autograd.grad((weights * result).sum(), [emissions, potentials])
    actual = _crf.compute_gradients(
        emissions.detach(), targets, lengths, potentials.detach(), weights
    )
    torch.testing.assert_close(actual[0], result.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(actual[1], expected[0], rtol=2e-6, atol=2e-6)
    torch.testing.assert_close(actual[2], expected[1], rtol=1e-9, atol=1e-9)


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
    used = _crf._split_rows(case[2], 9)
    assert len(used) == n_threads
    together = compute_all(*case)
    torch.set_num_threads(1)
    for results, alone in zip(together, compute_all(*case), strict=True):
        assert all(map(torch.equal, results, alone))


@pytest.mark.parametrize("lengths", [[], [0] * 8, [50] + [1] * 7, [1] * 7 + [50]])
def test_parts_have_all_rows_once(lengths, n_threads):
    parts = _crf._split_rows(torch.tensor(lengths, dtype=torch.int64), 3)
    rows = [row for first, last in parts for row in range(first, last)]
    assert rows == list(range(len(lengths)))


def test_lengths_out_of_range_reach_no_other_memory(rng):
    """`nn.CRF` refuses them; the kernels cut them."""
    emissions = torch.from_numpy(rng.normal(size=(3, 4, 2))).float()
    potentials = torch.zeros(4, 2, dtype=torch.float64)
    lengths = torch.tensor([10**9, -5, 4])
    _, paths = _crf.decode(emissions, lengths, potentials)
    assert torch.equal(paths[0], emissions[0].argmax(1))
    assert (paths[1] == -1).all()
    _, marginals = _crf.marginals(emissions, lengths, potentials)
    torch.testing.assert_close(marginals[::2], emissions[::2].double().softmax(2))
    assert (marginals[1] == 0).all()


@pytest.mark.parametrize(
    ("position", "tensor", "fragment"),
    [
        (0, torch.zeros(2, 3, 4).double(), "emissions must have the shape"),
        (0, torch.zeros(2, 3, 4, device="meta"), "emissions must have the shape"),
        (0, torch.zeros(2, 3, 5), r"potentials must have .*\(7, 5\)"),
        (1, torch.zeros(2, 3), "targets must have .*int64"),
        (1, torch.zeros(2, 4).long(), r"targets must have .*\(2, 3\)"),
        (2, torch.zeros(3).long(), r"lengths must have .*\(2\)"),
        (2, torch.zeros(2).int(), "lengths must have .*int64"),
        (3, torch.zeros(6, 4), "potentials must have .*float64"),
        (3, torch.zeros(5, 4).double(), r"potentials must have .*\(6, 4\)"),
    ],
)
def test_other_memory_than_expected_raises(position, tensor, fragment):
    given = [
        torch.zeros(2, 3, 4),
        torch.zeros(2, 3, dtype=torch.int64),
        torch.tensor([3, 2]),
        torch.zeros(6, 4, dtype=torch.float64),
    ]
    given[position] = tensor
    with pytest.raises(ValueError, match=fragment):
        _crf.log_likelihood(*given)


@pytest.mark.parametrize("weights", [torch.ones(2), torch.ones(3).double()])
def test_other_weights_than_expected_raise(weights):
    given = torch.zeros(2, 3, 4), torch.zeros(2, 3).long(), torch.tensor([3, 2])
    with pytest.raises(ValueError, match=r"weights must have .*\(2\), as .*float64"):
        _crf.compute_gradients(*given, torch.zeros(6, 4).double(), weights)


def test_strided_tensors_are_read_as_they_are(rng):
    crf, emissions, lengths, targets = make_case(rng, 5, 1, False)
    expected, _ = compute_all(crf, emissions, lengths, targets)
    strided = torch.from_numpy(np.asfortranarray(emissions.numpy()))
    assert not strided.is_contiguous()
    with torch.no_grad():
        result = crf.path_log_likelihood(strided, targets.T.contiguous().T, lengths)
    assert torch.equal(result, expected[0])
