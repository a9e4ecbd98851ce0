"""Softmax over a vocabulary: losses of some rows of logits, and their gradients."""

from array import array

from torch import Tensor

from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import read

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
