"""Stepwise: apply a transformer of tables to the table of all steps."""

import re
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn._sequences import (
    Layout,
    RaggedArray,
    check_frames,
    check_layout,
    first_place,
    is_list_of_frames,
    set_layout,
    to_pandas,
    validate_sequences,
)
from sklearn_rnn.preprocessing._base import LAYOUT, BaseSequenceTransformer, like_input
from sklearn_rnn.preprocessing._words import (
    check_dicts,
    check_words,
    first_step,
    has_no_step,
)
from sklearn_rnn.utils import (
    COUNT,
    HasMethods,
    Kind,
    StrOptions,
    fit_context,
    may_lack,
)

_LARGEST_TABLE = 2**32  # bytes of a dense table converted from a sparse one


def _check_table_of_steps(X, estimator, reset):
    """Return all steps of X as one table, and the offsets of the sequences in it.

    The table is an array, a list of dicts, or a list or column of words. It is a
    DataFrame if X is a list of DataFrames, or if the transformer needs names and X has
    them.
    """
    kind = _kind_of_steps(X)
    if reset:
        estimator._kind = kind
    elif has_no_step(X):
        kind = estimator._kind
    elif kind != estimator._kind:
        raise TypeError(
            f"The steps of X are {kind}, but Stepwise was fitted on {estimator._kind}."
        )
    if kind != "numbers":
        return _check_objects(X, kind, estimator, reset)
    if not is_list_of_frames(X):
        steps = validate_sequences(estimator, X, reset=reset, check=check_layout)
        return _name_columns(steps.values, estimator), steps.offsets
    offsets = validate_sequences(estimator, X, reset=reset, check=check_frames)
    library = sys.modules[type(X[0]).__module__.partition(".")[0]]  # pandas or polars
    return library.concat(list(X)), offsets


def _name_columns(values, estimator):
    """Return the steps, as a DataFrame for a transformer that selects by name."""
    names = getattr(estimator, "feature_names_in_", None)
    by_position = estimator._reads_table or not _selects_names(estimator.transformer)
    return values if names is None or by_position else to_pandas(values, names)


def _selects_names(transformer):
    """Return whether a transformer selects columns of a DataFrame."""
    if isinstance(transformer, Pipeline):
        parts = [part for _, part in transformer.steps if not isinstance(part, str)]
        return bool(parts) and _selects_names(parts[0])
    if isinstance(transformer, FeatureUnion):
        return any(_selects_names(part) for _, part in transformer.transformer_list)
    if not isinstance(transformer, ColumnTransformer):
        return False
    return any(_are_names(columns) for *_, columns in transformer.transformers)


def _are_names(columns):
    if isinstance(columns, slice):
        columns = [columns.start, columns.stop]
    columns = np.ravel(np.asarray(columns, dtype=object))
    return any(isinstance(column, str | make_column_selector) for column in columns)


def _kind_of_steps(X):
    step = first_step(X)
    if isinstance(step, str):
        return "words"
    return "dicts" if isinstance(step, Mapping) else "numbers"


def _check_objects(X, kind, estimator, reset):
    """Return the words or dicts of all sequences, and the offsets of the sequences."""
    steps, offsets = check_words(X) if kind == "words" else check_dicts(X)
    if reset:
        set_layout(estimator, Layout(n_features=1))
    if kind == "words" and not _takes_strings(estimator.transformer):
        steps = np.array(steps, dtype=object)[:, np.newaxis]
    return steps, offsets


def _takes_strings(transformer):
    """Return whether a transformer accepts a list of strings, not a table of them."""
    if isinstance(transformer, Pipeline | FeatureUnion):
        is_pipeline = isinstance(transformer, Pipeline)
        parts = transformer.steps if is_pipeline else transformer.transformer_list
        first = next(part for _, part in parts if not isinstance(part, str))
        return _takes_strings(first)
    tags = get_tags(transformer).input_tags
    return tags.string and not tags.two_d_array


def _targets_of_steps(y, X, offsets):
    """Return y at each step: the label of the step or of its sequence."""
    check_consistent_length(X, y)
    n_steps = np.diff(offsets)
    y = y if hasattr(y, "__iter__") else np.asarray(y)
    n_labels = [_count_labels(labels) for labels in y]
    if np.array_equal(n_labels, n_steps):
        labels = np.concatenate([np.asarray(labels) for labels in y if len(labels)])
        return labels[:, 0] if labels.shape[1:] == (1,) else labels
    if len(set(n_labels)) > 1 and min(n_labels) >= 0:
        i = int(np.argmax(n_labels != n_steps))
        raise ValueError(
            f"X[{i}] has {n_steps[i]} steps, but y[{i}] has {n_labels[i]} labels."
        )
    return np.repeat(np.asarray(y), n_steps, axis=0)


def _count_labels(labels):
    """Return the number of labels, or -1 for the single label of a sequence."""
    if isinstance(labels, str | bytes) or getattr(labels, "ndim", 1) == 0:
        return -1
    return len(labels) if hasattr(labels, "__len__") else -1


def _rows(table, start, stop):
    return getattr(table, "iloc", table)[start:stop]


def _as_array(table, n_steps, transformer):
    """Return a transformed table as a dense array with one row per step."""
    array = _as_dense(table) if issparse(table) else np.asarray(table)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if len(array) != n_steps:
        raise ValueError(
            f"Stepwise requires a transformer that keeps the number of rows. "
            f"{type(transformer).__name__} returned {len(array)} rows for {n_steps} "
            "steps."
        )
    return array


def _as_dense(table):
    n_steps, n_features = table.shape
    n_bytes = 4 * n_steps * n_features
    if n_bytes > _LARGEST_TABLE:
        raise ValueError(
            f"The transformer of Stepwise returned {n_features} features for {n_steps} "
            f"steps: a dense table of {n_bytes / 2**30:.1f} GiB, above the limit of "
            f"{_LARGEST_TABLE / 2**30:.0f} GiB. Reduce the number of features: "
            "max_features or min_df of CountVectorizer, n_features of "
            "HashingVectorizer, make_pipeline(DictVectorizer(), TruncatedSVD(100)). Or "
            "use ids, which need no table: SequenceTokenizer(level=None), "
            "WordAttributes."
        )
    return table.astype(np.float32).toarray()


@contextmanager
def _errors_name_the_place(table, offsets):
    """Add the sequence, step and feature to a transformer's error about NaN."""
    try:
        yield
    except ValueError as error:
        is_float = getattr(table, "dtype", np.dtype(object)).kind == "f"
        if not is_float or not re.search("NaN|inf", str(error)):
            raise
        bad = ~np.isfinite(table)
        if not bad.any():
            raise
        i, step, feature = first_place(bad, offsets)
        what = "NaN" if np.isnan(table[offsets[i] + step, feature]) else "infinity"
        raise ValueError(
            f"X[{i}] has {what} at step {step}, feature {feature}. {error}"
        ) from error


def _can_invert(stepwise):
    if stepwise.fit_on == "sequence":
        raise AttributeError(
            "inverse_transform is not available with fit_on='sequence': the statistics "
            "of each sequence are not stored."
        )
    fitted = getattr(stepwise, "transformer_", stepwise.transformer)
    # the inverse of a text vectorizer returns terms, not the words
    return hasattr(fitted, "inverse_transform") and not _takes_strings(fitted)


class Stepwise(BaseSequenceTransformer):
    """Apply a transformer of tables to the steps of sequences.

    All steps of all sequences are collected in one table, with one row per step and one
    column per feature, and a scikit-learn transformer is applied to it.
    ``Stepwise(StandardScaler())`` scales each feature over all steps,
    ``Stepwise(PCA(3))`` reduces the features to three, and
    ``Stepwise(ColumnTransformer(...))`` treats columns differently. There is no
    padding, so it cannot affect the result. Steps may also be dicts, for
    ``Stepwise(DictVectorizer())``, or words, for ``Stepwise(OneHotEncoder())`` and
    ``Stepwise(HashingVectorizer(n_features=1024, analyzer="char"))``.

    The result has the same number of sequences with the same lengths. It is a
    RaggedArray or, if X is a 3-D array, an array of shape (n_samples, n_steps,
    n_features_out). A 2-D array is one variable whose columns are the steps; the result
    is then 2-D if there is one output feature, and 3-D otherwise.

    Parameters
    ----------
    transformer : transformer
        Transformer to clone and fit. It must keep the number of rows. Its parameters
        can be set as nested parameters, for instance
        ``stepwise__transformer__n_components`` in a pipeline.
    fit_on : {"all", "sequence"}, default="all"
        Data to fit the transformer on.

        - "all": the steps of all sequences, in `fit`. Differences between sequences are
          kept.
        - "sequence": the steps of each sequence alone, in `transform`. For instance,
          ``Stepwise(StandardScaler(), fit_on="sequence")`` z-normalises each sequence,
          which removes its level and scale and keeps its shape.

    Attributes
    ----------
    transformer_ : transformer
        The transformer fitted on all steps. With ``fit_on="sequence"``, it only
        provides the number and names of the output features.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.

    Raises
    ------
    ValueError, TypeError
        If X is not a valid container of sequences, the transformer rejects its steps,
        or a sparse result is too large for a dense table.

    See Also
    --------
    GapEncoder : Fill missing values along time, across rows.
    SequenceFeatures : Summary statistics of each sequence.

    Notes
    -----
    NaN and infinity are accepted if the transformer accepts them. Sparse results are
    converted to dense arrays.

    If X is a list of DataFrames, the transformer receives a DataFrame, so columns can
    be selected by name and may contain strings. So does a ``ColumnTransformer`` that
    selects columns by name, if X is a RaggedArray with names. Otherwise the transformer
    receives an array.

    The `fit` and `transform` methods of the transformer are called, never its
    `fit_transform`.

    A transformer that uses y receives the label of each step if y has one for each
    step, otherwise the label of the sequence, repeated for its steps. With
    ``fit_on="sequence"`` it receives no y.

    ``fit_on="sequence"`` loops over the sequences, which takes half a millisecond each
    with ``StandardScaler``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_rnn.preprocessing import Stepwise
    >>> X = [np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[5.0, 50.0]])]
    >>> scaled = Stepwise(StandardScaler()).fit_transform(X)
    >>> scaled
    RaggedArray(n_samples=2, n_features=2, n_steps=1..2, dtype=float64)
    >>> scaled[0].round(2)
    array([[-1.22, -1.22],
           [ 0.  ,  0.  ]])
    >>> Stepwise(StandardScaler(), fit_on="sequence").fit_transform(X)[0]
    array([[-1., -1.],
           [ 1.,  1.]])

    Steps that are dicts of features, as for sklearn-crfsuite:

    >>> from sklearn.feature_extraction import DictVectorizer
    >>> X = [
    ...     [{"lower": "the", "title": True}, {"lower": "cat", "title": False}],
    ...     [{"lower": "cat", "title": True}],
    ... ]
    >>> vectorizer = Stepwise(DictVectorizer()).fit(X)
    >>> vectorizer.get_feature_names_out()
    array(['lower=cat', 'lower=the', 'title'], dtype=object)
    >>> vectorizer.transform(X)[0]
    array([[0., 1., 1.],
           [1., 0., 0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"])],
        "fit_on": [StrOptions({"all", "sequence"})],
    }

    _learned = {
        **LAYOUT,
        "_kind": Kind(
            "'numbers', 'words' or 'dicts'",
            lambda v, s: v in ("numbers", "words", "dicts"),
        ),
        "_n_features_out": may_lack(COUNT),
        "transformer_": Kind("a transformer", lambda v, s: hasattr(v, "transform")),
    }

    def __init__(self, transformer, *, fit_on="all"):
        self.transformer = transformer
        self.fit_on = fit_on

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the transformer on the table of all steps.

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
        self : object
            The fitted transformer.
        """
        table, offsets = _check_table_of_steps(X, self, reset=True)
        if y is not None and self.fit_on == "all":
            y = _targets_of_steps(y, X, offsets)
        else:
            y = None
        with _errors_name_the_place(table, offsets):
            self.transformer_ = clone(self.transformer).fit(table, y)
        if self._kind != "numbers":  # all sequences may be empty in transform
            self._n_features_out = self._count_features_out(table)
        return self

    def _transform(self, X):
        table, offsets = _check_table_of_steps(X, self, reset=False)
        if len(table) == 0:
            values = np.empty((0, self._n_features_out), dtype=np.float32)
        elif self.fit_on == "sequence":
            values = self._transform_each(table, offsets)
        else:
            with _errors_name_the_place(table, offsets):
                values = self.transformer_.transform(table)
            values = _as_array(values, len(table), self.transformer_)
        return like_input(RaggedArray(values, offsets), X, self)

    def _transform_each(self, table, offsets):
        n_features_out = self._count_features_out(table)
        parts = []
        for i, (start, stop) in enumerate(pairwise(offsets.tolist())):
            if start == stop:
                continue
            rows = _rows(table, start, stop)
            transformer = clone(self.transformer)
            try:
                part = transformer.fit(rows).transform(rows)
            except ValueError as error:
                raise ValueError(f"X[{i}]: {error}") from error
            part = _as_array(part, stop - start, transformer)
            if part.shape[1] != n_features_out:
                raise ValueError(
                    f"{type(transformer).__name__} returned {part.shape[1]} features "
                    f"for X[{i}], but {n_features_out} for all steps together: with "
                    "fit_on='sequence' their number must be the same for each sequence."
                )
            parts.append(part)
        return np.concatenate(parts)

    def _count_features_out(self, table):
        row = self.transformer_.transform(_rows(table, 0, 1))
        return _as_array(row, 1, self.transformer_).shape[1]

    @available_if(_can_invert)
    def inverse_transform(self, X):
        """Apply the transformer's `inverse_transform` to the steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features_out), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features_out) or (n_steps_i,)
            Transformed sequences.

        Returns
        -------
        X_original : RaggedArray or ndarray
            The original sequences, in the same kind of container as X.
        """
        check_is_fitted(self)
        steps = X
        if not isinstance(X, RaggedArray):  # X has other features than in fit
            steps, _ = check_layout(X, owner="Stepwise")
        values = self.transformer_.inverse_transform(steps.values)
        values = _as_array(values, len(steps.values), self.transformer_)
        names = None if self._reads_table else getattr(self, "feature_names_in_", None)
        steps = RaggedArray(values, steps.offsets, feature_names=names)
        return like_input(steps, X, self)

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
        names = self.transformer_.get_feature_names_out(
            self._names_of_step(input_features)
        )
        return self._names_of_columns(names, input_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.required = inner.target_tags.required
        tags.transformer_tags = inner.transformer_tags
        return tags
