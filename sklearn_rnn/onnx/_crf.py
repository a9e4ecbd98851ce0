"""The conditional random field as loops of ONNX, in double precision as in torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn.onnx._graph import BOOL, DOUBLE, FLOAT, INT64, Graph, as_array

_NEVER = -1e30  # score of what is forbidden: its probability is 0, and sums are finite


def add_crf(graph: Graph, crf: Any, emissions: str, mask: str) -> tuple[str, str]:
    """Add the best paths and the marginals.

    Parameters
    ----------
    graph : Graph
    crf : CRF
    emissions : str
        Scores, (batch, time, n_classes).
    mask : str
        Whether a step is valid, (batch, time, 1).

    Returns
    -------
    labels : str
        Numbers of the labels of the best path, (batch, time).
    probabilities : str
        Probability of each label, (batch, time, n_classes).
    """
    return _Field(graph, crf, emissions, mask).add()


class _Field:
    """Names of what the loops share; the arguments are those of `add_crf`."""

    def __init__(self, graph: Graph, crf: Any, emissions: str, mask: str) -> None:
        self.graph = graph
        doubles = graph.add("Cast", emissions, to=DOUBLE)
        self.emissions = graph.add("Transpose", doubles, perm=[1, 0, 2])
        self.mask = graph.add("Transpose", mask, perm=[1, 0, 2])
        shape = graph.add("Shape", self.emissions)
        n_steps = graph.add("Gather", shape, graph.integers(0), axis=0)
        self.is_first = self._mark_first(n_steps)
        self.transitions = _forbid(graph, crf.transitions, crf.allowed)
        self.start = _forbid(graph, crf.start_transitions, crf.allowed_start)
        end = _forbid(graph, crf.end_transitions, crf.allowed_end)
        rows = graph.add("Gather", shape, graph.integers(1, 2), axis=0)
        self.end = graph.add("Expand", end, rows)  # (batch, n_classes)
        self.n_classes = crf.n_classes

    def _mark_first(self, n_steps: str) -> str:
        """Add whether each step is the first, (time, 1, 1)."""
        graph = self.graph
        count = graph.add("Squeeze", n_steps, graph.integers(0))
        zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
        numbers = graph.add("Range", zero, count, one)
        is_first = graph.add("Equal", numbers, zero)
        return graph.add("Unsqueeze", is_first, graph.integers(1, 2))

    def add(self) -> tuple[str, str]:
        graph = self.graph
        labels = graph.add("Transpose", self._add_paths(), perm=[1, 0, 2])
        total = graph.add("Add", self._add_forward(), self._add_backward())
        marginals = graph.add("Softmax", total, axis=-1)
        marginals = graph.add("Transpose", marginals, perm=[1, 0, 2])
        return (
            graph.add("Squeeze", labels, graph.integers(2)),
            graph.add("Cast", marginals, to=FLOAT),
        )

    def _steps(self) -> list[tuple[str, int]]:
        return [(self.emissions, DOUBLE), (self.mask, BOOL), (self.is_first, BOOL)]

    def _add_forward(self) -> str:
        """Add the sums over all paths up to each step."""
        graph = self.graph

        def step(before: str, emission: str, valid: str, first: str) -> Any:
            begun = _add_log_sum(graph, self._extend(before), 1)
            begun = graph.add("Where", first, self.start, begun)
            after = graph.add("Add", begun, emission)
            after = graph.add("Where", valid, after, before)
            return [after], [after]

        # the start takes the place of what is before
        return graph.scan(step, [(self.end, DOUBLE)], self._steps(), [DOUBLE])[1]

    def _add_backward(self) -> str:
        """Add the sums over all paths after each step."""
        graph = self.graph

        def step(after: str, emission: str, valid: str, first: str) -> Any:
            score = graph.add("Add", emission, after)
            score = graph.add("Unsqueeze", score, graph.integers(1))
            score = graph.add("Add", score, self.transitions)
            before = _add_log_sum(graph, score, 2)
            return [graph.add("Where", valid, before, after)], [after]

        states = [(self.end, DOUBLE)]
        return graph.scan(step, states, self._steps(), [DOUBLE], backwards=True)[1]

    def _add_paths(self) -> str:
        """Add the labels of the best paths, (time, batch, 1)."""
        graph = self.graph
        same = graph.constant(np.arange(self.n_classes), "same")

        def step(before: str, emission: str, valid: str, first: str) -> Any:
            score = self._extend(before)
            best = graph.add("ReduceMax", score, axes=[1], keepdims=0)
            best = graph.add("Where", first, self.start, best)
            after = graph.add("Add", best, emission)
            origin = graph.add("ArgMax", score, axis=1, keepdims=0)
            return (
                [graph.add("Where", valid, after, before)],
                [graph.add("Where", valid, origin, same)],
            )

        states = [(self.end, DOUBLE)]
        best, origins = graph.scan(step, states, self._steps(), [INT64])
        last = graph.add("ArgMax", graph.add("Add", best, self.end), axis=1)

        def trace(label: str, origin: str) -> Any:
            return [graph.add("GatherElements", origin, label, axis=1)], [label]

        inputs = [(origins, INT64)]
        return graph.scan(trace, [(last, INT64)], inputs, [INT64], backwards=True)[1]

    def _extend(self, scores: str) -> str:
        """Add scores of each class (second axis) followed by each class (third)."""
        column = self.graph.add("Unsqueeze", scores, self.graph.integers(2))
        return self.graph.add("Add", column, self.transitions)


def _forbid(graph: Graph, scores: Any, allowed: Any) -> str:
    values: NDArray = as_array(scores).astype(np.float64)
    if allowed is not None:
        values = np.where(as_array(allowed), values, _NEVER)
    return graph.constant(values, "scores")


def _add_log_sum(graph: Graph, scores: str, axis: int) -> str:
    """Add the logarithm of the sum of exponentials over an axis."""
    top = graph.add("ReduceMax", scores, axes=[axis])
    powers = graph.add("Exp", graph.add("Sub", scores, top))
    total = graph.add("ReduceSum", powers, graph.integers(axis))
    result = graph.add("Add", graph.add("Log", total), top)
    return graph.add("Squeeze", result, graph.integers(axis))
