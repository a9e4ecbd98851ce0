"""Networks that predict the next step of a sequence from all steps before it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import (
    are_weights_constant,
    is_exact,
    is_unchanged,
    linear,
)
from sklearn_rnn.nn._config import uses_kernels
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._inputs import TokenEmbedding
from sklearn_rnn.nn._masking import flatten_steps
from sklearn_rnn.nn._models import RecurrentModel

_MOST_TOKENS = 1024  # with more, a few short samples would take longer


class Memory:
    """The states of a batch of long sequences, from one window of steps to the next.

    The gradient stops at the border of a window. Rows that have ended are the last
    ones, so that the first rows of the state belong to those that go on.
    """

    def __init__(self) -> None:
        self.state: list[Any] | None = None

    def take(self, n_rows: int) -> list[Any] | None:
        """Return the state of the first rows; None before the first window."""
        if self.state is None:
            return None
        return [map_state(lambda s: s[:n_rows], state) for state in self.state]

    def keep(self, state: list[Any]) -> None:
        """Keep the state after a window, without its gradient."""
        self.state = [map_state(torch.Tensor.detach, one) for one in state]


def map_state(function: Any, state: Any) -> Any:
    """Apply a function to the state of a layer: a tensor, or a pair of an LSTM."""
    if isinstance(state, tuple):
        return tuple(map(function, state))
    return function(state)


class ConditionedInputs(nn.Module):
    """Inputs with the learned vector of a class added to every step.

    Parameters
    ----------
    inputs : TokenEmbedding or Standardize
        The layer that reads all columns but the last.
    n_classes : int
        Number of classes. The last column holds the class of the sequence, from 1 on.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ConditionedInputs, TokenEmbedding, initialize
    >>> inputs = ConditionedInputs(TokenEmbedding(n_tokens=9, embedding_dim=4), 2)
    >>> inputs = initialize(inputs, torch.Generator().manual_seed(0))
    >>> inputs(torch.tensor([[[3, 1], [5, 1]]])).shape
    torch.Size([1, 2, 4])
    """

    def __init__(self, inputs: Any, n_classes: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.output_size = inputs.output_size
        self.classes = make_empty(nn.Embedding, n_classes + 1, inputs.output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Read all columns.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_columns + 1)
            What `inputs` reads, then the class.

        Returns
        -------
        x : Tensor of shape (batch, time, output_size)
            The sum of both vectors.
        """
        return self.inputs(x[..., :-1]) + self.classes(x[..., -1].long())


class NextSteps(NamedTuple):
    """Input of the loss: states, and the layer that turns them into logits.

    Parameters
    ----------
    states : Tensor of shape (n_valid_steps, size)
        After dropout.
    head : torch.nn.Linear
        From a state to the logits of the next step.
    """

    states: Tensor
    head: nn.Linear


class NextStepModel(RecurrentModel):
    """A prediction of the next step at each step: inputs, encoder, head.

    Parameters
    ----------
    inputs : TokenEmbedding, Standardize or ConditionedInputs
        From raw steps to vectors.
    encoder : Encoder
        Recurrent layers, in one direction.
    n_outputs : int
        Size of the output of a step.
    dropout : float, default=0.0
        Part of the vectors of `inputs`, and of each state, that is zeroed in training.
    tied_to : torch.nn.Embedding or None, default=None
        Embedding whose weight is that of the head, too. If a state and a vector of the
        embedding differ in size, a linear layer is between them.

    References
    ----------
    O. Press, L. Wolf, "Using the output embedding to improve language models", EACL
    2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import (
    ...     GRU, Encoder, NextStepModel, TokenEmbedding, initialize
    ... )
    >>> inputs = TokenEmbedding(n_tokens=9, embedding_dim=4)
    >>> encoder = Encoder(4, (6,), GRU)
    >>> model = NextStepModel(inputs, encoder, 10, tied_to=inputs.table)
    >>> model = initialize(model, torch.Generator().manual_seed(0))
    >>> states, head = model(torch.tensor([[[0], [3], [7]]]))
    >>> head(states).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        inputs: nn.Module,
        encoder: Encoder,
        n_outputs: int,
        *,
        dropout: float = 0.0,
        tied_to: nn.Embedding | None = None,
    ) -> None:
        super().__init__(inputs, None, encoder)
        self.dropout = Dropout(dropout)
        size = encoder.output_size
        self.projection: nn.Module = nn.Identity()
        if tied_to is not None and tied_to.embedding_dim != size:
            size = tied_to.embedding_dim
            self.projection = make_empty(
                nn.Linear, encoder.output_size, size, bias=False
            )
        self.head = make_empty(nn.Linear, size, n_outputs)
        if tied_to is not None:
            self.head.weight = tied_to.weight

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, carried: Memory | None = None
    ) -> NextSteps:
        """Return the input of the loss.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            The steps before those that are predicted, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.
        carried : Memory or None, default=None
            States before the first step, replaced by those after the last.

        Returns
        -------
        output : NextSteps
            States of all valid steps end to end.
        """
        vectors = self.dropout(self.inputs(x))
        if carried is None:
            states = self.encoder(vectors, lengths)
        else:
            start = carried.take(len(x))
            states, finals = self.encoder.run(vectors, lengths, start)
            carried.keep(finals)
        states = self.dropout(flatten_steps(states, lengths))
        return NextSteps(self.project(states), self.head)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run one step, in prediction.

        Parameters
        ----------
        x_t : Tensor of shape (batch, n_features)
            Features of this step.
        state : list with an entry for each layer, default=None
            Initial state, as returned by an earlier call; zeros by default.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Equal to the last bit, on the CPU, to those of `forward` at this step.
        state : list with an entry for each layer
            Initial states of the next step.
        """
        table = self._find_table(x_t)
        if table is None:
            x_t = self.inputs(x_t.unsqueeze(1))[:, 0]
            output, state = self.encoder.step(x_t, state)
        else:
            output, state = self.encoder.step_in_table(table, x_t, state)
        return self.read_out(output), state

    def _find_table(self, x_t: Tensor) -> Tensor | None:
        """Return the vectors of all tokens, if a step is faster with their products."""
        if not are_weights_constant() or type(self.inputs) is not TokenEmbedding:
            return None
        table = self.inputs.table
        suits = (
            is_unchanged(self.inputs, TokenEmbedding)
            and is_unchanged(table, nn.Embedding)
            and table.max_norm is None
            and table.num_embeddings <= _MOST_TOKENS
            and x_t.shape[1] == 1
            and is_exact(table.weight)
            and self.encoder.suits_kernels()
            and uses_kernels("steps")
        )
        return table.weight if suits else None

    def read_out(self, states: Tensor) -> Tensor:
        """Return the logits of the next step.

        Parameters
        ----------
        states : Tensor of shape (..., encoder.output_size)
            States of the last recurrent layer.

        Returns
        -------
        logits : Tensor of shape (..., n_outputs)
            Before any link function.
        """
        return linear(self.head, self.project(states))

    def project(self, states: Tensor) -> Tensor:
        """Return states in the size that the head reads.

        Parameters
        ----------
        states : Tensor of shape (..., encoder.output_size)
            States of the last recurrent layer.

        Returns
        -------
        states : Tensor of shape (..., head.in_features)
            As given, without a projection.
        """
        if isinstance(self.projection, nn.Linear):
            return linear(self.projection, states)
        return states
