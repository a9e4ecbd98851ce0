"""Translators: an encoder, and one step of the decoder, in a file each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn import nn
from sklearn_rnn._codecs import FIRST, shift
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn.onnx._files import (
    check_close,
    declare,
    make_file,
    name_output,
    run_file,
)
from sklearn_rnn.onnx._graph import Graph
from sklearn_rnn.onnx._modules import (
    LOWEST,
    add_carried_encoder,
    add_encoder,
    add_inputs,
    add_linear,
    add_tokens,
    count_units,
    set_padding,
)

_N_CHECKED = 8  # target tokens of each source of check_X


def make_translator(estimator: Any) -> dict[str, bytes]:
    """Return both files of an RNNTranslator."""
    return {".encoder": _make_encoder(estimator), ".decoder": _make_decoder(estimator)}


# Encoder ------------------------------------------------------------------------------


def _make_encoder(estimator: Any) -> bytes:
    graph, module = Graph(), estimator.module_
    reads_tokens = estimator._codec is not None
    n_features = 1 if reads_tokens else estimator.n_features_in_
    kind = np.int64 if reads_tokens else np.float32
    inputs = [
        declare("X", kind, ["batch", "time", n_features]),
        declare("lengths", np.int64, ["batch"]),
    ]
    if reads_tokens:
        vectors = add_tokens(graph, module.inputs, "X")
    else:
        vectors = add_inputs(graph, module.inputs, "X", [])
    vectors = set_padding(graph, vectors, "lengths")
    states, ends = add_encoder(graph, module.encoder, vectors, "lengths")
    start = _add_start(graph, module, ends)
    n_units = count_units(module.decoder.encoder)
    outputs = [name_output(graph, start, "state", np.float32, ["batch", n_units])]
    if estimator.attention:
        memory = set_padding(graph, states, "lengths")
        keys = add_linear(graph, module.decoder.key, memory)
        outputs += [
            name_output(graph, value, name, np.float32, ["batch", "time", size])
            for value, (name, size) in zip(
                (memory, keys), _list_memory(module), strict=True
            )
        ]
    tokens = {"tokens": estimator.tokens_.tolist()} if reads_tokens else {}
    return make_file(estimator, graph, inputs, outputs, **tokens)


def _list_memory(module: Any) -> list[tuple[str, int]]:
    """Return names and sizes of what the decoder reads of the source."""
    key = module.decoder.key
    return [("memory", key.in_features), ("keys", key.out_features)]


def _add_start(graph: Graph, module: Any, ends: str) -> str:
    """Add the states that the decoder begins with; cells of an LSTM are zeros."""
    bridge = graph.add("Tanh", add_linear(graph, module.bridge, ends))
    if not isinstance(module.decoder.encoder.forward_layers[0], nn.LSTM):
        return bridge
    zero, stops = graph.constant(np.float32(0)), np.cumsum(module.sizes)
    parts = []
    for begin, stop in zip(stops - module.sizes, stops, strict=True):
        places = graph.integers(*range(begin, stop))
        h = graph.add("Gather", bridge, places, axis=1)
        parts += [h, graph.add("Mul", h, zero)]
    return graph.add("Concat", *parts, axis=1)


# Decoder ------------------------------------------------------------------------------


def _make_decoder(estimator: Any) -> bytes:
    graph, decoder = Graph(), estimator.module_.decoder
    n_units, n_tokens = count_units(decoder.encoder), decoder.head.out_features
    inputs = [
        declare("y", np.int64, ["batch"]),
        declare("state", np.float32, ["batch", n_units]),
    ]
    if estimator.attention:
        inputs += [
            declare(name, np.float32, ["batch", "time", size])
            for name, size in _list_memory(estimator.module_)
        ]
        inputs.append(declare("lengths", np.int64, ["batch"]))
    column = graph.add("Unsqueeze", "y", graph.integers(1, 2))
    vectors = add_tokens(graph, decoder.inputs, column)
    ones = graph.add("Expand", graph.integers(1), graph.add("Shape", "y"))
    _, query, after = add_carried_encoder(
        graph, decoder.encoder, vectors, ones, "state"
    )
    if estimator.attention:
        query = graph.add("Concat", query, _add_context(graph, query), axis=1)
    combined = graph.add("Tanh", add_linear(graph, decoder.combine, query))
    logits = add_linear(graph, decoder.head, combined)
    log_p = graph.add("LogSoftmax", logits, axis=-1)
    shape = ["batch", n_tokens]
    outputs = [
        name_output(graph, log_p, "log_probabilities", np.float32, shape),
        name_output(graph, after, "state_after", np.float32, ["batch", n_units]),
    ]
    metadata = {
        "tokens": estimator.target_tokens_.tolist(),
        "max_length": estimator._find_max_length(),
    }
    return make_file(estimator, graph, inputs, outputs, **metadata)


def _add_context(graph: Graph, query: str) -> str:
    """Add the weighted mean of the states of the source, (batch, memory_size)."""
    row = graph.add("Unsqueeze", query, graph.integers(1))
    products = graph.add("Mul", "keys", row)
    scores = graph.add("ReduceSum", products, graph.integers(2))
    scores = set_padding(graph, scores, "lengths", LOWEST)
    weights = graph.add("Softmax", scores, axis=1)
    weighted = graph.add("Mul", weights, "memory")
    return graph.add("ReduceSum", weighted, graph.integers(1), keepdims=0)


# Comparison ---------------------------------------------------------------------------


def compare_translator(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else.

    The likelihoods of targets are compared, which have all tokens in turn.
    """
    n_tokens = len(estimator.target_tokens_)
    n = len(estimator._check_X(X))
    numbers = [
        np.resize(np.roll(np.arange(FIRST, n_tokens), -i), _N_CHECKED) for i in range(n)
    ]
    y = estimator._target_codec.decode(numbers)
    data = estimator._validate_pairs(X, y)
    found = _sum_steps(files, data.X, data.targets)
    check_close(estimator, found, estimator.score_samples(X, y))


def _sum_steps(files: dict[str, bytes], X: RaggedArray, y: RaggedArray) -> NDArray:
    """Return the log-likelihood of each target."""
    is_tokens = X.dtype.kind == "i"
    padded = X.to_padded(0 if is_tokens else np.nan)
    source = {"X": padded.astype(np.int64 if is_tokens else np.float32)}
    source["lengths"] = X.lengths
    found = run_file(files[".encoder"], source)
    state = found.pop("state")
    if found:
        found["lengths"] = X.lengths
    inputs, targets = (steps.to_padded(0)[..., 0] for steps in shift(y, end=True))
    total = np.zeros(len(X))
    for t in range(inputs.shape[1]):
        step = {"y": inputs[:, t], "state": state, **found}
        log_p, state = run_file(files[".decoder"], step).values()
        own = np.take_along_axis(log_p, targets[:, t : t + 1], axis=1)[:, 0]
        total += np.where(t <= y.lengths, own, 0)
    return total
