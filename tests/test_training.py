"""Fit: losses, early stopping, interruption, warm starts, weights, seeds, progress."""

import copy
import io
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, mean_pinball_loss, r2_score
from skorch.callbacks import Callback, EarlyStopping

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.nn import GRU, LSTM

TINY = {
    "hidden_size": 8,
    "conv_channels": None,
    "bidirectional": False,
    "random_state": 0,
}


def make_classifier(**params):
    return RNNClassifier(**{**TINY, "max_epochs": 5, **params})


def make_regressor(**params):
    return RNNRegressor(**{**TINY, "max_epochs": 5, **params})


def weights_of(estimator):
    return {k: v.clone() for k, v in estimator.module_.state_dict().items()}


def assert_weights_equal(a, b):
    assert all(torch.equal(a[key], b[key]) for key in a)


# The optimisation itself -------------------------------------------------------------


@pytest.mark.parametrize("schedule", [None, "onecycle", "cosine", "plateau"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimizer_and_schedule_learns(ragged, optimizer, schedule):
    X, y = ragged
    classifier = make_classifier(
        optimizer=optimizer,
        learning_rate=0.1 if optimizer == "sgd" else 0.01,
        learning_rate_schedule=schedule,
        max_epochs=40,
    ).fit(X, y)
    assert classifier.score(X, y) > 0.8
    assert classifier.loss_curve_[-1] < 0.6 * classifier.loss_curve_[0]


def test_fit_agrees_with_a_loop_written_by_hand(rng):
    """One optimizer step after another, in plain torch, from the same weights."""
    X = rng.normal(size=(16, 6, 2)).astype("f4")
    y = rng.integers(0, 3, 16)
    params = {"learning_rate_schedule": None, "max_grad_norm": 0.1, "pooling": "last"}
    params |= {"weight_decay": 0.1, "n_iter_no_change": 100}
    classifier = make_classifier(**params, max_epochs=1, batch_size=16)
    untrained = clone(classifier).set_params(learning_rate=1e-30).fit(X, y)
    module = copy.deepcopy(untrained.module_).train()
    decayed = [p for n, p in module.named_parameters() if "bias" not in n]
    spared = [p for n, p in module.named_parameters() if "bias" in n]
    adam = torch.optim.Adam(
        [{"params": decayed, "weight_decay": 0.1}, {"params": spared}], lr=0.01
    )
    for _ in range(4):
        adam.zero_grad()
        output = module(torch.from_numpy(X))
        loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(y))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 0.1)
        adam.step()
    fitted = classifier.set_params(max_epochs=4).fit(X, y)
    for a, b in zip(fitted.module_.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert fitted.loss_curve_[-1] == pytest.approx(loss.item(), rel=1e-4)


def test_optimizer_may_be_a_class(ragged):
    by_class = make_classifier(optimizer=torch.optim.Adamax).fit(*ragged)
    assert isinstance(by_class.net_.optimizer_, torch.optim.Adamax)
    assert by_class.net_.optimizer_.param_groups[0]["lr"] < 0.01


def test_onecycle_rises_and_falls(ragged):
    rates = [row["lr"] for row in make_classifier(max_epochs=20).fit(*ragged).history_]
    peak = int(np.argmax(rates))
    assert rates[0] == pytest.approx(0.01 / 25)
    assert 4 <= peak <= 8
    assert rates[peak] == pytest.approx(0.01, rel=0.1)
    assert rates[-1] < 0.001


def test_clipping_bounds_the_step_and_the_norm_is_recorded(ragged):
    X, y = ragged
    params = {"optimizer": torch.optim.SGD, "learning_rate_schedule": None}
    params |= {"batch_size": 40, "max_epochs": 1, "learning_rate": 1.0}
    start = weights_of(make_classifier(**{**params, "learning_rate": 1e-30}).fit(X, y))
    clipped = make_classifier(**params, max_grad_norm=1e-3).fit(X, y)
    free = make_classifier(**params, max_grad_norm=None).fit(X, y)

    def distance(estimator):
        moved = weights_of(estimator)
        return sum(((moved[k] - start[k]) ** 2).sum() for k in start).sqrt().item()

    assert distance(clipped) == pytest.approx(1e-3, rel=1e-2)
    norm = free.history_[0]["grad_norm"]
    assert distance(free) == pytest.approx(norm, rel=1e-3)
    assert clipped.history_[0]["grad_norm"] == pytest.approx(norm)  # before clipping


def test_history_has_the_mean_norm_of_the_gradients_of_an_epoch(ragged):
    X, y = ragged
    # the weights stay as they are, and every sample is a batch
    params = {"learning_rate": 1e-30, "batch_size": 1, "max_epochs": 2}
    classifier = make_classifier(**params, max_grad_norm=1e-3).fit(X, y)
    module, norms = classifier.module_, []
    for x, label in zip(X, y, strict=True):
        module.zero_grad()
        target = torch.tensor([classifier.classes_.tolist().index(label)])
        torch.nn.functional.cross_entropy(
            module(torch.tensor(x)[None]), target
        ).backward()
        norms.append(sum((p.grad**2).sum() for p in module.parameters()).sqrt().item())
    recorded = classifier.history_[:, "grad_norm"]
    assert recorded == pytest.approx([np.mean(norms)] * 2, rel=1e-4)


def test_weight_decay_shrinks_weights(ragged):
    norms = []
    for weight_decay in (0.0, 1.0):
        fitted = make_classifier(weight_decay=weight_decay, max_epochs=60).fit(*ragged)
        norms.append(fitted.module_.head.weight.norm().item())
    assert norms[1] < 0.5 * norms[0]


def test_dropout_changes_training_but_not_prediction(ragged):
    X, y = ragged
    without, with_dropout = (make_classifier(dropout=p).fit(X, y) for p in (0.0, 0.5))
    assert without.loss_curve_ != with_dropout.loss_curve_
    again = make_classifier(dropout=0.5).fit(X, y)
    assert again.loss_curve_ == with_dropout.loss_curve_
    np.testing.assert_array_equal(
        with_dropout.predict_proba(X), with_dropout.predict_proba(X)
    )


@pytest.mark.parametrize("n_samples", [33, 40, 64])
def test_batches_of_an_epoch_differ_by_one_at_most(rng, n_samples):
    sizes = []

    class Record(Callback):
        def on_batch_end(self, net, batch, **kwargs):
            sizes.append(len(batch[1][0]))

    X, y = rng.normal(size=(n_samples, 3, 1)), np.arange(n_samples) % 2
    make_classifier(max_epochs=1, batch_size=32, callbacks=[Record()]).fit(X, y)
    assert sum(sizes) == n_samples
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 32


def test_scale_of_features_changes_nothing(ragged):
    X, y = ragged
    scaled = [x * np.array([1024.0, 0.25]) for x in X]  # powers of two: exact
    expected = make_classifier().fit(X, y).predict_proba(X)
    actual = make_classifier().fit(scaled, y).predict_proba(scaled)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_scale_of_targets_scales_predictions(ragged):
    X, _ = ragged
    y = np.array([x[:, 0].mean() for x in X])
    expected = make_regressor().fit(X, y).predict(X)
    actual = make_regressor().fit(X, 1000 * y + 1e6).predict(X)
    np.testing.assert_allclose(actual, 1000 * expected + 1e6, rtol=1e-6)


def test_constant_targets_are_predicted(ragged):
    X, _ = ragged
    predicted = make_regressor(max_epochs=50).fit(X, np.full(len(X), 7.0)).predict(X)
    np.testing.assert_allclose(predicted, 7, atol=0.3)


# Losses of the regressor -------------------------------------------------------------


@pytest.fixture
def noisy(rng):
    """Targets whose noise grows with the first feature's mean."""
    X = rng.normal(size=(400, 6, 1)) + rng.uniform(-1, 1, (400, 1, 1))
    level = X[:, :, 0].mean(axis=1)
    noise = rng.normal(size=400) * np.exp(0.5 * level)
    return X, 10 + 3 * level + noise, np.exp(0.5 * level)


@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_quantile_covers_its_part(noisy, quantile):
    X, y, _ = noisy
    regressor = make_regressor(loss="quantile", quantile=quantile, max_epochs=60)
    predicted = regressor.fit(X, y).predict(X)
    assert np.mean(y <= predicted) == pytest.approx(quantile, abs=0.05)
    constant = np.full_like(y, np.quantile(y, quantile))
    assert mean_pinball_loss(y, predicted, alpha=quantile) < 0.8 * mean_pinball_loss(
        y, constant, alpha=quantile
    )


def test_gaussian_finds_the_noise(noisy):
    X, y, std = noisy
    regressor = make_regressor(loss="gaussian", max_epochs=60).fit(X, y)
    mean, predicted_std = regressor.predict(X, return_std=True)
    assert mean.shape == predicted_std.shape == (400,)
    np.testing.assert_array_equal(mean, regressor.predict(X))
    assert np.corrcoef(np.log(std), np.log(predicted_std))[0, 1] > 0.7
    assert np.mean(np.abs(y - mean) < 1.96 * predicted_std) == pytest.approx(
        0.95, abs=0.04
    )


def test_gaussian_survives_an_exact_fit(rng):
    X = rng.normal(size=(8, 3, 1))
    y = np.zeros(8)
    regressor = make_regressor(loss="gaussian", max_epochs=300).fit(X, y)
    assert np.isfinite(regressor.predict(X, return_std=True)).all()


@pytest.mark.parametrize("scale", [1, 10_000])
def test_poisson_predicts_counts_of_any_size(rng, scale):
    X = rng.normal(size=(300, 6, 1))
    rate = scale * np.exp(X[:, :, 0].mean(axis=1))
    y = rng.poisson(rate)
    predicted = make_regressor(loss="poisson", max_epochs=20).fit(X, y).predict(X)
    assert (predicted > 0).all()
    assert predicted.mean() == pytest.approx(y.mean(), rel=0.05)
    assert r2_score(rate, predicted) > 0.7


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_robust_losses_ignore_outliers(rng, loss):
    X = rng.normal(size=(300, 6, 1))
    clean = X[:, :, 0].mean(axis=1)
    y = clean.copy()
    y[::10] += 30
    robust = make_regressor(loss=loss, max_epochs=60).fit(X, y).predict(X)
    squared = make_regressor(max_epochs=60).fit(X, y).predict(X)
    assert np.abs(robust - clean).mean() < 0.5 * np.abs(squared - clean).mean()


def test_several_targets_keep_their_columns(ragged):
    X, _ = ragged
    Y = np.array([[x[:, 0].mean(), 100 * x[:, 1].mean()] for x in X])
    regressor = make_regressor(max_epochs=60).fit(X, Y)
    assert regressor.n_outputs_ == 2
    predicted = regressor.predict(X)
    assert predicted.shape == Y.shape
    for column in range(2):
        assert r2_score(Y[:, column], predicted[:, column]) > 0.7
    one_column = make_regressor().fit(X, Y[:, :1]).predict(X)
    assert one_column.shape == (len(X), 1)


# Labels and weights ------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [["b", "a"], [True, False], [7, -3], [2.0, 1.0], np.array(["x", "yy"], object)],
    ids=str,
)
def test_labels_come_back_as_they_were(ragged, labels):
    X, y = ragged
    y = np.where(y == "up", labels[0], labels[1])
    classifier = make_classifier(max_epochs=40).fit(X, y)
    assert list(classifier.classes_) == sorted(set(y.tolist()))
    assert classifier.score(X, y) > 0.9
    assert classifier.predict(X).dtype == classifier.classes_.dtype


def test_multilabel(rng):
    Y = np.array([[i % 2, i // 2 % 2] for i in range(40)])
    X = [rng.normal(2 * labels - 1, size=(6, 2)) for labels in Y]
    classifier = make_classifier(max_epochs=60).fit(X, Y)
    assert classifier.n_outputs_ == 2
    assert accuracy_score(Y[:, 0], classifier.predict(X)[:, 0]) > 0.9
    assert accuracy_score(Y[:, 1], classifier.predict(X)[:, 1]) > 0.9
    probability = classifier.predict_proba(X)
    assert probability.shape == (len(X), 2)
    np.testing.assert_array_equal(classifier.predict(X), probability > 0.5)
    np.testing.assert_allclose(
        np.exp(classifier.predict_log_proba(X)), probability, rtol=1e-6
    )


def test_balanced_class_weight_is_the_inverse_frequency(ragged):
    X, _ = ragged
    y = np.array(["rare"] * 5 + ["common"] * 35)
    balanced = make_classifier(class_weight="balanced").fit(X, y)
    by_hand = make_classifier(class_weight={"rare": 4.0, "common": 4 / 7}).fit(X, y)
    by_sample = make_classifier().fit(
        X, y, sample_weight=np.where(y == "rare", 4.0, 4 / 7)
    )
    for other in (by_hand, by_sample):
        np.testing.assert_allclose(
            balanced.predict_proba(X), other.predict_proba(X), rtol=1e-4
        )
    plain = make_classifier().fit(X, y)
    rare = list(plain.classes_).index("rare")
    lift = balanced.predict_proba(X) - plain.predict_proba(X)
    assert lift[:, rare].mean() > 0.1


def test_weights_matter_also_in_small_batches(rng):
    """Normalised batch by batch, the weights of batches of one would vanish."""
    X, up = rng.normal(size=(40, 5, 1)), rng.permutation(np.arange(40) % 2 == 0)
    y = np.where(up, "up", "down")
    leaning = [
        make_classifier(batch_size=1)
        .fit(X, y, sample_weight=np.where(up, weight, 1.0))
        .predict_proba(X)[:, 1]
        .mean()
        for weight in (0.1, 10.0)
    ]
    assert leaning[1] > leaning[0] + 0.1


def test_samples_of_zero_weight_do_not_count(ragged):
    X, y = ragged
    weight = (np.arange(40) % 3 > 0).astype(int)
    kept = [x for x, w in zip(X, weight, strict=True) if w]
    expected = make_classifier(batch_size=4).fit(kept, y[weight > 0])
    actual = make_classifier(batch_size=4).fit(X, y, sample_weight=weight)
    assert_weights_equal(weights_of(actual), weights_of(expected))


# Early stopping ----------------------------------------------------------------------


def test_early_stopping_keeps_the_weights_of_the_best_epoch(rng):
    X, y = rng.normal(size=(60, 5, 2)), rng.integers(0, 2, 60)  # nothing to learn
    classifier = make_classifier(
        early_stopping=True, max_epochs=100, validation_fraction=0.3
    ).fit(X, y)
    scores = classifier.validation_scores_
    assert classifier.n_iter_ == len(scores) < 100
    assert classifier.best_validation_score_ == max(scores)
    best_epoch = int(np.argmax(scores))
    assert classifier.n_iter_ <= best_epoch + 1 + 10 + 1
    trained_to_best = make_classifier(
        early_stopping=True,
        max_epochs=best_epoch + 1,
        validation_fraction=0.3,
        learning_rate_schedule=None,
    )
    constant = make_classifier(
        early_stopping=True,
        max_epochs=100,
        validation_fraction=0.3,
        learning_rate_schedule=None,
    ).fit(X, y)
    trained_to_best.set_params(
        max_epochs=int(np.argmax(constant.validation_scores_)) + 1
    )
    assert_weights_equal(weights_of(trained_to_best.fit(X, y)), weights_of(constant))


def test_given_validation_data_take_the_place_of_a_split(ragged):
    X, y = ragged
    classifier = make_classifier(early_stopping=True, max_epochs=30)
    classifier.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    assert classifier.best_validation_score_ == pytest.approx(
        classifier.score(X[30:], y[30:])
    )


def test_validation_scores_are_recorded_without_early_stopping_too(ragged):
    X, y = ragged
    weight = np.arange(10) + 1.0
    watched = make_classifier().fit(
        X, y, X_val=X[:10], y_val=y[:10], sample_weight_val=weight
    )
    assert len(watched.validation_scores_) == watched.n_iter_ == 5
    last = watched.score(X[:10], y[:10], sample_weight=weight)
    assert watched.validation_scores_[-1] == pytest.approx(last)
    assert_weights_equal(weights_of(watched), weights_of(make_classifier().fit(X, y)))


@pytest.mark.parametrize(
    ("loss", "score"), [("squared_error", r2_score), ("gaussian", r2_score)]
)
def test_validation_score_of_the_regressor(ragged, loss, score):
    X, _ = ragged
    y = np.array([x[:, 0].mean() for x in X])
    fitted = make_regressor(loss=loss).fit(X, y, X_val=X[:9], y_val=y[:9])
    expected = score(y[:9], fitted.predict(X[:9]))
    assert fitted.validation_scores_[-1] == pytest.approx(expected, rel=1e-4)


def test_split_is_stratified(rng):
    y = np.array([0] * 90 + [1] * 10)
    X = rng.normal(size=(100, 3, 1))
    seen = []

    class Record(Callback):
        def on_train_begin(self, net, X, **kwargs):
            seen.append(X.y.numpy())

    make_classifier(early_stopping=True, callbacks=[Record()], batch_size=8).fit(X, y)
    assert np.bincount(seen[0]).tolist() == [81, 9]


def test_groups_are_never_split(rng):
    X, groups = rng.normal(size=(60, 3, 1)), np.repeat(np.arange(12), 5)
    X[:, 0, 0] = groups
    y = np.arange(60) % 2
    seen = []

    class Record(Callback):
        def on_train_begin(self, net, X, **kwargs):
            seen.append(X.X.values[X.X.offsets[:-1], 0])

    classifier = make_classifier(
        early_stopping=True, validation_fraction=0.25, callbacks=[Record()]
    )
    classifier.fit(X, y, groups=groups)
    counts = np.bincount(seen[0].astype(int), minlength=12)
    assert set(counts) == {0, 5}
    assert (counts == 0).sum() == 3


@pytest.mark.parametrize("n_samples", [2, 3, 5])
def test_too_few_samples_for_a_split_are_said_and_trained_on(rng, n_samples):
    X, y = rng.normal(size=(n_samples, 3, 1)), np.arange(n_samples) % 2
    with pytest.warns(UserWarning, match="too few to hold out"):
        classifier = make_classifier(early_stopping=True).fit(X, y)
    assert classifier.validation_scores_ is None
    assert classifier.n_iter_ == 5


def test_a_class_of_one_sample_is_no_error_for_early_stopping(rng):
    X, y = rng.normal(size=(40, 3, 1)), np.array([0] * 20 + [1] * 19 + [2])
    classifier = make_classifier(early_stopping=True).fit(X, y)
    assert len(classifier.validation_scores_) == 5


def test_training_loss_stops_an_open_ended_training(rng):
    X, y = rng.normal(size=(40, 3, 1)), rng.normal(size=40)
    params = {"tol": 10.0, "n_iter_no_change": 3, "max_epochs": 50}
    stopped = make_regressor(**params, learning_rate_schedule=None).fit(X, y)
    assert stopped.n_iter_ == 1 + 3
    planned = make_regressor(**params, learning_rate_schedule="onecycle").fit(X, y)
    assert planned.n_iter_ == 50


def test_tolerance_is_absolute_also_for_negative_losses(rng):
    """skorch's default, relative, loosens the bar where the loss is below zero."""
    X = rng.normal(size=(100, 3, 1))
    y = X[:, :, 0].mean(axis=1)
    regressor = make_regressor(
        loss="gaussian",
        max_epochs=200,
        learning_rate_schedule=None,
        n_iter_no_change=5,
        tol=1e-4,
    ).fit(X, y)
    curve = np.array(regressor.loss_curve_)
    assert curve.min() < -0.5
    best = np.minimum.accumulate(curve)
    improved = np.flatnonzero(curve[1:] < best[:-1] - 1e-4) + 1
    if regressor.n_iter_ < 200:
        assert regressor.n_iter_ == improved[-1] + 5 + 1


@pytest.mark.parametrize("max_epochs", [2, 3, 10, 15])
def test_unfinished_training_warns(ragged, max_epochs):
    with pytest.warns(ConvergenceWarning, match="still falling"):
        make_classifier(max_epochs=max_epochs).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_finished_training_does_not_warn(ragged):
    make_classifier(max_epochs=100).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("max_epochs", [1, 2, 5, 10])
def test_a_few_epochs_more_after_training_is_finished_do_not_warn(ragged, max_epochs):
    classifier = make_classifier(max_epochs=100, warm_start=True).fit(*ragged)
    classifier.set_params(max_epochs=max_epochs, learning_rate=1e-4).fit(*ragged)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_one_epoch_does_not_warn_of_a_fall_that_it_cannot_show(ragged):
    make_classifier(max_epochs=1).fit(*ragged)


# What goes wrong in training ---------------------------------------------------------


@pytest.mark.parametrize("fresh", [True, False])
def test_a_loss_that_is_not_finite_is_an_error_that_names_the_epoch(rng, fresh):
    X, y = rng.normal(size=(40, 50, 1)) * 10, rng.normal(size=40)
    regressor = make_regressor(
        cell="rnn",
        nonlinearity="relu",
        learning_rate=1e9,
        max_grad_norm=None,
        optimizer="sgd",
        learning_rate_schedule=None,
        warm_start=True,
    )
    if not fresh:
        regressor.set_params(learning_rate=1e-3).fit(X, y)
        before = regressor.predict(X)
        regressor.set_params(learning_rate=1e9)
    with pytest.raises(
        ValueError, match=r"in epoch \d+\. Try a smaller 'learning_rate'"
    ):
        regressor.fit(X, y)
    if fresh:
        assert not hasattr(regressor, "net_")
    else:
        assert np.isfinite(regressor.predict(X)).all()
        assert np.abs(regressor.predict(X) - before).max() < 10


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


def test_skorch_early_stopping_ends_a_fit_without_an_error(ragged):
    """skorch's callback raises KeyboardInterrupt itself; that is no Ctrl-C."""
    callback = EarlyStopping(monitor="train_loss", patience=2, threshold=10)
    classifier = make_classifier(max_epochs=30, callbacks=[callback]).fit(*ragged)
    assert classifier.n_iter_ == 3


# Warm starts and partial_fit ---------------------------------------------------------


def test_warm_start_goes_on_and_a_cold_one_begins_anew(ragged):
    X, y = ragged
    warm = make_classifier(warm_start=True).fit(X, y)
    first = list(warm.loss_curve_)
    warm.fit(X, y)
    assert warm.n_iter_ == len(warm.loss_curve_) == len(warm.history_) == 10
    assert warm.loss_curve_[:5] == first
    assert warm.loss_curve_[5] < first[0]
    cold = make_classifier().fit(X, y)
    assert cold.fit(X, y).loss_curve_ == first


def test_warm_start_takes_new_parameters(ragged):
    warm = make_classifier(warm_start=True).fit(*ragged)
    warm.set_params(optimizer="sgd", batch_size=7, max_epochs=2).fit(*ragged)
    assert isinstance(warm.net_.optimizer_, torch.optim.SGD)
    assert warm.history_[-1]["train_batch_count"] == 6


def test_warm_start_refuses_other_classes(ragged):
    X, y = ragged
    warm = make_classifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"labels \[.*'sideways'.*\], which are not"):
        warm.fit(X, np.where(np.arange(40) < 3, "sideways", y))


def test_warm_start_holds_out_the_same_samples(ragged):
    X, y = ragged
    seen = []

    class Record(Callback):
        def on_train_begin(self, net, X, **kwargs):
            seen.append(sorted(X.X.lengths.tolist()))

    warm = make_classifier(warm_start=True, early_stopping=True, callbacks=[Record()])
    warm.fit(X, y).fit(X, y)
    assert seen[0] == seen[1]


def test_partial_fit_is_an_epoch_at_a_constant_rate(ragged):
    X, y = ragged
    params = {"learning_rate_schedule": None, "max_epochs": 4}
    whole = make_classifier(**params, batch_size=8, dropout=0.3).fit(X, y)
    streamed = make_classifier(batch_size=8, dropout=0.3)
    for _ in range(4):
        streamed.partial_fit(X, y, classes=["down", "up"])
    assert streamed.loss_curve_ == whole.loss_curve_
    assert_weights_equal(weights_of(streamed), weights_of(whole))


def test_partial_fit_takes_classes_that_come_later(ragged):
    X, y = ragged
    up = y == "up"
    classifier = make_classifier().partial_fit(
        [x for x, u in zip(X, up, strict=True) if u], y[up], classes=["up", "down"]
    )
    assert list(classifier.classes_) == ["down", "up"]
    classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 2
    with pytest.raises(ValueError, match="classes"):
        make_classifier().partial_fit(X, y)


def test_partial_fit_after_fit_goes_on_at_the_full_rate(ragged):
    regressor = make_regressor().fit(ragged[0], np.arange(40.0))
    regressor.partial_fit(ragged[0], np.arange(40.0))
    assert regressor.history_[-2]["lr"] < 0.005
    assert regressor.history_[-1]["lr"] == 0.01


# Cells and networks ------------------------------------------------------------------


class MeanCell(torch.nn.Module):
    """A user's layer: the running mean of a linear map. Draws from torch's global."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.map = torch.nn.Linear(input_size, hidden_size)

    def forward(self, x, lengths=None, state=None):
        outputs = self.map(x).cumsum(1)
        outputs = outputs / torch.arange(1, x.shape[1] + 1).unsqueeze(-1)
        if lengths is not None:
            mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
            outputs = outputs * mask.unsqueeze(-1)
        return outputs, None


def test_cell_may_be_a_class_of_the_user(ragged):
    X, y = ragged
    before = torch.get_rng_state()
    classifier = make_classifier(cell=MeanCell, bidirectional=True, max_epochs=40)
    assert classifier.fit(X, y).score(X, y) > 0.9
    assert torch.equal(before, torch.get_rng_state())
    assert classifier.loss_curve_ == clone(classifier).fit(X, y).loss_curve_
    alone = np.concatenate([classifier.predict_proba([x]) for x in X])
    np.testing.assert_array_equal(alone, classifier.predict_proba(X))


def test_hidden_size_may_differ_from_layer_to_layer(ragged):
    stacked = make_classifier(hidden_size=(6, 3), cell="lstm", bidirectional=True)
    encoder = stacked.fit(*ragged).module_.encoder
    sizes = [(layer.input_size, layer.hidden_size) for layer in encoder.forward_layers]
    assert sizes == [(2, 6), (12, 3)]
    assert all(isinstance(layer, LSTM) for layer in encoder.backward_layers)
    equal = make_classifier(hidden_size=4, num_layers=3, cell="gru").fit(*ragged)
    assert [c.hidden_size for c in equal.module_.encoder.forward_layers] == [4, 4, 4]
    assert isinstance(equal.module_.encoder.forward_layers[0], GRU)


def test_last_pooling_is_the_state_at_each_own_last_step(ragged):
    X, y = ragged
    classifier = make_classifier(pooling="last").fit(X, y)
    states = classifier.hidden_states(X)
    expected = np.array([state[-1] for state in states])
    np.testing.assert_array_equal(classifier.encode(X), expected)


def test_stride_shortens_hidden_states(ragged):
    X, y = ragged
    classifier = make_classifier(conv_channels=4, conv_stride=2).fit(X, y)
    expected = [-(-len(x) // 2) for x in X]
    assert classifier.hidden_states(X).lengths.tolist() == expected
    same = classifier.hidden_states(np.zeros((3, 7, 2)))
    assert same.shape == (3, 4, 8)


def test_tokens_that_fit_did_not_see_share_one_vector(rng):
    X = [rng.integers(0, 5, n) * 10**9 for n in rng.integers(2, 8, 40)]
    y = np.array([int((x == 10**9).any()) for x in X])
    classifier = make_classifier(embedding_dim=4, max_epochs=40).fit(X, y)
    assert classifier.score(X, y) > 0.9
    one, other = ([[0, unseen, 0]] for unseen in (3, 77 * 10**10))
    np.testing.assert_array_equal(
        classifier.predict_proba(one), classifier.predict_proba(other)
    )


# Keeping a fitted estimator ----------------------------------------------------------


def round_trips():
    def through_joblib(estimator):
        file = io.BytesIO()
        joblib.dump(estimator, file)
        file.seek(0)
        return joblib.load(file)

    return {
        "joblib": through_joblib,
        "cloudpickle": lambda e: cloudpickle.loads(cloudpickle.dumps(e)),
        "deepcopy": copy.deepcopy,
    }


@pytest.mark.parametrize("keep", round_trips().values(), ids=round_trips())
def test_round_trip_in_the_middle_of_a_warm_start(ragged, keep):
    X, y = ragged
    classifier = make_classifier(warm_start=True, dropout=0.2).fit(X, y)
    copy_of_it = keep(classifier)
    np.testing.assert_array_equal(
        copy_of_it.predict_proba(X), classifier.predict_proba(X)
    )
    assert copy_of_it.fit(X, y).loss_curve_ == classifier.fit(X, y).loss_curve_
    classifier.partial_fit(X, y)  # the state of the optimizer goes along
    kept = keep(classifier)
    assert (
        kept.partial_fit(X, y).loss_curve_ == classifier.partial_fit(X, y).loss_curve_
    )


def test_a_pickle_holds_the_weights_once_and_no_data(rng):
    X, y = rng.normal(size=(2000, 20, 8)).astype("f4"), np.arange(2000) % 2
    classifier = make_classifier(max_epochs=1, early_stopping=True).fit(X, y)
    n_weights = sum(p.numel() for p in classifier.module_.parameters())
    assert len(cloudpickle.dumps(classifier)) < 4 * 3 * n_weights + 30_000


@pytest.mark.gpu
def test_fitted_on_a_gpu_loaded_where_there_is_none(ragged, monkeypatch):
    X, y = ragged
    classifier = make_classifier(device="cuda").fit(X, y)
    expected = classifier.predict_proba(X)
    stored = cloudpickle.dumps(classifier)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = cloudpickle.loads(stored)
    assert next(loaded.module_.parameters()).device.type == "cpu"
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-4, atol=1e-5)


def test_threads_may_predict_with_one_estimator(ragged):
    X, y = ragged
    classifier = make_classifier().fit(X, y)
    expected = classifier.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: classifier.predict_proba(X), range(20)):
            np.testing.assert_array_equal(answer, expected)


def test_fits_in_threads_do_not_disturb_each_other(ragged):
    X, y = ragged
    expected = make_classifier(dropout=0.3).fit(X, y).loss_curve_
    curves = {}

    def fit(i):
        curves[i] = make_classifier(dropout=0.3).fit(X, y).loss_curve_

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(curves[i] == expected for i in range(4))


def test_nothing_is_written_into_the_working_directory(ragged):
    make_classifier(early_stopping=True).fit(*ragged).predict(ragged[0])
    assert list(Path.cwd().iterdir()) == []


def test_fit_does_not_change_data_or_parameters(ragged):
    X, y = ragged
    kept = [x.copy() for x in X], y.copy()
    classifier = make_classifier(callbacks=[EarlyStopping(monitor="train_loss")])
    params = dict(classifier.get_params())
    classifier.fit(X, y)
    assert classifier.get_params() == params
    assert all(np.array_equal(a, b) for a, b in zip(X, kept[0], strict=True))
    assert np.array_equal(y, kept[1])


def test_memory_of_the_history_does_not_grow_with_batches(ragged):
    classifier = make_classifier(batch_size=1).fit(*ragged)
    assert all(len(row["batches"]) == 0 for row in classifier.history_)


# Progress ----------------------------------------------------------------------------


def test_silent_by_default(ragged, capfd):
    make_classifier().fit(*ragged)
    assert capfd.readouterr() == ("", "")


def test_bar_shows_loss_score_and_time_left(ragged, capfd):
    make_classifier(verbose=1, early_stopping=True).fit(*ragged)
    shown = capfd.readouterr().err
    assert "5/5" in shown
    assert "loss=" in shown
    assert "score=" in shown
    assert "<" in shown  # elapsed < left


def test_table_has_a_row_an_epoch(ragged, capfd):
    make_classifier(verbose=2, early_stopping=True).fit(*ragged)
    lines = capfd.readouterr().out.splitlines()
    assert all(w in lines[0] for w in ("epoch", "train_loss", "valid_score", "dur"))
    assert len(lines) == 2 + 5
