"""Metrics for predictions at every step, anomalies, texts and forecasts."""

from sklearn_rnn.metrics._anomalies import (
    range_f1_score,
    segment_f1_score,
    step_average_precision_score,
    vus_pr_score,
)
from sklearn_rnn.metrics._forecasts import (
    interval_coverage_score,
    mean_absolute_scaled_error,
    symmetric_mean_absolute_percentage_error,
    weighted_quantile_loss,
    winkler_score,
)
from sklearn_rnn.metrics._scorers import (
    bleu_scorer,
    chrf_scorer,
    exact_match_scorer,
    make_step_scorer,
    neg_character_error_rate_scorer,
    neg_word_error_rate_scorer,
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
from sklearn_rnn.metrics._texts import (
    character_error_rate,
    exact_match_score,
    word_error_rate,
)
from sklearn_rnn.metrics._translations import bleu_score, chrf_score

__all__ = [
    "bleu_score",
    "bleu_scorer",
    "character_error_rate",
    "chrf_score",
    "chrf_scorer",
    "convert_scheme",
    "exact_match_score",
    "exact_match_scorer",
    "extract_spans",
    "interval_coverage_score",
    "make_step_scorer",
    "mean_absolute_scaled_error",
    "neg_character_error_rate_scorer",
    "neg_word_error_rate_scorer",
    "range_f1_score",
    "segment_f1_score",
    "sequence_accuracy_score",
    "sequence_accuracy_scorer",
    "span_classification_report",
    "span_f1_score",
    "span_f1_scorer",
    "step_accuracy_score",
    "step_accuracy_scorer",
    "step_average_precision_score",
    "step_classification_report",
    "step_f1_score",
    "step_f1_scorer",
    "step_mean_absolute_error",
    "step_neg_mean_absolute_error_scorer",
    "step_r2_score",
    "step_r2_scorer",
    "symmetric_mean_absolute_percentage_error",
    "vus_pr_score",
    "weighted_quantile_loss",
    "winkler_score",
    "word_error_rate",
]
