"""Scorers for the ``scoring`` parameter of cross-validation and searches."""

from collections.abc import Callable
from typing import Any

from sklearn_rnn._sequences import (
    check_same_steps,
    check_step_targets,
    check_step_weight,
)
from sklearn_rnn.metrics._spans import span_f1_score
from sklearn_rnn.metrics._steps import (
    sequence_accuracy_score,
    step_accuracy_score,
    step_f1_score,
    step_mean_absolute_error,
    step_r2_score,
)
from sklearn_rnn.metrics._texts import (
    character_error_rate,
    exact_match_score,
    word_error_rate,
)
from sklearn_rnn.metrics._translations import bleu_score, chrf_score
from sklearn_rnn.utils import BaseScorer


class _RaggedScorer(BaseScorer):
    """Scorer that passes y and the response to the metric unchanged.

    scikit-learn's scorer raises for `predict_proba` of an estimator that is not a
    classifier.
    """

    def _score(
        self,
        method_caller: Callable,
        estimator: Any,
        X: Any,
        y_true: Any,
        **kwargs: Any,
    ) -> float:
        self._warn_overlap("there is an overlap", kwargs)
        if self._response_method == "predict":  # several scorers share one call
            response = method_caller(estimator, "predict", X)
        else:
            response = getattr(estimator, self._response_method)(X)
        scored = self._score_func(y_true, response, **{**self._kwargs, **kwargs})
        return self._sign * scored


class _StepMetric:
    """A scikit-learn metric, applied to the concatenated steps."""

    def __init__(self, metric: Callable) -> None:
        self.metric = metric
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, **kwargs: Any
    ) -> float:
        true, offsets = check_step_targets(y_true, "y_true")
        pred, pred_offsets = check_step_targets(y_pred, "y_pred")
        check_same_steps(offsets, pred_offsets)
        if true.ndim == 1 and pred.ndim == 2 and pred.shape[1] == 2:
            pred = pred[:, 1]  # binary: the probability of the second class
        weight = check_step_weight(sample_weight, offsets)
        if weight is None:
            return self.metric(true, pred, **kwargs)
        scored = weight > 0
        return self.metric(
            true[scored], pred[scored], sample_weight=weight[scored], **kwargs
        )


def make_step_scorer(
    metric: Callable,
    *,
    response_method: str = "predict",
    greater_is_better: bool = True,
    **kwargs: Any,
) -> _RaggedScorer:
    """Make a scorer that applies a scikit-learn metric to all steps, concatenated.

    Parameters
    ----------
    metric : callable
        Function of true and predicted values of shape (n_total_steps,) or
        (n_total_steps, n_columns). It must accept `sample_weight` if weights are passed
        to the scorer.
    response_method : {"predict", "predict_proba", "predict_log_proba", \
            "decision_function"}, default="predict"
        Method of the estimator whose results are scored. With two classes, the metric
        receives the column of the second class.
    greater_is_better : bool, default=True
        Whether a higher value is better. If False, the scorer flips the sign.
    **kwargs : dict
        Further arguments of `metric`.

    Returns
    -------
    scorer : callable
        Callable with the signature ``scorer(estimator, X, y, sample_weight=None)``.
        Weights are given per sequence or per step. Steps with weight 0 are not scored.

    Raises
    ------
    TypeError
        If `metric` is not callable.
    ValueError
        Raised by the scorer if y and the results differ in the number of steps of a
        sequence.

    See Also
    --------
    sklearn.metrics.make_scorer : The counterpart for one prediction per sequence.

    Notes
    -----
    Metrics of probabilities, such as :func:`sklearn.metrics.log_loss`, need all
    classes: pass ``labels=`` if a fold may lack one.

    Examples
    --------
    >>> from sklearn.metrics import balanced_accuracy_score, log_loss
    >>> from sklearn_rnn.metrics import make_step_scorer
    >>> make_step_scorer(balanced_accuracy_score)
    make_scorer(balanced_accuracy_score, response_method='predict')
    >>> make_step_scorer(
    ...     log_loss, response_method="predict_proba", greater_is_better=False
    ... )
    make_scorer(log_loss, greater_is_better=False, response_method='predict_proba')
    """
    if not callable(metric):
        raise TypeError(f"metric must be callable. Got {metric!r} instead.")
    sign = 1 if greater_is_better else -1
    return _RaggedScorer(_StepMetric(metric), sign, kwargs, response_method)


def _make_scorer(metric: Callable, sign: int = 1, **kwargs: Any) -> _RaggedScorer:
    """Make a scorer from a metric that accepts sequences."""
    return _RaggedScorer(metric, sign, kwargs, "predict")


step_accuracy_scorer = _make_scorer(step_accuracy_score)
step_f1_scorer = _make_scorer(step_f1_score)  # average="macro"
sequence_accuracy_scorer = _make_scorer(sequence_accuracy_score)
span_f1_scorer = _make_scorer(span_f1_score)  # scheme="iob2", average="micro"
step_r2_scorer = _make_scorer(step_r2_score)
step_neg_mean_absolute_error_scorer = _make_scorer(step_mean_absolute_error, sign=-1)
neg_character_error_rate_scorer = _make_scorer(character_error_rate, sign=-1)
neg_word_error_rate_scorer = _make_scorer(word_error_rate, sign=-1)
exact_match_scorer = _make_scorer(exact_match_score)
bleu_scorer = _make_scorer(bleu_score)
chrf_scorer = _make_scorer(chrf_score)
