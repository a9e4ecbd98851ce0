"""train_test_split, shuffle and resample."""

import numpy as np
import pytest
from scikit_learn_tools import N_SAMPLES
from sklearn.model_selection import train_test_split
from sklearn.utils import resample, shuffle


@pytest.mark.parametrize(
    "select",
    [
        lambda X, rows: train_test_split(X, rows, random_state=0)[::2],
        lambda X, rows: train_test_split(X, rows, random_state=0)[1::2],
        lambda X, rows: train_test_split(X, rows, stratify=rows % 2, random_state=0)[
            ::2
        ],
        lambda X, rows: train_test_split(X, rows, shuffle=False)[1::2],
        lambda X, rows: shuffle(X, rows, random_state=0),
        lambda X, rows: resample(X, rows, random_state=0),
        lambda X, rows: resample(X, rows, n_samples=7, replace=False, random_state=0),
        lambda X, rows: resample(X, rows, stratify=rows % 2, random_state=0),
    ],
    ids=[
        "train",
        "test",
        "stratified",
        "unshuffled",
        "shuffle",
        "resample",
        "subsample",
        "stratified resample",
    ],
)
def test_splitting_keeps_each_sequence_with_its_row(select, X):
    selected, rows = select(X, np.arange(N_SAMPLES))
    assert type(selected) is type(X)
    assert len(selected) == len(rows) > 0
    for x, row in zip(selected, rows, strict=True):
        assert np.array_equal(x, X[row])
