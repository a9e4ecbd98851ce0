"""Averaging of the weights over the last mini-batches of a training."""

import math
import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from training_tools import assert_weights_equal, make_classifier, weights_of

from sklearn_rnn import RNNStepRegressor, RNNTagger, config_context


class Recorder(Callback):
    """Weights after each mini-batch, and those that each epoch ends with."""

    def on_train_begin(self, net, **kwargs):
        self.after_batches, self.after_epochs = [], []

    def on_batch_end(self, net, **kwargs):
        self.after_batches.append(_copy(net))

    def on_epoch_end(self, net, **kwargs):
        self.after_epochs.append(_copy(net))


def _copy(net):
    return [p.detach().double().clone() for p in net.module_.parameters()]


def _mean(batches):
    return [torch.stack(values).mean(dim=0) for values in zip(*batches, strict=True)]


def _fit(X, y, **params):
    recorder = Recorder()
    params = {"batch_size": 8, "callbacks": [recorder], **params}
    return make_classifier(**params).fit(X, y), recorder


def _assert_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.detach().double(), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fraction", [0.01, 0.34, 0.99])
def test_weights_are_the_mean_over_the_last_mini_batches(ragged, fraction):
    fitted, recorder = _fit(*ragged, weight_averaging=fraction)
    n_last = math.ceil(fraction * len(recorder.after_batches))
    expected = _mean(recorder.after_batches[-n_last:])
    _assert_close(fitted.module_.parameters(), expected)


def test_training_goes_on_from_weights_that_are_not_averaged(ragged):
    plain, plain_recorder = _fit(*ragged)
    averaged, recorder = _fit(*ragged, weight_averaging=0.8)
    for a, b in zip(recorder.after_batches, plain_recorder.after_batches, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert averaged.loss_curve_ == plain.loss_curve_
    assert (averaged.predict_proba(ragged[0]) != plain.predict_proba(ragged[0])).any()


def test_each_epoch_ends_with_the_mean_so_far(ragged):
    _, recorder = _fit(*ragged, weight_averaging=0.5, max_epochs=4)
    n_epoch = len(recorder.after_batches) // 4
    _assert_close(recorder.after_epochs[1], recorder.after_batches[2 * n_epoch - 1])
    for epoch in (3, 4):
        batches = recorder.after_batches[2 * n_epoch : epoch * n_epoch]
        _assert_close(recorder.after_epochs[epoch - 1], _mean(batches))


def test_the_mean_is_scored_and_the_best_one_is_kept(ragged):
    X, y = ragged
    params = {"early_stopping": True, "max_epochs": 12, "weight_averaging": 0.7}
    recorder = Recorder()
    classifier = make_classifier(**params, callbacks=[recorder], n_iter_no_change=3)
    classifier.fit(X[:28], y[:28], X_val=X[28:], y_val=y[28:])
    scores = classifier.validation_scores_
    assert classifier.score(X[28:], y[28:]) == pytest.approx(max(scores))
    best = recorder.after_epochs[int(np.argmax(scores))]
    _assert_close(classifier.module_.parameters(), best)


def test_a_training_that_stops_before_the_last_part_is_not_averaged(ragged):
    params = {"learning_rate_schedule": None, "tol": 100.0, "max_epochs": 20}
    plain = make_classifier(**params).fit(*ragged)
    assert plain.n_iter_ < 15
    averaged = make_classifier(**params, weight_averaging=0.25).fit(*ragged)
    assert_weights_equal(weights_of(averaged), weights_of(plain))


def test_a_warm_start_goes_on_from_the_mean(ragged):
    first = make_classifier(weight_averaging=0.5, warm_start=True).fit(*ragged)
    again = pickle.loads(pickle.dumps(first))
    recorder = Recorder()
    again.set_params(learning_rate=1e-30, max_epochs=1)
    again.set_params(callbacks=[recorder]).fit(*ragged)
    assert_weights_equal(weights_of(again), weights_of(first))


def test_partial_fit_does_not_average(ragged):
    plain, averaged = make_classifier(), make_classifier(weight_averaging=0.9)
    for _ in range(2):
        plain.partial_fit(*ragged, classes=np.unique(ragged[1]))
        averaged.partial_fit(*ragged, classes=np.unique(ragged[1]))
    assert_weights_equal(weights_of(averaged), weights_of(plain))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_kernels_and_torch_average_alike(ragged, optimizer):
    params = {"weight_averaging": 0.5, "optimizer": optimizer, "max_epochs": 2}
    fast = make_classifier(**params).fit(*ragged)
    with config_context(kernels="torch"):
        slow = make_classifier(**params).fit(*ragged)
    for a, b in zip(fast.module_.parameters(), slow.module_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_estimators_of_steps_average(rng):
    X, numbers = rng.normal(size=(12, 5, 2)), rng.normal(size=(12, 5))
    for kind, y in ((RNNTagger, numbers > 0), (RNNStepRegressor, numbers)):
        params = {"hidden_size": 4, "max_epochs": 3, "batch_size": 4, "random_state": 0}
        recorder = Recorder()
        averaged = kind(**params, weight_averaging=0.5, callbacks=[recorder])
        averaged.fit(X, y)
        _assert_close(averaged.module_.parameters(), _mean(recorder.after_batches[-5:]))
