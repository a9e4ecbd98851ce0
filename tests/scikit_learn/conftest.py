"""An easily separable problem in three containers, for the tools of scikit-learn."""

import numpy as np
import pytest
from scikit_learn_tools import N_FEATURES, N_SAMPLES, N_STEPS, step_means

from sklearn_rnn import RaggedArray


@pytest.fixture
def y():
    """A label for each sequence, in an order that no fold respects."""
    return np.random.default_rng(1).permutation(["down", "up"] * (N_SAMPLES // 2))


@pytest.fixture
def sequences(rng, y):
    """Sequences of 4 to 8 steps, whose first feature is higher where y is "up"."""
    lengths = rng.integers(4, N_STEPS + 1, N_SAMPLES)
    return [
        rng.normal([3.0 * (label == "up"), 0.0], size=(n, N_FEATURES))
        for n, label in zip(lengths, y, strict=True)
    ]


@pytest.fixture
def cube(sequences):
    """The sequences, continued by themselves up to N_STEPS steps, as a 3-D array."""
    return np.stack([np.concatenate([x, x])[:N_STEPS] for x in sequences])


@pytest.fixture(params=["array", "list", "ragged"])
def X(request, sequences, cube):
    """The problem in each container that scikit-learn passes on as it is."""
    if request.param == "array":
        return cube
    if request.param == "list":
        return sequences
    return RaggedArray.from_sequences(sequences)


@pytest.fixture
def target(X):
    """A number that each sequence decides."""
    return 100.0 + 10.0 * step_means(X)[:, 0]
