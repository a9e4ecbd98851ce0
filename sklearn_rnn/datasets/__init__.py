"""Data sets: made by a formula, or read from public formats."""

from sklearn_rnn.datasets._synthetic import (
    make_adding_problem,
    make_delayed_copy,
    make_parity,
    make_regime_switch,
    make_sine_mixtures,
)
from sklearn_rnn.datasets._ts import read_ts

__all__ = [
    "make_adding_problem",
    "make_delayed_copy",
    "make_parity",
    "make_regime_switch",
    "make_sine_mixtures",
    "read_ts",
]
