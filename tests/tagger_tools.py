"""Small taggers and their data, for tests in tests/tagger."""

import numpy as np

TINY = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
WORDS = np.array(["high", "low"])


def to_objects(sequences):
    array = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        array[i] = sequence
    return array


def values_of(sequences):
    return np.concatenate(list(sequences))
