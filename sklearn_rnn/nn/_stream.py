"""A network on one step of some streams, by one call of the kernels."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn.nn._gated import LSTM
from sklearn_rnn.nn._inputs import Standardize
from sklearn_rnn.nn._models import CTCModel
from sklearn_rnn.nn._prediction import find_packed_network

# poolings that need no later step
RUNNING_POOLINGS = "last", "mean", "max", "meanmax"


def list_stream_obstacles(module: Any) -> dict[str, str]:
    """Return the parameters that keep a network from reading step by step.

    Parameters
    ----------
    module : RecurrentModel

    Returns
    -------
    obstacles : dict of str to str
        Names of parameters, with the values that are accepted.
    """
    found = {}
    if module.encoder.backward_layers:
        found["bidirectional"] = "False"
    if module.stem is not None:
        found["conv_channels"] = "None"
    if getattr(module, "random_branch", None) is not None:
        found["random_kernels"] = "None"
    if getattr(module, "ngram_branch", None) is not None:
        found["ngrams"] = "None"
    pooling = getattr(module, "pooling", None)
    if pooling is not None and pooling.kind not in RUNNING_POOLINGS:
        found["pooling"] = " or ".join(map(repr, RUNNING_POOLINGS))
    if getattr(module, "crf", None) is not None:
        found["crf"] = "False"
    return found


def make_pools(
    kind: str, n_streams: int, size: int, dtype: Any = np.float32
) -> dict[str, NDArray]:
    """Return the running pools of streams without steps.

    Parameters
    ----------
    kind : {"last", "mean", "max", "meanmax"}
        Kind of pooling.
    n_streams : int
    size : int
        Size of the state of a step.
    dtype : dtype, default=float32
        That of the states.

    Returns
    -------
    pools : dict of str to ndarray of shape (n_streams, size)
        The sum of all states as "total", in double precision, and the largest ones as
        "highest".
    """
    pools = {}
    if kind.startswith("mean"):
        pools["total"] = np.zeros((n_streams, size))
    if kind.endswith("max"):
        pools["highest"] = np.full((n_streams, size), -np.inf, dtype)
    return pools


class FastStep:
    """One step of all streams, for numbers: one call of the kernels.

    Parameters
    ----------
    module : SequenceModel or StepModel
        Its weights are not to change.
    network : PackedNetwork
        Of this module.
    n_streams : int

    Attributes
    ----------
    layers : list of Tensor or tuple of Tensor of shape (n_streams, hidden)
        State of each layer, views of memory that a step changes.
    n_steps, pools, x, outputs, doubles
        As of `NetworkStep`.
    """

    def __init__(self, module: Any, network: Any, n_streams: int) -> None:
        from sklearn_rnn._kernels._network import NetworkStep  # imports llvmlite

        step = NetworkStep(network, n_streams)
        self.n_steps, self.pools, self.x = step.n_steps, step.pools, step.x
        self.outputs, self.doubles = step.outputs, step.doubles
        self.layers: list[Any] = []
        for layer, state in zip(
            module.encoder.forward_layers,
            map(torch.from_numpy, step.layers),
            strict=True,
        ):
            pairs = isinstance(layer, LSTM)
            self.layers.append(state.chunk(2, dim=1) if pairs else state)
        self.run = step


def make_fast_step(module: Any, n_streams: int) -> FastStep | None:
    """Return the fast step of a network; None if the kernels do not run all of it.

    Parameters
    ----------
    module : RecurrentModel
        A network without what `list_stream_obstacles` finds.
    n_streams : int

    Returns
    -------
    step : FastStep or None
    """
    if type(module) is CTCModel or type(module.inputs) is not Standardize:
        return None
    network = find_packed_network(module)
    if network is None:
        return None
    return FastStep(module, network, n_streams)
