"""Networks from one sequence to another: encoder, decoder, attention between them."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import (
    attend_to_memory,
    is_exact,
    linear,
    score,
    softmax_over_time,
)
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import LSTM
from sklearn_rnn.nn._generation import NextSteps
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._masking import flatten_steps, gather_ends, padding_mask
from sklearn_rnn.nn._threaded_linear import threaded_linear


class Decoder(nn.Module):
    r"""Recurrent layers over the target, with attention to the states of the source.

    .. math::

        a_{ts} &= \mathrm{softmax}_s(h_t^\top W m_s) \\
        c_t &= \sum_s a_{ts} m_s \\
        o_t &= \tanh(V [h_t, c_t])

    The state :math:`h_t` of a target step does not depend on the attention of the step
    before, so all steps of known targets are computed at once.

    Parameters
    ----------
    inputs : TokenEmbedding
        From target tokens to vectors.
    encoder : Encoder
        Recurrent layers, in one direction.
    memory_size : int
        Size of a state of the source.
    n_outputs : int
        Number of target tokens.
    attention : bool, default=True
        Whether the decoder reads the states of the source, beyond its initial state.
    dropout : float, default=0.0
        Part of the vectors of tokens, and of :math:`o_t`, that is zeroed in training.
    tied : bool, default=True
        Whether the last linear layer has the vectors of tokens as its weights.

    References
    ----------
    M.-T. Luong, H. Pham, C. Manning, "Effective approaches to attention-based neural
    machine translation", EMNLP 2015.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRU, Decoder, Encoder, TokenEmbedding, initialize
    >>> decoder = Decoder(TokenEmbedding(9, 4), Encoder(4, (6,), GRU), 8, 10)
    >>> decoder = initialize(decoder, torch.Generator().manual_seed(0))
    >>> y, state = torch.tensor([[[0], [3]]]), [torch.zeros(1, 6)]
    >>> states, head = decoder(y, None, state, torch.ones(1, 5, 8), None)
    >>> head(states).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        inputs: Any,
        encoder: Encoder,
        memory_size: int,
        n_outputs: int,
        *,
        attention: bool = True,
        dropout: float = 0.0,
        tied: bool = True,
    ) -> None:
        super().__init__()
        self.inputs, self.encoder = inputs, encoder
        self.dropout = Dropout(dropout)
        size = encoder.output_size
        self.key = make_empty(nn.Linear, memory_size, size, bias=False)
        self.attention = attention
        n_in = size + memory_size if attention else size
        self.combine = make_empty(nn.Linear, n_in, inputs.output_size, bias=False)
        self.head = make_empty(nn.Linear, inputs.output_size, n_outputs)
        if tied:
            self.head.weight = inputs.table.weight

    def forward(
        self,
        y: Tensor,
        y_lengths: Tensor | None,
        state: list[Any] | None,
        memory: Tensor,
        lengths: Tensor | None,
    ) -> NextSteps:
        """Return the input of the loss, for known targets.

        Parameters
        ----------
        y : Tensor of shape (batch, target_time, 1)
            The tokens before those that are predicted, padded at the end.
        y_lengths : Tensor of shape (batch,) or None
            Number of valid target steps of each row; None when no row has padding.
        state : list with an entry for each layer, or None
            Initial state, as returned by an earlier call; zeros by default.
        memory : Tensor of shape (batch, time, memory_size)
            States of the source.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : NextSteps
            Vectors of all valid target steps end to end.
        """
        states, _ = self.encoder.run(self.dropout(self.inputs(y)), y_lengths, state)
        outputs = self.attend(states, memory, self.make_keys(memory), lengths)
        outputs = self.dropout(flatten_steps(outputs, y_lengths))
        return NextSteps(outputs, self.head)

    def step(
        self,
        y_t: Tensor,
        state: list[Any] | None,
        memory: Tensor,
        keys: Tensor,
        lengths: Tensor | None,
    ) -> tuple[Tensor, list[Any]]:
        """Run one step of several targets for each source, in prediction.

        Parameters
        ----------
        y_t : Tensor of shape (batch * width, 1)
            The tokens before; `width` targets of a source after each other.
        state : list with an entry for each layer, or None
            Initial state, as returned by an earlier call; zeros by default.
        memory : Tensor of shape (batch, time, memory_size)
            States of the source.
        keys : Tensor of shape (batch, time, size)
            Keys of the source, from `make_keys`.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        logits : Tensor of shape (batch * width, n_outputs)
            Equal to the last bit, on the CPU, to those of `forward` at this step.
        state : list with an entry for each layer
            State before the next step.
        """
        output, state = self.encoder.step(self.inputs(y_t.unsqueeze(1))[:, 0], state)
        queries = output.view(len(memory), -1, output.shape[1])
        outputs = self.attend(queries, memory, keys, lengths).flatten(0, 1)
        return linear(self.head, outputs), state

    def make_keys(self, memory: Tensor) -> Tensor:
        """Return keys, which states of the decoder are compared with.

        Parameters
        ----------
        memory : Tensor of shape (batch, time, memory_size)
            States of the source.

        Returns
        -------
        keys : Tensor of shape (batch, time, size)
            A projection of each state.
        """
        return threaded_linear(self.key, memory)

    def attend(
        self, queries: Tensor, memory: Tensor, keys: Tensor, lengths: Tensor | None
    ) -> Tensor:
        """Return the vector that the head reads, of each state.

        Parameters
        ----------
        queries : Tensor of shape (batch, n_queries, size)
            States of the decoder.
        memory : Tensor of shape (batch, time, memory_size)
            States of the source.
        keys : Tensor of shape (batch, time, size)
            Keys of the source, from `make_keys`.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, n_queries, inputs.output_size)
            Each row by itself, in prediction.
        """
        if not self.attention:
            return _tanh(threaded_linear(self.combine, queries))
        if torch.is_grad_enabled():
            weights = _softmax(queries @ keys.transpose(1, 2), lengths)
            contexts = weights @ memory
        else:
            contexts = attend_to_memory(queries, keys, memory, lengths)
        return _tanh(
            threaded_linear(self.combine, torch.cat([queries, contexts], dim=-1))
        )

    def weigh(self, queries: Tensor, keys: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the attention of states of the decoder to those of the source.

        Parameters
        ----------
        queries : Tensor of shape (batch, n_queries, size)
            States of the decoder.
        keys : Tensor of shape (batch, time, size)
            Keys of the source, from `make_keys`.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        weights : Tensor of shape (batch, n_queries, time)
            Zeros at padding.
        """
        return torch.stack(
            [
                softmax_over_time(score(query, keys), lengths)
                for query in queries.unbind(1)
            ],
            dim=1,
        )


class TranslationModel(nn.Module):
    """From a source sequence to the next token of its target: encoder and decoder.

    Parameters
    ----------
    inputs : TokenEmbedding or Standardize
        From source steps to vectors.
    encoder : Encoder
        Recurrent layers over the source.
    decoder : Decoder
        Recurrent layers over the target, which begin with a projection of the last
        states of `encoder`.
    dropout : float, default=0.0
        Part of the source's vectors and states that is zeroed in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import (
    ...     GRU, Decoder, Encoder, TokenEmbedding, TranslationModel, initialize
    ... )
    >>> encoder = Encoder(4, (4,), GRU, bidirectional=True)
    >>> decoder = Decoder(TokenEmbedding(9, 4), Encoder(4, (6,), GRU), 8, 10)
    >>> model = TranslationModel(TokenEmbedding(9, 4), encoder, decoder)
    >>> model = initialize(model, torch.Generator().manual_seed(0))
    >>> x, y = torch.tensor([[[1], [5], [2]]]), torch.tensor([[[0], [3]]])
    >>> states, head = model(x, None, y)
    >>> head(states).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, inputs: Any, encoder: Encoder, decoder: Decoder, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.inputs, self.encoder, self.decoder = inputs, encoder, decoder
        self.dropout = Dropout(dropout)
        self.sizes = [layer.hidden_size for layer in decoder.encoder.forward_layers]
        self.bridge = make_empty(nn.Linear, encoder.output_size, sum(self.sizes))

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None,
        y: Tensor,
        y_lengths: Tensor | None = None,
    ) -> NextSteps:
        """Return the input of the loss, for known targets.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Source sequences, padded at the end.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.
        y : Tensor of shape (batch, target_time, 1)
            The tokens before those that are predicted, padded at the end.
        y_lengths : Tensor of shape (batch,), default=None
            Number of valid target steps of each row; None when no row has padding.

        Returns
        -------
        output : NextSteps
            Vectors of all valid target steps end to end.
        """
        memory, state = self.encode(x, lengths)
        return self.decoder(y, y_lengths, state, memory, lengths)

    def encode(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, list[Any]]:
        """Return the states of the source and the initial state of the decoder.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Source sequences, padded at the end.
        lengths : Tensor of shape (batch,) or None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        memory : Tensor of shape (batch, time, encoder.output_size)
            Zeros at padding.
        state : list with an entry for each layer of the decoder
            Initial states.
        """
        memory = self.encoder(self.dropout(self.inputs(x)), lengths)
        bidirectional = len(self.encoder.backward_layers) > 0
        ends = gather_ends(memory, lengths, bidirectional=bidirectional)
        start = _tanh(linear(self.bridge, ends)).split(self.sizes, dim=1)
        layers = self.decoder.encoder.forward_layers
        state: list[Any] = [
            (h, torch.zeros_like(h)) if isinstance(layer, LSTM) else h
            for h, layer in zip(start, layers, strict=True)
        ]
        return self.dropout(memory), state


def _tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent; in prediction each number by itself.

    torch rounds the last numbers of a batch differently, in the last bit of doubles.
    """
    return torch.tanh(x.double()).float() if is_exact(x) else torch.tanh(x)


def _softmax(scores: Tensor, lengths: Tensor | None) -> Tensor:
    """Softmax of (batch, n_queries, time) over the valid steps."""
    if lengths is not None:
        mask = padding_mask(lengths, scores.shape[2]).unsqueeze(1)
        scores = scores.masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=2)
