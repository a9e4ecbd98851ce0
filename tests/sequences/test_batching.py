"""Batches and moments against plain loops."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sklearn_rnn import RaggedArray
from sklearn_rnn._sequences import _batching
from sklearn_rnn._sequences._batching import (
    batches_by_length,
    gather_batch,
    merge_equal_samples,
    weighted_moments,
)

fuzz = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make_ragged(rng, lengths, n_features=2, dtype="f4"):
    sequences = [rng.normal(size=(n, n_features)) * 10 for n in lengths]
    return RaggedArray.from_sequences([s.astype(dtype) for s in sequences])


def with_value(X, key, value):
    """Return X with ``X.values[key]`` set, as a RaggedArray is read-only."""
    values = X.values.copy()
    values[key] = value
    return RaggedArray(values, X.offsets)


# gather_batch -----------------------------------------------------------------------


def pad_in_a_loop(X, rows):
    lengths = [len(X[int(i)]) for i in rows]
    x = np.zeros((len(rows), max(lengths), X.n_features), X.dtype)
    for k, i in enumerate(rows):
        for step in range(lengths[k]):
            x[k, step] = X[int(i)][step]
    return x, lengths


@pytest.mark.parametrize("dtype", ["f4", "i8"])
@pytest.mark.parametrize(
    "rows", [[0], [2, 0, 4], [1, 1, 3], [4, 3, 2, 1, 0], [0, 1]], ids=str
)
def test_a_batch_is_what_a_plain_loop_makes(rng, rows, dtype):
    X = make_ragged(rng, [3, 1, 4, 2, 5], dtype=dtype)
    x, lengths = gather_batch(X, np.array(rows))
    expected, expected_lengths = pad_in_a_loop(X, rows)
    np.testing.assert_array_equal(x, expected)
    assert x.dtype == X.dtype
    if len(set(expected_lengths)) == 1:
        assert lengths is None
    else:
        np.testing.assert_array_equal(lengths, expected_lengths)


def test_no_padding_means_no_lengths(rng):
    X = make_ragged(rng, [3, 2, 3, 3])
    x, lengths = gather_batch(X, np.array([3, 0, 2]))
    np.testing.assert_array_equal(x, [X[3], X[0], X[2]])
    assert lengths is None


def test_a_batch_of_a_slice_is_a_batch_of_its_sequences(rng):
    X = make_ragged(rng, [3, 1, 4, 2, 5])[1:4]  # offsets do not begin at 0
    x, lengths = gather_batch(X, np.array([2, 0]))
    np.testing.assert_array_equal(x, pad_in_a_loop(X, [2, 0])[0])
    np.testing.assert_array_equal(lengths, [2, 1])


def test_padding_is_zero_also_beside_values_that_are_not_finite():
    X = RaggedArray(np.full((4, 1), np.inf, "f4"), [0, 1, 4])
    x, _ = gather_batch(X, np.array([0, 1]))
    np.testing.assert_array_equal(x[:, :, 0], [[np.inf, 0, 0], [np.inf] * 3])


def test_a_batch_leaves_the_data_as_they_are(rng):
    X = make_ragged(rng, [3, 1])
    before = X.values.copy()
    x, _ = gather_batch(X, np.array([0, 1]))
    x[:] = 7
    np.testing.assert_array_equal(X.values, before)


# batches_by_length ------------------------------------------------------------------


@fuzz
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.integers(1, 10),
    st.integers(1, 60),
)
def test_each_sequence_is_in_one_batch_within_the_limits(lengths, max_rows, max_steps):
    lengths = np.array(lengths)
    batches = list(batches_by_length(lengths, max_rows, max_steps))
    np.testing.assert_array_equal(
        np.sort(np.concatenate(batches)), np.arange(len(lengths))
    )
    for rows in batches:
        assert 1 <= len(rows) <= max_rows
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= max_steps


@fuzz
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_the_longest_come_first(lengths):
    lengths = np.array(lengths)
    order = np.concatenate(list(batches_by_length(lengths, 7, 40)))
    assert (np.diff(lengths[order]) <= 0).all()


def test_batches_are_as_large_as_the_limits_allow():
    sizes = [len(rows) for rows in batches_by_length(np.full(10, 5), 4, 1000)]
    assert sizes == [4, 4, 2]
    sizes = [len(rows) for rows in batches_by_length(np.full(10, 5), 100, 15)]
    assert sizes == [3, 3, 3, 1]
    sizes = [len(rows) for rows in batches_by_length(np.full(2, 50), 100, 15)]
    assert sizes == [1, 1]


# weighted_moments -------------------------------------------------------------------


def repeat_steps(X, counts):
    """All steps of all sequences, those of a sequence of weight 2 twice."""
    parts = [x for x, n in zip(X, counts, strict=True) for _ in range(n)]
    return np.concatenate(parts).astype(np.float64)


@pytest.mark.parametrize("n_samples", [1, 7, 50])
@pytest.mark.parametrize("steps_at_once", [1, 5, 65_536])
def test_moments_are_those_of_the_steps_repeated_by_weight(
    rng, monkeypatch, n_samples, steps_at_once
):
    monkeypatch.setattr(_batching, "_NUMBERS", 3 * steps_at_once)
    X = make_ragged(rng, rng.integers(1, 6, n_samples), n_features=3)
    counts = rng.integers(1, 4, n_samples)
    mean, std = weighted_moments(X, counts.astype(float))
    steps = repeat_steps(X, counts)
    np.testing.assert_allclose(mean, steps.mean(axis=0), rtol=1e-10)
    expected = steps.std(axis=0)
    np.testing.assert_allclose(std, np.where(expected > 0, expected, 1), rtol=1e-10)


def test_a_sequence_of_weight_zero_does_not_count(rng):
    X = make_ragged(rng, [3, 4, 5])
    X = with_value(X, slice(3), 1e3)  # also not as the pivot
    weight = np.array([0.0, 1.0, 2.0])
    mean, std = weighted_moments(X, weight)
    rest_mean, rest_std = weighted_moments(X[1:], weight[1:])
    np.testing.assert_allclose(mean, rest_mean, rtol=1e-9)
    np.testing.assert_allclose(std, rest_std, rtol=1e-9)


@pytest.mark.parametrize("first", [0, 1], ids=["elsewhere", "in the first step"])
def test_an_outlier_of_little_weight_does_not_hide_the_spread(rng, first):
    X = make_ragged(rng, [50, 1])[[first, 1 - first]]
    X = with_value(X, 0 if first else -1, 1e5)
    weight = np.array([1.0, 1e-6])[[first, 1 - first]]
    mean, std = weighted_moments(X, weight)
    by_step = np.repeat(weight, X.lengths)
    steps = X.values.astype(np.float64)
    expected = np.average(steps, axis=0, weights=by_step)
    deviation = np.average((steps - expected) ** 2, axis=0, weights=by_step)
    np.testing.assert_allclose(mean, expected, rtol=1e-6)
    np.testing.assert_allclose(std, np.sqrt(deviation), rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-9, 0.25, 1e6])
def test_only_ratios_of_weights_matter(rng, scale):
    X = make_ragged(rng, [3, 4, 5])
    weight = np.array([1.0, 2.0, 3.0])
    for ours, theirs in zip(
        weighted_moments(X, weight * scale), weighted_moments(X, weight), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("offset", [1e3, -1e6, 1e6, 1e7])
def test_a_large_offset_costs_no_accuracy(rng, offset):
    X = make_ragged(rng, rng.integers(2, 9, 300))
    X = RaggedArray((X.values + offset).astype("f4"), X.offsets)
    counts = rng.integers(1, 3, len(X))
    mean, std = weighted_moments(X, counts.astype(float))
    steps = repeat_steps(X, counts)
    np.testing.assert_allclose(mean, steps.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, steps.std(axis=0), rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_the_scale_of_the_data_costs_no_accuracy(rng, scale):
    X = make_ragged(rng, rng.integers(2, 9, 20))
    scaled = RaggedArray((X.values * scale).astype("f4"), X.offsets)
    mean, std = weighted_moments(scaled, np.ones(20))
    steps = scaled.values.astype(np.float64)
    np.testing.assert_allclose(mean, steps.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(std, steps.std(axis=0), rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e6, 123456.789, 1e-20, 3e38])
def test_a_constant_feature_has_a_deviation_of_one(rng, value):
    X = make_ragged(rng, rng.integers(1, 9, 300))
    X = with_value(X, (slice(None), 1), value)
    mean, std = weighted_moments(X, rng.uniform(0.1, 3, 300))
    np.testing.assert_allclose(mean[1], np.float32(value), rtol=1e-12)
    assert std[1] == 1
    assert std[0] != 1


def test_moments_of_a_slice_are_those_of_its_sequences(rng):
    X = make_ragged(rng, rng.integers(1, 9, 12))
    ours = weighted_moments(X[3:9], np.ones(6))
    steps = np.concatenate(X[3:9].to_list()).astype(np.float64)
    np.testing.assert_allclose(ours, [steps.mean(axis=0), steps.std(axis=0)])


def test_moments_leave_the_data_as_they_are(rng):
    X = make_ragged(rng, [3, 4], dtype="f8")
    before = X.values.copy()
    X.values.flags.writeable = False
    weighted_moments(X, np.ones(2))
    np.testing.assert_array_equal(X.values, before)


# merge_equal_samples ----------------------------------------------------------------


def as_weights(X, y, weight):
    """Total weight of each sample, by content."""
    total = {}
    for x, target, w in zip(X, y, weight, strict=True):
        key = tuple(x.ravel()), tuple(np.ravel(target))
        total[key] = total.get(key, 0) + w
    return total


def test_equal_samples_become_one_with_all_their_weight():
    X = RaggedArray.from_sequences([[1, 2], [3], [1, 2], [1, 2], [3]])
    y = np.array([0, 1, 0, 1, 1])
    merged = merge_equal_samples(X, y, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert len(merged[0]) == len(merged[1]) == len(merged[2]) == 3
    assert as_weights(*merged) == {
        ((1, 2), (0,)): 4,
        ((3,), (1,)): 7,
        ((1, 2), (1,)): 4,
    }


def test_samples_that_differ_are_kept_apart():
    # in y alone, in length alone
    X = RaggedArray.from_sequences([[0.0, 0.0], [0.0], [0.0, 0.0], [0.0, 0.0, 0.0]])
    y = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    merged = merge_equal_samples(X, y, np.ones(4))
    assert len(merged[0]) == 4
    assert as_weights(*merged) == as_weights(X, y, np.ones(4))


@fuzz
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 1), min_size=1, max_size=3), st.integers(0, 1)
        ),
        min_size=1,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_and_the_repetition_of_samples_do_not_matter(samples, random):
    def merge(samples, weight):
        X = RaggedArray.from_sequences([x for x, _ in samples])
        y = np.array([y for _, y in samples])
        return merge_equal_samples(X, y, weight)

    weight = np.array([random.randint(1, 3) for _ in samples])
    repeated = [s for s, w in zip(samples, weight, strict=True) for _ in range(w)]
    random.shuffle(repeated)
    X, y, w = merge(samples, weight.astype(float))
    X2, y2, w2 = merge(repeated, np.ones(len(repeated)))
    np.testing.assert_array_equal(X.offsets, X2.offsets)
    np.testing.assert_array_equal(X.values, X2.values)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(w, w2)
    assert w.sum() == weight.sum()
    assert len({(x.tobytes(), t) for x, t in zip(X, y, strict=True)}) == len(X)
