"""SequenceFeatures: summary statistics of each sequence."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn.preprocessing._base import LAYOUT, BaseSequenceTransformer
from sklearn_rnn.preprocessing._gap_encoder import last_seen
from sklearn_rnn.utils import fit_context

_STATISTICS = ("mean", "std", "min", "max", "last", "slope")


def summarise(steps):
    """Return the statistics of each feature in each sequence, without NaN.

    Parameters
    ----------
    steps : RaggedArray
        Sequences, possibly with NaN.

    Returns
    -------
    statistics : ndarray of shape (n_samples, n_features, 6)
        Statistics in the order of _STATISTICS; NaN if a feature is always missing.
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
    # the slope of a single step is 0
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
    """Subtract the mean of each sequence; missing values become 0."""
    total = np.add.reduceat(np.where(seen, values, 0), steps.offsets[:-1], axis=0)
    mean = _divide(total, count)
    deviation = values - np.repeat(mean, steps.lengths, axis=0)
    return np.where(seen, deviation, 0), mean


def _divide(total, count):
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


class SequenceFeatures(BaseSequenceTransformer):
    """Summarise each sequence in one row, for a model of tabular data.

    The baseline for recurrent networks: a network is worth its cost if it is more
    accurate than ``make_pipeline(SequenceFeatures(),
    HistGradientBoostingClassifier())``, which ignores most of the order of the steps.

    The result is a table of shape (n_samples, 1 + 6 * n_features). The first column is
    the number of steps. It is followed by the mean, standard deviation, minimum,
    maximum, last value and slope of each feature, where the slope is that of a
    least-squares line over the steps. A 2-D X is one variable whose columns are the
    steps, so the result has 7 columns.

    Attributes
    ----------
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.

    Raises
    ------
    ValueError, TypeError
        If X is not a valid container of sequences or has infinite values.

    See Also
    --------
    GapEncoder : Fill missing values and keep the steps.
    sklearn_rnn.RNNClassifier : Classifier that reads the steps in order.

    Notes
    -----
    Missing values (NaN) are ignored, but the length counts all steps. If a feature is
    missing at all steps of a sequence, its statistics are NaN, which histogram gradient
    boosting supports. The standard deviation uses ``ddof=0``. The slope of a single
    step is 0.

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
    _learned = LAYOUT

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Record the features; nothing else is learned.

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
        self._check_floats(X, reset=True)
        return self

    def _transform(self, X):
        steps = self._check_floats(X, reset=False)
        statistics = summarise(steps).reshape(len(steps), -1)
        result = np.column_stack([steps.lengths, statistics])
        return result.astype(steps.dtype, copy=False)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input features. By default, `feature_names_in_`, or
            "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            "length", followed by the name of each feature with "_mean", "_std" and so
            on.
        """
        check_is_fitted(self)
        names = [
            f"{name}_{statistic}"
            for name in self._names_of_step(input_features)
            for statistic in _STATISTICS
        ]
        return np.array(["length", *names], dtype=object)
