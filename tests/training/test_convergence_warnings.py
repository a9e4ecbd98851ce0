"""ConvergenceWarning: raised only while the loss is still falling."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from training_tools import make_classifier


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
