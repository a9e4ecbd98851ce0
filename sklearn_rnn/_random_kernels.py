"""Random kernels and a ridge regression on them, whose output joins a network's."""

from typing import NamedTuple

import numpy as np
import torch

from sklearn_rnn import nn
from sklearn_rnn._inference import apply_to_sequences

# a limit, so that few samples are not predicted with certainty
_SCALES = [0.0, *(2 ** (k / 2) for k in range(-2, 9))]
# of the mean and the last step beside the kernels, for classes
_WEIGHTS_OF_LAST = (0.15, 0.5)
# of the mean or a last step, in deviations of all steps: less is rounding, as in series
# that are standardised one by one
_LEAST_DEVIATION = 1e-3
_ENOUGH_FOR_BLOCKS = 50  # of fewer samples, one is left out: in whatever order
_BEYOND = 0.5  # the range of y, on either side: predictions have limits


def fit_class_branch(module, train, loss, generator):
    """Draw random kernels and fit the regression on them, for logits.

    It reads the mean and the last step, too, with a weight that suits samples left out.

    Parameters
    ----------
    module : SequenceModel
        With a `random_branch`, which is changed.
    train : TrainingData
        The training set.
    loss : CrossEntropy or BinaryCrossEntropy
    generator : torch.Generator
        Source of the kernels.
    """
    train = train.merge_equal()  # so that no copy of a sample tells its class
    kernels = _draw_kernels(module, train, generator)
    last = _compute_last_steps(module, train)
    branch = module.random_branch
    fits = [
        _fit_logits(
            torch.cat([w * last, kernels], dim=1), train, loss, len(branch.bias)
        )
        for w in _WEIGHTS_OF_LAST
    ]
    best = min(range(len(fits)), key=lambda i: fits[i].error)
    branch.weight.copy_(fits[best].coef)
    branch.weight[:, : last.shape[1]] *= _WEIGHTS_OF_LAST[best]
    branch.bias.copy_(fits[best].bias)


class _Fit(NamedTuple):
    coef: torch.Tensor
    bias: torch.Tensor
    error: float  # for samples left out


def _fit_logits(features, train, loss, n_outputs):
    weight, target = map(torch.from_numpy, (train.sample_weight, train.targets))
    wanted = target
    if target.dim() == 1:  # numbers of classes
        wanted = torch.nn.functional.one_hot(target, n_outputs)
    coef, bias, left_out = nn.fit_ridge(features, wanted, weight)
    # from predictions between 0 and 1 to logits: as sure as they are right
    bias, left_out = bias - 0.5, left_out - 0.5

    def measure(scale):
        return float((weight * loss(scale * left_out, target)).sum())

    scale = min(_SCALES, key=measure)
    return _Fit(scale * coef, scale * bias, measure(scale))


def fit_number_branch(module, train, generator):
    """Draw random kernels and fit the regression on them and the last steps.

    Parameters
    ----------
    module : SequenceModel
        With a `random_branch`, which is changed.
    train : TrainingData
        The training set. Samples that resemble each other, as windows of a series do,
        should be near each other.
    generator : torch.Generator
        Source of the kernels.
    """
    in_blocks = len(train) >= _ENOUGH_FOR_BLOCKS
    train = train.merge_equal(in_order=in_blocks)
    kernels = _draw_kernels(module, train, generator)
    last = _compute_last_steps(module, train)
    branch, weight = module.random_branch, torch.from_numpy(train.sample_weight)
    targets = torch.from_numpy(train.targets)
    features = torch.cat([last, kernels], dim=1)
    coef, bias, _ = nn.fit_ridge(features, targets, weight, in_blocks=in_blocks)
    branch.weight.copy_(coef)
    branch.bias.copy_(bias)
    lowest, highest = targets.amin(0), targets.amax(0)
    beyond = _BEYOND * (highest - lowest)
    branch.lowest.copy_(lowest - beyond)
    branch.highest.copy_(highest + beyond)


def _draw_kernels(module, train, generator):
    """Draw kernels, with thresholds and a scale that suit X; return their outputs."""
    kernels, weight = module.random_branch.convolutions, train.sample_weight
    n_steps = weight * train.X.lengths
    kernels.draw(round(n_steps.sum() / weight.sum()), generator)
    means = np.average(apply_to_sequences(module, train.X, _pool), 0, n_steps)
    kernels.set_thresholds(torch.from_numpy(means))
    features = apply_to_sequences(module, train.X, _compute_features)
    kernels.set_moments(*_measure_moments(features, weight))
    return (torch.from_numpy(features) - kernels.mean) / kernels.scale


def _compute_last_steps(module, train):
    """Return the mean and the last steps, with a scale that suits X."""
    last = module.random_branch.last_steps
    steps = apply_to_sequences(module, train.X, _take_last_steps)
    mean, std = _measure_moments(steps, train.sample_weight)
    last.set_moments(mean, torch.where(std > _LEAST_DEVIATION, std, 1.0))
    return last.standardize(torch.from_numpy(steps))


def _measure_moments(features, weight):
    """Return the mean and the deviation of each column; 1 where it is constant."""
    mean = np.average(features, 0, weight)
    std = np.sqrt(np.average((features - mean) ** 2, 0, weight))
    std = np.where(std > 1e-5 * np.abs(features).max(0), std, 1.0)
    return torch.from_numpy(mean), torch.from_numpy(std)


def _pool(module, x, lengths):
    return module.random_branch.convolutions.pool(module.inputs(x), lengths)


def _compute_features(module, x, lengths):
    return module.random_branch.convolutions(module.inputs(x), lengths)


def _take_last_steps(module, x, lengths):
    return module.random_branch.last_steps.take(module.inputs(x), lengths)
