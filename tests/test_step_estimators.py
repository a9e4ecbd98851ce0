"""RNNTagger and RNNStepRegressor in the tools of scikit-learn, unmodified."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import check_scoring, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample, shuffle

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
)
from sklearn_rnn.metrics import step_accuracy_score, step_accuracy_scorer
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise, WordAttributes

TINY = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
TAGGER, REGRESSOR = RNNTagger(**TINY), RNNStepRegressor(**TINY)
CRF = RNNTagger(**TINY, crf=True)
ESTIMATORS = [TAGGER, CRF, REGRESSOR]
N = 12
LENGTHS = {
    "ragged": [2, 3, 4, 5] * 3,
    "equal": [4] * N,
    "of one step": [1] * N,
}


def to_objects(sequences):
    array = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        array[i] = sequence
    return array


CONTAINERS = {
    "list of arrays": list,
    "list of lists": lambda sequences: [s.tolist() for s in sequences],
    "object array": to_objects,
    "Series": lambda sequences: pd.Series([s.tolist() for s in sequences]),
    "RaggedArray": RaggedArray.from_sequences,
    "array": np.array,  # of equal lengths
}


def make_data(estimator, lengths):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in lengths]
    y = [x[:, 0] for x in X]
    if isinstance(estimator, RNNTagger):
        y = [np.where(values > 0, "up", "down") for values in y]
        for i, labels in enumerate(y):  # both labels in each fold
            labels[0] = ["up", "down"][i % 2]
    return X, y


# The tools: each gets an estimator, X, y and groups, and returns what is to be checked


def search(kind, **options):
    def run(estimator, X, y, groups):
        fitted = kind(estimator, {"hidden_size": [2, 3]}, cv=2, **options).fit(X, y)
        assert len(fitted.predict(X)) == N
        return fitted.score(X, y)

    return run


def predict(estimator, X, y, groups):
    predictions = cross_val_predict(estimator, X, y, cv=3)
    assert (predictions.shape, predictions.dtype) == ((N,), object)
    for train, test in KFold(3).split(np.empty(N)):
        parts = [take(X, train), take(y, train), take(X, test)]
        alone = clone(estimator).fit(*parts[:2]).predict(parts[2])
        for actual, expected in zip(predictions[test], alone, strict=True):
            assert_array_equal(actual, expected)
    return [len(p) for p in predictions]


def take(sequences, rows):
    if isinstance(sequences, list):
        return [sequences[i] for i in rows]
    return sequences.iloc[rows] if hasattr(sequences, "iloc") else sequences[rows]


def split(estimator, X, y, groups):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert len(X_train) == len(y_train) == 9
    return clone(estimator).fit(X_train, y_train).score(X_test, y_test)


def pipeline(estimator, X, y, groups):
    pipe = make_pipeline(Stepwise(StandardScaler()), clone(estimator))
    return cross_val_score(pipe, X, y, cv=2)


def rearrange(estimator, X, y, groups):
    X, y = resample(*shuffle(X, y, random_state=0), random_state=1)
    return clone(estimator).fit(X, y).score(X, y)


TOOLS = {
    "cross_val_score": lambda e, X, y, g: cross_val_score(e, X, y, cv=3),
    "cross_validate": lambda e, X, y, g: cross_validate(
        e, X, y, cv=3, return_train_score=True
    )["train_score"],
    "GroupKFold": lambda e, X, y, g: cross_val_score(
        e, X, y, groups=g, cv=GroupKFold(3)
    ),
    "two processes": lambda e, X, y, g: cross_val_score(e, X, y, cv=2, n_jobs=2),
    "GridSearchCV": search(GridSearchCV),
    "RandomizedSearchCV": search(RandomizedSearchCV, n_iter=2),
    "HalvingGridSearchCV": search(HalvingGridSearchCV, min_resources=8, random_state=1),
    "learning_curve": lambda e, X, y, g: learning_curve(
        e, X, y, cv=2, train_sizes=[4, 6]
    )[1],
    "validation_curve": lambda e, X, y, g: validation_curve(
        e, X, y, cv=2, param_name="hidden_size", param_range=[2, 3]
    )[1],
    "cross_val_predict": predict,
    "train_test_split": split,
    "Pipeline": pipeline,
    "resample": rearrange,
}


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("estimator", [TAGGER, REGRESSOR], ids=["tagger", "regressor"])
def test_tools_of_scikit_learn_take_every_container(
    estimator, tool, container, lengths
):
    check_tool(estimator, tool, container, lengths)


# a CRF does not see containers: they are as without one by then
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("tool", TOOLS)
def test_tools_of_scikit_learn_take_a_crf(tool, lengths):
    check_tool(CRF, tool, "list of arrays", lengths)


def check_tool(estimator, tool, container, lengths):
    if container == "array" and lengths == "ragged":
        X, y = make_data(estimator, LENGTHS["equal"])
        X, y = np.array(X)[:, :, 0], np.array(y)  # a table instead
    else:
        X, y = map(CONTAINERS[container], make_data(estimator, LENGTHS[lengths]))
    result = TOOLS[tool](estimator, X, y, np.arange(N) % 3)
    assert np.isfinite(np.asarray(result, float)).all()


@pytest.mark.parametrize("container", CONTAINERS)
def test_scores_of_a_search_are_those_of_the_splits(container):
    X, y = make_data(ESTIMATORS[0], LENGTHS["equal"])
    expected = []
    for train, test in KFold(3).split(X):
        fitted = clone(ESTIMATORS[0]).fit(take(X, train), take(y, train))
        expected.append(
            step_accuracy_score(take(y, test), fitted.predict(take(X, test)))
        )
    contained = map(CONTAINERS[container], (X, y))
    assert cross_val_score(ESTIMATORS[0], *contained, cv=3).tolist() == expected


def test_scikit_learn_takes_them_for_neither_classifiers_nor_regressors():
    for estimator, kind in zip(
        ESTIMATORS, ["tagger"] * 2 + ["step_regressor"], strict=True
    ):
        assert estimator.__sklearn_tags__().estimator_type == kind
        assert not is_classifier(estimator)
        assert not is_regressor(estimator)


@pytest.mark.parametrize(
    "first",
    [
        SequenceTokenizer(level=None),
        WordAttributes(n_buckets=50),
        WordAttributes(["lower", "characters"]),
    ],
)
def test_sentences_go_through_a_pipeline(first):
    sentences = [["A", "dog", "barks"], [], ["Dogs", "bark"], ["A", "cat"]] * 5
    y = [["DET", "NOUN", "VERB"], [], ["NOUN", "VERB"], ["DET", "NOUN"]] * 5
    tagger = RNNTagger(hidden_size=8, max_epochs=40, random_state=0)
    pipe = make_pipeline(first, tagger)
    folds = KFold(4, shuffle=True, random_state=0)
    assert cross_val_score(pipe, sentences, y, cv=folds).min() > 0.9
    predictions = pipe.fit(sentences, y).predict(sentences[:2])
    assert [len(labels) for labels in predictions] == [3, 0]


def test_scorers_of_steps_go_into_a_search():
    X, y = make_data(ESTIMATORS[0], LENGTHS["ragged"])
    scores = cross_validate(
        ESTIMATORS[0],
        X,
        y,
        cv=3,
        scoring={"own": step_accuracy_scorer, "made": make_scorer(step_accuracy_score)},
    )
    assert_array_equal(scores["test_own"], scores["test_made"])
    assert_array_equal(scores["test_own"], cross_val_score(ESTIMATORS[0], X, y, cv=3))
    assert check_scoring(ESTIMATORS[0])(clone(ESTIMATORS[0]).fit(X, y), X, y) <= 1


# What cannot work, and how it is done instead -----------------------------------------


@pytest.mark.filterwarnings("ignore:Number of classes:RuntimeWarning")
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("contain", [list, to_objects])
def test_probabilities_across_folds_fail_and_a_loop_gives_them(contain, lengths):
    X, y = make_data(ESTIMATORS[0], LENGTHS[lengths])
    with pytest.raises((ValueError, TypeError)):
        cross_val_predict(ESTIMATORS[0], X, contain(y), cv=3, method="predict_proba")
    probability = np.empty(N, dtype=object)
    for train, test in KFold(3).split(X):
        fitted = clone(ESTIMATORS[0]).fit(take(X, train), take(y, train))
        for i, p in zip(test, fitted.predict_proba(take(X, test)), strict=True):
            probability[i] = p
    assert [p.shape for p in probability] == [(len(x), 2) for x in X]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("contain", [list, to_objects])
def test_accuracy_as_scoring_fails(contain, lengths):
    X, y = make_data(ESTIMATORS[0], LENGTHS[lengths])
    options = {"cv": 3, "scoring": "accuracy", "error_score": "raise"}
    with pytest.raises(ValueError, match=r"broadcast|ambiguous|can't handle|unknown"):
        cross_val_score(ESTIMATORS[0], X, contain(y), **options)


@pytest.mark.parametrize("lengths", ["ragged", "equal"])
@pytest.mark.parametrize("contain", [list, to_objects])
def test_stratified_splits_fail(contain, lengths):
    X, y = make_data(ESTIMATORS[0], LENGTHS[lengths])
    with pytest.raises(ValueError, match=r"inhomogeneous|ambiguous|Supported target"):
        cross_val_score(ESTIMATORS[0], X, contain(y), cv=StratifiedKFold(3))


def test_splits_stratified_by_a_label_of_each_sequence_work():
    X, y = make_data(ESTIMATORS[0], LENGTHS["ragged"])
    has_down = ["down" in labels for labels in y]
    splits = list(StratifiedKFold(2).split(np.empty(N), has_down))
    assert len(cross_val_score(ESTIMATORS[0], X, y, cv=splits)) == 2


# One answer a sequence, given one a step ----------------------------------------------


@pytest.mark.parametrize(
    "container",
    ["list of arrays", "list of lists", "object array", "Series", "RaggedArray"],
)
@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor])
def test_a_ragged_y_names_the_estimators_of_steps(make, container):
    X, y = make_data(None, LENGTHS["ragged"])
    y = [(values > 0).astype(int) for values in y]
    with pytest.raises(ValueError, match=r"ragged y.* RNNTagger, .*RNNStepRegressor"):
        make(**TINY).fit(X, CONTAINERS[container](y))
    with pytest.raises(ValueError, match="ragged y_val"):
        make(**TINY).fit(X, np.arange(N) % 2, X_val=X, y_val=CONTAINERS[container](y))


@pytest.mark.parametrize("contain", [to_objects, RaggedArray.from_sequences, pd.Series])
def test_a_ragged_container_of_equal_lengths_is_ragged(contain):
    X, y = make_data(None, LENGTHS["equal"])
    with pytest.raises(ValueError, match="needs one answer a sequence"):
        RNNRegressor(**TINY).fit(X, contain(y))


def test_a_matrix_with_a_column_for_each_step_warns():
    X, y = make_data(None, LENGTHS["equal"])
    matrix = (np.array(y) > 0).astype(int)
    with pytest.warns(UserWarning, match=r"as many columns as steps: .* use RNNTagger"):
        RNNClassifier(**TINY).fit(X, matrix)


def test_other_matrices_do_not_warn():
    X, y = make_data(None, LENGTHS["equal"])
    matrix = (np.array(y) > 0).astype(int)
    RNNClassifier(**TINY).fit(X, matrix[:, :3])
    RNNClassifier(**TINY).fit([x[:1] for x in X], matrix[:, 0])
    RNNRegressor(**TINY).fit(X, matrix)
    RNNRegressor(**TINY).fit(X, np.array(y))
    RNNClassifier(**TINY).fit(make_data(None, LENGTHS["ragged"])[0], matrix)
