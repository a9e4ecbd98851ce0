"""Recurrent layers, stacked and in one or both directions."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._gated import (
    has_hooks,
    has_kernel,
    has_own_forward,
    run_kernels,
    suits_kernels,
)
from sklearn_rnn.nn._masking import gather_ends, reverse_steps


class Encoder(nn.Module):
    """A stack of recurrent layers.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    hidden_sizes : sequence of int
        Number of units of each layer, in one direction.
    make_layer : callable
        ``make_layer(input_size, hidden_size)`` returns a layer with the contract of
        this package.
    bidirectional : bool, default=False
        Whether each layer also reads from each sequence's own last step to its first;
        the outputs of both directions stand side by side.
    dropout : float, default=0.0
        Part of the outputs of each layer but the last that is zeroed in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRU, Encoder, initialize
    >>> encoder = Encoder(3, (8, 5), GRU, bidirectional=True)
    >>> encoder = initialize(encoder, torch.Generator().manual_seed(0))
    >>> encoder(torch.ones(2, 4, 3), torch.tensor([4, 1])).shape
    torch.Size([2, 4, 10])
    """

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        make_layer: Callable[[int, int], nn.Module],
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        n_directions = 2 if bidirectional else 1
        sizes = [input_size, *(n_directions * size for size in hidden_sizes)]
        pairs = list(zip(sizes, hidden_sizes, strict=False))
        self.forward_layers = nn.ModuleList(make_layer(*pair) for pair in pairs)
        self.backward_layers = nn.ModuleList(
            make_layer(*pair) for pair in pairs if bidirectional
        )
        self.dropout = Dropout(dropout)
        self.output_size = sizes[-1]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs of the last layer.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, time, output_size)
            The forward direction first, then the backward one; zeros at padding.
        """
        return self._run_layer(-1, self._run_lower_layers(x, lengths), lengths)

    def last(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the last output of each direction.

        For the backward direction that is the one at each row's own first step.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        ends : Tensor of shape (batch, output_size)
            The forward direction first, then the backward one.
        """
        x = self._run_lower_layers(x, lengths)
        layers = self.get_directions(-1)
        if _run_as_one(layers, x, lengths):
            directions = [False, True][: len(layers)]
            _, states = run_kernels(
                layers, x, lengths, None, directions, only_last=True
            )
            ends = [_output(state) for state in states]
            return ends[0] if len(layers) == 1 else torch.cat(ends, dim=1)
        outputs = self._run_layer(-1, x, lengths)
        return gather_ends(outputs, lengths, bidirectional=len(layers) == 2)

    def run(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: Sequence[Any] | None = None,
    ) -> tuple[Tensor, list[Any]]:
        """Return the outputs of the last layer and the last state of every layer.

        A sequence that is run in parts, each from the state of the part before, has the
        outputs of the whole sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.
        state : list with an entry for each layer, default=None
            Initial state, as returned by an earlier call; zeros by default.

        Returns
        -------
        outputs : Tensor of shape (batch, time, output_size)
            Zeros at padding.
        state : list with an entry for each layer
            State after the last valid step of each row: a Tensor of shape (batch,
            hidden_size), or a pair of them for an LSTM.

        Raises
        ------
        ValueError
            If the encoder is bidirectional: its backward layers begin at the end.
        """
        if self.backward_layers:
            raise ValueError(
                "Only an encoder with bidirectional=False can run from a state: "
                "backward layers begin at the end of a sequence."
            )
        starts = [None] * len(self.forward_layers) if state is None else state
        finals: list[Any] = []
        for layer, start in zip(self.forward_layers, starts, strict=True):
            if finals:
                x = self.dropout(x)
            x, final = layer(x, lengths, start)
            finals.append(final)
        return x, finals

    def step(
        self, x_t: Tensor, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, list[Any]]:
        """Run one step.

        Parameters
        ----------
        x_t : Tensor of shape (batch, input_size)
            Features of this step.
        state : list with an entry for each layer, default=None
            Initial state, as returned by an earlier call; zeros by default.

        Returns
        -------
        output : Tensor of shape (batch, output_size)
            Output of the last layer at this step.
        state : list with an entry for each layer
            Initial states of the next step.

        Raises
        ------
        ValueError
            If the encoder is bidirectional.
        """
        outputs, state = self.run(x_t.unsqueeze(1), None, state)
        return outputs[:, 0], state

    def step_in_table(
        self, table: Tensor, tokens: Tensor, state: Sequence[Any] | None = None
    ) -> tuple[Tensor, list[Any]]:
        """Run one step by kernels, in prediction; what `step` does to rows of a table.

        In a block of ``constant_weights``, the products of the table and the
        weights of the first layer are computed once.

        Parameters
        ----------
        table : Tensor of shape (n_tokens, input_size)
            Vectors of all tokens.
        tokens : Tensor of shape (batch, 1)
            The token of each row: a row of the table.
        state : list with an entry for each layer, default=None
            Initial state, as returned by an earlier call; zeros by default.

        Returns
        -------
        output, state
            Equal to the last bit to those of ``step(table[tokens[:, 0]], state)``.
        """
        first, *others = self.forward_layers
        starts = [None] * (len(others) + 1) if state is None else state
        start = None if starts[0] is None else starts[:1]
        x, finals = run_kernels([first], table, None, start, [False], tokens=tokens)
        for layer, given in zip(others, starts[1:], strict=True):
            x, final = layer(x, None, given)
            finals.append(final)
        return x[:, 0], finals

    def suits_kernels(self) -> bool:
        """Return whether the package's kernels run all layers on the CPU.

        Returns
        -------
        suits : bool
            False without numba, with ``kernels="torch"`` (see
            :func:`~sklearn_rnn.config_context`) and with a layer class of your own.
        """
        layers = [*self.forward_layers, *self.backward_layers]
        return uses_kernels() and all(has_kernel(layer) for layer in layers)

    def _run_lower_layers(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        for index in range(len(self.forward_layers) - 1):
            x = self.dropout(self._run_layer(index, x, lengths))
        return x

    def get_directions(self, index: int) -> list[nn.Module]:
        """Return a layer in each of its directions.

        Parameters
        ----------
        index : int
            Number of the layer, from the input on.

        Returns
        -------
        layers : list of torch.nn.Module
            The forward one, then the backward one if there is one.
        """
        layers = [self.forward_layers[index]]
        if self.backward_layers:
            layers.append(self.backward_layers[index])
        return layers

    def _run_layer(self, index: int, x: Tensor, lengths: Tensor | None) -> Tensor:
        layers = self.get_directions(index)
        if _run_as_one(layers, x, lengths):
            directions = [False, True][: len(layers)]
            return run_kernels(layers, x, lengths, None, directions)[0]
        outputs, _ = layers[0](x, lengths)
        if len(layers) == 1:
            return outputs
        backward = _run_reversed(layers[1], x, lengths)
        return torch.cat([outputs, backward], dim=-1)


def _run_as_one(layers: list[nn.Module], x: Tensor, lengths: Tensor | None) -> bool:
    """Whether kernels run both directions at once, without calling the layers."""
    return suits_kernels(layers, x, lengths) and not any(map(has_hooks, layers))


def _output(state: Any) -> Tensor:
    return state[0] if isinstance(state, tuple) else state


def _run_reversed(layer: nn.Module, x: Tensor, lengths: Any) -> Tensor:
    """Read each row from its own last step to its first; outputs stay in place."""
    if has_own_forward(layer):
        return layer(x, lengths, reverse=True)[0]
    outputs, _ = layer(reverse_steps(x, lengths), lengths)
    return reverse_steps(outputs, lengths)
