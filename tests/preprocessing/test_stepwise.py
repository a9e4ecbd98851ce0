"""Stepwise against the transformer itself on the table of all steps."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import Stepwise

INNER = [
    StandardScaler(),
    MinMaxScaler(),
    PCA(2),
    PolynomialFeatures(2),
    make_pipeline(SimpleImputer(), StandardScaler()),
    ColumnTransformer([("scale", StandardScaler(), [1])], remainder="passthrough"),
]


# Fitted on all steps ----------------------------------------------------------------


@pytest.mark.parametrize("inner", INNER, ids=str)
def test_it_is_the_transformer_on_the_table_of_all_steps(inner, ragged):
    X, _ = ragged
    table = np.concatenate(X)
    expected = inner.fit_transform(table)
    result = Stepwise(inner).fit_transform(X)
    np.testing.assert_allclose(result.values, expected)
    assert list(result.lengths) == [len(x) for x in X]


def test_what_is_learned_is_of_the_training_data_only(ragged):
    X, _ = ragged
    stepwise = Stepwise(StandardScaler()).fit(X[:20])
    np.testing.assert_allclose(
        stepwise.transformer_.mean_, np.concatenate(X[:20]).mean(axis=0), rtol=1e-5
    )
    before = stepwise.transformer_.mean_.copy()
    stepwise.transform(X[20:])
    np.testing.assert_array_equal(stepwise.transformer_.mean_, before)


def test_padding_is_not_counted(ragged):
    X, _ = ragged
    padded = RaggedArray.from_sequences(X).to_padded()
    scaled = Stepwise(StandardScaler()).fit_transform(RaggedArray.from_padded(padded))
    np.testing.assert_allclose(scaled.values.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.values.std(axis=0), 1, atol=1e-6)


def test_each_feature_of_a_3d_array_is_scaled_over_samples_and_steps(rng):
    X = rng.normal(size=(6, 5, 2)) * [1, 100] + [0, 7]
    scaled = Stepwise(StandardScaler()).fit_transform(X)
    expected = (X - X.mean(axis=(0, 1))) / X.std(axis=(0, 1))
    np.testing.assert_allclose(scaled, expected)


def test_the_given_transformer_is_not_touched(ragged):
    inner = StandardScaler()
    Stepwise(inner).fit(ragged[0])
    assert not hasattr(inner, "mean_")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_precision_is_kept(dtype, rng):
    X = RaggedArray(rng.normal(size=(9, 2)).astype(dtype), [0, 4, 9])
    assert Stepwise(StandardScaler()).fit_transform(X).dtype == dtype


def test_nested_parameters_are_searched(ragged):
    X, y = ragged
    pipeline = make_pipeline(
        Stepwise(PCA()), RNNClassifier(hidden_size=2, max_epochs=1, random_state=0)
    )
    grid = {"stepwise__transformer__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    chosen = search.best_params_["stepwise__transformer__n_components"]
    assert search.best_estimator_[0].transformer_.n_components_ == chosen


def test_y_is_repeated_for_a_transformer_that_uses_it(ragged):
    X, y = ragged
    stepwise = Stepwise(LinearDiscriminantAnalysis()).fit(X, y)
    expected = LinearDiscriminantAnalysis().fit(
        np.concatenate(X), np.repeat(y, [len(x) for x in X])
    )
    np.testing.assert_allclose(stepwise.transformer_.coef_, expected.coef_)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Stepwise(LinearDiscriminantAnalysis()).fit(X, y[:-1])


def test_sparse_results_become_dense():
    X = RaggedArray(np.array(["u", "v", "u"]), [0, 1, 3])
    result = Stepwise(OneHotEncoder()).fit_transform(X)
    np.testing.assert_array_equal(result.values, [[1, 0], [0, 1], [1, 0]])


# DataFrames -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_are_chosen_by_name_and_may_hold_strings(make):
    X = [
        make({"load": [1.0, 3.0], "kind": ["a", "b"]}),
        make({"load": [2.0], "kind": ["b"]}),
    ]
    columns = ColumnTransformer(
        [("scale", MinMaxScaler(), ["load"]), ("code", OrdinalEncoder(), ["kind"])]
    )
    stepwise = Stepwise(columns).fit(X)
    result = stepwise.transform(X)
    np.testing.assert_array_equal(result[0], [[0, 0], [1, 1]])
    np.testing.assert_array_equal(result[1], [[0.5, 1]])
    assert list(stepwise.get_feature_names_out()) == ["scale__load", "code__kind"]
    assert stepwise.n_features_in_ == 2


@pytest.mark.parametrize("columns", [["b"], slice("b", "b"), make_column_selector("b")])
@pytest.mark.parametrize("around", [lambda t: t, make_pipeline, make_union])
def test_named_features_of_a_ragged_array_are_chosen_by_name(columns, around, rng):
    X = RaggedArray(rng.normal(size=(9, 3)), [0, 4, 9], feature_names=["a", "b", "c"])
    parts = [("scale", StandardScaler(), columns), ("rest", "passthrough", ["a"])]
    inner = around(ColumnTransformer(parts))
    by_name = Stepwise(inner).fit(X)
    table = pd.DataFrame(X.values, columns=X.feature_names)
    expected = inner.fit(table).transform(table)
    np.testing.assert_array_equal(by_name.transform(X).values, expected)
    assert by_name.transform(X).feature_names == tuple(inner.get_feature_names_out())


def test_other_transformers_get_an_array_of_named_features(rng):
    X = RaggedArray(rng.normal(size=(9, 2)), [0, 4, 9], feature_names=["a", "b"])
    first = FunctionTransformer(lambda steps: steps[:, :1])
    for inner in (first, ColumnTransformer([("first", first, [1, 0])])):
        assert Stepwise(inner).fit_transform(X).n_features == 1


@pytest.mark.parametrize(
    ("second", "fragment"),
    [
        ({"load": [1.0]}, r"X\[1\] has the columns \['load'\]"),
        ({"load": [], "kind": []}, r"X\[1\] is an empty sequence"),
    ],
)
def test_dataframes_that_do_not_fit_are_refused(second, fragment):
    X = [pd.DataFrame({"load": [1.0], "kind": ["a"]}), pd.DataFrame(second)]
    with pytest.raises(ValueError, match=fragment):
        Stepwise(OrdinalEncoder()).fit(X)


# Words and dicts --------------------------------------------------------------------

WORDS = [["The", "cat", "sat"], [], ["a", "cat"]]
DICTS = [
    [{"w": "the", "n": 2, "up": True}, {"w": "cat"}],
    [],
    [{"w": "the", "suffixes": ["e", "he"], "up": False}],
]


def test_dicts_go_through_dict_vectorizer():
    expected = DictVectorizer(sparse=False).fit_transform(DICTS[0] + DICTS[2])
    stepwise = Stepwise(DictVectorizer())
    result = stepwise.fit_transform(DICTS)
    np.testing.assert_array_equal(result.values, expected)
    assert result.dtype == np.float32
    assert result.lengths.tolist() == [2, 0, 1]
    names = ["n", "suffixes=e", "suffixes=he", "up", "w=cat", "w=the"]
    assert stepwise.get_feature_names_out().tolist() == names


def test_features_that_fit_has_not_seen_are_left_out():
    stepwise = Stepwise(DictVectorizer()).fit(DICTS)
    result = stepwise.transform([[{"w": "dog", "new": 1, "n": 3}]])
    assert result[0].tolist() == [[3, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(analyzer="char"),
        TfidfVectorizer(),
        HashingVectorizer(n_features=16),
        make_pipeline(CountVectorizer(), TruncatedSVD(2, random_state=0)),
        make_union(CountVectorizer(), CountVectorizer(analyzer="char")),
        make_pipeline("passthrough", CountVectorizer()),
        FeatureHasher(n_features=16, input_type="dict"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_vectorizers_of_text_get_a_list_of_words(vectorizer):
    X, steps = WORDS, WORDS[0] + WORDS[2]
    if isinstance(vectorizer, FeatureHasher):
        X = [[{"w": "the", "n": 2}, {"w": "cat"}], [], [{"up": True}]]
        steps = X[0] + X[2]
    expected = clone(vectorizer).fit_transform(steps)
    expected = expected.toarray() if issparse(expected) else expected
    result = Stepwise(vectorizer).fit_transform(X)
    np.testing.assert_allclose(result.values, expected, rtol=1e-6, atol=1e-6)
    assert result.lengths.tolist() == [len(x) for x in X]


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=str)
def test_other_transformers_get_a_column_of_words(encoder):
    stepwise = Stepwise(encoder).fit(WORDS)
    column = np.array(WORDS[0] + WORDS[2], dtype=object)[:, np.newaxis]
    expected = clone(encoder).fit_transform(column)
    expected = expected.toarray() if issparse(expected) else expected
    result = stepwise.transform(WORDS)
    np.testing.assert_array_equal(result.values, expected)
    back = stepwise.inverse_transform(result)
    assert [x.ravel().tolist() for x in back] == WORDS


@pytest.mark.parametrize(
    ("transformer", "X"),
    [
        (DictVectorizer(), DICTS),
        (HashingVectorizer(n_features=6), WORDS),
        (OneHotEncoder(), WORDS),
    ],
    ids=str,
)
def test_empty_sequences_alone_have_no_steps(transformer, X):
    stepwise = Stepwise(transformer).fit(X)
    n_features = stepwise.transform(X).n_features
    for empty in ([[]], ((), []), [np.array([], dtype=object)]):
        result = stepwise.transform(empty)
        assert result.shape == (len(empty), None, n_features)
        assert result.lengths.sum() == 0
    with pytest.raises(ValueError, match=r"X\[0\] is an empty sequence"):
        Stepwise(transformer).fit([[], []])


def test_words_of_each_sequence_are_fitted_alone():
    stepwise = Stepwise(OrdinalEncoder(), fit_on="sequence").fit(WORDS)
    ranks = [x.ravel().tolist() for x in stepwise.transform(WORDS)]
    assert ranks == [[0, 1, 2], [], [0, 1]]


def test_terms_of_a_vectorizer_are_no_inverse():
    assert hasattr(Stepwise(DictVectorizer()), "inverse_transform")
    assert not hasattr(Stepwise(CountVectorizer()), "inverse_transform")


def test_labels_of_steps_reach_a_transformer_that_uses_them():
    y = [["A", "B"], [], ["A"]]
    select = make_pipeline(DictVectorizer(), SelectKBest(chi2, k=2))
    expected = clone(select).fit_transform(DICTS[0] + DICTS[2], ["A", "B", "A"])
    containers = [y, [np.array(labels) for labels in y], pd.Series(y)]
    containers.append(RaggedArray(np.array(["A", "B", "A"]), [0, 2, 2, 3]))
    for labels in containers:
        result = Stepwise(select).fit_transform(DICTS, labels)
        np.testing.assert_allclose(result.values, expected.toarray())
    with pytest.raises(
        ValueError, match=r"X\[0\] has 2 steps, but y\[0\] has 1 labels"
    ):
        Stepwise(select).fit(DICTS, [["A"], [], ["A"]])
    with pytest.raises(
        ValueError, match=r"X\[2\] has 1 steps, but y\[2\] has 2 labels"
    ):
        Stepwise(select).fit(DICTS, [["A", "B"], [], ["A", "B"]])


def test_labels_of_steps_reach_it_for_numbers_too(ragged):
    X, _ = ragged
    y = [(x[:, 0] > 0).astype(int) for x in X]
    stepwise = Stepwise(LinearDiscriminantAnalysis()).fit(X, y)
    expected = LinearDiscriminantAnalysis().fit(np.concatenate(X), np.concatenate(y))
    np.testing.assert_allclose(stepwise.transformer_.coef_, expected.coef_)


def test_sparse_tables_too_large_to_be_dense_are_refused():
    words = [["word"] * 1100]
    with pytest.raises(ValueError, match=r"1048576 features for 1100 steps: .*4.3 GiB"):
        Stepwise(HashingVectorizer()).fit_transform(words)
    small = Stepwise(make_pipeline(HashingVectorizer(), TruncatedSVD(2)))
    words = [["a", "bb", "cc", "dd"] * 300]
    assert small.fit_transform(words).n_features == 2


@pytest.mark.parametrize(
    ("fitted", "new", "message"),
    [
        (DICTS, WORDS, "The steps of X are words, but Stepwise was fitted on dicts"),
        (DICTS, [[[1.0, 2.0]]], "steps of X are numbers, but .* fitted on dicts"),
        ([[{"w": 1}], [{"w": 2}, "x"]], None, r"X\[1\] has 'x' at step 1, of type str"),
        ([[{"w": 1}], {"w": 2}], None, r"X\[1\] is dict"),
        ([[{"w": 1}, None]], None, r"X\[0\] has None at step 1"),
        ([[{"w": 1}, {"w": {"v": 1}}]], None, r"(?i)unsupported value type"),
    ],
    ids=["words", "numbers", "mixed", "a dict", "missing", "nested"],
)
def test_wrong_dicts_are_refused(fitted, new, message):
    with pytest.raises(TypeError, match=message):
        Stepwise(DictVectorizer()).fit(fitted).transform(new)


def test_words_are_refused_where_numbers_were_fitted(ragged):
    X, _ = ragged
    stepwise = Stepwise(StandardScaler()).fit(X)
    with pytest.raises(
        TypeError, match="are words, but Stepwise was fitted on numbers"
    ):
        stepwise.transform(WORDS)


def test_a_refit_forgets_what_kind_of_steps_was_fitted():
    frames = [pd.DataFrame({"load": [1.0]})]
    stepwise = Stepwise(OneHotEncoder()).fit(frames).fit(WORDS)
    assert not hasattr(stepwise, "feature_names_in_")
    assert stepwise.n_features_in_ == 1
    assert stepwise.fit(frames).transform(frames)[0].tolist() == [[1]]


# Fitted on each sequence ------------------------------------------------------------


@pytest.mark.parametrize("inner", [StandardScaler(), MinMaxScaler()], ids=str)
@pytest.mark.parametrize("frames", [False, True])
def test_on_each_sequence_it_is_a_loop_over_sequences(inner, frames, ragged):
    X, _ = ragged
    if frames:
        X = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    result = Stepwise(inner, fit_on="sequence").fit(X[:5]).transform(X)
    for ours, x in zip(result, X, strict=True):
        np.testing.assert_allclose(ours, inner.fit_transform(x))


def test_a_z_normalised_sequence_has_neither_level_nor_spread(ragged):
    X, _ = ragged
    stepwise = Stepwise(StandardScaler(), fit_on="sequence").fit(X)
    moved = stepwise.transform([3 * x + 7 for x in X])
    np.testing.assert_allclose(moved.values, stepwise.transform(X).values, atol=1e-4)


def test_a_sequence_on_which_the_transformer_fails_is_named(rng):
    X = [rng.normal(size=(5, 3)), rng.normal(size=(1, 3))]
    with pytest.raises(ValueError, match=r"X\[1\]: n_components=2"):
        Stepwise(PCA(2), fit_on="sequence").fit(X).transform(X)


def test_each_sequence_must_have_the_same_features():
    X = [np.array([[1.0], [2.0]]), np.array([[3.0]])]
    encoder = OneHotEncoder()
    with pytest.raises(ValueError, match=r"returned 2 features for X\[0\], but 3"):
        Stepwise(encoder, fit_on="sequence").fit(X).transform(X)


# Missing values ---------------------------------------------------------------------


def test_nan_goes_through_where_the_transformer_lets_it():
    X = [np.array([[1.0], [np.nan]]), np.array([[3.0]])]
    scaled = Stepwise(StandardScaler()).fit_transform(X)
    np.testing.assert_array_equal(scaled.values.ravel(), [-1, np.nan, 1])
    filled = Stepwise(SimpleImputer()).fit_transform(X)
    np.testing.assert_array_equal(filled.values.ravel(), [1, 2, 3])


def test_nan_is_named_where_the_transformer_refuses_it():
    X = [np.ones((3, 2)), np.array([[1, 1], [1, np.nan]])]
    fragment = r"X\[1\] has NaN at step 1, feature 1\. Input X contains NaN"
    with pytest.raises(ValueError, match=fragment):
        Stepwise(PCA(1)).fit(X)
    fitted = Stepwise(PCA(1)).fit([np.eye(2), np.eye(2)])
    with pytest.raises(ValueError, match=fragment):
        fitted.transform(X)


def test_other_errors_of_the_transformer_come_as_they_are():
    X = [np.array([[1.0, np.nan], [2.0, 3.0]])]
    with pytest.raises(ValueError, match=r"^n_components"):
        Stepwise(make_pipeline(SimpleImputer(), PCA(7))).fit(X * 3)


def test_the_tag_of_nan_is_the_transformers():
    assert Stepwise(StandardScaler()).__sklearn_tags__().input_tags.allow_nan
    assert not Stepwise(PCA()).__sklearn_tags__().input_tags.allow_nan


# The way back -----------------------------------------------------------------------


@pytest.mark.parametrize("inner", [StandardScaler(), PCA(2)], ids=str)
@pytest.mark.parametrize("kind", ["list", "array", "table"])
def test_the_inverse_gives_the_sequences_back(inner, kind, ragged, rng):
    X = {
        "list": ragged[0],
        "array": rng.normal(size=(6, 5, 2)),
        "table": rng.normal(size=(6, 5)),
    }[kind]
    if kind == "table" and isinstance(inner, PCA):
        inner = PCA(1)
    stepwise = Stepwise(inner).fit(X)
    back = stepwise.inverse_transform(stepwise.transform(X))
    if kind == "list":
        back, X = back.values, np.concatenate(X)
    assert back.shape == X.shape
    np.testing.assert_allclose(back, X, atol=1e-5)


def test_there_is_an_inverse_only_where_it_exists():
    assert hasattr(Stepwise(StandardScaler()), "inverse_transform")
    assert not hasattr(Stepwise(PolynomialFeatures()), "inverse_transform")
    each = Stepwise(StandardScaler(), fit_on="sequence")
    assert not hasattr(each, "inverse_transform")


# Names ------------------------------------------------------------------------------


def test_names_are_the_transformers(ragged):
    X, _ = ragged
    assert list(Stepwise(PCA(2)).fit(X).get_feature_names_out()) == ["pca0", "pca1"]
    scaled = Stepwise(StandardScaler()).fit(X)
    assert list(scaled.get_feature_names_out()) == ["x0", "x1"]
    assert list(scaled.get_feature_names_out(["a", "b"])) == ["a", "b"]


def test_names_of_a_table_are_those_of_its_steps(rng):
    table = pd.DataFrame(rng.normal(size=(5, 3)), columns=["mon", "tue", "wed"])
    scaled = Stepwise(StandardScaler()).fit(table)
    assert list(scaled.get_feature_names_out()) == ["mon", "tue", "wed"]
    powers = Stepwise(PolynomialFeatures(2)).fit(table)
    assert list(powers.get_feature_names_out()) == ["1", "x0", "x0^2"]
    assert powers.transform(table).shape == (5, 3, 3)


# Bad input --------------------------------------------------------------------------


class DropsARow(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[1:]


def test_a_transformer_must_keep_the_number_of_rows(ragged):
    X, _ = ragged
    n_steps = sum(map(len, X))
    fragment = f"DropsARow returned {n_steps - 1} rows for {n_steps} steps"
    with pytest.raises(ValueError, match=fragment):
        Stepwise(DropsARow()).fit(X).transform(X)


@pytest.mark.parametrize(
    ("params", "fragment"),
    [
        ({"transformer": 3}, "'transformer' parameter of Stepwise must be"),
        ({"transformer": StandardScaler(), "fit_on": "each"}, "'fit_on' parameter"),
    ],
)
def test_bad_parameters_are_named(params, fragment):
    with pytest.raises(ValueError, match=fragment):
        Stepwise(**params).fit([[1.0, 2.0]])


def test_one_follows_another_in_a_pipeline(ragged):
    X, _ = ragged
    twice = Pipeline(
        [
            ("scale", Stepwise(StandardScaler())),
            ("absolute", Stepwise(FunctionTransformer(np.abs))),
        ]
    )
    assert (twice.fit_transform(X).values >= 0).all()
