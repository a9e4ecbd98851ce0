"""A file from which a training that was killed goes on."""

import contextlib
import copy
import glob
import hashlib
import inspect
import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

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
from sklearn_rnn._training._snapshot import (
    Epoch,
    Training,
    capture,
    capture_callbacks,
    restore,
    restore_epoch,
)
from sklearn_rnn._training._state import history_to_state
from sklearn_rnn.nn import describe_arithmetic
from sklearn_rnn.utils import get_version

INTERVAL = 30.0  # seconds between two files
_BETWEEN_COPIES = 1.0  # seconds between two copies, of which Ctrl-C writes the last
_MOST_SHARE = 0.003  # of the time that copies, and files, may take
_FORMAT = 2


class _Pace:
    """When it is time for something that takes time.

    Parameters
    ----------
    interval : float
        Seconds from one time to the next, or more if it takes long.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._next = time.monotonic() + interval

    def is_due(self) -> bool:
        """Whether it is time again."""
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Measure how long it takes."""
        begin = time.monotonic()
        yield
        end = time.monotonic()
        self._next = end + max(self.interval, (end - begin) / _MOST_SHARE)


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
        self._unfinished: dict[str, Any] | None = None
        self._writes, self._copies = _Pace(INTERVAL), _Pace(_BETWEEN_COPIES)
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
        if self._content is None:
            return 0, False
        finished, self._copy = self._content["finished"], self._content["training"]
        self._content = None
        restore(training, self._copy)
        self._unfinished = self._copy if self._copy["epoch"] else None
        return len(training.monitor.losses_), finished

    def begin_epoch(self, training: Training, batches: Iterator[Any]) -> Epoch:
        """Return a new epoch, or the one that was killed, after `on_epoch_begin`.

        Parameters
        ----------
        training : Training
        batches : iterator
            Mini-batches of the epoch. Those that are done are skipped.
        """
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is None:
            return Epoch(copy.deepcopy(training.random_state))
        return restore_epoch(training, unfinished, batches)

    def end_batch(self, training: Training, epoch: Epoch | None) -> None:
        """Copy the state now and then, and write it from time to time.

        Parameters
        ----------
        training : Training
        epoch : Epoch or None
            The epoch that is under way; None at its end.
        """
        if epoch is None and not self._is_checked:  # an error after a minute is late
            _check_plain(training, self.owner)
            self._is_checked = True
        is_due = self._writes.is_due()
        if is_due or self._copies.is_due():
            with self._copies.timed():
                self._copy = capture(training, epoch)
        if is_due:
            self.write(finished=False)

    def finish(self, training: Training) -> None:
        """Write the end of the training, and remove what killed writes have left."""
        self._copy = capture(training)
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
            with self._writes.timed():
                write_file(self.path, _to_bytes(document))
        except OSError as error:
            warnings.warn(
                f"The checkpoint {self.path!r} could not be written, and training goes "
                f"on: {error}",
                UserWarning,
                stacklevel=2,
            )

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
    return pack(*_to_values(document))


def _to_values(document: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    writer = ValueWriter(_refuse)
    return {"content": writer.write(document, "content")}, writer.arrays


def _from_bytes(data: bytes) -> dict[str, Any]:
    document, arrays = unpack(data)
    reader = ValueReader(arrays, _refuse_object)
    content = reader.read(document.get("content"))
    if not isinstance(content, dict):
        raise ValueError("it holds no training.")
    return content


def _refuse_object(value: Any, reader: Any) -> Any:
    raise ValueError("it holds an object.")


def _check_plain(training: Training, owner: str) -> None:
    """Raise ValueError if callbacks, or the history, have what a file cannot hold."""
    for name, callback in training.callbacks:
        try:
            _to_values(capture_callbacks([(name, callback)]))
        except ValueError as error:
            raise ValueError(
                f"The callback {name!r} of {owner} does not work with 'checkpoint': "
                f"{error}"
            ) from error
    _to_values([history_to_state(training.net.history)])
