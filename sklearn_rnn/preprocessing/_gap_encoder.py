"""GapEncoder: encode missing values and irregular times as features."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import (
    RaggedArray,
    first_place,
    list_categorical_columns,
)
from sklearn_rnn.preprocessing._base import (
    LAYOUT,
    ONE_A_FEATURE,
    BaseSequenceTransformer,
    like_input,
)
from sklearn_rnn.utils import Kind, StrOptions, fit_context


def last_seen(seen, offsets):
    """Return the row of the latest observed value at or before each step.

    Parameters
    ----------
    seen : ndarray of bool of shape (n_total_steps, n_features)
        Mask of the values that are not missing.
    offsets : ndarray of shape (n_samples + 1,)
        Start of each sequence, and end of the last.

    Returns
    -------
    rows : ndarray of shape (n_total_steps, n_features)
        Row indices; -1 if the sequence has no observed value so far.
    """
    rows = np.where(seen, np.arange(len(seen))[:, np.newaxis], -1)
    rows = np.maximum.accumulate(rows, axis=0)
    return np.where(rows >= _starts(offsets), rows, -1)  # not of the previous sequence


def next_seen(seen, offsets):
    """Return the row of the first observed value at or after each step; -1 if none."""
    n_steps = len(seen)
    ends = n_steps - offsets[::-1]  # offsets of the reversed steps
    rows = last_seen(seen[::-1], ends)[::-1]
    return np.where(rows >= 0, n_steps - 1 - rows, -1)


def fill_last(values, offsets, default):
    """Carry the last observed value forward; before the first, use `default`."""
    rows = last_seen(~np.isnan(values), offsets)
    return np.where(rows >= 0, _take(values, rows), default)


def fill_linear(values, offsets, default, times):
    """Interpolate linearly between observed values; extrapolate by the nearest."""
    seen = ~np.isnan(values)
    before, after = last_seen(seen, offsets), next_seen(seen, offsets)
    any_seen = (before >= 0) | (after >= 0)
    before, after = (
        np.where(before < 0, after, before),
        np.where(after < 0, before, after),
    )
    width = times[after] - times[before]
    # at seen values, before the first, after the last, and between equal times: 0
    share = (times[:, np.newaxis] - times[before]) / np.where(width > 0, width, np.inf)
    start, end = _take(values, before), _take(values, after)
    # without end - start, which may overflow
    line = start * (1 - share) + end * share
    return np.where(any_seen, line, default)


def time_since_seen(seen, offsets, times):
    """Return the time since each feature was last observed before the current step.

    If there is no such observation, the time since the first step: delta in Che et al.
    2018, equation 2.
    """
    starts = _starts(offsets)
    before = np.full(seen.shape, -1)
    before[1:] = last_seen(seen, offsets)[:-1]
    since = np.maximum(before, starts)  # not of the previous sequence, nor -1
    return times[:, np.newaxis] - times[since]


def _starts(offsets):
    return np.repeat(offsets[:-1], np.diff(offsets))[:, np.newaxis]


def _take(values, rows):
    return np.take_along_axis(values, np.maximum(rows, 0), axis=0)


class GapEncoder(BaseSequenceTransformer):
    r"""Fill missing values, and encode where they were and for how long.

    The output has three groups of features: the input features, with NaN filled in;
    a mask for each feature, 1 if the value was observed and 0 if it was filled; and for
    each feature the time since its last observation. GRU-D [1]_ introduced these
    inputs; every network can use them.

    At step :math:`t` with time :math:`s_t` and mask :math:`m`, the time since the last
    observation of feature :math:`d` is

    .. math::

        \delta_1^d = 0, \qquad
        \delta_t^d = s_t - s_{t-1} +
        \begin{cases}
            \delta_{t-1}^d & m_{t-1}^d = 0 \\
            0 & m_{t-1}^d = 1
        \end{cases}

    so at a step with an observation, it is the time since the previous one.

    The result has the same number of sequences with the same lengths. It is a
    RaggedArray or, if X is a 3-D array, an array of shape (n_samples, n_steps,
    n_features_out). A 2-D array is one variable whose columns are the steps; the result
    is then 2-D if there is one output feature, and 3-D otherwise.

    Parameters
    ----------
    strategy : {"last", "linear", "mean"}, default="last"
        Fill strategy.

        - "last": the last observed value of the sequence; before the first observation,
          the mean of the training data. Does not use future values, so it is suitable
          for forecasts.
        - "linear": linear interpolation in time between observations; the nearest
          observation before the first and after the last; the mean of the training data
          in a sequence without any. Uses future values of the sequence.
        - "mean": the mean of the training data.

    add_mask : bool, default=True
        Whether to add the masks.
    add_time_since : bool, default=True
        Whether to add the time since the last observation of each feature.
    time : int, str or None, default=None
        Feature of X that holds the time of each step: its index or its name, if X has
        names. Times may have any unit, must not be missing and
        must not decrease within a sequence. In the output, this feature is replaced by
        the time since the previous step. By default, the time between steps is 1.
    columns : array-like of int or str, or None, default=None
        Features to encode: indices, or names if X has names. The others stay as they
        are, with NaN: codes of categories, for example, which have no mean. By default,
        all features are encoded, and columns with a categorical dtype are refused.

    Attributes
    ----------
    means_ : ndarray of shape (n_features,)
        Mean of the observed values of each feature in the training data; 0 if there are
        none.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.

    Raises
    ------
    ValueError, TypeError
        If X is not a valid container of sequences or has infinite values or columns of
        categories to fill, `columns` has others than features of X, or `time` is not a
        feature of X, is missing at a step, or decreases.

    See Also
    --------
    sklearn_rnn.RaggedArray.from_padded : Remove NaN padding. Use this first.
    Stepwise : Apply an imputer of single steps, such as SimpleImputer.

    Notes
    -----
    A feature without any observation in the training data is kept, and "last" and
    "mean" fill it with 0. The number of output features depends only on the parameters,
    not on the gaps in the training data.

    References
    ----------
    .. [1] Z. Che, S. Purushotham, K. Cho, D. Sontag and Y. Liu, "Recurrent Neural
       Networks for Multivariate Time Series with Missing Values", Scientific Reports 8,
       6085, 2018. https://doi.org/10.1038/s41598-018-24271-9

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import GapEncoder
    >>> nan = np.nan
    >>> X = [np.array([[5.0], [nan], [nan], [8.0]]), np.array([[nan], [5.0]])]
    >>> encoder = GapEncoder()
    >>> encoded = encoder.fit_transform(X)
    >>> encoder.get_feature_names_out()
    array(['x0', 'x0_mask', 'x0_time_since'], dtype=object)
    >>> encoded[0]
    array([[5., 1., 0.],
           [5., 0., 1.],
           [5., 0., 2.],
           [8., 1., 3.]])
    >>> encoded[1]  # 6 is the mean
    array([[6., 0., 0.],
           [5., 1., 1.]])

    The time of each step, in column 1, becomes the time since the previous step:

    >>> X = [np.array([[5.0, 0.0], [nan, 0.5], [nan, 24.0]])]
    >>> encoder = GapEncoder(time=1).fit(X)
    >>> encoder.get_feature_names_out()
    array(['x0', 'x1_elapsed', 'x0_mask', 'x0_time_since'], dtype=object)
    >>> encoder.transform(X)[0]
    array([[ 5. ,  0. ,  1. ,  0. ],
           [ 5. ,  0.5,  0. ,  0.5],
           [ 5. , 23.5,  0. , 24. ]])
    """

    _parameter_constraints: dict = {
        "strategy": [StrOptions({"last", "linear", "mean"})],
        "add_mask": ["boolean"],
        "add_time_since": ["boolean"],
        "time": [Integral, str, None],
        "columns": ["array-like", None],
    }

    _learned = {
        **LAYOUT,
        "_time": Kind(
            "a feature of a step, or None",
            lambda v, s: v is None or (type(v) is int and 0 <= v < s["n_features_in_"]),
        ),
        "_columns": Kind(
            "a list of different features of a step, in order",
            lambda v, s: (
                isinstance(v, list)
                and all(type(j) is int and 0 <= j < s["n_features_in_"] for j in v)
                and v == sorted(set(v))
            ),
        ),
        "means_": ONE_A_FEATURE,
    }

    def __init__(
        self,
        *,
        strategy="last",
        add_mask=True,
        add_time_since=True,
        time=None,
        columns=None,
    ):
        self.strategy = strategy
        self.add_mask = add_mask
        self.add_time_since = add_time_since
        self.time = time
        self.columns = columns

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the mean of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._refuse_categories(X)
        steps = self._check_floats(X, reset=True)
        self._time = self._find_time(steps.n_features)
        self._times_of(steps)  # validates the times
        self._columns = self._find_columns(steps.n_features)
        seen = ~np.isnan(steps.values)
        total = steps.values.sum(axis=0, dtype=np.float64, where=seen)
        self.means_ = total / np.maximum(seen.sum(axis=0), 1)
        return self

    def _refuse_categories(self, X):
        """Refuse to fill columns that are categorical in a list of DataFrames."""
        names = list_categorical_columns(X)
        if names and self.columns is None:
            raise ValueError(
                f"X has categories in the columns {names}, but GapEncoder fills gaps "
                "of numbers: a mean of codes is no category. Replace categories by "
                "codes, missing ones by a code of their own, and name the other "
                "columns: GapEncoder(columns=[...])."
            )

    def _find_columns(self, n_features):
        """Return the indices of the features to encode."""
        if self.columns is None:
            return [j for j in range(n_features) if j != self._time]
        names = list(getattr(self, "feature_names_in_", []))
        known = {name: j for j, name in enumerate(names)}
        known |= {j: j % n_features for j in range(-n_features, n_features)}
        given = np.asarray(self.columns, dtype=object)
        is_mask = any(isinstance(column, bool | np.bool_) for column in given.flat)
        if given.ndim != 1 or is_mask or not set(given) <= set(known):
            raise ValueError(
                f"The 'columns' parameter of GapEncoder must be a list of indices from "
                f"0 to {n_features - 1}, or of names among {names}. Got "
                f"{self.columns!r} instead."
            )
        return sorted({known[column] for column in given} - {self._time})

    def _find_time(self, n_features):
        """Return the index of the time feature, or None."""
        if self.time is None:
            return None
        if self._reads_table or n_features == 1:
            raise ValueError(
                f"GapEncoder(time={self.time!r}) requires a feature beside the time. "
                "Got X with one variable."
            )
        names = list(getattr(self, "feature_names_in_", []))
        if isinstance(self.time, str):
            if self.time not in names:
                known = names or (
                    "no names: pass the index of the feature, a list of DataFrames "
                    "or RaggedArray(..., feature_names=)"
                )
                raise ValueError(
                    f"GapEncoder(time={self.time!r}) is not a column of X, which has "
                    f"{known}."
                )
            return names.index(self.time)
        if not -n_features <= self.time < n_features:
            raise ValueError(
                f"GapEncoder(time={self.time}) is not a feature of X, which has "
                f"{n_features} features."
            )
        return self.time % n_features

    def _times_of(self, steps):
        """Return the validated time of each step; by default 0, 1, 2, ..."""
        if self._time is None:
            return np.arange(len(steps.values)) - _starts(steps.offsets).ravel()
        times = steps.values[:, self._time].astype(np.float64)
        name = f"the time, feature {self._time}"
        missing = np.isnan(times)
        if missing.any():
            i, step, _ = first_place(missing[:, np.newaxis], steps.offsets)
            raise ValueError(f"X[{i}] has NaN at step {step} in {name}.")
        falls = self._elapsed(times, steps.offsets) < 0
        if falls.any():
            i, step, _ = first_place(falls[:, np.newaxis], steps.offsets)
            before, after = steps[i][step - 1 : step + 1, self._time]
            raise ValueError(
                f"X[{i}] goes back from {before} to {after} at step {step} in {name}. "
                "Sort the steps of each sequence by time."
            )
        return times

    def _elapsed(self, times, offsets):
        elapsed = np.diff(times, prepend=times[0])
        elapsed[offsets[:-1]] = 0
        return elapsed

    def _transform(self, X):
        steps = self._check_floats(X, reset=False)
        times = self._times_of(steps)
        values = steps.values.copy()
        values[:, self._columns] = self._fill(steps, times)[:, self._columns]
        seen = ~np.isnan(steps.values[:, self._columns])
        parts = [values]
        if self._time is not None:
            parts[0][:, self._time] = self._elapsed(times, steps.offsets)
        if self.add_mask:
            parts.append(seen)
        if self.add_time_since:
            parts.append(time_since_seen(seen, steps.offsets, times))
        values = np.concatenate(parts, axis=1, dtype=steps.dtype)
        return like_input(RaggedArray(values, steps.offsets), X, self)

    def _fill(self, steps, times):
        default = self.means_.astype(steps.dtype)
        if self.strategy == "last":
            return fill_last(steps.values, steps.offsets, default)
        if self.strategy == "linear":
            return fill_linear(steps.values, steps.offsets, default, times)
        return np.where(np.isnan(steps.values), default, steps.values)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output features.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input features. By default, `feature_names_in_`, or
            "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            Names of the features. If both X and the result are tables, names of the
            columns.
        """
        check_is_fitted(self)
        names = list(self._names_of_step(input_features))
        plain = [names[j] for j in self._columns]
        if self._time is not None:
            names[self._time] = f"{names[self._time]}_elapsed"
        if self.add_mask:
            names += [f"{name}_mask" for name in plain]
        if self.add_time_since:
            names += [f"{name}_time_since" for name in plain]
        return self._names_of_columns(np.array(names, dtype=object), input_features)
