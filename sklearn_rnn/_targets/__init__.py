"""Kinds of target: validation, encoding for the loss, decoding of predictions."""

from sklearn_rnn._targets._base import Targets
from sklearn_rnn._targets._classes import ClassTargets
from sklearn_rnn._targets._labels import LabelTargets, make_label_targets
from sklearn_rnn._targets._numbers import NumberTargets, score_quantiles
from sklearn_rnn._targets._step_classes import StepClassTargets
from sklearn_rnn._targets._step_labels import StepLabelTargets
from sklearn_rnn._targets._step_numbers import StepNumberTargets
from sklearn_rnn._targets._texts import Texts, TextTargets, split_texts
from sklearn_rnn._targets._validation import CLASSES, check_classes, check_labels

__all__ = [
    "CLASSES",
    "ClassTargets",
    "LabelTargets",
    "NumberTargets",
    "StepClassTargets",
    "StepLabelTargets",
    "StepNumberTargets",
    "Targets",
    "TextTargets",
    "Texts",
    "check_classes",
    "check_labels",
    "make_label_targets",
    "score_quantiles",
    "split_texts",
]
