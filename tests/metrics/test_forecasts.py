"""Errors of forecasts, against plain loops and published figures."""

import csv
import gzip
import math

import numpy as np
import pytest

from sklearn_rnn.metrics import (
    interval_coverage_score,
    mean_absolute_scaled_error,
    symmetric_mean_absolute_percentage_error,
    weighted_quantile_loss,
    winkler_score,
)

rng = np.random.default_rng(0)
TRUE, PRED = rng.normal(10, 3, (2, 6, 4))
HISTORY = [rng.normal(size=n) for n in (9, 12, 30, 8, 9, 10)]


def test_scaled_error_is_that_of_a_loop():
    total = 0.0
    for true, pred, past in zip(TRUE, PRED, HISTORY, strict=True):
        naive = [abs(past[t] - past[t - 3]) for t in range(3, len(past))]
        error = [abs(a - b) for a, b in zip(true, pred, strict=True)]
        total += sum(error) / len(error) / (sum(naive) / len(naive))
    expected = total / len(TRUE)
    error = mean_absolute_scaled_error(TRUE, PRED, history=HISTORY, season_length=3)
    assert error == pytest.approx(expected)


def test_percentage_error_is_that_of_a_loop_and_zero_is_right():
    pairs = list(zip(TRUE.ravel(), PRED.ravel(), strict=True))
    expected = sum(200 * abs(a - b) / (abs(a) + abs(b)) for a, b in pairs) / len(pairs)
    error = symmetric_mean_absolute_percentage_error(TRUE, PRED)
    assert error == pytest.approx(expected)
    assert symmetric_mean_absolute_percentage_error([[0.0, 1.0]], [[0.0, 1.0]]) == 0
    assert symmetric_mean_absolute_percentage_error([[0.0]], [[5.0]]) == 200


def test_quantile_loss_is_that_of_a_loop():
    levels = [0.1, 0.5, 0.8]
    quantiles = TRUE[..., np.newaxis] + rng.normal(size=(*TRUE.shape, 3))
    total = 0.0
    for index, y in np.ndenumerate(TRUE):
        for q, forecast in zip(levels, quantiles[index], strict=True):
            total += 2 * (q if y > forecast else q - 1) * (y - forecast)
    expected = total / 3 / np.abs(TRUE).sum()
    loss = weighted_quantile_loss(TRUE, quantiles, quantiles=levels)
    assert loss == pytest.approx(expected)


def test_the_median_has_half_of_the_absolute_error_twice():
    loss = weighted_quantile_loss(TRUE, PRED[..., np.newaxis], quantiles=[0.5])
    assert loss == pytest.approx(np.abs(TRUE - PRED).sum() / np.abs(TRUE).sum())


def test_coverage_counts_limits():
    assert interval_coverage_score([[1.0, 2.0]], [[1.0, 2.5]], [[1.0, 3.0]]) == 0.5


def test_winkler_score_is_that_of_a_loop():
    low, high = PRED - 1.0, PRED + 1.5
    scores = []
    for y, a, b in zip(TRUE.ravel(), low.ravel(), high.ravel(), strict=True):
        penalty = 2 / 0.2 * (max(a - y, 0) + max(y - b, 0))
        scores.append(b - a + penalty)
    score = winkler_score(TRUE, low, high, coverage=0.8)
    assert score == pytest.approx(math.fsum(scores) / len(scores))


def test_the_right_quantiles_have_the_lowest_scores():
    """The scores are proper: the interval of the true distribution is the best."""
    y = rng.normal(size=(20_000, 1))
    z = 1.6448536
    right = winkler_score(y, np.full_like(y, -z), np.full_like(y, z), coverage=0.9)
    for other in (0.6 * z, 1.5 * z):
        low, high = np.full_like(y, -other), np.full_like(y, other)
        assert winkler_score(y, low, high, coverage=0.9) > right
    levels = [0.05]
    best = weighted_quantile_loss(y, np.full((*y.shape, 1), -z), quantiles=levels)
    for other in (-2.5, -1.0):
        wrong = np.full((*y.shape, 1), other)
        assert weighted_quantile_loss(y, wrong, quantiles=levels) > best


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: symmetric_mean_absolute_percentage_error([1, 2], [1, 2]),
            r"y_true and y_pred must both have shape \(n_samples, horizon\)",
        ),
        (
            lambda: interval_coverage_score([[1]], [[1, 2]], [[1, 2]]),
            "y_true and lower",
        ),
        (
            lambda: mean_absolute_scaled_error([[1]], [[1]], history=[[2, 2]]),
            r"history\[0\] has no differences between steps that are season_length=1",
        ),
        (
            lambda: mean_absolute_scaled_error([[1]], [[1]], history=[[2]]),
            r"history\[0\] has no differences",
        ),
        (
            lambda: weighted_quantile_loss([[1]], [[1]], quantiles=[0.5]),
            "y_quantiles must have the shape",
        ),
        (
            lambda: weighted_quantile_loss([[0]], [[[1]]], quantiles=[0.5]),
            "All values of y_true are 0",
        ),
        (
            lambda: winkler_score([[1]], [[0]], [[2]], coverage=1),
            "coverage must be between 0 and 1",
        ),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_seasonal_naive_on_the_hourly_series_of_m4(shared_data):
    """The organisers publish 13.91 and 1.193."""

    def read(part):
        path = shared_data / "m4_hourly" / f"Hourly-{part}.csv.gz"
        with gzip.open(path, "rt") as file:
            rows = list(csv.reader(file))[1:]
        return [np.array([float(v) for v in row[1:] if v]) for row in rows]

    history, future = read("train"), np.stack(read("test"))
    naive = np.stack([np.tile(x[-24:], 2) for x in history])
    error = mean_absolute_scaled_error(future, naive, history=history, season_length=24)
    assert error == pytest.approx(1.193, abs=5e-4)
    percent = symmetric_mean_absolute_percentage_error(future, naive)
    assert percent == pytest.approx(13.91, abs=5e-3)
