"""Run a trained module over many sequences."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sklearn_rnn._sequences._batching import batches_by_length
from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn._training._loader import make_inputs

_MAX_ROWS = 256
_MAX_STEPS = 65_536  # of a batch: bounds the memory that predict needs


def make_exact(module: nn.Module) -> nn.Module:
    """Return the module that predicts: on the CPU, a copy in double precision.

    Matrix products round differently for other batch sizes. In double precision the
    difference is near 1e-16, so that the results, rounded to float32, depend on their
    own sequence alone, to the last bit. Not every GPU can do it; there it is float32.
    """
    if next(module.parameters()).device.type != "cpu":
        return module
    return copy.deepcopy(module).double().eval()


def apply_to_sequences(
    method: Any, X: RaggedArray, device: torch.device
) -> NDArray[np.float32]:
    """Compute one vector for each sequence.

    Parameters
    ----------
    method : callable
        ``method(x, lengths)`` returns a tensor of shape (batch, size).
    X : RaggedArray
        All sequences.
    device : torch.device
        Where the module is.

    Returns
    -------
    result : ndarray of shape (n_samples, size)
        In the order of X.
    """
    parts, orders = [], []
    with torch.inference_mode():
        for rows in batches_by_length(X.lengths, _MAX_ROWS, _MAX_STEPS):
            parts.append(method(**make_inputs(X, rows, device)).float().cpu().numpy())
            orders.append(rows)
    stacked = np.concatenate(parts)
    result = np.empty_like(stacked)
    result[np.concatenate(orders)] = stacked
    return result


def states_of_sequences(
    module: Any, X: RaggedArray, device: torch.device
) -> RaggedArray:
    """Compute the state at every step of every sequence, in the order of X."""
    states: list[Any] = [None] * len(X)
    with torch.inference_mode():
        for rows in batches_by_length(X.lengths, _MAX_ROWS, _MAX_STEPS):
            outputs, lengths = module.hidden_states(**make_inputs(X, rows, device))
            batch = outputs.float().cpu().numpy()
            for i, row in enumerate(rows):
                n_steps = batch.shape[1] if lengths is None else int(lengths[i])
                states[row] = batch[i, :n_steps]
    return RaggedArray.from_sequences(states)
