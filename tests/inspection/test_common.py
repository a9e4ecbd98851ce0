"""The way to the network: searches, pipelines, names."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier, RNNForecaster, RNNRegressor, inspection
from sklearn_rnn.inspection import _common
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise

TINY = {"max_epochs": 1, "hidden_size": 2, "conv_channels": None, "random_state": 0}


def test_a_search_over_a_pipeline_leads_to_the_network(ragged):
    X, y = ragged
    pipeline = Pipeline(
        [
            ("none", "passthrough"),
            ("pca", Stepwise(PCA(1))),
            ("rnn", RNNClassifier(**TINY)),
        ]
    )
    search = GridSearchCV(pipeline, {"rnn__hidden_size": [2]}, cv=2).fit(X, y)
    seen = _common.resolve_inputs(search, X)
    best = search.best_estimator_
    assert seen.rnn is best["rnn"]
    np.testing.assert_array_equal(
        seen.X.values, best["pca"].transform(X).values.astype("f4")
    )
    assert seen.feature_names.tolist() == ["pca0"]


def test_a_pipeline_of_pipelines_and_a_pipeline_of_a_search_are_opened(ragged):
    X, y = ragged
    search = GridSearchCV(RNNClassifier(**TINY), {"hidden_size": [2]}, cv=2)
    inner = make_pipeline(Stepwise(PCA(2)), search)
    outer = make_pipeline(FunctionTransformer(), inner).fit(X, y)
    rnn, transformers = _common.unwrap(outer)
    assert isinstance(rnn, RNNClassifier)
    assert [type(t).__name__ for t in transformers] == [
        "FunctionTransformer",
        "Stepwise",
    ]


def test_what_is_fitted_is_left_as_it_is(ragged):
    X, y = ragged
    classifier = RNNClassifier(**TINY).fit(X, y)
    module = _common.copy_module(classifier)
    assert module is not classifier.module_
    assert next(classifier.module_.parameters()).dtype.itemsize == 4


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (LogisticRegression(), TypeError, "Got LogisticRegression instead"),
        (RNNForecaster(), TypeError, "Got RNNForecaster instead"),
        (
            make_pipeline(LogisticRegression()),
            TypeError,
            "Got Pipeline, which ends in LogisticRegression instead",
        ),
        (RNNClassifier(), NotFittedError, "not fitted yet"),
        (GridSearchCV(RNNClassifier(), {}), NotFittedError, "has no best_estimator_"),
    ],
)
def test_other_estimators_are_refused(estimator, error, message):
    with pytest.raises(error, match=message):
        _common.unwrap(estimator)


def test_features_are_called_as_in_the_data(ragged):
    X, y = ragged
    frames = [pd.DataFrame(x, columns=["level", "noise"]) for x in X]
    for estimator in (
        RNNClassifier(**TINY),
        make_pipeline(
            Stepwise(FunctionTransformer(feature_names_out="one-to-one")),
            RNNClassifier(**TINY),
        ),
    ):
        seen = _common.resolve_inputs(estimator.fit(frames, y), frames)
        assert seen.feature_names.tolist() == ["level", "noise"]


def test_features_without_names_are_numbered(ragged):
    X, y = ragged
    unnamed = make_pipeline(FunctionTransformer(), RNNClassifier(**TINY)).fit(X, y)
    assert _common.resolve_inputs(unnamed, X).feature_names.tolist() == ["x0", "x1"]


def test_the_columns_of_a_table_are_steps_of_one_feature(rng):
    X = pd.DataFrame(rng.normal(size=(20, 3)), columns=["jan", "feb", "mar"])
    regressor = RNNRegressor(**TINY).fit(X, np.arange(20.0))
    seen = _common.resolve_inputs(regressor, X)
    assert seen.feature_names.tolist() == ["x0"]
    assert seen.X.common_length == 3


def test_texts_arrive_as_rows_of_the_embedding():
    texts = ["good film", "bad film", "good", "bad"] * 5
    pipeline = make_pipeline(SequenceTokenizer(), RNNClassifier(**TINY))
    seen = _common.resolve_inputs(pipeline.fit(texts, [1, 0] * 10), texts)
    assert seen.feature_names.tolist() == ["token_id"]
    indexed = seen.index_tokens()
    assert set(indexed.values.ravel()) == {1, 2, 3}
    (rows, x, lengths), *_ = _common.batches(indexed, seen.rnn)
    assert x.shape == (20, 2, 1)
    assert lengths.tolist() == indexed.lengths[rows].tolist()


def test_classes_and_targets_have_names_and_numbers(ragged):
    X, y = ragged
    classifier = RNNClassifier(**TINY).fit(X, y)
    assert _common.name_outputs(classifier) == ["down", "up"]
    assert _common.choose_outputs(classifier, "up") == [1]
    assert _common.choose_outputs(classifier, None) == [0, 1]
    with pytest.raises(ValueError, match=r"\['down', 'up'\]. Got 'left' instead"):
        _common.choose_outputs(classifier, "left")
    regressor = RNNRegressor(**TINY).fit(X, np.arange(40.0))
    assert _common.name_outputs(regressor) == ["y"]
    regressor.fit(X, np.arange(80.0).reshape(40, 2))
    assert _common.name_outputs(regressor) == ["y0", "y1"]
    assert _common.choose_outputs(regressor, 1) == [1]


def test_inspection_reads_no_private_attribute_of_an_estimator():
    for path in Path(inspection.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                owner = getattr(node.value, "id", None)
                assert node.attr.startswith("__") or owner in ("self", "cls"), (
                    f"{path.name}, line {node.lineno}: {node.attr}"
                )
