"""SequenceFeatures: a row of summary numbers for each sequence."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import check_floats
from sklearn_rnn.preprocessing._base import BaseSequenceTransformer
from sklearn_rnn.preprocessing._gap_encoder import last_seen
from sklearn_rnn.utils import fit_context

_STATISTICS = ("mean", "std", "min", "max", "last", "slope")


def summarise(steps):
    """Return the statistics of each feature in each sequence, without NaN.

    Parameters
    ----------
    steps : RaggedArray
        May hold NaN.

    Returns
    -------
    statistics : ndarray of shape (n_samples, n_features, 6)
        In the order of _STATISTICS; NaN where a feature is missing in all steps.
    """
    values, offsets, starts = steps.values, steps.offsets, steps.offsets[:-1]
    seen = ~np.isnan(values)
    count = np.add.reduceat(seen, starts, axis=0, dtype=np.int64)
    deviation, mean = _center(values.astype(np.float64), seen, count, steps)
    number = np.arange(len(values)) - np.repeat(starts, steps.lengths)
    numbers = np.broadcast_to(number[:, np.newaxis].astype(np.float64), values.shape)
    time, _ = _center(numbers, seen, count, steps)

    std = np.sqrt(_divide(np.add.reduceat(deviation**2, starts, axis=0), count))
    last = last_seen(seen, offsets)[offsets[1:] - 1]
    lasts = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    spread = np.add.reduceat(time**2, starts, axis=0)
    slope = np.add.reduceat(time * deviation, starts, axis=0)
    # one step has no slope: 0
    slope = slope / np.where(spread > 0, spread, np.inf)
    return np.stack(
        [
            mean,
            std,
            np.fmin.reduceat(values, starts, axis=0),
            np.fmax.reduceat(values, starts, axis=0),
            np.where(count > 0, lasts, np.nan),
            np.where(count > 0, slope, np.nan),
        ],
        axis=-1,
    )


def _center(values, seen, count, steps):
    """Subtract the mean of each sequence; what is not seen becomes 0."""
    total = np.add.reduceat(np.where(seen, values, 0), steps.offsets[:-1], axis=0)
    mean = _divide(total, count)
    deviation = values - np.repeat(mean, steps.lengths, axis=0)
    return np.where(seen, deviation, 0), mean


def _divide(total, count):
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


class SequenceFeatures(BaseSequenceTransformer):
    """Summarise each sequence in one row, for a plain model of tables.

    The honest baseline: what ``make_pipeline(SequenceFeatures(),
    HistGradientBoostingClassifier())`` cannot tell apart is where the order of the
    steps matters, and where a recurrent network may earn its cost.

    What comes out is a table, (n_samples, 1 + 6 * n_features): the length, the number
    of steps; then, of each feature, its mean, standard deviation, minimum, maximum,
    last value and slope, the gain a step of the least-squares line. A 2-D X is one
    variable whose columns are the steps: 7 columns come out.

    Attributes
    ----------
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings.

    Raises
    ------
    ValueError, TypeError
        If X is not what an estimator can read or has infinite values.

    See Also
    --------
    GapEncoder : Keeps the steps, and fills what is missing.
    sklearn_rnn.RNNClassifier : Reads the steps in their order.

    Notes
    -----
    Missing values, NaN, are left out; the length counts all steps. The numbers of a
    feature that is missing in all steps of a sequence are NaN, which histogram gradient
    boosting takes as it is. The standard deviation is that of the steps themselves
    (``ddof=0``). The slope of a single step is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import SequenceFeatures
    >>> X = [np.array([[1.0], [2.0], [6.0]]), np.array([[7.0]])]
    >>> features = SequenceFeatures()
    >>> features.fit_transform(X).round(2)
    array([[3.  , 3.  , 2.16, 1.  , 6.  , 6.  , 2.5 ],
           [1.  , 7.  , 0.  , 7.  , 7.  , 7.  , 0.  ]])
    >>> list(features.get_feature_names_out())
    ['length', 'x0_mean', 'x0_std', 'x0_min', 'x0_max', 'x0_last', 'x0_slope']
    """

    _parameter_constraints: dict = {}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Remember the features; nothing else is learned.

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
        check_floats(X, estimator=self, reset=True)
        return self

    def _transform(self, X):
        steps = check_floats(X, estimator=self, reset=False)
        statistics = summarise(steps).reshape(len(steps), -1)
        result = np.column_stack([steps.lengths, statistics])
        return result.astype(steps.dtype, copy=False)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the features that go in; by default `feature_names_in_`, or
            "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            "length", then the name of each feature with "_mean", "_std" and so on.
        """
        check_is_fitted(self)
        names = [
            f"{name}_{statistic}"
            for name in self._names_of_step(input_features)
            for statistic in _STATISTICS
        ]
        return np.array(["length", *names], dtype=object)
