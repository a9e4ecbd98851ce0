"""Callbacks of skorch."""

from skorch.callbacks import EarlyStopping
from training_tools import make_classifier


def test_skorch_early_stopping_ends_a_fit_without_an_error(ragged):
    """skorch's callback raises KeyboardInterrupt itself; that is no Ctrl-C."""
    callback = EarlyStopping(monitor="train_loss", patience=2, threshold=10)
    classifier = make_classifier(max_epochs=30, callbacks=[callback]).fit(*ragged)
    assert classifier.n_iter_ == 3
