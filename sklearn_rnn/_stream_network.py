"""A trained network that reads sequences in parts, and keeps the state of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._inference import make_batch_invariant
from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets, step_index
from sklearn_rnn._training import make_inputs
from sklearn_rnn.nn import (
    StepModel,
    flatten_steps,
    linear,
    make_fast_step,
    make_pools,
    threads_for,
)

_MOST_STREAMS = 64  # that a step reads in one thread


class _Update(NamedTuple):
    """State of some streams after more steps."""

    rows: NDArray[np.intp]
    n_steps: NDArray[np.int64]
    outputs: NDArray[np.float32]
    layers: list[Any]
    pools: dict[str, NDArray]


class StreamNetwork:
    """A network with the state of some streams.

    Parameters
    ----------
    module : SequenceModel or StepModel
        A network without what `list_stream_obstacles` finds.
    n_streams : int

    Attributes
    ----------
    per_step : bool
        Whether `read` returns outputs of each new step, not of each stream.
    needs_step : bool
        Whether there is no output before the first step.
    n_steps : ndarray of shape (n_streams,)
        Steps that each stream has had.
    outputs : ndarray of shape (n_streams, n_outputs)
        Outputs after the last one of them.
    layers : list
        State of each layer, the streams along the first axis: tensors, and tuples and
        lists of them. Empty before the first step, unless kernels run the layers.
    pools : dict of str to ndarray of shape (n_streams, hidden)
        From `make_pools`.
    fast_step : FastStep or None
        Reads one step of all streams; it changes the state.
    """

    def __init__(self, module: Any, n_streams: int) -> None:
        self.n_streams = n_streams
        self.per_step = isinstance(module, StepModel)
        self.needs_step = not self.per_step
        self.n_steps = np.zeros(n_streams, np.int64)
        self.outputs = np.zeros((n_streams, module.head.out_features), np.float32)
        self._module = make_batch_invariant(module)
        weight = next(self._module.parameters())
        self._device = weight.device
        self.fast_step: Any = None
        self.layers: list[Any] = []
        if n_streams <= _MOST_STREAMS:
            self.fast_step = make_fast_step(module, n_streams)
        if self.fast_step is not None:
            step = self.fast_step
            self.layers, self.pools = step.layers, step.pools
            self.n_steps, self.outputs = step.n_steps, step.outputs
        else:
            kind = module.pooling.kind if hasattr(module, "pooling") else "last"
            dtype = "f8" if weight.dtype is torch.float64 else "f4"
            size = module.encoder.output_size
            self.pools = make_pools(kind, n_streams, size, dtype)

    def read(
        self, X: RaggedArray, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], list[_Update]]:
        """Compute the outputs for more steps of some streams.

        Parameters
        ----------
        X : RaggedArray
            More steps of each of these streams, perhaps none.
        rows : ndarray of shape (len(X),)
            Which streams; each once.

        Returns
        -------
        outputs : ndarray of shape (n_rows or n_steps, n_outputs)
            A row a stream, as after its last step, or a row a new step if the network
            predicts at each.
        updates : list
            For `keep`; until then the state is the old one.
        """
        counts = X.lengths if self.per_step else np.ones(len(X), np.int64)
        offsets = lengths_to_offsets(counts)
        outputs = np.empty((offsets[-1], self.outputs.shape[1]), np.float32)
        if not self.per_step:
            outputs[...] = self.outputs[rows]
        updates = []
        begun = self.n_steps[rows] > 0
        with torch.inference_mode(), threads_for(self._module):
            for group in (begun, ~begun):  # a custom cell knows its first state
                group = np.flatnonzero(group & (X.lengths > 0))
                if len(group):
                    part, update = self._advance(X, group, rows[group])
                    outputs[step_index(offsets[group], counts[group])] = part
                    updates.append(update)
        return outputs, updates

    def _advance(
        self, X: RaggedArray, group: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> tuple[NDArray, _Update]:
        """Run streams that all begin, or all go on."""
        inputs, module = make_inputs(X, group, self._device), self._module
        lengths, start = inputs["lengths"], None
        if self.n_steps[rows[0]] > 0:
            index = self._index(rows)
            start = _map(lambda state: state.index_select(0, index), self.layers)
        states, layers = module.encoder.run(module.inputs(inputs["x"]), lengths, start)
        pools = {}
        n_new = X.lengths[group]
        n_steps = self.n_steps[rows] + n_new
        if self.per_step:
            vectors = flatten_steps(states, lengths)
            ends = np.cumsum(n_new) - 1
        else:
            pools = self._pool(states.cpu().numpy(), n_new, rows)
            vectors = _gather_pooled(states, n_new, n_steps, pools)
            ends = np.arange(len(rows))
        part = self._read_out(vectors).float().cpu().numpy()
        return part, _Update(rows, n_steps, part[ends], layers, pools)

    def _read_out(self, vectors: Tensor) -> Tensor:
        return linear(self._module.head, vectors)

    def _pool(
        self, states: NDArray, n_new: NDArray[np.int64], rows: NDArray[np.intp]
    ) -> dict[str, NDArray]:
        """Return the running pools after new states, (batch, time, hidden)."""
        pools = {name: pool[rows] for name, pool in self.pools.items()}
        for name, pool in pools.items():
            for t in range(states.shape[1]):
                runs = n_new > t
                add = np.add if name == "total" else np.maximum
                pool[runs] = add(pool[runs], states[runs, t])
        return pools

    def keep(self, updates: list[_Update]) -> None:
        """Replace the state of streams by that after their new steps."""
        for update in updates:
            if not self.layers:
                self.layers = _map(self._allocate, update.layers)
            index = self._index(update.rows)
            _map(
                lambda old, new, index=index: old.index_copy_(0, index, new),
                self.layers,
                update.layers,
            )
            for name, pool in update.pools.items():
                self.pools[name][update.rows] = pool
            self.n_steps[update.rows] = update.n_steps
            self.outputs[update.rows] = update.outputs

    def reset(self, rows: NDArray[np.intp]) -> None:
        """Return streams to where they have had no step."""
        self.n_steps[rows] = 0
        for name, pool in self.pools.items():
            pool[rows] = 0 if name == "total" else -np.inf
        index = self._index(rows)
        _map(lambda state: state.index_fill_(0, index, 0), self.layers)

    def count_steps(self) -> NDArray[np.int64]:
        """Return how many steps each stream was given."""
        return self.n_steps.copy()

    def export(self) -> dict[str, Any]:
        """Return a copy of the state: see `RNNStream.state`."""
        return {
            "n_steps": self.count_steps(),
            "outputs": self.outputs.copy(),
            "layers": _map(lambda state: state.cpu().numpy().copy(), self.layers),
            **{name: pool.copy() for name, pool in self.pools.items()},
        }

    def restore(self, state: Any) -> None:
        """Replace the state of all streams.

        Parameters
        ----------
        state : dict
            As `RNNStream.state` returns it.

        Raises
        ------
        ValueError
            If it is not one of this network and number of streams.
        """
        arrays = {"n_steps": self.n_steps, "outputs": self.outputs, **self.pools}
        check_state(state, arrays, ["layers"])
        layers = _map(self._read_state, state["layers"])
        if self.layers:
            try:
                _map(_check_shape, self.layers, layers)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    "'layers' of the state do not have the shapes of the state of this "
                    "network."
                ) from error
            _map(lambda old, new: old.copy_(new), self.layers, layers)
        else:
            self.layers = layers
        for name, array in arrays.items():
            array[...] = state[name]

    def _read_state(self, array: NDArray) -> Tensor:
        """Return a state in the precision of the network: that of torch is another."""
        tensor = torch.tensor(array, device=self._device)
        dtype = next(self._module.parameters()).dtype
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    def _index(self, rows: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(rows).to(self._device)

    def _allocate(self, state: Tensor) -> Tensor:
        return state.new_zeros((self.n_streams, *state.shape[1:]))


class NextStepNetwork(StreamNetwork):
    """A network that predicts the next step: the first one, too.

    As in training, each stream begins with a step of zeros. It is not counted.

    Parameters
    ----------
    module : NextStepModel
    n_streams : int
    zeros : ndarray of shape (1, n_columns)
        The first step, without a class.
    classes : ndarray of shape (n_streams, 1) or (n_streams, 0)
        Last column of the steps of each stream, if it has a class.

    Attributes
    ----------
    per_step, needs_step, n_steps, outputs, layers, pools, fast_step
        As of `StreamNetwork`; `n_steps` counts the step of zeros.
    """

    def __init__(
        self, module: Any, n_streams: int, zeros: NDArray, classes: NDArray
    ) -> None:
        super().__init__(module, n_streams)
        self.needs_step = False
        self._zeros, self._classes = zeros, classes
        self.reset(np.arange(n_streams))

    def read(
        self, X: RaggedArray, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], list[_Update]]:
        """Compute the outputs for more steps, as `StreamNetwork.read` does."""
        classes = np.repeat(self._classes[rows], X.lengths, axis=0).astype(X.dtype)
        values = np.concatenate([X.values, classes], axis=1)
        return super().read(RaggedArray(values, X.offsets), rows)

    def reset(self, rows: NDArray[np.intp]) -> None:
        """Return streams to where they have had no step but that of zeros."""
        super().reset(rows)
        steps = np.repeat(self._zeros, len(rows), axis=0)
        _, updates = self.read(RaggedArray(steps, np.arange(len(rows) + 1)), rows)
        self.keep(updates)

    def count_steps(self) -> NDArray[np.int64]:
        """Return how many steps each stream was given."""
        return self.n_steps - 1

    def restore(self, state: Any) -> None:
        """Replace the state of all streams, as `StreamNetwork.restore` does."""
        super().restore(state)
        self.n_steps += 1

    def _read_out(self, vectors: Tensor) -> Tensor:
        return self._module.read_out(vectors)


def _gather_pooled(
    states: Tensor,
    n_new: NDArray[np.int64],
    n_steps: NDArray[np.int64],
    pools: dict[str, NDArray],
) -> Tensor:
    """Return the pooled vectors in the type of the states."""
    if not pools:
        rows = torch.arange(len(states), device=states.device)
        return states[rows, torch.from_numpy(n_new - 1).to(states.device)]
    parts = [
        pool / n_steps[:, np.newaxis] if name == "total" else pool
        for name, pool in pools.items()
    ]
    return torch.from_numpy(np.concatenate(parts, axis=1)).to(states)


def check_finite(outputs: NDArray) -> None:
    """Refuse steps after which an output is not finite."""
    if not np.isfinite(outputs).all():
        raise ValueError(
            "The steps drive the network out of the range of float32: the "
            "prediction is not finite. The stream stays as it was."
        )


def check_state(
    state: Any, arrays: dict[str, NDArray], others: Sequence[str] = ()
) -> None:
    """Refuse a state without arrays of these names and shapes, and the others."""
    names = {*arrays, *others}
    if not isinstance(state, dict) or set(state) != names:
        raise ValueError(
            f"state must be a dict of {sorted(names)}. Got {state!r} instead."
        )
    for name, array in arrays.items():
        if np.shape(state[name]) != array.shape:
            raise ValueError(
                f"{name!r} of the state must have the shape {array.shape}. Got "
                f"{np.shape(state[name])} instead."
            )


def _check_shape(old: Tensor, new: Tensor) -> None:
    if old.shape != new.shape:
        raise ValueError("the shapes differ.")


def _map(function: Any, *values: Any) -> Any:
    """Apply a function to tensors in equal places of nested tuples and lists."""
    if isinstance(values[0], tuple | list):
        mapped = [_map(function, *part) for part in zip(*values, strict=True)]
        return tuple(mapped) if isinstance(values[0], tuple) else mapped
    return function(*values)
