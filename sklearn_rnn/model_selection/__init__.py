"""Origins of forecasts, a splitter by time, and a search over parameters."""

from sklearn_rnn.model_selection._origins import RollingOriginSplit, make_origins
from sklearn_rnn.model_selection._search import suggest_search

__all__ = ["RollingOriginSplit", "make_origins", "suggest_search"]
