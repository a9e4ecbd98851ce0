"""Clipping, Adam and AdamW: by kernels if supported, otherwise by torch."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as torch_optimizer

from sklearn_rnn.nn import uses_kernels


class GradientClipper:
    """Clips the norm of gradients, by the kernel if supported."""

    def __init__(self) -> None:
        self._known: Any = None

    def clip(self, parameters: Sequence[Tensor], limit: float | None) -> float:
        """Clip the norm of the gradients to `limit`; return the norm before."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if uses_kernels():
            from sklearn_rnn._kernels import _adam  # imports llvmlite

            self._known = _adam.find_numbers(gradients, self._known)
            if self._known is not None:
                return _adam.clip(self._known, math.inf if limit is None else limit)
        norm = float(torch.cat([g.reshape(-1) for g in gradients]).norm())
        if limit is not None and norm > limit:
            for gradient in gradients:
                gradient.mul_(limit / (norm + 1e-6))
        return norm


class _KernelStep(torch.optim.Optimizer):
    """Step by the kernel: the same weights and state as torch's."""

    decoupled: bool  # whether the weight decay is no part of the gradient
    _moments: list[Any] | None = None
    _known: Sequence[Any] = ()  # numbers of weights and gradients of each group

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._moments = None  # loading replaces the tensors

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; `closure` computes the gradients and returns the loss."""
        return (self._step_with_hooks if _has_hooks(self) else self._step)(closure)

    # torch wraps a step without this mark, to call hooks and tell its profiler: some
    # 30 us, a tenth of a batch of a small network
    step.hooked = True  # type: ignore[attr-defined]

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = None if closure is None else closure()
        if self._moments is None or len(self._moments) != len(self.param_groups):
            self._moments = self._list_moments()  # after loading a state, say
        numbers = None if self._moments is None else self._find_numbers()
        if numbers is None:
            super().step()  # creates the missing state
            self._moments = self._list_moments()
            return loss
        from sklearn_rnn._kernels import _adam  # imports llvmlite

        for group, (weights, own_gradients), moments in zip(
            self.param_groups, numbers, self._moments or (), strict=True
        ):
            _adam.update(
                weights,
                own_gradients,
                moments,
                rate=group["lr"],
                betas=group["betas"],
                eps=group["eps"],
                decay=group["weight_decay"],
                decoupled=self.decoupled,
            )
        return loss

    def _find_numbers(self) -> list[Any] | None:
        """Return weights and gradients of each group; None if kernels cannot."""
        if not uses_kernels():
            return None
        from sklearn_rnn._kernels._adam import find_numbers  # imports llvmlite

        groups, known, found = self.param_groups, self._known, []
        if len(known) != len(groups):
            known = [(None, None)] * len(groups)
        for group, (known_weights, known_gradients) in zip(groups, known, strict=True):
            weights = group["params"]
            own = (
                find_numbers(weights, known_weights),
                find_numbers([w.grad for w in weights], known_gradients),
            )
            if None in own:
                return None
            found.append(own)
        self._known = found
        return found

    _step_with_hooks = torch.optim.Optimizer.profile_hook_step(_step)

    def _list_moments(self) -> list[Any] | None:
        """Return the state of each group of weights; None if some have no state."""
        groups = [[self.state[w] for w in g["params"]] for g in self.param_groups]
        if not uses_kernels() or not all(state for group in groups for state in group):
            return None
        from sklearn_rnn._kernels._adam import Moments  # imports llvmlite

        names = "exp_avg", "exp_avg_sq", "step"
        return [Moments(*([s[n] for s in group] for n in names)) for group in groups]


class Adam(_KernelStep, torch.optim.Adam):
    """torch.optim.Adam, by the kernel or fused."""

    decoupled = False


class AdamW(_KernelStep, torch.optim.AdamW):
    """torch.optim.AdamW, by the kernel or fused."""

    decoupled = True


def _has_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Whether step hooks exist; True if this torch stores them elsewhere."""
    return bool(
        getattr(optimizer, "_optimizer_step_pre_hooks", True)
        or getattr(optimizer, "_optimizer_step_post_hooks", True)
        or getattr(torch_optimizer, "_global_optimizer_pre_hooks", True)
        or getattr(torch_optimizer, "_global_optimizer_post_hooks", True)
    )
