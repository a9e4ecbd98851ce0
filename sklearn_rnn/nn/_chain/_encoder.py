"""The link of the recurrent layers."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._chain._dropout import DropoutLink
from sklearn_rnn.nn._chain._link import Batch, Link
from sklearn_rnn.nn._gated import (
    LSTM,
    are_alike,
    has_kernel,
    make_plan,
    prefers_torch,
)


class EncoderLink(Link):
    """Link of `Encoder`.

    Parameters
    ----------
    module : Encoder
    only_last : bool
        Whether the last output of each direction is returned, instead of all outputs.
    """

    def __init__(self, module: Any, *, only_last: bool) -> None:
        super().__init__(module)
        self.only_last = only_last
        self.layers: list[list[Any]] = [
            module.get_directions(k) for k in range(len(module.forward_layers))
        ]
        self.dropouts = [DropoutLink(module.dropout) for _ in self.layers[1:]]
        self.carried: Any = None

    def fits(self) -> bool:
        return all(
            all(map(has_kernel, layers)) and are_alike(layers) for layers in self.layers
        )

    def fits_all_lengths(self) -> bool:
        return all(dropout.fits_all_lengths() for dropout in self.dropouts)

    def pools(self) -> bool:
        return self.only_last

    def suits(self, batch: Batch) -> bool:
        if batch.lengths is not None:
            return True
        return not any(prefers_torch(layers[0]) for layers in self.layers)

    def begin(self, batch: Batch) -> None:
        self.carried = batch.carried

    def forward(
        self, x: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        return self.run(x, lengths, None)

    def run(
        self, x: Tensor, lengths: Tensor | None, tokens: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Do what `forward` does; with tokens, x is the table of their vectors."""
        from sklearn_rnn._kernels._autograd import LayerRun  # imports llvmlite

        self.runs = []
        starts = self._list_starts(len(x if tokens is None else tokens))
        carried = []
        for k, layers in enumerate(self.layers):
            only_last = self.only_last and k == len(self.layers) - 1
            directions = (False, True)[: len(layers)]
            plan = make_plan(
                layers, lengths, directions, only_last=only_last, keep=True
            )
            weights = [w for layer in layers for w in layer.weights]
            run = LayerRun(plan, x, [*starts[k], *weights], tokens=tokens)
            x, *self.finals = run.forward()
            tokens = None
            carried += self.finals
            self.runs.append((run, weights))
            if k < len(self.dropouts):
                x, _ = self.dropouts[k].forward(x, lengths)
        if self.carried is not None:
            pairs = [isinstance(layers[0], LSTM) for layers in self.layers]
            self.carried.keep(
                [
                    final.chunk(2, dim=1) if is_pair else final
                    for final, is_pair in zip(carried, pairs, strict=True)
                ]
            )
        if not self.only_last:
            return x, lengths
        hidden = self.layers[-1][0].hidden_size
        return _join([final[:, :hidden] for final in self.finals]), None

    def _list_starts(self, n_rows: int) -> list[list[Tensor]]:
        """Return the first state of each layer, as the kernels read it, if given."""
        states = None if self.carried is None else self.carried.take(n_rows)
        if states is None:
            return [[] for _ in self.layers]
        return [
            [torch.cat(state, dim=1) if isinstance(state, tuple) else state]
            for state in states
        ]

    def pack(self, n_inputs: int) -> list[Any] | None:
        from sklearn_rnn._kernels._network import recur  # imports llvmlite

        if any(dropout.pack(0) is None for dropout in self.dropouts):
            return None
        n = len(self.layers)
        return [
            recur(
                layers[0].rnn.mode.lower(),
                [layer.weights for layer in layers],
                only_last=self.only_last and k == n - 1,
            )
            for k, layers in enumerate(self.layers)
        ]

    def backward(self, d_out: Tensor, *, wants_x: bool) -> Tensor | None:
        d: Tensor | None = d_out
        d_finals: list[Tensor | None] = [None] * len(self.finals)
        if self.only_last:
            hidden = self.layers[-1][0].hidden_size
            parts = d_out.split(hidden, dim=1)
            d, d_finals = None, [_widen(part, self.finals[0]) for part in parts]
        for k in range(len(self.runs) - 1, -1, -1):
            run, weights = self.runs[k]
            d, *gradients = run.backward(d, d_finals, wants_x=wants_x or k > 0)
            gradients = gradients[len(run.starts) :]
            d_finals = [None] * len(d_finals)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            if k > 0 and d is not None:
                d = self.dropouts[k - 1].backward(d, wants_x=True)
        return d


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _widen(d_state: Tensor, final: Tensor) -> Tensor:
    """Add the gradients of an LSTM's unused cell state: zeros."""
    n_missing = final.shape[1] - d_state.shape[1]
    return nn.functional.pad(d_state, (0, n_missing)) if n_missing else d_state
