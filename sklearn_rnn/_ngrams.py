"""A logistic regression on n-grams of tokens, whose output joins a network's."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

_MIN_SEQUENCES = 2  # that an n-gram must occur in to be known
_C = 10.0  # inverse of the penalty, for sequences of length 1
_TOL, _MAX_ITER = 1e-3, 200


def fit_ngram_branch(module: Any, train: Any) -> None:
    """Learn which n-grams there are, and fit the regression on them.

    Parameters
    ----------
    module : SequenceModel
        With an `ngram_branch`, which is changed.
    train : TrainingData or BlockData
        The training set.
    """
    branch, train = module.ngram_branch, train.merge_equal()
    keys, counts = _count_ngrams(branch, train.X)
    n_containing = counts.getnnz(axis=0)
    idf = 1 + np.log((1 + len(train)) / (1 + n_containing))  # as TfidfVectorizer
    scale = 1 / np.sqrt(np.maximum(counts @ idf**2, 1.0))
    counts.data *= idf[counts.indices] * np.repeat(scale, np.diff(counts.indptr))
    # only ratios of weights matter, and no copies of all samples
    weight = train.sample_weight / train.sample_weight.mean()
    n_outputs = len(branch.bias)
    coef, bias = _fit_logits(counts, train.targets, weight, n_outputs)
    branch.set_ngrams(keys, idf, coef, bias)


def _count_ngrams(branch: Any, X: Any) -> tuple[Any, Any]:
    """Return the known n-grams, and how often each sequence has them."""
    digits = branch.write_digits(X.values, X.offsets)
    sequence = np.repeat(np.arange(len(X), dtype=np.int32), X.lengths + 3)
    known, columns = [], []
    for keys in branch.iterate_keys(digits):
        keys = keys.numpy()
        (place,) = np.nonzero(keys)
        own, column = np.unique(keys[place], return_inverse=True)
        # in float32 the regression takes a fifth less time
        ones, shape = np.ones(len(place), np.float32), (len(X), len(own))
        counts = sparse.csr_matrix((ones, (sequence[place], column)), shape)
        (kept,) = np.nonzero(counts.getnnz(axis=0) >= _MIN_SEQUENCES)
        known.append(own[kept])
        columns.append(counts[:, kept])
    keys = np.concatenate(known)
    order = np.argsort(keys)
    return keys[order], sparse.hstack(columns, format="csr")[:, order]


def _fit_logits(
    features: Any, targets: Any, weight: Any, n_outputs: int
) -> tuple[Any, Any]:
    """Return coefficients, (n_features, n_outputs), and constants, of logits."""
    coef, bias = np.zeros((features.shape[1], n_outputs)), np.zeros(n_outputs)
    if features.shape[1] == 0:
        return coef, bias
    if targets.ndim == 2:  # several labels at once
        for j, own in enumerate(targets.T):
            found = _regress(features, own, weight)
            if found is not None:
                coef[:, j], bias[j] = found.coef_[0], found.intercept_[0]
        return coef, bias
    found = _regress(features, targets, weight)
    if found is None:
        return coef, bias
    if len(found.classes_) == 2:  # one logit, between two classes
        own_coef = np.vstack([-found.coef_, found.coef_]) / 2
        own_bias = np.append(-found.intercept_, found.intercept_) / 2
    else:
        own_coef, own_bias = found.coef_, found.intercept_
    bias[:] = own_bias.min()  # of a class that only samples held out have
    coef[:, found.classes_], bias[found.classes_] = own_coef.T, own_bias
    return coef, bias


def _regress(features: Any, targets: Any, weight: Any) -> Any:
    """Return a fitted logistic regression; None of one class alone."""
    if (targets == targets[0]).all():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression = LogisticRegression(C=_C, tol=_TOL, max_iter=_MAX_ITER)
        return regression.fit(features, targets.astype(int), weight)
