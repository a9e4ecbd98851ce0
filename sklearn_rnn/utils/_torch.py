"""Devices and seeds."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn the `device` parameter into a device that is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" is CUDA where there is a GPU and the CPU elsewhere.

    Returns
    -------
    device : torch.device

    Raises
    ------
    ValueError
        If torch does not know the device, or this machine does not have it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        if resolved.type == "meta":
            raise RuntimeError("it holds no data.")
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            "The 'device' parameter must be 'auto', 'cpu' or a device of torch that "
            f"this machine has. Got {str(device)!r} instead: {error}"
        ) from error
    return resolved


def make_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Return a RandomState that is not NumPy's global one, also for None."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seed(random_state: np.random.RandomState) -> int:
    """Return the next number of `random_state`, good as a seed."""
    return int(random_state.randint(np.iinfo(np.int32).max))


def make_generator(
    random_state: np.random.RandomState, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a torch generator seeded by the next number of `random_state`."""
    return torch.Generator(device=device).manual_seed(draw_seed(random_state))


@contextmanager
def isolated_seed(seed: int) -> Iterator[None]:
    """Seed torch's global generator of the CPU inside, and put it back afterwards.

    For layer classes of users, which draw their weights from the global generator.
    """
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: it would also seed GPUs, and takes a millisecond
        torch.default_generator.manual_seed(seed)
        yield
