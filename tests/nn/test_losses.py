"""Losses against scikit-learn's metrics, and the links."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics

from sklearn_rnn.nn import _losses


def test_cross_entropy_is_log_loss(rng):
    logits = torch.from_numpy(rng.normal(size=(20, 3)))
    y = torch.from_numpy(rng.integers(0, 3, 20))
    loss = _losses.CrossEntropy()
    expected = metrics.log_loss(
        y.numpy(), loss.predict(logits).numpy(), labels=[0, 1, 2]
    )
    assert loss(logits, y).mean().item() == pytest.approx(expected)
    torch.testing.assert_close(loss.predict_log(logits).exp(), loss.predict(logits))


def test_binary_cross_entropy_is_log_loss_of_each_label(rng):
    logits = torch.from_numpy(rng.normal(size=(20, 2)))
    y = torch.from_numpy(rng.integers(0, 2, (20, 2)).astype(float))
    loss = _losses.BinaryCrossEntropy()
    probability = loss.predict(logits).numpy()
    expected = np.mean(
        [metrics.log_loss(y[:, k].numpy(), probability[:, k]) for k in range(2)]
    )
    assert loss(logits, y).mean().item() == pytest.approx(expected)
    torch.testing.assert_close(loss.predict_log(logits).exp(), loss.predict(logits))


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (_losses.SquaredError(), metrics.mean_squared_error),
        (_losses.AbsoluteError(), metrics.mean_absolute_error),
        (
            _losses.Quantile(0.9),
            lambda y, p: metrics.mean_pinball_loss(y, p, alpha=0.9),
        ),
    ],
)
def test_regression_losses_are_the_metrics(rng, loss, metric):
    output, y = (torch.from_numpy(rng.normal(size=(20, 2))) for _ in range(2))
    expected = metric(y.numpy(), loss.predict(output).numpy())
    assert loss(output, y).mean().item() == pytest.approx(expected)


def test_huber_is_squared_near_and_absolute_far():
    loss = _losses.Huber()
    output = torch.tensor([[0.5], [3.0]])
    expected = torch.tensor([0.125, 2.5])
    torch.testing.assert_close(loss(output, torch.zeros(2, 1)), expected)


def test_several_quantiles_are_ordered_and_cost_the_mean_pinball_loss(rng):
    output, y = (torch.from_numpy(5 * rng.normal(size=(20, n))) for n in (6, 2))
    loss = _losses.Quantiles((0.1, 0.7, 0.9))
    predicted = loss.predict(output).numpy()
    assert (np.diff(predicted, axis=2) > 0).all()
    np.testing.assert_array_equal(predicted[..., 1], output[:, 2:4])
    expected = [
        metrics.mean_pinball_loss(y.numpy(), predicted[..., k], alpha=level)
        for k, level in enumerate(loss.levels)
    ]
    assert loss(output, y).mean().item() == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("levels", [(0.5,), (0.1, 0.5), (0.05, 0.1, 0.5, 0.9)])
def test_outputs_of_quantiles_are_found_again(levels):
    loss = _losses.Quantiles(levels)
    quantiles = torch.randn(3, 4, len(levels), dtype=torch.float64).sort(2).values
    outputs = loss.invert(quantiles)
    torch.testing.assert_close(loss.predict(outputs), quantiles)


def test_poisson_differs_from_the_deviance_by_a_constant(rng):
    output = torch.from_numpy(rng.normal(size=(20, 1)))
    y = torch.from_numpy(rng.poisson(3, (20, 1)).astype(float))
    loss = _losses.Poisson()

    def half_deviance(output):
        return (
            metrics.mean_poisson_deviance(y.numpy(), loss.predict(output).numpy()) / 2
        )

    other = output + 0.3
    ours = loss(other, y).mean() - loss(output, y).mean()
    assert ours.item() == pytest.approx(half_deviance(other) - half_deviance(output))


def test_gaussian_is_the_negative_log_likelihood(rng):
    output = torch.from_numpy(rng.normal(size=(20, 4)))
    y = torch.from_numpy(rng.normal(size=(20, 2)))
    loss = _losses.Gaussian()
    likelihood = stats.norm.logpdf(
        y.numpy(), loss.predict(output).numpy(), loss.predict_std(output).numpy()
    )
    expected = -likelihood.mean() - 0.5 * np.log(2 * np.pi)
    assert loss(output, y).mean().item() == pytest.approx(expected)
