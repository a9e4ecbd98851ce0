"""GapEncoder against plain loops over steps."""

from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import GapEncoder
from sklearn_rnn.preprocessing._gap_encoder import last_seen, next_seen

nan = np.nan
PLAIN = {"add_mask": False, "add_time_since": False}


@pytest.fixture
def gappy(rng):
    """30 sequences of 3 features and 1 to 9 steps, half missing; times rise."""
    sequences, times = [], []
    for n in rng.integers(1, 10, 30):
        x = rng.normal(size=(n, 3)) + 5
        x[rng.random(x.shape) < 0.5] = nan
        sequences.append(x)
        times.append(rng.exponential(size=n).cumsum())
    return sequences, times


def with_times(gappy):
    return [np.column_stack([t, x]) for x, t in zip(*gappy, strict=True)]


# The plain loops --------------------------------------------------------------------


def loop_last(x, mean):
    x = x.copy()
    for feature in range(x.shape[1]):
        value = mean[feature]
        for step in range(len(x)):
            value = value if np.isnan(x[step, feature]) else x[step, feature]
            x[step, feature] = value
    return x


def loop_linear(x, mean, times):
    x = x.copy()
    for feature in range(x.shape[1]):
        seen = ~np.isnan(x[:, feature])
        if seen.any():
            x[:, feature] = np.interp(times, times[seen], x[seen, feature])
        else:
            x[:, feature] = mean[feature]
    return x


def loop_delta(x, times):
    """Equation 2 of Che et al. 2018."""
    delta = np.zeros(x.shape)
    for step in range(1, len(x)):
        for feature in range(x.shape[1]):
            delta[step, feature] = times[step] - times[step - 1]
            if np.isnan(x[step - 1, feature]):
                delta[step, feature] += delta[step - 1, feature]
    return delta


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("strategy", ["last", "linear", "mean"])
def test_it_is_the_plain_loop(strategy, timed, gappy):
    sequences, times = gappy
    mean = np.nanmean(np.concatenate(sequences), axis=0)
    if timed:
        encoder = GapEncoder(strategy=strategy, time=0)
        encoded = encoder.fit_transform(with_times(gappy))
    else:
        encoded = GapEncoder(strategy=strategy).fit_transform(sequences)
        times = [np.arange(len(x)) for x in sequences]
    for ours, x, t in zip(encoded, sequences, times, strict=True):
        filled = {
            "last": loop_last(x, mean),
            "linear": loop_linear(x, mean, t),
            "mean": np.where(np.isnan(x), mean, x),
        }[strategy]
        expected = np.hstack([filled, ~np.isnan(x), loop_delta(x, t)])
        if timed:
            expected = np.column_stack([np.diff(t, prepend=t[0]), expected])
        np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    seed=st.integers(0, 2**16),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_rows_that_were_seen_are_found_within_their_sequence(lengths, seed):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    seen = np.random.default_rng(seed).random((offsets[-1], 1)) < 0.4
    before, after = last_seen(seen, offsets), next_seen(seen, offsets)
    for start, stop in pairwise(offsets):
        for row in range(start, stop):
            rows = [r for r in range(start, row + 1) if seen[r, 0]]
            assert before[row, 0] == (rows[-1] if rows else -1)
            rows = [r for r in range(row, stop) if seen[r, 0]]
            assert after[row, 0] == (rows[0] if rows else -1)


# What it promises -------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["last", "linear", "mean"])
def test_without_gaps_nothing_changes(strategy, ragged):
    X, _ = ragged
    encoded = GapEncoder(strategy=strategy).fit_transform(X)
    np.testing.assert_array_equal(encoded.values[:, :2], np.concatenate(X))
    assert (encoded.values[:, 2:4] == 1).all()
    assert encoded.dtype == np.float32


def test_last_does_not_look_ahead(gappy):
    sequences, _ = gappy
    encoder = GapEncoder().fit(sequences)
    for x in sequences:
        whole = encoder.transform([x])[0]
        for n in range(1, len(x)):
            np.testing.assert_array_equal(encoder.transform([x[:n]])[0], whole[:n])


def test_means_are_of_the_training_data(gappy):
    sequences, _ = gappy
    encoder = GapEncoder(**PLAIN).fit(sequences[:10])
    mean = np.nanmean(np.concatenate(sequences[:10]), axis=0)
    np.testing.assert_allclose(encoder.means_, mean)
    missing = encoder.transform([np.full((4, 3), nan)])
    np.testing.assert_allclose(missing[0], np.tile(mean, (4, 1)))


@pytest.mark.parametrize("strategy", ["last", "linear", "mean"])
def test_a_feature_that_is_missing_everywhere_is_kept_as_zeros(strategy):
    X = [np.array([[1.0, nan], [2.0, nan]]), np.array([[3.0, nan]])]
    encoder = GapEncoder(strategy=strategy).fit(X)
    encoded = encoder.transform(X)
    assert (encoded.values[:, 1] == 0).all()
    assert (encoded.values[:, 3] == 0).all()  # its mask
    assert encoder.means_[1] == 0
    seen_later = encoder.transform([np.array([[1.0, 7.0], [1.0, nan]])])
    assert seen_later[0][0, 1] == 7


def test_the_unit_of_time_scales_the_times_alone(gappy):
    encoder = GapEncoder(strategy="linear", time=0)
    X = with_times(gappy)
    hours = encoder.fit_transform(X).values
    minutes = encoder.fit_transform([x * [60, 1, 1, 1] for x in X]).values
    scale = np.array([60, 1, 1, 1, 1, 1, 1, 60, 60, 60])
    np.testing.assert_allclose(minutes, hours * scale, atol=1e-9)


def test_where_time_begins_does_not_matter(gappy):
    X = with_times(gappy)
    encoder = GapEncoder(time=0).fit(X)
    later = encoder.transform([x + [100, 0, 0, 0] for x in X])
    np.testing.assert_allclose(later.values, encoder.transform(X).values, atol=1e-9)


def test_equal_times_are_allowed():
    X = [np.array([[0.0, 1.0], [1.0, nan], [1.0, 5.0]])]
    filled = GapEncoder(strategy="linear", time=0, **PLAIN).fit_transform(X)
    np.testing.assert_array_equal(filled[0][:, 1], [1, 5, 5])
    X = [np.array([[1.0, 1.0], [1.0, nan], [1.0, 5.0]])]
    filled = GapEncoder(strategy="linear", time=0, **PLAIN).fit_transform(X)
    np.testing.assert_array_equal(filled[0][:, 1], [1, 1, 5])


def test_huge_values_do_not_overflow():
    X = [np.array([[-3e38], [nan], [3e38]], dtype=np.float32)]
    filled = GapEncoder(strategy="linear", **PLAIN).fit_transform(X)
    assert abs(filled[0][1, 0]) < 1e31


# Columns and containers -------------------------------------------------------------


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_time_is_named_by_its_column(make):
    X = [make({"pulse": [60.0, None, 80.0], "hours": [0.0, 1.0, 4.0]})]
    encoder = GapEncoder(time="hours").fit(X)
    names = ["pulse", "hours_elapsed", "pulse_mask", "pulse_time_since"]
    assert list(encoder.get_feature_names_out()) == names
    expected = [[60, 0, 1, 0], [60, 1, 0, 1], [80, 3, 1, 4]]
    np.testing.assert_array_equal(encoder.transform(X)[0], expected)


def test_time_is_counted_from_the_end_where_negative(gappy):
    X = with_times(gappy)
    turned = [x[:, [1, 2, 3, 0]] for x in X]
    np.testing.assert_array_equal(
        GapEncoder(time=-1).fit_transform(turned).values[:, 3],
        GapEncoder(time=0).fit_transform(X).values[:, 0],
    )


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["x0", "x1", "x0_mask", "x1_mask", "x0_time_since", "x1_time_since"]),
        ({"add_mask": False}, ["x0", "x1", "x0_time_since", "x1_time_since"]),
        ({"time": 0, "add_time_since": False}, ["x0_elapsed", "x1", "x1_mask"]),
        (PLAIN, ["x0", "x1"]),
    ],
    ids=str,
)
def test_names_are_those_of_the_features_that_come_out(params, names):
    X = np.arange(12.0).reshape(2, 3, 2)
    encoder = GapEncoder(**params).fit(X)
    assert list(encoder.get_feature_names_out()) == names
    assert encoder.transform(X).shape == (2, 3, len(names))


@pytest.mark.parametrize("columns", [[1, 2], [-1, 1], ["b", "c"], ("c", 1)])
def test_only_the_named_columns_are_encoded(columns):
    values = np.array([[2.0, 1.0, nan], [nan, nan, 3.0], [2.0, nan, 5.0]])
    X = [pd.DataFrame(values, columns=["a", "b", "c"])]
    encoder = GapEncoder(columns=columns, add_time_since=False).fit(X)
    names = ["a", "b", "c", "b_mask", "c_mask"]
    assert list(encoder.get_feature_names_out()) == names
    np.testing.assert_array_equal(
        encoder.transform(X)[0],
        [[2, 1, 4, 1, 0], [nan, 1, 3, 0, 1], [2, 1, 5, 0, 1]],
    )


@pytest.mark.parametrize("library", [pd, pl])
def test_columns_of_categories_are_not_averaged(library):
    dtype = pl.Categorical if library is pl else "category"
    kind = library.Series(["a", None], dtype=dtype)
    X = [library.DataFrame({"kind": kind, "v": [1.0, nan]})]
    with pytest.raises(ValueError, match=r"columns \['kind'\], but GapEncoder"):
        GapEncoder().fit(X)
    codes = [library.DataFrame({"kind": [0.0, -1.0], "v": [1.0, nan]})]
    filled = GapEncoder(columns=["v"], **PLAIN).fit_transform(codes)
    assert filled[0].tolist() == [[0, 1], [-1, 1]]


@pytest.mark.parametrize("columns", [[3], [-4], ["d"], [[0]], [True, False, True]])
def test_columns_that_are_no_features_are_refused(columns):
    with pytest.raises(ValueError, match="The 'columns' parameter of GapEncoder"):
        GapEncoder(columns=columns).fit(np.zeros((2, 4, 3)))


def test_a_table_is_filled_along_its_rows():
    X = pd.DataFrame({"mon": [1.0, nan], "tue": [nan, nan], "wed": [4.0, 7.0]})
    filled = GapEncoder(**PLAIN).set_output(transform="pandas").fit_transform(X)
    assert list(filled.columns) == ["mon", "tue", "wed"]
    np.testing.assert_array_equal(filled, [[1, 1, 4], [4, 4, 7]])
    assert GapEncoder().fit_transform(X).shape == (2, 3, 3)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, None, 3], "b": [1.0, 2, 3]}, dtype=object),
        pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2, 3]}),
        pl.DataFrame({"a": [1, None, 3], "b": [1.0, 2, 3]}),
    ],
    ids=["None", "pandas.NA", "polars null"],
)
def test_every_kind_of_missing_is_missing(frame):
    filled = GapEncoder(**PLAIN).fit_transform([frame])
    np.testing.assert_array_equal(filled[0], [[1, 1], [1, 2], [3, 3]])


# With the estimators ----------------------------------------------------------------


def test_it_is_the_answer_to_the_estimators_error(ragged):
    X, y = ragged
    X[1][2, 1] = nan
    X = RaggedArray.from_sequences(X)
    classifier = RNNClassifier(hidden_size=4, max_epochs=2, random_state=0)
    fragment = "from sklearn_rnn.preprocessing import GapEncoder"
    with pytest.raises(ValueError, match=fragment):
        classifier.fit(X, y)
    fitted = make_pipeline(GapEncoder(), classifier).fit(X, y)
    assert fitted.predict(X).shape == (40,)


def test_where_gaps_are_tells_the_class(rng):
    """A mask is news: the values are the same in both classes, the gaps are not."""
    X, y = [], []
    for i in range(80):
        x = rng.normal(size=(12, 1))
        x[rng.random((12, 1)) < (0.2 if i % 2 else 0.7)] = nan
        X.append(x)
        y.append(i % 2)
    classifier = RNNClassifier(hidden_size=8, max_epochs=30, random_state=0)
    with_gaps = make_pipeline(GapEncoder(), classifier).fit(X[:60], y[:60])
    assert with_gaps.score(X[60:], y[60:]) >= 0.9


def test_vital_signs_are_encoded(shared_data):
    data = np.load(shared_data / "physionet2012" / "set_a.npz")
    sequences = []
    for start, stop in zip(data["offsets"][:50], data["offsets"][1:51], strict=True):
        minutes, row = np.unique(data["time_min"][start:stop], return_inverse=True)
        x = np.full((len(minutes), 38), nan, dtype=np.float32)
        x[:, 0] = minutes
        x[row, 1 + data["variable"][start:stop]] = data["value"][start:stop]
        sequences.append(x)
    encoded = GapEncoder(time=0).fit_transform(sequences)
    assert encoded.n_features == 38 + 37 + 37
    assert np.isfinite(encoded.values).all()
    for ours, x in zip(encoded, sequences, strict=True):
        delta = loop_delta(x[:, 1:], x[:, 0].astype(float))
        np.testing.assert_allclose(ours[:, -37:], delta)


# Bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "X", "fragment"),
    [
        (
            "hours",
            [pd.DataFrame({"a": [1.0], "b": [2.0]})],
            r"not a column.*\['a', 'b'\]",
        ),
        (
            "hours",
            np.ones((2, 3, 2)),
            "no names: pass the index.*RaggedArray.*feature_names",
        ),
        (2, np.ones((2, 3, 2)), r"time=2\) is not a feature of X, which has 2"),
        (-3, np.ones((2, 3, 2)), r"time=-3\) is not a feature"),
        (0, np.ones((2, 3)), "a feature beside the time"),
        (0, np.ones((2, 3, 1)), "a feature beside the time"),
        (0.5, np.ones((2, 3, 2)), "'time' parameter of GapEncoder must be"),
    ],
)
def test_a_time_that_is_no_feature_is_refused(time, X, fragment):
    with pytest.raises(ValueError, match=fragment):
        GapEncoder(time=time).fit(X)


@pytest.mark.parametrize(
    ("times", "fragment"),
    [
        ([0, 2, 1], r"X\[1\] goes back from 2.0 to 1.0 at step 2.*Sort the steps"),
        ([0, nan, 1], r"X\[1\] has NaN at step 1 in the time, feature 0"),
    ],
)
def test_times_that_cannot_be_are_refused(times, fragment):
    good = np.column_stack([[5.0, 6.0], [1.0, nan]])
    bad = np.column_stack([times, np.ones(3)])
    with pytest.raises(ValueError, match=fragment):
        GapEncoder(time=0).fit([good, bad])
    with pytest.raises(ValueError, match=fragment):
        GapEncoder(time=0).fit([good]).transform([good, bad])


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="'strategy' parameter of GapEncoder"):
        GapEncoder(strategy="median").fit([[1.0, nan]])
