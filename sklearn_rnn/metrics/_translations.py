"""Metrics for translations: BLEU and chrF, equal to sacrebleu's."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_rnn.metrics._texts import check_text_pair, check_weight

_WORD_ORDER, _CHARACTER_ORDER = 4, 6
_BETA = 2  # weight of recall in chrF
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_SEPARATED = (  # mteval-v13a.pl
    (re.compile(r"([{-~\[-` -&(-+:-@/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def bleu_score(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return BLEU of translations: shared word n-grams, from 0 to 100.

    The geometric mean of the precisions of n-grams of 1 to 4 words, over all texts,
    times a penalty if the predictions are shorter than the true texts [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) of str
        True translations, one per sample, not tokenised.
    y_pred : array-like of shape (n_samples,) of str
        Predicted translations.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of texts: their counts of n-grams and words are multiplied.

    Returns
    -------
    score : float
        Between 0 and 100; higher is better. 0 if no word is right or no prediction has
        four words.

    Raises
    ------
    ValueError, TypeError
        If either is not a container of strings, or they differ in number.

    See Also
    --------
    chrf_score : Shared character n-grams; less dependent on the splitting into words.

    Notes
    -----
    The score equals ``sacrebleu.corpus_bleu(y_pred, [y_true]).score``, with signature
    ``nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp``. Published scores are comparable
    only if their signatures are equal [2]_.

    References
    ----------
    .. [1] K. Papineni, S. Roukos, T. Ward, W.-J. Zhu, "BLEU: a method for automatic
       evaluation of machine translation", ACL 2002.
    .. [2] M. Post, "A call for clarity in reporting BLEU scores", WMT 2018.

    Examples
    --------
    >>> from sklearn_rnn.metrics import bleu_score
    >>> bleu_score(["The cat sat on the mat."], ["The cat is on the mat."])
    48.89...
    """
    true, pred = check_text_pair(y_true, y_pred)
    pairs = zip(map(_split_words, true), map(_split_words, pred), strict=True)
    counts = [_count_matches(t, p, _WORD_ORDER) for t, p in pairs]
    return _combine_precisions(*_sum_weighted(counts, sample_weight).T)


def chrf_score(
    y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return chrF of translations: shared character n-grams, from 0 to 100.

    The F score of n-grams of 1 to 6 characters, over all texts; recall counts twice as
    much as precision [1]_. White space is ignored.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) of str
        True translations, one per sample.
    y_pred : array-like of shape (n_samples,) of str
        Predicted translations.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of texts: their counts of n-grams are multiplied.

    Returns
    -------
    score : float
        Between 0 and 100; higher is better. 0 if all texts are empty.

    Raises
    ------
    ValueError, TypeError
        If either is not a container of strings, or they differ in number.

    See Also
    --------
    bleu_score : Shared word n-grams.

    Notes
    -----
    The score equals ``sacrebleu.corpus_chrf(y_pred, [y_true]).score``, with signature
    ``nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no``.

    References
    ----------
    .. [1] M. Popović, "chrF: character n-gram F-score for automatic MT evaluation",
       WMT 2015.

    Examples
    --------
    >>> from sklearn_rnn.metrics import chrf_score
    >>> chrf_score(["The cat sat on the mat."], ["The cat is on the mat."])
    64.58...
    """
    true, pred = check_text_pair(y_true, y_pred)
    pairs = zip(map(_remove_spaces, true), map(_remove_spaces, pred), strict=True)
    counts = [_count_matches(t, p, _CHARACTER_ORDER) for t, p in pairs]
    for count in counts:
        count[count[:, 1] == 0, 0] = 0  # no precision without true n-grams
    return _combine_f_scores(*_sum_weighted(counts, sample_weight).T)


def _count_matches(
    true: Sequence[Any], pred: Sequence[Any], order: int
) -> NDArray[np.float64]:
    """Count n-grams of each order: predicted, true, and shared by both.

    Parameters
    ----------
    true, pred : sequence
        Words, or characters.
    order : int
        Size of the longest n-grams.

    Returns
    -------
    counts : ndarray of shape (order, 3)
        Numbers of n-grams of 1 to `order` words or characters.
    """
    counts = np.zeros((order, 3))
    for n in range(1, order + 1):
        pred_grams, true_grams = _count_grams(pred, n), _count_grams(true, n)
        shared = sum(
            min(count, true_grams[gram])
            for gram, count in pred_grams.items()
            if gram in true_grams
        )
        sizes = max(len(pred) - n + 1, 0), max(len(true) - n + 1, 0)
        counts[n - 1] = *sizes, shared
    return counts


def _count_grams(items: Sequence[Any], n: int) -> Counter:
    return Counter(items[i : i + n] for i in range(len(items) - n + 1))


def _sum_weighted(
    counts: list[NDArray[np.float64]], sample_weight: Any
) -> NDArray[np.float64]:
    return np.tensordot(check_weight(sample_weight, len(counts)), counts, 1)


def _combine_precisions(n_pred: NDArray, n_true: NDArray, n_shared: NDArray) -> float:
    """Return BLEU, with the precision halved for each order without a match."""
    if not n_shared.any() or not n_pred.all():
        return 0.0
    halvings = np.cumsum(n_shared == 0)
    precision = np.where(n_shared > 0, n_shared, 0.5**halvings) / n_pred
    penalty = min(1.0, math.exp(1 - n_true[0] / n_pred[0]))
    return float(100 * penalty * np.exp(np.log(precision).mean()))


def _combine_f_scores(n_pred: NDArray, n_true: NDArray, n_shared: NDArray) -> float:
    """Return chrF, of the orders that both texts have."""
    scored = (n_pred > 0) & (n_true > 0)
    if not n_shared[scored].any():
        return 0.0
    precision = (n_shared[scored] / n_pred[scored]).mean()
    recall = (n_shared[scored] / n_true[scored]).mean()
    f_score = (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)
    return float(100 * f_score)


def _split_words(text: str) -> tuple[str, ...]:
    """Split into words and punctuation marks, as mteval-v13a.pl does."""
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, separated in _SEPARATED:
        text = pattern.sub(separated, text)
    return tuple(text.split())


def _remove_spaces(text: str) -> str:
    return "".join(text.split())
