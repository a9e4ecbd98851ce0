"""The whole network that an estimator trains."""

from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import linear
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._inputs import ConvStem, Standardize, TokenEmbedding
from sklearn_rnn.nn._pooling import Pooling


class RecurrentModel(nn.Module):
    """Inputs, stem and encoder: what every network begins with.

    Parameters
    ----------
    inputs : Standardize or TokenEmbedding
        From raw steps to vectors.
    stem : ConvStem or None
        Convolutions in front of the recurrent layers.
    encoder : Encoder
        The recurrent layers.
    """

    def __init__(
        self,
        inputs: Standardize | TokenEmbedding,
        stem: ConvStem | None,
        encoder: Encoder,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.stem = stem
        self.encoder = encoder

    def hidden_states(
        self, x: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the state at every step and the number of valid steps.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        outputs : Tensor of shape (batch, new_time, encoder.output_size)
            Outputs of the last recurrent layer; zeros at padding.
        lengths : Tensor of shape (batch,) or None
            As given, or shorter after a stem with a stride.
        """
        x, lengths = self._run_stem(self.inputs(x), lengths)
        return self.encoder(x, lengths), lengths

    def _run_stem(
        self, vectors: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        if self.stem is None:
            return vectors, lengths
        return self.stem(vectors, lengths)


class SequenceModel(RecurrentModel):
    """One output vector for each sequence: inputs, stem, encoder, pooling, head.

    Parameters
    ----------
    inputs : Standardize or TokenEmbedding
        From raw steps to vectors.
    stem : ConvStem or None
        Convolutions in front of the recurrent layers.
    encoder : Encoder
        The recurrent layers.
    pooling : Pooling
        From the states of all steps to one vector.
    n_outputs : int
        Size of the output.
    dropout : float, default=0.0
        Part of the pooled vector that is zeroed in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import (
    ...     GRU, Encoder, Pooling, SequenceModel, Standardize, initialize
    ... )
    >>> inputs = Standardize(torch.zeros(3), torch.ones(3))
    >>> encoder, pooling = Encoder(3, (5,), GRU), Pooling("last", 5)
    >>> model = SequenceModel(inputs, None, encoder, pooling, n_outputs=2)
    >>> model = initialize(model, torch.Generator().manual_seed(0))
    >>> model(torch.ones(4, 7, 3), torch.tensor([7, 7, 2, 1])).shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        inputs: Standardize | TokenEmbedding,
        stem: ConvStem | None,
        encoder: Encoder,
        pooling: Pooling,
        n_outputs: int,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, stem, encoder)
        self.pooling = pooling
        self.dropout = Dropout(dropout)
        self.head = nn.utils.skip_init(nn.Linear, pooling.output_size, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of each sequence, before any link function.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : Tensor of shape (batch, n_outputs)
            What the loss reads: logits, say, or standardised targets.
        """
        return self.forward_vectors(self.inputs(x), lengths)

    def forward_vectors(self, vectors: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of each sequence, from what `inputs` returns.

        Parameters
        ----------
        vectors : Tensor of shape (batch, time, inputs.output_size)
            Standardised features, or embedded tokens.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : Tensor of shape (batch, n_outputs)
            As `forward` returns it.
        """
        return linear(self.head, self.dropout(self._pool(vectors, lengths)))

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the pooled vector of each sequence.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        pooled : Tensor of shape (batch, pooling.output_size)
            What the last linear layer reads, before dropout.
        """
        return self._pool(self.inputs(x), lengths)

    def _pool(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        x, lengths = self._run_stem(vectors, lengths)
        if self.pooling.kind == "last":  # no need to write down the others
            return self.encoder.last(x, lengths)
        return self.pooling(self.encoder(x, lengths), lengths)
