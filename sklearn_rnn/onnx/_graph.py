"""A graph of ONNX under construction: nodes, initializers, names."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, INT32, INT64, BOOL, DOUBLE = 1, 6, 7, 9, 11  # of onnx.TensorProto


class Graph:
    """Nodes and constants, in the order in which they run.

    Names of values are given by the graph; `add` and `constant` return them.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._counts: dict[str, int] = {}

    def add(
        self, operator: str, *inputs: str, n_outputs: int = 1, **options: Any
    ) -> Any:
        """Add a node and return the name of its output, or a list of several.

        Parameters
        ----------
        operator : str
            Name of the operator.
        *inputs : str
            Names of values; "" for one that is left out.
        n_outputs : int, default=1
        **options
            Attributes of the operator. `domain` is that of the operator.
        """
        outputs = self._add(operator, inputs, n_outputs, **options)
        return outputs[0] if n_outputs == 1 else outputs

    def _add(
        self, operator: str, inputs: Sequence[str], n_outputs: int, **options: Any
    ) -> list[str]:
        from onnx import helper

        outputs = [self._name(operator) for _ in range(n_outputs)]
        name = self._name(f"{operator}_node")
        node = helper.make_node(operator, list(inputs), outputs, name=name, **options)
        self.nodes.append(node)
        return outputs

    def constant(self, array: Any, name: str = "constant") -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        array = np.asarray(array)
        if array.dtype.kind == "U":
            array = array.astype(object)
        name = self._name(name)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """Add a 1-D constant of int64."""
        return self.constant(np.array(values, np.int64), "integers")

    def scan(
        self,
        step: Callable[..., tuple[Sequence[str], Sequence[str]]],
        states: Sequence[tuple[str, int]],
        inputs: Sequence[tuple[str, int]],
        outputs: Sequence[int],
        *,
        rank: int = 2,
        backwards: bool = False,
    ) -> list[str]:
        """Add a loop over the first axis of some values.

        Parameters
        ----------
        step : callable
            ``step(*states, *inputs)`` adds the nodes of one step, and returns the names
            of the next states and of the outputs.
        states : sequence of (str, int)
            Name and type of each state before the first step.
        inputs : sequence of (str, int)
            Name and type of each value that is read step by step.
        outputs : sequence of int
            Types of the outputs.
        rank : int, default=2
            Number of axes of states, of one step of the inputs, and of the outputs.
        backwards : bool, default=False
            Whether the loop begins with the last step; the outputs stay in order.

        Returns
        -------
        names : list of str
            The states after the loop, and the outputs of all steps.
        """
        from onnx import helper

        outer, self.nodes = self.nodes, []
        given = [self._name("given") for _ in (*states, *inputs)]
        next_states, results = step(*given)
        named = [self._name("result") for _ in (*next_states, *results)]
        for value, name in zip((*next_states, *results), named, strict=True):
            self.nodes.append(helper.make_node("Identity", [value], [name]))
        body = helper.make_graph(
            self.nodes,
            self._name("step"),
            _describe(given, [kind for _, kind in (*states, *inputs)], rank),
            _describe(named, [*(kind for _, kind in states), *outputs], rank),
        )
        self.nodes = outer
        return self._add(
            "Scan",
            [name for name, _ in (*states, *inputs)],
            len(named),
            body=body,
            num_scan_inputs=len(inputs),
            scan_input_directions=[int(backwards)] * len(inputs),
            scan_output_directions=[int(backwards)] * len(outputs),
        )

    def _name(self, stem: str) -> str:
        number = self._counts.get(stem, 0)
        self._counts[stem] = number + 1
        return f"{stem}_{number}"


def _describe(names: Sequence[str], kinds: Sequence[int], rank: int) -> list[Any]:
    from onnx import helper

    shape = [None] * rank  # onnxruntime 1.18 requires a rank
    pairs = zip(names, kinds, strict=True)
    return [helper.make_tensor_value_info(name, kind, shape) for name, kind in pairs]


def as_array(tensor: Any) -> NDArray:
    """Return a weight as an array."""
    return tensor.detach().cpu().numpy()
