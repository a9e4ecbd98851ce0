"""Run a trained module over many sequences."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn._sequences._batching import batches_by_length
from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._training._loader import make_inputs
from sklearn_rnn.nn._gated import threads_for

_MAX_ROWS = 1024
_MAX_STEPS = 32_768  # of a batch: bounds the memory that predict needs


def make_batch_invariant(module: Any) -> Any:
    """Return the module that predicts, on the CPU exactly.

    Matrix products of a library round differently for other batch sizes. Our kernels
    do not; where they do not serve, a copy in double precision does: there the
    difference is near 1e-16, so that the results, rounded to float32, depend on their
    own sequence alone. Not every GPU can do it; there it is float32.
    """
    on_cpu = module.head.weight.device.type == "cpu"
    if not on_cpu or module.encoder.suits_kernels():
        return module
    return copy.deepcopy(module).double().eval()


def apply_to_sequences(
    module: Any, X: RaggedArray, method: str = "forward"
) -> NDArray[np.float32]:
    """Compute one vector for each sequence.

    Parameters
    ----------
    module : torch.nn.Module
        The model.
    X : RaggedArray
        All sequences.
    method : str, default="forward"
        Name of a method: of (x, lengths), it returns a tensor of shape (batch, size).

    Returns
    -------
    result : ndarray of shape (n_samples, size)
        In the order of X.
    """
    run = getattr(module, method)
    result: Any = None
    with torch.inference_mode(), threads_for(module):
        for rows in batches_by_length(X.lengths, _MAX_ROWS, _MAX_STEPS):
            part = run(**make_inputs(X, rows, _device_of(module))).float().cpu().numpy()
            _recompute_overflowed_rows(part, rows, module, X, method)
            if result is None:
                result = np.empty((len(X), *part.shape[1:]), np.float32)
            result[rows] = part
    return result


def apply_to_steps(module: Any, X: RaggedArray, method: str = "forward") -> RaggedArray:
    """Compute a vector for each step of each sequence.

    Parameters
    ----------
    module : torch.nn.Module
        The model.
    X : RaggedArray
        All sequences.
    method : str, default="forward"
        Name of a method: of (x, lengths), it returns a tensor of shape (batch, time,
        size) and the number of valid steps of each row, or None.

    Returns
    -------
    result : RaggedArray
        float32, in the order of X.
    """
    run = getattr(module, method)
    result: list[Any] = [None] * len(X)
    with torch.inference_mode(), threads_for(module):
        for rows in batches_by_length(X.lengths, _MAX_ROWS, _MAX_STEPS):
            outputs, lengths = run(**make_inputs(X, rows, _device_of(module)))
            batch = outputs.float().cpu().numpy()
            for i, row in enumerate(rows):
                n_steps = batch.shape[1] if lengths is None else int(lengths[i])
                result[row] = batch[i, :n_steps]
    return RaggedArray.from_sequences(result)


def _device_of(module: Any) -> torch.device:
    return next(module.parameters()).device


def _recompute_overflowed_rows(
    part: NDArray[np.float32],
    rows: NDArray[np.intp],
    module: Any,
    X: RaggedArray,
    method: str,
) -> None:
    """Compute in double precision what float32 could not hold, row by row."""
    overflown = ~np.isfinite(part).all(axis=1)
    if not overflown.any():
        return
    device = torch.device("cpu")
    inputs = make_inputs(X, rows[overflown], device)
    double = copy.deepcopy(module).to(device).double()
    part[overflown] = getattr(double, method)(**inputs).float().numpy()
