"""A validation set that is held out does not leak into the training."""

import numpy as np
import pytest

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn._sequences._ragged import TokenIds

EARLY = {
    "hidden_size": 4,
    "max_epochs": 2,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "conv_channels": None,
    "random_state": 0,
}


@pytest.mark.parametrize("make", [RNNClassifier, RNNRegressor])
def test_standardisation_is_learned_from_the_training_set_alone(rng, make):
    X = rng.normal(size=(40, 5, 2))
    y = np.arange(40) % 2
    groups = np.repeat([0, 1], 20)
    X[20:] += 1000.0
    estimator = make(**EARLY).fit(X, y, groups=groups)
    mean = estimator.module_.inputs.mean.numpy()
    parts = [X[:20].mean(axis=(0, 1)), X[20:].mean(axis=(0, 1))]
    assert any(np.allclose(mean, part, rtol=1e-5, atol=1e-5) for part in parts)


def test_the_scale_of_y_is_learned_from_the_training_set_alone(rng):
    X = rng.normal(size=(40, 5, 2))
    y = np.r_[rng.normal(size=20), 1e6 + rng.normal(size=20)]
    regressor = RNNRegressor(**EARLY).fit(X, y, groups=np.repeat([0, 1], 20))
    assert np.ptp(regressor.predict(X)) < 1e3  # not the distance of both groups


def test_tokens_of_the_validation_set_alone_are_unknown(rng):
    ids = np.r_[np.full((20, 5), 1), np.full((20, 5), 2)]
    X = TokenIds(ids.reshape(-1, 1), np.arange(41) * 5)
    classifier = RNNClassifier(**EARLY)
    classifier.fit(X, np.arange(40) % 2, groups=np.repeat([0, 1], 20))
    assert classifier.module_.inputs.table.num_embeddings == 2  # unknown, and one


def test_classes_of_the_validation_set_alone_are_known(rng):
    X = rng.normal(size=(40, 5, 2))
    y = np.r_[["a", "b"] * 10, ["a", "c"] * 10]
    classifier = RNNClassifier(**EARLY).fit(X, y, groups=np.repeat([0, 1], 20))
    assert classifier.classes_.tolist() == ["a", "b", "c"]
    steps = [[label] * 5 for label in y]
    tagger = RNNTagger(**EARLY).fit(X, steps, groups=np.repeat([0, 1], 20))
    assert tagger.classes_.tolist() == ["a", "b", "c"]
