"""Save a fitted estimator or pipeline to a file that runs nothing, and load it."""

from sklearn_rnn._persistence._save_load import load, save

__all__ = ["load", "save"]
