"""From a RaggedArray to padded batches."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray, first_place


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
        Weight of each step of a sequence.

    Returns
    -------
    mean, std : ndarray of shape (n_features,)
        A feature that does not vary, or next to nothing for its range, has a standard
        deviation of 1.

    Raises
    ------
    ValueError
        If a value is so far from the mean that float32 cannot hold the difference.
    """
    return moments_of_parts([(X, sample_weight)])


def moments_of_parts(
    parts: Iterable[tuple[RaggedArray, NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the moments of data in parts as `weighted_moments` does, in one pass.

    Parameters
    ----------
    parts : iterable of (X, sample_weight)
        At least one X has steps. Iterated again only if values are near the limits of
        float32.

    Returns
    -------
    mean, std : ndarray of shape (n_features,)
    """
    sums: _Sums | None = None
    for X, sample_weight in parts:
        if sums is None and len(X.values):
            sums = _Sums(X.values[0].astype(np.float64))
        if sums is not None:
            sums.add(X, sample_weight)
    if sums is None:
        raise ValueError("X has no step: all sequences are empty.")
    mean = sums.total / sums.n_steps
    reach = sums.reach
    if (reach + np.abs(mean) > _LARGEST).any():  # rare: then look closer
        for X, _ in parts:
            _check_differences(X, mean + sums.pivot)
    variance = np.maximum(sums.squares / sums.n_steps - mean**2, 0)
    std = np.sqrt(variance)
    return mean + sums.pivot, np.where(std > np.maximum(1e-6 * reach, 1e-38), std, 1.0)


class _Sums:
    """Sums over steps of the differences from a pivot.

    Parameters
    ----------
    pivot : ndarray of shape (n_features,)
        A step: squares are then near the data's own level.
    """

    def __init__(self, pivot: NDArray[np.float64]) -> None:
        self.pivot = pivot
        self.total = np.zeros(len(pivot))
        self.squares = np.zeros(len(pivot))
        self.reach = np.zeros(len(pivot))  # the largest distance from the pivot
        self.n_steps = 0.0

    def add(self, X: RaggedArray, sample_weight: NDArray[np.float64]) -> None:
        """Add the steps of some sequences."""
        at_once = max(1, _NUMBERS // X.n_features)
        for start in range(0, len(X.values), at_once):
            # time last: sums along the last axis are several times as fast
            steps = X.values[start : start + at_once].T
            values = np.subtract(steps, self.pivot[:, np.newaxis], order="C")
            weight = _weights_of_steps(X, sample_weight, start, start + at_once)
            weighted = values * weight
            farthest = np.maximum(values.max(axis=1), -values.min(axis=1))
            self.reach = np.maximum(self.reach, farthest)
            self.total += weighted.sum(axis=1)
            # no matrix product: the threads of a BLAS would spin on into the training
            self.squares += np.einsum("ij,ij->i", weighted, values)
        self.n_steps += float(sample_weight @ X.lengths)


def _check_differences(X: RaggedArray, mean: NDArray[np.float64]) -> None:
    """Refuse values whose difference from the mean is too large for float32."""
    too_far = np.abs(X.values.astype(np.float64) - mean) > _LARGEST
    if not too_far.any():
        return
    i, step, feature = first_place(too_far, X.offsets)
    raise ValueError(
        f"X[{i}] has {X[i][step, feature]:g} at step {step}, feature {feature}, whose "
        f"difference from the feature's mean {mean[feature]:g} is too large for "
        "float32. Scale X first, for instance with Stepwise(MaxAbsScaler())."
    )


def _weights_of_steps(
    X: RaggedArray, sample_weight: NDArray[np.float64], start: int, stop: int
) -> NDArray[np.float64]:
    """Return the weight of each step of `X.values[start:stop]`."""
    stop = min(stop, len(X.values))
    first, last = np.searchsorted(X.offsets, [start, stop - 1], side="right")
    limits = np.clip(X.offsets[first - 1 : last + 1], start, stop)
    return np.repeat(sample_weight[first - 1 : last], np.diff(limits))


def merge_equal_samples(
    X: RaggedArray,
    y: NDArray,
    sample_weight: NDArray[np.float64],
    *,
    in_order: bool = False,
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
    in_order : bool, default=False
        Whether the result is in the order in which the samples come first instead.

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
    keys = list(rows) if in_order else sorted(rows)
    first = np.array([rows[key] for key in keys])
    return X[first], y[first], np.array([weights[key] for key in keys])


_LARGEST = float(np.finfo(np.float32).max)
_NUMBERS = 65_536  # taken at a time: copies in float64 stay in the cache
