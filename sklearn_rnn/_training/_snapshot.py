"""All that a training changes, as plain values, and back."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_rnn._training._state import (
    batches_to_state,
    history_from_state,
    history_to_state,
)

_MONITOR = "losses_", "scores_", "best_", "misses_", "stopped_", "best_weights_"
_AVERAGE = "means", "n_averaged", "n_skipped"
_CPU = torch.device("cpu")
_SUMS = "n_batches", "loss", "norm", "count"


class Training(NamedTuple):
    """All that a training changes.

    Parameters
    ----------
    net : SequenceNet
    scheduler : object or None
        From `make_schedule`.
    monitor : Monitor
    average : WeightAverage
    random_state : RandomState
        Source of the order of the samples.
    generator : torch.Generator
        Source of dropout.
    callbacks : list of (str, skorch.callbacks.Callback)
        Those of the user.
    """

    net: Any
    scheduler: Any
    monitor: Any
    average: Any
    random_state: np.random.RandomState
    generator: torch.Generator
    callbacks: list[tuple[str, Any]]


@dataclass
class Epoch:
    """The part of an epoch that is done.

    Parameters
    ----------
    start : RandomState or None
        The generator of the training before it drew the order of the samples; None
        if no checkpoint is written.
    n_batches : int
        Mini-batches that are done.
    loss, norm : float
        Sums of their losses and gradient norms.
    count : int
        What the mean of the losses divides by.
    memory : Memory or None
        States after the last one, where it was a window of longer sequences.
    """

    start: np.random.RandomState | None = None
    n_batches: int = 0
    loss: float = 0.0
    norm: float = 0.0
    count: int = 0
    memory: Any = None

    def add(self, batch: Any, loss: float, norm: float, count: int) -> None:
        """Count one more mini-batch."""
        self.n_batches += 1
        self.loss += loss * count
        self.norm += norm
        self.count += count
        self.memory = batch[0].get("carried")


def capture(training: Training, epoch: Epoch | None = None) -> dict[str, Any]:
    """Return copies of all that a training changes, as plain values.

    Parameters
    ----------
    training : Training
    epoch : Epoch or None, default=None
        The epoch that is under way; None between two of them.
    """
    net, scheduler = training.net, training.scheduler
    state = None if scheduler is None else scheduler.scheduler.state_dict()
    rows = history_to_state(net.history)
    unfinished = None if epoch is None else _capture_epoch(training, epoch, rows.pop())
    return {
        "weights": _to_arrays(net.module_.state_dict()),
        "optimizer": _to_arrays(net.optimizer_.state_dict()),
        "scheduler": copy.deepcopy(state),
        "monitor": {k: _to_arrays(vars(training.monitor)[k]) for k in _MONITOR},
        "average": {k: _to_arrays(vars(training.average)[k]) for k in _AVERAGE},
        "random_state": copy.deepcopy(training.random_state),
        "history": _to_columns(rows),
        "callbacks": capture_callbacks(training.callbacks),
        "epoch": unfinished,
    }


def restore(training: Training, state: dict[str, Any]) -> None:
    """Give a training the state of `capture`, without that of an unfinished epoch."""
    net = training.net
    net.module_.load_state_dict(_to_tensors(state["weights"]))
    net.optimizer_.load_state_dict(_to_tensors(state["optimizer"]))
    if training.scheduler is not None:
        training.scheduler.scheduler.load_state_dict(state["scheduler"])
    vars(training.monitor).update(_to_tensors(state["monitor"]))
    average = _to_tensors(state["average"])
    device = torch.device(net.device)
    average["means"] = [mean.to(device) for mean in average["means"]]
    vars(training.average).update(average)
    training.random_state.set_state(state["random_state"].get_state())
    net.history_ = history_from_state(_to_rows(state["history"]))
    _restore_callbacks(training.callbacks, state["callbacks"])


def restore_epoch(
    training: Training, state: dict[str, Any], batches: Iterator[Any]
) -> Epoch:
    """Return the unfinished epoch of a state, after `on_epoch_begin`.

    Parameters
    ----------
    training : Training
        As `restore` left it.
    state : dict
        The same state.
    batches : iterator
        Those of the epoch, of which none was drawn; those that are done are skipped.
    """
    unfinished = state["epoch"]
    epoch = Epoch(unfinished["start"], **unfinished["sums"])
    training.random_state.set_state(unfinished["start"].get_state())
    for batch in islice(batches, epoch.n_batches):
        epoch.memory = batch[0].get("carried")
    if epoch.memory is not None:
        device = torch.device(training.net.device)
        epoch.memory.state = _to_tensors(unfinished["memory"], device)
    training.random_state.set_state(state["random_state"].get_state())
    training.generator.set_state(torch.from_numpy(unfinished["generator"]))
    row = training.net.history[-1]
    row.update(unfinished["row"])
    row["batches"] = _to_rows(unfinished["batches"])
    _restore_callbacks(training.callbacks, state["callbacks"])
    return epoch


def _capture_epoch(
    training: Training, epoch: Epoch, row: dict[str, Any]
) -> dict[str, Any]:
    memory = None if epoch.memory is None else _to_arrays(epoch.memory.state)
    return {
        "start": epoch.start,
        "sums": {name: getattr(epoch, name) for name in _SUMS},
        "memory": memory,
        "generator": training.generator.get_state().numpy(),
        "row": row,
        "batches": _to_columns(batches_to_state(training.net.history)),
    }


def capture_callbacks(callbacks: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return what each callback has learned: its attributes that end in "_"."""
    return [
        {k: _to_arrays(v) for k, v in vars(callback).items() if k.endswith("_")}
        for _, callback in callbacks
    ]


def _restore_callbacks(callbacks: list[tuple[str, Any]], states: list[Any]) -> None:
    for (_, callback), own in zip(callbacks, states, strict=True):
        vars(callback).update(_to_tensors(own))


def _to_columns(rows: list[dict[str, Any]]) -> Any:
    """Return lists by name where all rows have the same names: they become arrays."""
    if any(row.keys() != rows[0].keys() for row in rows):
        return rows
    return {name: [row[name] for row in rows] for name in (rows or [{}])[0]}


def _to_rows(columns: Any) -> list[dict[str, Any]]:
    if isinstance(columns, list):
        return columns
    names = list(columns)
    values = zip(*columns.values(), strict=True)
    return [dict(zip(names, row, strict=True)) for row in values]


def _to_arrays(value: Any) -> Any:
    """Return a copy with tensors as arrays, marked as such."""
    if isinstance(value, torch.Tensor):
        return {"tensor": value.detach().cpu().numpy().copy()}
    if isinstance(value, dict):
        return {"items": {key: _to_arrays(inner) for key, inner in value.items()}}
    if isinstance(value, list | tuple):
        return type(value)(_to_arrays(inner) for inner in value)
    return copy.deepcopy(value)


def _to_tensors(value: Any, device: torch.device = _CPU) -> Any:
    """Return what `_to_arrays` had."""
    if isinstance(value, list | tuple):
        return type(value)(_to_tensors(inner, device) for inner in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"tensor"}:
        return torch.from_numpy(value["tensor"]).to(device)
    if set(value) == {"items"}:
        value = value["items"]
    return {key: _to_tensors(inner, device) for key, inner in value.items()}
