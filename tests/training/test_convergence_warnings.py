"""ConvergenceWarning: raised only while the score or the loss still improves."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from training_tools import make_classifier

from sklearn_rnn._training import Monitor
from sklearn_rnn.utils import _search


@pytest.mark.parametrize("max_epochs", [2, 3, 10, 15])
def test_unfinished_training_warns(ragged, max_epochs):
    with pytest.warns(ConvergenceWarning, match="still falling"):
        make_classifier(max_epochs=max_epochs).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_finished_training_does_not_warn(ragged):
    make_classifier(max_epochs=100).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_epochs", [1, 2, 5, 10])
def test_a_few_more_epochs_after_finished_training_do_not_warn(ragged, max_epochs):
    classifier = make_classifier(max_epochs=100, warm_start=True).fit(*ragged)
    classifier.set_params(max_epochs=max_epochs, learning_rate=1e-4).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_single_epoch_does_not_warn(ragged):
    make_classifier(max_epochs=1).fit(*ragged)


def make_monitor(losses, scores=()):
    monitor = Monitor(None, None, 1e-4, False)
    monitor.losses_, monitor.scores_ = list(losses), list(scores)
    return monitor


def test_the_validation_score_is_judged_if_there_is_one():
    falling = [2.0 - 0.05 * k for k in range(30)]
    assert make_monitor(falling).still_improves(10)
    worse = [0.5 - 0.01 * k for k in range(30)]
    assert not make_monitor(falling, worse).still_improves(10)
    better = [0.5 + 0.01 * k for k in range(30)]
    assert make_monitor(falling, better).still_improves(10)


def test_a_loss_near_zero_has_converged():
    losses = [1.0, 0.5, 0.1, 0.06, 0.03, 0.0005]
    assert not make_monitor(losses).still_improves(10)
    assert make_monitor([loss - 1 for loss in losses]).still_improves(10)  # a density


def test_the_warning_names_what_still_improves(ragged):
    X, y = ragged
    with pytest.warns(ConvergenceWarning, match="the validation score is still rising"):
        make_classifier(max_epochs=4).fit(X, y, X_val=X, y_val=y)


def test_a_search_warns_once(ragged, monkeypatch):
    monkeypatch.setattr(_search, "_given_in_search", set())
    search = GridSearchCV(make_classifier(max_epochs=3), {"hidden_size": [2, 3]}, cv=2)
    with pytest.warns(ConvergenceWarning, match="still falling") as records:
        search.fit(*ragged)
    assert len([r for r in records if r.category is ConvergenceWarning]) == 1
    for _ in range(2):  # outside a search, each fit does
        with pytest.warns(ConvergenceWarning, match="still falling"):
            make_classifier(max_epochs=3).fit(*ragged)
