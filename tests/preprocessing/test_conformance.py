"""What every transformer of sequences promises."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpydoc.docscrape import NumpyDocString
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceFeatures,
    SequencePadder,
    SequenceTokenizer,
    Stepwise,
    WordAttributes,
)

TRANSFORMERS = [
    GapEncoder(),
    GapEncoder(strategy="linear", add_mask=False, add_time_since=False),
    SequenceFeatures(),
    SequencePadder(),
    SequencePadder(n_steps=60, padding_side="left"),
    Stepwise(StandardScaler()),
    Stepwise(StandardScaler(), fit_on="sequence"),
    Stepwise(PCA(1)),
]
TO_SEQUENCES = [t for t in TRANSFORMERS if isinstance(t, GapEncoder | Stepwise)]
SMALL = {
    "hidden_size": 4,
    "conv_channels": None,
    "bidirectional": False,
    "max_epochs": 2,
    "random_state": 0,
}


def each_of(estimators):
    return pytest.mark.parametrize("transformer", estimators, ids=str)


def object_array(X):
    array = np.empty(len(X), dtype=object)
    array[:] = X
    return array


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "lists of lists": lambda X: [x.tolist() for x in X],
    "object array": object_array,
    "DataFrames": lambda X: [pd.DataFrame(x) for x in X],
    "polars DataFrames": lambda X: [pl.DataFrame(x, schema=["a", "b"]) for x in X],
    "tensors": lambda X: [torch.from_numpy(x) for x in X],
    "RaggedArray": RaggedArray.from_sequences,
}


def values_of(result):
    return result.values if isinstance(result, RaggedArray) else result


# scikit-learn's own -----------------------------------------------------------------


@parametrize_with_checks(TRANSFORMERS)
def test_scikit_learn_conformance(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_checks_that_are_skipped_are_those_that_standard_scaler_skips():
    def skipped(estimator):
        results = check_estimator(estimator, on_skip=None, on_fail=None)
        return {r["check_name"] for r in results if r["status"] == "skipped"}

    for transformer in (GapEncoder(), Stepwise(StandardScaler())):
        assert skipped(transformer) <= skipped(StandardScaler())


# Containers -------------------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS)
@each_of(TRANSFORMERS)
def test_the_container_changes_no_value(transformer, container, ragged):
    X, _ = ragged
    expected = clone(transformer).fit(X).transform(X)
    contained = CONTAINERS[container](X)
    actual = clone(transformer).fit(contained).transform(contained)
    assert type(actual) is type(expected)
    np.testing.assert_allclose(
        values_of(actual), values_of(expected), rtol=1e-5, atol=1e-5
    )


@each_of(TO_SEQUENCES)
def test_ragged_stays_ragged_with_the_same_lengths(transformer, ragged):
    X, _ = ragged
    result = clone(transformer).fit_transform(X)
    assert isinstance(result, RaggedArray)
    assert list(result.lengths) == [len(x) for x in X]
    assert result.n_features == len(clone(transformer).fit(X).get_feature_names_out())


@each_of(TO_SEQUENCES)
def test_an_array_stays_an_array(transformer, rng):
    X = rng.normal(size=(6, 5, 2))
    result = clone(transformer).fit_transform(X)
    assert isinstance(result, np.ndarray)
    expected = clone(transformer).fit_transform(list(X))
    np.testing.assert_array_equal(result, np.stack(list(expected)))


@each_of(TO_SEQUENCES)
def test_a_table_is_one_variable(transformer, rng):
    X = rng.normal(size=(6, 5))
    result = clone(transformer).fit_transform(X)
    expected = clone(transformer).fit_transform(X[:, :, np.newaxis])
    np.testing.assert_array_equal(result.reshape(expected.shape), expected)
    assert result.ndim == (2 if expected.shape[2] == 1 else 3)


@each_of(TRANSFORMERS)
def test_a_sequence_comes_out_as_it_does_alone(transformer, ragged):
    X, _ = ragged
    fitted = clone(transformer).fit(X)
    together = fitted.transform(X)
    for i in (0, 17, 39):
        alone = fitted.transform(X[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-6)


@each_of(TRANSFORMERS)
def test_the_data_are_left_as_they_are(transformer, ragged):
    X = RaggedArray.from_sequences(ragged[0])
    X.values.flags.writeable = False
    before = X.values.copy()
    clone(transformer).fit(X).transform(X)
    np.testing.assert_array_equal(X.values, before)


# Around scikit-learn ----------------------------------------------------------------


@each_of(TRANSFORMERS)
def test_a_pickled_transformer_does_the_same(transformer, ragged):
    X, _ = ragged
    fitted = clone(transformer).fit(X)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        values_of(loaded.transform(X)), values_of(fitted.transform(X))
    )


@each_of(TRANSFORMERS)
def test_not_fitted_is_said(transformer, ragged):
    with pytest.raises(NotFittedError):
        clone(transformer).transform(ragged[0])
    with pytest.raises(NotFittedError):
        clone(transformer).get_feature_names_out()


@pytest.mark.parametrize("container", ["list", "RaggedArray", "array"])
@each_of(TRANSFORMERS)
def test_it_sits_in_a_searched_pipeline(transformer, container, ragged):
    X, y = ragged
    if container == "RaggedArray":
        X = RaggedArray.from_sequences(X)
    if container == "array":
        X = RaggedArray.from_sequences(X).to_padded(fill_value=0)
    transformer = clone(transformer)
    if isinstance(transformer, SequencePadder):
        transformer.set_params(n_steps=12)
    if isinstance(transformer, SequenceFeatures):
        final, grid = RandomForestClassifier(), {"final__n_estimators": [2, 3]}
    else:
        final, grid = RNNClassifier(**SMALL), {"final__hidden_size": [2, 3]}
    pipeline = Pipeline([("transformer", transformer), ("final", final)])
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict(X).shape == (40,)


@each_of(TO_SEQUENCES)
def test_set_output_leaves_sequences_as_they_are(transformer, ragged):
    X, y = ragged
    pipeline = make_pipeline(clone(transformer), RNNClassifier(**SMALL))
    pipeline[:-1].set_output(transform="pandas")
    assert isinstance(pipeline[:-1].fit_transform(X), RaggedArray)
    with config_context(transform_output="polars"):
        assert isinstance(clone(transformer).fit_transform(X), RaggedArray)
    pipeline.fit(X, y)


def test_set_output_gives_tables_where_tables_come_out(rng):
    table = pd.DataFrame(
        rng.normal(size=(6, 4)), columns=list("abcd"), index=range(10, 16)
    )
    scaled = Stepwise(StandardScaler()).set_output(transform="pandas")
    result = scaled.fit_transform(table)
    assert list(result.columns) == list("abcd")
    assert list(result.index) == list(table.index)
    features = SequenceFeatures().set_output(transform="polars")
    X = [rng.normal(size=(3, 2)), rng.normal(size=(1, 2))]
    frame = features.fit_transform(X)
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == list(features.get_feature_names_out())


@each_of(TRANSFORMERS)
def test_column_names_are_kept(transformer, ragged):
    X = [pd.DataFrame(x, columns=["speed", "load"]) for x in ragged[0]]
    fitted = clone(transformer).fit(X)
    assert list(fitted.feature_names_in_) == ["speed", "load"]
    out = fitted.get_feature_names_out()
    assert any("speed" in name or name.startswith("pca") for name in out)
    swapped = [x[["load", "speed"]] for x in X]
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(swapped)


@each_of(TRANSFORMERS)
def test_documented_attributes_are_those_of_a_fitted_transformer(transformer, ragged):
    fitted = clone(transformer).fit(ragged[0])
    documented = {a.name for a in NumpyDocString(type(fitted).__doc__)["Attributes"]}
    there = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    assert documented - {"feature_names_in_"} == there


def test_the_transformer_inside_shows_in_the_html():
    assert "StandardScaler" in Stepwise(StandardScaler())._repr_html_()


# Bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "fragment"),
    [
        (np.zeros((3, 5)), r"X\[4\] has 5 features"),
        (np.zeros((0, 2)), r"X\[4\] is an empty sequence"),
        (np.full((2, 2), np.inf), r"X\[4\].*inf"),
        (np.array([["a", "b"]]), r"X\[4\] must hold numbers"),
    ],
    ids=["features", "empty", "infinity", "text"],
)
@each_of(TRANSFORMERS)
def test_errors_name_the_sequence(transformer, bad, fragment, ragged):
    X, _ = ragged
    spoiled = [*X[:4], bad, *X[5:]]
    with pytest.raises(ValueError, match=fragment):
        clone(transformer).fit(X).transform(spoiled)
    with pytest.raises(ValueError, match=fragment):
        clone(transformer).fit(spoiled)


@each_of(TRANSFORMERS)
def test_another_number_of_features_is_refused(transformer, ragged):
    fitted = clone(transformer).fit(ragged[0])
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.transform([np.zeros((4, 3))])


@each_of([*TO_SEQUENCES, SequenceFeatures()])
def test_other_lengths_than_those_of_fit_are_fine(transformer, ragged):
    fitted = clone(transformer).fit(ragged[0])
    for n_steps in (1, 100):
        result = fitted.transform([np.zeros((n_steps, 2))])
        assert np.isfinite(values_of(result)).all()


def test_a_function_of_the_table_may_go_in():
    double = Stepwise(FunctionTransformer(lambda table: 2 * table))
    assert list(double.fit_transform([[1, 2], [3]]).values.ravel()) == [2, 4, 6]


# Words and dicts --------------------------------------------------------------------

SENTENCES = [["The", "cat", "sat", "."], [], ["So", "cats", "do"], ["."]] * 3
OF_WORDS = [
    SequenceTokenizer(level=None),
    SequenceTokenizer(level=None, min_count=2, lowercase=False),
    WordAttributes(),
    WordAttributes(["word"], n_buckets=5, min_count=2),
    WordAttributes(["characters", "shape"], n_characters=3, min_count=2),
    Stepwise(OneHotEncoder(handle_unknown="ignore")),
    Stepwise(DictVectorizer()),
]
CONTAINERS_OF_WORDS = {
    "tuples": lambda X: tuple(map(tuple, X)),
    "object array": object_array,
    "arrays": lambda X: [np.array(x, dtype=object) for x in X],
    "arrays of str": lambda X: [np.array(x, dtype=str) for x in X],
    "Series": pd.Series,
    "Series with an index": lambda X: pd.Series(X, index=range(len(X), 0, -1)),
    "polars Series": pl.Series,
    "list of Series": lambda X: [pd.Series(x, dtype=object) for x in X],
}


def sentences_for(transformer):
    if getattr(transformer, "transformer", None).__class__ is DictVectorizer:
        return [[{"word": word, "n": len(word)} for word in s] for s in SENTENCES]
    return SENTENCES


@each_of(OF_WORDS)
def test_sentences_keep_their_lengths_also_of_zero(transformer):
    X = sentences_for(transformer)
    result = clone(transformer).fit_transform(X)
    assert result.lengths.tolist() == [len(x) for x in X]
    assert result.n_features == len(clone(transformer).fit(X).get_feature_names_out())


@pytest.mark.parametrize("container", CONTAINERS_OF_WORDS)
@each_of(OF_WORDS)
def test_the_container_of_words_changes_no_value(transformer, container):
    X = sentences_for(transformer)
    expected = clone(transformer).fit_transform(X)
    if X is not SENTENCES and container in ("arrays of str", "polars Series"):
        container = "tuples"  # neither holds dicts as they are
    contained = CONTAINERS_OF_WORDS[container](X)
    actual = clone(transformer).fit(contained).transform(contained)
    assert type(actual) is type(expected)
    np.testing.assert_array_equal(actual.offsets, expected.offsets)
    np.testing.assert_array_equal(actual.values, expected.values)


@each_of(OF_WORDS)
def test_a_sentence_comes_out_as_it_does_alone(transformer):
    X = sentences_for(transformer)
    fitted = clone(transformer).fit(X)
    together = fitted.transform(X)
    for i in (0, 2, 3):
        np.testing.assert_array_equal(fitted.transform(X[i : i + 1])[0], together[i])


@each_of(OF_WORDS)
def test_transformers_of_words_are_cloned_and_pickled(transformer):
    X = sentences_for(transformer)
    fitted = clone(transformer).fit(X)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        loaded.transform(X).values, fitted.transform(X).values
    )
    for method in ("transform", "get_feature_names_out"):
        arguments = [X] if method == "transform" else []
        with pytest.raises(NotFittedError):
            getattr(clone(fitted), method)(*arguments)


@each_of(OF_WORDS)
def test_documented_attributes_of_transformers_of_words(transformer):
    fitted = clone(transformer).fit(sentences_for(transformer))
    documented = {a.name for a in NumpyDocString(type(fitted).__doc__)["Attributes"]}
    there = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    there |= {
        n for n in documented if isinstance(getattr(type(fitted), n, 0), property)
    }
    sometimes = {"feature_names_in_", "tokenizer_"}  # of DataFrames, of subwords
    assert documented - sometimes == there


@each_of([t for t in OF_WORDS if not isinstance(t, WordAttributes)])
def test_transformers_of_words_sit_in_a_searched_pipeline(transformer):
    X = [x for x in sentences_for(transformer) if len(x)]  # the classifier needs a step
    y = ["+", "-", "-"] * 3
    pipeline = Pipeline(
        [("words", clone(transformer)), ("rnn", RNNClassifier(**SMALL))]
    )
    grid = {"rnn__hidden_size": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert set(search.predict(X)) <= {"+", "-"}


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_param_validation,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_word_attributes_passes_the_checks_that_need_no_table(check):
    check("WordAttributes", WordAttributes())
