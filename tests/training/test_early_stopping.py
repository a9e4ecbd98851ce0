"""Early stopping by the validation score."""

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from training_tools import (
    assert_weights_equal,
    make_classifier,
    make_regressor,
    weights_of,
)

from sklearn_rnn import RNNRegressor


@pytest.fixture
def noise(rng):
    """Labels with no relation to X."""
    return rng.normal(size=(60, 5, 2)), rng.integers(0, 2, 60)


def test_early_stopping_ends_n_iter_no_change_epochs_after_the_best_one(noise):
    classifier = make_classifier(
        early_stopping=True, max_epochs=100, validation_fraction=0.3
    ).fit(*noise)
    scores = classifier.validation_scores_
    assert classifier.n_iter_ == len(scores) < 100
    assert classifier.best_validation_score_ == max(scores)
    assert classifier.n_iter_ == int(np.argmax(scores)) + 1 + 10


def test_early_stopping_keeps_the_weights_of_the_best_epoch(noise):
    params = {"validation_fraction": 0.3, "learning_rate_schedule": None}
    stopped = make_classifier(**params, early_stopping=True, max_epochs=100).fit(*noise)
    best = int(np.argmax(stopped.validation_scores_)) + 1
    assert best < stopped.n_iter_
    trained_to_best = make_classifier(**params, early_stopping=True, max_epochs=best)
    assert_weights_equal(weights_of(stopped), weights_of(trained_to_best.fit(*noise)))


def test_validation_data_passed_to_fit_replace_the_split(ragged):
    X, y = ragged
    classifier = make_classifier(early_stopping=True, max_epochs=30)
    classifier.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    assert classifier.best_validation_score_ == pytest.approx(
        classifier.score(X[30:], y[30:])
    )


def test_early_stopping_accepts_a_class_of_one_sample(rng):
    X, y = rng.normal(size=(40, 3, 1)), np.array([0] * 20 + [1] * 19 + [2])
    classifier = make_classifier(early_stopping=True).fit(X, y)
    assert len(classifier.validation_scores_) == 5


class LastThird:
    """A splitter by order, as sequences in time need it."""

    def split(self, n_samples, groups):
        rows = np.arange(n_samples)
        return rows[: -(n_samples // 3)], rows[-(n_samples // 3) :]


class OrderedRegressor(RNNRegressor):
    def _make_splitter(self, data):
        return LastThird()


def test_an_estimator_can_hold_out_the_last_samples(rng):
    X, y = rng.normal(size=(60, 5, 2)), rng.normal(size=60)
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    ordered = OrderedRegressor(early_stopping=True, **params).fit(X, y)
    by_hand = RNNRegressor(early_stopping=True, **params)
    by_hand.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert ordered.loss_curve_ == by_hand.loss_curve_
    assert ordered.validation_scores_ == by_hand.validation_scores_
    np.testing.assert_array_equal(ordered.predict(X), by_hand.predict(X))


def test_early_stopping_is_automatic_for_many_sequences(rng, monkeypatch):
    monkeypatch.setattr("sklearn_rnn._defaults._MANY_SAMPLES", 40)
    X, y = rng.normal(size=(41, 3, 1)), np.arange(41) % 2
    for n, expected in ((40, False), (41, True)):
        classifier = make_classifier(max_epochs=1).fit(X[:n], y[:n])
        assert classifier.early_stopping_ is expected
        assert (classifier.validation_scores_ is not None) is expected
    monkeypatch.setattr("sklearn_rnn._defaults._LARGE_DATA", X.size * 4)
    assert not classifier.fit(X, y).early_stopping_  # no copy of large data
    monkeypatch.setattr("sklearn_rnn._defaults._LARGE_DATA", X.size * 4 + 1)
    assert not classifier.set_params(early_stopping=False).fit(X, y).early_stopping_
    assert not make_classifier().partial_fit(X, y, classes=[0, 1]).early_stopping_


SCORES = {
    "classes": ("balanced_accuracy", "f1_macro", "neg_log_loss", "roc_auc"),
    "labels": ("f1_macro", "average_precision"),
    "numbers": ("neg_mean_absolute_error",),
}


@pytest.fixture(params=SCORES)
def task(request, rng):
    """An estimator, X and y of some kind, and a weight."""
    X, weight = rng.normal(size=(60, 5, 2)), rng.uniform(0.5, 2, 60)
    y = {
        "classes": np.where(rng.random(60) < 0.3, "rare", "usual"),
        "labels": rng.integers(0, 2, (60, 3)),
        "numbers": 100 + 10 * rng.normal(size=60),
    }[request.param]
    make = make_regressor if request.param == "numbers" else make_classifier
    return make, X, y, weight, SCORES[request.param]


def test_validation_scores_are_those_of_the_scorer(task):
    make, X, y, weight, names = task
    train, held_out = slice(0, 40), slice(40, 60)
    validation = {
        "X_val": X[held_out],
        "y_val": y[held_out],
        "sample_weight_val": weight[held_out],
    }
    for name in names:
        scorer = get_scorer(name)
        rnn = make(scoring=name, learning_rate_schedule=None, max_epochs=3)
        rnn.fit(X[train], y[train], **validation)
        expected = scorer(rnn, X[held_out], y[held_out], sample_weight=weight[held_out])
        assert rnn.validation_scores_[-1] == pytest.approx(expected, abs=1e-6)


def test_a_callable_scores_the_validation_set(ragged):
    def share(estimator, X, y):
        return float(np.mean(estimator.predict(X) == y)) + len(X)

    X, y = ragged
    expected = make_classifier(early_stopping=True).fit(X, y).validation_scores_
    scores = make_classifier(early_stopping=True, scoring=share).fit(X, y)
    np.testing.assert_allclose(np.subtract(scores.validation_scores_, 4), expected)


def test_the_loss_as_a_score_is_the_training_loss(ragged):
    X, y = ragged
    kept = make_classifier(scoring="loss", learning_rate=1e-12, max_epochs=2)
    kept.fit(X, y, X_val=X, y_val=y)
    assert kept.validation_scores_[-1] == pytest.approx(-kept.loss_curve_[-1], rel=1e-5)


def test_the_best_epoch_is_that_of_the_score(noise):
    X, y = noise
    params = {"validation_fraction": 0.3, "learning_rate_schedule": None}
    stopped = make_classifier(
        **params, early_stopping=True, scoring="neg_log_loss", max_epochs=30
    ).fit(X, y)
    best = int(np.argmax(stopped.validation_scores_)) + 1
    again = make_classifier(
        **params, early_stopping=True, scoring="loss", max_epochs=best
    ).fit(X, y)
    assert_weights_equal(weights_of(stopped), weights_of(again))


def test_an_unknown_scorer_is_named(ragged):
    with pytest.raises(ValueError, match=r"'scoring' parameter .*'accurracy' instead"):
        make_classifier(scoring="accurracy").fit(*ragged)


def test_a_scoring_without_a_validation_set_warns(ragged):
    X, y = ragged
    with pytest.warns(UserWarning, match="scoring='f1_macro' has no effect without"):
        make_classifier(scoring="f1_macro", max_epochs=1).fit(X, y)
