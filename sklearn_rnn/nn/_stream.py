"""A network on one step of some streams, by kernels whose arguments are made once."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn.nn._batch_invariant import is_unchanged
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import LSTM, has_hooks
from sklearn_rnn.nn._inputs import Standardize
from sklearn_rnn.nn._models import SequenceModel, StepModel

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
    pooling = getattr(module, "pooling", None)
    if pooling is not None and pooling.kind not in RUNNING_POOLINGS:
        found["pooling"] = " or ".join(map(repr, RUNNING_POOLINGS))
    if getattr(module, "crf", None) is not None:
        found["crf"] = "False"
    return found


def suits_fast_step(module: Any) -> bool:
    """Whether `FastStep` computes what the network does: no part is changed."""
    if type(module) not in (SequenceModel, StepModel):
        return False
    parts = [p for p in module.modules() if not isinstance(p, torch.nn.Linear)]
    return (
        type(module.inputs) is Standardize
        and type(module.encoder) is Encoder
        and module.encoder.suits_kernels()
        and next(module.parameters()).device.type == "cpu"
        and not any(map(has_hooks, parts))
        and is_unchanged(module.head, torch.nn.Linear)
        and module.head.bias is not None
    )


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
    """One step of all streams, for numbers.

    Parameters
    ----------
    module : SequenceModel or StepModel
        A network that `suits_fast_step`. Its weights are copied.
    n_streams : int

    Attributes
    ----------
    layers : list of Tensor or tuple of Tensor of shape (n_streams, hidden)
        State of each layer, views of memory that a step changes.
    pools : dict of str to ndarray
        From `make_pools`; a step changes them.
    """

    def __init__(self, module: Any, n_streams: int) -> None:
        from sklearn_rnn._kernels._stream import LayerStep, LinearStep

        self._mean = module.inputs.mean.numpy().copy()
        self._scale = module.inputs.scale.numpy().copy()
        x = torch.zeros(n_streams, len(self._mean), dtype=torch.float32)
        self._x = x.numpy()
        self._steps: list[Any] = []
        self.layers: list[Any] = []
        self._states: list[tuple[NDArray, NDArray]] = []  # and what they were before
        for layer in module.encoder.forward_layers:
            pairs = isinstance(layer, LSTM)
            width = layer.hidden_size * (2 if pairs else 1)
            state = torch.zeros(n_streams, width, dtype=torch.float32)
            step = LayerStep(layer.rnn.mode.lower(), x, state, layer.weights)
            x = step.output
            self._steps.append(step)
            self.layers.append(state.chunk(2, dim=1) if pairs else state)
            self._states.append((state.numpy(), state.numpy().copy()))
        self._last = x.numpy()
        self._make_pools(module, n_streams, x.shape[1])
        if self.pools:
            n_parts = len(self.pools)
            x = torch.zeros(n_streams, n_parts * x.shape[1], dtype=torch.float32)
            self._pooled = np.split(x.numpy(), n_parts, axis=1)
        self._head = LinearStep(x, module.head.weight, module.head.bias)
        self._outputs = self._head.output.numpy()
        # bound once: a step is a matter of microseconds
        self._runs = [step.run for step in self._steps]
        self._run_head = self._head.run

    def _make_pools(self, module: Any, n_streams: int, size: int) -> None:
        pooling = getattr(module, "pooling", None)
        kind = "last" if pooling is None else pooling.kind
        self.pools = make_pools(kind, n_streams, size)
        self._spare = {name: pool.copy() for name, pool in self.pools.items()}

    def __call__(self, x: NDArray, n_steps: NDArray[np.int64]) -> NDArray | None:
        """Read a step of each stream.

        Parameters
        ----------
        x : ndarray of shape (n_streams, n_features)
            float32.
        n_steps : ndarray of shape (n_streams,)
            Steps so far, this one included.

        Returns
        -------
        outputs : ndarray of shape (n_streams, n_outputs) or None
            Memory that the next call overwrites. None, and nothing is changed, if x or
            a result is not finite.
        """
        if not _is_finite(x):
            return None
        own, outputs = self._x, self._outputs
        np.subtract(x, self._mean, own)
        np.divide(own, self._scale, own)
        for state, before in self._states:
            before[...] = state
        for run in self._runs:
            run()
        if self.pools:
            self._pool(n_steps)
        self._run_head()
        if not _is_finite(outputs):
            for state, before in self._states:
                state[...] = before
            return None
        for name, spare in self._spare.items():
            self.pools[name][...] = spare
        return outputs

    def _pool(self, n_steps: NDArray[np.int64]) -> None:
        for (name, pool), pooled in zip(self.pools.items(), self._pooled, strict=True):
            spare = self._spare[name]
            if name == "total":
                np.add(pool, self._last, out=spare)
                np.divide(spare, n_steps[:, None], out=pooled, casting="same_kind")
            else:
                np.maximum(pool, self._last, out=spare)
                pooled[...] = spare


def _is_finite(array: NDArray) -> bool:
    if array.size < 16:  # faster than NumPy's loop
        return all(map(math.isfinite, array.ravel().tolist()))
    return bool(np.isfinite(array).all())
