"""Classifiers, regressors, taggers and step regressors: one graph."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn import nn
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn.onnx._files import (
    check_close,
    cut,
    declare,
    make_file,
    name_output,
    raise_difference,
    run_file,
)
from sklearn_rnn.onnx._graph import DOUBLE, INT64, Graph
from sklearn_rnn.onnx._modules import add_loss, add_model, add_path

_PATH_TOLERANCE = 1e-3  # of the log-probability of a path


def make_answers(estimator: Any) -> dict[str, bytes]:
    """Return the file of an estimator that predicts labels or numbers."""
    graph = Graph()
    vocabulary = estimator._vocabulary
    known = [] if vocabulary is None else vocabulary.known
    outputs = add_model(graph, estimator.module_, "X", "lengths", known)
    results = _add_answer(graph, estimator, outputs)
    categories = estimator._category_encoder.categories
    inputs = declare_sequences(estimator)
    return {"": make_file(estimator, graph, inputs, results, categories=categories)}


def declare_sequences(estimator: Any) -> list[Any]:
    """Return the descriptions of the inputs X and lengths."""
    kind = np.int64 if estimator._reads_tokens else np.float32
    n_features = 1 if estimator._reads_table else estimator.n_features_in_
    return [
        declare("X", kind, ["batch", "time", n_features]),
        declare("lengths", np.int64, ["batch"]),
    ]


def pad_sequences(estimator: Any, X: RaggedArray) -> dict[str, NDArray]:
    """Return the values of the inputs X and lengths; padding is NaN if it can be."""
    fill = 0 if estimator._reads_tokens else np.nan
    return {"X": X.to_padded(fill), "lengths": X.lengths}


def _add_answer(graph: Graph, estimator: Any, outputs: str) -> list[Any]:
    """Add links and labels; return the outputs of the graph."""
    crf = getattr(estimator.module_, "crf", None)
    if crf is not None:
        number, predictions = add_path(graph, estimator.module_, outputs, "lengths")
    else:
        predictions = add_loss(graph, estimator._loss, outputs)
    if not hasattr(estimator, "classes_") and not hasattr(estimator, "predict_proba"):
        return [_add_numbers(graph, estimator, predictions)]
    several = isinstance(estimator._loss, nn.BinaryCrossEntropy)
    if several:
        half = graph.constant(np.float32(0.5))
        label = graph.add("Cast", graph.add("Greater", predictions, half), to=INT64)
        kind = np.dtype(np.int64)
    else:
        if crf is None:
            number = graph.add("ArgMax", predictions, axis=-1, keepdims=0)
        classes = estimator.classes_
        if classes.dtype.kind in "biu":
            classes = classes.astype(np.int64)
        label = graph.add("Gather", graph.constant(classes, "classes"), number)
        kind = classes.dtype
    per_step = isinstance(estimator, RNNTagger)
    leading = ["batch", "time"] if per_step else ["batch"]
    n = len(estimator.classes_)
    return [
        name_output(graph, label, "label", kind, [*leading, n] if several else leading),
        name_output(
            graph, predictions, "probabilities", np.dtype(np.float32), [*leading, n]
        ),
    ]


def _add_numbers(graph: Graph, estimator: Any, predictions: str) -> Any:
    result = add_scale(graph, estimator, predictions)
    leading = ["batch"]
    if isinstance(estimator, RNNStepRegressor):
        leading = ["batch", "time"]
    shape = [*leading, len(_find_scale(estimator)[0])]
    if isinstance(estimator._loss, nn.Quantiles):
        shape.append(len(estimator._loss.levels))
    return name_output(graph, result, "prediction", np.float64, shape)


def add_scale(graph: Graph, estimator: Any, predictions: str) -> str:
    """Bring predictions to the scale of y, in double precision."""
    doubles = graph.add("Cast", predictions, to=DOUBLE)
    scale, mean = _find_scale(estimator)
    if isinstance(estimator._loss, nn.Quantiles):
        scale, mean = scale[:, np.newaxis], mean[:, np.newaxis]
    scaled = graph.add("Mul", doubles, graph.constant(scale, "scale"))
    return graph.add("Add", scaled, graph.constant(mean, "mean"))


def _find_scale(estimator: Any) -> tuple[NDArray, NDArray]:
    targets = getattr(estimator._targets, "numbers", estimator._targets)
    return targets.scale, targets.mean


# Comparison ---------------------------------------------------------------------------


def compare_answers(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else."""
    checked = estimator._check_X(X)
    outputs = list(run_file(files[""], pad_sequences(estimator, checked)).values())
    found = outputs[-1].astype(np.float64)
    if isinstance(estimator, RNNTagger | RNNStepRegressor):
        found = np.concatenate(cut(found, checked.lengths))
    expected = _predict(estimator, X).reshape(found.shape)
    targets = getattr(estimator._targets, "numbers", estimator._targets)
    scale = np.asarray(getattr(targets, "scale", 1.0))
    if isinstance(estimator._loss, nn.Quantiles):
        scale = scale[:, np.newaxis]
    check_close(estimator, found, expected, scale)
    if getattr(estimator.module_, "crf", None) is not None:
        _compare_paths(estimator, X, cut(outputs[0], checked.lengths))


def _compare_paths(estimator: Any, X: Any, labels: list[NDArray]) -> None:
    """Raise ValueError if other paths are found, unless they are as probable."""
    found = estimator.path_log_proba(X, labels)
    best = estimator.path_log_proba(X, estimator.predict(X))
    if not (np.abs(found - best) <= _PATH_TOLERANCE).all():
        raise_difference(estimator, "paths of labels are less probable")


def _predict(estimator: Any, X: Any) -> NDArray:
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(X)
    else:
        found = estimator.predict(X)
    if isinstance(found, RaggedArray):
        return found.values
    return np.concatenate(list(found)) if found.dtype == object else found
