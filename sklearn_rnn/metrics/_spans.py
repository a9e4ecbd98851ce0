"""Metrics for spans, the runs of consecutive steps marked by tags."""

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_rnn._sequences import (
    check_same_steps,
    check_sequence_weight,
    check_tags,
    convert_tags,
    find_spans,
    list_spans,
    read_tags,
)


class _Counts(NamedTuple):
    """Weighted numbers of spans of each type."""

    right: NDArray[np.float64]
    predicted: NDArray[np.float64]
    true: NDArray[np.float64]

    def total(self) -> "_Counts":
        return _Counts(*(counts.sum(keepdims=True) for counts in self))


def extract_spans(
    tags: ArrayLike, *, scheme: str = "iob2"
) -> list[tuple[str, int, int]]:
    """Extract the spans marked by the tags of one sequence.

    Tags are read strictly: a tag that violates the scheme is not part of a span. In
    "iob2", an "I-PER" without a preceding "B-PER" marks nothing.

    Parameters
    ----------
    tags : array-like of str of shape (n_steps,)
        Tags of one sequence, such as "B-PER".
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        Tag scheme.

    Returns
    -------
    spans : list of tuple (type, start, stop)
        Spans in order. `stop` is the index after the last step, as in a slice.

    Raises
    ------
    ValueError
        If a label is not a tag of the scheme.

    See Also
    --------
    convert_scheme : Convert tags to another scheme.

    Examples
    --------
    >>> from sklearn_rnn.metrics import extract_spans
    >>> extract_spans(["B-PER", "I-PER", "O", "B-LOC", "I-PER"])
    [('PER', 0, 2), ('LOC', 3, 4)]
    >>> extract_spans(["B-PER", "E-PER", "O", "S-LOC"], scheme="iobes")
    [('PER', 0, 2), ('LOC', 3, 4)]
    """
    return list_spans(tags, scheme)


def convert_scheme(y: Any, source: str, target: str) -> NDArray[Any]:
    """Convert tags to another scheme that marks the same spans.

    Parameters
    ----------
    y : array-like, ragged, of shape (n_samples, n_steps_i)
        Tags in the scheme `source`.
    source : {"iob1", "iob2", "iobes", "bilou"}
        Scheme of `y`. "iobes" is also called BIOES, "bilou" also BILUO.
    target : {"iob1", "iob2", "iobes", "bilou"}
        Scheme of the result.

    Returns
    -------
    tags : ndarray of object of shape (n_samples,)
        One array of str of shape (n_steps_i,) per sequence.

    Raises
    ------
    ValueError
        If a tag violates the scheme `source`. The message names its position.

    See Also
    --------
    extract_spans : Extract the spans.

    Examples
    --------
    >>> from sklearn_rnn.metrics import convert_scheme
    >>> convert_scheme([["I-PER", "I-PER", "O", "I-LOC"]], "iob1", "iobes")[0].tolist()
    ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    values, offsets = read_tags(y, "y")
    check_tags(values, offsets, source)
    values = convert_tags(values, offsets, source, target)
    tags = np.empty(len(offsets) - 1, dtype=object)
    for i, sequence in enumerate(np.split(values, offsets[1:-1])):
        tags[i] = sequence
    return tags


def span_f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: str = "iob2",
    average: Literal["micro", "macro", "weighted"] | None = "micro",
    sample_weight: ArrayLike | None = None,
    zero_division: Any = "warn",
) -> float | NDArray[np.float64]:
    """F1 score of spans: a span is correct if its type and both its ends are.

    Tags are read strictly: a tag that violates the scheme is not part of a span. This
    is seqeval's ``mode="strict"`` and the strict F1 score of nervaluate. The CoNLL-2000
    score, seqeval's default, also counts an "I-" without a "B-" and is higher.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True tags, such as "B-PER": a list, object array or Series of arrays of
        strings, a 2-D array or a RaggedArray.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted tags, of the same lengths.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        Tag scheme of both. Tags that violate it are not part of a span.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        Averaging over types. "micro" counts all spans equally, "macro" is the
        unweighted mean over types, and "weighted" weights types by their number of true
        spans. None returns one score per type, in alphabetical order.
    sample_weight : array-like of shape (n_samples,), default=None
        Sequence weights. Each span has the weight of its sequence.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Score if there are neither true nor predicted spans. "warn" is 0 with a
        warning.

    Returns
    -------
    score : float or ndarray of shape (n_types,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or a
        label is not a tag of the scheme.

    See Also
    --------
    span_classification_report : Precision, recall and F1 score of each type.
    step_f1_score : F1 score of single steps.

    Examples
    --------
    >>> from sklearn_rnn.metrics import span_f1_score
    >>> y_true = [["B-PER", "I-PER", "O"], ["B-LOC", "O"]]
    >>> span_f1_score(y_true, [["B-PER", "I-PER", "O"], ["O", "B-LOC"]])
    0.5
    """
    if average not in ("micro", "macro", "weighted", None):
        raise ValueError(
            "The 'average' parameter of span_f1_score must be a str among "
            f"{'micro', 'macro', 'weighted'} or None. Got {average!r} instead."
        )
    _, counts = _count_spans(y_true, y_pred, scheme, sample_weight)
    if average == "micro" or not len(counts.true):
        score = _f1(counts.total(), zero_division)
        return score if average is None else float(score[0])
    scores = _f1(counts, zero_division)
    return scores if average is None else _average(scores, counts, average)


def span_classification_report(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: str = "iob2",
    sample_weight: ArrayLike | None = None,
    digits: int = 2,
    output_dict: bool = False,
    zero_division: Any = "warn",
) -> str | dict[str, dict[str, float]]:
    """Precision, recall and F1 score of the spans of each type.

    Parameters
    ----------
    y_true : array-like, ragged, of shape (n_samples, n_steps_i)
        True tags, such as "B-PER": a list, object array or Series of arrays of
        strings, a 2-D array or a RaggedArray.
    y_pred : array-like, ragged, of shape (n_samples, n_steps_i)
        Predicted tags, of the same lengths.
    scheme : {"iob1", "iob2", "iobes", "bilou"}, default="iob2"
        Tag scheme of both. Tags that violate it are not part of a span.
    sample_weight : array-like of shape (n_samples,), default=None
        Sequence weights. Each span has the weight of its sequence.
    digits : int, default=2
        Number of decimals in the text.
    output_dict : bool, default=False
        Whether to return a dict instead of text.
    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value of a division by zero. "warn" is 0 with a warning.

    Returns
    -------
    report : str or dict
        One line per type, then the averages. A dict has an entry per type, such as
        ``report["PER"]["precision"]``, with "precision", "recall", "f1-score" and
        "support", the number of true spans.

    Raises
    ------
    ValueError
        If the sequences of `y_true` and `y_pred` differ in number or in length, or a
        label is not a tag of the scheme.

    See Also
    --------
    span_f1_score : F1 score as a single number.

    Examples
    --------
    >>> from sklearn_rnn.metrics import span_classification_report
    >>> y_true = [["B-PER", "I-PER", "O"], ["B-LOC", "O"]]
    >>> y_pred = [["B-PER", "I-PER", "O"], ["B-LOC", "B-LOC"]]
    >>> print(span_classification_report(y_true, y_pred))
                  precision    recall  f1-score   support
    <BLANKLINE>
             LOC       0.50      1.00      0.67         1
             PER       1.00      1.00      1.00         1
    <BLANKLINE>
       micro avg       0.67      1.00      0.80         2
       macro avg       0.75      1.00      0.83         2
    weighted avg       0.75      1.00      0.83         2
    <BLANKLINE>
    """
    types, counts = _count_spans(y_true, y_pred, scheme, sample_weight)
    rows = _report_rows(types, counts, zero_division)
    return rows if output_dict else _format_report(rows, digits)


def _count_spans(
    y_true: Any, y_pred: Any, scheme: str, sample_weight: ArrayLike | None
) -> tuple[list[str], _Counts]:
    """Return the types of spans and the correct, predicted and true counts of each."""
    true, offsets = read_tags(y_true, "y_true")
    pred, pred_offsets = read_tags(y_pred, "y_pred")
    check_same_steps(offsets, pred_offsets)
    both = np.append(true, pred)  # one numbering of types
    spans = find_spans(both, np.append(offsets, offsets[1:] + len(true)), scheme)
    is_pred = spans.starts >= len(true)
    shift = len(true) * is_pred
    keys = np.stack([spans.starts - shift, spans.stops - shift, spans.kinds])
    is_right = _is_in(keys, is_pred)
    weight = np.ones(len(offsets) - 1)
    if sample_weight is not None:
        weight = check_sequence_weight(sample_weight, len(weight))
    of_span = weight[np.searchsorted(offsets, keys[0], side="right") - 1]
    right, predicted, in_true = (
        np.bincount(spans.kinds, of_span * chosen, minlength=len(spans.types)).astype(
            np.float64
        )
        for chosen in (is_right, is_pred, ~is_pred)
    )
    found = predicted + in_true > 0
    types = [t for t, is_found in zip(spans.types, found, strict=True) if is_found]
    return types, _Counts(right[found], predicted[found], in_true[found])


def _is_in(keys: NDArray[np.int64], is_pred: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each span is in both sets: two spans never share a start."""
    _, inverse, n_equal = np.unique(
        keys, axis=1, return_inverse=True, return_counts=True
    )
    return is_pred & (n_equal[inverse.ravel()] == 2)


# From counts to scores --------------------------------------------------------------


def _f1(counts: _Counts, zero_division: Any) -> NDArray[np.float64]:
    return _divide(
        2 * counts.right, counts.true + counts.predicted, zero_division, "F-score"
    )


def _divide(
    part: NDArray[np.float64], whole: NDArray[np.float64], zero_division: Any, name: str
) -> NDArray[np.float64]:
    empty = whole == 0
    if not empty.any():
        return part / whole
    if zero_division == "warn":
        warnings.warn(
            f"{name} is ill-defined and being set to 0.0 because there are no spans. "
            "Use the 'zero_division' parameter to control this behavior.",
            UndefinedMetricWarning,
            stacklevel=4,
        )
        zero_division = 0.0
    return np.where(empty, zero_division, part / np.where(empty, 1.0, whole))


def _average(scores: NDArray[np.float64], counts: _Counts, average: str) -> float:
    """Return the mean over the types whose score is defined, as in scikit-learn."""
    weights = counts.true if average == "weighted" else np.ones(len(scores))
    defined = ~np.isnan(scores)
    total = weights[defined].sum()
    if total == 0:
        return float(np.nan if not defined.any() else scores[defined].mean())
    return float((scores[defined] * weights[defined]).sum() / total)


def _report_rows(
    types: list[str], counts: _Counts, zero_division: Any
) -> dict[str, dict[str, float]]:
    rows = {}
    each = _scores(counts, zero_division) if types else np.zeros((3, 0))
    for kind, scores, support in zip(types, each.T, counts.true, strict=True):
        rows[kind] = _row(scores, support)
    total = counts.total()
    micro = _scores(total, zero_division)[:, 0]
    rows["micro avg"] = _row(micro, total.true[0])
    for average in ("macro", "weighted"):
        means = [_average(s, counts, average) for s in each] if types else micro
        rows[f"{average} avg"] = _row(means, total.true[0])
    return rows


def _scores(counts: _Counts, zero_division: Any) -> NDArray[np.float64]:
    """Return precision, recall and F1 score, of shape (3, n_types)."""
    return np.array(
        [
            _divide(counts.right, counts.predicted, zero_division, "Precision"),
            _divide(counts.right, counts.true, zero_division, "Recall"),
            _f1(counts, zero_division),
        ]
    )


def _row(scores: Any, support: float) -> dict[str, float]:
    precision, recall, f1 = map(float, scores)
    whole = int(support) if support == int(support) else float(support)
    return {"precision": precision, "recall": recall, "f1-score": f1, "support": whole}


def _format_report(rows: dict[str, dict[str, float]], digits: int) -> str:
    """Return the table in the form of scikit-learn's classification_report."""
    width = max(*map(len, rows), digits)
    columns = ["precision", "recall", "f1-score", "support"]
    lines = [f"{'':>{width}s} " + "".join(f" {c:>9}" for c in columns), ""]
    for name, row in rows.items():
        if name == "micro avg" and len(lines) > 2:
            lines.append("")
        numbers = "".join(f" {row[c]:>9.{digits}f}" for c in columns[:3])
        lines.append(f"{name:>{width}s} {numbers} {row['support']:>9}")
    return "\n".join(lines) + "\n"
