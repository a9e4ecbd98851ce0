"""Training loop. Only this package imports skorch."""

from sklearn_rnn._training._blocks import BlockDataset
from sklearn_rnn._training._callbacks import Monitor, check_callbacks
from sklearn_rnn._training._checkpoint import TrainingFile, compute_fingerprint
from sklearn_rnn._training._lazy import LazyDataset
from sklearn_rnn._training._loader import (
    PathDataset,
    SequenceDataset,
    StepDataset,
    TextDataset,
    find_unit,
    make_inputs,
)
from sklearn_rnn._training._net import Checkpoint, Plan, SequenceNet
from sklearn_rnn._training._optimizers import Adam, AdamW
from sklearn_rnn._training._pairs import PairDataset, make_pair_inputs
from sklearn_rnn._training._state import (
    HISTORY,
    history_to_state,
    optimizer_to_state,
)
from sklearn_rnn._training._token_dropout import TokenDropout
from sklearn_rnn._training._windows import WindowDataset

__all__ = [
    "HISTORY",
    "Adam",
    "AdamW",
    "BlockDataset",
    "Checkpoint",
    "LazyDataset",
    "Monitor",
    "PairDataset",
    "PathDataset",
    "Plan",
    "SequenceDataset",
    "SequenceNet",
    "StepDataset",
    "TextDataset",
    "WindowDataset",
    "TrainingFile",
    "TokenDropout",
    "check_callbacks",
    "compute_fingerprint",
    "find_unit",
    "history_to_state",
    "make_inputs",
    "make_pair_inputs",
    "optimizer_to_state",
]
