"""Learning curves and validation curves, compared with a plain loop."""

import numpy as np
import pytest
from scikit_learn_tools import make_classifier, make_regressor, take
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, learning_curve, validation_curve


def test_learning_curve_equals_a_plain_loop_over_sizes(X, y):
    sizes, _, scores = learning_curve(
        make_classifier(), X, y, cv=KFold(2), train_sizes=[0.4, 1.0]
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        for i, size in enumerate(sizes):
            rows = train[:size]
            by_hand = make_classifier().fit(take(X, rows), y[rows])
            assert scores[i, fold] == by_hand.score(take(X, test), y[test])
    assert (scores[-1] > 0.85).all()


def test_incremental_learning_curve_equals_a_plain_loop_over_partial_fit(X, y):
    classifier = make_classifier(batch_size=2, learning_rate=0.05)
    sizes, _, scores = learning_curve(
        classifier,
        X,
        y,
        cv=KFold(2),
        train_sizes=[0.3, 0.6, 1.0],
        exploit_incremental_learning=True,
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        by_hand = clone(classifier)
        for i, rows in enumerate(np.split(train, sizes[:-1])):
            by_hand.partial_fit(take(X, rows), y[rows], classes=np.unique(y))
            assert scores[i, fold] == by_hand.score(take(X, test), y[test])
    assert (scores[-1] > 0.85).all()


def test_incremental_learning_curve_takes_a_regressor(X, target):
    regressor = make_regressor(batch_size=2, learning_rate=0.05)
    _, _, scores = learning_curve(
        regressor,
        X,
        target,
        cv=2,
        train_sizes=[0.3, 0.6, 1.0],
        exploit_incremental_learning=True,
    )
    assert (scores[-1] > 0.5).all()
    assert scores[-1].mean() > scores[0].mean()


def test_validation_curve_equals_a_plain_loop_over_values(X, y):
    sizes = [1, 5]
    _, scores = validation_curve(
        make_classifier(),
        X,
        y,
        param_name="hidden_size",
        param_range=sizes,
        scoring="neg_log_loss",
        cv=KFold(2),
    )
    for fold, (train, test) in enumerate(KFold(2).split(y)):
        for i, size in enumerate(sizes):
            by_hand = make_classifier(hidden_size=size)
            by_hand.fit(take(X, train), y[train])
            probability = by_hand.predict_proba(take(X, test))
            assert scores[i, fold] == pytest.approx(-log_loss(y[test], probability))
    assert scores[1].mean() > -0.4
