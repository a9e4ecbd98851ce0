"""SequencePadder: padded arrays and lengths, for other libraries."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import (
    RaggedArray,
    lengths_to_offsets,
    step_index,
)
from sklearn_rnn.preprocessing._base import LAYOUT, BaseSequenceTransformer
from sklearn_rnn.utils import COUNT, Interval, StrOptions, fit_context


def _valid_steps(lengths, n_steps, padding_side):
    """Return a mask of the steps that are not padding, (n_samples, n_steps)."""
    lengths = lengths[:, np.newaxis]
    if padding_side == "right":
        return np.arange(n_steps) < lengths
    return np.arange(n_steps) >= n_steps - lengths


class SequencePadder(BaseSequenceTransformer):
    """Pad sequences to the same length, for libraries that require an array.

    The estimators of this package accept sequences of different lengths and need no
    padding. For other libraries, such as Keras, `transform` returns an array of shape
    (n_samples, n_steps, n_features), and :meth:`lengths` returns the lengths.

    Parameters
    ----------
    n_steps : int or None, default=None
        Length of the padded sequences. By default, the length of the longest sequence
        in the training data.
    padding_value : float, default=0.0
        Padding value.
    padding_side : {"right", "left"}, default="right"
        Side of the padding: after ("right") or before ("left") the sequence.
    truncation : {"right", "left"} or None, default=None
        Side on which sequences of more than `n_steps` steps are truncated: at their end
        ("right") or at their start ("left"). By default, a longer sequence is an error.

    Attributes
    ----------
    n_steps_ : int
        Length of the padded sequences.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.

    Raises
    ------
    ValueError, TypeError
        If X is not a valid container of sequences or has infinite values, or a sequence
        is too long and `truncation` is None.

    See Also
    --------
    sklearn_rnn.RaggedArray.to_padded : Pad without learning a length.
    sklearn_rnn.RaggedArray.from_padded : Remove NaN padding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import SequencePadder
    >>> X = [np.array([[1.0], [2.0]]), np.array([[3.0], [4.0], [5.0]])]
    >>> padder = SequencePadder().fit(X)
    >>> padder.transform(X)[:, :, 0]
    array([[1., 2., 0.],
           [3., 4., 5.]])
    >>> padder.lengths(X)
    array([2, 3])
    >>> padder.inverse_transform(padder.transform(X), padder.lengths(X))
    RaggedArray(n_samples=2, n_features=1, n_steps=2..3, dtype=float64)
    """

    _parameter_constraints: dict = {
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        "padding_value": [Real],
        "padding_side": [StrOptions({"right", "left"})],
        "truncation": [StrOptions({"right", "left"}), None],
    }

    _learned = {**LAYOUT, "n_steps_": COUNT}

    def __init__(
        self, *, n_steps=None, padding_value=0.0, padding_side="right", truncation=None
    ):
        self.n_steps = n_steps
        self.padding_value = padding_value
        self.padding_side = padding_side
        self.truncation = truncation

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the length of the longest sequence.

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
        steps = self._check_floats(X, reset=True)
        longest = int(steps.lengths.max())
        self.n_steps_ = longest if self.n_steps is None else int(self.n_steps)
        self._cut(steps)  # validates the lengths
        return self

    def _transform(self, X):
        steps = self._cut(self._check_floats(X, reset=False))
        shape = len(steps), self.n_steps_, steps.n_features
        padded = np.full(shape, self.padding_value, dtype=steps.dtype)
        valid = _valid_steps(steps.lengths, self.n_steps_, self.padding_side)
        padded[valid] = steps.values
        return padded

    def _cut(self, steps):
        """Return the sequences, truncated to `n_steps_` steps."""
        excess = np.maximum(steps.lengths - self.n_steps_, 0)
        if not excess.any():
            return steps
        if self.truncation is None:
            i = int(excess.argmax())
            raise ValueError(
                f"X[{i}] has {steps.lengths[i]} steps, more than the {self.n_steps_} "
                "of SequencePadder. Increase 'n_steps', or set 'truncation'."
            )
        starts = steps.offsets[:-1] + (excess if self.truncation == "left" else 0)
        lengths = steps.lengths - excess
        return RaggedArray(
            steps.values[step_index(starts, lengths)], lengths_to_offsets(lengths)
        )

    def lengths(self, X):
        """Return the number of steps of each sequence, without padding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.

        Returns
        -------
        lengths : ndarray of shape (n_samples,)
            Lengths after truncation.
        """
        check_is_fitted(self)
        return self._cut(self._check_floats(X, reset=False)).lengths

    def inverse_transform(self, X, lengths):
        """Remove the padding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps, n_features)
            Padded sequences, as from `transform`.
        lengths : array-like of int of shape (n_samples,)
            Number of steps of each sequence, as from :meth:`lengths`.

        Returns
        -------
        X_original : RaggedArray
            The sequences, without truncated steps.

        Raises
        ------
        ValueError
            If X is not 3-D, or a length is not between 0 and n_steps.
        """
        check_is_fitted(self)
        X = np.asarray(X)
        # checks the shapes; a network may have changed the padding in X itself
        offsets = RaggedArray.from_padded(np.zeros(X.shape), lengths).offsets
        valid = _valid_steps(np.diff(offsets), X.shape[1], self.padding_side)
        return RaggedArray(X[valid], offsets)

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
            Names along the last axis of the result.
        """
        check_is_fitted(self)
        return self._names_of_step(input_features)
