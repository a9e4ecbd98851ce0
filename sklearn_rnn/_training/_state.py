"""Optimizer and history of a net as plain values, and back."""

from collections import defaultdict
from inspect import signature
from typing import Any

import numpy as np
import torch
from skorch.history import History
from torch import Tensor

from sklearn_rnn.utils import Kind, list_of

# tensors that an optimizer keeps for each weight, in its shape; "step" is one number
_MOMENTS: dict[type, tuple[str, ...]] = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),  # AdamW, too
    torch.optim.SGD: ("momentum_buffer",),
    torch.optim.RMSprop: ("step", "square_avg"),
}
_PLAIN = (bool, int, float, str)
_ROW = Kind(
    "a dict of plain values",
    lambda v, s: (
        isinstance(v, dict)
        and all(isinstance(key, str) for key in v)
        and all(value is None or isinstance(value, _PLAIN) for value in v.values())
    ),
)
HISTORY = list_of(_ROW)


def history_to_state(history: History) -> list[dict[str, Any]]:
    """Return a row an epoch, without its batches."""
    rows = [{k: v for k, v in row.items() if k != "batches"} for row in history]
    return _rows_to_state(rows)


def batches_to_state(history: History) -> list[dict[str, Any]]:
    """Return a row a mini-batch of the last epoch."""
    return _rows_to_state(history[-1]["batches"])


def history_from_state(state: list[dict[str, Any]]) -> History:
    """Return the history of rows that are `HISTORY`."""
    history = History()
    for row in state:
        history.new_epoch()
        history[-1].update(row)
    return history


def optimizer_to_state(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Return the moments of each weight as arrays; none before the first step."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    moments = [optimizer.state.get(weight, {}) for weight in weights]
    return [
        {k: v.cpu().numpy() for k, v in own.items() if v is not None} for own in moments
    ]


def revive_optimizer(
    kind: type[torch.optim.Optimizer],
    groups: list[dict[str, Any]],
    options: dict[str, Any],
    moments: Any,
) -> torch.optim.Optimizer:
    """Return an optimizer with the moments of `optimizer_to_state`, as unpickled.

    Its constructor would import torch's compiler, which takes seconds.

    Parameters
    ----------
    kind : type
        One of the optimizers that have a name.
    groups : list of dict
        Weights, "params", and options of their own.
    options : dict
        Arguments of the constructor.
    moments : object
        From a file: anything.

    Raises
    ------
    ValueError
        If these are not moments of this optimizer, of weights of these shapes.
    """
    _, *parameters = signature(kind).parameters.values()  # the first is `params`
    defaults = {parameter.name: parameter.default for parameter in parameters}
    defaults.update(options)
    groups = [
        {**defaults, **group, "params": list(group["params"])} for group in groups
    ]
    weights = [(weight, group) for group in groups for weight in group["params"]]
    if not isinstance(moments, list) or len(moments) != len(weights):
        raise ValueError(f"the optimizer must have moments of {len(weights)} weights.")
    state: dict[Tensor, dict[str, Tensor]] = defaultdict(dict)
    for own, (weight, group) in zip(moments, weights, strict=True):
        _check_moments(own, weight, kind)
        if own:
            state[weight] = _to_device(own, weight, group)
    optimizer = kind.__new__(kind)
    optimizer.__setstate__(
        {"defaults": defaults, "state": state, "param_groups": groups}
    )
    return optimizer


def _to_device(
    own: dict[str, Any], weight: Tensor, group: dict[str, Any]
) -> dict[str, Tensor]:
    """Return moments beside their weight; a step is there only for a fused update."""
    fused = group.get("fused")
    return {
        name: torch.from_numpy(value).to(
            weight.device if name != "step" or fused else "cpu"
        )
        for name, value in own.items()
    }


def _check_moments(own: Any, weight: Tensor, kind: type[torch.optim.Optimizer]) -> None:
    names = next(names for base, names in _MOMENTS.items() if issubclass(kind, base))
    if not isinstance(own, dict) or set(own) not in (set(names), set()):
        raise ValueError(f"the optimizer must have the moments {names}.")
    for name, value in own.items():
        shape = () if name == "step" else tuple(weight.shape)
        if (
            not isinstance(value, np.ndarray)
            or value.dtype != np.float32
            or value.shape != shape
            or not np.isfinite(value).all()
        ):
            raise ValueError(
                f"the moment {name!r} of the optimizer must be finite float32 of shape "
                f"{shape}."
            )


def _rows_to_state(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: _as_plain(v) for k, v in row.items()} for row in rows]


def _as_plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
