"""Cells that estimators accept by name."""

from sklearn_rnn.nn._gated import GRU, LSTM, Elman
from sklearn_rnn.nn._reset_before import ResetBeforeGRU

CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": ResetBeforeGRU,
    "rnn": Elman,
}
