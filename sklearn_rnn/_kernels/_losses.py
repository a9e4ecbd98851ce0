"""The loss of a batch with the gradient of its outputs."""

import torch
from torch import Tensor

from sklearn_rnn._kernels._constants import BLOCK, LOSSES, WIDTH
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read


def compute_loss(
    loss: str,
    output: Tensor,
    target: Tensor,
    sample_weight: Tensor | None,
    quantile: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Compute ``mean(sample_weight * loss(output, target))``.

    Parameters
    ----------
    loss : str
        One of `LOSSES`.
    output : Tensor of shape (rows, outputs)
    target : Tensor of shape (rows,) or (rows, targets)
        Classes as int64 for the cross-entropy: -1 costs nothing, the loss is NaN if
        another is no class. Otherwise numbers as float32.
    sample_weight : Tensor of shape (rows,) or None
    quantile : float, default=0.5
        For the loss "quantile".

    Returns
    -------
    loss : Tensor of shape ()
        float64.
    d_output : Tensor of shape (rows, outputs)
    """
    name = "classes" if loss == "cross_entropy" else "targets"
    tensors = {"output": output, name: target, "sample_weight": sample_weight}
    output, target, *weights = read("compute_loss", {}, tensors)
    n, n_outputs = output.shape
    n_targets = n_outputs // 2 if loss == "gaussian" else n_outputs
    if name == "targets" and target.shape[1] != n_targets:
        raise ValueError(
            f"targets must have the shape (rows, {n_targets}). Got {target.shape}."
        )
    d_output = empty(n, n_outputs)
    wide = -(-n_outputs // WIDTH) * WIDTH
    memory = empty(BLOCK * (1 + wide))
    numbers = torch.full((2,), quantile, dtype=torch.float64, device="cpu")
    get_library().compute_loss(
        LOSSES.index(loss),
        n,
        n,
        n_outputs,
        n_targets,
        output.data_ptr(),
        target.data_ptr(),
        weights[0].data_ptr() if weights else 0,
        memory.data_ptr(),
        d_output.data_ptr(),
        numbers.data_ptr(),
    )
    return numbers[1], d_output
