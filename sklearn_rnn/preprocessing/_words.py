"""Validation of sequences whose steps are words or dicts."""

from collections.abc import Mapping
from itertools import chain

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets

_ACCEPTED = {
    str: "X must be a list, object array or Series of sentences, each a list of words "
    "(str).",
    Mapping: "X must be a list, object array or Series of sequences, each a list of "
    "dicts, one per step.",
}
_MUST_BE = {str: 'a word (str), which may be ""', Mapping: "a dict, which may be {}"}


def first_step(X):
    """Return the first step of the first sequence that has one; None if X is a table.

    Parameters
    ----------
    X : object
        Any value that a user may pass as X.

    Returns
    -------
    step : object
        A str or dict if X contains sequences of words or dicts.
    """
    if isinstance(X, RaggedArray):
        return X.values[0, 0] if X.values.shape[1] == 1 and len(X.values) else None
    if not _is_flat(X):
        return None
    for sequence in X:
        if not _is_flat(sequence):
            return None
        for step in sequence:
            return step
    return None


def has_no_step(X):
    """Return whether X contains sequences, all of them empty."""
    if isinstance(X, RaggedArray):
        return len(X.values) == 0
    return _is_flat(X) and len(X) > 0 and all(_is_flat(x) and not len(x) for x in X)


def _is_flat(x):
    """Return whether x is a list or a 1-D array, of any type."""
    if isinstance(x, str | bytes | Mapping | set) or hasattr(x, "columns"):
        return False
    return hasattr(x, "__len__") and getattr(x, "ndim", 1) == 1


def check_words(X):
    """Return the words of all sentences, and the offsets of the sentences.

    Parameters
    ----------
    X : list, object array or Series of list of str
        Sentences, possibly empty, as lists, tuples, arrays or Series. A RaggedArray of
        strings and a 2-D array with one sentence per row are also accepted.

    Returns
    -------
    words : list of str
        Words of all sentences, concatenated.
    offsets : ndarray of int64 of shape (n_samples + 1,)
        Start of each sentence in `words`, and end of the last.

    Raises
    ------
    ValueError, TypeError
        If X is not such a container, has no sentence, or a word is not a string.
    """
    return _check_steps(X, str)


def check_dicts(X):
    """Return the dicts of all sequences, and the offsets; see `check_words`."""
    return _check_steps(X, Mapping)


def _check_steps(X, kind):
    sequences = _as_lists(X, kind)
    offsets = lengths_to_offsets([len(sequence) for sequence in sequences])
    steps = list(chain.from_iterable(sequences))
    if not all(isinstance(step, kind) for step in steps):
        i, t = next(
            (i, t)
            for i, sequence in enumerate(sequences)
            for t, step in enumerate(sequence)
            if not isinstance(step, kind)
        )
        raise TypeError(_not_of_kind(sequences[i][t], i, t, kind))
    return steps, offsets


def _as_lists(X, kind):
    """Return X as a list of lists, without validation of their elements."""
    accepted = _ACCEPTED[kind]
    if isinstance(X, RaggedArray):
        if X.n_features != 1:
            raise ValueError(
                f"{accepted} Got {X.n_features} features per step instead."
            )
        X = [x.ravel() for x in X]
    if isinstance(X, str | bytes | Mapping | set) or not hasattr(X, "__len__"):
        raise TypeError(f"{accepted} Got {type(X).__name__} instead.")
    if hasattr(X, "columns"):
        raise TypeError(f"{accepted} Got a table: choose a column, as in X['words'].")
    if getattr(X, "ndim", 1) not in (1, 2):
        raise ValueError(f"{accepted} Got an array of {X.ndim} dimensions instead.")
    sequences = X.to_pylist() if hasattr(X, "to_pylist") else list(X)
    if not sequences:
        raise ValueError("Found X with 0 sample(s) while a minimum of 1 is required.")
    for i, sequence in enumerate(sequences):
        if not _is_flat(sequence):
            raise TypeError(f"{accepted} {_not_a_list(sequence, i)}")
    return [list(sequence) for sequence in sequences]


def _not_a_list(sequence, i):
    if isinstance(sequence, str):
        return (
            f"X[{i}] is one string. Split it, as X[{i}].split() does. "
            "SequenceTokenizer(level='word') splits strings itself."
        )
    if sequence is None or str(sequence) in ("nan", "<NA>"):
        return f"X[{i}] is missing ({sequence}); an empty sentence is []."
    return f"X[{i}] is {type(sequence).__name__}."


def _not_of_kind(step, i, t, kind):
    return (
        f"Each step must be {_MUST_BE[kind]}. X[{i}] has {step!r:.40} at step {t}, of "
        f"type {type(step).__name__}."
    )
