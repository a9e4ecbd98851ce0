"""ForecastDisplay: forecasts of series, their past and what was observed."""

from numbers import Integral

import numpy as np

from sklearn_rnn.inspection._plot._sequences import check_sample
from sklearn_rnn.inspection._plot._style import PALETTE, make_axes
from sklearn_rnn.utils import check_pandas_support

_FORECAST = PALETTE[1]
_TRUTH = PALETTE[0]
_PAST = "0.55"
_OPACITY = 0.2  # of a band; they lie on each other
_SIZE = 8, 2.2  # inches, of the axes of a series


class ForecastDisplay:
    """Forecasts of one or several series, with bands, history and truth.

    Each series has axes of its own, and each target of a series. Forecasts from several
    origins are lines of their own, with a dotted line at each origin.

    It is recommended to use :meth:`from_estimator` or :meth:`from_backtest`.

    Parameters
    ----------
    table : DataFrame of pandas
        As :func:`~sklearn_rnn.model_selection.backtest` returns it: columns unique_id,
        ds, cutoff and forecast; if they are known y, lower and upper, target, and
        quantiles such as q0.1 and q0.9.
    history : DataFrame of pandas, default=None
        Steps before: unique_id, ds, y, and target as in `table`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Axes of each series and target.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    sklearn_rnn.model_selection.backtest : Forecasts from several origins.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.inspection import ForecastDisplay
    >>> X = np.sin(np.arange(120) / 4)
    >>> forecaster = RNNForecaster(horizon=12, max_epochs=2, random_state=0).fit(X)
    >>> display = ForecastDisplay.from_estimator(forecaster, X)
    >>> len(display.axes_)
    1
    """

    def __init__(self, table, *, history=None):
        self.table = table
        self.history = history

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        X_future=None,
        samples=0,
        coverage=None,
        n_history=None,
        names=None,
        ax=None,
    ):
        """Forecast some series and plot them.

        Parameters
        ----------
        estimator : RNNForecaster
            Fitted.
        X : like X in `fit`
            The series, up to now.
        y : array-like of shape (n_samples, horizon) or (n_samples, horizon, \
                n_targets), default=None
            What came.
        X_future : like X_future in `predict`, default=None
            The columns that are known ahead.
        samples : int or list of int, default=0
            Indices of the series in X.
        coverage : float, default=None
            Probability of an interval to draw. By default 0.9 if the forecaster was
            calibrated, otherwise none. Its `quantiles` are drawn in any case.
        n_history : int, default=None
            Number of steps before to draw. By default, three horizons.
        names : list of str, default=None
            Names of all series. By default, their indices.
        ax : matplotlib Axes or array of Axes, default=None
            Axes to draw on, one for each series and target. By default, a new figure
            is created.

        Returns
        -------
        display : ForecastDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib or pandas is not installed.
        TypeError
            If the estimator does not forecast.
        ValueError
            If X, y or an index is invalid.
        """
        if not hasattr(estimator, "predict_quantiles"):
            raise TypeError(
                f"{cls.__name__} draws the forecasts of an RNNForecaster. Got "
                f"{type(estimator).__name__} instead."
            )
        one_series = np.ndim(X) == 1 and np.ndim(X[0]) == 0
        series = [X] if one_series else X
        if coverage is None and estimator.calibration_origins > 0:
            coverage = 0.9
        columns = _forecast(estimator, X, X_future, coverage)
        if y is not None:
            columns["y"] = np.asarray(y, dtype=float)
        tables = []
        for i in np.atleast_1d(samples).tolist():
            check_sample(i, len(series))
            steps = np.asarray(series[i], dtype=float)
            steps = steps.reshape(len(steps), -1)[:, estimator.target_features_]
            name = i if names is None else names[i]
            n_shown = n_history or 3 * estimator.horizon
            own = {key: values[i] for key, values in columns.items()}
            tables.append(_make_tables(name, steps, own, n_shown))
        table, history = map(_stack, zip(*tables, strict=True))
        return cls(table, history=history).plot(ax=ax)

    @classmethod
    def from_backtest(cls, table, *, ids=None, history=None, ax=None):
        """Plot the table of a backtest.

        Parameters
        ----------
        table : DataFrame of pandas
            As :func:`~sklearn_rnn.model_selection.backtest` returns it.
        ids : list, default=None
            Which series to draw. By default, the first four.
        history : DataFrame of pandas, default=None
            Steps before: unique_id, ds, y.
        ax : matplotlib Axes or array of Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : ForecastDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `history` is no table.
        ValueError
            If an id is not in the table.
        """
        if history is not None and not hasattr(history, "columns"):
            raise TypeError(
                "The 'history' parameter must be a DataFrame with the columns "
                f"unique_id, ds and y. Got {type(history).__name__} instead."
            )
        known = table["unique_id"].unique()
        ids = list(known[:4] if ids is None else ids)
        missing = [i for i in ids if i not in known]
        if missing:
            raise ValueError(
                f"The table has no series {missing[0]!r}. Its first ids are "
                f"{known[:5].tolist()}."
            )
        parts = [table[table["unique_id"] == i] for i in ids]
        return cls(_stack(parts), history=history).plot(ax=ax)

    def plot(self, ax=None):
        """Plot forecasts, bands, history and truth.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            Axes to draw on, one for each series and target. By default, a new figure
            is created.

        Returns
        -------
        display : ForecastDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` has not one axes for each series and target.
        """
        keys = ["unique_id", "target"] if "target" in self.table else ["unique_id"]
        groups = list(self.table.groupby(keys, sort=False))
        self.figure_, self.axes_ = _make_axes(ax, len(groups))
        for (key, rows), axes in zip(groups, self.axes_, strict=True):
            past = _select(self.history, keys, key)
            _draw_series(axes, rows, past)
            axes.set_ylabel(_name_series(*key))
        self.axes_[-1].set_xlabel("time" if _has_dates(self.table) else "step")
        _draw_legend(self.figure_, self.axes_[0], is_new=ax is None)
        return self


def _forecast(estimator, X, X_future, coverage):
    """Return the columns of forecasts, each (n_samples, horizon) or one axis more."""
    options = {} if X_future is None else {"X_future": X_future}
    columns = {"forecast": estimator.predict(X, **options)}
    if coverage is not None:
        limits = estimator.predict_interval(X, coverage, **options)
        columns |= zip(("lower", "upper"), limits, strict=True)
    if estimator.quantiles is not None:
        values = estimator.predict_quantiles(X, **options)
        for j, level in enumerate(estimator.quantiles):
            columns[f"q{level:g}"] = values[..., j]
    return columns


def _make_tables(name, steps, columns, n_history):
    """Return the rows of one series: those of its forecast and of its history."""
    pd = check_pandas_support("ForecastDisplay")

    (n_steps, n_targets), horizon = steps.shape, len(columns["forecast"])

    def make(times, values):
        table = {"unique_id": name, "ds": np.repeat(times, n_targets)}
        if n_targets > 1:
            table["target"] = np.tile(np.arange(n_targets), len(times))
        return pd.DataFrame(table | {k: np.ravel(v) for k, v in values.items()})

    ahead = make(np.arange(n_steps, n_steps + horizon), columns)
    ahead["cutoff"] = n_steps - 1
    times = np.arange(max(n_steps - n_history, 0), n_steps)
    return ahead, make(times, {"y": steps[times]})


def _stack(parts):
    pd = check_pandas_support("ForecastDisplay")

    return pd.concat(parts, ignore_index=True)


def _make_axes(ax, n_axes):
    """Return the figure and an array of axes, below each other if they are new."""
    if ax is not None:
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != n_axes:
            raise ValueError(
                f"ax must be {n_axes} axes, one for each series and target. Got "
                f"{len(axes)} instead."
            )
        return axes[0].figure, axes
    figure, first = make_axes(None)
    first.remove()
    figure.set_layout_engine("constrained")
    figure.set_size_inches(_SIZE[0], 0.6 + _SIZE[1] * n_axes)
    return figure, figure.subplots(n_axes, 1, squeeze=False)[:, 0]


def _select(history, keys, key):
    """Return the history of one series and target; None without one."""
    if history is None:
        return None
    for name, value in zip(keys, key, strict=True):
        if name in history:
            history = history[history[name] == value]
    return history


def _name_series(name, target=None):
    """Return the name of a series, or its number as such, and of its target."""
    text = f"series {name}" if isinstance(name, Integral) else str(name)
    return text if target is None else f"{text}, target {target}"


def _draw_series(ax, rows, past):
    """Draw one series: its past, what was observed, and each origin's forecast."""
    if past is not None and len(past) > 0:
        ax.plot(past["ds"], past["y"], color=_PAST, lw=1, label="past")
    if "y" in rows:
        known = rows.drop_duplicates("ds").sort_values("ds")
        ax.plot(known["ds"], known["y"], color=_TRUTH, lw=1, label="observed")
    for k, (cutoff, own) in enumerate(rows.groupby("cutoff")):
        shown = {} if k == 0 else {"label": "_"}
        for low, high, label in _list_bands(own):
            ax.fill_between(
                own["ds"],
                own[low].astype(float),
                own[high].astype(float),
                color=_FORECAST,
                alpha=_OPACITY,
                lw=0,
                **({"label": label} | shown),
            )
        ax.plot(
            own["ds"],
            own["forecast"],
            color=_FORECAST,
            lw=1.5,
            **({"label": "forecast"} | shown),
        )
        ax.axvline(
            cutoff, color="0.5", lw=0.8, linestyle=":", **({"label": "origin"} | shown)
        )


def _draw_legend(figure, ax, is_new):
    """Explain lines and bands: above all axes in a new figure, which hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if is_new:
        options = {"loc": "outside upper center", "ncols": min(len(labels), 4)}
        legend = figure.legend(
            handles, labels, fontsize="small", frameon=False, **options
        )
    else:
        legend = ax.legend(handles, labels, fontsize="small")
    bands = [h for h in legend.legend_handles if hasattr(h, "get_facecolor")]
    for k, band in enumerate(bands):  # a narrow band lies on the wider ones
        band.set_alpha(1 - (1 - _OPACITY) ** (k + 1))


def _list_bands(rows):
    """Return the columns of each band with its label, the widest first."""
    bands = []
    if "lower" in rows and "upper" in rows:
        bands.append(("lower", "upper", "interval"))
    levels = [c for c in rows.columns if c[0] == "q" and _is_number(c[1:])]
    levels = sorted(float(level[1:]) for level in levels)
    for low, high in zip(levels, levels[::-1], strict=True):
        if low < high:
            label = f"quantiles {low:g} to {high:g}"
            bands.append((f"q{low:g}", f"q{high:g}", label))
    return bands


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_dates(table):
    return table["ds"].dtype.kind == "M"
