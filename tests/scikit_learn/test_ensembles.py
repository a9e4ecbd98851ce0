"""Voting and stacking."""

import numpy as np
from scikit_learn_tools import make_classifier, make_regressor, step_means
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def test_soft_voting_is_the_mean_of_probabilities(X, y):
    members = [("gru", make_classifier()), ("lstm", make_classifier(cell="lstm"))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    by_hand = np.mean([m.fit(X, y).predict_proba(X) for _, m in members], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), by_hand)
    assert voting.score(X, y) > 0.9


def test_hard_voting_takes_sequences(X, y):
    members = [(str(seed), make_classifier(random_state=seed)) for seed in range(3)]
    assert VotingClassifier(members).fit(X, y).score(X, y) > 0.9


def test_voting_of_regressors_is_the_mean_of_predictions(X, target):
    members = [("gru", make_regressor()), ("lstm", make_regressor(cell="lstm"))]
    voting = VotingRegressor(members).fit(X, target)
    by_hand = np.mean([m.fit(X, target).predict(X) for _, m in members], axis=0)
    np.testing.assert_allclose(voting.predict(X), by_hand)
    assert voting.score(X, target) > 0.8


def test_stacking_combines_a_network_and_a_table_model(X, y):
    table_model = make_pipeline(FunctionTransformer(step_means), GaussianNB())
    members = [("rnn", make_classifier()), ("table", table_model)]
    stacking = StackingClassifier(members, GaussianNB(), cv=2).fit(X, y)
    assert stacking.score(X, y) > 0.9
    for (_, member), column in zip(members, stacking.transform(X).T, strict=True):
        by_hand = member.fit(X, y).predict_proba(X)[:, 1]
        np.testing.assert_allclose(column, by_hand)


def test_stacking_of_regressors_takes_sequences(X, target):
    members = [("gru", make_regressor()), ("lstm", make_regressor(cell="lstm"))]
    stacking = StackingRegressor(members, cv=2).fit(X, target)
    assert stacking.score(X, target) > 0.8
    for (_, member), column in zip(members, stacking.transform(X).T, strict=True):
        np.testing.assert_allclose(column, member.fit(X, target).predict(X))
