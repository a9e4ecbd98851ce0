"""Softmax over a vocabulary: losses of some rows, their gradients, the best words."""

from array import array
from itertools import pairwise

import torch
from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read
from sklearn_rnn._kernels._threads import count_parts, run_in_threads

# rows of logits are multiples of it: whole vectors of any width
LANES = 16


def soften(
    logits: Tensor,
    n_words: int,
    bias: Tensor,
    targets: Tensor,
    weights: Tensor | None,
    label_smoothing: float,
    losses: Tensor,
    d_bias: Tensor,
) -> None:
    """Set the losses of some rows, and replace logits by their gradients.

    Parameters
    ----------
    logits : Tensor of shape (rows, wide)
        Outputs without the bias, and anything behind the words; overwritten.
    n_words : int
    bias : Tensor of shape (wide,)
        Repeats its first number behind the words.
    targets : Tensor of shape (rows,)
        Words as int64; -1 costs nothing, the loss is NaN if another is no word.
    weights : Tensor of shape (rows,) or None
        Factors of the gradients; without them there are none.
    label_smoothing : float
    losses : Tensor of shape (rows,)
        Set to the losses, without the weights.
    d_bias : Tensor of shape (wide,)
        The gradients of the bias are added to it; anything behind the words.
    """
    given = {"logits": logits, "bias": bias, "targets": targets, "weights": weights}
    sizes: dict[str, int] = {}
    tensors = read("vocabulary", sizes, given)
    results = read("vocabulary", sizes, {"losses": losses, "d_bias": d_bias})
    rows, wide = logits.shape
    in_place = logits, losses, d_bias
    written = tensors[0], *results
    if (
        wide % LANES
        or not 0 < n_words <= wide
        or any(a is not b for a, b in zip(written, in_place, strict=True))
    ):
        raise ValueError(
            f"logits, losses and d_bias must be contiguous, with {n_words} columns "
            f"rounded up to multiples of {LANES}. Got the shape {tuple(logits.shape)}."
        )
    numbers = array("d", (label_smoothing,))
    get_library("vocabulary").soften(
        rows, n_words, wide, *(t.data_ptr() for t in tensors[:3]),
        0 if weights is None else tensors[3].data_ptr(),
        losses.data_ptr(), d_bias.data_ptr(), numbers.buffer_info()[0],
    )  # fmt: skip


def find_most_probable(logits: Tensor, n: int, forbidden: int) -> tuple[Tensor, Tensor]:
    """Return the most probable words of each row, the best first.

    Parameters
    ----------
    logits : Tensor of shape (rows, n_words)
        Overwritten.
    n : int
    forbidden : int
        A word that is not to be found.

    Returns
    -------
    log_p : Tensor of shape (rows, n)
        float64. Negative infinity where there are too few words.
    words : Tensor of shape (rows, n)
    """
    (logits,) = read("most_probable", {}, {"logits": logits})
    rows, n_words = logits.shape
    if not 0 <= forbidden < n_words:
        raise ValueError(
            f"forbidden must be below {n_words} and not negative. Got {forbidden}."
        )
    log_p = empty(rows, n, dtype=torch.float64)
    words = empty(rows, n, dtype=torch.int64)
    n_parts = count_parts(rows, 64 * logits.numel())
    bounds = [rows * k // n_parts for k in range(n_parts + 1)]
    results = empty(n_parts, 1)
    jobs = [
        (b - a, n_words, n, forbidden,
         *(t.data_ptr() for t in (logits[a:], result, log_p[a:], words[a:])))
        for (a, b), result in zip(pairwise(bounds), results, strict=True)
    ]  # fmt: skip
    kept = logits, results, log_p, words
    run_in_threads(get_library("vocabulary").find_most_probable, jobs, kept)
    return log_p, words
