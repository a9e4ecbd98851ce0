"""Data for taggers."""

import numpy as np
import pytest
from tagger_tools import WORDS


@pytest.fixture
def steps(rng):
    """30 sequences of 2 to 9 steps; the sign of the first feature is the label."""
    X = [rng.normal(size=(n, 2)).astype("f4") for n in rng.integers(2, 10, 30)]
    return X, [WORDS[(x[:, 0] < 0).astype(int)] for x in X]


@pytest.fixture
def spans(rng):
    """30 sequences of tags in IOB2; a feature marks first, second and other steps."""
    y = [
        ["O", "B-X", "I-X", "O", "B-Y", "B-X"][: rng.integers(2, 7)] for _ in range(30)
    ]
    letters = ["O", "B-X", "I-X", "B-Y"]
    X = [np.eye(4)[[letters.index(tag) for tag in tags]] for tags in y]
    return [x + rng.normal(scale=0.5, size=x.shape) for x in X], y
