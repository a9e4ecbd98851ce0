"""Random convolutions and the ridge regression on them, against plain loops."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from sklearn_rnn import config_context
from sklearn_rnn.nn import RandomBranch, RandomConvolutions, fit_ridge

LENGTHS = torch.tensor([24, 1, 17, 24, 3])


def make_branch(n_features=2, n_kernels=50, n_steps=40):
    branch = RandomConvolutions(n_features, n_kernels)
    branch.draw(n_steps, torch.Generator().manual_seed(0))
    branch.set_thresholds(torch.full((2 * n_kernels,), 0.3))
    return branch


def make_x(n_features=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(LENGTHS), 24, n_features, generator=generator)


def convolve_by_loops(branch, x):
    """Return the outputs for one sequence, as the formula defines them."""
    n_steps, x = len(x), x.double().numpy()
    outputs = []
    for w, b, d in zip(branch.weight, branch.threshold, branch.dilation, strict=True):
        above = []
        for t in range(n_steps):
            places = [t + int(d) * (k - 4) for k in range(9)]
            seen = sum(
                float(w[:, k].double().numpy() @ x[place])
                for k, place in enumerate(places)
                if 0 <= place < n_steps
            )
            above.append(max(0.0, seen - float(b)))
        outputs.append((np.mean(above) + 1e-4) ** 0.5)
        outputs.append(np.mean(np.minimum(1, np.array(above) / 0.25)))
    return np.array(outputs)


@pytest.mark.parametrize("kernels", ["auto", "torch"])
@pytest.mark.parametrize(("n_features", "edited"), [(1, False), (2, False), (2, True)])
def test_outputs_equal_plain_loops(kernels, n_features, edited):
    branch, x = make_branch(n_features), make_x(n_features)
    if edited:  # as no kernel is drawn
        branch.weight[3, 0, 2] += 0.5
    with torch.no_grad(), config_context(kernels=kernels):
        found = branch(x, LENGTHS).double().numpy()
    for row, sequence, n in zip(found, x, LENGTHS, strict=True):
        expected = convolve_by_loops(branch, sequence[:n])
        np.testing.assert_allclose(row, expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("edited", [False, True])
def test_outputs_are_batch_and_padding_invariant(edited):
    pytest.importorskip("numba", reason="torch's convolutions are not batch-invariant")
    branch, x = make_branch(), make_x()
    if edited:
        branch.weight[3, 0, 2] += 0.5
    expected = branch(x, LENGTHS)
    noise = torch.randn(len(x), 13, 2, generator=torch.Generator().manual_seed(2))
    padded = torch.cat([x, noise], dim=1)
    assert torch.equal(branch(padded, LENGTHS), expected)
    alone = [branch(s[None, :n]) for s, n in zip(x, LENGTHS, strict=True)]
    assert torch.equal(torch.cat(alone), expected)


@torch.no_grad()
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    ("n_features", "n_kernels", "n_steps"), [(9, 200, 1200), (20, 7, 33), (1, 1, 1)]
)
def test_kernels_equal_convolutions_in_double_precision(
    n_features, n_kernels, n_steps, n_threads
):
    branch = make_branch(n_features, n_kernels, n_steps)
    lengths = torch.tensor([n_steps, 1, n_steps - n_steps // 3, n_steps])
    x = torch.randn(4, n_steps, n_features, generator=torch.Generator().manual_seed(1))
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        found = branch(x, lengths)
    finally:
        torch.set_num_threads(before)
    expected = branch.double()(x.double(), lengths)
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=2e-6)


@torch.no_grad()
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(bad):
    branch, x = make_branch(n_kernels=84), make_x()
    x[2, 0, 0] = bad
    found = branch(x, LENGTHS)
    reads = branch.weight[:, 0].any(dim=1).repeat_interleave(2)
    assert not found[2, reads].isfinite().any()
    assert found[[0, 1, 3, 4]].isfinite().all()


def test_dilations_reach_over_the_sequence():
    assert make_branch(n_steps=8).dilation.unique().tolist() == [1]
    assert make_branch(n_steps=40).dilation.unique().tolist() == [1, 2, 4]
    longest = make_branch(n_steps=10**6).dilation.unique().tolist()
    assert longest == [1, 2, 4, 8, 16, 32, 64]


def test_kernels_sum_to_zero_and_have_a_norm_of_1():
    branch = RandomConvolutions(12, 50)
    branch.draw(40, torch.Generator().manual_seed(0))
    weight = branch.weight
    torch.testing.assert_close(weight.sum(2), torch.zeros(50, 12))
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.ones(50))


def test_outputs_are_scaled_and_thresholds_are_of_their_size():
    branch = RandomConvolutions(1, 500)
    branch.draw(40, torch.Generator().manual_seed(0))
    x = 7 * torch.randn(1, 10_000, 1, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        branch.set_thresholds(branch.pool(x)[0])
        outputs = branch(x)[0]
    # those of a kernel with a norm of 1 have the deviation of x
    norms = branch.weight.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((500,), 1 / 7), rtol=0.05, atol=0)
    assert 1.4 < branch.threshold.abs().max() < 1.6
    assert abs(float(branch.threshold.mean())) < 0.03
    above = 1 - torch.special.ndtr(branch.threshold + branch.WIDTH / 2)
    torch.testing.assert_close(outputs[1::2], above, rtol=0, atol=0.03)


def test_outputs_that_may_be_rounding_are_not_scaled_to_1():
    branch = RandomConvolutions(1, 10)
    branch.draw(40, torch.Generator().manual_seed(0))
    norm = branch.weight.flatten(1).norm(dim=1)
    branch.set_thresholds(torch.zeros(20))
    torch.testing.assert_close(branch.weight.flatten(1).norm(dim=1), 1e4 * norm)


def test_moments_standardise_outputs():
    branch, x = make_branch(), make_x()
    with torch.no_grad():
        raw = branch(x)
        branch.set_moments(raw.mean(0), raw.std(0, correction=0))
        found = branch(x)
    torch.testing.assert_close(found.mean(0), torch.zeros(100), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.square().sum(1).mean(), torch.tensor(1.0))


def test_gradients_reach_the_steps():
    branch = RandomBranch(2, 6, 3)
    branch.convolutions = make_branch(n_kernels=6)
    branch.weight += torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    branch, lengths = branch.double(), torch.tensor([9, 4])
    x = make_x()[:2, :9].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: branch(x, lengths), x)
    assert not list(branch.parameters())


def make_regression(n_samples, n_features):
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(n_samples, n_features, generator=generator)
    noise = torch.randn(n_samples, 2, generator=generator)
    targets = features[:, :1] * torch.tensor([1.0, -2.0]) + noise
    return features, targets, torch.rand(n_samples, generator=generator) + 0.5


@pytest.mark.parametrize("n_features", [3, 30])
def test_predictions_without_a_sample_are_those_of_a_fit_without_it(n_features):
    features, targets, weight = make_regression(12, n_features)
    coef, bias, left_out = (t.numpy() for t in fit_ridge(features, targets, weight))
    x, y = features.double().numpy(), targets.double().numpy()
    share = (weight.double() / weight.double().sum()).numpy()
    # the normal equations of the whole fit tell the penalty
    slope = (x - share @ x).T @ (share[:, np.newaxis] * (y - x @ coef.T - bias))
    penalty = (slope * coef.T).sum() / (coef**2).sum()
    for i in range(12):
        others = np.arange(12) != i
        own = share[others]  # not to 1: the penalty keeps its strength
        centre, level = own @ x[others] / own.sum(), own @ y[others] / own.sum()
        ridge = Ridge(alpha=penalty, fit_intercept=False)
        ridge.fit(x[others] - centre, y[others] - level, own)
        expected = level + ridge.predict(x[[i]] - centre)[0]
        np.testing.assert_allclose(left_out[i], expected, atol=1e-6)


@pytest.mark.parametrize("n_features", [3, 30])
def test_predictions_without_a_block_are_those_of_a_fit_without_it(n_features):
    features, targets, weight = make_regression(22, n_features)
    coef, bias, left_out = (
        t.numpy() for t in fit_ridge(features, targets, weight, in_blocks=True)
    )
    x, y = features.double().numpy(), targets.double().numpy()
    share = (weight.double() / weight.double().sum()).numpy()
    slope = (x - share @ x).T @ (share[:, np.newaxis] * (y - x @ coef.T - bias))
    penalty = (slope * coef.T).sum() / (coef**2).sum()
    for rows in np.array_split(np.arange(22), 5):
        others = np.setdiff1d(np.arange(22), rows)
        own = share[others]  # not to 1: the penalty keeps its strength
        centre, level = own @ x[others] / own.sum(), own @ y[others] / own.sum()
        ridge = Ridge(alpha=penalty, fit_intercept=False)
        ridge.fit(x[others] - centre, y[others] - level, own)
        expected = level + ridge.predict(x[rows] - centre)
        np.testing.assert_allclose(left_out[rows], expected, atol=1e-6)


def test_neighbours_that_are_alike_do_not_hide_that_features_are_of_no_use():
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(20, 30, generator=generator).repeat_interleave(10, dim=0)
    features = (features + 1e-3 * torch.randn(200, 30, generator=generator)) / 30**0.5
    targets = torch.randn(20, 1, generator=generator).repeat_interleave(10, dim=0)
    by_one, _, _ = fit_ridge(features, targets, torch.ones(200))
    by_block, _, _ = fit_ridge(features, targets, torch.ones(200), in_blocks=True)
    assert by_block.norm() < 0.3 * by_one.norm()
