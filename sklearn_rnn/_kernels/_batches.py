"""Batches of sequences: gathered from one block of memory, and standardised."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sklearn_rnn._kernels._constants import WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import check_sequences, empty, read


def gather(
    values: NDArray[np.float32],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    n_steps: int,
) -> Tensor:
    """Copy some sequences into one tensor padded with zeros.

    Parameters
    ----------
    values : ndarray of shape (n_total_steps, n_features)
        All sequences, end to end; contiguous.
    offsets : ndarray of shape (n_samples + 1,)
        First step of each sequence in `values`, and the end.
    rows : ndarray of shape (batch,)
        Sequences of the batch; none may have more steps than `n_steps`.
    n_steps : int

    Returns
    -------
    x : Tensor of shape (batch, n_steps, n_features)
    """
    offsets, rows = (np.ascontiguousarray(a, np.int64) for a in (offsets, rows))
    check_sequences(values, offsets, rows, n_steps)
    n_features = values.shape[1]
    x = empty(len(rows), n_steps, n_features)
    addresses = [
        array.__array_interface__["data"][0] for array in (values, offsets, rows)
    ]
    counts = values.size, n_features, len(rows), n_steps
    get_library().gather(*counts, *addresses, x.data_ptr())
    return x


def standardize(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return (x - mean) / scale; the last axis of x is the features."""
    rows = x.reshape(-1, x.shape[-1])
    mean, scale, rows = read(
        "standardize", {}, {"mean": mean, "scale": scale, "x": rows}
    )
    n_features = len(mean)
    repeated = empty(2, WIDTH * n_features)
    result = empty(*x.shape)
    tensors = rows, mean, scale, repeated, result
    addresses = [tensor.data_ptr() for tensor in tensors]
    get_library().standardize(x.numel(), n_features, *addresses)
    return result
