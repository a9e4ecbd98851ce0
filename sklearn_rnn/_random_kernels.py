"""Random kernels and a ridge regression on them, whose output joins a network's."""

import numpy as np
import torch

from sklearn_rnn import nn
from sklearn_rnn._inference import apply_to_sequences

# a limit, so that few samples are not predicted with certainty
_SCALES = [0.0, *(2 ** (k / 2) for k in range(-2, 9))]


def fit_random_branch(module, train, loss, generator):
    """Draw random kernels and fit the regression on them.

    Parameters
    ----------
    module : SequenceModel
        With a `random_branch`, which is changed.
    train : TrainingData
        Each different sample once, so that no copy of it tells its class.
    loss : CrossEntropy or BinaryCrossEntropy
    generator : torch.Generator
        Source of the kernels.
    """
    features = _draw_kernels(module, train, generator)
    branch, weight = module.random_branch, torch.from_numpy(train.sample_weight)
    target = wanted = torch.from_numpy(train.targets)
    if target.dim() == 1:  # numbers of classes
        wanted = torch.nn.functional.one_hot(target, len(branch.bias))
    coef, bias, left_out = nn.fit_ridge(features, wanted, weight)
    # from predictions between 0 and 1 to logits: as sure as they are right
    bias, left_out = bias - 0.5, left_out - 0.5
    scale = min(
        _SCALES, key=lambda s: float((weight * loss(s * left_out, target)).sum())
    )
    branch.weight.copy_(scale * coef)
    branch.bias.copy_(scale * bias)


def _draw_kernels(module, train, generator):
    """Draw kernels, with thresholds and a scale that suit X; return their outputs."""
    kernels, weight = module.random_branch.convolutions, train.sample_weight
    n_steps = weight * train.X.lengths
    kernels.draw(round(n_steps.sum() / weight.sum()), generator)
    means = np.average(apply_to_sequences(module, train.X, _pool), 0, n_steps)
    kernels.set_thresholds(torch.from_numpy(means))
    features = apply_to_sequences(module, train.X, _compute_features)
    mean = np.average(features, 0, weight)
    std = np.sqrt(np.average((features - mean) ** 2, 0, weight))
    std = np.where(std > 1e-5 * np.abs(features).max(0), std, 1.0)
    kernels.set_moments(torch.from_numpy(mean), torch.from_numpy(std))
    return (torch.from_numpy(features) - kernels.mean) / kernels.scale


def _pool(module, x, lengths):
    return module.random_branch.convolutions.pool(module.inputs(x), lengths)


def _compute_features(module, x, lengths):
    return module.random_branch.convolutions(module.inputs(x), lengths)
