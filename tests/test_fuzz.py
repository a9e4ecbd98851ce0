"""Whatever comes: an answer without NaN, or ValueError or TypeError. Never a crash."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor

SMALL = {
    "hidden_size": 2,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 1,
    "random_state": 0,
}
REFUSED = (ValueError, TypeError)


def fuzz(max_examples):
    return settings(
        deadline=None,
        derandomize=True,
        max_examples=max_examples,
        suppress_health_check=list(HealthCheck),
    )


# What may come ----------------------------------------------------------------------

NUMBERS = st.sampled_from(
    ["f2", "f4", "f8", ">f4", ">f8", "i1", "i4", "i8", "u2", "u8"]
)
DTYPES = (
    NUMBERS | NUMBERS | st.sampled_from(["g", "?", "c8", "U2", "S2", "M8[s]", "m8[s]"])
)
SIZES = st.sampled_from([1, 2, 3, 3, 2, 4, 0])


def array_of(dtype, shape):
    """Any values of a type, NaN and infinity included, or only such as can be read."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fiu":
        return hnp.arrays(dtype, shape)
    small = hnp.arrays(dtype, shape, elements=st.integers(0, 5))  # also token ids
    return hnp.arrays(dtype, shape) | readable_array_of(dtype, shape) | small


def readable_array_of(dtype, shape):
    """Finite values, small enough for float32 and for their differences."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return hnp.arrays(dtype, shape)
    width = min(8 * dtype.itemsize, 64)
    limit = float(np.finfo("f2" if width == 16 else "f4").max) / 8
    elements = st.floats(-limit, limit, width=width)
    return hnp.arrays(dtype, shape, elements=elements)


def as_objects(sequences):
    array = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        array[i] = sequence
    return array


def as_nested_tensor(layout):
    def make(sequences):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a prototype
            return torch.nested.nested_tensor(
                [torch.from_numpy(s) for s in sequences], layout=layout
            )

    return make


ARRAY_CONTAINERS = [
    lambda a: a,
    np.asfortranarray,
    lambda a: a.tolist(),
    lambda a: a.astype(object),
    list,
    tuple,
    as_objects,
    lambda a: np.ma.masked_array(a),
    lambda a: torch.from_numpy(a),
    lambda a: pd.DataFrame(a),
    lambda a: pl.DataFrame(a),
    lambda a: [pd.DataFrame(x) for x in a],
    RaggedArray.from_sequences,
    RaggedArray.from_padded,
    RaggedArray.from_aeon,
]
LIST_CONTAINERS = [
    list,
    tuple,
    as_objects,
    RaggedArray.from_sequences,
    lambda s: [x.tolist() for x in s],
    lambda s: [torch.from_numpy(x) for x in s],
    lambda s: [pd.DataFrame(x) for x in s],
    lambda s: pd.Series(as_objects(s)),
    as_nested_tensor(torch.jagged),
    as_nested_tensor(torch.strided),
]


def contained(draw, data, containers):
    """Put data into a container, or leave them where the container refuses them."""
    contain = draw(st.sampled_from(containers))
    try:
        return contain(data)
    except Exception:  # a container of pandas, polars or torch: not ours
        return data


@st.composite
def _arrays(draw, dtypes=DTYPES):
    n_dimensions = draw(st.sampled_from([2, 3, 2, 3, 3, 1, 4, 0]))
    shape = tuple(draw(SIZES) for _ in range(n_dimensions))
    array = draw(array_of(draw(dtypes), shape))
    return contained(draw, array, ARRAY_CONTAINERS)


@st.composite
def _lists_of_arrays(draw, dtypes=DTYPES):
    """Mostly sequences of the same features; in one of three lists anything goes."""
    shape = (draw(st.integers(1, 2)),) * draw(st.sampled_from([1, 1, 1, 0, 2]))
    dtype = draw(dtypes)
    is_odd = draw(st.sampled_from([False, False, True]))
    sequences = []
    for _ in range(draw(st.integers(0, 5))):
        if is_odd:
            shape = tuple(draw(st.lists(SIZES, max_size=2)))
            dtype = draw(dtypes)
        n_steps = draw(SIZES if is_odd else st.integers(1, 4))
        sequences.append(draw(array_of(dtype, (n_steps, *shape))))
    return contained(draw, sequences, LIST_CONTAINERS)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=2)
    | st.binary(max_size=2)
    | st.decimals().filter(lambda d: not d.is_snan())  # scikit-learn compares it
    | st.datetimes()
)


def junk(scalars):
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(st.text(max_size=1), inner, max_size=2)
            | st.lists(inner, max_size=3).map(as_objects)
        ),
        max_leaves=12,
    )


def is_moderate(value):
    """Targets and weights of 1e200 have tests of their own, in bad_input."""
    size = abs(value) if isinstance(value, float) else 0
    return size == 0 or np.isnan(size) or 1e-15 < size < 1e15 or np.isinf(size)


MODERATE = SCALARS.filter(is_moderate)
ANYTHING = _arrays() | _lists_of_arrays() | junk(SCALARS)


def count(X):
    if isinstance(X, torch.Tensor) and X.is_nested:
        return X.size(0)
    return len(X) if hasattr(X, "__len__") and getattr(X, "ndim", 1) > 0 else 2


def targets_for(X):
    """Two classes, as many as X seems to have samples."""
    return np.arange(count(X)) % 2


def assert_no_nan(answer):
    answer = np.asarray(answer)
    assert answer.dtype.kind in "fiu"
    assert not np.isnan(answer).any()


# what scikit-learn says of data, without a name of the argument
UNNAMED = (
    r"(sample|feature|step)\(s\)|numbers of samples|Unknown label type|[Cc]lass|"
    "Sample weights must|weights must contain"
)


def assert_answers_or_refuses(function, *args, name="X"):
    """Return the answer, None where it is an error that says what is wrong.

    An error names the argument, and changes nothing of the estimator.
    """
    estimator = function.__self__
    before = dict(vars(estimator))
    try:
        answer = function(*args)
    except REFUSED as error:
        assert re.search(rf"\b{name}\b|{UNNAMED}", str(error)), error
        assert vars(estimator) == before
        return None
    return answer


# Fit --------------------------------------------------------------------------------


@fuzz(400)
@given(
    ANYTHING,
    st.sampled_from([RNNClassifier, RNNRegressor]),
    st.sampled_from([None, None, 2]),
)
@pytest.mark.filterwarnings("ignore:X .*feature names")
@pytest.mark.filterwarnings("ignore:Feature .* float32 rounds")
def test_whatever_x_comes_to_fit_it_is_answered_or_refused(X, make, embedding_dim):
    estimator = make(**SMALL, embedding_dim=embedding_dim)
    if assert_answers_or_refuses(estimator.fit, X, targets_for(X)) is None:
        return
    assert estimator.n_features_in_ >= 1
    prediction = estimator.predict(X)  # what was fitted is answered
    assert_no_nan(prediction)
    assert len(prediction) == count(X)
    if make is RNNClassifier:
        assert_no_nan(estimator.predict_proba(X))


@st.composite
def _good_sequences(draw):
    """Finite sequences in any container of them, and how many they are."""
    n_samples, n_features = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    dtype = draw(NUMBERS)
    lengths = draw(
        st.lists(st.integers(1, 4), min_size=n_samples, max_size=n_samples)
        | st.integers(1, 4).map(lambda n: [n] * n_samples)
    )
    sequences = [draw(readable_array_of(dtype, (n, n_features))) for n in lengths]
    return contained(draw, sequences, LIST_CONTAINERS), n_samples


@pytest.mark.filterwarnings("ignore:Feature .* float32 rounds")
@fuzz(120)
@given(
    _good_sequences(),
    st.sampled_from(["gru", "lstm", "rnn"]),
    st.sampled_from(["last", "mean", "max", "meanmax", "attention"]),
    st.sampled_from([None, 2, (2, 3)]),
    st.booleans(),
)
def test_finite_sequences_are_always_answered(
    X_and_size, cell, pooling, conv_channels, bidirectional
):
    X, n_samples = X_and_size
    settings_ = {
        **SMALL,
        "cell": cell,
        "pooling": pooling,
        "conv_channels": conv_channels,
        "bidirectional": bidirectional,
    }
    y = np.arange(n_samples) % 2
    classifier = RNNClassifier(**settings_).fit(X, y)
    proba = classifier.predict_proba(X)
    assert proba.shape == (n_samples, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    prediction = RNNRegressor(**settings_).fit(X, y).predict(X)
    assert prediction.shape == (n_samples,)
    assert np.isfinite(prediction).all()


@fuzz(120)
@given(
    st.sampled_from([RNNClassifier, RNNRegressor]),
    hnp.arrays(
        st.sampled_from(
            ["f4", "f8", "i8", "u1", "?", "c8", "U1", "S1", "M8[D]", "O"]
        ).map(np.dtype),
        st.sampled_from([(4,), (4,), (4, 1), (4, 2), (3,), (4, 0), (4, 1, 1), ()]),
    ).filter(lambda y: y.dtype.kind != "f" or all(map(is_moderate, y.ravel().tolist())))
    | st.lists(MODERATE, min_size=4, max_size=4)
    | junk(MODERATE),
)
@pytest.mark.filterwarnings("ignore:Feature .* float32 rounds")
@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce")  # inf - inf
def test_whatever_y_comes_to_fit_it_is_answered_or_refused(make, y):
    X = np.linspace(-1, 1, 16).reshape(4, 4)
    estimator = make(**SMALL)
    if assert_answers_or_refuses(estimator.fit, X, y, name="y") is None:
        return
    assert len(estimator.predict(X)) == 4
    assert_no_nan(
        estimator.predict_proba(X) if make is RNNClassifier else estimator.predict(X)
    )


@fuzz(80)
@given(
    hnp.arrays(
        np.float64,
        st.sampled_from([(4,), (4,), (4,), (4, 1), (3,), ()]),
        elements=st.floats().filter(is_moderate)
        | st.floats(1e-3, 3)
        | st.sampled_from([0.0, 1.0]),
    )
    | junk(MODERATE)
)
@pytest.mark.filterwarnings("ignore:Casting complex values")  # scikit-learn's
def test_whatever_weights_come_to_fit_they_are_answered_or_refused(sample_weight):
    X, y = np.linspace(-1, 1, 16).reshape(4, 4), np.array([0.0, 1.0, 2.0, 5.0])
    regressor = RNNRegressor(**SMALL)
    fitted = assert_answers_or_refuses(
        regressor.fit, X, y, sample_weight, name="sample_weight"
    )
    if fitted is not None:
        assert_no_nan(regressor.predict(X))


# Predict ----------------------------------------------------------------------------


@pytest.fixture(
    scope="module",
    params=["table", "sequences", "one variable", "tokens", "ragged tokens", "stem"],
)
def fitted(request):
    rng = np.random.default_rng(0)
    X, options = {
        "table": (rng.normal(size=(6, 3)), {}),
        "sequences": (rng.normal(size=(6, 3, 2)), {}),
        "one variable": (rng.normal(size=(6, 3, 1)), {}),
        "tokens": (rng.integers(0, 5, (6, 3)), {"embedding_dim": 2}),
        "ragged tokens": ([[1, 2], [3]] * 3, {"embedding_dim": 2}),
        "stem": (rng.normal(size=(6, 3, 2)), {"conv_channels": (2, 2)}),
    }[request.param]
    return RNNClassifier(**{**SMALL, **options}).fit(X, np.arange(6) % 2)


@fuzz(200)
@given(X=ANYTHING)
@pytest.mark.filterwarnings("ignore:X .*feature names")
def test_whatever_x_comes_to_predict_it_is_answered_or_refused(fitted, X):
    proba = assert_answers_or_refuses(fitted.predict_proba, X)
    if proba is not None:
        assert proba.shape == (count(X), 2)
        assert_no_nan(proba)
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Feature .* float32 rounds")
def test_the_fuzz_reaches_answers_as_well_as_refusals():
    """Without this, an estimator that refuses everything would pass the fuzz."""
    outcomes = []

    @fuzz(100)
    @given(_arrays(NUMBERS) | _lists_of_arrays(NUMBERS))
    def try_one(X):
        try:
            RNNRegressor(**SMALL).fit(X, targets_for(X))
        except REFUSED:
            outcomes.append("refused")
        else:
            outcomes.append("answered")

    try_one()
    assert outcomes.count("answered") >= 10
    assert outcomes.count("refused") >= 10
