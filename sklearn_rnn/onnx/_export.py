"""`export`: a fitted estimator as a graph of ONNX."""

import json
import os
from typing import Any, NoReturn

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn import nn
from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._serialization import write_file
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn.onnx._graph import DOUBLE, INT64, Graph
from sklearn_rnn.onnx._modules import (
    UnsupportedModule,
    add_loss,
    add_model,
    add_path,
)
from sklearn_rnn.utils import get_version

_OPSET, _OPSET_ML, _IR_VERSION = 17, 3, 8
_TOLERANCE = 1e-5
_KINDS = RNNClassifier, RNNRegressor, RNNTagger, RNNStepRegressor
_PATH_TOLERANCE = 1e-3  # of the log-probability of a path
_INSTALL = "Export needs onnx and onnxruntime: pip install 'sklearn-rnn[onnx]'."


def export(
    estimator: Any, path: str | os.PathLike[str], *, check_X: Any = None
) -> None:
    """Write a fitted estimator as a graph of ONNX, which runs without Python.

    The graph holds all of the network: scaling or token ids, convolutions, recurrent
    layers, pooling, probabilities and labels. Batch size and number of steps are free.

    ============== ======================== ============================================
    Name           Shape                    Content
    ============== ======================== ============================================
    X              (batch, time, n)         Input: steps, float32, or token ids, int64.
                                            Padding follows the last step, and may hold
                                            anything.
    lengths        (batch,)                 Input: number of steps of each row, int64.
    label          (batch,)                 Output of classifiers: values of `classes_`,
                                            or with several labels a row of 0 and 1.
    probabilities  (batch, n_classes)       Output of classifiers.
    prediction     (batch, n_outputs)       Output of regressors, float64; with several
                                            quantiles (batch, n_outputs, n_quantiles).
    ============== ======================== ============================================

    :class:`~sklearn_rnn.RNNTagger` and :class:`~sklearn_rnn.RNNStepRegressor` have
    outputs at each step: (batch, time) and (batch, time, n). At padding they mean
    nothing. With ``crf=True`` the labels are those of the best path, and the
    probabilities are marginals.

    A category of a DataFrame is passed as its place, from 0 on, in the list of its
    column, which the metadata has as "categories", in JSON; -1 stands for an unknown
    one. Other categories and token ids are passed as they are, known or not.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, RNNTagger or RNNStepRegressor
        Fitted.
    path : str or path-like
        The file. One of this name is replaced.
    check_X : like X in `fit`, default=None
        Sequences for which the graph, run by onnxruntime, is compared with the
        estimator. If they differ by more than 1e-5 (of regressors: of the standard
        deviation of y), an error is raised, and no file is written. None: no
        comparison.

    Raises
    ------
    ImportError
        If onnx, or for `check_X` onnxruntime, is missing.
    TypeError
        If the estimator is another one, such as a pipeline.
    ValueError
        If a part of the network cannot be exported: a custom cell, or hooks. Or if the
        graph computes something else.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier, onnx
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 1)), np.arange(20) % 2
    >>> model = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.onnx")
    ...     onnx.export(model, path, check_X=X)
    """
    if type(estimator) not in _KINDS:
        raise TypeError(
            f"export takes one of {[kind.__name__ for kind in _KINDS]}. Got "
            f"{type(estimator).__name__} instead; of a Pipeline, export its last step."
        )
    check_is_fitted(estimator, "net_")
    try:
        data = _make_model(estimator)
    except UnsupportedModule as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be exported: {error}"
        ) from error
    if check_X is not None:
        _compare(estimator, data, check_X)
    write_file(path, data)


def _make_model(estimator: Any) -> bytes:
    """Return the bytes of a file."""
    try:
        from onnx import TensorProto, checker, helper
    except ImportError as error:
        raise ImportError(_INSTALL) from error

    _refuse_code(estimator.module_)
    graph = Graph()
    tokens = estimator._reads_tokens
    n_features = 1 if estimator._reads_table else estimator.n_features_in_
    kind = TensorProto.INT64 if tokens else TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info("X", kind, ["batch", "time", n_features]),
        helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
    ]
    vocabulary = estimator._vocabulary
    known = [] if vocabulary is None else vocabulary.known
    outputs = add_model(graph, estimator.module_, "X", "lengths", known)
    results = _add_answer(graph, estimator, outputs)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, type(estimator).__name__, inputs, results, graph.initializers
        ),
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid("ai.onnx.ml", _OPSET_ML),
        ],
        ir_version=_IR_VERSION,
        producer_name="sklearn_rnn",
        producer_version=get_version(),
    )
    helper.set_model_props(model, _describe(estimator))
    checker.check_model(model)
    return model.SerializeToString()


def _describe(estimator: Any) -> dict[str, str]:
    names = getattr(estimator, "feature_names_in_", ())
    categories = estimator._category_encoder.categories
    return {
        "class": type(estimator).__name__,
        "feature_names": "\n".join(map(str, names)),
        "categories": json.dumps(categories, default=str),
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
    }


def _refuse_code(module: Any) -> None:
    for place, part in module.named_modules():
        if nn.has_hooks(part):
            raise UnsupportedModule(f"module_.{place} has hooks, which are code.")


def _add_answer(graph: Graph, estimator: Any, outputs: str) -> list[Any]:
    """Add links and labels; return the outputs of the graph."""
    crf = getattr(estimator.module_, "crf", None)
    if crf is not None:
        number, predictions = add_path(graph, estimator.module_, outputs, "lengths")
    else:
        predictions = add_loss(graph, estimator._loss, outputs)
    if not hasattr(estimator, "classes_") and not hasattr(estimator, "predict_proba"):
        return [_add_scale(graph, estimator, predictions)]
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
        _name(graph, label, "label", kind, [*leading, n] if several else leading),
        _name(graph, predictions, "probabilities", np.dtype(np.float32), [*leading, n]),
    ]


def _add_scale(graph: Graph, estimator: Any, predictions: str) -> Any:
    """Bring predictions to the scale of y, in double precision."""
    targets = getattr(estimator._targets, "numbers", estimator._targets)
    doubles = graph.add("Cast", predictions, to=DOUBLE)
    scale, mean, levels = targets.scale, targets.mean, []
    if isinstance(estimator._loss, nn.Quantiles):
        scale, mean = scale[:, np.newaxis], mean[:, np.newaxis]
        levels = [len(estimator._loss.levels)]
    scaled = graph.add("Mul", doubles, graph.constant(scale, "scale"))
    result = graph.add("Add", scaled, graph.constant(mean, "mean"))
    per_step = isinstance(estimator, RNNStepRegressor)
    leading = ["batch", "time"] if per_step else ["batch"]
    shape = [*leading, len(targets.mean), *levels]
    return _name(graph, result, "prediction", np.dtype(np.float64), shape)


def _name(
    graph: Graph, value: str, name: str, dtype: np.dtype[Any], shape: list[Any]
) -> Any:
    from onnx import helper

    graph.nodes.append(helper.make_node("Identity", [value], [name]))
    code = np.dtype(object) if dtype.kind in "UO" else dtype
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(code), shape
    )


# Comparison ---------------------------------------------------------------------------


def _compare(estimator: Any, data: bytes, X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(_INSTALL) from error

    checked = estimator._check_X(X)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    fill = 0 if estimator._reads_tokens else np.nan
    inputs = {"X": checked.to_padded(fill), "lengths": checked.lengths}
    outputs = session.run(None, inputs)
    found = outputs[-1].astype(np.float64)
    per_step = isinstance(estimator, RNNTagger | RNNStepRegressor)
    if per_step:
        found = np.concatenate(_cut(found, checked.lengths))
    expected = _predict(estimator, X).reshape(found.shape)
    targets = getattr(estimator._targets, "numbers", estimator._targets)
    scale = np.asarray(getattr(targets, "scale", 1.0))
    if isinstance(estimator._loss, nn.Quantiles):
        scale = scale[:, np.newaxis]
    difference = np.abs(found - expected) / scale
    if not (difference <= _TOLERANCE * np.maximum(1, np.abs(expected / scale))).all():
        _raise_difference(estimator, f"it differs by {difference.max():.2g}")
    if getattr(estimator.module_, "crf", None) is not None:
        _compare_paths(estimator, X, _cut(outputs[0], checked.lengths))


def _cut(values: NDArray, lengths: NDArray) -> list[NDArray]:
    return [row[:n] for row, n in zip(values, lengths, strict=True)]


def _compare_paths(estimator: Any, X: Any, labels: list[NDArray]) -> None:
    """Raise ValueError if other paths are found, unless they are as probable."""
    found = estimator.path_log_proba(X, labels)
    best = estimator.path_log_proba(X, estimator.predict(X))
    if not (np.abs(found - best) <= _PATH_TOLERANCE).all():
        _raise_difference(estimator, "paths of labels are less probable")


def _raise_difference(estimator: Any, how: str) -> NoReturn:
    raise ValueError(
        f"{type(estimator).__name__} as a graph of ONNX predicts something else on "
        f"check_X: {how}. No file was written."
    )


def _predict(estimator: Any, X: Any) -> NDArray:
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(X)
    else:
        found = estimator.predict(X)
    if isinstance(found, RaggedArray):
        return found.values
    return np.concatenate(list(found)) if found.dtype == object else found
