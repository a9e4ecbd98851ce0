"""GapEncoder: missing values and irregular times as inputs of a network."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import RaggedArray, check_floats, first_place
from sklearn_rnn.preprocessing._base import BaseSequenceTransformer, like_input
from sklearn_rnn.utils import StrOptions, fit_context


def last_seen(seen, offsets):
    """Return the row of the latest value seen at or before each step.

    Parameters
    ----------
    seen : ndarray of bool of shape (n_total_steps, n_features)
        Which values are not missing.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.

    Returns
    -------
    rows : ndarray of shape (n_total_steps, n_features)
        -1 where the sequence has none so far.
    """
    rows = np.where(seen, np.arange(len(seen))[:, np.newaxis], -1)
    rows = np.maximum.accumulate(rows, axis=0)
    return np.where(rows >= _starts(offsets), rows, -1)  # not of the sequence before


def next_seen(seen, offsets):
    """Return the row of the first value seen at or after each step; -1 if none."""
    n_steps = len(seen)
    ends = n_steps - offsets[::-1]  # those of the steps in reverse order
    rows = last_seen(seen[::-1], ends)[::-1]
    return np.where(rows >= 0, n_steps - 1 - rows, -1)


def fill_last(values, offsets, default):
    """Carry the last seen value forward; before the first, `default`."""
    rows = last_seen(~np.isnan(values), offsets)
    return np.where(rows >= 0, _take(values, rows), default)


def fill_linear(values, offsets, default, times):
    """Draw a line from each seen value to the next; before and after, the nearest."""
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
    """Return the time since each feature was last seen, before the present step.

    Since the first step where it was not: delta of Che et al. 2018, equation 2.
    """
    starts = _starts(offsets)
    before = np.full(seen.shape, -1)
    before[1:] = last_seen(seen, offsets)[:-1]
    since = np.maximum(before, starts)  # not of the sequence before, nor -1
    return times[:, np.newaxis] - times[since]


def _starts(offsets):
    return np.repeat(offsets[:-1], np.diff(offsets))[:, np.newaxis]


def _take(values, rows):
    return np.take_along_axis(values, np.maximum(rows, 0), axis=0)


class GapEncoder(BaseSequenceTransformer):
    r"""Fill missing values, and tell the network where they were and for how long.

    Three kinds of features come out, in this order: the features themselves, with NaN
    filled in; for each its mask, 1 where the value was seen and 0 where it was filled;
    for each the time since it was last seen. These are the inputs that GRU-D [1]_
    introduced; every network can use them.

    The time since feature :math:`d` was last seen is, at step :math:`t` and time
    :math:`s_t`, with the mask :math:`m`,

    .. math::

        \delta_1^d = 0, \qquad
        \delta_t^d = s_t - s_{t-1} +
        \begin{cases}
            \delta_{t-1}^d & m_{t-1}^d = 0 \\
            0 & m_{t-1}^d = 1
        \end{cases}

    so also where the value is seen again, it tells how long it was not.

    What comes out has as many sequences, of the same lengths: a RaggedArray; of a 3-D
    array a 3-D array, (n_samples, n_steps, n_features_out). Of a 2-D array, which is
    one variable whose columns are the steps, it is a 2-D array if one feature comes
    out, and else a 3-D array.

    Parameters
    ----------
    strategy : {"last", "linear", "mean"}, default="last"
        Value to fill in.

        - "last": the last seen value of the sequence; before the first, the mean of
          the training data. Nothing of the future is used, so it fits forecasts.
        - "linear": on a line, along time, from the last seen value to the next; before
          the first and after the last, the nearest; in a sequence that has none, the
          mean of the training data. Uses the future within the sequence.
        - "mean": the mean of the training data.

    add_mask : bool, default=True
        Whether to add the masks.
    add_time_since : bool, default=True
        Whether to add the times since each feature was last seen.
    time : int, str or None, default=None
        Which feature of X is the time of the step: its number, or, if X is a list of
        DataFrames, the name of its column. In any unit; it must be there at each step
        and never fall within a sequence. In what comes out, the time since the step
        before stands in its place. By default, steps are 1 apart.

    Attributes
    ----------
    means_ : ndarray of shape (n_features,)
        Mean of the seen values of each feature in the training data; 0 where there
        are none.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings.

    Raises
    ------
    ValueError, TypeError
        If X is not what an estimator can read or has infinite values, or `time` is no
        feature of X, is missing at a step, or falls.

    See Also
    --------
    sklearn_rnn.RaggedArray.from_padded : Cuts off NaN that is padding. Do this first.
    Stepwise : Takes imputers that look at one step alone, as SimpleImputer.

    Notes
    -----
    A feature that is missing everywhere in the training data is kept: "last" and "mean"
    fill it with 0. The number of features that come out depends on the parameters
    alone, not on where the training data have gaps.

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

    The time of each step, in column 1, becomes the time since the step before:

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
    }

    def __init__(
        self, *, strategy="last", add_mask=True, add_time_since=True, time=None
    ):
        self.strategy = strategy
        self.add_mask = add_mask
        self.add_time_since = add_time_since
        self.time = time

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
            Not used.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        steps = check_floats(X, estimator=self, reset=True)
        self._time = self._find_time(steps.n_features)
        self._times_of(steps)  # only to complain
        seen = ~np.isnan(steps.values)
        total = steps.values.sum(axis=0, dtype=np.float64, where=seen)
        self.means_ = total / np.maximum(seen.sum(axis=0), 1)
        return self

    def _find_time(self, n_features):
        """Return the number of the feature that is the time, or None."""
        if self.time is None:
            return None
        if self._reads_table or n_features == 1:
            raise ValueError(
                f"GapEncoder(time={self.time!r}) needs a feature beside the time. Got "
                "X of one variable."
            )
        names = list(getattr(self, "feature_names_in_", []))
        if isinstance(self.time, str):
            if self.time not in names:
                known = names or "no names: give the number of the feature"
                raise ValueError(
                    f"GapEncoder(time={self.time!r}) is no column of X, which has "
                    f"{known}."
                )
            return names.index(self.time)
        if not -n_features <= self.time < n_features:
            raise ValueError(
                f"GapEncoder(time={self.time}) is no feature of X, which has "
                f"{n_features}."
            )
        return self.time % n_features

    def _times_of(self, steps):
        """Return the time of each step: checked, or else 0, 1, 2 in each sequence."""
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
        steps = check_floats(X, estimator=self, reset=False)
        times = self._times_of(steps)
        features = [i for i in range(steps.n_features) if i != self._time]
        seen = ~np.isnan(steps.values[:, features])
        parts = [self._fill(steps, times)]
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
        """Return the names of the features of a step that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features that go in; by default `feature_names_in_`, or
            "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            Names of the features. If X is a table, and so is what comes out, the names
            of its columns.
        """
        check_is_fitted(self)
        names = list(self._names_of_step(input_features))
        plain = [name for i, name in enumerate(names) if i != self._time]
        if self._time is not None:
            names[self._time] = f"{names[self._time]}_elapsed"
        if self.add_mask:
            names += [f"{name}_mask" for name in plain]
        if self.add_time_since:
            names += [f"{name}_time_since" for name in plain]
        return self._names_of_columns(np.array(names, dtype=object), input_features)
