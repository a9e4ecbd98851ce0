"""The whole network that an estimator trains."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_rnn.nn._batch_invariant import linear
from sklearn_rnn.nn._crf import CRF
from sklearn_rnn.nn._dropout import Dropout
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import has_global_hooks, has_hooks
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._inputs import ConvStem
from sklearn_rnn.nn._masking import flatten_steps
from sklearn_rnn.nn._ngrams import NGramBranch
from sklearn_rnn.nn._pooling import Pooling
from sklearn_rnn.nn._random_convolutions import RandomBranch


class RecurrentModel(nn.Module):
    """Inputs, stem and encoder: the first layers of every network.

    Parameters
    ----------
    inputs : Standardize, TokenEmbedding or ColumnInputs
        From raw steps to vectors.
    stem : ConvStem or None
        Convolutions in front of the recurrent layers.
    encoder : Encoder
        The recurrent layers.
    """

    def __init__(
        self,
        inputs: nn.Module,
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

    def count_states(self, n_steps: Any) -> Any:
        """Return how many states sequences have at the encoder.

        Parameters
        ----------
        n_steps : int or array of int
            Numbers of steps.

        Returns
        -------
        n_states : int or array of int
            As many, or fewer after a stem with a stride.
        """
        return n_steps if self.stem is None else self.stem.count_steps(n_steps)

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
    inputs : Standardize, TokenEmbedding or ColumnInputs
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
    drops_inputs : bool, default=False
        Whether as large a part of the output of `inputs` is zeroed, too.
    stem_pooling : Pooling or None, default=None
        From the outputs of the stem to a second vector, beside the one of the states.
    random_branch : RandomBranch or None, default=None
        From the standardised numbers to a second output. The output in prediction is
        the mean of both, by the branch's `network_share`; in training the network is
        alone.
    ngram_branch : NGramBranch or None, default=None
        From the tokens to a second output, likewise.

    References
    ----------
    F. Karim et al., "LSTM fully convolutional networks for time series
    classification", IEEE Access 2018, for `stem_pooling`.

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
        inputs: nn.Module,
        stem: ConvStem | None,
        encoder: Encoder,
        pooling: Pooling,
        n_outputs: int,
        *,
        dropout: float = 0.0,
        drops_inputs: bool = False,
        stem_pooling: Pooling | None = None,
        random_branch: RandomBranch | None = None,
        ngram_branch: NGramBranch | None = None,
    ) -> None:
        super().__init__(inputs, stem, encoder)
        self.input_dropout = Dropout(dropout) if drops_inputs else nn.Identity()
        self.pooling = pooling
        self.stem_pooling = stem_pooling
        self.random_branch = random_branch
        self.ngram_branch = ngram_branch
        self.dropout = Dropout(dropout)
        size = pooling.output_size
        if stem_pooling is not None:
            size += stem_pooling.output_size
        self.head = make_empty(nn.Linear, size, n_outputs)

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
            Input of the loss, e.g. logits or standardised targets.
        """
        output = self.forward_vectors(self.input_dropout(self.inputs(x)), lengths)
        if self.ngram_branch is None or self.training:
            return output
        return self.ngram_branch.mix(output, self.ngram_branch(x, lengths))

    def forward_vectors(self, vectors: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of each sequence, from the output of `inputs`.

        Parameters
        ----------
        vectors : Tensor of shape (batch, time, inputs.output_size)
            Standardised features, or embedded tokens.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : Tensor of shape (batch, n_outputs)
            As `forward` returns it, without an `ngram_branch`.
        """
        output = linear(self.head, self.dropout(self._pool(vectors, lengths)))
        if self.random_branch is None or self.training:
            return output
        return self.random_branch.mix(output, self.random_branch(vectors, lengths))

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
        pooled : Tensor of shape (batch, head.in_features)
            Input of the last linear layer, before dropout.
        """
        return self._pool(self.inputs(x), lengths)

    def _pool(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        x, lengths = self._run_stem(vectors, lengths)
        pooled = self._pool_states(x, lengths)
        if self.stem_pooling is None:
            return pooled
        return torch.cat([pooled, self.stem_pooling(x, lengths)], dim=-1)

    def _pool_states(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        changed = has_hooks(self.encoder) or has_hooks(self.pooling)
        if self.pooling.kind == "last" and not changed and not has_global_hooks():
            # the outputs of the other steps need not be stored
            return self.encoder.last(x, lengths)
        return self.pooling(self.encoder(x, lengths), lengths)


class StepModel(RecurrentModel):
    """One output vector for each step: inputs, stem, encoder, head.

    Parameters
    ----------
    inputs : Standardize, TokenEmbedding or ColumnInputs
        From raw steps to vectors.
    stem : ConvStem or None
        Convolutions in front of the recurrent layers, of stride 1.
    encoder : Encoder
        The recurrent layers.
    n_outputs : int
        Size of the output of a step.
    dropout : float, default=0.0
        Part of each state that is zeroed in training.
    crf : CRF or None, default=None
        Scores of label transitions, for outputs that are scores of labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRU, Encoder, Standardize, StepModel, initialize
    >>> inputs = Standardize(torch.zeros(3), torch.ones(3))
    >>> model = StepModel(inputs, None, Encoder(3, (5,), GRU), n_outputs=2)
    >>> model = initialize(model, torch.Generator().manual_seed(0))
    >>> model(torch.ones(4, 7, 3), torch.tensor([7, 7, 2, 1])).shape
    torch.Size([17, 2])
    """

    def __init__(
        self,
        inputs: nn.Module,
        stem: ConvStem | None,
        encoder: Encoder,
        n_outputs: int,
        *,
        dropout: float = 0.0,
        crf: CRF | None = None,
    ) -> None:
        super().__init__(inputs, stem, encoder)
        self.dropout = Dropout(dropout)
        self.head = make_empty(nn.Linear, encoder.output_size, n_outputs)
        self.crf = crf

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Any:
        """Return the input of the loss.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : Tensor of shape (n_valid_steps, n_outputs), or Emissions
            Outputs of all valid steps end to end; with a CRF, its `Emissions`.
        """
        return self.forward_vectors(self.inputs(x), lengths)

    def forward_vectors(self, vectors: Tensor, lengths: Tensor | None = None) -> Any:
        """Return the input of the loss, from the output of `inputs`.

        Parameters
        ----------
        vectors : Tensor of shape (batch, time, inputs.output_size)
            Standardised features, or embedded tokens.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        output : Tensor of shape (n_valid_steps, n_outputs), or Emissions
            As `forward` returns it.
        """
        x, lengths = self._run_stem(vectors, lengths)
        states = self.encoder(x, lengths)  # (batch, time, encoder.output_size)
        if self.crf is not None:
            return Emissions(linear(self.head, self.dropout(states)), lengths, self.crf)
        valid = flatten_steps(states, lengths)
        return linear(self.head, self.dropout(valid))

    def decode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the best path of labels, of a model with a CRF.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        labels : Tensor of shape (n_valid_steps, 1)
            Numbers of labels as int64, of all valid steps end to end.
        """
        emissions, lengths, crf = self(x, lengths)
        labels = crf.decode(emissions, lengths).unsqueeze(-1)
        return flatten_steps(labels, lengths)

    def marginals(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the probability of each label at each step, of a model with a CRF.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        probability : Tensor of shape (n_valid_steps, n_outputs)
            Probabilities of all valid steps end to end, float64.
        """
        emissions, lengths, crf = self(x, lengths)
        return flatten_steps(crf.marginals(emissions, lengths), lengths)


class CTCModel(RecurrentModel):
    """Scores of tokens at each frame: inputs, stem, encoder, head.

    Parameters
    ----------
    inputs : Standardize, TokenEmbedding or ColumnInputs
        From raw steps to vectors.
    stem : ConvStem or None
        Convolutions in front of the recurrent layers.
    encoder : Encoder
        The recurrent layers.
    n_outputs : int
        Size of the output of a frame: the blank and the tokens.
    upsample : int, default=1
        Number of frames for each state of the encoder.
    dropout : float, default=0.0
        Part of each state that is zeroed in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import CTCModel, Encoder, GRU, Standardize, initialize
    >>> inputs = Standardize(torch.zeros(3), torch.ones(3))
    >>> model = CTCModel(inputs, None, Encoder(3, (5,), GRU), n_outputs=4, upsample=2)
    >>> model = initialize(model, torch.Generator().manual_seed(0))
    >>> frames = model(torch.ones(2, 7, 3), torch.tensor([7, 2]))
    >>> frames.scores.shape, frames.lengths
    (torch.Size([2, 14, 4]), tensor([14,  4]))
    """

    def __init__(
        self,
        inputs: nn.Module,
        stem: ConvStem | None,
        encoder: Encoder,
        n_outputs: int,
        *,
        upsample: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, stem, encoder)
        self.upsample = upsample
        self.dropout = Dropout(dropout)
        size = n_outputs * upsample
        self.head = make_empty(nn.Linear, encoder.output_size, size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> "Frames":
        """Return the scores of all tokens at each frame.

        Parameters
        ----------
        x : Tensor of shape (batch, time, n_features)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.

        Returns
        -------
        frames : Frames
            ``upsample`` frames for each state of the encoder.
        """
        states, lengths = self.hidden_states(x, lengths)
        outputs = linear(self.head, self.dropout(states))
        return split_frames(outputs, lengths, self.upsample)

    def count_frames(self, n_steps: Any) -> Any:
        """Return how many frames sequences have.

        Parameters
        ----------
        n_steps : int or array of int
            Numbers of steps.

        Returns
        -------
        n_frames : int or array of int
            `upsample` for each state of the encoder.
        """
        return self.count_states(n_steps) * self.upsample


def split_frames(outputs: Tensor, lengths: Tensor | None, upsample: int) -> "Frames":
    """Return the frames of each output of the head of a `CTCModel`.

    Parameters
    ----------
    outputs : Tensor of shape (batch, n_states, upsample * n_outputs)
        Outputs of the head.
    lengths : Tensor of shape (batch,) or None
        Number of valid states of each row.
    upsample : int
        Number of frames for each state.

    Returns
    -------
    frames : Frames
        Scores of shape (batch, n_states * upsample, n_outputs).
    """
    batch, n_states, size = outputs.shape
    scores = outputs.reshape(batch, n_states * upsample, size // upsample)
    return Frames(scores, None if lengths is None else lengths * upsample)


class Frames(NamedTuple):
    """Scores of the blank and the tokens at each frame.

    Parameters
    ----------
    scores : Tensor of shape (batch, n_frames, n_outputs)
        Logits; column 0 is the blank. Anything at padding.
    lengths : Tensor of shape (batch,) or None
        Number of valid frames of each row.
    """

    scores: Tensor
    lengths: Tensor | None


class Emissions(NamedTuple):
    """Scores of labels at each step, and the CRF that reads them.

    Parameters
    ----------
    scores : Tensor of shape (batch, time, n_labels)
        Anything at padding.
    lengths : Tensor of shape (batch,) or None
        Number of valid steps of each row.
    crf : CRF
        Scores of transitions.
    """

    scores: Tensor
    lengths: Tensor | None
    crf: CRF
