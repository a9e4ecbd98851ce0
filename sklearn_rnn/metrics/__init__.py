"""Metrics for predictions at every step: labels, spans and numbers."""

from sklearn_rnn.metrics._scorers import (
    make_step_scorer,
    sequence_accuracy_scorer,
    span_f1_scorer,
    step_accuracy_scorer,
    step_f1_scorer,
    step_neg_mean_absolute_error_scorer,
    step_r2_scorer,
)
from sklearn_rnn.metrics._spans import (
    convert_scheme,
    extract_spans,
    span_classification_report,
    span_f1_score,
)
from sklearn_rnn.metrics._steps import (
    sequence_accuracy_score,
    step_accuracy_score,
    step_classification_report,
    step_f1_score,
    step_mean_absolute_error,
    step_r2_score,
)

__all__ = [
    "convert_scheme",
    "extract_spans",
    "make_step_scorer",
    "sequence_accuracy_score",
    "sequence_accuracy_scorer",
    "span_classification_report",
    "span_f1_score",
    "span_f1_scorer",
    "step_accuracy_score",
    "step_accuracy_scorer",
    "step_classification_report",
    "step_f1_score",
    "step_f1_scorer",
    "step_mean_absolute_error",
    "step_neg_mean_absolute_error_scorer",
    "step_r2_score",
    "step_r2_scorer",
]
