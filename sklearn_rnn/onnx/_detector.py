"""Detectors of anomalies: the scores of all steps and of whole series."""

from typing import Any

import numpy as np

from sklearn_rnn._anomalies import FARTHEST, FARTHEST_INPUT, N_SEASONS
from sklearn_rnn.onnx._answers import add_scale
from sklearn_rnn.onnx._files import (
    check_close,
    cut,
    declare,
    make_file,
    name_output,
    run_file,
)
from sklearn_rnn.onnx._graph import DOUBLE, FLOAT, Graph
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
    offset = graph.constant(np.float64(estimator.offset_), "offset")
    signs = (graph.constant(np.int64(sign)) for sign in (-1, 1))
    label = graph.add("Where", graph.add("Less", of_samples, offset), *signs)
    steps = ["batch", "time"]
    outputs = [
        name_output(graph, scores.steps, "score_steps", np.float64, steps),
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
        graph, estimator = self.graph, self.estimator
        network = self._add_network()
        errors = [
            self._miss(i, ahead, network) for i, ahead in enumerate(estimator._aheads)
        ]
        errors.append(self._add_segment_errors())
        energies = [self._square(self.scaled)]
        for i, (error, n_young) in enumerate(
            zip(errors, estimator._count_young(), strict=True)
        ):
            scatter = graph.constant(estimator._scatter[i], "scatter")
            energy = self._square(graph.add("Div", error, scatter))
            usual = graph.constant(estimator._usual[:, i + 1], "usual")
            is_young = graph.add("Not", self._has_passed(n_young))
            energies.append(graph.add("Where", is_young, usual, energy))
        columns = [graph.add("Unsqueeze", e, graph.integers(3)) for e in energies]
        return graph.add("Concat", *columns, axis=3)

    def _square(self, deviations: str) -> str:
        square = self.graph.add("Mul", deviations, deviations)
        return self.graph.add("Min", square, self._number(FARTHEST**2))

    def _has_passed(self, n_steps: int) -> str:
        """Add which steps have so many before them, (time, 1)."""
        graph = self.graph
        first = graph.constant(np.int64(n_steps))
        has_passed = graph.add("GreaterOrEqual", self.places, first)
        return graph.add("Unsqueeze", has_passed, graph.integers(1))

    def _add_network(self) -> str:
        """Add what the network predicts at each step, (batch, time, n_aheads, n)."""
        graph, regressor = self.graph, self.estimator.regressor_
        x = graph.add("Cast", self.inputs, to=FLOAT)
        outputs = add_model(graph, regressor.module_, x, "lengths", [])
        outputs = add_loss(graph, regressor._loss, outputs)
        rest = add_scale(graph, regressor, outputs)
        shape = graph.integers(0, 0, len(self.estimator._aheads), -1)
        return graph.add("Reshape", rest, shape)

    def _miss(self, i: int, ahead: int, network: str) -> str:
        """Add the errors of forecasts some steps ahead, (batch, time, n_features)."""
        graph, estimator = self.graph, self.estimator
        of_seasons = i == len(estimator._weights)
        linear = self._add_seasons(ahead) if of_seasons else self._add_lags(ahead, i)
        own = graph.add("Gather", network, graph.constant(np.int64(i)), axis=2)
        before = self._go_back(graph.integers(ahead))
        own = graph.add("Gather", own, before, axis=1)
        share = graph.constant(estimator._network_share[i], "share")
        error = graph.add("Sub", self.scaled, linear)
        return graph.add("Sub", error, graph.add("Mul", own, share))

    def _add_lags(self, ahead: int, i: int) -> str:
        """Add the linear forecasts of each feature from its own past."""
        graph = self.graph
        weights = self.estimator._weights[i]  # (context, n_features)
        past = self._gather_lags(ahead + np.arange(len(weights)))
        weighted = graph.add("Mul", past, graph.constant(weights, "weights"))
        return graph.add("ReduceSum", weighted, graph.integers(2), keepdims=0)

    def _gather_lags(self, lags: Any) -> str:
        """Add earlier inputs, (batch, time, n_lags, n_features)."""
        graph = self.graph
        column = graph.add("Unsqueeze", self.places, graph.integers(1))
        before = self._limit_places(graph.add("Sub", column, graph.integers(*lags)))
        return graph.add("Gather", self.inputs, before, axis=1)

    def _add_seasons(self, season: int) -> str:
        """Add the medians of the same step of earlier seasons."""
        graph = self.graph
        past = []
        for n in range(1, N_SEASONS + 1):
            before = self._go_back(graph.integers(n * season))
            steps = graph.add("Gather", self.scaled, before, axis=1)
            known = self._has_passed(n * season)
            steps = graph.add("Where", known, steps, self._number(np.inf))
            past.append(graph.add("Unsqueeze", steps, graph.integers(0)))
        stacked = graph.add("Concat", *past, axis=0)
        size = graph.integers(N_SEASONS)
        in_order, _ = graph.add("TopK", stacked, size, n_outputs=2, axis=0, largest=0)
        median = graph.add("Mul", self.scaled, self._number(0))
        for n in range(1, N_SEASONS + 1):
            lower, upper = (
                graph.add("Gather", in_order, graph.constant(np.int64(i)), axis=0)
                for i in ((n - 1) // 2, n // 2)
            )
            total = graph.add("Add", lower, upper)
            middle = graph.add("Div", total, self._number(2))
            median = graph.add("Where", self._has_passed(n * season), middle, median)
        return median

    def _add_segment_errors(self) -> str:
        """Add what the autoencoder leaves of each step, (batch, time, n_features)."""
        graph, estimator = self.graph, self.estimator
        mean, axes = estimator._segment_mean, estimator._segment_axes
        n_features = estimator.n_features_in_
        newest = slice(-n_features, None)
        center = graph.constant(mean[newest], "segment_mean")
        errors = graph.add("Sub", self.inputs, center)
        if axes.shape[1] == 0:
            return errors
        past = self._gather_lags(np.arange(len(mean) // n_features)[::-1])
        segments = graph.add("Reshape", past, graph.integers(0, 0, -1))
        centred = graph.add("Sub", segments, graph.constant(mean, "segment_mean"))
        places = graph.add("MatMul", centred, graph.constant(axes, "axes"))
        rebuilt = graph.add("MatMul", places, graph.constant(axes[newest].T, "axes"))
        return graph.add("Sub", errors, rebuilt)

    def _go_back(self, n_steps: str) -> str:
        return self._limit_places(self.graph.add("Sub", self.places, n_steps))

    def _limit_places(self, places: str) -> str:
        return self.graph.add("Max", places, self.graph.integers(0))

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
        means = graph.scan(step, [(start, DOUBLE)], steps, [DOUBLE], rank=3)[1]
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
