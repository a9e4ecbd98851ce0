"""The last linear layer and the loss of a batch, with all their gradients."""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_rnn._kernels._constants import LOSSES
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._tensors import empty, read


class HeadGradients(NamedTuple):
    """Results of the last layer and the loss."""

    loss: Tensor  # the mean of the batch
    output: Tensor  # (batch, n_outputs)
    d_states: Tensor
    d_weight: Tensor
    d_bias: Tensor


def compute_loss(
    loss: str,
    states: Tensor,
    weight: Tensor,
    bias: Tensor,
    target: Tensor,
    sample_weight: Tensor | None,
) -> HeadGradients:
    """Compute ``mean(sample_weight * loss(states @ weight.T + bias, target))``.

    Parameters
    ----------
    loss : {"cross_entropy", "squared_error"}
    states : Tensor of shape (batch, size)
    weight : Tensor of shape (n_outputs, size)
    bias : Tensor of shape (n_outputs,)
    target : Tensor of shape (batch,) or (batch, n_outputs)
        Classes as int64, the loss is NaN if one is not below n_outputs; or numbers
        as float32.
    sample_weight : Tensor of shape (batch,) or None

    Returns
    -------
    gradients : HeadGradients
    """
    targets = "classes" if loss == "cross_entropy" else "targets"
    tensors = {
        "weight": weight,
        "bias": bias,
        "states": states,
        targets: target,
        "sample_weight": sample_weight,
    }
    weight, bias, states, target, *weights = read("compute_loss", {}, tensors)
    n, size = states.shape
    n_outputs = len(bias)
    output, d_output = empty(n, n_outputs), empty(n_outputs)
    result = empty(1, dtype=torch.float64)
    given = states, weight, bias, target
    gradients = [empty(*tensor.shape) for tensor in given[:3]]
    get_library().compute_loss(
        LOSSES.index(loss),
        n,
        size,
        n_outputs,
        *(tensor.data_ptr() for tensor in given),
        weights[0].data_ptr() if weights else 0,
        *(tensor.data_ptr() for tensor in (output, d_output, *gradients, result)),
    )
    return HeadGradients(result[0].float(), output, *gradients)
