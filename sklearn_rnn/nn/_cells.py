"""Cells that estimators accept by name."""

from sklearn_rnn.nn._gated import GRU, LSTM, Elman

CELLS = {"lstm": LSTM, "gru": GRU, "rnn": Elman}
