"""Grid, halving and randomized search."""

import numpy as np
import pytest
from scikit_learn_tools import N_SAMPLES, StepScaler, make_classifier
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
)
from sklearn.pipeline import Pipeline


@pytest.fixture
def slow_and_fast():
    """A grid in which only the second learning rate learns anything."""
    return {"learning_rate": [1e-6, 0.2]}


def _assert_finds_what_learns(search, X, y):
    search.fit(X, y)
    assert search.best_params_["learning_rate"] == 0.2
    assert search.best_score_ > 0.9
    assert search.score(X, y) > 0.9
    expected = make_classifier().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(search.predict_proba(X), expected, atol=1e-5)


def test_grid_search_accepts_sequences(X, y, slow_and_fast):
    search = GridSearchCV(make_classifier(), slow_and_fast, cv=2, n_jobs=2)
    _assert_finds_what_learns(search, X, y)


def test_halving_grid_search_accepts_sequences(X, y, slow_and_fast):
    search = HalvingGridSearchCV(
        make_classifier(),
        slow_and_fast,
        cv=2,
        factor=2,
        min_resources=N_SAMPLES // 2,
        random_state=0,
    )
    _assert_finds_what_learns(search, X, y)
    assert search.n_resources_ == [N_SAMPLES // 2, N_SAMPLES]


def test_halving_grid_search_accepts_epochs_as_resource(X, y, slow_and_fast):
    search = HalvingGridSearchCV(
        make_classifier(),
        slow_and_fast,
        cv=2,
        factor=2,
        resource="max_epochs",
        min_resources=4,
        max_resources=8,
    )
    _assert_finds_what_learns(search, X, y)
    assert search.n_resources_ == [4, 8]


def test_randomized_search_accepts_sequences(X, y):
    candidates = {"learning_rate": loguniform(1e-4, 1.0), "cell": ["gru", "lstm"]}
    search = RandomizedSearchCV(
        make_classifier(), candidates, n_iter=5, cv=2, random_state=0
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > 0.9
    assert scores.min() < 0.8  # the rate was varied indeed
    assert search.score(X, y) > 0.9
    by_hand = make_classifier(**search.best_params_).fit(X, y)
    assert np.array_equal(search.predict_proba(X), by_hand.predict_proba(X))


def test_grid_search_sets_parameters_inside_a_pipeline(X, y):
    pipeline = Pipeline([("scale", StepScaler()), ("rnn", make_classifier())])
    grid = {"scale": ["passthrough", StepScaler()], "rnn__learning_rate": [1e-6, 0.2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"].reshape(2, 2)  # (rate, scale)
    assert search.cv_results_["param_rnn__learning_rate"][0] == 1e-6
    assert (scores[1] > 0.9).all()
    assert (scores[0] < 0.9).all()
