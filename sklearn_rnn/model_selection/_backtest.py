"""Forecasts from many points in time, beside what came, in one table."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn.model_selection._origins import check_positive, list_series
from sklearn_rnn.utils import check_pandas_support


def backtest(
    forecaster: Any,
    series: Any,
    *,
    n_origins: int = 5,
    step: int | None = None,
    refit: bool = False,
    coverage: float | None = None,
    ids: ArrayLike | None = None,
    times: Any = None,
) -> Any:
    """Forecast the ends of series from several origins, and compare with what came.

    Parameters
    ----------
    forecaster : RNNForecaster
        Not fitted; it is cloned.
    series : array-like of shape (n_steps,), RaggedArray, or list of array-like of \
            shape (n_steps_i,) or (n_steps_i, n_features), or of DataFrame
        One series of one variable, or several series.
    n_origins : int, default=5
        Number of origins of each series. From the last one, the last `horizon` steps
        are forecast.
    step : int, default=None
        Steps between two origins. By default `horizon`: each step is forecast once.
    refit : bool, default=False
        Whether to fit before each origin on the steps up to it. By default, one fit on
        the steps up to the first origin is used for all.
    coverage : float, default=None
        Adds the columns lower and upper, the limits of intervals with this
        probability; requires ``calibration_origins`` of the forecaster.
    ids : array-like of shape (n_series,), default=None
        Ids of the series, such as ``SequenceBuilder.ids(table)``. By default, 0, 1, ...
    times : list of array-like of shape (n_steps_i,), default=None
        Times of the steps, such as ``SequenceBuilder.times(table)``. By default, the
        index of DataFrames with dates as index, otherwise the number of the step.

    Returns
    -------
    table : DataFrame of pandas
        One row for each origin, series, step and target: unique_id, ds (time of the
        step), cutoff (time of the last known step), y, forecast. With several targets,
        the column target has their number. With the parameter `quantiles` of the
        forecaster, a column for each, such as q0.9.

    Raises
    ------
    ValueError
        If a series is too short, or a parameter is invalid.

    See Also
    --------
    make_origins : Samples for `cross_val_score` and searches.
    sklearn_rnn.inspection.ForecastDisplay : Draws the table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.model_selection import backtest
    >>> forecaster = RNNForecaster(horizon=2, max_epochs=2, random_state=0)
    >>> table = backtest(forecaster, [np.arange(40.0)], n_origins=2)
    >>> table[["unique_id", "ds", "cutoff", "y"]]
       unique_id  ds  cutoff     y
    0          0  36      35  36.0
    1          0  37      35  37.0
    2          0  38      37  38.0
    3          0  39      37  39.0
    """
    pd = check_pandas_support("backtest")

    horizon = forecaster.horizon
    step = horizon if step is None else step
    for name, value in (("n_origins", n_origins), ("step", step)):
        check_positive(name, value, "backtest")
    parts = list_series(series)
    ids = np.arange(len(parts)) if ids is None else np.asarray(ids)
    times = [_read_times(x) for x in parts] if times is None else times
    check_consistent_length(parts, ids, times)
    rows: list[Any] = []
    for k in range(n_origins):
        n_ahead = horizon + (n_origins - 1 - k) * step
        _check_lengths(parts, times, ids, n_ahead)
        pasts = [_cut(x, 0, len(x) - n_ahead) for x in parts]
        futures = [_cut(x, len(x) - n_ahead, len(x) - n_ahead + horizon) for x in parts]
        if k == 0 or refit:
            fitted = clone(forecaster).fit(pasts)
        columns = _forecast(fitted, pasts, futures, coverage)
        place = [np.asarray(t)[len(t) - n_ahead - 1 :][: horizon + 1] for t in times]
        rows.append(_make_rows(columns, ids, place))
    return pd.concat(rows, ignore_index=True)


def _forecast(
    forecaster: Any, pasts: list[Any], futures: list[Any], coverage: float | None
) -> dict[str, NDArray]:
    """Return the columns of numbers, each (n_series, horizon, n_targets)."""
    options = {} if forecaster.known_features is None else {"X_future": futures}
    targets = forecaster.target_features_
    ends = np.stack([np.asarray(future, np.float64) for future in futures])
    y = ends.reshape(*ends.shape[:2], -1)[..., targets]
    columns = {"y": y, "forecast": forecaster.predict(pasts, **options)}
    if forecaster.quantiles is not None:
        values = forecaster.predict_quantiles(pasts, **options)
        for j, level in enumerate(forecaster.quantiles):
            columns[f"q{level:g}"] = values[..., j]
    if coverage is not None:
        limits = forecaster.predict_interval(pasts, coverage, **options)
        columns |= zip(("lower", "upper"), limits, strict=True)
    return {name: values.reshape(y.shape) for name, values in columns.items()}


def _make_rows(columns: dict[str, NDArray], ids: NDArray, times: list[NDArray]) -> Any:
    """Return the rows of one origin; times begin with that of the cutoff."""
    pd = check_pandas_support("backtest")

    n_series, horizon, n_targets = columns["y"].shape
    n_rows = horizon * n_targets
    table = {
        "unique_id": np.repeat(ids, n_rows),
        "ds": np.concatenate([np.repeat(t[1:], n_targets) for t in times]),
        "cutoff": np.concatenate([np.repeat(t[:1], n_rows) for t in times]),
    }
    if n_targets > 1:
        table["target"] = np.tile(np.arange(n_targets), n_series * horizon)
    table |= {name: values.ravel() for name, values in columns.items()}
    return pd.DataFrame(table)


def _read_times(x: Any) -> NDArray:
    """Return the dates in the index of a table, otherwise the numbers of the steps."""
    index = getattr(x, "index", None)
    kind = getattr(getattr(index, "dtype", None), "kind", "")
    return np.asarray(index) if kind == "M" else np.arange(len(x))


def _cut(x: Any, start: int, stop: int) -> Any:
    return x.iloc[start:stop] if hasattr(x, "iloc") else x[start:stop]


def _check_lengths(parts: list[Any], times: Any, ids: NDArray, n_ahead: int) -> None:
    for name, x, t in zip(ids, parts, times, strict=True):
        if len(t) != len(x):
            raise ValueError(f"Series {name} has {len(x)} steps, but {len(t)} times.")
        if len(x) <= n_ahead:
            raise ValueError(
                f"Series {name} has {len(x)} steps, but {n_ahead + 1} are needed: one "
                f"to forecast from, and {n_ahead} after the first origin."
            )
