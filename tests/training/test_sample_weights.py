"""Sample weights in the loss of a mini-batch."""

import numpy as np
from training_tools import assert_weights_equal, make_classifier, weights_of


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
