"""Generators: the probabilities of the next step, and states to go on from."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn._codecs import BOUNDARY, shift
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn.onnx._files import (
    check_close,
    declare,
    make_file,
    name_output,
    run_file,
)
from sklearn_rnn.onnx._graph import Graph, as_array
from sklearn_rnn.onnx._modules import (
    add_carried_encoder,
    add_inputs,
    add_linear,
    add_tokens,
    count_units,
    set_padding,
)


def make_generator(estimator: Any) -> dict[str, bytes]:
    """Return the file of an RNNGenerator."""
    graph, module = Graph(), estimator.module_
    n_units = count_units(module.encoder)
    vectors = set_padding(graph, _add_vectors(graph, estimator), "lengths")
    _, end, after = add_carried_encoder(
        graph, module.encoder, vectors, "lengths", "state"
    )
    if isinstance(module.projection, torch.nn.Linear):
        end = add_linear(graph, module.projection, end)
    logits = add_linear(graph, module.head, end)
    shape = ["batch", module.head.out_features]
    if estimator._codec is None:
        p = graph.add("Sigmoid", logits)
        found = name_output(graph, p, "probabilities", np.float32, shape)
    else:
        log_p = _add_log_probabilities(graph, estimator, logits)
        found = name_output(graph, log_p, "log_probabilities", np.float32, shape)
    state = name_output(graph, after, "state_after", np.float32, ["batch", n_units])
    data = make_file(
        estimator,
        graph,
        _declare_inputs(estimator, n_units),
        [found, state],
        **_list_tokens(estimator),
    )
    return {"": data}


def _declare_inputs(estimator: Any, n_units: int) -> list[Any]:
    notes = estimator._codec is None
    n_columns = estimator.module_.head.out_features if notes else 1
    kind = np.float32 if notes else np.int64
    inputs = [
        declare("X", kind, ["batch", "time", n_columns]),
        declare("lengths", np.int64, ["batch"]),
        declare("state", np.float32, ["batch", n_units]),
    ]
    if estimator.classes_ is not None:
        inputs.append(declare("y", np.int64, ["batch"]))
    return inputs


def _list_tokens(estimator: Any) -> dict[str, Any]:
    """Return the metadata: tokens and classes, in the order of their numbers."""
    found = {}
    if estimator.tokens_ is not None:
        found["tokens"] = estimator.tokens_.tolist()
    if estimator.classes_ is not None:
        found["classes"] = estimator.classes_.tolist()
    return found


def _add_vectors(graph: Graph, estimator: Any) -> str:
    """Add what the first layer makes of the steps, and of the class."""
    inputs = estimator.module_.inputs
    has_classes = estimator.classes_ is not None
    reader = inputs.inputs if has_classes else inputs
    if estimator._codec is None:
        vectors = add_inputs(graph, reader, "X", [])
    else:
        vectors = add_tokens(graph, reader, "X")
    if not has_classes:
        return vectors
    table = graph.constant(as_array(inputs.classes.weight)[1:], "classes")
    own = graph.add("Gather", table, "y", axis=0)
    return graph.add("Add", vectors, graph.add("Unsqueeze", own, graph.integers(1)))


def _add_log_probabilities(graph: Graph, estimator: Any, logits: str) -> str:
    if not estimator.end_token:  # sequences have no end
        offsets = np.zeros(estimator.module_.head.out_features, np.float32)
        offsets[BOUNDARY] = -np.inf
        logits = graph.add("Add", logits, graph.constant(offsets, "offsets"))
    return graph.add("LogSoftmax", logits, axis=-1)


# Comparison ---------------------------------------------------------------------------


def compare_generator(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else.

    Sequences are read at once, and their first step before the others. Each class is
    the one of some sequences.
    """
    classes = estimator.classes_
    n = len(estimator._check_X(X))
    y = None if classes is None else np.resize(classes, n)
    data = estimator._validate_pairs(X, y)
    steps, _ = shift(data.X, end=True)
    expected = estimator.predict_proba(X, y)
    if estimator._codec is not None:
        with np.errstate(divide="ignore"):
            expected = np.log(expected)
    codes = None if classes is None else data.targets
    state = np.zeros((n, count_units(estimator.module_.encoder)), np.float32)
    inputs = _make_inputs(estimator, steps, state, codes)
    found, _ = run_file(files[""], inputs).values()
    check_close(estimator, found.astype(np.float64), expected)
    longer = np.flatnonzero(steps.lengths > 1)
    if len(longer) == 0:
        return
    first = {**inputs, "X": inputs["X"][:, :1], "lengths": np.ones(n, np.int64)}
    _, state = run_file(files[""], first).values()
    rest = {name: value[longer] for name, value in inputs.items()}
    rest["X"], rest["state"] = rest["X"][:, 1:], state[longer]
    rest["lengths"] = rest["lengths"] - 1
    found, _ = run_file(files[""], rest).values()
    check_close(estimator, found.astype(np.float64), expected[longer])


def _make_inputs(
    estimator: Any, steps: RaggedArray, state: NDArray, codes: NDArray | None
) -> dict[str, NDArray]:
    padded = steps.to_padded(0)
    kind = np.float32 if estimator._codec is None else np.int64
    inputs = {"X": padded.astype(kind), "lengths": steps.lengths, "state": state}
    return inputs if codes is None else {**inputs, "y": codes}
