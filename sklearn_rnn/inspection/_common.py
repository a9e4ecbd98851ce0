"""Code shared by the inspection tools: resolve an estimator and its inputs."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._base import BaseRNN
from sklearn_rnn._forecaster import RNNForecaster
from sklearn_rnn._inspectable import (
    check_inputs,
    feature_columns,
    index_inputs,
    reads_table,
)
from sklearn_rnn._sequences import RaggedArray, batches_by_length
from sklearn_rnn._training import make_inputs


@dataclass(frozen=True)
class Inspected:
    """A fitted estimator and its transformed inputs.

    Parameters
    ----------
    rnn : BaseRNN
        Final estimator of the given object.
    X : RaggedArray
        Input of `rnn`, after the transformers before it: float32 steps or int64 token
        ids.
    feature_names : ndarray of str of shape (n_features,)
        Names of the features of `X`. The characters of a word are one feature, in
        several columns.
    words : list of list of str, or None
        Words of the given sentences, one per step. None if X was not given as words.
    """

    rnn: Any
    X: RaggedArray
    feature_names: np.ndarray
    words: list[list[str]] | None = None

    @property
    def columns(self):
        """The columns of each feature, list of list of int."""
        return feature_columns(self.rnn, self.X.n_features)

    def index_tokens(self):
        """Return X with token ids replaced by row numbers of the embedding."""
        return index_inputs(self.rnn, self.X)


def resolve_inputs(estimator, X):
    """Find the RNN estimator inside `estimator`, and transform X for it.

    Parameters
    ----------
    estimator : estimator
        See `unwrap`.
    X : like X in `fit`
        The sequences, as passed to the whole estimator.

    Returns
    -------
    inspected : Inspected
        The RNN estimator, its input and the names of the features.

    Raises
    ------
    TypeError, NotFittedError
        See `unwrap`.
    ValueError
        If X does not match the training data.
    """
    rnn, transformers = unwrap(estimator)
    given = X
    for transformer in transformers:
        X = transformer.transform(X)
    X = check_inputs(rnn, X)
    names = _name_features(rnn, transformers, X.n_features)
    columns = feature_columns(rnn, X.n_features)
    names = [names[js[0]] if len(js) == 1 else "characters" for js in columns]
    names = np.array(names, dtype=object)
    return Inspected(rnn, X, names, _find_words(given, X.lengths))


def _find_words(given, lengths):
    """Return the words if X holds sentences split into words, one per step."""
    if not hasattr(given, "__iter__") or not hasattr(given, "__len__"):
        return None
    sentences = list(given)
    splits = [isinstance(s, list | tuple | np.ndarray) for s in sentences]
    if not all(splits) or [len(s) for s in sentences] != lengths.tolist():
        return None
    if not all(isinstance(word, str) for s in sentences for word in s):
        return None
    return [[str(word) for word in s] for s in sentences]


def unwrap(estimator, is_final=None):
    """Return the RNN estimator inside searches and pipelines, and its transformers.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. A search is replaced by its `best_estimator_`. A pipeline must end in an
        RNN estimator.
    is_final : callable, default=None
        Whether an estimator is the one. By default, the RNN estimators whose steps
        of X are those of the network: all but the forecaster.

    Returns
    -------
    rnn : BaseRNN
        The final estimator.
    transformers : list of transformer
        The fitted steps before it, in order.

    Raises
    ------
    TypeError
        If the final estimator is not an RNN estimator.
    NotFittedError
        If it is not fitted.
    """
    given, transformers = estimator, []
    is_final = _reads_sequences if is_final is None else is_final
    while not is_final(estimator):
        if isinstance(estimator, Pipeline):
            *before, (_, estimator) = estimator.steps
            transformers += [t for _, t in before if t not in (None, "passthrough")]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            raise _no_rnn(given, estimator)
    check_is_fitted(estimator)
    return estimator, transformers


def _reads_sequences(estimator):
    """Whether steps of X are those of the network, as they are not in a forecaster."""
    return isinstance(estimator, BaseRNN) and not isinstance(estimator, RNNForecaster)


def _no_rnn(given, estimator):
    if hasattr(estimator, "param_grid") or hasattr(estimator, "param_distributions"):
        return NotFittedError(
            f"This {type(estimator).__name__} has no best_estimator_ yet. Call 'fit', "
            "with refit=True, before it is inspected."
        )
    found = type(estimator).__name__
    inside = "" if estimator is given else f", which ends in {found}"
    return TypeError(
        "The 'estimator' parameter must be a fitted estimator of sklearn_rnn, a "
        "Pipeline that ends in one, or a search over one of these. Got "
        f"{type(given).__name__}{inside} instead."
    )


def _name_features(rnn, transformers, n_features):
    """Pass the names through the transformers; "x0", "x1", ... if there are none.

    If X is a table, its columns are steps, and the only feature is "x0".
    """
    names = None
    for transformer in transformers:
        try:
            names = transformer.get_feature_names_out(names)
        except (AttributeError, ValueError):  # has no names, or rejects these
            names = None
    if names is None and not reads_table(rnn):
        names = getattr(rnn, "feature_names_in_", None)
    if names is None or len(names) != n_features:
        names = [f"x{i}" for i in range(n_features)]
    return names


def name_outputs(rnn):
    """Return the names of the outputs of the estimator.

    Parameters
    ----------
    rnn : BaseRNN
        Fitted.

    Returns
    -------
    names : list of str
        The classes of a classifier or tagger; for a regressor, "y", or "y0", "y1", ...
        if it has several targets.
    """
    if hasattr(rnn, "classes_"):
        return [str(label) for label in rnn.classes_]
    if rnn.n_outputs_ == 1:
        return ["y"]
    return [f"y{i}" for i in range(rnn.n_outputs_)]


def choose_outputs(rnn, target):
    """Return the columns of the predictions that `target` selects.

    Parameters
    ----------
    rnn : BaseRNN
        Fitted.
    target : label, int or None
        One of the `classes_` of a classifier or tagger, or the index of a target of a
        regressor. None selects all.

    Returns
    -------
    columns : list of int
        Positions in `name_outputs`, in `classes_` and in the columns of
        `predict_proba`.

    Raises
    ------
    ValueError
        If there is no such class or target.
    """
    has_classes = hasattr(rnn, "classes_")
    choices = rnn.classes_.tolist() if has_classes else list(range(rnn.n_outputs_))
    if target is None:
        return list(range(len(choices)))
    if target not in choices:
        what = "classes" if has_classes else "targets"
        raise ValueError(
            f"The 'target' parameter must be None or one of the {what} {choices}. Got "
            f"{target!r} instead."
        )
    return [choices.index(target)]


def copy_module(rnn):
    """Return a copy of the network for tracing, in double precision on the CPU."""
    module = copy.deepcopy(rnn.module_).eval()
    on_cpu = next(module.parameters()).device.type == "cpu"
    return module.double() if on_cpu else module


def batches(X, rnn, *, max_rows=256, max_steps=65_536):
    """Split sequences into padded batches of similar length.

    Parameters
    ----------
    X : RaggedArray
        Input of the network, from `Inspected.index_tokens`.
    rnn : BaseRNN
        The tensors are created on its device.
    max_rows : int, default=256
        Maximum number of sequences per batch.
    max_steps : int, default=65_536
        Maximum number of steps per batch, including padding. A single longer sequence
        is a batch by itself.

    Yields
    ------
    rows : ndarray of shape (batch,)
        Indices of the sequences. Each sequence occurs in exactly one batch.
    x : Tensor of shape (batch, time, n_features)
        Values as float32, or row numbers of the embedding as int64.
    lengths : Tensor of shape (batch,) or None
        Number of steps of each sequence; None if there is no padding.
    """
    for rows in batches_by_length(X.lengths, max_rows, max_steps):
        device = next(rnn.module_.parameters()).device
        inputs = make_inputs(X, rows, device)
        yield rows, inputs["x"], inputs["lengths"]
