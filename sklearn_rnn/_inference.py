"""Run a trained network over many sequences.

Callers are inside `neutral_torch_state` or `open_module`: once for each method.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_rnn._sequences import (
    RaggedArray,
    batches_by_length,
    lengths_to_offsets,
    step_index,
)
from sklearn_rnn._training import make_inputs
from sklearn_rnn.nn import (
    CRF,
    Encoder,
    StepModel,
    find_packed_network,
    flatten_steps,
    list_modules,
    threads_for,
)
from sklearn_rnn.utils import is_torch_state_neutral, neutral_torch_state

_MAX_ROWS = 1024
_MAX_STEPS = 32_768  # per batch: limits the memory of predict

_MAX_NUMBERS = 2**21  # between two packed links: more do not stay in the cache
_FEW_STEPS = 4096
_FIRST = np.zeros(1, np.intp)

Run = Callable[..., Tensor]  # called with (module, x, lengths)


class PackedModel(NamedTuple):
    """A network, and its packed form, by which the kernels run it in one call."""

    module: nn.Module
    network: Any


@contextmanager
def open_module(module: nn.Module, X: RaggedArray) -> Iterator[Any]:
    """Yield the module that predicts, under torch's neutral settings.

    Where the kernels run all of it, and torch has only the link function of few rows,
    there is nothing to set: that takes a third of the time of one short sequence.
    """
    few = len(X.values) <= _FEW_STEPS
    packed = pack(module) if few and is_torch_state_neutral() else None
    if packed is not None:
        yield packed
        return
    with neutral_torch_state():
        module = make_batch_invariant(module)
        with threads_for(module):  # torch's own would keep spinning after a link
            yield module


def pack(module: nn.Module) -> PackedModel | None:
    """Return the packed form of a module as it is now, if there is one."""
    network = find_packed_network(module)
    return None if network is None else PackedModel(module, network)


def call(module: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
    """Call the module with its hooks and return its output."""
    return module(x, lengths)


def make_batch_invariant(module: Any) -> Any:
    """Return the module that predicts, on the CPU exactly.

    Matrix products of a library round differently for other batch sizes. The kernels
    do not; where they do not serve, a copy in double precision does: there the
    difference is near 1e-16, so that the results, rounded to float32, depend on their
    own sequence alone. Not every GPU can do it; there it is float32.
    """
    on_cpu = _device_of(module).type == "cpu"
    encoders = [m for m in list_modules(module) if isinstance(m, Encoder)]
    if not on_cpu or all(encoder.suits_kernels() for encoder in encoders):
        return module
    return copy.deepcopy(module).double().eval()


def apply_to_sequences(module: Any, X: RaggedArray, run: Run = call) -> NDArray:
    """Compute one vector for each sequence.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    X : RaggedArray
        All sequences.
    run : callable, default=call
        ``run(module, x, lengths)`` returns a tensor of shape (batch, size).

    Returns
    -------
    result : ndarray of shape (n_samples, size)
        In the order of X; float32, or integers if `run` returns these.

    Raises
    ------
    ValueError
        If a result is not finite, in double precision either.
    """
    return _run_batches(module, X, run, np.ones(len(X), np.int64))


def apply_to_steps(module: Any, X: RaggedArray, run: Run = call) -> NDArray:
    """Compute a vector for each step of each sequence.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    X : RaggedArray
        All sequences.
    run : callable, default=call
        ``run(module, x, lengths)`` returns a tensor of shape (n_valid_steps, size).

    Returns
    -------
    result : ndarray of shape (n_steps_total, size)
        In the order of X.

    Raises
    ------
    ValueError
        If a result is not finite, in double precision either.
    """
    return _run_batches(module, X, run, X.lengths)


def compute_states(module: Any, X: RaggedArray) -> RaggedArray:
    """Compute the states of the last recurrent layer, in the order of X.

    Parameters
    ----------
    module : RecurrentModel
        The network.
    X : RaggedArray
        All sequences.

    Returns
    -------
    states : RaggedArray
        float32; after a stem with a stride, fewer states than steps.

    Raises
    ------
    ValueError
        If a state is not finite, in double precision either.
    """
    counts = module.count_states(X.lengths)
    states = _run_batches(module, X, _run_to_states, counts)
    return RaggedArray(states, lengths_to_offsets(counts))


def apply_to_frames(module: Any, X: RaggedArray) -> RaggedArray:
    """Compute the scores of all frames, in the order of X.

    Parameters
    ----------
    module : CTCModel
        The network.
    X : RaggedArray
        All sequences.

    Returns
    -------
    scores : RaggedArray
        float32, of shape (n_frames_i, n_outputs).

    Raises
    ------
    ValueError
        If a score is not finite, in double precision either.
    """
    counts = module.count_frames(X.lengths)
    scores = _run_batches(module, X, _run_to_frames, counts)
    return RaggedArray(scores, lengths_to_offsets(counts))


def _run_to_frames(module: Any, x: Tensor, lengths: Tensor | None) -> Tensor:
    return flatten_steps(*module(x, lengths))


def _run_to_states(module: Any, x: Tensor, lengths: Tensor | None) -> Tensor:
    return flatten_steps(*module.hidden_states(x, lengths))


def _run_batches(
    module: Any, X: RaggedArray, run: Run, counts: NDArray[np.int64]
) -> NDArray:
    """Run batches of similar length; a sequence gives `counts` rows of the result."""
    if len(X.values) == 0:  # all sequences are empty: the shape is that of one step's
        one_step = RaggedArray(np.zeros((1, X.n_features), X.dtype), [0, 1])
        return _run_batches(module, one_step, run, np.ones(1, np.int64))[:0]
    if run in _AFTER_HEAD and (len(X) == 1 or run not in _OF_ONE_SEQUENCE):
        packed = module if isinstance(module, PackedModel) else pack(module)
        if packed is not None:
            return _run_packed(packed, X, counts, run)
    offsets = lengths_to_offsets(counts)
    result: Any = None
    device = _device_of(module)
    with torch.inference_mode(), threads_for(module):
        for rows in batches_by_length(X.lengths, _MAX_ROWS, _MAX_STEPS):
            rows = rows[X.lengths[rows] > 0]  # empty sequences come last
            if len(rows) == 0:
                break
            part = _to_array(run(module, **make_inputs(X, rows, device)))
            _recompute_overflowed_rows(part, rows, counts[rows], module, X, run)
            if result is None:
                result = np.empty((offsets[-1], *part.shape[1:]), part.dtype)
            result[step_index(offsets[rows], counts[rows])] = part
    return result


def _run_packed(
    packed: PackedModel, X: RaggedArray, counts: NDArray[np.int64], run: Run
) -> NDArray:
    """Return what `_run_batches` returns."""
    module, network = packed
    finish = _AFTER_HEAD[run]
    values = X.values.astype(network.dtype, copy=False)  # ids in several columns
    if len(X) == 1:
        ((rows, outputs),) = network.run(values, X.offsets, _FIRST)
        result = finish(module, outputs)
        if not np.isfinite(result).all():
            _recompute_overflowed_rows(result, rows, counts, module, X, run)
        return result
    offsets = lengths_to_offsets(counts)
    result = None
    max_steps = min(_MAX_STEPS, _MAX_NUMBERS // network.width)
    for rows in batches_by_length(X.lengths, _MAX_ROWS, max_steps):
        filled = rows[X.lengths[rows] > 0]
        if len(filled) == 0:
            continue
        for own, outputs in network.run(values, X.offsets, filled):
            part = finish(module, outputs)
            _recompute_overflowed_rows(part, own, counts[own], module, X, run)
            if result is None:
                result = np.empty((offsets[-1], part.shape[1]), part.dtype)
            result[step_index(offsets[own], counts[own])] = part
    return result


def _keep(module: Any, outputs: NDArray) -> NDArray:
    return outputs


def _split_frames(module: Any, outputs: NDArray) -> NDArray:
    return outputs.reshape(len(outputs) * module.upsample, -1)


def _run_crf(method: Any, module: Any, outputs: NDArray) -> NDArray:
    """Return what the CRF makes of the emissions of one sequence."""
    found = method(module.crf, torch.from_numpy(outputs).unsqueeze(0))
    return _to_array(found.reshape(len(outputs), -1))


# with a batch, the modules are as fast
_OF_ONE_SEQUENCE: dict[Run, Any] = {
    StepModel.decode: partial(_run_crf, CRF.decode),
    StepModel.marginals: partial(_run_crf, CRF.marginals),
}
# what becomes of the outputs of a packed network, instead of a call of its module
_AFTER_HEAD: dict[Run, Any] = {
    call: _keep,
    _run_to_frames: _split_frames,
    **_OF_ONE_SEQUENCE,
}


def _recompute_overflowed_rows(
    part: NDArray,
    rows: NDArray[np.intp],
    counts: NDArray[np.int64],
    module: Any,
    X: RaggedArray,
    run: Run,
) -> None:
    """Recompute overflowed rows in double precision."""
    bad = _find_bad_rows(part, counts)
    if not bad.any():
        return
    with neutral_torch_state(), torch.inference_mode():
        double = copy.deepcopy(module).cpu().double()
        inputs = make_inputs(X, rows[bad], torch.device("cpu"))
        part[np.repeat(bad, counts)] = _to_array(run(double, **inputs))
    still_bad = _find_bad_rows(part, counts)
    if still_bad.any():
        raise ValueError(
            f"X[{rows[still_bad].min()}] drives the network out of the range of "
            "numbers: its result is not finite. It is much longer, or has much larger "
            "values, than the sequences of fit. Try scaled or shorter sequences, or "
            "fit with nonlinearity='tanh' or a smaller 'learning_rate'."
        )


def check_finite_predictions(predictions: NDArray, X: RaggedArray) -> None:
    """Raise an error if a prediction is not finite; a row is a sequence or a step."""
    finite = np.isfinite(predictions).all(axis=1)
    if finite.all():
        return
    row = int(finite.argmin())
    per_step = len(predictions) != len(X)
    i = int(np.searchsorted(X.offsets, row, side="right")) - 1 if per_step else row
    raise ValueError(
        f"The prediction for X[{i}] is not finite: it is beyond the range of numbers. "
        "The sequence is far from those of fit. Try scaled or shorter sequences, or "
        "fit with a smaller 'learning_rate'."
    )


def _find_bad_rows(part: NDArray, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which sequences have a number that is not finite."""
    finite = np.isfinite(part).all(axis=1)
    if finite.all():
        return np.zeros(len(counts), bool)
    rows = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(rows[~finite], minlength=len(counts)) > 0


def _to_array(tensor: Tensor) -> NDArray:
    """Return float32 numbers; integers as they are."""
    if tensor.dtype.is_floating_point:
        tensor = tensor.float()
    return tensor.cpu().numpy()


def _device_of(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
