"""The same data in any container, type and kind of y give the reference's answer."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor

SMALL = {
    "hidden_size": 2,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
N_SAMPLES = 6
REFUSED = (ValueError, TypeError)


def fuzz(max_examples):
    return settings(
        deadline=None,
        derandomize=True,
        max_examples=max_examples,
        suppress_health_check=list(HealthCheck),
    )


def as_objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def as_conjugate_part(array):
    """A view whose sign is a bit of the tensor."""
    numbers = torch.tensor(np.asarray(array, "f4"))
    return torch.complex(numbers, -numbers).conj().imag


DTYPES = ["f2", "f4", "f8", ">f4", ">f8", "g", "i1", "i4", ">i8", "u1", "u8", "O"]

# each takes a float32 array of shape (6, 4) or (6, 4, 2)
ARRAYS = {
    "array": lambda a: a,
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed twice": lambda a: a[::-1].copy()[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "no mask": np.ma.masked_array,
    "tensor": lambda a: torch.tensor(np.asarray(a, "f4")),
    "bfloat16": lambda a: torch.tensor(np.asarray(a, "f4")).bfloat16(),
    "gradient": lambda a: torch.tensor(np.asarray(a, "f4")).requires_grad_(),
    "conjugate part": as_conjugate_part,
    "nested lists": lambda a: a.tolist(),
}
TABLES = {
    **ARRAYS,
    "pandas": pd.DataFrame,
    "polars": lambda a: pl.DataFrame(np.asarray(a, "f8")),
}
# each takes a list of float32 arrays of shape (n_i, 2)
SEQUENCES = {
    "list": list,
    "tuple": tuple,
    "objects": as_objects,
    "series": lambda s: pd.Series(as_objects(s)),
    "ragged": RaggedArray.from_sequences,
    "ragged as array": lambda s: np.asarray(RaggedArray.from_sequences(s)),
    "ragged slice": lambda s: RaggedArray.from_sequences([s[0], *s])[1:],
    "ragged of tensors": lambda s: RaggedArray.from_sequences(
        [torch.tensor(np.asarray(x, "f4")) for x in s]
    ),
    "padded": lambda s: RaggedArray.from_padded(
        RaggedArray.from_sequences(s).to_padded(0), list(map(len, s))
    ),
    "tensors": lambda s: [torch.tensor(np.asarray(x, "f4")) for x in s],
    "conjugate parts": lambda s: list(map(as_conjugate_part, s)),
    "bfloat16": lambda s: [torch.tensor(np.asarray(x, "f4")).bfloat16() for x in s],
    "nested tensor": lambda s: torch.nested.nested_tensor(
        [torch.tensor(np.asarray(x, "f4")) for x in s], layout=torch.jagged
    ),
    "frames": lambda s: [pd.DataFrame(x) for x in s],
    "nested lists": lambda s: [x.tolist() for x in s],
    "no masks": lambda s: [np.ma.masked_array(x) for x in s],
    "Fortran": lambda s: [np.asfortranarray(x) for x in s],
}
Y_CONTAINERS = {
    "array": lambda y: y,
    "list": lambda y: y.tolist(),
    "tuple": lambda y: tuple(y.tolist()),
    "series": pd.Series,
    "polars": lambda y: pl.Series(y.tolist()),
    "no mask": np.ma.masked_array,
    "tensor": lambda y: torch.tensor(y),
    "gradient": lambda y: torch.tensor(y).double().requires_grad_(),
    "bfloat16": lambda y: torch.tensor(y).bfloat16(),
    "conjugate part": as_conjugate_part,
    "list of tensors": lambda y: list(torch.tensor(y)),
    "integers of 8 bits": lambda y: y.astype("i1"),
    "big end first": lambda y: y.astype(">i8"),
    "floats": lambda y: y.astype("f4"),
}


@st.composite
def _samples(draw):
    """X in a container, the same X as the reference has it, and their description."""
    n_features = draw(st.sampled_from([1, 2]))
    kind = draw(st.sampled_from(["table", "cube", "sequences"]))
    dtype = draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if kind == "sequences":
        lengths = rng.integers(1, 5, N_SAMPLES)
        if draw(st.booleans()):
            lengths[:] = lengths[0]
        plain = [rng.integers(0, 9, (n, n_features)).astype("f4") for n in lengths]
        name = draw(st.sampled_from(list(SEQUENCES)))
        return SEQUENCES[name]([x.astype(dtype) for x in plain]), plain, name
    shape = (N_SAMPLES, 4) if kind == "table" else (N_SAMPLES, 4, n_features)
    plain = rng.integers(0, 9, shape).astype("f4")
    containers = TABLES if kind == "table" else ARRAYS
    name = draw(st.sampled_from(list(containers)))
    if name == "read-only":  # out of bytes, which hold no objects
        dtype = dtype.replace("O", "f4")
    return containers[name](plain.astype(dtype)), plain, name


@fuzz(300)
@given(
    _samples(),
    st.sampled_from([RNNClassifier, RNNRegressor]),
    st.sampled_from(list(Y_CONTAINERS)),
    st.sampled_from([None, *Y_CONTAINERS]),
)
def test_every_container_gives_the_answer_of_plain_arrays(sample, make, y_name, w_name):
    X, plain, _ = sample
    y, weight = np.array([0, 1, 2, 0, 1, 2]), np.array([1, 2, 1, 1, 3, 1])
    estimator = make(**SMALL)
    plain_weight = None if w_name is None else weight
    expected = clone(estimator).fit(plain, y, sample_weight=plain_weight)
    contained = None if w_name is None else Y_CONTAINERS[w_name](weight)
    estimator.fit(X, Y_CONTAINERS[y_name](y), sample_weight=contained)
    for method in ("predict", "predict_proba")[: 2 if make is RNNClassifier else 1]:
        np.testing.assert_array_equal(
            np.asarray(getattr(estimator, method)(X), dtype=float),
            getattr(expected, method)(plain),
        )


LABELS = {
    "strings": np.array(["b", "a", "c"] * 2),
    "objects": np.array(["b", "a", "c"] * 2, dtype=object),
    "booleans": np.array([True, False] * 3),
    "gaps": np.array([-7, 10**9, 5] * 2),
    "categories": pd.Series(["b", "a", "c"] * 2, dtype="category"),
    "nullable integers": pd.Series([2, 0, 1] * 2, dtype="Int64"),
    "bytes of one column": np.array([[1], [0], [2]] * 2),
    "multilabel": np.array([[0, 1], [1, 1], [1, 0]] * 2),
    "sparse multilabel": sparse.csr_array(np.array([[0, 1], [1, 1], [1, 0]] * 2)),
    "lists of labels": [[0, 1], [1, 1], [1, 0]] * 2,
    "tensor of labels": torch.tensor([[0, 1], [1, 1], [1, 0]] * 2),
    "numbers": np.array([0.5, -1.0, 3.0] * 2),
    "several numbers": np.array([[0.5, 2.0], [-1.0, 0.0], [3.0, 1.0]] * 2),
    "complex": np.array([1j, 2j, 0] * 2),
    "dates": np.array(["2020-01-01", "2021-01-01"] * 3, "M8[D]"),
    "missing": [None, 1.0, 0.0] * 2,
    "NA": pd.Series([1, 0, pd.NA] * 2, dtype="Int64"),
    "NaN": [np.nan, 1.0, 0.0] * 2,
    "masked": np.ma.masked_array([0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 1]),
    "too few": [0, 1],
    "three dimensions": np.zeros((6, 2, 2)),
    "ragged": RaggedArray(np.arange(12.0), np.arange(0, 13, 2)),
    "ragged lists": [[0, 1], [1], [0]] * 2,
    "a dict": dict.fromkeys(range(6), 0),
    "a set": set(range(6)),
    "a string": "abcdef",
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor])
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_every_y_is_learned_or_refused_by_name(make, name):
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, 4, 2))
    estimator = make(**SMALL)
    before = dict(vars(estimator))
    try:
        estimator.fit(X, LABELS[name])
    except REFUSED as error:
        assert vars(estimator) == before
        assert_names(str(error), "y")
    else:
        prediction = estimator.predict(X)
        assert len(prediction) == N_SAMPLES
        if make is RNNClassifier:
            probability = estimator.predict_proba(X)
            assert np.isfinite(probability).all()
            assert set(np.unique(prediction)) <= set(estimator.classes_)
        else:
            assert np.isfinite(prediction).all()


def assert_names(message, name):
    """An error about y names it, or speaks of labels or numbers of samples."""
    known = (name, "[Uu]nknown label type", "numbers of samples", "label", "targets?")
    assert any(re.search(rf"\b{k}\b", message) for k in known), message
