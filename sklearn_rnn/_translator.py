"""RNNTranslator: from one sequence to another."""

import warnings

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._building import make_encoder, make_standardize
from sklearn_rnn._codecs import (
    BOUNDARY,
    IdCodec,
    ListCodec,
    TextCodec,
    holds_texts,
    refuse_tables,
    shift,
)
from sklearn_rnn._decoders import SourceDecoder, WatchedDecoder
from sklearn_rnn._decoding import beam
from sklearn_rnn._defaults import resolve
from sklearn_rnn._inference import apply_to_steps, make_batch_invariant
from sklearn_rnn._parameters import constraints_of
from sklearn_rnn._sequences import (
    RaggedArray,
    StepArray,
    batches_by_length,
    check_layout,
    errors_that_name,
    read_texts,
    step_index,
    validate_sequences,
)
from sklearn_rnn._token_base import TokenRNN
from sklearn_rnn._training import PairDataset, make_inputs, make_pair_inputs
from sklearn_rnn._training_data import TrainingData
from sklearn_rnn.metrics import chrf_score, exact_match_score
from sklearn_rnn.nn import TokenLikelihood, constant_weights, threads_for
from sklearn_rnn.utils import Progress, StrOptions, fit_context, neutral_torch_state

_MOST_ROWS, _MOST_STEPS = 256, 8192  # sources decoded at a time, and their steps
_MARGIN = 10  # tokens that "auto" adds to twice the longest target


class RNNTranslator(TokenRNN):
    """Recurrent encoder and decoder that turn a sequence into another one.

    For translation, spelling to sounds, commands to actions: wherever the answer is a
    sequence whose length is not that of X. `predict` returns the most probable answer
    that a beam search finds.

    Parameters
    ----------
    level : {"char", "word", "subword"}, default="word"
        Unit of a token, if X holds strings.

        - "char": each character, including spaces and line breaks.
        - "word": each word and punctuation mark. White space between them becomes one
          space.
        - "subword": frequent sequences of bytes, found in `fit`, see
          :class:`~sklearn_rnn.preprocessing.SequenceTokenizer`. No text has unknown
          tokens. Requires the package ``tokenizers``.
    max_tokens : int or None, default=None
        Maximum size of the vocabulary: the most frequent tokens are kept, the others
        are unknown. None means no limit; 8,000 with ``level="subword"``.
    min_count : int, default=1
        Tokens or attributes that occur fewer times in `fit` are unknown.
    cell : {"lstm", "gru", "gru_reset_before", "rnn"} or type, default="gru"
        Type of the recurrent layers.

        - "gru": gated recurrent unit, :class:`~sklearn_rnn.nn.GRU`. As accurate as the
          LSTM on most tasks, with a quarter fewer weights.
        - "gru_reset_before": GRU whose reset gate acts before the matrix product,
          :class:`~sklearn_rnn.nn.ResetBeforeGRU`; Keras: ``reset_after=False``.
        - "lstm": long short-term memory, :class:`~sklearn_rnn.nn.LSTM`.
        - "rnn": Elman network, without gates, :class:`~sklearn_rnn.nn.Elman`. The
          fastest cell, with a memory of tens of steps.
        - a class: ``cell(input_size, hidden_size)`` must return a module that is called
          as ``outputs, state = layer(x, lengths, state=None)``, like the layers of
          :mod:`sklearn_rnn.nn`.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Activation for ``cell="rnn"``; ignored otherwise.
    hidden_size : int or sequence of int, default=256
        Number of units per direction in each recurrent layer, of the encoder and of the
        decoder. A sequence sets the size of each layer: ``(128, 64)`` stacks a layer of
        64 units on a layer of 128.
    num_layers : int, default=1
        Number of stacked recurrent layers, of the encoder and of the decoder, if
        `hidden_size` is an int. If `hidden_size` is a sequence, its length is the
        number of layers.
    bidirectional : bool, default=True
        Whether each recurrent layer of the encoder also reads the sequences backwards,
        each from its own last step to its first.
    embedding_dim : int or "auto", default="auto"
        Size of the vector of a token, of the source and of the target. "auto": the size
        of the last recurrent layer.
    tie_weights : bool, default=True
        Whether the last linear layer has the vectors of target tokens as its weights
        [4]_.
    attention : bool, default=True
        Whether each step of the decoder reads a weighted mean of the states of the
        encoder [5]_. Without it, the decoder knows only the last states.
    label_smoothing : float, default=0.1
        Share of the probability of each training target that all tokens share equally.
    length_penalty : float, default=1.0
        Hypotheses are compared by their log-likelihood, divided by their number of
        tokens to this power, from 0 to 10. 0 prefers short ones.
    max_length : int or "auto", default="auto"
        Maximum number of tokens that `predict` returns for a sequence. "auto": twice as
        many as the longest target of `fit` has, and 10.
    dropout : float, default=0.2
        Dropout probability. Dropout is applied to the vectors of tokens, to the outputs
        of each recurrent layer of the encoder, between those of the decoder, and to the
        input of the last linear layer. Recurrent connections are never dropped.
    target_level : {"char", "word", "subword"}, default="word"
        Unit of a token of y, if it holds strings, as for `level`.
    beam_size : int, default=1
        Number of hypotheses that `predict` keeps at each step. 1: the most probable
        token is taken.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or type, default="adam"
        Optimizer of the weights. "sgd" uses a momentum of 0.9. A class must be a
        subclass of :class:`torch.optim.Optimizer`; it is called with
        ``lr=learning_rate``.
    learning_rate : float, default=0.003
        Learning rate; with a schedule, the maximum learning rate.
    learning_rate_schedule : {"onecycle", "cosine", "plateau"} or None, \
            default="onecycle"
        Schedule of the learning rate.

        - "onecycle": warm-up from 1/25 of `learning_rate` to `learning_rate` in the
          first 30 % of the mini-batches, then decay to nearly zero [2]_.
        - "cosine": cosine decay to zero.
        - "plateau": division by 2 after 5 epochs without a lower training loss.
        - None: constant learning rate.
    weight_averaging : float, default=0.0
        Weights are averaged over this fraction of the mini-batches, the last of those
        planned by `max_epochs` (stochastic weight averaging). The mean is less noisy
        than the weights of the last mini-batch, which 0 keeps. `partial_fit` does not
        average.
    weight_decay : float, default=0.0
        Strength of the L2 penalty, passed to the optimizer as ``weight_decay``. Biases
        and normalisation layers are not penalised.
    max_grad_norm : float or None, default=1.0
        Maximum norm of the gradient of all weights. Larger gradients are scaled down to
        this norm [3]_. None disables clipping.
    batch_size : int, default=64
        Maximum mini-batch size. Each epoch is split into mini-batches of nearly equal
        size.
    max_epochs : int or "auto", default="auto"
        Maximum number of passes over the training data. "auto": as many as 4,000
        mini-batches need, at least 5 and at most 100.
    tol : float, default=1e-4
        Tolerance of the stopping criterion. The training loss or the validation score
        must improve by more than this absolute amount to count as an improvement.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops. The validation
        score is monitored with ``early_stopping=True``, otherwise the training loss.
        The training loss never stops the "onecycle" and "cosine" schedules, which need
        `max_epochs` to complete.
    early_stopping : bool, default=False
        Whether to stop training when the validation score no longer improves, and to
        restore the weights of the best epoch. The validation set is `X_val` if passed
        to `fit`, otherwise `validation_fraction` of the training samples.
    validation_fraction : float, default=0.1
        Fraction of the training samples held out as validation set with
        ``early_stopping=True``. If `groups` are passed to `fit`, it is a fraction of
        the groups.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous call to `fit`.
    device : str or torch.device, default="auto"
        Device to compute on, such as "cpu", "cuda" or "cuda:1". "auto" selects a CUDA
        GPU if available, otherwise the CPU.
    callbacks : list of skorch.callbacks.Callback or None, default=None
        Callbacks notified during training, in addition to the default ones.
    checkpoint : str, path-like or None, default=None
        Folder that `fit` writes the state of the training to: at most every 30
        seconds, also within an epoch, at Ctrl-C, and at the end. The same fit after a
        crash or a kill goes on from there and ends with the same weights, to the last
        bit. A fit with other data or parameters has another file. A finished one is
        loaded, not repeated, also inside a search. None: nothing is written.
    random_state : int, RandomState instance or None, default=None
        Controls the initial weights, the validation split, the order of the samples and
        dropout. Pass an int for fits that are identical to the last bit on the CPU. The
        global random state of NumPy and torch is left unchanged.
    verbose : int, default=0
        Verbosity level.

        - 0: silent.
        - 1: progress bar with loss, score and remaining time.
        - 2: table with one row per epoch.

    Attributes
    ----------
    tokens_ : ndarray of shape (n_tokens,) or None
        Source tokens: None for the end, "�" for all unknown tokens, then the
        vocabulary. None if X holds features.
    target_tokens_ : ndarray of shape (n_target_tokens,)
        Target tokens: None for the end, "�" for all unknown tokens, then the
        vocabulary.
    max_length_ : int
        Value of `max_length` in `fit`, or the one chosen for "auto".
    n_features_in_ : int
        Number of features per step. Defined only if X does not hold strings.
    dropout_ : float
        Value of `dropout`, or the one chosen for "auto".
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    n_iter_ : int
        Number of epochs trained, including those of earlier fits with a warm start.
    early_stopping_ : bool
        Whether a validation score could stop the training.
    loss_curve_ : list of float
        Mean training loss per target token of each epoch, with label smoothing.
    validation_scores_ : list of float or None
        Mean log-likelihood per target token of the validation set after each epoch;
        None without a validation set.
    best_loss_ : float
        Lowest training loss.
    best_validation_score_ : float or None
        Highest validation score; None without a validation set.
    history_ : skorch.history.History
        One row per epoch: loss, score, mean gradient norm before clipping, learning
        rate, duration in seconds.
    net_ : skorch.NeuralNet
        Trained skorch net around `module_`.
    module_ : torch.nn.Module
        Trained network, called as ``module_(x, lengths)``.

    See Also
    --------
    RNNGenerator : New sequences, without a source.
    RNNTagger : One label for each step of X.

    Notes
    -----
    The decoder computes the probability of each target token, given the source and all
    target tokens before:

    .. math::

        p(y \\mid x) = \\prod_{t=1}^{n+1} p(y_t \\mid y_1, \\ldots, y_{t-1}, x),

    where :math:`y_{n+1}` is the end. Its recurrent layers begin with the last states
    of the encoder. Attention comes after them (Luong's "general" score), see
    :class:`~sklearn_rnn.nn.Decoder`.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals, Q. Le, "Sequence to sequence learning with neural
       networks", NIPS 2014.
    .. [2] L. Smith, N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", arXiv:1708.07120.
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
       neural networks", ICML 2013.
    .. [4] O. Press, L. Wolf, "Using the output embedding to improve language models",
       EACL 2017.
    .. [5] M.-T. Luong, H. Pham, C. Manning, "Effective approaches to attention-based
       neural machine translation", EMNLP 2015.

    Examples
    --------
    >>> from sklearn_rnn import RNNTranslator
    >>> X = ["one two", "two one", "two", "one"] * 10
    >>> y = ["eins zwei", "zwei eins", "zwei", "eins"] * 10
    >>> translator = RNNTranslator(
    ...     hidden_size=16, batch_size=4, max_epochs=20, learning_rate=0.01,
    ...     random_state=0
    ... )
    >>> translator.fit(X, y).predict(["two one"]).tolist()
    ['zwei eins']
    """  # noqa: D301

    def __init__(
        self,
        *,
        level="word",
        max_tokens=None,
        min_count=1,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=256,
        num_layers=1,
        bidirectional=True,
        embedding_dim="auto",
        tie_weights=True,
        attention=True,
        label_smoothing=0.1,
        length_penalty=1.0,
        max_length="auto",
        dropout=0.2,
        target_level="word",
        beam_size=1,
        optimizer="adam",
        learning_rate=0.003,
        learning_rate_schedule="onecycle",
        weight_averaging=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=64,
        max_epochs="auto",
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        device="auto",
        callbacks=None,
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.level = level
        self.max_tokens = max_tokens
        self.min_count = min_count
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.embedding_dim = embedding_dim
        self.tie_weights = tie_weights
        self.attention = attention
        self.label_smoothing = label_smoothing
        self.length_penalty = length_penalty
        self.max_length = max_length
        self.dropout = dropout
        self.target_level = target_level
        self.beam_size = beam_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.weight_averaging = weight_averaging
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = {
        **constraints_of(__init__),
        "target_level": [StrOptions({"char", "word", "subword"})],
    }

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
    ):
        """Learn to translate.

        Parameters
        ----------
        X : list, 1-D array or Series of str; or RaggedArray or list of array-like of \
                shape (n_steps_i,) or (n_steps_i, n_features)
            The sources: strings, token ids, or sequences of features.
        y : list, 1-D array or Series of str; or list of sequences of int or str
            The targets: strings, or sequences of tokens.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each pair. A weight of 2 counts as two samples.
        X_val : like X, default=None
            Sources to compute `validation_scores_` on after each epoch. With
            ``early_stopping=True`` they take the place of a part of X.
        y_val : like y, default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the pairs of `X_val`.
        groups : array-like of shape (n_samples,), default=None
            Group of each sample. With ``early_stopping=True``, the samples of a group
            are all held out or all trained on.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data is invalid, or the training loss
            becomes NaN or infinite.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val, groups)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some pairs, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the vocabularies. Other tokens are unknown later. `max_length_` grows
        with the targets.

        Parameters
        ----------
        X : like X in `fit`
            The sources.
        y : like y in `fit`
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each pair. A weight of 2 counts as two samples.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Return the best target that the search finds.

        Parameters
        ----------
        X : like X in `fit`
            The sources.

        Returns
        -------
        y : ndarray of object of shape (n_samples,)
            Strings, or lists of tokens. A target that reaches `max_length` is cut,
            with a warning.
        """
        return self._decode_best(self._find(X))

    def predict_n_best(self, X, n=5):
        """Return several targets of each source.

        Parameters
        ----------
        X : like X in `fit`
            The sources.
        n : int, default=5
            Number of targets. The search keeps at least as many.

        Returns
        -------
        y : ndarray of object of shape (n_samples, n)
            The best target first; None where the search found fewer. Where the best
            one reaches `max_length`, it is cut, with a warning.
        scores : ndarray of shape (n_samples, n)
            Log-likelihood, divided by the number of tokens to the power
            `length_penalty`; -inf for None.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be an int >= 1. Got {n!r} instead.")
        found = self._find(X, int(n))
        y = np.full((len(found), n), None, dtype=object)
        scores = np.full((len(found), n), -np.inf)
        for i, hypotheses in enumerate(found):
            best = hypotheses[:n]
            decoded = self._target_codec.decode([one.tokens for one in best])
            for j, one in enumerate(best):
                y[i, j], scores[i, j] = decoded[j], one.score
        return y, scores

    def score_samples(self, X, y):
        """Return the log-likelihood of each target, given its source.

        Parameters
        ----------
        X : like X in `fit`
            The sources.
        y : like y in `fit`
            The targets.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Sum over the tokens of the target, the end included; in nats.
        """
        data = self._validate_pairs(X, y)
        return self._sum_steps(make_batch_invariant(self.module_), data)[0]

    @neutral_torch_state()
    def attention_weights(self, X, y):
        """Return how much each target token reads of each source step.

        Parameters
        ----------
        X : like X in `fit`
            The sources.
        y : like y in `fit`
            The targets.

        Returns
        -------
        weights : list of ndarray of shape (n_target_tokens + 1, n_steps + 1)
            Rows sum to 1. The last row is the end of the target; the last column the
            end of the source, which sequences of features do not have.
        """
        data = self._validate_pairs(X, y)
        if not self.attention:
            raise ValueError("attention_weights needs attention=True.")
        result = [None] * len(data)
        module = make_batch_invariant(self.module_)
        for rows, inputs, memory, state in self._iterate_pairs(module, data):
            decoder = module.decoder
            states, _ = decoder.encoder.run(
                decoder.inputs(inputs["y"]), inputs["y_lengths"], state
            )
            keys = decoder.make_keys(memory)
            weights = decoder.weigh(states, keys, inputs["lengths"]).float().cpu()
            for k, i in enumerate(rows):
                n_targets, n_steps = data.targets.lengths[i] + 1, data.X.lengths[i]
                result[i] = weights[k, :n_targets, :n_steps].numpy()
        return result

    @neutral_torch_state()
    def hidden_states(self, X):
        """Return the state of the last layer of the encoder at every step.

        Parameters
        ----------
        X : like X in `fit`
            The sources.

        Returns
        -------
        states : RaggedArray
            The last state is that of the end of the source, which sequences of features
            do not have. Both directions are side by side.
        """
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        return RaggedArray(apply_to_steps(module, X, _run_to_states), X.offsets)

    def score(self, X, y, sample_weight=None):
        """Return chrF of the predicted strings, divided by 100.

        Parameters
        ----------
        X : like X in `fit`
            The sources.
        y : like y in `fit`
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each pair.

        Returns
        -------
        score : float
            Between 0 and 1, see :func:`~sklearn_rnn.metrics.chrf_score`. If y holds
            sequences of tokens, the fraction of exact matches.
        """
        predicted = self._decode_best(self._find(X))
        if self._writes_texts:
            return chrf_score(y, predicted, sample_weight=sample_weight) / 100
        return exact_match_score(y, predicted, sample_weight=sample_weight)

    # Steps of fit ---------------------------------------------------------------------

    def _learn_kind(self, X, y):
        """Learn whether X holds texts, token ids or features, and y texts."""
        vars(self).pop("n_features_in_", None)
        self._reads_texts, self._reads_ids = holds_texts(X), False
        self._writes_texts = holds_texts(y, "y")
        if not self._reads_texts:
            refuse_tables(X, self)
            owner = type(self).__name__
            steps, layout = check_layout(X, owner=owner, allow_empty=True)
            is_integer = steps.values.dtype.kind in "iu"
            one = steps.n_features == 1 or layout.is_table
            self._reads_ids = one and is_integer

    def _describe_kind(self):
        return {"texts": self._reads_texts, "ids": self._reads_ids}

    def _check_steps(self, X, name, *, reset):
        options = {"name": name, "tokens": self._reads_ids}
        return validate_sequences(
            self, X, reset=reset, allow_empty=self._reads_ids, **options
        )

    def _check_y(self, y, X, name="y"):
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        if holds_texts(y, name) != self._writes_texts:
            kinds = ("sequences of tokens", "strings")
            raise ValueError(
                f"{name} has {kinds[not self._writes_texts]}, but "
                f"{type(self).__name__} was fitted with {kinds[self._writes_texts]}."
            )
        y = _as_objects(read_texts(y, name))
        check_consistent_length(X, y)
        return y

    def _learn_encoding(self, data, train):
        """Learn the vocabularies from the training set."""
        self._codec, self._target_codec = self._make_codecs()
        if self._codec is not None:
            with errors_that_name("X"):  # an empty vocabulary
                self._codec.fit(train.X)
        with errors_that_name("y"):
            self._target_codec.fit(train.targets)
        self.tokens_ = None if self._codec is None else self._codec.tokens
        self.target_tokens_ = self._target_codec.tokens

    def _make_codecs(self):
        """Return new codecs of sources and targets; None for features."""
        options = self.max_tokens, self.min_count
        codec = IdCodec() if self._reads_ids else None
        if self._reads_texts:
            codec = TextCodec(self.level, *options)
        if self._writes_texts:
            return codec, TextCodec(self.target_level, *options)
        return codec, ListCodec()

    def _encode(self, data):
        X, y = self._encode_X(data.X), self._target_codec.encode(data.targets)
        return TrainingData(X, y, data.sample_weight)

    def _encode_X(self, X):
        """Return the steps of the sources; tokens are followed by the end."""
        if self._codec is None:
            return X
        _, steps = shift(self._codec.encode(X), end=True)
        return steps

    def _check_held_out(self, X_val, y_val, sample_weight_val):
        if X_val is not None and y_val is None:
            raise ValueError("X_val and y_val belong together. Got no y_val.")
        return super()._check_held_out(X_val, y_val, sample_weight_val)

    def _resolve_parameters(self, train, in_parts=False):
        self._plan_epochs(-(-len(train) // self.batch_size))
        longest = 2 * int(train.targets.lengths.max()) + _MARGIN
        if in_parts:  # other parts may have had longer targets
            longest = max(longest, getattr(self, "max_length_", 0))
        self.max_length_ = int(resolve(self, "max_length", longest))

    # The network ----------------------------------------------------------------------

    def _make_loss(self):
        return TokenLikelihood(self.label_smoothing)

    def _assemble_module(self, train):
        size = self._find_embedding_size()
        if self._codec is None:
            inputs = make_standardize(train)
        else:
            inputs = nn.TokenEmbedding(len(self.tokens_) - 1, size)
        encoder = make_encoder(self, inputs.output_size)
        n_targets = len(self.target_tokens_)
        decoder = nn.Decoder(
            nn.TokenEmbedding(n_targets - 1, size),
            make_encoder(self, size, decodes=True),
            encoder.output_size,
            n_targets,
            attention=self.attention,
            dropout=self.dropout_,
            tied=self.tie_weights,
        )
        return nn.TranslationModel(inputs, encoder, decoder, dropout=self.dropout_)

    def _make_module(self, train):
        module = super()._make_module(train)
        table = module.decoder.inputs.table.weight
        before = table.detach().clone()
        nn.shrink_embeddings(module)
        if self.tie_weights:  # initialized as weights of the last layer
            table.data.copy_(before)
        return module

    def _make_dataset(self, train):
        inputs, targets = shift(train.targets, end=True)
        steps = StepArray(
            targets.values[:, 0].copy(), targets.offsets, np.ones(len(targets.values))
        )
        return PairDataset(train.X, inputs, steps, train.sample_weight)

    def _apply(self, module, X):
        raise NotImplementedError("`_iterate_pairs` runs the network.")

    # Use ------------------------------------------------------------------------------

    @neutral_torch_state()
    def _sum_steps(self, module, data):
        """Return the log-likelihood and the number of target tokens of each pair."""
        _, targets = shift(data.targets, end=True)
        steps = np.zeros(len(targets.values))
        for rows, inputs, memory, state in self._iterate_pairs(module, data):
            index = step_index(targets.offsets[rows], targets.lengths[rows])
            outputs, head = module.decoder(
                inputs["y"], inputs["y_lengths"], state, memory, inputs["lengths"]
            )
            target = torch.from_numpy(targets.values[index, 0]).to(outputs.device)
            found = nn.token_log_likelihood(outputs, head, target)
            steps[index] = found.float().cpu().numpy()  # as in `_search`
        number = np.repeat(np.arange(len(targets)), targets.lengths)
        total = np.bincount(number, steps, minlength=len(targets))
        return total, targets.lengths

    def _iterate_pairs(self, module, data):
        """Yield rows, inputs, and states of the encoder, batch by batch."""
        inputs, _ = shift(data.targets, end=True)
        device = next(module.parameters()).device
        with torch.inference_mode(), threads_for(module):
            for rows in batches_by_length(data.X.lengths, _MOST_ROWS, _MOST_STEPS):
                batch = make_pair_inputs(data.X, inputs, rows, device)
                yield rows, batch, *module.encode(batch["x"], batch["lengths"])

    def _validate_for_predict(self, X):
        self._check_fitted()
        return self._encode_X(self._check_X(X))

    def _find(self, X, least_width=1):
        """Return the hypotheses of each source; warn where the best was cut."""
        found = self._search(X, least_width)
        n_cut = sum(not hypotheses[0].is_complete for hypotheses in found)
        if n_cut:
            warnings.warn(
                f"{n_cut} of {len(found)} predictions reached max_length="
                f"{self._find_max_length()} tokens and were cut.",
                UserWarning,
                stacklevel=3,
            )
        return found

    @neutral_torch_state()
    def _search(self, X, least_width=1):
        """Return the hypotheses of each source."""
        self._validate_params()  # some of them may have changed since fit
        X = self._validate_for_predict(X)
        width, longest = max(int(self.beam_size), least_width), self._find_max_length()
        module = make_batch_invariant(self.module_)
        device = next(module.parameters()).device
        found = [None] * len(X)
        with (
            torch.inference_mode(),
            threads_for(module),
            constant_weights(),
            Progress(len(X), "sequence", shows=self.verbose > 0) as progress,
        ):
            for rows in batches_by_length(X.lengths, _MOST_ROWS, _MOST_STEPS):
                decoder = SourceDecoder(module, make_inputs(X, rows, device), width)
                watched = WatchedDecoder(decoder, progress, len(rows), width)
                results = beam(
                    watched,
                    decoder.start(),
                    width,
                    longest + 1,
                    end=BOUNDARY,
                    length_penalty=float(self.length_penalty),
                )
                watched.finish()
                for i, hypotheses in zip(rows, results, strict=True):
                    found[i] = [self._cut(one) for one in hypotheses]
        return found

    def _decode_best(self, found):
        return self._target_codec.decode([best.tokens for best, *_ in found])

    def _cut(self, hypothesis):
        """Return a hypothesis without the token after the last, its end or not."""
        return hypothesis._replace(tokens=hypothesis.tokens[: self._find_max_length()])

    def _find_max_length(self):
        """Return the limit of a prediction: `max_length` may have changed since fit."""
        return int(resolve(self, "max_length", self.max_length_))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "translator"
        return tags


def _run_to_states(module, x, lengths):
    """Return the states of the encoder at all steps."""
    memory, _ = module.encode(x, lengths)
    return nn.flatten_steps(memory, lengths)


def _as_objects(items):
    """Return a list as an array of objects, which is indexed by rows."""
    result = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # all at once, equal lengths would be 2-D
        result[i] = item
    return result
