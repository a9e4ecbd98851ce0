"""The same data in every container: what X may be, through the public estimators."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, clone

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn._sequences._validation import validate_sequences

SMALL = {
    "hidden_size": 2,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
N_SAMPLES, N_STEPS, N_FEATURES = 12, 5, 3
NAMES = ["a", "b", "c"]

FLOATS = ["float16", "float32", "float64", "longdouble", ">f4", ">f8"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def nested(sequences, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype
        tensors = [torch.from_numpy(s) for s in sequences]
        return torch.nested.nested_tensor(tensors, layout=layout)


def object_array(sequences):
    array = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        array[i] = sequence
    return array


def memory_map(array):
    np.save("array.npy", array)
    return np.load("array.npy", mmap_mode="r")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def long_rows(array):
    """The same numbers with gaps between them in memory."""
    return np.repeat(array, 2, axis=0)[::2]


class ArrayLike:
    """An object that only knows how to become an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


ANY_ARRAY = {
    "Fortran order": np.asfortranarray,
    "not contiguous": long_rows,
    "reversed twice": lambda a: np.flip(np.flip(a).copy()),
    "read-only": read_only,
    "memory map": memory_map,
    "tensor": torch.from_numpy,
    "tensor with a gradient": lambda a: torch.from_numpy(a).requires_grad_(),
    "float64 tensor": lambda a: torch.from_numpy(a).double(),
    "float16 tensor": lambda a: torch.from_numpy(a).half(),
    "bfloat16 tensor": lambda a: torch.from_numpy(a).bfloat16(),
    "int64 tensor": lambda a: torch.from_numpy(a).long(),
    "transposed tensor": lambda a: torch.from_numpy(a.T.copy()).permute(
        *range(a.ndim - 1, -1, -1)
    ),
    "object array": lambda a: a.astype(object),
    "nested list": np.ndarray.tolist,
    "masked array without a mask": np.ma.masked_array,
    "__array__": ArrayLike,
    "memoryview": memoryview,
}
CUBES = {
    **ANY_ARRAY,
    "list of arrays": list,
    "tuple of arrays": tuple,
    "object array of arrays": object_array,
    "list of lists of arrays": lambda a: [list(x) for x in a],
    "list of DataFrames": lambda a: [pd.DataFrame(x) for x in a],
    "list of tensors": lambda a: [torch.from_numpy(x) for x in a],
    "jagged tensor": lambda a: nested(a, torch.jagged),
    "strided nested tensor": lambda a: nested(a, torch.strided),
    "RaggedArray": RaggedArray.from_sequences,
}
TABLES = {
    **{name: make for name, make in ANY_ARRAY.items() if name != "memoryview"},
    "DataFrame": pd.DataFrame,
    "DataFrame of integers": lambda a: pd.DataFrame(a.astype(int)),
    "DataFrame of mixed types": lambda a: pd.DataFrame(a).astype({0: "int8", 1: "f8"}),
    "DataFrame of nullable types": lambda a: pd.DataFrame(a).astype("Float64"),
    "DataFrame of arrow types": lambda a: pd.DataFrame(a).convert_dtypes(),
    "polars DataFrame": pl.DataFrame,
    "list of lists": lambda a: [list(map(float, x)) for x in a],
    "list of tuples": lambda a: [tuple(map(float, x)) for x in a],
}
ROWS = {  # read as sequences of one variable, but they may stand for the table
    "list of arrays": list,
    "list of Series": lambda a: [pd.Series(x) for x in a],
    "list of tensors": lambda a: [torch.from_numpy(x) for x in a],
    "object array of arrays": object_array,
    "RaggedArray": RaggedArray.from_sequences,
    "3-D array": lambda a: a[:, :, np.newaxis],
}
RAGGED = {
    "tuple of arrays": tuple,
    "object array of arrays": object_array,
    "Series of arrays": lambda s: pd.Series(object_array(s)),
    "list of nested lists": lambda s: [x.tolist() for x in s],
    "list of read-only arrays": lambda s: [read_only(x) for x in s],
    "list of Fortran arrays": lambda s: [np.asfortranarray(x) for x in s],
    "list of float64 arrays": lambda s: [x.astype("f8") for x in s],
    "list of arrays of several types": lambda s: [
        x.astype(("f8", "i4", "f2")[i % 3]) for i, x in enumerate(s)
    ],
    "list of tensors": lambda s: [torch.from_numpy(x) for x in s],
    "list of bfloat16 tensors": lambda s: [torch.from_numpy(x).bfloat16() for x in s],
    "list of arrays and tensors": lambda s: [torch.from_numpy(s[0]), *s[1:]],
    "jagged tensor": lambda s: nested(s, torch.jagged),
    "strided nested tensor": lambda s: nested(s, torch.strided),
    "RaggedArray": RaggedArray.from_sequences,
    "RaggedArray of float64": lambda s: RaggedArray.from_sequences(
        [x.astype("f8") for x in s]
    ),
    "part of a RaggedArray": lambda s: RaggedArray.from_sequences([s[3], *s, s[1]])[
        1:-1
    ],
    "RaggedArray with gaps": lambda s: RaggedArray(
        long_rows(np.concatenate(s)), np.cumsum([0, *map(len, s)])
    ),
    "RaggedArray on a memory map": lambda s: RaggedArray(
        memory_map(np.concatenate(s)), np.cumsum([0, *map(len, s)])
    ),
    "padded with NaN and cut": lambda s: RaggedArray.from_padded(
        RaggedArray.from_sequences(s).to_padded()
    ),
}
RAGGED_2D = {
    **RAGGED,
    "list of DataFrames": lambda s: [pd.DataFrame(x) for x in s],
    "list of polars DataFrames": lambda s: [pl.DataFrame(x) for x in s],
    "channels before time": lambda s: RaggedArray.from_aeon([x.T for x in s]),
    "view of a jagged tensor": lambda s: narrowed(s),
}
RAGGED_1D = {
    **RAGGED,
    "list of lists": lambda s: [list(map(float, x)) for x in s],
    "list of one column": lambda s: [x[:, np.newaxis] for x in s],
    "list of Series": lambda s: [pd.Series(x) for x in s],
}


def narrowed(sequences):
    """A jagged tensor with holes: the steps after each sequence are not its own."""
    n_steps = max(map(len, sequences)) + 1
    padded = np.full((len(sequences), n_steps, sequences[0].shape[1]), 99, "f4")
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    lengths = torch.tensor([len(s) for s in sequences])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.narrow(
            torch.from_numpy(padded), 1, 0, lengths, layout=torch.jagged
        )


def over(containers):
    return pytest.mark.parametrize(
        "contain", list(containers.values()), ids=list(containers)
    )


# polars names all columns, and a frame of pandas may be compared with an array
names_may_differ = pytest.mark.filterwarnings("ignore:X .*feature names")


@pytest.fixture
def cube(rng):
    """Small integers, which every type of numbers holds exactly."""
    return rng.integers(0, 9, (N_SAMPLES, N_STEPS, N_FEATURES)).astype("f4")


@pytest.fixture
def table(cube):
    return cube[:, :, 0].copy()


@pytest.fixture
def sequences(cube):
    return [x[: 1 + i % N_STEPS].copy() for i, x in enumerate(cube)]


@pytest.fixture
def y():
    return np.arange(N_SAMPLES, dtype=float) ** 2


@pytest.fixture
def regressor():
    return RNNRegressor(**SMALL)


def assert_container_does_not_matter(regressor, plain, other, y):
    """Fit on the one and on the other; predict each by each."""
    fitted = clone(regressor).fit(plain, y)
    expected = fitted.predict(plain)
    assert len(np.unique(expected)) > 2  # or else equal predictions mean nothing
    np.testing.assert_array_equal(fitted.predict(other), expected)
    fitted_on_other = clone(regressor).fit(other, y)
    np.testing.assert_array_equal(fitted_on_other.predict(plain), expected)
    np.testing.assert_array_equal(fitted_on_other.predict(other), expected)


# The same data give the same predictions --------------------------------------------


@over(CUBES)
def test_sequences_of_equal_length_in_any_container(contain, regressor, cube, y):
    assert_container_does_not_matter(regressor, cube, contain(cube), y)


@names_may_differ
@over(RAGGED_2D)
def test_ragged_sequences_in_any_container(contain, regressor, sequences, y):
    assert_container_does_not_matter(regressor, sequences, contain(sequences), y)


@over(RAGGED_1D)
def test_ragged_sequences_of_one_variable(contain, regressor, sequences, y):
    plain = [s[:, 0].copy() for s in sequences]
    assert_container_does_not_matter(regressor, plain, contain(plain), y)


@names_may_differ
@over({**TABLES, **ROWS})
def test_a_table_in_any_container(contain, regressor, table, y):
    assert_container_does_not_matter(regressor, table, contain(table), y)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_any_type_of_numbers(dtype, regressor, cube, table, sequences, y):
    for X, cast in (
        (cube, cube.astype(dtype)),
        (table, table.astype(dtype)),
        (sequences, [s.astype(dtype) for s in sequences]),
    ):
        assert_container_does_not_matter(regressor, X, cast, y)


def test_booleans_are_zeros_and_ones(regressor, cube, table, sequences, y):
    for X in (cube, table):
        bits = X > 4
        assert_container_does_not_matter(regressor, bits.astype("f4"), bits, y)
    bits = [s > 4 for s in sequences]
    numbers = [b.astype("f4") for b in bits]
    assert_container_does_not_matter(regressor, numbers, bits, y)


@pytest.mark.parametrize(
    "contain",
    [
        lambda ids: [torch.from_numpy(i) for i in ids],
        lambda ids: nested(ids, torch.jagged),
        lambda ids: [i.astype("f4") for i in ids],
        lambda ids: [i.astype("u1") for i in ids],
        lambda ids: [i.tolist() for i in ids],
        lambda ids: [pd.Series(i) for i in ids],
        lambda ids: [i[:, np.newaxis] for i in ids],
        object_array,
        RaggedArray.from_sequences,
    ],
    ids=[
        "tensors",
        "jagged",
        "float",
        "uint8",
        "lists",
        "Series",
        "columns",
        "object",
        "ragged",
    ],
)
def test_token_ids_in_any_container(contain, regressor, sequences, y):
    ids = [s[:, 0].astype("i8") for s in sequences]
    regressor.set_params(embedding_dim=3)
    assert_container_does_not_matter(regressor, ids, contain(ids), y)


def test_large_token_ids_are_told_apart(regressor, y):
    """float32 would merge them, float64 the last two pairs."""
    first = np.array([2**24, 2**53, 2**62])[np.arange(N_SAMPLES) % 3]
    ids = first + np.arange(N_SAMPLES) % 2
    X = np.column_stack([ids, ids])
    regressor.set_params(embedding_dim=3).fit(X, y)
    assert len(np.unique(regressor.predict(X))) == len(np.unique(ids)) == 6


def test_a_classifier_reads_what_a_regressor_reads(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    expected = classifier.predict_proba(X)
    for name in ("object array of arrays", "jagged tensor", "RaggedArray"):
        np.testing.assert_array_equal(
            classifier.predict_proba(RAGGED[name](X)), expected
        )


def test_sequences_of_other_lengths_than_at_fit_are_read(regressor, cube, sequences, y):
    fitted = clone(regressor).fit(cube, y)
    expected = np.concatenate([fitted.predict([s]) for s in sequences])
    np.testing.assert_array_equal(fitted.predict(sequences), expected)
    np.testing.assert_array_equal(
        fitted.predict(cube[:, :2]), fitted.predict(list(cube[:, :2]))
    )


@names_may_differ
@over(TABLES)
def test_a_table_is_read_as_sequences_where_sequences_were_fitted(
    contain, regressor, cube, y
):
    fitted = regressor.fit(cube[:, :, :1], y)
    expected = fitted.predict(cube[:, :3, :1])
    np.testing.assert_array_equal(fitted.predict(contain(cube[:, :3, 0])), expected)


# What the estimator learns of X -----------------------------------------------------


@over(TABLES)
def test_a_table_has_a_feature_a_step(contain, regressor, table, y):
    assert regressor.fit(contain(table), y).n_features_in_ == N_STEPS
    assert regressor.fit(contain(table[:, :2].copy()), y).n_features_in_ == 2


@over({**CUBES, **RAGGED_2D})
def test_sequences_have_the_features_of_a_step(contain, regressor, cube, y):
    assert regressor.fit(contain(cube), y).n_features_in_ == N_FEATURES


@over(RAGGED_1D)
def test_sequences_of_numbers_have_one_feature(contain, regressor, sequences, y):
    X = contain([s[:, 0].copy() for s in sequences])
    assert regressor.fit(X, y).n_features_in_ == 1


@over(ROWS)
def test_sequences_of_numbers_have_one_feature_also_if_of_equal_length(
    contain, regressor, table, y
):
    assert regressor.fit(contain(table), y).n_features_in_ == 1


def test_columns_of_a_data_frame_are_names_of_features(regressor, table, y):
    frame = pd.DataFrame(table, columns=[f"t{i}" for i in range(N_STEPS)])
    fitted = regressor.fit(frame, y)
    np.testing.assert_array_equal(fitted.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.predict(table)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_list_of_data_frames_are_names_of_features(
    make, regressor, sequences, y
):
    frames = [make(dict(zip(NAMES, s.T, strict=True))) for s in sequences]
    fitted = regressor.fit(frames, y)
    np.testing.assert_array_equal(fitted.feature_names_in_, NAMES)
    assert fitted.n_features_in_ == N_FEATURES
    np.testing.assert_array_equal(fitted.predict(tuple(frames)), fitted.predict(frames))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict([f[NAMES[::-1]] for f in frames])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.predict(sequences)


def test_columns_must_be_the_same_in_all_data_frames(regressor, sequences, y):
    frames = [pd.DataFrame(s, columns=NAMES) for s in sequences]
    frames[4] = frames[4][NAMES[::-1]]
    with pytest.raises(ValueError, match=r"X\[4\] has the columns \['c', 'b', 'a'\]"):
        regressor.fit(frames, y)


def test_without_names_there_is_no_attribute_of_names(
    regressor, cube, table, sequences, y
):
    for X in (cube, table, sequences, pd.DataFrame(table)):
        assert not hasattr(clone(regressor).fit(X, y), "feature_names_in_")


@names_may_differ
def test_a_second_fit_forgets_the_names_and_the_kind_of_x(
    regressor, cube, table, sequences, y
):
    frame = pd.DataFrame(table, columns=list("abcde"))
    regressor.fit(frame, y).fit(sequences, y)
    assert not hasattr(regressor, "feature_names_in_")
    assert regressor.n_features_in_ == N_FEATURES
    regressor.predict(cube)
    regressor.fit(frame, y)
    np.testing.assert_array_equal(regressor.feature_names_in_, list("abcde"))
    with pytest.raises(ValueError, match="fitted on a 2-D X"):
        regressor.predict(cube)


# Copies -----------------------------------------------------------------------------


def check(X, **options):
    return validate_sequences(BaseEstimator(), X, reset=True, **options)


@pytest.mark.parametrize(
    "contain",
    [
        np.asarray,
        torch.from_numpy,
        memory_map,
        read_only,
        lambda a: RaggedArray(a.reshape(-1, N_FEATURES), np.arange(13) * N_STEPS),
    ],
    ids=["array", "tensor", "memory-map", "read-only", "RaggedArray"],
)
def test_contiguous_float32_sequences_are_not_copied(contain, cube):
    X = contain(cube)
    plain = X.values if isinstance(X, RaggedArray) else np.asarray(X)
    assert np.shares_memory(check(X).values, plain)


def test_a_contiguous_float32_table_is_not_copied(table):
    assert np.shares_memory(check(table).values, table)


def test_int64_token_ids_are_not_copied(table):
    ids = table.astype("i8")
    assert np.shares_memory(check(ids, tokens=True).values, ids)


@over(CUBES)
def test_every_container_leaves_as_contiguous_float32(contain, cube):
    X = check(contain(cube))
    assert isinstance(X, RaggedArray)
    assert X.values.dtype == np.float32
    assert X.values.dtype.isnative
    assert X.values.flags.c_contiguous
    np.testing.assert_array_equal(X.values.reshape(cube.shape), cube)


@over({**CUBES, **RAGGED_2D})
def test_fit_and_predict_leave_x_as_it_is(contain, regressor, cube, y):
    X = contain(cube.copy())
    regressor.fit(X, y).predict(X)
    np.testing.assert_array_equal(check(X).values.reshape(cube.shape), cube)
