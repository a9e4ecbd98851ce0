"""Early stopping by the validation score."""

import numpy as np
import pytest
from training_tools import assert_weights_equal, make_classifier, weights_of

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
