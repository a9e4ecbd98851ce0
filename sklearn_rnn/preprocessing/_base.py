"""Code shared by the transformers of sequences."""

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import RaggedArray, check_floats, validate_sequences
from sklearn_rnn.utils import (
    BOOL,
    COUNT,
    FEATURE_NAMES,
    Kind,
    array_of,
    check_feature_names_in,
    may_lack,
    wrap_data_with_container,
)

# what `fit` learns from every X
LAYOUT = {
    "n_features_in_": COUNT,
    "feature_names_in_": may_lack(FEATURE_NAMES),
    "_reads_table": BOOL,
}
ONE_A_FEATURE = Kind(
    "finite float64, one a feature of a step",
    lambda v, s: (
        array_of("f").fits(v, s)
        and len(v) == (1 if s["_reads_table"] else s["n_features_in_"])
        and bool(np.isfinite(v).all())
    ),
)


class BaseSequenceTransformer(
    # the result is not always a table: `transform` wraps it, not scikit-learn
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
    auto_wrap_output_keys=None,
):
    """Base class of transformers that return sequences or a table."""

    @abstractmethod
    def _transform(self, X):
        """Return the result: a RaggedArray or an array."""

    def fit_transform(self, X, y=None):
        """Fit to X, then transform X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target of each sequence.

        Returns
        -------
        X_new : RaggedArray, ndarray or DataFrame
            The result, as from `transform`.
        """
        return self.fit(X, y).transform(X)

    def transform(self, X):
        """Transform sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.

        Returns
        -------
        X_new : RaggedArray, ndarray or DataFrame
            See the description of the class. `set_output` applies if the result is a
            2-D table.

        Raises
        ------
        ValueError, TypeError
            If X does not match the X of `fit`, or has invalid values.
        """
        check_is_fitted(self)
        result = self._transform(X)
        if result.ndim == 2:
            return wrap_data_with_container("transform", result, X, self)
        if type(result) is RaggedArray and hasattr(self, "feature_names_in_"):
            names = self._find_names_out()
            return RaggedArray(result.values, result.offsets, feature_names=names)
        return result

    def _find_names_out(self):
        """Return the names of the output features, None without such."""
        try:
            return self.get_feature_names_out()
        except (AttributeError, ValueError):  # a transformer inside has no names
            return None

    def _check_floats(self, X, *, reset):
        return validate_sequences(self, X, reset=reset, check=check_floats)

    def _names_of_step(self, input_features):
        """Return the names of the features; for a table, that of its one variable."""
        names = check_feature_names_in(self, input_features)
        return np.array(["x0"], dtype=object) if self._reads_table else names

    def _names_of_columns(self, names, input_features):
        """Return the names of the outputs; for a table, those of its steps."""
        if self._reads_table and len(names) == 1:
            return check_feature_names_in(self, input_features)
        return names

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def like_input(steps, X, estimator):
    """Return steps in the same kind of container as X.

    Parameters
    ----------
    steps : RaggedArray
        Sequences of the same number and lengths as those of X.
    X : array-like, RaggedArray, tensor, or list of them
        Argument of `transform`.
    estimator : estimator
        Fitted transformer, on tables or on sequences.

    Returns
    -------
    result : RaggedArray or ndarray
        An array of shape (n_samples, n_steps) if X is a table and each step is one
        number, of shape (n_samples, n_steps, n_features) if X is a 3-D array or a table
        with several numbers per step, otherwise a RaggedArray.
    """
    n_steps = steps.common_length
    if estimator._reads_table and steps.n_features == 1:
        return steps.values.reshape(len(steps), n_steps)
    if estimator._reads_table or _is_cube(X):
        return steps.values.reshape(len(steps), n_steps, steps.n_features)
    return steps


def _is_cube(X):
    nested = isinstance(X, RaggedArray) or getattr(X, "is_nested", False)
    return not nested and getattr(X, "ndim", 1) in (2, 3)
