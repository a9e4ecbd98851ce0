"""Origins of forecasts, and a splitter by time."""

from sklearn_rnn.model_selection._origins import RollingOriginSplit, make_origins

__all__ = ["RollingOriginSplit", "make_origins"]
