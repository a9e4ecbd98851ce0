"""Scores for answers at every step, and for spans of steps."""

from sklearn_rnn.metrics._steps import (
    step_accuracy_score,
    step_mean_absolute_error,
    step_r2_score,
)

__all__ = [
    "step_accuracy_score",
    "step_mean_absolute_error",
    "step_r2_score",
]
