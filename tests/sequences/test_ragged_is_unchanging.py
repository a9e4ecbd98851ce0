"""A RaggedArray cannot be changed, whatever way is tried, and NumPy reads it right."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, resample
from sklearn.utils._indexing import _safe_indexing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn._sequences._ragged import TokenIds

LENGTHS = [3, 1, 4, 2]
FAR = 50_000_000
SMALL = {"hidden_size": 2, "conv_channels": None, "max_epochs": 1, "random_state": 0}


@pytest.fixture
def sequences(rng):
    return [rng.normal(size=(n, 2)).astype("f4") for n in LENGTHS]


@pytest.fixture
def X(sequences):
    return RaggedArray.from_sequences(sequences)


@pytest.fixture
def classifier(X):
    return RNNClassifier(**SMALL).fit(X, [0, 1, 0, 1])


# Offsets and values -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["i8", "i4", "u2"])
def test_offsets_that_the_caller_changes_are_not_those_of_the_array(
    X, classifier, dtype
):
    offsets = X.offsets.astype(dtype)
    own = RaggedArray(X.values, offsets)
    expected = classifier.predict_proba(own)
    offsets[-1] = np.iinfo(dtype).max
    assert own.offsets[-1] == 10
    np.testing.assert_array_equal(classifier.predict_proba(own), expected)


@pytest.mark.parametrize("name", ["offsets", "values"])
def test_no_element_can_be_set(X, name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(X, name)[-1] += 1
    with pytest.raises(ValueError, match="read-only"):
        X[0][0, 0] = 1.0


def test_the_offsets_cannot_be_made_writable(X):
    array = X.offsets
    while array is not None and isinstance(array, np.ndarray):
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        array = array.base
    assert isinstance(array, bytes)


@pytest.mark.parametrize("name", ["values", "offsets", "common_length", "lengths", "y"])
def test_no_attribute_can_be_set(X, name):
    with pytest.raises(AttributeError):
        setattr(X, name, np.arange(5))
    with pytest.raises(AttributeError):
        delattr(X, name)


def test_another_shape_of_what_was_handed_out_changes_nothing(X):
    with np.errstate(all="ignore"):
        values, offsets = X.values, X.offsets
    values.shape = (5, 4)
    offsets.shape = (5, 1)
    assert X.values.shape == (10, 2)
    assert X.offsets.shape == (5,)


def test_the_users_own_array_stays_writable_and_is_not_copied(X):
    values = X.values.copy()
    shared = RaggedArray(values, X.offsets)
    values[0, 0] = 7.0
    assert shared[0][0, 0] == 7.0


def test_parts_cannot_be_changed_either(X):
    for part in (X[1:3], X[[2, 0]], X[np.array([True, False, True, False])]):
        with pytest.raises(ValueError, match="read-only"):
            part.offsets[-1] += FAR
        with pytest.raises(ValueError, match="read-only"):
            part.values[0] = 0


# Copies -----------------------------------------------------------------------------

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda X, p=protocol: pickle.loads(pickle.dumps(X, p))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}
every_copy = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


@every_copy
@pytest.mark.parametrize("kind", [RaggedArray, TokenIds])
def test_a_copy_is_equal_and_cannot_be_changed(X, make_copy, kind):
    copied = make_copy(kind(X.values, X.offsets))
    assert type(copied) is kind
    np.testing.assert_array_equal(copied.values, X.values)
    np.testing.assert_array_equal(copied.offsets, X.offsets)
    assert copied.common_length is None
    for array in (copied.offsets, copied.values):
        with pytest.raises(ValueError, match="read-only"):
            array[-1] += 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        copied.offsets.flags.writeable = True


def test_a_state_with_other_offsets_is_refused_and_changes_nothing(X):
    state = X.__getstate__()
    with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
        X.__setstate__({**state, "offsets": X.offsets + [0, 0, 0, 0, FAR]})
    np.testing.assert_array_equal(X.offsets, state["offsets"])


def test_a_pickle_with_other_offsets_is_refused(X):
    good = X.offsets.tobytes()
    bad = (X.offsets + [0, 0, 0, 0, FAR]).tobytes()
    stored = pickle.dumps(X).replace(good, bad)
    with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
        pickle.loads(stored)


# The door ---------------------------------------------------------------------------


def test_offsets_forced_in_are_refused_by_fit_and_predict(X, classifier):
    """Private names are in nobody's way; what they lead to must not crash."""
    X._offsets = X.offsets + [0, 0, 0, 0, FAR]
    for method in (classifier.predict_proba, classifier.encode):
        with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
            method(X)
    with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
        classifier.fit(X, [0, 1, 0, 1])


def test_values_forced_in_are_refused_by_predict(X, classifier):
    X._values = X.values[:4]
    with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
        classifier.predict_proba(X)


def test_a_subclass_with_offsets_of_its_own_is_refused(X, classifier):
    class Lying(RaggedArray):
        @property
        def offsets(self):
            return np.array([0, 3, 4, 8, FAR])

    with pytest.raises(ValueError, match="'offsets' parameter of RaggedArray"):
        classifier.predict_proba(Lying(X.values, X.offsets))


def test_the_second_check_does_not_look_at_values(X):
    """Values that take no memory: 2 ** 60 of them are checked at once."""
    huge = np.broadcast_to(np.float32(0), (2**50, 1024))
    twice = RaggedArray(RaggedArray(huge, [0, 2**49, 2**50]).values, [0, 2**50])
    assert twice.common_length == 2**50


# As a NumPy array -------------------------------------------------------------------


def assert_is_array_of_sequences(array, sequences):
    assert array.dtype == object
    assert array.shape == (len(sequences),)
    for one, other in zip(array, sequences, strict=True):
        assert type(one) is np.ndarray
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("lengths", [[3, 1, 2], [2, 2, 2], [1, 1], [4], [0, 0], []])
@pytest.mark.parametrize("n_features", [1, 2])
def test_numpy_sees_an_array_of_sequences(rng, lengths, n_features):
    values = rng.normal(size=(sum(lengths), n_features)).astype("f4")
    X = RaggedArray(values, np.cumsum([0, *lengths]))
    expected = X.to_list()
    for array in (
        np.asarray(X),
        np.array(X),
        np.array(X, copy=True),
        np.asarray(X, dtype=object),
        np.asarray(X, "O"),
        X.__array__(),
    ):
        assert_is_array_of_sequences(array, expected)


@pytest.mark.parametrize("dtype", ["f4", float, int, "U3", "M8[s]", bool])
def test_another_type_than_object_is_refused(X, dtype):
    with pytest.raises(ValueError, match=r"'dtype'.*must be object.*Got .*to_padded"):
        np.asarray(X, dtype=dtype)


def test_an_array_without_a_copy_is_refused(X):
    with pytest.raises(ValueError, match="by a copy only"):
        np.array(X, copy=False)


def test_the_array_is_the_callers_own(X):
    array = np.asarray(X)
    array[0] = None
    assert X[0] is not None
    assert not np.shares_memory(array, np.asarray(X))


def test_the_sequences_are_not_copied(X):
    assert all(np.shares_memory(x, X.values) for x in np.asarray(X))


def test_the_way_back_gives_the_same_array(X):
    again = RaggedArray.from_sequences(np.asarray(X))
    np.testing.assert_array_equal(again.values, X.values)
    np.testing.assert_array_equal(again.offsets, X.offsets)


def test_predictions_are_equal_for_both(X, classifier):
    np.testing.assert_array_equal(
        classifier.predict_proba(np.asarray(X)), classifier.predict_proba(X)
    )


# The tools of scikit-learn ----------------------------------------------------------


@pytest.mark.parametrize("lengths", [LENGTHS, [2] * 5, [1] * 10])
def test_the_tools_of_scikit_learn_take_it_as_before(rng, lengths):
    X = RaggedArray(rng.normal(size=(10, 2)), np.cumsum([0, *lengths]))
    n = len(lengths)
    y = np.arange(n)
    assert _num_samples(X) == n
    check_consistent_length(X, y)
    rows = [n - 1, 0]
    for part in (_safe_indexing(X, rows), _safe_indexing(X, np.arange(n) < 2)):
        assert type(part) is RaggedArray
        assert len(part) == 2
    np.testing.assert_array_equal(_safe_indexing(X, 0), X[0])
    train, test, y_train, y_test = train_test_split(X, y, random_state=0)
    for part, labels in ((train, y_train), (test, y_test)):
        assert type(part) is RaggedArray
        for x, label in zip(part, labels, strict=True):
            np.testing.assert_array_equal(x, X[label])
    assert type(resample(X, random_state=0)) is RaggedArray


def test_it_is_no_target_of_a_classifier(X, sequences):
    with pytest.raises(ValueError, match=r"ragged y.* RNNTagger"):
        RNNClassifier(**SMALL).fit(X, RaggedArray.from_sequences(sequences))
    assert type_of_target(X) == "unknown"


def test_every_public_attribute_is_read_only():
    for name, attribute in inspect.getmembers(RaggedArray):
        if isinstance(attribute, property):
            assert attribute.fset is None, name
