"""SequenceBuilder: convert a long table, one row per step, to sequences and back."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn._sequences import (
    RaggedArray,
    check_distinct,
    check_numeric,
    first_of_each,
    get_column,
    get_present,
    import_narwhals,
    is_numeric,
    lengths_to_offsets,
    number_ids,
    read_table,
    show,
    sort_rows,
    to_floats,
    to_times,
)
from sklearn_rnn.preprocessing._calendar import (
    CALENDAR,
    Clock,
    compute_columns,
    name_columns,
)
from sklearn_rnn.utils import COUNT, FEATURE_NAMES, Kind, fit_context


def to_seconds(times, first_rows):
    """Return durations in seconds, dates in seconds since the first of the sequence."""
    if times.dtype.kind == "M":
        times = times - times[first_rows]
    return times / np.timedelta64(1, "s")


class SequenceBuilder(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Convert a long table, with one row per step, to sequences.

    For tables of events or measurements in pandas, polars or pyarrow (read by narwhals,
    ``pip install 'sklearn-rnn[dataframe]'``). Rows are sorted by `id`, then by `time`.
    All rows with the same id form a sequence.

    Many rows become one sample, and a step of a pipeline cannot change the number of
    samples in cross-validation. Therefore build the sequences first, and their labels
    with `targets`; then split, search and fit. Only column names are learned, so
    nothing leaks from a test set.

    Parameters
    ----------
    id : str
        Column with the sequence id of each row.
    time : str or None, default=None
        Column to sort each sequence by: numbers, dates or durations. Times with time
        zones, even different ones, are compared as points in time. None keeps the order
        of the rows.
    features : list of str or None, default=None
        Columns that become features, in this order: numbers or booleans. Missing values
        become NaN. If the `time` column is included, dates are converted to seconds
        since the first step of the sequence and durations to seconds. None selects all
        columns of numbers or booleans except `id` and `time`; text, categories and
        dates are left out.
    calendar : list of str or None, default=None
        Columns of the calendar that follow the features, computed from the dates in
        `time`: "minute", "hour", "dayofweek", "day", "dayofyear" and "month" become a
        sine and a cosine each, "weekend" is 0 or 1. Dates with a time zone count in
        UTC. :meth:`calendar_ahead` returns those of the steps that come next.
    regular : bool, default=False
        Whether the steps of all sequences must be equally far apart in `time`, as for
        forecasts. Months count as equally long. A gap raises an error.

    Attributes
    ----------
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn_rnn.RaggedArray : Container of the result.

    Notes
    -----
    Sequences are sorted by id, as in ``groupby(id)`` of pandas, regardless of the order
    of the rows. :meth:`ids` returns the ids and :meth:`targets` one value per id, both
    in the order of `transform` of the same table. The rows of
    ``table.sort_values([id, time])`` are those of ``transform(table).values``.

    Two rows with the same id and time raise an error: their order would be arbitrary,
    and they often result from a wrong join.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn.preprocessing import SequenceBuilder
    >>> table = pd.DataFrame({
    ...     "patient": ["b", "a", "a", "b", "b"],
    ...     "hour": [2, 1, 0, 0, 1],
    ...     "pulse": [64, 71, 70, 62, 63],
    ...     "outcome": ["well", "ill", "ill", "well", "well"],
    ... })
    >>> builder = SequenceBuilder("patient", time="hour")
    >>> X = builder.fit_transform(table)
    >>> [x.ravel().tolist() for x in X]
    [[70.0, 71.0], [62.0, 63.0, 64.0]]
    >>> builder.ids(table).tolist(), builder.targets(table, "outcome").tolist()
    (['a', 'b'], ['ill', 'well'])

    Series of days, with the day of the week, and the same for the next two days:

    >>> table = pd.DataFrame({
    ...     "unique_id": "shop",
    ...     "ds": pd.date_range("2024-01-01", periods=5),
    ...     "y": [3, 5, 4, 6, 9],
    ... })
    >>> builder = SequenceBuilder("unique_id", time="ds", calendar=["dayofweek"])
    >>> builder.fit_transform(table)
    RaggedArray(n_samples=1, n_features=3, n_steps=5..5, dtype=float64)
    >>> builder.get_feature_names_out().tolist()
    ['y', 'dayofweek_sin', 'dayofweek_cos']
    >>> builder.calendar_ahead(table, n_steps=2)[0].round(2)
    array([[-0.97, -0.22],
           [-0.78,  0.62]])
    """

    _parameter_constraints: dict = {
        "id": [str],
        "time": [str, None],
        "features": ["array-like", None],
        "calendar": ["array-like", None],
        "regular": ["boolean"],
    }

    _learned = {
        "n_features_in_": COUNT,
        "feature_names_in_": FEATURE_NAMES,
        "_backend": Kind(
            "'pandas', 'polars' or 'pyarrow'",
            lambda v, s: v in ("pandas", "polars", "pyarrow"),
        ),
    }

    def __init__(self, id, *, time=None, features=None, calendar=None, regular=False):
        self.id = id
        self.time = time
        self.features = features
        self.calendar = calendar
        self.regular = regular

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Select the feature columns.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step.
        y : None
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If X is not a table, or a column is missing or not numeric.
        """
        self._check_calendar()
        table = read_table(X)
        names = self._choose_features(table)
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self._backend = str(table.implementation)
        return self

    def transform(self, X):
        """Convert a table to sequences.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step and the columns of `fit`. Other columns are
            ignored.

        Returns
        -------
        sequences : RaggedArray
            The features with their names, as float64, or float32 if all columns are.
            Sequences are sorted by id.

        Raises
        ------
        ValueError, TypeError
            If a column is missing or not numeric, a row has no id or time, or two rows
            have the same.
        """
        check_is_fitted(self)
        table = read_table(X)
        order, offsets, codes, times = self._sort(table)
        columns = [
            to_seconds(times, order[offsets[:-1]][codes])
            if name == self.time and times.dtype.kind in "mM"
            else to_floats(get_column(table, name))
            for name in self.feature_names_in_
        ]
        if self.calendar is not None:
            columns += list(compute_columns(times, list(self.calendar)).T)
        values = np.empty((len(codes), len(columns)), dtype=np.result_type(*columns))
        for j, column in enumerate(columns):
            values[:, j] = column[order]
        return RaggedArray(values, offsets, feature_names=self.get_feature_names_out())

    def times(self, X):
        """Return the times of the steps of each sequence.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step.

        Returns
        -------
        times : list of ndarray of shape (n_steps_i,)
            In the order of ``transform(X)``.

        Raises
        ------
        ValueError, TypeError
            If there is no time column, or a time is missing.
        """
        check_is_fitted(self)
        self._require_time("times")
        order, offsets, _, times = self._sort(read_table(X))
        return np.split(times[order], offsets[1:-1])

    def calendar_ahead(self, X, n_steps):
        """Return the columns of the calendar at the steps that come next.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step, up to now.
        n_steps : int
            Number of steps, such as the `horizon` of a forecaster.

        Returns
        -------
        calendar : ndarray of shape (n_samples, n_steps, n_columns)
            `X_future` of a forecaster whose `known_features` are these columns.

        Raises
        ------
        ValueError, TypeError
            If `calendar` is None, or the steps are not equally far apart.
        """
        check_is_fitted(self)
        if self.calendar is None:
            raise ValueError(
                "calendar_ahead needs the 'calendar' parameter of SequenceBuilder."
            )
        if not isinstance(n_steps, Integral) or n_steps < 1:
            raise ValueError(f"n_steps must be an int, at least 1. Got {n_steps!r}.")
        order, offsets, clock, times = self._sort_regular(read_table(X))
        last = times[order[offsets[1:] - 1]]
        ahead = clock.continue_times(last, int(n_steps))
        columns = compute_columns(ahead.ravel(), list(self.calendar))
        return columns.reshape(*ahead.shape, -1)

    def ids(self, X):
        """Return the ids of the sequences of a table.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step.

        Returns
        -------
        ids : ndarray of shape (n_samples,)
            In the order of ``transform(X)``.

        Raises
        ------
        ValueError, TypeError
            If there is no id column, or an id is missing.
        """
        return self._number_ids(read_table(X))[0]

    def targets(self, X, column):
        """Return the value of each sequence in a column that is constant within it.

        Useful for targets, for the groups of a splitter and for sample weights.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            Table with one row per step.
        column : str
            Name of the column. It must not be one of the features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In the order of ``transform(X)``.

        Raises
        ------
        ValueError, TypeError
            If the column is a feature, has a missing value, or has several values in
            one sequence.
        """
        check_is_fitted(self)
        if column in self.feature_names_in_:
            raise ValueError(
                f"Column {column!r} is one of the features, so the target would leak "
                "into X. Exclude it from the 'features' parameter of SequenceBuilder."
            )
        table = read_table(X)
        values = get_present(
            table, column, "Fill it, or drop the sequences without a target."
        )
        if values.dtype == object and is_numeric(table[column]):
            values = to_floats(table[column])
        ids, codes = self._number_ids(table)
        offsets = lengths_to_offsets(np.bincount(codes))
        return first_of_each(values, ids, codes, offsets, column)

    def to_frame(self, X, ids=None):
        """Convert sequences back to a long table.

        Parameters
        ----------
        X : RaggedArray, 3-D array or list of array-like of shape (n_steps_i, \
                n_features)
            Sequences with the features of `fit`.
        ids : array-like of shape (n_samples,), default=None
            Id of each sequence. By default, 0, 1, 2, ...

        Returns
        -------
        table : DataFrame or Table
            Table of the library used in `fit`, with one row per step: id, time,
            features. If the time is not one of the features, it is the step index.

        Raises
        ------
        ValueError
            If the features differ from those of `fit`, or `ids` does not have one
            distinct id per sequence.
        """
        check_is_fitted(self)
        X = X if isinstance(X, RaggedArray) else RaggedArray.from_sequences(X)
        if X.n_features != len(self.get_feature_names_out()):
            raise ValueError(
                f"X has {X.n_features} features, but SequenceBuilder is expecting "
                f"{len(self.get_feature_names_out())} features as input."
            )
        ids = np.arange(len(X)) if ids is None else np.asarray(ids)
        check_consistent_length(X, ids)
        if len(set(ids.tolist())) < len(ids):
            raise ValueError("ids must be distinct, one for each sequence of X.")
        columns = {self.id: np.repeat(ids, X.lengths)}
        if self.time is not None:
            columns[self.time] = np.arange(len(X.values)) - np.repeat(
                X.offsets[:-1], X.lengths
            )
        columns |= zip(self.get_feature_names_out(), X.values.T, strict=True)
        if ids.dtype == object:  # otherwise polars creates an object column
            columns[self.id] = columns[self.id].tolist()
        table = import_narwhals().from_dict(columns, backend=self._backend)
        return table.to_native()

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            Names of the feature columns, then those of the calendar.
        """
        check_is_fitted(self)
        if self.calendar is None:
            return self.feature_names_in_
        names = [*self.feature_names_in_, *name_columns(list(self.calendar))]
        return np.array(names, dtype=object)

    def _check_calendar(self):
        if self.regular:
            self._require_time("regular=True")
        if self.calendar is None:
            return
        self._require_time("calendar")
        calendar = list(self.calendar)
        wrong = [part for part in calendar if part not in CALENDAR]
        if wrong or not calendar or len(set(calendar)) < len(calendar):
            raise ValueError(
                "The 'calendar' parameter of SequenceBuilder must be None or different "
                f"names among {list(CALENDAR)}. Got {self.calendar!r} instead."
            )

    def _require_time(self, what):
        if self.time is None:
            raise ValueError(
                f"{what} of SequenceBuilder needs a time column: set time=."
            )

    def _sort(self, table):
        """Return order and offsets of the rows, their sequence numbers and times."""
        ids, codes = self._number_ids(table)
        times = None if self.time is None else to_times(table, self.time)
        order = sort_rows(codes, times)
        if times is not None:
            check_distinct(times, ids, codes, order, self.time)
        offsets = lengths_to_offsets(np.bincount(codes))
        if self.regular:
            self._measure_steps(ids, times[order], offsets)
        if self.calendar is not None and times.dtype.kind != "M":
            raise ValueError(
                f"Column {self.time!r} must hold dates, from which calendar="
                f"{self.calendar!r} is computed. Got type {times.dtype} instead."
            )
        return order, offsets, codes, times

    def _sort_regular(self, table):
        """Return order and offsets of the rows, the distance of steps, and times."""
        order, offsets, _, times = self._sort(table)
        ids, _ = self._number_ids(table)
        return order, offsets, self._measure_steps(ids, times[order], offsets), times

    def _measure_steps(self, ids, times, offsets):
        """Return the distance of steps, or refuse a gap between them."""
        clock = Clock(times, offsets)
        if clock.gap is not None:
            i, step = clock.gap
            before, after = times[offsets[i] + step : offsets[i] + step + 2]
            raise ValueError(
                f"Sequence {show(ids[i])} has irregular times in column {self.time!r}: "
                f"{show(after)} follows {show(before)}, but most steps are "
                f"{show(clock.step)} apart. Fill in the missing rows first, for "
                "instance with pandas.DataFrame.resample."
            )
        return clock

    def _choose_features(self, table):
        keys = [self.id] if self.time is None else [self.id, self.time]
        for name in keys:
            get_column(table, name)
        if self.features is not None:
            names = list(self.features)
            self._check_features(names, table)
        else:
            others = [name for name in table.columns if name not in keys]
            names = [name for name in others if is_numeric(table[name])]
        if not names:
            types = {name: str(dtype) for name, dtype in table.schema.items()}
            raise ValueError(
                f"No numeric column is left for features={self.features!r} of "
                f"SequenceBuilder. X has the columns {types}."
            )
        return names

    def _check_features(self, names, table):
        for name in names:
            if name == self.id or names.count(name) > 1:
                raise ValueError(
                    "The 'features' parameter of SequenceBuilder must be distinct "
                    f"columns other than id={self.id!r}. Got {names} instead."
                )
            column = get_column(table, name)
            if name != self.time:
                check_numeric(column)

    def _number_ids(self, table):
        values = get_present(
            table, self.id, "Every row must have the id of its sequence."
        )
        return number_ids(values, self.id)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        return tags
