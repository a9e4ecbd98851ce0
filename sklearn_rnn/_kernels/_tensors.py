"""Memory for the kernels, which read and write at addresses and check nothing."""

import torch
from torch import Tensor


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return memory of this type on the CPU, whatever torch's defaults are."""
    return torch.empty(shape, dtype=dtype, device="cpu")
