"""Small functions on padded batches: masks, last steps, reversal."""

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, n_steps: int) -> Tensor:
    """Return a (batch, time) mask, True at valid steps."""
    return torch.arange(n_steps, device=lengths.device) < lengths.unsqueeze(1)


def flatten_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the valid steps of all rows end to end, (n_valid_steps, features)."""
    if lengths is None:
        return x.reshape(-1, x.shape[-1])
    return x[padding_mask(lengths, x.shape[1])]


def gather_last(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the output at each row's own last step, (batch, hidden)."""
    if lengths is None:
        return outputs[:, -1]
    rows = torch.arange(outputs.shape[0], device=outputs.device)
    return outputs[rows, lengths - 1]


def gather_ends(
    outputs: Tensor, lengths: Tensor | None, *, bidirectional: bool
) -> Tensor:
    """Return the output after the last step that each direction reads.

    The second half of the outputs of two directions was computed from the end to the
    start: its last step is each row's first.
    """
    last = gather_last(outputs, lengths)
    if not bidirectional:
        return last
    half = outputs.shape[-1] // 2
    return torch.cat([last[:, :half], outputs[:, 0, half:]], dim=-1)


def reverse_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse the valid steps of each row and leave its padding where it is."""
    if lengths is None:
        return x.flip(1)
    step = torch.arange(x.shape[1], device=x.device)
    index = lengths.unsqueeze(1) - 1 - step
    index = torch.where(index >= 0, index, step)  # (batch, time)
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[2]))
