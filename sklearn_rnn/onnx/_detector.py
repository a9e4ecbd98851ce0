"""Detectors of anomalies: the scores of all steps and of whole series."""

from typing import Any

import numpy as np

from sklearn_rnn._anomalies import FARTHEST, FARTHEST_INPUT
from sklearn_rnn.onnx._answers import add_scale
from sklearn_rnn.onnx._files import (
    check_close,
    cut,
    declare,
    make_file,
    name_output,
    run_file,
)
from sklearn_rnn.onnx._graph import DOUBLE, FLOAT, INT64, Graph
from sklearn_rnn.onnx._modules import add_loss, add_mask, add_model


def make_detector(estimator: Any) -> dict[str, bytes]:
    """Return the file of an RNNAnomalyDetector."""
    graph = Graph()
    inputs = [
        declare("X", np.float64, ["batch", "time", estimator.n_features_in_]),
        declare("lengths", np.int64, ["batch"]),
    ]
    scores = _Scores(graph, estimator)
    of_samples = scores.aggregate()
    limit = graph.constant(np.float64(estimator.step_threshold_), "threshold")
    flags = graph.add("Cast", graph.add("Greater", scores.steps, limit), to=INT64)
    offset = graph.constant(np.float64(estimator.offset_), "offset")
    signs = (graph.constant(np.int64(sign)) for sign in (-1, 1))
    label = graph.add("Where", graph.add("Less", of_samples, offset), *signs)
    steps = ["batch", "time"]
    outputs = [
        name_output(graph, scores.steps, "score_steps", np.float64, steps),
        name_output(graph, flags, "predict_steps", np.int64, steps),
        name_output(graph, of_samples, "score_samples", np.float64, ["batch"]),
        name_output(graph, label, "predict", np.int64, ["batch"]),
    ]
    return {"": make_file(estimator, graph, inputs, outputs)}


class _Scores:
    """Names of the parts of scores, all in double precision but the network."""

    def __init__(self, graph: Graph, estimator: Any) -> None:
        self.graph, self.estimator = graph, estimator
        self.mask = add_mask(graph, "X", "lengths")
        x = graph.add("Where", self.mask, "X", self._number(0))
        centred = graph.add("Sub", x, graph.constant(estimator._center, "center"))
        scaled = graph.add("Div", centred, graph.constant(estimator._spread, "spread"))
        self.scaled = self._limit(scaled, FARTHEST)
        self.inputs = self._limit(self.scaled, FARTHEST_INPUT)
        self.places = self._list_places()
        self.steps = self._add_scores(self._add_energies())

    def _number(self, value: float) -> str:
        return self.graph.constant(np.float64(value))

    def _limit(self, x: str, most: float) -> str:
        return self.graph.add("Clip", x, self._number(-most), self._number(most))

    def _list_places(self) -> str:
        """Add the numbers of the steps, (time,)."""
        graph = self.graph
        n_steps = graph.add("Shape", "X", start=1, end=2)
        count = graph.add("Squeeze", n_steps, graph.integers(0))
        zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
        return graph.add("Range", zero, count, one)

    # Deviations -----------------------------------------------------------------------

    def _add_energies(self) -> str:
        """Add squared deviations, (batch, time, n_features, n_kinds)."""
        graph, aheads = self.graph, self.estimator._aheads
        network = self._add_network()
        deviations = [self.scaled]
        deviations += [self._deviate(i, h, network) for i, h in enumerate(aheads)]
        columns = [graph.add("Unsqueeze", d, graph.integers(3)) for d in deviations]
        both = graph.add("Concat", *columns, axis=3)
        square = graph.add("Mul", both, both)
        return graph.add("Min", square, self._number(FARTHEST**2))

    def _add_network(self) -> str:
        """Add what the network predicts at each step, (batch, time, n_aheads, n)."""
        graph, regressor = self.graph, self.estimator.regressor_
        x = graph.add("Cast", self.inputs, to=FLOAT)
        outputs = add_model(graph, regressor.module_, x, "lengths", [])
        outputs = add_loss(graph, regressor._loss, outputs)
        rest = add_scale(graph, regressor, outputs)
        shape = graph.integers(0, 0, len(self.estimator._aheads), -1)
        return graph.add("Reshape", rest, shape)

    def _deviate(self, i: int, ahead: int, network: str) -> str:
        """Add the deviations from forecasts some steps ahead, (batch, time, n).

        Steps whose past is too short to forecast from deviate from the level.
        """
        graph, estimator = self.graph, self.estimator
        linear = self._add_linear(ahead, i)
        own = graph.add("Gather", network, graph.constant(np.int64(i)), axis=2)
        before = self._go_back(graph.integers(ahead))
        own = graph.add("Gather", own, before, axis=1)
        share = graph.constant(estimator._network_share[i], "share")
        error = graph.add("Sub", self.scaled, linear)
        error = graph.add("Sub", error, graph.add("Mul", own, share))
        scatter = graph.constant(estimator._scatter[i], "scatter")
        first = graph.constant(np.int64(estimator.context_ + ahead))
        is_young = graph.add("Less", self.places, first)
        is_young = graph.add("Unsqueeze", is_young, graph.integers(1))
        deviation = graph.add("Div", error, scatter)
        return graph.add("Where", is_young, self.scaled, deviation)

    def _add_linear(self, ahead: int, i: int) -> str:
        """Add the linear forecasts of each feature from its own past."""
        graph = self.graph
        weights = self.estimator._weights[i]  # (context, n_features)
        lags = graph.integers(*(ahead + np.arange(len(weights))))
        column = graph.add("Unsqueeze", self.places, graph.integers(1))
        before = graph.add("Max", graph.add("Sub", column, lags), graph.integers(0))
        past = graph.add("Gather", self.inputs, before, axis=1)
        weighted = graph.add("Mul", past, graph.constant(weights, "weights"))
        return graph.add("ReduceSum", weighted, graph.integers(2), keepdims=0)

    def _go_back(self, n_steps: str) -> str:
        before = self.graph.add("Sub", self.places, n_steps)
        return self.graph.add("Max", before, self.graph.integers(0))

    # Scores ---------------------------------------------------------------------------

    def _add_scores(self, energies: str) -> str:
        """Add the score of each step, (batch, time)."""
        graph = self.graph
        smoothed = graph.add("ReduceMean", self._smooth(energies), axes=[2], keepdims=0)
        single = graph.add("ReduceMean", energies, axes=[2, 3], keepdims=0)
        single = graph.add("Unsqueeze", single, graph.integers(2))
        parts = graph.add("Concat", smoothed, single, axis=2)
        parts = graph.add("Div", parts, graph.constant(self.estimator._units, "units"))
        return graph.add("Sqrt", graph.add("ReduceMean", parts, axes=[2], keepdims=0))

    def _smooth(self, energies: str) -> str:
        """Add exponentially weighted means, (batch, time, n_features, n_kinds)."""
        graph = self.graph
        share = 2 / (self.estimator.smoothing_ + 1)
        newest, others = self._number(share), self._number(1 - share)

        def step(before: str, energy: str) -> Any:
            kept = graph.add("Mul", before, others)
            after = graph.add("Add", graph.add("Mul", energy, newest), kept)
            return [after], [after]

        usual = graph.constant(self.estimator._usual[np.newaxis], "usual")
        in_time = graph.add("Transpose", energies, perm=[1, 0, 2, 3])
        batch = graph.add("Shape", energies, start=0, end=1)
        shape = graph.add("Concat", batch, graph.integers(1, 1), axis=0)
        start = graph.add("Expand", usual, shape)
        steps = [(in_time, DOUBLE)]
        means = graph.scan(step, [(start, DOUBLE)], steps, [DOUBLE])[1]
        return graph.add("Transpose", means, perm=[1, 0, 2, 3])

    def aggregate(self) -> str:
        """Add what `score_samples` returns, (batch,)."""
        graph = self.graph
        valid = graph.add("Squeeze", self.mask, graph.integers(2))
        steps = graph.add("Where", valid, self.steps, self._number(0))
        if self.estimator.aggregation == "max":
            found = graph.add("ReduceMax", steps, axes=[1], keepdims=0)
        else:
            total = graph.add("ReduceSum", steps, graph.integers(1), keepdims=0)
            count = graph.add("Cast", "lengths", to=DOUBLE)
            found = graph.add("Div", total, count)
        return graph.add("Neg", found)


def compare_detector(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else."""
    series = estimator._check_for_predict(X)
    padded = series.to_padded(np.nan).astype(np.float64)
    outputs = run_file(files[""], {"X": padded, "lengths": series.lengths})
    found = np.concatenate(cut(outputs["score_steps"], series.lengths))
    check_close(estimator, found, np.concatenate(list(estimator.score_steps(X))))
    check_close(estimator, outputs["score_samples"], estimator.score_samples(X))
