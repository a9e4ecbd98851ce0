"""Series, their columns and windows, and the parts of a forecast without a network."""

from sklearn_rnn._forecasting._calibration import Calibration, calibrate
from sklearn_rnn._forecasting._columns import (
    Columns,
    check_future,
    check_known_future,
    choose_columns,
)
from sklearn_rnn._forecasting._encoding import FARTHEST, FLAT, WindowEncoder
from sklearn_rnn._forecasting._linear import LinearForecast, fit_linear
from sklearn_rnn._forecasting._proof import (
    N_BLOCKS,
    choose_share,
    find_quantiles,
    is_surely_useful,
)
from sklearn_rnn._forecasting._series import (
    check_lengths,
    check_series,
    choose_context,
    choose_segment_length,
    seasonal_naive,
)
from sklearn_rnn._forecasting._windows import FEW_WINDOWS, Shape, Windows

__all__ = [
    "FARTHEST",
    "FEW_WINDOWS",
    "FLAT",
    "N_BLOCKS",
    "Calibration",
    "Columns",
    "LinearForecast",
    "Shape",
    "WindowEncoder",
    "Windows",
    "calibrate",
    "check_future",
    "check_known_future",
    "check_lengths",
    "check_series",
    "choose_columns",
    "choose_context",
    "choose_segment_length",
    "choose_share",
    "find_quantiles",
    "fit_linear",
    "is_surely_useful",
    "seasonal_naive",
]
