"""The validation set: given, or held out of the training samples."""

import numpy as np
import pytest
from skorch.callbacks import Callback
from training_tools import assert_weights_equal, make_classifier, weights_of


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
def test_too_few_samples_for_a_validation_set_warn_and_are_all_trained_on(
    rng, n_samples
):
    X, y = rng.normal(size=(n_samples, 3, 1)), np.arange(n_samples) % 2
    with pytest.warns(UserWarning, match="too few to hold out"):
        classifier = make_classifier(early_stopping=True).fit(X, y)
    assert classifier.validation_scores_ is None
    assert classifier.n_iter_ == 5


def test_warm_start_holds_out_the_same_samples(ragged):
    X, y = ragged
    seen = []

    class Record(Callback):
        def on_train_begin(self, net, X, **kwargs):
            seen.append(sorted(X.X.lengths.tolist()))

    warm = make_classifier(warm_start=True, early_stopping=True, callbacks=[Record()])
    warm.fit(X, y).fit(X, y)
    assert seen[0] == seen[1]
