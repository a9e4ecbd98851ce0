"""Metadata routing: weights, groups and validation data."""

import numpy as np
import pytest
import sklearn
from scikit_learn_tools import N_SAMPLES, make_classifier, take, tanh
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RaggedArray


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def poisoned(y):
    """Labels most of which are wrong, and weights of 0 for these."""
    weight = np.ones(N_SAMPLES)
    weight[np.random.default_rng(2).permutation(N_SAMPLES)[:36]] = 0
    wrong = np.where(y == "up", "down", "up")
    return np.where(weight > 0, y, wrong), weight


WITH_WEIGHTS = {
    "Pipeline": lambda rnn: make_pipeline(FunctionTransformer(), rnn),
    "GridSearchCV": lambda rnn: GridSearchCV(rnn, {"hidden_size": [4]}, cv=2),
    "VotingClassifier": lambda rnn: VotingClassifier([("rnn", rnn)]),
    "StackingClassifier": lambda rnn: StackingClassifier(
        [("rnn", rnn)], GaussianNB().set_fit_request(sample_weight=True), cv=2
    ),
    "CalibratedClassifierCV": lambda rnn: CalibratedClassifierCV(rnn, cv=2),
    "TunedThresholdClassifierCV": lambda rnn: TunedThresholdClassifierCV(
        rnn,
        cv=2,
        scoring=get_scorer("balanced_accuracy").set_score_request(sample_weight=True),
    ),
}


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("wrap", WITH_WEIGHTS.values(), ids=WITH_WEIGHTS)
def test_weights_are_routed_to_the_network(wrap, sequences, y, poisoned):
    X = RaggedArray.from_sequences(sequences)
    labels, weight = poisoned
    rnn = make_classifier(batch_size=8, max_epochs=12)
    rnn.set_fit_request(sample_weight=True)
    rnn.set_score_request(sample_weight=True)
    wrapped = wrap(rnn)
    assert accuracy_score(y, wrapped.fit(X, labels).predict(X)) < 0.7
    wrapped.fit(X, labels, sample_weight=weight)
    assert accuracy_score(y, wrapped.predict(X)) > 0.9


def test_weights_reach_the_network_by_the_name_of_its_step(X, y, poisoned):
    labels, weight = poisoned
    pipeline = make_pipeline(FunctionTransformer(), make_classifier())
    pipeline.fit(X, labels, rnnclassifier__sample_weight=weight)
    kept = np.flatnonzero(weight)
    by_hand = make_classifier().fit(take(X, kept), y[kept])
    assert np.array_equal(pipeline.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_cross_validation_routes_weights_to_fit_and_score(X, poisoned, rng):
    labels, weight = poisoned
    weight = weight + rng.random(N_SAMPLES)
    rnn = make_classifier().set_fit_request(sample_weight=True)
    rnn.set_score_request(sample_weight=True)
    params = {"sample_weight": weight}
    scores = cross_val_score(rnn, X, labels, params=params, cv=KFold(3))
    for score, (train, test) in zip(scores, KFold(3).split(labels), strict=True):
        rnn.fit(take(X, train), labels[train], sample_weight=weight[train])
        by_hand = rnn.score(take(X, test), labels[test], sample_weight=weight[test])
        assert score == by_hand
        assert score != rnn.score(take(X, test), labels[test])


@pytest.mark.usefixtures("routing")
def test_groups_are_routed_to_the_splitter_and_to_early_stopping(X, y):
    groups = np.arange(N_SAMPLES) // 5
    early = make_classifier(early_stopping=True, validation_fraction=0.3)
    results = cross_validate(
        make_pipeline(FunctionTransformer(), early.set_fit_request(groups=True)),
        X,
        y,
        params={"groups": groups},
        cv=GroupKFold(2),
        return_estimator=True,
        return_indices=True,
    )
    curves = []
    for pipeline, train, test in zip(
        results["estimator"],
        results["indices"]["train"],
        results["indices"]["test"],
        strict=True,
    ):
        assert not set(groups[train]) & set(groups[test])
        for given in (groups[train], None):
            by_hand = clone(early).fit(take(X, train), y[train], groups=given)
            curves.append(by_hand.loss_curve_)
        assert pipeline[-1].loss_curve_ == curves[-2] != curves[-1]


@pytest.mark.usefixtures("routing")
def test_pipeline_transforms_the_validation_data_too(X, y):
    early = make_classifier(early_stopping=True)
    train, held_out = np.arange(40), np.arange(40, N_SAMPLES)
    pipeline = Pipeline(
        [
            ("tanh", FunctionTransformer(tanh)),
            ("rnn", early.set_fit_request(X_val=True, y_val=True)),
        ],
        transform_input=["X_val"],
    )
    validation = {"X_val": take(X, held_out), "y_val": y[held_out]}
    pipeline.fit(take(X, train), y[train], **validation)
    validation["X_val"] = tanh(validation["X_val"])
    X_train = tanh(take(X, train))
    by_hand = clone(early).fit(X_train, y[train], **validation)
    assert pipeline["rnn"].validation_scores_ == by_hand.validation_scores_
    assert max(by_hand.validation_scores_) > 0.9
    holding_out = clone(early).fit(X_train, y[train])
    assert pipeline["rnn"].loss_curve_[0] != holding_out.loss_curve_[0]
