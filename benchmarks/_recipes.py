"""A recipe: data, splits and models of a task of bench_accuracy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_rnn import RaggedArray


@dataclass
class Recipe:
    """Data, splits and models of a task.

    `splits` are pairs of training and test indices; the score is the mean over them.
    With a `grid`, the best candidate in three folds of the training data, repeated
    twice, is used. The naive answer is a number or a model.
    """

    X: Any
    y: Any
    splits: list
    model: Any
    baseline: Any
    scoring: Any
    naive: Any = None
    grid: Any = None


def train_and_test(X, y, X_test, y_test):
    """Return X and y of training and test data, and the only split."""
    n = len(y)
    if isinstance(X, RaggedArray):
        X = RaggedArray.from_sequences([*X, *X_test])
    elif isinstance(X, list):
        X = X + X_test
    else:
        X = np.concatenate([X, X_test])
    split = np.arange(n), np.arange(n, n + len(y_test))
    y = y + y_test if isinstance(y, list) else np.concatenate([y, y_test])
    return X, y, [split]


def seeded(model, seed):
    """Set a different seed in each part that has a random_state."""
    names = [name for name in model.get_params() if name.endswith("random_state")]
    seeds = {name: seed * len(names) + i for i, name in enumerate(names)}
    return clone(model).set_params(**seeds)
