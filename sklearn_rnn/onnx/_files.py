"""Files of ONNX: inputs, outputs and metadata around a graph, and their comparison."""

import json
from typing import Any, NoReturn

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray

from sklearn_rnn import nn
from sklearn_rnn.onnx._graph import Graph
from sklearn_rnn.onnx._modules import UnsupportedModule
from sklearn_rnn.utils import get_version

_OPSET, _OPSET_ML, _IR_VERSION = 17, 3, 8
_TOLERANCE = 1e-5
_INSTALL = "Export needs onnx and onnxruntime: pip install 'sklearn-rnn[onnx]'."


def check_onnx() -> None:
    """Raise ImportError if onnx is missing."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(_INSTALL) from error


def refuse_code(module: Any) -> None:
    """Raise UnsupportedModule if a module has hooks."""
    for place, part in module.named_modules():
        if nn.has_hooks(part):
            raise UnsupportedModule(f"module_.{place} has hooks, which are code.")


def make_file(
    estimator: Any,
    graph: Graph,
    inputs: list[Any],
    outputs: list[Any],
    **metadata: Any,
) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    graph : Graph
        All nodes.
    inputs, outputs : list
        From `declare` and `name_output`.
    **metadata : object
        Written as JSON, beside the class and the versions.
    """
    from onnx import checker, helper

    model = helper.make_model(
        helper.make_graph(
            graph.nodes, type(estimator).__name__, inputs, outputs, graph.initializers
        ),
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid("ai.onnx.ml", _OPSET_ML),
        ],
        ir_version=_IR_VERSION,
        producer_name="sklearn_rnn",
        producer_version=get_version(),
    )
    names = getattr(estimator, "feature_names_in_", ())
    described = {
        "class": type(estimator).__name__,
        "feature_names": "\n".join(map(str, names)),
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        **{key: json.dumps(value, default=str) for key, value in metadata.items()},
    }
    helper.set_model_props(model, described)
    checker.check_model(model)
    return model.SerializeToString()


def declare(name: str, dtype: Any, shape: list[Any]) -> Any:
    """Return the description of an input or an output."""
    from onnx import helper

    dtype = np.dtype(dtype)
    code = np.dtype(object) if dtype.kind in "UO" else dtype
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(code), shape
    )


def name_output(
    graph: Graph, value: str, name: str, dtype: Any, shape: list[Any]
) -> Any:
    """Give a value the name of an output, and return its description."""
    from onnx import helper

    graph.nodes.append(helper.make_node("Identity", [value], [name]))
    return declare(name, dtype, shape)


# Comparison ---------------------------------------------------------------------------


def run_file(data: bytes, inputs: dict[str, NDArray]) -> dict[str, NDArray]:
    """Return the outputs that onnxruntime computes, by name."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(_INSTALL) from error

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def check_close(
    estimator: Any, found: NDArray, expected: NDArray, scale: Any = 1.0
) -> None:
    """Raise ValueError if values differ, in units of a scale.

    Parameters
    ----------
    estimator : estimator
    found, expected : ndarray
        Of the same shape.
    scale : float or ndarray, default=1.0
        Differences are relative to values above it.
    """
    with np.errstate(invalid="ignore"):  # equal infinities do not differ
        difference = np.where(found == expected, 0.0, np.abs(found - expected) / scale)
        limit = _TOLERANCE * np.maximum(1, np.abs(expected / scale))
    if not (difference <= limit).all():
        raise_difference(estimator, f"it differs by {difference.max():.2g}")


def raise_difference(estimator: Any, how: str) -> NoReturn:
    """Raise ValueError: the file computes something else."""
    raise ValueError(
        f"{type(estimator).__name__} as a graph of ONNX predicts something else on "
        f"check_X: {how}. No file was written."
    )


def cut(values: NDArray, lengths: NDArray) -> list[NDArray]:
    """Return the valid steps of each row."""
    return [row[:n] for row, n in zip(values, lengths, strict=True)]
