"""Data sets: readers of public formats."""

from sklearn_rnn.datasets._ts import read_ts

__all__ = ["read_ts"]
