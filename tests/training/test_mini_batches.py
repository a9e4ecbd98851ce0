"""Mini-batches: their sizes, and the memory they leave behind."""

import numpy as np
import pytest
from skorch.callbacks import Callback
from training_tools import make_classifier


@pytest.mark.parametrize("n_samples", [33, 40, 64])
def test_mini_batch_sizes_differ_by_one_at_most(rng, n_samples):
    sizes = []

    class Record(Callback):
        def on_batch_end(self, net, batch, **kwargs):
            sizes.append(len(batch[1][0]))

    X, y = rng.normal(size=(n_samples, 3, 1)), np.arange(n_samples) % 2
    make_classifier(max_epochs=1, batch_size=32, callbacks=[Record()]).fit(X, y)
    assert sum(sizes) == n_samples
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 32


def test_memory_of_the_history_does_not_grow_with_mini_batches(ragged):
    classifier = make_classifier(batch_size=1).fit(*ragged)
    assert all(len(row["batches"]) == 0 for row in classifier.history_)
