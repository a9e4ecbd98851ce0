"""Scores of anomalies, against plain loops and recorded values of aeon."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from sklearn_rnn.metrics import (
    range_f1_score,
    segment_f1_score,
    step_average_precision_score,
    vus_pr_score,
)


def make_series(seed, n_steps):
    """Return labels in stretches, scores related to them, and alarms."""
    rng = np.random.RandomState(seed)
    true = np.zeros(n_steps, int)
    for _ in range(5):
        start = rng.randint(n_steps - 1)
        true[start : start + rng.randint(1, n_steps // 8)] = 1
    score = np.round(rng.normal(size=n_steps) + 1.5 * true, 2)
    return true, score, (score > 1.2).astype(int)


SERIES = [make_series(seed, n) for seed, n in enumerate((60, 90, 400, 777))]


def slow_area(true, score, buffer):
    """Return the area of one buffer, one threshold after the other."""
    n = len(true)
    runs, labels = slow_runs(true), true.astype(float)
    for start, last in runs:
        for step in range(n):
            if buffer > 1 and start - buffer // 2 <= step < start:
                labels[step] += np.sqrt(1 - (start - step) / buffer)
            if buffer > 1 and last < step < last + buffer // 2:
                labels[step] += np.sqrt(1 - (step - last) / buffer)
    labels = np.minimum(labels, 1)
    points = [(0.0, 1.0)]
    for rank in np.linspace(0, n - 1, 250).astype(int):
        alarms = score >= sorted(score, reverse=True)[rank]
        hits = (labels * alarms).sum()
        extended = slow_runs(labels > 0)
        exists = np.mean([alarms[start : last + 1].any() for start, last in extended])
        recall = min(hits / ((true.sum() + labels.sum()) / 2), 1) * exists
        points.append((recall, hits / alarms.sum()))
    return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in pairwise(points))


def slow_runs(flags):
    runs, start = [], None
    for step, flag in enumerate([*flags, 0]):
        if flag and start is None:
            start = step
        if not flag and start is not None:
            runs.append((start, step - 1))
            start = None
    return runs


@pytest.mark.parametrize("series", SERIES[:2], ids=len)
def test_vus_is_that_of_a_loop(series):
    true, score, _ = series
    expected = np.mean([slow_area(true, score, buffer) for buffer in range(10)])
    assert vus_pr_score([true], [score], window=9) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("i", "window", "expected"),
    [
        (0, 5, 0.7693868176691439),
        (1, 20, 0.8805770181616016),
        (2, 100, 0.845572440212915),
        (3, 40, 0.6386610093206605),
    ],
)
def test_vus_is_that_of_aeon(i, window, expected):
    true, score, _ = SERIES[i]  # aeon 1.6.0, range_pr_vus_score
    assert vus_pr_score([true], [score], window=window) == pytest.approx(expected)


def test_no_slope_reaches_into_another_sequence():
    true, score = np.r_[0, 0, 0, 1, 1], np.r_[0.1, 0.2, 0.3, 0.9, 0.8]
    other = np.r_[0.7, 0.6, 0.5]
    apart = vus_pr_score([true, np.zeros(3)], [score, other], window=6)
    joined = vus_pr_score([np.r_[true, 0, 0, 0]], [np.r_[score, other]], window=6)
    assert apart < joined  # joined, the steps after the stretch are half anomalous
    assert apart == vus_pr_score([np.zeros(3), true], [other, score], window=6)


def test_vus_grows_with_the_quality_of_scores_and_is_bounded():
    true, score, _ = SERIES[3]
    noise = np.random.RandomState(0).permutation(score)
    values = [vus_pr_score([true], [s], window=20) for s in (noise, score, true)]
    assert sorted(values) == values
    assert 0 < values[0] < 0.5 < values[2] <= 1
    assert vus_pr_score([true], [np.ones(len(true))], window=20) == 0


def test_average_precision_is_that_of_all_steps():
    true, score, _ = zip(*SERIES, strict=True)
    expected = average_precision_score(np.concatenate(true), np.concatenate(score))
    assert step_average_precision_score(true, score) == expected


def slow_coverage(ranges, others):
    total = 0.0
    for start, last in ranges:
        touching = [o for o in others if o[0] <= last and start <= o[1]]
        covered = sum(
            any(a <= step <= b for a, b in others) for step in range(start, last + 1)
        )
        total += covered / (last + 1 - start) / max(len(touching), 1)
    return total / len(ranges)


def test_range_f1_is_that_of_a_loop():
    for true, _, pred in SERIES:
        recall = slow_coverage(slow_runs(true), slow_runs(pred))
        precision = slow_coverage(slow_runs(pred), slow_runs(true))
        expected = 2 * precision * recall / (precision + recall)
        assert range_f1_score([true], [pred]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("i", "expected"),
    [
        (0, 0.36885731201894617),
        (1, 0.5718259989883661),
        (2, 0.15476550407935868),
        (3, 0.1589702644861725),
    ],
)
def test_range_f1_is_that_of_aeon(i, expected):
    true, _, pred = SERIES[i]  # aeon 1.6.0, range_f_score(r_alpha=0)
    assert range_f1_score([true], [pred]) == pytest.approx(expected)


def test_segment_f1_is_that_of_a_loop():
    for true, _, pred in SERIES:
        truths, alarms = slow_runs(true), slow_runs(pred)

        def touches(run, runs):
            return any(a <= run[1] and run[0] <= b for a, b in runs)

        found = sum(touches(run, alarms) for run in truths)
        false = sum(not touches(run, truths) for run in alarms)
        precision, recall = found / (found + false), found / len(truths)
        expected = 2 * precision * recall / (precision + recall)
        assert segment_f1_score([true], [pred]) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [range_f1_score, segment_f1_score])
def test_stretches_end_with_their_sequence(metric):
    true, pred = [[0, 1], [1, 0]], [[0, 1], [0, 0]]
    assert metric(true, pred) == pytest.approx(2 / 3)  # one of two stretches
    assert metric([[0, 1, 1, 0]], [[0, 1, 0, 0]]) > 2 / 3 - 1e-9
    assert metric([[0, 0]], [[0, 0]]) == 1
    assert metric([[0, 1]], [[0, 0]]) == metric([[0, 0]], [[0, 1]]) == 0


BAD = [
    (vus_pr_score, ([[0, 2]], [[0.0, 1.0]]), {"window": 2}, "y_true must have one"),
    (vus_pr_score, ([[0, 0]], [[0.0, 1.0]]), {"window": 2}, "no anomalous step"),
    (vus_pr_score, ([[0, 1]], [[0.0]]), {"window": 2}, "y_score"),
    (vus_pr_score, ([[0, 1]], [["a", "b"]]), {"window": 2}, "y_score must have one"),
    (vus_pr_score, ([[0, 1]], [[0.0, np.nan]]), {"window": 2}, "y_score"),
    (vus_pr_score, ([[0, 1]], [[0.0, 1.0]]), {"window": -1}, "window"),
    (vus_pr_score, ([[0, 1]], [[0.0, 1.0]]), {"window": 2.0}, "window must be an int"),
    (segment_f1_score, ([[0, 1]], [[1, -1]]), {}, "y_pred must have one"),
    (range_f1_score, ([[0, 1]], [[1, 0], [1]]), {}, "y_pred"),
]


@pytest.mark.parametrize(("metric", "arguments", "options", "match"), BAD)
def test_bad_input_is_named(metric, arguments, options, match):
    with pytest.raises((ValueError, TypeError), match=match):
        metric(*arguments, **options)
