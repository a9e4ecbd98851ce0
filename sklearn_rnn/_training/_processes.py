"""One training by several processes: torch's process group, if there is one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn


def count_processes() -> int:
    """Return the number of processes that train together; 1 without a group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def get_rank() -> int:
    """Return the number of this process among them."""
    return distributed.get_rank() if count_processes() > 1 else 0


def check_processes(loader: Any, module: nn.Module, checkpoint: Any) -> None:
    """Raise ValueError if several processes cannot train this together.

    Parameters
    ----------
    loader : object
        Loader of the mini-batches.
    module : torch.nn.Module
        The network with its first weights.
    checkpoint : object
        None, if the training is not written to a file.
    """
    if count_processes() == 1:
        return
    if not loader.has_shares:
        raise ValueError(
            f"{distributed.get_world_size()} processes of torch.distributed are "
            "initialized, which train RNNClassifier, RNNRegressor, RNNTagger, "
            "RNNStepRegressor and RNNTranscriber together, but no other estimator."
        )
    if checkpoint is not None:
        raise ValueError("Several processes do not support 'checkpoint'.")
    weights = sum(float(p.detach().double().sum()) for p in module.parameters())
    own = len(loader.dataset), len(loader), weights
    found: list[Any] = [None] * count_processes()
    distributed.all_gather_object(found, own)
    if any(other != found[0] for other in found):
        raise ValueError(
            "Processes that train together must call fit with the same data, the same "
            "parameters, and the same int as random_state. Got (samples, mini-batches, "
            f"sum of the weights) {found}."
        )


def take_share(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of a mini-batch that this process trains on.

    Raises
    ------
    ValueError
        If there are fewer rows than processes.
    """
    n_processes = count_processes()
    if n_processes == 1:
        return rows
    if len(rows) < n_processes:
        raise ValueError(
            f"A mini-batch has {len(rows)} samples for {n_processes} processes. Each "
            "needs one at least: use a larger 'batch_size', or larger blocks."
        )
    return np.array_split(rows, n_processes)[get_rank()]


def average_gradients(
    parameters: Sequence[Tensor], loss: Tensor, n_rows: int
) -> tuple[Tensor, int]:
    """Replace gradients by those of the whole mini-batch.

    Parameters
    ----------
    parameters : sequence of Tensor
        With gradients of the mean loss of this process's share.
    loss : Tensor
        The mean loss of the share.
    n_rows : int
        Number of samples of the share.

    Returns
    -------
    loss : Tensor
        The mean loss of the whole mini-batch.
    n_rows : int
        Its number of samples.
    """
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    parts = [gradient.flatten().double() for gradient in gradients]
    parts += [loss.detach().reshape(1).double(), torch.ones_like(loss).reshape(1)]
    total = torch.cat(parts) * n_rows
    distributed.all_reduce(total)
    count = round(float(total[-1]))
    means = (total[:-1] / count).split([g.numel() for g in gradients] + [1])
    for parameter, gradient, mean in zip(parameters, gradients, means, strict=False):
        parameter.grad = gradient.copy_(mean.view_as(gradient))
    return means[-1][0].to(loss.dtype), count
