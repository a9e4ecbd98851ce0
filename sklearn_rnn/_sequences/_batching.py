"""From a RaggedArray to padded batches."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray


def gather_batch(
    X: RaggedArray, rows: NDArray[np.intp]
) -> tuple[NDArray, NDArray[np.int64] | None]:
    """Copy some sequences into one array padded with zeros.

    Parameters
    ----------
    X : RaggedArray
        All sequences.
    rows : ndarray of shape (batch,)
        Which of them.

    Returns
    -------
    x : ndarray of shape (batch, max(lengths), n_features)
        Zeros after each sequence's last step.
    lengths : ndarray of shape (batch,) or None
        None when there is no padding.
    """
    if X.common_length is not None:  # whole rows: faster than step by step
        return X.values.reshape(len(X), X.common_length, -1)[rows], None
    starts = X.offsets[rows]
    lengths = X.offsets[rows + 1] - starts
    n_steps = int(lengths.max())
    steps = np.arange(n_steps)
    # "clip": what lies past the end of a sequence, or of all, is overwritten
    x = np.take(X.values, starts[:, np.newaxis] + steps, axis=0, mode="clip")
    if (lengths == n_steps).all():
        return x, None
    x[steps >= lengths[:, np.newaxis]] = 0
    return x, lengths


def batches_by_length(
    lengths: NDArray[np.int64], max_rows: int, max_steps: int
) -> Iterator[NDArray[np.intp]]:
    """Split sequences into batches of similar length, the longest first.

    Parameters
    ----------
    lengths : ndarray of shape (n_samples,)
        Number of steps of each sequence.
    max_rows : int
        No batch has more sequences.
    max_steps : int
        No batch has more steps, padding counted, unless one sequence alone has.

    Yields
    ------
    rows : ndarray of shape (batch,)
        Positions in `lengths`; together, each position once.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        n_rows = min(max_rows, max(1, max_steps // longest))
        yield order[start : start + n_rows]
        start += n_rows


def weighted_moments(
    X: RaggedArray, sample_weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each feature over all steps.

    Parameters
    ----------
    X : RaggedArray
        All sequences.
    sample_weight : ndarray of shape (n_samples,)
        What each step of a sequence counts.

    Returns
    -------
    mean, std : ndarray of shape (n_features,)
        A feature that does not vary, or next to nothing for its range, has a standard
        deviation of 1.
    """
    total = np.zeros(X.n_features)
    squares = np.zeros(X.n_features)
    reach = np.zeros(X.n_features)  # the largest distance from the pivot
    pivot = X.values[0].astype(np.float64)  # squares near the data's own level
    for start in range(0, len(X.values), _STEPS):
        values = X.values[start : start + _STEPS] - pivot
        steps = np.arange(start, start + len(values))
        weight = sample_weight[np.searchsorted(X.offsets, steps, side="right") - 1]
        reach = np.maximum(reach, np.abs(values).max(axis=0))
        # not weight @ values: the threads of a BLAS would spin on into the training
        total += np.einsum("i,ij->j", weight, values)
        squares += np.einsum("i,ij,ij->j", weight, values, values)
    n_steps = sample_weight @ X.lengths
    mean = total / n_steps
    variance = np.maximum(squares / n_steps - mean**2, 0)
    std = np.sqrt(variance)
    return mean + pivot, np.where(std > np.maximum(1e-6 * reach, 1e-38), std, 1.0)


def merge_equal_samples(
    X: RaggedArray, y: NDArray, sample_weight: NDArray[np.float64]
) -> tuple[RaggedArray, NDArray, NDArray[np.float64]]:
    """Merge samples that are equal in X and y into one that has all their weight.

    The result is sorted by content. So data that fill one batch only train the same
    network, to the last bit, whether a sample has a weight of 2 or is there twice,
    and in whatever order they come.

    Parameters
    ----------
    X : RaggedArray
        Few sequences: this is a loop in Python.
    y : ndarray of shape (n_samples, ...)
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,)

    Returns
    -------
    X, y, sample_weight
        Without repetitions.
    """
    weights: dict[tuple[bytes, bytes], float] = {}
    rows: dict[tuple[bytes, bytes], int] = {}
    for i, weight in enumerate(sample_weight):
        key = X[i].tobytes(), y[i].tobytes()
        rows.setdefault(key, i)
        weights[key] = weights.get(key, 0.0) + weight
    keys = sorted(rows)
    first = np.array([rows[key] for key in keys])
    return X[first], y[first], np.array([weights[key] for key in keys])


_STEPS = 4096  # taken at a time: copies in float64 stay in the cache
