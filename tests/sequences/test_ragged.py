"""RaggedArray against its plain twin, a list of arrays."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample
from sklearn.utils._indexing import _safe_indexing

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import Stepwise

LENGTHS = [3, 1, 0, 4, 2, 5]


@pytest.fixture
def sequences(rng):
    return [rng.normal(size=(n, 2)) for n in LENGTHS]


@pytest.fixture
def X(sequences):
    return RaggedArray.from_sequences(sequences)


def assert_same(X, sequences):
    """Compare with the twin, sequence by sequence, shapes and types included."""
    assert isinstance(X, RaggedArray)
    assert len(X) == len(sequences)
    for ours, theirs in zip(X, sequences, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


# Indexing ---------------------------------------------------------------------------


@pytest.mark.parametrize("as_key", [int, np.int64, np.uint8, np.array], ids=str)
@pytest.mark.parametrize("i", range(len(LENGTHS)))
def test_an_integer_gives_one_sequence(X, sequences, i, as_key):
    assert isinstance(X[as_key(i)], np.ndarray)
    np.testing.assert_array_equal(X[as_key(i)], sequences[i])


@pytest.mark.parametrize("as_key", [int, np.int32])
@pytest.mark.parametrize("i", range(-len(LENGTHS), 0))
def test_a_negative_integer_counts_from_the_end(X, sequences, i, as_key):
    np.testing.assert_array_equal(X[as_key(i)], sequences[i])


@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(1, 4),
        slice(2, 2),
        slice(4, 1),
        slice(-3, None),
        slice(None, -2),
        slice(-100, 100),
        slice(6, None),
        slice(None, None, 2),
        slice(1, 5, 3),
        slice(None, None, -1),
        slice(4, 1, -2),
        slice(1, 4, -1),
        slice(np.int64(1), np.int64(3)),
    ],
    ids=str,
)
def test_a_slice_gives_what_it_gives_of_a_list(X, sequences, key):
    assert_same(X[key], sequences[key])


@pytest.mark.parametrize(
    "rows",
    [[0], [5, 0, 5], [-1, -6], [2, 2, 2], list(range(6)), [3, 1]],
    ids=str,
)
@pytest.mark.parametrize("as_key", [list, np.array, np.int8], ids=str)
def test_integers_give_those_sequences_in_that_order(X, sequences, rows, as_key):
    assert_same(X[as_key(rows)], [sequences[i] for i in rows])


@pytest.mark.parametrize("as_key", [list, np.array], ids=str)
@pytest.mark.parametrize(
    "mask", [[True] * 6, [False] * 6, [True, False, True, False, False, True]], ids=str
)
def test_a_boolean_mask_gives_the_sequences_that_it_marks(X, sequences, mask, as_key):
    kept = [s for s, keep in zip(sequences, mask, strict=True) if keep]
    assert_same(X[as_key(mask)], kept)


@pytest.mark.parametrize("key", [[], np.array([], int), np.zeros(6, bool)], ids=repr)
def test_no_row_gives_an_empty_array_of_the_same_features(X, key):
    assert len(X[key]) == 0
    assert X[key].n_features == 2
    assert X[key].dtype == X.dtype
    assert X[key].lengths.shape == (0,)


def test_an_ellipsis_after_the_key_changes_nothing(X, sequences):
    np.testing.assert_array_equal(X[3, ...], sequences[3])
    assert_same(X[1:4, ...], sequences[1:4])
    assert_same(X[[4, 0], ...], [sequences[4], sequences[0]])


@pytest.mark.parametrize("i", [6, -7, np.int64(100)])
def test_an_integer_beyond_the_end_raises(X, i):
    with pytest.raises(IndexError, match="out of bounds"):
        X[i]


@pytest.mark.parametrize(
    "key",
    [
        [0, 6],
        [-7],
        [True] * 5,
        np.ones(7, bool),
        1.5,
        [0.5],
        "a",
        (0, 1),
        (slice(None), 0),
        (0, ..., 0),
        np.zeros((2, 2), int),
    ],
    ids=repr,
)
def test_a_key_that_is_no_row_raises(X, key):
    with pytest.raises(IndexError):
        X[key]


def test_an_index_of_two_axes_says_what_is_accepted(X):
    with pytest.raises(IndexError, match=r"first axis only: by an integer.*\(0, 1\)"):
        X[0, 1]


@st.composite
def _lengths_and_key(draw):
    """Lengths of some sequences and a key for them, valid or just outside."""
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=8))
    n = len(lengths)
    limit = st.none() | st.integers(-n - 2, n + 2)
    step = st.none() | st.integers(-3, 3).filter(bool)
    row = st.integers(-n - 1, n)
    key = draw(
        row
        | st.builds(slice, limit, limit, step)
        | st.lists(row, max_size=6)
        | st.lists(row, min_size=1, max_size=6).map(np.array)
        | st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    )
    return lengths, key


def _index_list(sequences, key):
    """Index a list as NumPy would index an array of sequences, by plain loops."""
    if isinstance(key, slice | int):
        return sequences[key]
    if isinstance(key, np.ndarray) and key.dtype == bool:
        return [s for s, keep in zip(sequences, key, strict=True) if keep]
    return [sequences[i] for i in key]


@settings(
    deadline=None,
    derandomize=True,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_lengths_and_key(), st.integers(1, 3), st.integers(0, 2))
def test_any_index_gives_what_a_list_gives(lengths_and_key, n_features, skipped):
    lengths, key = lengths_and_key
    n_total = sum(lengths) + skipped
    values = np.arange(n_total * n_features, dtype="f4").reshape(-1, n_features)
    offsets = skipped + np.cumsum([0, *lengths])  # need not begin at 0
    sequences = [values[start:stop] for start, stop in pairwise(offsets)]
    X = RaggedArray(values, offsets)
    try:
        expected = _index_list(sequences, key)
    except IndexError:
        with pytest.raises(IndexError):
            X[key]
        return
    if isinstance(key, int):
        np.testing.assert_array_equal(X[key], expected)
    else:
        assert_same(X[key], expected)
        assert_same(X[key][::-1], expected[::-1])


def test_scikit_learn_indexes_and_resamples_it(X, sequences):
    assert_same(_safe_indexing(X, np.array([4, 1])), [sequences[4], sequences[1]])
    assert_same(_safe_indexing(X, slice(1, 3)), sequences[1:3])
    drawn, rows = resample(X, np.arange(6), random_state=0)
    assert_same(drawn, [sequences[i] for i in rows])


# What it tells of itself ------------------------------------------------------------


def test_iteration_gives_the_sequences_in_order(X, sequences):
    assert_same(X, sequences)
    assert all(map(np.array_equal, X.to_list(), sequences))
    assert isinstance(X.to_list(), list)


def test_its_attributes_describe_the_sequences(X):
    assert len(X) == 6
    assert X.shape == (6, None, 2)
    assert X.ndim == 3
    assert X.n_features == 2
    assert X.dtype == np.float64
    np.testing.assert_array_equal(X.lengths, LENGTHS)
    assert X.lengths.dtype == np.int64
    assert repr(X) == (
        "RaggedArray(n_samples=6, n_features=2, n_steps=0..5, dtype=float64)"
    )
    assert "n_steps=none" in repr(X[[]])


def test_lengths_are_those_of_the_part(X):
    np.testing.assert_array_equal(X[2:5].lengths, LENGTHS[2:5])
    np.testing.assert_array_equal(X[[5, 0]].lengths, [5, 3])


def test_one_dimensional_values_are_one_feature():
    X = RaggedArray([1, 2, 3], [0, 2, 3])
    assert X.shape == (2, None, 1)
    assert_same(X, [np.array([[1], [2]]), np.array([[3]])])


# Memory -----------------------------------------------------------------------------


def test_the_constructor_does_not_copy(rng):
    values, offsets = rng.normal(size=(5, 2)), np.array([0, 2, 5])
    X = RaggedArray(values, offsets)
    assert np.shares_memory(X.values, values)
    np.testing.assert_array_equal(X.values, values)


def test_one_dimensional_values_are_not_copied(rng):
    values = rng.normal(size=5)
    assert np.shares_memory(RaggedArray(values, [0, 5]).values, values)


@pytest.mark.parametrize("key", [slice(None), slice(1, 4), slice(-2, None)], ids=str)
def test_a_slice_is_a_view(X, key):
    assert np.shares_memory(X[key].values, X.values)


@pytest.mark.parametrize("key", [slice(None), slice(1, 4), slice(2, 2), [3, 1], []])
def test_a_part_has_the_steps_of_its_sequences_and_no_others(X, key):
    part = X[key]
    assert part.offsets[0] == 0
    assert part.offsets[-1] == len(part.values) == part.lengths.sum()


def test_steps_outside_the_offsets_are_left_out():
    X = RaggedArray(np.arange(6.0), [1, 3, 4])
    np.testing.assert_array_equal(X.values.ravel(), [1, 2, 3])
    np.testing.assert_array_equal(X.offsets, [0, 2, 3])


def test_a_pickled_part_is_as_small_as_the_part(rng):
    X = RaggedArray(rng.normal(size=(10_000, 1)), np.arange(0, 10_001, 100))
    assert len(pickle.dumps(X[:1])) < len(pickle.dumps(X)) / 20


@pytest.mark.parametrize("key", [0, -1, np.int64(3)])
def test_one_sequence_is_a_view(X, key):
    assert np.shares_memory(X[key], X.values)


def test_the_sequences_of_a_list_are_views(X):
    assert all(np.shares_memory(s, X.values) for s in X.to_list() if len(s))


@pytest.mark.parametrize("key", [[1, 3], slice(None, None, 2), slice(None, None, -1)])
def test_other_rows_are_a_copy(X, key):
    assert not np.shares_memory(X[key].values, X.values)


def test_a_memory_map_is_read_where_it_is(X, sequences, tmp_path):
    path = tmp_path / "values.npy"
    np.save(path, X.values)
    mapped = np.load(path, mmap_mode="r")
    lazy = RaggedArray(mapped, X.offsets)
    assert np.shares_memory(lazy.values, mapped)
    assert isinstance(lazy.values, np.memmap)
    assert_same(lazy, sequences)
    assert_same(lazy[[5, 1]], [sequences[5], sequences[1]])
    assert isinstance(lazy[1:3].values, np.memmap)
    np.testing.assert_array_equal(lazy.to_padded(), X.to_padded())


def test_read_only_values_are_read(X, sequences):
    X.values.flags.writeable = False
    X.offsets.flags.writeable = False
    read_only = RaggedArray(X.values, X.offsets)
    assert_same(read_only[:], sequences)
    assert_same(read_only[[3, 0]], [sequences[3], sequences[0]])
    np.testing.assert_array_equal(
        RaggedArray.from_padded(X.to_padded()).values, X.values
    )


def test_a_pickle_round_trip_changes_nothing(X, sequences):
    assert_same(pickle.loads(pickle.dumps(X)), sequences)
    assert_same(pickle.loads(pickle.dumps(X[2:5])), sequences[2:5])


# From and to padded arrays ----------------------------------------------------------


def test_padding_and_cutting_it_off_is_a_round_trip(X, sequences):
    padded = X.to_padded()
    assert padded.shape == (6, 5, 2)
    for row, sequence in zip(padded, sequences, strict=True):
        np.testing.assert_array_equal(row[: len(sequence)], sequence)
        assert np.isnan(row[len(sequence) :]).all()
    assert_same(RaggedArray.from_padded(padded), sequences)
    assert_same(RaggedArray.from_padded(padded.tolist()), sequences)


def test_a_part_is_padded_as_the_whole_is(X):
    for part in (X[1:4], X[[4, 0]]):
        expected = RaggedArray.from_sequences(part.to_list())
        np.testing.assert_array_equal(part.to_padded(), expected.to_padded())
    assert X[[]].to_padded().shape == (0, 0, 2)


@pytest.mark.parametrize("fill_value", [0, -1.0, np.inf])
def test_padding_is_what_was_asked_for(X, fill_value):
    padded = X.to_padded(fill_value)
    is_padding = np.arange(5) >= X.lengths[:, np.newaxis]
    assert (padded[is_padding] == fill_value).all()
    assert_same(RaggedArray.from_padded(padded, X.lengths), X.to_list())


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?"])
@pytest.mark.parametrize("fill_value", [np.nan, 0, -1])
def test_padding_spares_the_values(dtype, fill_value):
    X = RaggedArray(np.array([0, 1, 1], dtype), [0, 1, 3])
    padded = X.to_padded(fill_value)
    np.testing.assert_array_equal(padded[:, :, 0], [[0, fill_value], [1, 1]])


def test_a_missing_step_inside_a_sequence_stays():
    nan = np.nan
    X = RaggedArray.from_padded([[1, nan, 3, nan], [nan, 2, nan, nan], [nan] * 4])
    np.testing.assert_array_equal(X.lengths, [3, 2, 0])
    np.testing.assert_array_equal(X.values.ravel(), [1, nan, 3, nan, 2])


def test_a_step_with_one_missing_feature_is_no_padding():
    X = RaggedArray.from_padded([[[1, np.nan], [np.nan, 2], [np.nan, np.nan]]])
    np.testing.assert_array_equal(X.lengths, [2])


def test_given_lengths_decide_what_is_padding(rng):
    padded = rng.normal(size=(3, 4, 2))
    padded[0, 1] = np.nan
    padded[1], padded[2, 2:] = (7, 8), (7, 8)
    X = RaggedArray.from_padded(padded, lengths=[4, 0, 2])
    assert_same(X, [padded[0], padded[1, :0], padded[2, :2]])
    lengths = np.array([4, 1, 2], "u1")
    X = RaggedArray.from_padded(padded[:, :, 0], lengths=lengths)
    assert_same(X, [padded[i, :n, :1] for i, n in enumerate(lengths)])


@pytest.mark.parametrize("fill", [0.0, np.nan, "edge"])
@pytest.mark.parametrize("given", [False, True])
def test_padding_in_front_is_cut_off(rng, fill, given):
    sequences = [rng.normal(size=(n, 2)) for n in (3, 1, 4)]
    padded = np.empty((3, 4, 2))
    for row, x in zip(padded, sequences, strict=True):
        row[: 4 - len(x)] = x[0] if fill == "edge" else fill
        row[4 - len(x) :] = x
    lengths = [3, 1, 4] if given else None
    if lengths is None and fill is not np.nan:
        assert (
            RaggedArray.from_padded(padded, padding="pre").lengths.tolist() == [4] * 3
        )
        return
    assert_same(RaggedArray.from_padded(padded, lengths, padding="pre"), sequences)


@pytest.mark.parametrize(("padding", "other"), [("post", "pre"), ("pre", "post")])
def test_values_are_not_cut_off_as_padding(rng, padding, other):
    X = RaggedArray.from_sequences([rng.normal(size=(n, 2)) for n in (3, 2, 4)])
    padded = X.to_padded(0)
    if padding == "post":
        padded = padded[:, ::-1]
    with pytest.raises(ValueError, match=f"Pass padding='{other}' if"):
        RaggedArray.from_padded(padded, X.lengths, padding=padding)
    with pytest.raises(ValueError, match="padding must be 'post' or 'pre'"):
        RaggedArray.from_padded(padded, X.lengths, padding="left")


def test_integers_have_no_padding_unless_lengths_say_so():
    X = RaggedArray.from_padded([[1, 2], [3, 4]])
    np.testing.assert_array_equal(X.lengths, [2, 2])
    assert X.dtype.kind == "i"


# From other containers --------------------------------------------------------------


@pytest.mark.parametrize("as_container", [list, tuple, iter], ids=str)
def test_sequences_are_laid_end_to_end(sequences, as_container):
    X = RaggedArray.from_sequences(as_container(sequences))
    assert_same(X, sequences)
    assert not np.shares_memory(X.values, sequences[0])


def test_one_dimensional_sequences_are_one_feature():
    X = RaggedArray.from_sequences([[1.0, 2.0], [3.0], []])
    assert_same(X, [np.array([[1.0], [2.0]]), np.array([[3.0]]), np.zeros((0, 1))])


def test_channels_before_time_are_turned_round(rng):
    array = rng.normal(size=(3, 2, 5))  # (samples, channels, steps)
    assert_same(RaggedArray.from_aeon(array), [x.T for x in array])
    ragged = [x[:, : 2 + i] for i, x in enumerate(array)]
    assert_same(RaggedArray.from_aeon(ragged), [x.T for x in ragged])


# What it refuses --------------------------------------------------------------------


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 6],
        [-1, 5],
        [0, 3, 2, 5],
        [],
        [[0, 5]],
        5,
        [0.0, 5.0],
        [False, True],
        ["0", "5"],
        np.array([3, 2], "u8"),  # unsigned: a difference below 0 wraps around
        None,
    ],
    ids=repr,
)
def test_offsets_must_ascend_within_the_values(offsets):
    with pytest.raises(ValueError, match=r"'offsets'.*between 0 and len\(values\)=5"):
        RaggedArray(np.zeros((5, 2)), offsets)


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_values_must_be_one_row_a_step(shape):
    message = rf"'values'.*Got shape \({str(shape)[1:-1]}\)"
    with pytest.raises(ValueError, match=message):
        RaggedArray(np.zeros(shape), [0, 1])


@pytest.mark.parametrize(
    "lengths",
    [[1, 2], [1, 2, 5], [1, -1, 2], [1.0, 2.0, 3.0], [[1, 2, 3]], 2, "abc"],
    ids=repr,
)
def test_lengths_must_be_one_integer_a_sequence(lengths):
    with pytest.raises(ValueError, match="lengths must be 3 integers between 0 and"):
        RaggedArray.from_padded(np.zeros((3, 4, 2)), lengths)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2, 2)])
def test_a_padded_array_has_two_or_three_dimensions(shape):
    with pytest.raises(ValueError, match=f"Got an array of {len(shape)} dimension"):
        RaggedArray.from_padded(np.zeros(shape))


def test_sequences_must_have_the_same_features():
    with pytest.raises(ValueError, match=r"sequences\[1\] has shape \(2, 3\)"):
        RaggedArray.from_sequences([np.zeros((3, 2)), np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"sequences\[2\] has shape \(2,\)"):
        RaggedArray.from_sequences([np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(2)])
    with pytest.raises(ValueError, match=r"sequences\[0\] has shape \(1, 1, 1\)"):
        RaggedArray.from_sequences([np.zeros((1, 1, 1))])
    with pytest.raises(ValueError, match=r"sequences\[0\] has shape \(\)"):
        RaggedArray.from_sequences([1, 2])


def test_no_sequence_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one sequence"):
        RaggedArray.from_sequences([])


def test_data_of_other_dimensions_are_not_in_the_order_of_aeon():
    with pytest.raises(ValueError, match=r"X\[1\] must have shape \(n_channels"):
        RaggedArray.from_aeon([np.zeros((2, 3)), np.zeros(3)])
    with pytest.raises(ValueError, match=r"X\[0\] must have shape \(n_channels"):
        RaggedArray.from_aeon(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"X\[0\].*Got shape \(\)"):
        RaggedArray.from_aeon(np.zeros(3))
    with pytest.raises(ValueError, match=r"sequences\[1\] has shape \(4, 3\)"):
        RaggedArray.from_aeon([np.zeros((2, 3)), np.zeros((3, 4))])


@pytest.mark.parametrize("features", [[[1, 5], [2, 6], [3, 7]], [1, 2, 3]])
def test_joined_features_are_the_same_at_all_steps(features):
    X = RaggedArray(np.arange(12.0).reshape(6, 2), [0, 3, 4, 6])
    joined = X.join(features)
    np.testing.assert_array_equal(joined.offsets, X.offsets)
    for x, own, row in zip(X, joined, np.reshape(features, (3, -1)), strict=True):
        np.testing.assert_array_equal(own, np.hstack([x, np.tile(row, (len(x), 1))]))


@pytest.mark.parametrize(
    "features", [[1, 2], [["a"], ["b"], ["c"]], np.ones((3, 1, 1)), 5]
)
def test_features_that_do_not_fit_cannot_be_joined(features):
    X = RaggedArray(np.arange(12.0).reshape(6, 2), [0, 3, 4, 6])
    with pytest.raises(ValueError, match=r"of shape \(3, n_.*OneHotEncoder"):
        X.join(features)


def test_a_search_finds_joined_features(rng):
    """The class of a customer depends on the plan as much as on the events."""
    X = RaggedArray(rng.normal(size=(400, 1)), np.arange(0, 401, 5))
    plan = rng.integers(0, 2, 80)
    y = np.array([x[0, 0] > 0 for x in X]) ^ (plan == 1)
    pipeline = make_pipeline(
        Stepwise(StandardScaler()),
        RNNClassifier(conv_channels=None, hidden_size=16, random_state=0),
    )
    grid = {"rnnclassifier__max_epochs": [1, 60]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X.join(plan), y)
    assert search.best_score_ > 0.85
    assert cross_val_score(search.best_estimator_, X, y, cv=2).mean() < 0.7


# Names of features -------------------------------------------------------------------

PARTS = {
    "a slice": lambda X: X[1:],
    "a mask": lambda X: X[[True, False, True]],
    "rows": lambda X: X[[2, 0]],
    "scikit-learn": lambda X: resample(X, random_state=0),
    "a pickle": lambda X: pickle.loads(pickle.dumps(X)),
    "a copy": copy.deepcopy,
}


@pytest.fixture
def named():
    values = np.arange(12.0).reshape(6, 2)
    return RaggedArray(values, [0, 3, 4, 6], feature_names=["load", "speed"])


@pytest.mark.parametrize("part", PARTS)
def test_names_stay_with_the_features(named, part):
    assert PARTS[part](named).feature_names == ("load", "speed")


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (pd.DataFrame({"age": [1, 2, 3], "plan": [0, 1, 0]}), ("age", "plan")),
        (pd.Series([1, 2, 3], name="age"), ("age",)),
        (pd.DataFrame([[1, 2], [3, 4], [5, 6]]), ("x2", "x3")),
        ([1, 2, 3], ("x2",)),
    ],
    ids=["table", "column", "table without names", "list"],
)
def test_joined_features_bring_their_names(named, features, names):
    assert named.join(features).feature_names == ("load", "speed", *names)
    nameless = RaggedArray(named.values, named.offsets)
    assert nameless.join(features).feature_names is None


@pytest.mark.parametrize("names", [["load"], [1, 2], "xy", [], ["a", "b", "c"]])
def test_names_must_be_one_string_a_feature(names):
    with pytest.raises(ValueError, match=r"'feature_names' .*for each of 2 feature"):
        RaggedArray(np.zeros((6, 2)), [0, 6], feature_names=names)
