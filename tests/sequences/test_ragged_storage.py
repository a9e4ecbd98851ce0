"""RaggedArray on the disk, in Arrow, and its size."""

import json
import os
import sys

import numpy as np
import pytest

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn._sequences import TokenIds


@pytest.fixture
def X(rng):
    lengths = rng.integers(0, 9, 40)
    lengths[0] = 0
    return RaggedArray.from_sequences([rng.normal(size=(n, 3)) for n in lengths])


def assert_equal(actual, expected):
    assert type(actual) is type(expected)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual.values, expected.values)
    np.testing.assert_array_equal(actual.offsets, expected.offsets)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?", "U5", ">f4"])
def test_a_saved_array_is_the_same(X, dtype):
    X = RaggedArray(X.values.astype(dtype), X.offsets)
    X[5:30].save("X")
    assert_equal(RaggedArray.open("X"), X[5:30])


@pytest.mark.parametrize("names", [None, ("a", "b", "c")])
def test_a_saved_array_keeps_its_names(X, names):
    RaggedArray(X.values, X.offsets, feature_names=names).save("X")
    assert RaggedArray.open("X").feature_names == names


def test_token_ids_stay_token_ids(rng):
    for characters in (None, range(1, 4)):
        X = TokenIds(rng.integers(0, 9, (6, 4)), [0, 2, 6], characters)
        path = f"X{characters}"
        X.save(path)
        assert_equal(RaggedArray.open(path), X)
        assert RaggedArray.open(path).characters == characters


def test_values_stay_on_the_disk(X):
    X.save("X")
    values = RaggedArray.open("X").values
    while not isinstance(values, np.memmap):
        values = values.base
    assert not values.flags.writeable


def test_a_fit_on_an_opened_array_equals_one_in_memory(rng):
    X = RaggedArray.from_sequences([rng.normal(size=(n, 2)) for n in (3, 5, 4, 6)])
    X.save("X")
    model = RNNClassifier(max_epochs=2, hidden_size=4, random_state=0)
    expected = model.fit(X, [0, 1, 0, 1]).predict_proba(X)
    opened = RaggedArray.open("X")
    found = model.fit(opened, [0, 1, 0, 1]).predict_proba(opened)
    np.testing.assert_array_equal(found, expected)


def test_no_folder_is_replaced_and_none_is_left_half_written(X, monkeypatch):
    X.save("X")
    with pytest.raises(FileExistsError, match="exists already"):
        X.save("X")

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(json, "dump", fail)
    with pytest.raises(OSError, match="No space left"):
        X.save("Y")
    assert os.listdir() == ["X"]
    with pytest.raises(ValueError, match="cannot be saved"):
        RaggedArray(np.array([[object()]]), [0, 1]).save("Z")


def test_other_folders_are_refused(X):
    X.save("X")
    with pytest.raises(ValueError, match="'Y' is no folder of RaggedArray"):
        RaggedArray.open("Y")
    for content in ('{"class": "os"}', "[]", "no json"):
        with open("X/kind.json", "w") as file:
            file.write(content)
        with pytest.raises(ValueError, match=r"no RaggedArray|no folder of"):
            RaggedArray.open("X")


def test_no_pickle_is_loaded(X):
    X.save("X")
    np.save("X/values.npy", np.array([{1: 2}]), allow_pickle=True)
    with pytest.raises(ValueError, match="no folder of RaggedArray"):
        RaggedArray.open("X")


def test_the_size_counts_the_values(X):
    assert sys.getsizeof(X) >= X.values.nbytes + X.offsets.nbytes


def test_arrow_shares_the_memory(X):
    pa = pytest.importorskip("pyarrow")
    array = X.to_arrow()
    assert pa.types.is_large_list(array.type)
    assert array[3].as_py() == X[3].tolist()
    again = RaggedArray.from_arrow(array)
    assert_equal(again, X)
    assert np.shares_memory(again.values, X.values)
    # slices, chunks, 32-bit offsets, no features
    assert_equal(RaggedArray.from_arrow(array[5:20]), X[5:20])
    chunks = pa.chunked_array([array[:7], array[7:]])
    assert_equal(RaggedArray.from_arrow(chunks), X)
    plain = pa.array([[1.0, 2.0], [], [3.0]])
    assert RaggedArray.from_arrow(plain).lengths.tolist() == [2, 0, 1]


def test_arrow_of_other_types_is_refused():
    pa = pytest.importorskip("pyarrow")
    for array, message in (
        (pa.array([1, 2]), "needs a list array"),
        ([[1, 2]], "needs a list array"),
        (pa.array([[1], None]), "no missing"),
        (pa.array([[1, None]]), "no missing|without missing"),
        (pa.array([[[[1]]]]), "must be numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            RaggedArray.from_arrow(array)
