"""SequenceBuilder: a long table, a row a step, to sequences and back."""

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
    sort_rows,
    to_floats,
    to_times,
)
from sklearn_rnn.utils import fit_context


def to_seconds(times, first_rows):
    """Return durations in seconds, dates as seconds since the first of the sequence."""
    if times.dtype.kind == "M":
        times = times - times[first_rows]
    return times / np.timedelta64(1, "s")


class SequenceBuilder(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Turn a long table, with a row for each step, into sequences.

    For tables of events or measurements of pandas, polars or pyarrow (read by
    narwhals, ``pip install 'sklearn-rnn[dataframe]'``). Rows are sorted by `id`, then
    by `time`; all rows of an id make a sequence.

    Many rows become one sample, and in cross-validation a step of a pipeline cannot
    change the number of samples: build sequences, and with `targets` their labels,
    first, then split, search and fit. What is learned here are names of columns alone,
    so nothing of a test part leaks.

    Parameters
    ----------
    id : str
        Column with the sequence id of each row.
    time : str or None, default=None
        The column to sort each sequence by: numbers, dates or durations. Times in time
        zones, also in several, are compared as points in time. None: rows keep their
        order.
    features : list of str or None, default=None
        The columns that become features, in this order: numbers or booleans, also with
        missing values, which become NaN. If the `time` column is among them and holds
        dates, it becomes the seconds since the first step of its sequence; durations
        become seconds. None: all columns of numbers or booleans but `id` and `time`;
        text, categories and dates are left out.

    Attributes
    ----------
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn_rnn.RaggedArray : What comes out.

    Notes
    -----
    Sequences are in the order of their ids, as in ``groupby(id)`` of pandas, whatever
    the order of rows. :meth:`ids` returns the ids, :meth:`targets` one value for each,
    both in the order of `transform` of the same table. The rows of
    ``table.sort_values([id, time])`` are those of ``transform(table).values``.

    Two rows with the same id and time are an error: which of them is first would be
    chance, and often they come from a wrong join.

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
    """

    _parameter_constraints: dict = {
        "id": [str],
        "time": [str, None],
        "features": ["array-like", None],
    }

    def __init__(self, id, *, time=None, features=None):
        self.id = id
        self.time = time
        self.features = features

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Choose the features.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            A row for each step.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError
            If X is not a table, or a column is missing or not numeric.
        """
        table = read_table(X)
        names = self._choose_features(table)
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self._backend = str(table.implementation)
        return self

    def transform(self, X):
        """Turn a table into sequences.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            A row for each step, with the columns of `fit`; others are ignored.

        Returns
        -------
        sequences : RaggedArray
            The features, float64, or float32 if all of the columns are; in the order
            of the ids.

        Raises
        ------
        ValueError, TypeError
            If a column is missing or not numeric, a row has no id or time, or two rows
            have the same.
        """
        check_is_fitted(self)
        table = read_table(X)
        ids, codes = self._number_ids(table)
        times = None if self.time is None else to_times(table, self.time)
        order = sort_rows(codes, times)
        if times is not None:
            check_distinct(times, ids, codes, order, self.time)
        offsets = lengths_to_offsets(np.bincount(codes))
        columns = [
            to_seconds(times, order[offsets[:-1]][codes])
            if name == self.time and times.dtype.kind in "mM"
            else to_floats(get_column(table, name))
            for name in self.feature_names_in_
        ]
        values = np.empty((len(codes), len(columns)), dtype=np.result_type(*columns))
        for j, column in enumerate(columns):
            values[:, j] = column[order]
        return RaggedArray(values, offsets)

    def ids(self, X):
        """Return the ids of the sequences of a table.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            A row for each step.

        Returns
        -------
        ids : ndarray of shape (n_samples,)
            In the order of ``transform(X)``.

        Raises
        ------
        ValueError, TypeError
            If there is no column of ids, or one is missing.
        """
        return self._number_ids(read_table(X))[0]

    def targets(self, X, column):
        """Return the value of each sequence in a column where it is constant.

        For targets, and also for the groups of a splitter or sample weights.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or Table of pyarrow
            A row for each step.
        column : str
            The column. It must not be one of the features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In the order of ``transform(X)``.

        Raises
        ------
        ValueError, TypeError
            If the column is a feature, has a missing value, or more than one value in
            a sequence.
        """
        check_is_fitted(self)
        if column in self.feature_names_in_:
            raise ValueError(
                f"Column {column!r} is one of the features, so a model would see its "
                "target. Name the 'features' of SequenceBuilder without it."
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
        """Turn sequences back into a long table.

        Parameters
        ----------
        X : RaggedArray, 3-D array or list of array-like of shape (n_steps_i, \
                n_features)
            Sequences with the features of `fit`.
        ids : array-like of shape (n_samples,), default=None
            The id of each. By default, numbers from 0 on.

        Returns
        -------
        table : DataFrame or Table
            Of the library that `fit` saw, a row for each step: id, time, features.
            Times that are not among the features are the numbers of the steps.

        Raises
        ------
        ValueError
            If the features are not those of `fit`, or ids are not one for each
            sequence.
        """
        check_is_fitted(self)
        X = X if isinstance(X, RaggedArray) else RaggedArray.from_sequences(X)
        if X.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {X.n_features} features, but SequenceBuilder is expecting "
                f"{self.n_features_in_} features as input."
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
        columns |= zip(self.feature_names_in_, X.values.T, strict=True)
        if ids.dtype == object:  # polars makes objects of them otherwise
            columns[self.id] = columns[self.id].tolist()
        table = import_narwhals().from_dict(columns, backend=self._backend)
        return table.to_native()

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str of shape (n_features,)
            The names of their columns.
        """
        check_is_fitted(self)
        return self.feature_names_in_

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
                f"No column of numbers is left for the features={self.features!r} of "
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
            table, self.id, "Every row must say which sequence it belongs to."
        )
        return number_ids(values, self.id)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        return tags
