"""Metrics for predicted texts: error rates and exact matches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_rnn._sequences import check_sequence_weight, check_texts, read_texts

_ORDER = (
    "The order is (y_true, y_pred), both with one text per sample; sacrebleu takes "
    "(hypotheses, [references])."
)


def character_error_rate(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Character edits from predicted to true texts, per true character.

    Edits are substitutions, insertions and deletions of one character; the fewest
    possible are counted. Errors and characters are summed over all texts, so long texts
    count more. Spaces at both ends of a text are ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) of str, or of sequences of int or str
        True texts. For sequences of tokens, the score is the token error rate.
    y_pred : array-like of shape (n_samples,) of str, or of sequences of int or str
        Predicted texts.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of texts.

    Returns
    -------
    error : float
        At least 0; lower is better. Can exceed 1 if predictions are too long. If all
        true texts are empty, the number of errors.

    Raises
    ------
    ValueError, TypeError
        If either is not a container of texts, or they differ in number.

    See Also
    --------
    word_error_rate : Edits of words.
    exact_match_score : Fraction of texts without errors.

    Notes
    -----
    The score equals ``jiwer.cer(y_true, y_pred)``.

    References
    ----------
    .. [1] H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit
       distances", Nordic Journal of Computing 10, 2003.

    Examples
    --------
    >>> from sklearn_rnn.metrics import character_error_rate
    >>> character_error_rate(["seven", "two"], ["seen", "two"])
    0.125
    """
    return _error_rate(y_true, y_pred, sample_weight, str.strip)


def word_error_rate(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Word edits from predicted to true texts, per true word.

    Edits are substitutions, insertions and deletions of one word; the fewest possible
    are counted. Errors and words are summed over all texts. Words are separated by
    white space.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) of str, or of sequences of int or str
        True texts. Each token of a sequence of tokens is a word.
    y_pred : array-like of shape (n_samples,) of str, or of sequences of int or str
        Predicted texts.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of texts.

    Returns
    -------
    error : float
        At least 0; lower is better. Can exceed 1 if predictions are too long. If all
        true texts are empty, the number of errors.

    Raises
    ------
    ValueError, TypeError
        If either is not a container of texts, or they differ in number.

    See Also
    --------
    character_error_rate : Edits of characters.

    Notes
    -----
    The score equals ``jiwer.wer(y_true, y_pred)``.

    Examples
    --------
    >>> from sklearn_rnn.metrics import word_error_rate
    >>> word_error_rate(["yes no no", "yes"], ["yes no", "yes"])
    0.25
    """
    return _error_rate(y_true, y_pred, sample_weight, str.split)


def exact_match_score(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Fraction of texts that are predicted without an error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) of str, or of sequences of int or str
        True texts, or sequences of tokens. They may differ in length from `y_pred`.
    y_pred : array-like of shape (n_samples,) of str, or of sequences of int or str
        Predicted texts.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of texts.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    ValueError, TypeError
        If either is not a container of texts, or they differ in number.

    See Also
    --------
    sequence_accuracy_score : The same score for one label per step.

    Examples
    --------
    >>> from sklearn_rnn.metrics import exact_match_score
    >>> exact_match_score(["JUMP JUMP", "WALK"], ["JUMP JUMP", "WALK WALK"])
    0.5
    """
    true, pred = _read_pair(y_true, y_pred)
    weight = check_weight(sample_weight, len(true))
    right = [t == p for t, p in zip(true, pred, strict=True)]
    return float(np.average(right, weights=weight))


def check_text_pair(y_true: Any, y_pred: Any) -> tuple[list[str], list[str]]:
    """Validate true and predicted strings, one of each per sample."""
    true = check_texts(y_true, "y_true", _ORDER)
    pred = check_texts(y_pred, "y_pred", _ORDER)
    _check_same_number(true, pred)
    return true, pred


def check_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64]:
    """Validate weights of samples; by default, return ones."""
    if sample_weight is None:
        return np.ones(n_samples)
    return check_sequence_weight(sample_weight, n_samples)


def _error_rate(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    prepare: Callable[[str], Sequence[Any]],
) -> float:
    true, pred = _read_pair(y_true, y_pred)
    weight = check_weight(sample_weight, len(true))
    if isinstance(true[0], str):
        true, pred = [prepare(t) for t in true], [prepare(p) for p in pred]
    errors = [edit_distance(t, p) for t, p in zip(true, pred, strict=True)]
    n_units = weight @ [len(t) for t in true]
    return float(weight @ errors / (n_units or 1.0))


def _read_pair(y_true: Any, y_pred: Any) -> tuple[list[Any], list[Any]]:
    true, pred = read_texts(y_true, "y_true"), read_texts(y_pred, "y_pred")
    _check_same_number(true, pred)
    kinds = [
        "strings" if isinstance(y[0], str) else "sequences of tokens"
        for y in (true, pred)
    ]
    if kinds[0] != kinds[1]:
        raise TypeError(f"y_true has {kinds[0]}, but y_pred has {kinds[1]}. {_ORDER}")
    return true, pred


def _check_same_number(true: list[Any], pred: list[Any]) -> None:
    if len(true) != len(pred):
        raise ValueError(
            f"y_true has {len(true)} texts, but y_pred has {len(pred)}. {_ORDER}"
        )


def edit_distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Return the Levenshtein distance of two sequences.

    Parameters
    ----------
    a, b : sequence of hashable
        The sequences.

    Returns
    -------
    distance : int
        Fewest substitutions, insertions and deletions that turn `a` into `b`.
    """
    if not len(a):
        return len(b)
    positions: dict[Any, int] = {}
    for i, item in enumerate(a):
        positions[item] = positions.get(item, 0) | 1 << i
    # a column of the table of distances, as bits: where it rises, where it falls
    rises, falls = (1 << len(a)) - 1, 0
    everywhere, last, distance = rises, 1 << len(a) - 1, len(a)
    for item in b:
        equal = positions.get(item, 0) | falls
        diagonal = (((equal & rises) + rises) ^ rises) | equal
        right_rises, right_falls = falls | ~(diagonal | rises), diagonal & rises
        distance += bool(right_rises & last) - bool(right_falls & last)
        right_rises, right_falls = right_rises << 1 | 1, right_falls << 1
        rises = (right_falls | ~(diagonal | right_rises)) & everywhere
        falls = right_rises & diagonal & everywhere
    return distance
