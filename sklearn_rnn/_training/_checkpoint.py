"""A file from which a training that was killed goes on."""

import copy
import glob
import hashlib
import inspect
import json
import os
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_rnn._serialization import (
    ValueReader,
    ValueWriter,
    pack,
    read_file,
    unpack,
    write_file,
)
from sklearn_rnn._training._state import history_from_state, history_to_state
from sklearn_rnn.nn import describe_arithmetic
from sklearn_rnn.utils import get_version

INTERVAL = 30.0  # seconds between two files
_BETWEEN_COPIES = 0.5  # seconds: copying after each short epoch would take its time
_FORMAT = 1
_MONITOR = "losses_", "scores_", "best_", "misses_", "stopped_", "best_weights_"
_AVERAGE = "means", "n_averaged", "n_skipped"


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
    callbacks : list of (str, skorch.callbacks.Callback)
        Those of the user.
    """

    net: Any
    scheduler: Any
    monitor: Any
    average: Any
    random_state: np.random.RandomState
    callbacks: list[tuple[str, Any]]


class TrainingFile:
    """The file of one fit in a folder of checkpoints.

    Parameters
    ----------
    folder : str or path-like
        Is created if it does not exist.
    owner : str
        Name of the estimator.
    inputs : dict
        All that the result of the fit depends on; the name of the file is its
        fingerprint.

    Attributes
    ----------
    start : RandomState or None
        Generator of the estimator at the beginning of the fit, of the process that was
        killed; None if there is no file.
    """

    def __init__(
        self, folder: str | os.PathLike[str], owner: str, inputs: Mapping[str, Any]
    ) -> None:
        try:
            os.makedirs(folder, exist_ok=True)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"The 'checkpoint' parameter of {owner} must be a folder that can be "
                f"written to. Got {folder!r} instead: {error}"
            ) from error
        name = f"{owner}-{compute_fingerprint(inputs)}.safetensors"
        self.path = os.path.join(folder, name)
        self.owner = owner
        # here: inside a training torch has fewer threads
        self._environment = {"sklearn_rnn": get_version(), **describe_arithmetic()}
        self._content = self._read()
        self.start = None if self._content is None else self._content["start"]
        self._copy: dict[str, Any] | None = None
        self._written = self._copied = time.monotonic()
        self._is_checked = False

    def set_start(self, random_state: np.random.RandomState) -> None:
        """Remember the generator as it is at the beginning of the fit."""
        self.start = copy.deepcopy(random_state)

    def resume(self, training: Training) -> tuple[int, bool]:
        """Continue from the file, if there is one.

        Returns
        -------
        n_epochs : int
            Epochs of this fit that are done.
        finished : bool
            Whether no epoch follows.
        """
        content = self._content
        if content is None:
            return 0, False
        _restore(training, content["training"])
        self._content, self._copy = None, content["training"]
        return len(training.monitor.losses_), content["finished"]

    def end_epoch(self, training: Training) -> None:
        """Copy the state now and then, and write it from time to time."""
        if not self._is_checked:  # an error after a minute would be a pity
            _check_plain(training, self.owner)
            self._is_checked = True
        now = time.monotonic()
        is_due = now - self._written >= INTERVAL
        if is_due or now - self._copied >= _BETWEEN_COPIES:
            self._copy = _capture(training)
            self._copied = now
        if is_due:
            self.write(finished=False)

    def finish(self, training: Training) -> None:
        """Write the end of the training, and remove what killed writes have left."""
        self._copy = _capture(training)
        self.write(finished=True)
        folder, name = os.path.split(self.path)
        for path in glob.glob(os.path.join(glob.escape(folder), f".{name}.*.tmp")):
            os.unlink(path)

    def write(self, *, finished: bool) -> None:
        """Write the last copy; warn if the disk is full, and keep the file before."""
        if self._copy is None:
            return
        document = {
            "format": _FORMAT,
            "environment": self._environment,
            "start": self.start,
            "finished": finished,
            "training": self._copy,
        }
        try:
            write_file(self.path, _to_bytes(document))
        except OSError as error:
            warnings.warn(
                f"The checkpoint {self.path!r} could not be written, and training goes "
                f"on: {error}",
                UserWarning,
                stacklevel=2,
            )
        self._written = time.monotonic()

    def _read(self) -> dict[str, Any] | None:
        """Return the content of the file; None without one, or if it is damaged."""
        if not os.path.exists(self.path):
            return None
        try:
            content = _from_bytes(read_file(self.path))
            if content.get("format") != _FORMAT:
                raise ValueError(f"its format is {content.get('format')!r}.")
        except ValueError as error:
            warnings.warn(
                f"The checkpoint {self.path!r} cannot be read, and training begins "
                f"anew: {error}",
                UserWarning,
                stacklevel=2,
            )
            return None
        before, now = content["environment"], self._environment
        if before != now:
            warnings.warn(
                f"The checkpoint {self.path!r} was written with {before}, and training "
                f"goes on with {now}: the result will differ in the last bits.",
                UserWarning,
                stacklevel=2,
            )
        return content


def compute_fingerprint(inputs: Mapping[str, Any]) -> str:
    """Return a short name of plain values and arrays, of classes and their objects."""
    writer = ValueWriter(_refuse)
    text = json.dumps(writer.write(_simplify(dict(inputs)), "inputs"), sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(writer.arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def _simplify(value: Any) -> Any:
    """Replace classes, functions and other objects by their names and attributes."""
    if isinstance(value, list | tuple):
        return [_simplify(item) for item in value]
    if isinstance(value, dict):
        return {key: _simplify(item) for key, item in value.items()}
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    plain = (bool, int, float, str, np.generic, np.ndarray, np.random.RandomState)
    if value is None or isinstance(value, plain):
        return value
    if isinstance(value, torch.device | os.PathLike):
        return str(value)
    own = {k: v for k, v in vars(value).items() if not k.endswith("_")}
    return [_simplify(type(value)), _simplify(own)]


def _refuse(value: Any, place: str, writer: Any) -> Any:
    raise ValueError(
        f"a checkpoint can hold plain values, arrays and tensors. Got {value!r} as "
        f"{place}."
    )


# Bytes --------------------------------------------------------------------------------


def _to_bytes(document: Any) -> bytes:
    writer = ValueWriter(_refuse)
    return pack({"content": writer.write(document, "content")}, writer.arrays)


def _from_bytes(data: bytes) -> dict[str, Any]:
    document, arrays = unpack(data)
    reader = ValueReader(arrays, _refuse_object)
    content = reader.read(document.get("content"))
    if not isinstance(content, dict):
        raise ValueError("it holds no training.")
    return content


def _refuse_object(value: Any, reader: Any) -> Any:
    raise ValueError("it holds an object.")


# State --------------------------------------------------------------------------------


def _capture(training: Training) -> dict[str, Any]:
    """Return copies of all that a training changes, as plain values."""
    net, scheduler = training.net, training.scheduler
    state = None if scheduler is None else scheduler.scheduler.state_dict()
    return {
        "weights": _to_arrays(net.module_.state_dict()),
        "optimizer": _to_arrays(net.optimizer_.state_dict()),
        "scheduler": copy.deepcopy(state),
        "monitor": {k: _to_arrays(vars(training.monitor)[k]) for k in _MONITOR},
        "average": {k: _to_arrays(vars(training.average)[k]) for k in _AVERAGE},
        "random_state": copy.deepcopy(training.random_state),
        "history": _to_columns(history_to_state(net.history)),
        "callbacks": _capture_callbacks(training.callbacks),
    }


def _restore(training: Training, state: dict[str, Any]) -> None:
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
    for (_, callback), own in zip(training.callbacks, state["callbacks"], strict=True):
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


def _capture_callbacks(callbacks: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return what each callback has learned: its attributes that end in "_"."""
    return [
        {k: _to_arrays(v) for k, v in vars(callback).items() if k.endswith("_")}
        for _, callback in callbacks
    ]


def _check_plain(training: Training, owner: str) -> None:
    """Raise ValueError if callbacks, or the history, have what a file cannot hold."""
    for name, callback in training.callbacks:
        try:
            _to_bytes(_capture_callbacks([(name, callback)]))
        except ValueError as error:
            raise ValueError(
                f"The callback {name!r} of {owner} does not work with 'checkpoint': "
                f"{error}"
            ) from error
    _to_bytes(_capture(training))


def _to_arrays(value: Any) -> Any:
    """Return a copy with tensors as arrays, marked as such."""
    if isinstance(value, torch.Tensor):
        return {"tensor": value.detach().cpu().numpy().copy()}
    if isinstance(value, dict):
        return {"items": {key: _to_arrays(inner) for key, inner in value.items()}}
    if isinstance(value, list | tuple):
        return type(value)(_to_arrays(inner) for inner in value)
    return copy.deepcopy(value)


def _to_tensors(value: Any) -> Any:
    """Return what `_to_arrays` had."""
    if isinstance(value, list | tuple):
        return type(value)(_to_tensors(inner) for inner in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"tensor"}:
        return torch.from_numpy(value["tensor"])
    if set(value) == {"items"}:
        value = value["items"]
    return {key: _to_tensors(inner) for key, inner in value.items()}
