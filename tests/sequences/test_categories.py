"""Columns of categories in DataFrames: found by name, coded by value, or an error."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import cross_val_predict

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn._sequences import _categories, _dataframe
from sklearn_rnn.inspection import permutation_importance
from sklearn_rnn.preprocessing import GapEncoder

TINY = {
    "hidden_size": 3,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 2,
    "random_state": 0,
}
KINDS = ["jazz", "pop", "rock"]
N_SAMPLES = 12


def make_frame(n_steps, rng):
    kind = pd.Categorical(rng.choice(KINDS, n_steps), categories=KINDS)
    return pd.DataFrame({"kind": kind, "size": rng.normal(size=n_steps)})


@pytest.fixture
def frames(rng):
    return [make_frame(n, rng) for n in rng.integers(3, 7, N_SAMPLES)]


@pytest.fixture
def y():
    return np.arange(N_SAMPLES) % 2


@pytest.fixture
def fitted(frames, y):
    return RNNClassifier(**TINY).fit(frames, y)


def to_objects(frame):
    return frame.assign(kind=frame["kind"].astype(object))


def to_codes(frame):
    """The table that the network should see: the plain computation."""
    codes = [KINDS.index(kind) for kind in frame["kind"]]
    return np.column_stack([codes, frame["size"]])


def to_polars(frame):
    strings = pl.from_pandas(to_objects(frame))
    return strings.with_columns(pl.col("kind").cast(pl.Enum(KINDS)))


def replace(frames, i, frame):
    return [*frames[:i], frame, *frames[i + 1 :]]


# Values -----------------------------------------------------------------------------


def test_categories_of_frames_are_codes_by_hand(frames, y, fitted):
    by_hand = [to_codes(frame) for frame in frames]
    other = RNNClassifier(categorical_features=[0], **TINY).fit(by_hand, y)
    np.testing.assert_array_equal(
        fitted.predict_proba(frames), other.predict_proba(by_hand)
    )


@pytest.mark.parametrize("given", [["kind"], [0], np.array([True, False])])
def test_a_column_given_by_name_position_or_mask(given, frames, y, fitted):
    classifier = RNNClassifier(categorical_features=given, **TINY)
    strings = [to_objects(frame) for frame in frames]
    np.testing.assert_array_equal(
        classifier.fit(strings, y).predict_proba(strings), fitted.predict_proba(frames)
    )


@pytest.mark.parametrize(
    "change",
    {
        "strings": to_objects,
        "other codes": lambda f: f.assign(
            kind=f["kind"].cat.reorder_categories(KINDS[::-1])
        ),
        "only what is there": lambda f: f.assign(
            kind=f["kind"].cat.remove_unused_categories()
        ),
        "another index": lambda f: f.set_index(np.arange(len(f))[::-1] + 7),
        "polars": to_polars,
        "polars strings": lambda f: pl.from_pandas(to_objects(f)),
    }.items(),
    ids=lambda item: item[0],
)
def test_equal_values_are_equal_whatever_the_dtype(change, frames, fitted):
    changed = [change[1](frame) for frame in frames]
    np.testing.assert_array_equal(
        fitted.predict_proba(changed), fitted.predict_proba(frames)
    )


@pytest.mark.parametrize("contain", [tuple, pd.Series, "array"])
def test_frames_in_any_container(contain, frames, fitted):
    expected = fitted.predict_proba(frames)
    if contain == "array":
        contained = np.empty(N_SAMPLES, dtype=object)
        contained[:] = frames
    else:
        contained = contain(frames)
    np.testing.assert_array_equal(fitted.predict_proba(contained), expected)


def test_frames_of_polars_train_the_same(frames, y, fitted):
    polars = [to_polars(frame) for frame in frames]
    classifier = RNNClassifier(**TINY).fit(polars, y)
    assert classifier.loss_curve_ == fitted.loss_curve_
    np.testing.assert_array_equal(
        classifier.predict_proba(frames), fitted.predict_proba(frames)
    )


def test_categories_not_seen_in_fit_are_all_the_same(frames, fitted):
    def put(kind):
        kinds = pd.Categorical([kind] * len(frames[0]), categories=["folk", "soul"])
        return [frames[0].assign(kind=kinds)]

    folk = fitted.predict_proba(put("folk"))
    np.testing.assert_array_equal(folk, fitted.predict_proba(put("soul")))
    np.testing.assert_array_equal(folk, fitted.predict_proba(put(None)))
    assert (folk != fitted.predict_proba(frames[:1])).any()


def test_a_missing_value_in_fit_is_a_category(frames, y):
    def with_gap(value):
        return [f.assign(kind=[value, *f["kind"][1:]]) for f in frames]

    by_name = RNNClassifier(categorical_features=["kind"], **TINY)
    none = by_name.fit(with_gap(None), y).predict_proba(with_gap(None))
    nan = by_name.fit(with_gap(np.nan), y).predict_proba(with_gap(np.nan))
    word = by_name.fit(with_gap("None"), y).predict_proba(with_gap("None"))
    np.testing.assert_array_equal(none, nan)
    np.testing.assert_array_equal(none, word)


def test_values_of_several_types_are_categories(frames, y):
    values = [1, "1", True, None, "a", 2.5]
    mixed = [f.assign(kind=pd.Series(values[: len(f)], dtype=object)) for f in frames]
    classifier = RNNClassifier(categorical_features=["kind"], **TINY).fit(mixed, y)
    assert classifier.predict(mixed).shape == (N_SAMPLES,)


# Columns that are not as in fit -----------------------------------------------------


@pytest.fixture
def coded(frames):
    """Codes of categories and a number, as arrays with names."""
    X = RaggedArray.from_sequences([to_codes(frame) for frame in frames])
    return RaggedArray(X.values, X.offsets, feature_names=["kind", "size"])


@pytest.mark.parametrize("given", [["kind"], [0], [True, False]])
def test_names_of_a_ragged_array_name_columns_of_categories(given, coded, y):
    rnn = RNNClassifier(**TINY, categorical_features=given).fit(coded, y)
    by_position = RNNClassifier(**TINY, categorical_features=[0]).fit([*coded], y)
    np.testing.assert_array_equal(
        rnn.predict_proba(coded), by_position.predict_proba([*coded])
    )


def test_a_missing_category_of_an_array_needs_a_code(coded, y):
    values = coded.values.copy()
    values[[5, 9, 20], 0] = np.nan
    X = RaggedArray(values, coded.offsets)
    rnn = RNNClassifier(**TINY, categorical_features=[0])
    with pytest.raises(ValueError, match=r"feature 0, a column of categor.*nan=-1"):
        rnn.fit(X, y)
    rnn.fit(RaggedArray(np.nan_to_num(values, nan=-1), coded.offsets), y)
    with pytest.raises(ValueError, match=r"feature 1.*GapEncoder"):
        rnn.predict([np.array([[0, np.nan]])])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_means_of_codes_are_no_categories(coded, y):
    values = coded.values.copy()
    values[[5, 9, 20], 0] = np.nan
    X = RaggedArray(values, coded.offsets, feature_names=["kind", "size"])
    rnn = RNNClassifier(**TINY, categorical_features=["kind"])
    with pytest.warns(UserWarning, match=r"Feature 0 of X.*GapEncoder\(columns="):
        rnn.fit(GapEncoder(strategy="mean").fit_transform(X), y)


def test_categories_may_have_fractions(coded, y):
    values = coded.values.copy()
    values[:, 0] = 38 + values[:, 0] / 2
    rnn = RNNClassifier(**TINY, categorical_features=[0])
    rnn.fit(RaggedArray(values, coded.offsets), y)  # warnings are errors


@pytest.mark.parametrize("rows", [[0], [1], [0, 1, 2]])
@pytest.mark.parametrize("convert", [lambda f: f, to_polars])
def test_a_frame_that_lacks_a_column_of_categories(convert, rows, frames, fitted):
    """Such frames were dropped: there were fewer predictions than sequences."""
    X = [
        convert(f)[["size"]] if i in rows else convert(f)
        for i, f in enumerate(frames[:3])
    ]
    with pytest.raises(ValueError, match=rf"^X\[{rows[0]}\] lacks the column 'kind'"):
        fitted.predict(X)


@pytest.mark.parametrize("given", ["from_dtype", ["kind"], [0]])
def test_a_frame_of_fit_that_lacks_a_column_of_categories(given, frames, y):
    X = replace(frames, 3, frames[3][["size"]])
    classifier = RNNClassifier(categorical_features=given, **TINY)
    with pytest.raises(ValueError, match=r"^X\[3\] lacks the column 'kind'"):
        classifier.fit(X, y)


def test_the_first_frame_of_fit_does_not_decide_what_the_others_hold(frames, y):
    X = replace(frames, 0, frames[0][["size"]])
    with pytest.raises(ValueError, match=r"^X\[0\] lacks the column 'kind'"):
        RNNClassifier(**TINY).fit(X, y)


def test_a_frame_of_x_val_that_lacks_a_column(frames, y):
    X_val = replace(frames, 1, frames[1][["size"]])
    with pytest.raises(ValueError, match=r"^X_val\[1\] lacks the column 'kind'"):
        RNNClassifier(**TINY).fit(frames, y, X_val=X_val, y_val=y)


def test_columns_in_another_order_are_refused_as_in_scikit_learn(frames, fitted):
    turned = [frame[["size", "kind"]] for frame in frames]
    with pytest.raises(ValueError, match="must be in the same order as they were in f"):
        fitted.predict(turned)
    with pytest.raises(ValueError, match=r"X\[2\] has the columns \['size', 'kind'\]"):
        fitted.predict(replace(frames, 2, turned[2]))


def test_more_columns_are_refused_as_in_scikit_learn(frames, fitted):
    with pytest.raises(ValueError, match="unseen at fit time:\n- year"):
        fitted.predict([frame.assign(year=1.0) for frame in frames])


@pytest.mark.parametrize("row", [0, 4])
def test_a_dtype_that_is_categorical_in_some_frames_only(row, frames, y):
    X = replace(frames, row, to_objects(frames[row]))
    message = rf"X\[{row}\] has object in the column 'kind', but X\[\d\] has category"
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**TINY).fit(X, y)


def test_numbers_where_the_categories_were_strings(frames, fitted):
    X = replace(frames, 2, frames[2].assign(kind=7))
    with pytest.raises(
        ValueError, match=r"X\[2\] has 7 in the column 'kind'.* were strings"
    ):
        fitted.predict(X)


def test_strings_where_the_categories_were_numbers(frames, y):
    years = [f.assign(kind=f["kind"].cat.codes.astype("category")) for f in frames]
    classifier = RNNClassifier(**TINY).fit(years, y)
    with pytest.raises(
        ValueError, match=r"X\[0\] has '\w+' in the column 'kind'.* were numbers"
    ):
        classifier.predict(frames)
    floats = [f.assign(kind=f["kind"].astype(float)) for f in years]
    np.testing.assert_array_equal(
        classifier.predict_proba(floats), classifier.predict_proba(years)
    )


@pytest.mark.parametrize(
    ("contain", "got"),
    [
        (lambda X: [to_codes(x) for x in X], r"ndarray as X\[0\]"),
        (lambda X: [X[0], to_codes(X[1])], r"ndarray as X\[1\]"),
        (lambda X: RaggedArray.from_sequences([to_codes(x) for x in X]), "RaggedArray"),
        (lambda X: X[0], "DataFrame"),
        (lambda X: [], r"\[\]"),
    ],
    ids=["arrays", "frame and array", "RaggedArray", "one frame", "empty"],
)
def test_arrays_have_no_categories_of_frames(contain, got, frames, fitted):
    message = rf"\['kind'\] were learned from DataFrames. Got {got} instead"
    with pytest.raises(TypeError, match=message):
        fitted.predict(contain(frames))


def test_columns_of_categories_need_names(frames, y):
    nameless = [frame.set_axis([0, 1], axis=1) for frame in frames]
    with pytest.raises(TypeError, match=r"need strings for names.* Got 0 in \[0, 1\]"):
        RNNClassifier(**TINY).fit(nameless, y)


def test_two_columns_of_one_name_are_refused(frames, y):
    twice = [frame.set_axis(["kind", "kind"], axis=1) for frame in frames]
    with pytest.raises(ValueError, match=r"X cannot .*\n- 'kind' 2 times"):
        RNNClassifier(**TINY).fit(twice, y)


def test_a_category_must_be_hashable(frames, y):
    lists = [f.assign(kind=[[1]] * len(f)) for f in frames]
    with pytest.raises(TypeError, match="X cannot be read: unhashable"):
        RNNClassifier(categorical_features=["kind"], **TINY).fit(lists, y)


# Without narwhals -------------------------------------------------------------------


@pytest.fixture
def no_narwhals(monkeypatch):
    def refuse():
        raise AssertionError("narwhals was imported")

    monkeypatch.setattr(_categories, "import_narwhals", refuse)
    monkeypatch.setattr(_dataframe, "import_narwhals", refuse)


@pytest.mark.usefixtures("no_narwhals")
@pytest.mark.parametrize("convert", [lambda f: f, pl.from_pandas])
@pytest.mark.parametrize("given", ["from_dtype", None, []])
def test_frames_of_numbers_need_no_narwhals(given, convert, frames, y):
    numbers = [convert(frame[["size"]]) for frame in frames]
    regressor = RNNRegressor(categorical_features=given, **TINY)
    assert regressor.fit(numbers, y).predict(numbers).shape == (N_SAMPLES,)


@pytest.mark.usefixtures("no_narwhals")
@pytest.mark.parametrize("convert", [lambda f: f, to_polars])
def test_frames_of_categories_need_narwhals(convert, frames, y):
    with pytest.raises(AssertionError, match="narwhals was imported"):
        RNNClassifier(**TINY).fit([convert(frame) for frame in frames], y)


# With the tools around --------------------------------------------------------------


def test_cross_validation_of_frames(frames, y):
    classifier = RNNClassifier(**TINY)
    assert len(cross_val_predict(classifier, frames, y, cv=3)) == N_SAMPLES


def test_taggers_and_empty_frames(frames):
    tags = [frame["size"].to_numpy() > 0 for frame in frames]
    X = replace(frames, 4, frames[4][:0])
    y = replace(tags, 4, tags[4][:0])
    tagger = RNNTagger(**TINY).fit(X, y)
    assert [len(p) for p in tagger.predict(X)] == [len(x) for x in X]


def test_permutation_importance_permutes_codes(frames, y, fitted):
    result = permutation_importance(fitted, frames, y, random_state=0)
    assert result.names.tolist() == ["kind", "size"]
    assert fitted.feature_names_in_.tolist() == ["kind", "size"]  # left as they were
