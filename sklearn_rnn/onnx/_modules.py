"""One function for each type of module: it adds the nodes that compute the module.

Sequences are (batch, time, features). `lengths` is the name of the number of valid
steps of each row, int64; padding is zeros wherever a module needs it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn import nn
from sklearn_rnn.onnx._crf import add_crf
from sklearn_rnn.onnx._graph import FLOAT, INT32, INT64, Graph, as_array

LOWEST = float(np.finfo(np.float32).min)
# places of ONNX's gates among those of torch
_GATES: dict[type, tuple[str, tuple[int, ...]]] = {
    nn.Elman: ("RNN", (0,)),
    nn.GRU: ("GRU", (1, 0, 2)),  # z, r, h of r, z, n
    nn.ResetBeforeGRU: ("GRU", (1, 0, 2)),
    nn.LSTM: ("LSTM", (0, 3, 1, 2)),  # i, o, f, c of i, f, g, o
}


class UnsupportedModule(ValueError):
    """A module has no function here."""


def add_inputs(graph: Graph, module: Any, x: str, known: Sequence[NDArray]) -> str:
    """Add the layer that turns raw steps into vectors.

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
    x : str
        Name of the steps.
    known : sequence of ndarray
        Known values of each group of columns that is embedded, in ascending order.
    """
    return _find(_INPUTS, module)(graph, module, x, known)


def add_loss(graph: Graph, loss: Any, outputs: str) -> str:
    """Add the link from outputs of the network to predictions."""
    return _find(_LOSSES, loss)(graph, outputs, loss)


def _find(table: dict[type, Any], module: Any) -> Any:
    if type(module) not in table:
        name = type(module).__name__
        raise UnsupportedModule(f"{name} has no operators of ONNX in this version.")
    return table[type(module)]


def _add_standardize(
    graph: Graph, module: Any, x: str, known: Sequence[NDArray]
) -> str:
    centred = graph.add("Sub", x, graph.constant(as_array(module.mean), "mean"))
    return graph.add("Div", centred, graph.constant(as_array(module.scale), "scale"))


def _add_embedding(graph: Graph, module: Any, x: str, known: Sequence[NDArray]) -> str:
    numbers = _add_numbers(graph, x, known[0], 1 + np.arange(len(known[0])))
    return add_tokens(graph, module, numbers)


def _add_numbers(graph: Graph, x: str, values: NDArray, numbers: NDArray) -> str:
    """Add the number of each value; 0 for others."""
    kind = "floats" if values.dtype.kind == "f" else "int64s"
    return graph.add(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        **{f"keys_{kind}": values.tolist()},
        values_int64s=numbers.tolist(),
        default_int64=0,
    )


def add_tokens(graph: Graph, module: Any, numbers: str) -> str:
    """Add the vectors of numbers of tokens, (batch, time, 1)."""
    return _look_up(graph, module, graph.add("Squeeze", numbers, graph.integers(-1)))


def _look_up(graph: Graph, module: Any, rows: str) -> str:
    table = graph.constant(as_array(module.table.weight), "table")
    return graph.add("Gather", table, rows, axis=0)


def _add_columns(graph: Graph, module: Any, x: str, known: Sequence[NDArray]) -> str:
    """Add standardised numbers, then a vector of each group of columns."""
    parts = []
    if module.standardize is not None:
        numbers = graph.add("Gather", x, graph.integers(*module.numbers), axis=-1)
        parts.append(_add_standardize(graph, module.standardize, numbers, ()))
    groups = zip(module.columns, module.embeddings, known, strict=True)
    for columns, embedding, values in groups:
        chosen = graph.add("Gather", x, graph.integers(*columns), axis=-1)
        parts.append(add_inputs(graph, embedding, chosen, [values]))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=-1)


def _add_words(graph: Graph, module: Any, x: str, known: Sequence[NDArray]) -> str:
    """Add the vectors of words from their characters; 0 is the end of a word."""
    shape = graph.add("Shape", x)
    last = graph.add("Slice", shape, graph.integers(2), graph.integers(3))
    flat = graph.add("Concat", graph.integers(-1), last, axis=0)
    x = graph.add("Reshape", x, flat)
    is_end = graph.add("Equal", x, graph.constant(np.zeros(1, known[0].dtype)))
    counts = graph.add("Cast", graph.add("Not", is_end), to=INT64)
    lengths = graph.add("ReduceSum", counts, graph.integers(1), keepdims=0)
    lengths = graph.add("Max", lengths, graph.constant(np.int64(1)))
    characters = _look_up(
        graph, module, _add_numbers(graph, x, known[0], 1 + np.arange(len(known[0])))
    )
    _, ends = add_encoder(graph, module.encoder, characters, lengths)
    leading = graph.add("Slice", shape, graph.integers(0), graph.integers(2))
    size = graph.integers(module.output_size)
    return graph.add("Reshape", ends, graph.add("Concat", leading, size, axis=0))


_INPUTS: dict[type, Callable[[Graph, Any, str, Sequence[NDArray]], str]] = {
    nn.Standardize: _add_standardize,
    nn.TokenEmbedding: _add_embedding,
    nn.ColumnInputs: _add_columns,
    nn.WordEncoder: _add_words,
}


def add_mask(graph: Graph, x: str, lengths: str) -> str:
    """Add a mask, (batch, time, 1), that is true at the valid steps of x."""
    shape = graph.add("Shape", x)
    n_steps = graph.add("Gather", shape, graph.constant(np.int64(1)), axis=0)
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    steps = graph.add("Range", zero, n_steps, one)
    column = graph.add("Unsqueeze", lengths, graph.integers(1))
    return graph.add("Unsqueeze", graph.add("Less", steps, column), graph.integers(2))


def set_padding(graph: Graph, x: str, lengths: str, value: float = 0.0) -> str:
    """Replace padding, which may be NaN."""
    mask = add_mask(graph, x, lengths)
    return graph.add("Where", mask, x, graph.constant(np.float32(value), "padding"))


def add_linear(graph: Graph, layer: Any, x: str) -> str:
    """Add a linear layer over the last axis."""
    weight = graph.constant(as_array(layer.weight).T.copy(), "weight")
    product = graph.add("MatMul", x, weight)
    if layer.bias is None:
        return product
    return graph.add("Add", product, graph.constant(as_array(layer.bias), "bias"))


def add_stem(graph: Graph, stem: Any, x: str, lengths: str) -> tuple[str, str]:
    """Add convolutions; return the steps that are left, and how many there are."""
    for layer, stride in zip(stem.list_layers(), stem.strides, strict=True):
        parts = [
            add_convolution(graph, convolution, norm, x, stride)
            for convolution, norm in layer
        ]
        x = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=-1)
        before = graph.constant(np.int64(stride - 1))
        rounded = graph.add("Add", lengths, before)
        lengths = graph.add("Div", rounded, graph.constant(np.int64(stride)))
        x = set_padding(graph, x, lengths)
    return x, lengths


def add_convolution(
    graph: Graph, convolution: Any, norm: Any, x: str, stride: int
) -> str:
    """Add a convolution over time, its normalisation and ReLU."""
    kernel_size = convolution.kernel_size[0]
    left = (kernel_size - 1) // 2
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    x = graph.add(
        "Conv",
        x,
        graph.constant(as_array(convolution.weight), "weight"),
        graph.constant(as_array(convolution.bias), "bias"),
        pads=[left, kernel_size - 1 - left],
        strides=[stride],
    )
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    if isinstance(norm, torch.nn.LayerNorm):
        x = graph.add(
            "LayerNormalization",
            x,
            graph.constant(as_array(norm.weight), "weight"),
            graph.constant(as_array(norm.bias), "bias"),
            axis=-1,
            epsilon=norm.eps,
        )
    return graph.add("Relu", x)


def add_random_branch(graph: Graph, branch: Any, x: str, lengths: str) -> str:
    """Add convolutions that are not trained, and the linear layer on them."""
    features = _add_random_convolutions(graph, branch.convolutions, x, lengths)
    if branch.last_steps is not None:
        last = _add_last_steps(graph, branch.last_steps, x, lengths)
        features = graph.add("Concat", last, features, axis=1)
    outputs = add_linear(graph, branch, features)
    if not branch.has_limits:
        return outputs
    highest, lowest = (
        graph.constant(as_array(limit), "limit")
        for limit in (branch.highest, branch.lowest)
    )
    return graph.add("Max", graph.add("Min", outputs, highest), lowest)


def add_ngram_branch(graph: Graph, branch: Any, tokens: str, lengths: str) -> str:
    """Add n-grams of the numbers of tokens, and the linear layer on them."""
    keys = _add_keys(graph, branch, _add_digits(graph, branch, tokens, lengths))
    known = as_array(branch.keys)
    rows = _add_numbers(graph, keys, known, np.arange(len(known)))
    table = graph.constant(as_array(branch.table), "table")
    values = graph.add("Gather", table, rows, axis=0)
    sums = graph.add("ReduceSum", values, graph.integers(1), keepdims=0)
    sizes = graph.integers(1, len(branch.bias))
    squares, sums = graph.add("Split", sums, sizes, n_outputs=2, axis=1)
    squares = graph.add("Max", squares, graph.constant(np.float32(1)))
    outputs = graph.add("Div", sums, graph.add("Sqrt", squares))
    return graph.add("Add", outputs, graph.constant(as_array(branch.bias), "bias"))


def _add_digits(graph: Graph, branch: Any, tokens: str, lengths: str) -> str:
    """Add the digits of n-grams, with padding for windows that begin at each of them.

    See `NGramBranch`.
    """
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    digits = graph.add("Squeeze", tokens, graph.integers(-1))
    digits = graph.add("Add", digits, one)
    digits = graph.add("Pad", digits, graph.integers(0, 1, 0, branch.longest))
    shape = graph.add("Shape", digits)
    n_places = graph.add("Gather", shape, one, axis=0)
    place = graph.add("Range", zero, n_places, one)
    column = graph.add("Unsqueeze", lengths, graph.integers(1))
    after = graph.add("Sub", place, column)
    digits = graph.add("Where", graph.add("Greater", after, one), zero, digits)
    for is_marker, digit in (
        (graph.add("Equal", after, one), branch.end),
        (graph.add("Equal", place, zero), branch.begin),
    ):
        marker = graph.constant(np.int64(digit), "marker")
        digits = graph.add("Where", is_marker, marker, digits)
    return digits


def _add_keys(graph: Graph, branch: Any, digits: str) -> str:
    """Add the numbers of all n-grams, (batch, number of n-grams)."""
    zero = graph.constant(np.int64(0))
    begin = graph.constant(np.int64(branch.begin), "marker")
    radix = graph.constant(np.int64(branch.radix), "radix")
    found, keys = [], ""
    for j in range(branch.longest):
        stop = j + 1 - branch.longest or np.iinfo(np.int64).max
        bounds = map(graph.integers, (j, stop, 1))
        last = graph.add("Slice", digits, *bounds)
        if not keys:
            keys = last
            is_token = graph.add("Less", last, begin)
            found.append(graph.add("Where", is_token, last, zero))
            continue
        is_valid = graph.add(
            "And", *(graph.add("Greater", part, zero) for part in (keys, last))
        )
        longer = graph.add("Add", graph.add("Mul", keys, radix), last)
        keys = graph.add("Where", is_valid, longer, zero)
        found.append(keys)
    return graph.add("Concat", *found, axis=1)


def _add_last_steps(graph: Graph, module: Any, x: str, lengths: str) -> str:
    """Add the mean of all steps and the last ones; x is zero at padding."""
    back = graph.integers(*range(1, module.n_steps + 1))
    counts = graph.add("Unsqueeze", lengths, graph.integers(1))
    places = graph.add("Sub", counts, back)
    zero = graph.constant(np.int64(0))
    index = graph.add("Unsqueeze", graph.add("Max", places, zero), graph.integers(2))
    steps = graph.add("GatherND", x, index, batch_dims=1)
    exists = graph.add(
        "Unsqueeze", graph.add("GreaterOrEqual", places, zero), graph.integers(2)
    )
    steps = graph.add("Where", exists, steps, graph.constant(np.float32(0)))
    steps = graph.add("Flatten", steps)
    outputs = graph.add("Concat", _add_mean(graph, x, lengths), steps, axis=1)
    outputs = _add_standardize(graph, module, outputs, ())
    bounds = (np.float32(bound) for bound in (-module.bound, module.bound))
    return graph.add("Clip", outputs, *(graph.constant(b, "bound") for b in bounds))


def _add_random_convolutions(graph: Graph, module: Any, x: str, lengths: str) -> str:
    """Add convolutions that are not trained, pooled in two ways."""
    width = graph.constant(np.float32(module.WIDTH))
    least = graph.constant(np.float32(module.SMALLEST_MEAN))
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    means = []
    for weight, threshold, dilation in module.list_groups():
        side = dilation * (weight.shape[-1] // 2)
        outputs = graph.add(
            "Conv",
            x,
            graph.constant(as_array(weight), "weight"),
            graph.constant(as_array(-threshold), "bias"),
            dilations=[dilation],
            pads=[side, side],
        )
        outputs = graph.add("Transpose", outputs, perm=[0, 2, 1])
        above = outputs, graph.add("Sub", outputs, width)
        means.append(
            [_add_mean(graph, graph.add("Relu", part), lengths) for part in above]
        )
    low, high = (
        parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
        for parts in zip(*means, strict=True)
    )
    pooled = (
        graph.add("Sqrt", graph.add("Add", low, least)),
        graph.add("Div", graph.add("Sub", low, high), width),
    )
    pairs = [graph.add("Unsqueeze", part, graph.integers(2)) for part in pooled]
    features = graph.add("Flatten", graph.add("Concat", *pairs, axis=2))
    return _add_standardize(graph, module, features, ())


def add_encoder(graph: Graph, encoder: Any, x: str, lengths: str) -> tuple[str, str]:
    """Add all recurrent layers; return the states of all steps, and the last ones.

    The last state of the backward direction is the one at the first step.
    """
    counts = graph.add("Cast", lengths, to=INT32)
    ends = ""
    for index in range(len(encoder.forward_layers)):
        layers = encoder.get_directions(index)
        x, last = _add_layer(graph, layers, x, counts)
        ends = _join_directions(graph, last[0])
    return x, ends


def add_carried_encoder(
    graph: Graph, encoder: Any, x: str, lengths: str, state: str
) -> tuple[str, str, str]:
    """Add recurrent layers of one direction that begin with given states.

    Parameters
    ----------
    graph : Graph
    encoder : Encoder
    x, lengths : str
        As for `add_encoder`.
    state : str
        States before the first step, (batch, `count_units`): those of all layers side
        by side, and after that of an LSTM its cell.

    Returns
    -------
    states : str
        States of all steps of the last layer.
    end : str
        The last of them.
    after : str
        States after the last step, like `state`.
    """
    counts = graph.add("Cast", lengths, to=INT32)
    sizes = _list_state_sizes(encoder)
    parts = _split(graph, state, sizes)
    end, after = "", []
    for layer in encoder.forward_layers:
        start = [parts.pop(0) for _ in range(_count_states(layer))]
        start = [graph.add("Unsqueeze", part, graph.integers(0)) for part in start]
        x, last = _add_layer(graph, [layer], x, counts, start)
        last = [_join_directions(graph, part) for part in last]
        end = last[0]
        after += last
    return x, end, after[0] if len(after) == 1 else graph.add("Concat", *after, axis=1)


def count_units(encoder: Any) -> int:
    """Return the size of the states of all layers of one direction."""
    return sum(_list_state_sizes(encoder))


def _list_state_sizes(encoder: Any) -> list[int]:
    layers = encoder.forward_layers
    return [layer.hidden_size for layer in layers for _ in range(_count_states(layer))]


def _count_states(layer: Any) -> int:
    return 2 if type(layer) is nn.LSTM else 1


def _split(graph: Graph, x: str, sizes: Sequence[int]) -> list[str]:
    if len(sizes) == 1:
        return [x]
    return graph.add("Split", x, graph.integers(*sizes), n_outputs=len(sizes), axis=1)


def _add_layer(
    graph: Graph, layers: Any, x: str, counts: str, start: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Add one layer; its last states are (directions, batch, hidden)."""
    operator, order = _find(_GATES, layers[0])
    options: dict[str, Any] = {
        "hidden_size": layers[0].hidden_size,
        "direction": "forward" if len(layers) == 1 else "bidirectional",
    }
    if operator == "GRU":
        options["linear_before_reset"] = int(type(layers[0]) is nn.GRU)
    if operator == "RNN":
        names = {"tanh": "Tanh", "relu": "Relu"}
        options["activations"] = [names[layer.rnn.nonlinearity] for layer in layers]
    weights = [[as_array(weight) for weight in layer.weights] for layer in layers]
    w, r, b_w, b_r = (
        np.stack([_reorder(own[k], order) for own in weights]) for k in range(4)
    )
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    outputs, *last = graph.add(
        operator,
        x,
        graph.constant(w, "W"),
        graph.constant(r, "R"),
        graph.constant(np.concatenate([b_w, b_r], axis=1), "B"),
        counts,
        *start,
        n_outputs=1 + _count_states(layers[0]),
        **options,
    )
    # from (time, directions, batch, hidden)
    outputs = graph.add("Transpose", outputs, perm=[2, 0, 1, 3])
    return graph.add("Reshape", outputs, graph.integers(0, 0, -1)), last


def _join_directions(graph: Graph, last: str) -> str:
    """Bring last states, (directions, batch, hidden), side by side."""
    last = graph.add("Transpose", last, perm=[1, 0, 2])
    return graph.add("Reshape", last, graph.integers(0, -1))


def _reorder(weight: NDArray, order: tuple[int, ...]) -> NDArray:
    gates = np.split(weight, len(order))
    return np.concatenate([gates[k] for k in order])


def add_pooling(
    graph: Graph, pooling: Any, states: str, ends: str, lengths: str
) -> str:
    """Add the pooling of all states to one vector."""
    if pooling.kind == "last":
        return ends
    if pooling.kind == "attention":
        return _add_attention(graph, pooling, states, lengths)
    parts = []
    if pooling.kind.startswith("mean"):
        parts.append(_add_mean(graph, states, lengths))
    if pooling.kind.endswith("max"):
        low = set_padding(graph, states, lengths, LOWEST)
        parts.append(graph.add("ReduceMax", low, axes=[1], keepdims=0))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _add_mean(graph: Graph, states: str, lengths: str) -> str:
    zeros = set_padding(graph, states, lengths)
    total = graph.add("ReduceSum", zeros, graph.integers(1), keepdims=0)
    count = graph.add("Unsqueeze", lengths, graph.integers(1))
    return graph.add("Div", total, graph.add("Cast", count, to=FLOAT))


def _add_attention(graph: Graph, pooling: Any, states: str, lengths: str) -> str:
    hidden = graph.add("Tanh", add_linear(graph, pooling.project, states))
    scores = add_linear(graph, pooling.score, hidden)
    scores = set_padding(graph, scores, lengths, LOWEST)
    weights = graph.add("Softmax", scores, axis=1)
    weighted = graph.add("Mul", weights, set_padding(graph, states, lengths))
    return graph.add("ReduceSum", weighted, graph.integers(1), keepdims=0)


# Losses -------------------------------------------------------------------------------


def _add_mean_of_gaussian(graph: Graph, outputs: str, loss: Any) -> str:
    return graph.add("Split", outputs, n_outputs=2, axis=-1)[0]


def _add_quantiles(graph: Graph, outputs: str, loss: Any) -> str:
    """Add quantiles on a last axis; each is its neighbour and a positive distance."""
    n_levels = loss.outputs_per_target
    raw = graph.add("Split", outputs, n_outputs=n_levels, axis=-1)
    middle = n_levels // 2
    found = {middle: raw[middle]}
    for k in range(middle - 1, -1, -1):
        found[k] = graph.add("Sub", found[k + 1], _add_squareplus(graph, raw[k]))
    for k in range(middle + 1, n_levels):
        found[k] = graph.add("Add", found[k - 1], _add_squareplus(graph, raw[k]))
    columns = [
        graph.add("Unsqueeze", found[k], graph.integers(-1)) for k in range(n_levels)
    ]
    return graph.add("Concat", *columns, axis=-1)


def _add_squareplus(graph: Graph, x: str) -> str:
    four, half = (graph.constant(np.float32(v)) for v in (4, 0.5))
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", x, x), four))
    return graph.add("Mul", graph.add("Add", x, root), half)


def _leave(graph: Graph, outputs: str, loss: Any) -> str:
    return outputs


_LOSSES: dict[type, Callable[[Graph, str, Any], str]] = {
    nn.CrossEntropy: lambda graph, outputs, _: graph.add("Softmax", outputs, axis=-1),
    nn.BinaryCrossEntropy: lambda graph, outputs, _: graph.add("Sigmoid", outputs),
    **dict.fromkeys(nn.REGRESSION_LOSSES.values(), _leave),
    nn.REGRESSION_LOSSES["poisson"]: lambda graph, outputs, _: graph.add(
        "Exp", outputs
    ),
    nn.REGRESSION_LOSSES["gaussian"]: _add_mean_of_gaussian,
    nn.Quantiles: _add_quantiles,
}


def add_path(graph: Graph, module: Any, outputs: str, lengths: str) -> tuple[str, str]:
    """Add the labels of the best path of a CRF, and the probability of each label."""
    return add_crf(graph, module.crf, outputs, add_mask(graph, outputs, lengths))


def add_model(
    graph: Graph, module: Any, x: str, lengths: str, known: Sequence[NDArray]
) -> str:
    """Add a whole network; return the name of its outputs."""
    inputs = add_inputs(graph, module.inputs, x, known)
    vectors = inputs = set_padding(graph, inputs, lengths)
    counts = lengths
    if module.stem is not None:
        vectors, lengths = add_stem(graph, module.stem, vectors, lengths)
    states, ends = add_encoder(graph, module.encoder, vectors, lengths)
    if isinstance(module, nn.SequenceModel):
        states = add_pooling(graph, module.pooling, states, ends, lengths)
        if module.stem_pooling is not None:
            beside = add_pooling(graph, module.stem_pooling, vectors, ends, lengths)
            states = graph.add("Concat", states, beside, axis=-1)
    outputs = add_linear(graph, module.head, states)
    if getattr(module, "random_branch", None) is not None:
        beside = add_random_branch(graph, module.random_branch, inputs, counts)
        outputs = _mix(graph, module.random_branch, outputs, beside)
    if getattr(module, "ngram_branch", None) is not None:
        tokens = _add_numbers(graph, x, known[0], 1 + np.arange(len(known[0])))
        beside = add_ngram_branch(graph, module.ngram_branch, tokens, counts)
        outputs = _mix(graph, module.ngram_branch, outputs, beside)
    return outputs


def _mix(graph: Graph, branch: Any, outputs: str, beside: str) -> str:
    """Add the mean of the outputs of a network and of a branch."""
    share = as_array(branch.network_share)
    outputs = graph.add("Mul", outputs, graph.constant(share, "share"))
    beside = graph.add("Mul", beside, graph.constant(1 - share, "share"))
    return graph.add("Add", outputs, beside)


def add_frames(
    graph: Graph, module: Any, x: str, lengths: str, known: Sequence[NDArray]
) -> tuple[str, str]:
    """Add a network for CTC; return the scores of all frames, and their numbers."""
    vectors = set_padding(graph, add_inputs(graph, module.inputs, x, known), lengths)
    if module.stem is not None:
        vectors, lengths = add_stem(graph, module.stem, vectors, lengths)
    states, _ = add_encoder(graph, module.encoder, vectors, lengths)
    outputs = add_linear(graph, module.head, states)
    n_outputs = module.head.out_features // module.upsample
    scores = graph.add("Reshape", outputs, graph.integers(0, -1, n_outputs))
    upsample = graph.constant(np.int64(module.upsample), "upsample")
    return scores, graph.add("Mul", lengths, upsample)
