"""n_jobs: several processes, and the memory they share."""

import numpy as np
import pytest
from scikit_learn_tools import make_classifier
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.utils.parallel import Parallel, delayed

from sklearn_rnn import RaggedArray


@pytest.mark.parametrize(
    "compute",
    [
        lambda n_jobs, X, y: cross_val_predict(
            make_classifier(dropout=0.2),
            X,
            y,
            cv=3,
            method="predict_proba",
            n_jobs=n_jobs,
        ),
        lambda n_jobs, X, y: cross_validate(
            make_classifier(early_stopping=True, validation_fraction=0.2),
            X,
            y,
            scoring="neg_log_loss",
            n_jobs=n_jobs,
        )["test_score"],
        lambda n_jobs, X, y: (
            GridSearchCV(
                make_classifier(max_epochs=5),
                {"hidden_size": [2, 4]},
                cv=2,
                scoring="neg_log_loss",
                n_jobs=n_jobs,
            )
            .fit(X, y)
            .cv_results_["mean_test_score"]
        ),
        lambda n_jobs, X, y: learning_curve(
            make_classifier(max_epochs=5),
            X,
            y,
            cv=2,
            train_sizes=[0.5, 1.0],
            scoring="neg_log_loss",
            shuffle=True,
            random_state=0,
            n_jobs=n_jobs,
        )[2],
    ],
    ids=["cross_val_predict", "cross_validate", "GridSearchCV", "learning_curve"],
)
def test_results_do_not_depend_on_n_jobs(compute, X, y):
    np.testing.assert_allclose(compute(2, X, y), compute(1, X, y), atol=1e-5)


def test_workers_share_a_large_ragged_array_and_fit_on_it(rng):
    n_samples, n_features = 300, 100
    lengths = rng.integers(5, 20, n_samples)
    y = rng.permutation(n_samples) % 2
    X = RaggedArray.from_sequences(
        [
            rng.normal(size=(n, n_features)).astype("f4") + np.float32(label)
            for n, label in zip(lengths, y, strict=True)
        ]
    )
    assert X.values.nbytes > 2**20
    for values, total in Parallel(n_jobs=2)(delayed(_describe)(X) for _ in range(2)):
        assert values == ("memmap", False)
        assert total == X.values.sum(dtype=float)
    # fit in the workers sees the read-only memmap itself: nothing is split off
    voting = VotingClassifier(
        [(str(seed), make_classifier(random_state=seed)) for seed in range(2)],
        voting="soft",
        n_jobs=2,
    ).set_params(**{"0__max_epochs": 3, "1__max_epochs": 3})
    probability = voting.fit(X, y).predict_proba(X)
    assert voting.score(X, y == 1) > 0.9
    alone = voting.set_params(n_jobs=1).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(probability, alone, atol=1e-5)


def _describe(X):
    memory = type(X.values).__name__, X.values.flags.writeable
    return memory, X.values.sum(dtype=float)
