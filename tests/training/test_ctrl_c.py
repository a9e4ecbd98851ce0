"""Ctrl-C between two mini-batches; tests/test_interrupts.py has every other line."""

import signal

import numpy as np
import pytest
from skorch.callbacks import Callback
from training_tools import make_classifier


class InterruptInEpoch(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_the_best_weights_and_is_raised_again(ragged):
    X, y = ragged
    params = {"learning_rate_schedule": None, "max_epochs": 20}
    classifier = make_classifier(**params, callbacks=[InterruptInEpoch(8)])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert classifier.n_iter_ == 7
    best = int(np.argmin(classifier.loss_curve_)) + 1
    expected = make_classifier(learning_rate_schedule=None, max_epochs=best).fit(X, y)
    np.testing.assert_array_equal(
        classifier.predict_proba(X), expected.predict_proba(X)
    )


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_the_first_epoch_leaves_a_usable_estimator(ragged):
    classifier = make_classifier(callbacks=[InterruptInEpoch(1)])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*ragged)
    assert classifier.n_iter_ == 0
    assert len(classifier.predict(ragged[0])) == 40
