"""One sequence at a time, and one step at a time. Part of bench_speed.py.

onnxruntime runs the file that `sklearn_rnn.onnx.export` writes: standardisation,
network and link function. For a step, there is torch's cell, without all that, in one
thread: two take ten times as long.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from _peers import N_CLASSES
from _timing import show_ratio, time_in_turn

import sklearn_rnn.onnx
from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.nn import find_packed_network

N_STEPS, N_FEATURES, HIDDEN = 100, 8, 64
N_SEQUENCES, N_UPDATES = 200, 2000
PLAIN = {"bidirectional": False, "conv_channels": None, "pooling": "last"}


def fit(params):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, N_STEPS, N_FEATURES)).astype("f4")
    options = {"max_epochs": 1, "hidden_size": HIDDEN, "random_state": 0}
    return RNNClassifier(**options, **params).fit(X, np.arange(64) % N_CLASSES), X


def make_session(classifier, x):
    """Return a function that runs the exported classifier."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        sklearn_rnn.onnx.export(classifier, path, check_X=x)
        session = onnxruntime.InferenceSession(str(path), options)
    lengths = np.array([x.shape[1]], np.int64)
    given = {i.name: lengths if "int" in i.type else x for i in session.get_inputs()}
    return lambda: session.run(None, given)


def repeat(function, n):
    def run():
        for _ in range(n):
            function()

    return run


def compare_single(params, n_rounds):
    """Return ratios of onnxruntime to the network alone and to `predict_proba`."""
    classifier, X = fit(params)
    x = X[:1]
    steps, first = RaggedArray.from_sequences(x), np.zeros(1, np.intp)

    @torch.inference_mode()
    def network():
        packed = find_packed_network(classifier.module_)
        packed.run(steps.values, steps.offsets, first)

    functions = (
        make_session(classifier, x),
        network,
        lambda: classifier.predict_proba(x),
    )
    onnx, alone, whole = time_in_turn(
        [repeat(function, N_SEQUENCES) for function in functions], n_rounds, pause=0.1
    )
    return show_ratio(onnx, alone), show_ratio(onnx, whole)


def measure_stream(cell, n_rounds):
    """Return the microseconds of a step: the kernels, `update` twice, torch's cell."""
    classifier, X = fit({**PLAIN, "cell": cell})
    x = X[0, 0]
    labels, probabilities = (
        classifier.stream(method=method) for method in ("predict", "predict_proba")
    )
    layer = classifier.module_.encoder.forward_layers[0]
    one = torch.from_numpy(x[None])

    @torch.inference_mode()
    def take_steps_by_torch():
        state = layer.initial_state(one)
        for _ in range(N_UPDATES):
            _, state = layer.step(one, state)

    functions = (
        labels._network.fast_step.run,
        lambda: probabilities.update(x),
        lambda: labels.update(x),
    )
    repeated = [repeat(function, N_UPDATES) for function in functions]
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = time_in_turn([*repeated, take_steps_by_torch], 3 * n_rounds)
    torch.set_num_threads(n_threads)
    return [show_microseconds(own) for own in times]


def show_microseconds(times):
    """Return the median of a step, with its spread over the rounds."""
    low, middle, high = (
        f"{1e6 * choose(times) / N_UPDATES:.1f}"
        for choose in (min, statistics.median, max)
    )
    return f"{middle} ({low} to {high})"
