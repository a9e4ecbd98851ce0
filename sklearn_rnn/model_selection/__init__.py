"""Origins of forecasts, a splitter by time, backtests, and a search over parameters."""

from sklearn_rnn.model_selection._backtest import backtest
from sklearn_rnn.model_selection._origins import RollingOriginSplit, make_origins
from sklearn_rnn.model_selection._search import suggest_search

__all__ = ["RollingOriginSplit", "backtest", "make_origins", "suggest_search"]
