"""The mean and the last steps, against plain loops."""

import numpy as np
import pytest
import torch

from sklearn_rnn import config_context
from sklearn_rnn.nn import LastSteps, RandomBranch

LENGTHS = torch.tensor([6, 1, 3])


def make_part(n_steps=4, most_deviations=None):
    part = LastSteps(2, n_steps, most_deviations)
    generator = torch.Generator().manual_seed(0)
    size = part.output_size
    mean = torch.randn(size, generator=generator)
    part.set_moments(mean, torch.rand(size, generator=generator) + 0.5)
    return part


def make_x():
    return torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(1))


def take_by_loops(part, x):
    """Return the outputs for one sequence, as the docstring defines them."""
    steps = [x.double().mean(0).numpy()]
    for k in range(1, part.n_steps + 1):
        steps.append(x[-k].double().numpy() if k <= len(x) else np.zeros(2))
    mean, scale = part.mean.double().numpy(), part.scale.double().numpy()
    return (np.concatenate(steps) - mean) / scale


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_outputs_equal_plain_loops(kernels):
    part, x = make_part(), make_x()
    with config_context(kernels=kernels):
        found = part(x, LENGTHS).double().numpy()
        whole = part(x).double().numpy()
    for row, sequence, n in zip(found, x, LENGTHS, strict=True):
        np.testing.assert_allclose(row, take_by_loops(part, sequence[:n]), atol=1e-5)
    for row, sequence in zip(whole, x, strict=True):
        np.testing.assert_allclose(row, take_by_loops(part, sequence), atol=1e-5)


def test_what_is_behind_the_last_step_is_not_read():
    part, x = make_part(), make_x()
    before = part(x, LENGTHS)
    x[1, 1:], x[2, 3:] = 0.0, 0.0
    assert torch.equal(part(x, LENGTHS), before)
    assert torch.equal(part(x[2:, :3]), before[2:])


def test_moments_standardise_outputs():
    part = LastSteps(2, 5)
    x = torch.randn(40, 6, 2, generator=torch.Generator().manual_seed(2)) + 3
    raw = part(x)
    part.set_moments(raw.mean(0), raw.std(0, correction=0))
    found = part(x)
    torch.testing.assert_close(found.mean(0), torch.zeros(12), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.square().sum(1).mean(), torch.tensor(4.0))


def test_outputs_are_kept_within_a_limit_in_standard_deviations():
    free = make_part()(make_x(), LENGTHS)
    found = make_part(most_deviations=1.5)(make_x(), LENGTHS)
    bound = 1.5 * 2 / 10**0.5
    torch.testing.assert_close(found, free.clamp(-bound, bound))
    assert (free.abs() > bound).any()
    assert (free.abs() < bound).any()


def test_a_value_that_is_not_a_number_has_no_limit():
    part, x = make_part(most_deviations=1.0), make_x()
    x[0, -1, 0] = torch.nan
    assert part(x)[0].isnan().any()


def test_a_branch_may_leave_out_the_last_steps():
    branch = RandomBranch(2, 6, 3, n_last=4, most_deviations=2.0)
    branch.leave_out_last_steps()
    alone = RandomBranch(2, 6, 3)
    shapes = {name: weight.shape for name, weight in branch.state_dict().items()}
    assert shapes == {name: w.shape for name, w in alone.state_dict().items()}


def test_outputs_of_a_branch_that_reads_steps_have_limits():
    branch, x = RandomBranch(2, 6, 3, n_last=4), make_x()
    branch.weight += torch.randn(3, 22, generator=torch.Generator().manual_seed(0))
    free = branch(x, LENGTHS)
    branch.lowest.fill_(-0.5)
    branch.highest.fill_(0.25)
    assert torch.equal(branch(x, LENGTHS), free.clamp(-0.5, 0.25))
    assert (free < -0.5).any()
    assert (free > 0.25).any()


def test_gradients_reach_the_steps():
    branch = RandomBranch(2, 6, 3, n_last=4).double()
    branch.weight += torch.randn(3, 22, generator=torch.Generator().manual_seed(0))
    x = make_x().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: branch(x, LENGTHS), x)
