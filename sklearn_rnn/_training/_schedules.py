"""Learning-rate schedules of torch, by name."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    OneCycleLR,
    ReduceLROnPlateau,
)


class _EveryBatch:
    """Steps a schedule after each batch."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def batch_ends(self) -> None:
        self.scheduler.step()

    def epoch_ends(self, loss: float) -> None:
        pass


class _EveryEpoch:
    """Steps a schedule after each epoch, by the training loss."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def batch_ends(self) -> None:
        pass

    def epoch_ends(self, loss: float) -> None:
        self.scheduler.step(loss)


def make_schedule(
    name: str | None, optimizer: Optimizer, learning_rate: float, n_steps: int
) -> _EveryBatch | _EveryEpoch | None:
    """Return a schedule that the training loop steps.

    Parameters
    ----------
    name : {"onecycle", "cosine", "plateau"} or None
        None: the learning rate stays `learning_rate`.
    optimizer : torch.optim.Optimizer
        Whose learning rate is set, to `learning_rate` first.
    learning_rate : float
        The highest rate of the schedule.
    n_steps : int
        Number of batches of the whole training.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    if name == "onecycle":
        # one step more than batches: the schedule may not be stepped past its end
        return _EveryBatch(
            OneCycleLR(optimizer, learning_rate, n_steps + 1, cycle_momentum=False)
        )
    if name == "cosine":
        return _EveryBatch(CosineAnnealingLR(optimizer, n_steps))
    if name == "plateau":
        return _EveryEpoch(ReduceLROnPlateau(optimizer, factor=0.5, patience=5))
    return None
