"""Transcribers: log-probabilities of the tokens at each frame."""

from typing import Any

import numpy as np

from sklearn_rnn.onnx._answers import declare_sequences, pad_sequences
from sklearn_rnn.onnx._files import (
    check_close,
    cut,
    make_file,
    name_output,
    raise_difference,
    run_file,
)
from sklearn_rnn.onnx._graph import Graph
from sklearn_rnn.onnx._modules import add_frames


def make_transcriber(estimator: Any) -> dict[str, bytes]:
    """Return the file of an RNNTranscriber."""
    graph, module = Graph(), estimator.module_
    vocabulary = estimator._vocabulary
    known = [] if vocabulary is None else vocabulary.known
    scores, n_frames = add_frames(graph, module, "X", "lengths", known)
    found = graph.add("LogSoftmax", scores, axis=-1)
    n_outputs = module.head.out_features // module.upsample
    shape = ["batch", "frames", n_outputs]
    results = [
        name_output(graph, found, "log_probabilities", np.float32, shape),
        name_output(graph, n_frames, "n_frames", np.int64, ["batch"]),
    ]
    data = make_file(
        estimator,
        graph,
        declare_sequences(estimator),
        results,
        categories=estimator._category_encoder.categories,
        tokens=[None, *estimator.classes_.tolist()],
        target_level=estimator._targets.level,
    )
    return {"": data}


def compare_transcriber(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else."""
    inputs = pad_sequences(estimator, estimator._check_X(X))
    outputs = run_file(files[""], inputs)
    expected = estimator.predict_log_proba(X)
    if not np.array_equal(outputs["n_frames"], expected.lengths):
        raise_difference(estimator, "it has another number of frames")
    found = np.concatenate(cut(outputs["log_probabilities"], expected.lengths))
    check_close(estimator, found, expected.values)
