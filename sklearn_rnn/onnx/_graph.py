"""A graph of ONNX under construction: nodes, initializers, names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Graph:
    """Nodes and constants, in the order in which they run.

    Names of values are given by the graph; `add` and `constant` return them.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._names: set[str] = set()

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
        from onnx import helper

        outputs = [self._name(operator) for _ in range(n_outputs)]
        name = self._name(f"{operator}_node")
        node = helper.make_node(operator, list(inputs), outputs, name=name, **options)
        self.nodes.append(node)
        return outputs[0] if n_outputs == 1 else outputs

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

    def _name(self, stem: str) -> str:
        number = sum(name.startswith(stem) for name in self._names)
        name = f"{stem}_{number}"
        self._names.add(name)
        return name


def as_array(tensor: Any) -> NDArray:
    """Return a weight as an array."""
    return tensor.detach().cpu().numpy()
