"""Fused training: gradients of standard networks, computed by kernels alone.

For a small network torch's autograd, and its operators on small tensors, take longer
than all arithmetic. A network of standardised features, recurrent layers, their last
states and a linear layer needs neither.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import standardize
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import (
    has_global_hooks,
    has_hooks,
    has_kernel,
    make_plan,
    suits_kernels,
)
from sklearn_rnn.nn._inputs import Standardize
from sklearn_rnn.nn._losses import CrossEntropy, SquaredError
from sklearn_rnn.nn._models import SequenceModel
from sklearn_rnn.nn._pooling import Pooling

_LOSSES = {CrossEntropy: "cross_entropy", SquaredError: "squared_error"}


def supports_fused_training(model: nn.Module, criterion: nn.Module) -> bool:
    """Whether `compute_gradients` supports this network and loss as they are now.

    False if there are hooks on modules or gradients, frozen weights, or layers that
    share them.
    """
    return (
        type(model) is SequenceModel
        and type(criterion) in _LOSSES
        and type(model.inputs) is Standardize
        and model.stem is None
        and type(model.pooling) is Pooling
        and model.pooling.kind == "last"
        and not _has_active_dropout(model)
        and _has_own_layers(model)
        and not has_global_hooks()
        and not any(map(_is_changed, (*model.modules(), criterion)))
        and all(map(_is_trained, model.parameters()))
    )


def _has_own_layers(model: SequenceModel) -> bool:
    """Whether all parts have their original classes; parametrization changes them."""
    encoder = model.encoder
    layers: list[Any] = [*encoder.forward_layers, *encoder.backward_layers]
    return (
        type(encoder) is Encoder
        and type(model.head) is nn.Linear
        and model.head.bias is not None
        and all(has_kernel(layer) for layer in layers)
        and all(type(layer.rnn) is layer.torch_class for layer in layers)
        and len(list(model.named_parameters(remove_duplicate=False)))
        == len(list(model.parameters()))
    )


def _is_trained(weight: nn.Parameter) -> bool:
    """Whether it is trained, has no hooks, and the kernels can read it."""
    hooks = weight._backward_hooks or weight._post_accumulate_grad_hooks
    fits = weight.dtype is torch.float32 and weight.is_cpu
    return weight.requires_grad and fits and not hooks


def _has_active_dropout(model: SequenceModel) -> bool:
    return model.training and model.dropout.p + model.encoder.dropout.p > 0


def _is_changed(module: nn.Module) -> bool:
    """Whether the module has hooks or replaced methods."""
    replaced = any(callable(getattr(type(module), name, 0)) for name in vars(module))
    return replaced or has_hooks(module)


def compute_gradients(
    model: SequenceModel,
    criterion: nn.Module,
    inputs: dict[str, Any],
    target: Tensor,
    sample_weight: Tensor | None,
) -> tuple[Tensor, Tensor] | None:
    """Set the gradients of all weights of a standard network.

    Parameters
    ----------
    model : SequenceModel
    criterion : CrossEntropy or SquaredError
    inputs : dict of Tensor
        x and lengths, as the model takes them.
    target : Tensor of shape (batch,) or (batch, n_outputs)
    sample_weight : Tensor of shape (batch,) or None

    Returns
    -------
    loss_and_output : tuple of Tensor, or None
        The mean loss of the batch, and (batch, n_outputs). None where the kernels do
        not serve for this batch: nothing is done then.
    """
    x, lengths = inputs["x"], inputs["lengths"]
    first: Any = model.inputs
    encoder, head = model.encoder, model.head
    n_layers = len(encoder.forward_layers)
    stack: list[list[Any]] = [encoder._directions(k) for k in range(n_layers)]
    if not all(suits_kernels(layers, x, lengths) for layers in stack):
        return None
    if not _targets_match_loss(
        criterion, target, sample_weight, len(x), head.out_features
    ):
        return None
    from sklearn_rnn._kernels._head import compute_loss  # imports llvmlite

    with torch.no_grad():
        x = standardize(x, first.mean, first.scale)
        runs, finals = _forward_layers(stack, x, lengths)
        hidden = stack[-1][0].hidden_size
        states = _join([final[:, :hidden] for final in finals])
        loss, output, d_states, head.weight.grad, head.bias.grad = compute_loss(
            _LOSSES[type(criterion)], states, head.weight, head.bias, target,
            sample_weight,
        )  # fmt: skip
        d_finals = [_widen(d, finals[0]) for d in d_states.split(hidden, dim=1)]
        _backward_layers(runs, d_finals)
    return loss, output


def _targets_match_loss(
    criterion: nn.Module,
    target: Tensor,
    sample_weight: Tensor | None,
    batch: int,
    n_outputs: int,
) -> bool:
    """Whether targets and weights have the shape and type that the loss expects."""
    weight = sample_weight
    if weight is not None and (
        weight.dtype is not torch.float32 or weight.shape != (batch,)
    ):
        return False
    if isinstance(criterion, CrossEntropy):
        return target.dtype is torch.int64 and target.shape == (batch,)
    return target.dtype is torch.float32 and target.shape == (batch, n_outputs)


def _forward_layers(
    stack: Sequence[Sequence[Any]], x: Tensor, lengths: Tensor | None
) -> tuple[list[tuple[Any, list[Tensor]]], list[Tensor]]:
    """Return each layer's run with its weights, and the last states of the last."""
    from sklearn_rnn._kernels._autograd import LayerRun

    runs, finals = [], []
    for layers in stack:
        weights = [w for layer in layers for w in layer.weights]
        directions = (False, True)[: len(layers)]
        last = layers is stack[-1]
        plan = make_plan(layers, lengths, directions, only_last=last, keep=True)
        runs.append((LayerRun(plan, x, weights), weights))
        x, *finals = runs[-1][0].forward()
    return runs, finals


def _backward_layers(
    runs: Sequence[tuple[Any, list[Tensor]]], d_finals: Sequence[Tensor | None]
) -> None:
    d_out = None
    for run, weights in reversed(runs):
        d_out, *gradients = run.backward(d_out, d_finals, wants_x=run is not runs[0][0])
        d_finals = [None] * len(d_finals)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _widen(d_state: Tensor, final: Tensor) -> Tensor:
    """Add the gradients of an LSTM's unused cell state: zeros."""
    return nn.functional.pad(d_state, (0, final.shape[1] - d_state.shape[1]))
