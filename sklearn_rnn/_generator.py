"""RNNGenerator: new sequences, one step at a time."""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._building import make_encoder
from sklearn_rnn._codecs import (
    BOUNDARY,
    FIRST,
    UNKNOWN,
    IdCodec,
    TextCodec,
    holds_texts,
    refuse_tables,
    shift,
)
from sklearn_rnn._decoders import ModelDecoder, WatchedDecoder
from sklearn_rnn._decoding import Settings, Uniforms, draw, draw_sets
from sklearn_rnn._defaults import is_auto
from sklearn_rnn._inference import (
    apply_to_sequences,
    apply_to_steps,
    compute_states,
    make_batch_invariant,
)
from sklearn_rnn._parameters import constraints_of
from sklearn_rnn._sequences import (
    RaggedArray,
    as_rows,
    check_layout,
    errors_that_name,
    validate_sequences,
)
from sklearn_rnn._stream_network import NextStepNetwork
from sklearn_rnn._streaming import StreamingMixin, check_stream_method
from sklearn_rnn._targets import check_labels
from sklearn_rnn._token_base import TokenRNN
from sklearn_rnn._training import WindowDataset
from sklearn_rnn._training_data import RandomSplitter, TrainingData, check_weights
from sklearn_rnn.nn import (
    NoteLikelihood,
    TokenLikelihood,
    constant_weights,
    flatten_steps,
    threads_for,
)
from sklearn_rnn.utils import (
    Interval,
    Progress,
    draw_seed,
    fit_context,
    make_random_state,
    neutral_torch_state,
    validate_params,
)

_MOST_UNTIED = 64  # size of a vector that is not a weight of the last layer
_MOST_ROWS = 1024  # samples drawn at a time
_COUNT = Interval(Integral, 1, None, closed="left")


class RNNGenerator(StreamingMixin, TokenRNN):
    """Recurrent neural network that generates sequences like those of `fit`.

    For text, codes, names, music: it learns the probability of the next token, or of
    each note of the next step, given all steps before. `sample` draws new sequences;
    `score_samples` tells how probable given ones are.

    Parameters
    ----------
    level : {"char", "word", "subword"}, default="char"
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
    end_token : bool, default=True
        Whether the end of a sequence is predicted, as one more token. If not, as for
        pieces of one long text, `sample` draws `max_length` tokens. Unused if X holds
        notes.
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
        Number of units in each recurrent layer. A sequence sets the size of each layer:
        ``(128, 64)`` stacks a layer of 64 units on a layer of 128.
    num_layers : int, default=1
        Number of stacked recurrent layers if `hidden_size` is an int. If `hidden_size`
        is a sequence, its length is the number of layers.
    embedding_dim : int or "auto", default="auto"
        Size of the vector of a token. "auto": the size of the last recurrent layer,
        which weights can be tied to as they are; at most 64 with ``tie_weights=False``.
        Unused if X holds notes.
    tie_weights : bool, default=True
        Whether the last linear layer has the vectors of tokens as its weights [4]_.
        Unused if X holds notes.
    truncate : int, default=128
        Maximum number of steps that a gradient is propagated back. Longer sequences are
        trained on in windows; each begins with the states after the window before.
    dropout : float, default=0.0
        Dropout probability. Dropout is applied to the vectors of tokens, to the outputs
        of each recurrent layer, and so to the input of the last linear layer. Recurrent
        connections are never dropped.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or type, default="adam"
        Optimizer of the weights. "sgd" uses a momentum of 0.9. A class must be a
        subclass of :class:`torch.optim.Optimizer`; it is called with
        ``lr=learning_rate``.
    learning_rate : float, default=0.005
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
    batch_size : int, default=32
        Maximum number of sequences in a mini-batch. A sequence that is longer than
        `truncate`, and than a `batch_size`-th of all steps, is cut into parts, which
        are read side by side.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels, if y was passed to `fit`; otherwise None.
    tokens_ : ndarray of shape (n_tokens,) or None
        Tokens in the order of the columns of `predict_proba`: None for the end of a
        sequence, "�" for all unknown tokens, then the vocabulary. None if X holds
        notes.
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
        Mean negative log-likelihood per token or step of each epoch, with dropout.
    validation_scores_ : list of float or None
        Mean log-likelihood per token or step of the validation set after each epoch;
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
    RNNForecaster : The next steps of series of numbers.
    sklearn_rnn.preprocessing.SequenceTokenizer : Strings to token ids.

    Notes
    -----
    The likelihood of a sequence of tokens is

    .. math::

        p(x_1, \\ldots, x_n) = \\prod_{t=1}^{n+1} p(x_t \\mid x_1, \\ldots, x_{t-1}),

    where :math:`x_{n+1}` is the end, if ``end_token=True``. The notes of a step are
    independent of each other, given the steps before: each has its own probability,
    and the log-likelihood of a step is the sum over notes.

    A sequence that is longer than `truncate` is trained on in windows of nearly equal
    length, with the state carried from one to the next and detached (truncated
    backpropagation through time [1]_). In `score_samples` and `sample`, the state
    covers the whole sequence.

    References
    ----------
    .. [1] R. Williams, J. Peng, "An efficient gradient-based algorithm for on-line
       training of recurrent network trajectories", Neural Computation 2, 1990.
    .. [2] L. Smith, N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", arXiv:1708.07120.
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
       neural networks", ICML 2013.
    .. [4] O. Press, L. Wolf, "Using the output embedding to improve language models",
       EACL 2017.

    Examples
    --------
    >>> from sklearn_rnn import RNNGenerator
    >>> X = ["abab", "ababab", "ab"] * 10
    >>> generator = RNNGenerator(hidden_size=16, max_epochs=30, random_state=0)
    >>> generator.fit(X).sample(prompt="ab", temperature=0).tolist()
    ['abab']
    >>> generator.score(["abab"]) > generator.score(["bbaa"])
    True
    """  # noqa: D301

    def __init__(
        self,
        *,
        level="char",
        max_tokens=None,
        min_count=1,
        end_token=True,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=256,
        num_layers=1,
        embedding_dim="auto",
        tie_weights=True,
        truncate=128,
        dropout=0.0,
        optimizer="adam",
        learning_rate=0.005,
        learning_rate_schedule="onecycle",
        weight_averaging=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=32,
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
        self.end_token = end_token
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.embedding_dim = embedding_dim
        self.tie_weights = tie_weights
        self.truncate = truncate
        self.dropout = dropout
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

    _parameter_constraints: dict = constraints_of(__init__)

    bidirectional = False
    conv_channels = None

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(
        self,
        X,
        y=None,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
    ):
        """Learn the probability of each next step.

        Parameters
        ----------
        X : list, 1-D array or Series of str; or RaggedArray or list of array-like of \
                shape (n_steps_i,) or (n_steps_i, n_notes)
            The sequences: strings; token ids, one non-negative integer per step; or
            sets of notes, 0 or 1 in each column.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence. Then `sample` draws sequences of a class.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence. A weight of 2 counts as two samples.
        X_val : like X, default=None
            Sequences to compute `validation_scores_` on after each epoch. With
            ``early_stopping=True`` they take the place of a part of X.
        y_val : like y, default=None
            Classes of `X_val`.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the sequences of `X_val`.
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

    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on some sequences, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the vocabulary and the classes. Other tokens are unknown later.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, among those of the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence. A weight of 2 counts as two samples.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._partial_fit(X, y, sample_weight)

    def score_samples(self, X, y=None):
        """Return the log-likelihood of each sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Sum over the tokens of the sequence, the end included, or over its steps;
            in nats.
        """
        return self._score_samples(X, y)[0]

    def score(self, X, y=None, sample_weight=None):
        """Return the mean log-likelihood per token, or per step of notes.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence.

        Returns
        -------
        score : float
            In nats. A token counts the same in whichever sequence.
        """
        log_likelihood, n_steps = self._score_samples(X, y)
        weight = check_weights(sample_weight, as_rows(len(n_steps)))
        if not (weight * n_steps).any():
            raise ValueError("X has no token with a weight above 0.")
        return float(weight @ log_likelihood / (weight @ n_steps))

    def perplexity(self, X, y=None, sample_weight=None):
        """Return the exponential of the mean negative log-likelihood per token.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence.

        Returns
        -------
        perplexity : float
            Number of equally probable tokens that are as hard to guess; 1 is perfect.
        """
        return float(np.exp(-self.score(X, y, sample_weight)))

    @neutral_torch_state()
    def predict_proba(self, X, y=None):
        """Return the probability of each token, or note, in the step after a sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences; empty ones ask for the first step.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_tokens) or (n_samples, n_notes)
            Columns in the order of `tokens_`.
        """
        X = self._validate_pairs(X, y)
        inputs, _ = shift(X.X, end=True)
        inputs = self._add_classes(inputs, X.targets)
        logits = apply_to_sequences(
            make_batch_invariant(self.module_), inputs, _run_to_last_logits
        ).astype(np.float64)
        return self._to_probabilities(logits)

    def predict(self, X, y=None):
        """Return the most probable token, or notes, of the step after a sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences; empty ones ask for the first step.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.

        Returns
        -------
        token : ndarray of shape (n_samples,) or (n_samples, n_notes)
            Of `tokens_`: None for the end; never an unknown token. Notes are 0 or 1.
        """
        return self._choose_most_probable(self.predict_proba(X, y))

    def _to_probabilities(self, logits):
        if self._codec is None:
            return 1 / (1 + np.exp(-logits))
        logits -= logits.max(axis=1, keepdims=True)
        if not self.end_token:
            logits[:, BOUNDARY] = -np.inf
        p = np.exp(logits)
        return p / p.sum(axis=1, keepdims=True)

    def _choose_most_probable(self, p):
        if self._reads_notes:
            return (p > 0.5).astype(int)
        p[:, UNKNOWN] = 0
        return self.tokens_[p.argmax(axis=1)]

    def stream(self, n_streams=1, *, y=None, method="predict_proba"):
        """Return an object that predicts the next step, as steps come.

        A step is a token id, a set of notes or, with ``level="char"``, a character.
        Words and subwords cannot stream: a character may change the token before it.

        Parameters
        ----------
        n_streams : int, default=1
            Number of independent streams.
        y : array-like of shape (n_streams,), or label, default=None
            Class of each stream, or of all, if y was passed to `fit`.
        method : {"predict_proba", "predict"}, default="predict_proba"
            What is predicted, as the method of this name does.

        Returns
        -------
        stream : RNNStream
            See :class:`~sklearn_rnn.RNNStream`.

        Raises
        ------
        ValueError
            If tokens are words or subwords.

        Examples
        --------
        >>> from sklearn_rnn import RNNGenerator
        >>> generator = RNNGenerator(hidden_size=16, max_epochs=30, random_state=0)
        >>> stream = generator.fit(["abab", "ababab", "ab"] * 10).stream()
        >>> for character in "aba":
        ...     probability = stream.update(character)
        >>> generator.tokens_[probability.argmax()]
        'b'
        >>> bool((probability == generator.predict_proba(["aba"])[0]).all())
        True
        """
        return self._open_stream(n_streams, method, y)

    @neutral_torch_state()
    def hidden_states(self, X, y=None):
        """Return the state of the last recurrent layer before each step, and the end.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, if y was passed to `fit`.

        Returns
        -------
        states : RaggedArray
            One state more than steps: that of step 0 has seen no step yet.
        """
        X = self._validate_pairs(X, y)
        inputs, _ = shift(X.X, end=True)
        inputs = self._add_classes(inputs, X.targets)
        return compute_states(make_batch_invariant(self.module_), inputs)

    @validate_params(
        {
            "n_samples": [_COUNT],
            "max_length": [_COUNT],
            "temperature": [Interval(Real, 0, None, closed="left")],
            "top_k": [_COUNT, None],
            "top_p": [Interval(Real, 0, 1, closed="right"), None],
            "stop": [str, list, tuple, None],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def sample(
        self,
        n_samples=1,
        *,
        y=None,
        prompt=None,
        max_length=1000,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        random_state=None,
    ):
        """Draw new sequences.

        Parameters
        ----------
        n_samples : int, default=1
            Number of sequences.
        y : array-like of shape (n_samples,), or label, default=None
            Class of each sequence, or of all, if y was passed to `fit`.
        prompt : like an element of X in `fit`, default=None
            Beginning of all sequences. It is a part of them.
        max_length : int, default=1000
            Maximum number of tokens after the prompt; with notes, or without
            `end_token`, the number of steps.
        temperature : float, default=1.0
            Below 1, probable tokens become more probable; above 1, less. 0: the most
            probable token is taken.
        top_k : int or None, default=None
            Number of most probable tokens to draw from; None: all.
        top_p : float or None, default=None
            Draw from the fewest tokens whose probabilities add up to it [1]_; None:
            all.
        stop : str, list of str or None, default=None
            Text that ends a sequence, as its last part.
        random_state : int, RandomState instance or None, default=None
            Controls the draws. Pass an int for the same sequences in each call; the
            first ones do not depend on `n_samples`.

        Returns
        -------
        samples : ndarray of object of shape (n_samples,) or RaggedArray
            Strings; or a RaggedArray of token ids or notes.

        Notes
        -----
        Unknown tokens are never drawn.

        References
        ----------
        .. [1] A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, "The curious case of
           neural text degeneration", ICLR 2020.
        """
        options = {
            "max_length": int(max_length),
            "temperature": float(temperature),
            "top_k": top_k,
            "top_p": top_p,
            "stop": stop,
        }
        return self._sample(int(n_samples), y, prompt, options, random_state)[0]

    # Steps of fit ---------------------------------------------------------------------

    def _check_data(self, X, y, sample_weight, groups, continues):
        data = super()._check_data(X, y, sample_weight, groups, continues)
        self._refuse_single_characters(data.X)
        return data

    def _refuse_single_characters(self, X):
        """Refuse what a search makes of one long text: its characters."""
        if self._reads_texts and len(X) > 1 and all(len(text) == 1 for text in X):
            raise TypeError(
                "Each string of X is a single character, as if one long text had been "
                "passed: pass a list of texts instead, such as text.split('\\n\\n')."
            )

    def _learn_kind(self, X, y):
        """Learn whether X holds texts, token ids or notes, and whether y is there."""
        vars(self).pop("n_features_in_", None)
        self._has_classes = y is not None
        self._reads_texts, self._reads_notes = holds_texts(X), False
        if not self._reads_texts:
            refuse_tables(X, self)
            owner = type(self).__name__
            steps, layout = check_layout(X, owner=owner, allow_empty=True)
            self._reads_notes = steps.n_features > 1 and not layout.is_table
            _refuse_fractions(steps.values)

    def _describe_kind(self):
        return {"texts": self._reads_texts, "notes": self._reads_notes}

    def _check_steps(self, X, name, *, reset):
        tokens = not self._reads_notes
        options = {"name": name, "tokens": tokens, "allow_empty": True}
        X = validate_sequences(self, X, reset=reset, **options)
        if self._reads_notes and not np.isin(X.values, (0, 1)).all():
            raise ValueError(
                f"{name} must be strings, token ids, or sets of notes. Several "
                "columns are notes, which must be 0 or 1 at each step."
            )
        return X

    def _check_y(self, y, X, name="y"):
        """Return the class of each sequence; zeros without classes."""
        if (y is not None) != self._has_classes:
            raise ValueError(
                f"{type(self).__name__} was fitted with"
                f"{'' if self._has_classes else 'out'} y, the class of each sequence: "
                f"pass {'' if self._has_classes else 'no '}{name}."
            )
        if y is None:
            return np.zeros(len(X), np.int64)
        labels, _ = check_labels(y, type(self).__name__, name)
        with errors_that_name(name):
            y = column_or_1d(labels)
        check_consistent_length(X, y)
        return y

    def _learn_encoding(self, data, train):
        """Learn classes from all data; the vocabulary from the training set."""
        self.classes_ = None
        if self._has_classes:
            with errors_that_name("y"):  # labels that cannot be sorted
                self.classes_ = np.unique(data.targets)
        self._codec = self._make_codec()
        if self._codec is not None:
            with errors_that_name("X"):  # an empty vocabulary
                self._codec.fit(train.X)
        self.tokens_ = None if self._codec is None else self._codec.tokens

    def _make_codec(self):
        if self._reads_notes:
            return None
        if self._reads_texts:
            return TextCodec(self.level, self.max_tokens, self.min_count)
        return IdCodec()

    def _encode(self, data):
        """Encode sequences as tokens, and classes as numbers."""
        X = data.X if self._codec is None else self._codec.encode(data.X)
        return TrainingData(X, self._encode_y(data.targets), data.sample_weight)

    def _encode_y(self, y, name="y"):
        if self.classes_ is None:
            return y
        known = np.isin(y, self.classes_)
        if not known.all():
            raise ValueError(
                f"{name} has {y[~known].tolist()[0]!r}, which is not among the classes "
                f"of fit: {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, y)

    def _make_splitter(self, data):
        strata = data.targets if self._has_classes else None
        return RandomSplitter(self.validation_fraction, self._seed, strata)

    def _resolve_parameters(self, train, in_parts=False):
        lengths = train.X.lengths + self._ends
        n_windows = max(lengths.sum() / (self.batch_size * self.truncate), 1)
        n_batches = max(len(train) / self.batch_size, n_windows)
        self._plan_epochs(n_batches)

    @property
    def _ends(self):
        """Whether the end of a sequence is one more step."""
        return self.end_token and not self._reads_notes

    # The network ----------------------------------------------------------------------

    def _make_loss(self):
        return NoteLikelihood() if self._reads_notes else TokenLikelihood()

    def _make_module(self, train):
        module = super()._make_module(train)
        tied = self.tie_weights and not self._reads_notes
        return module if tied else nn.shrink_embeddings(module)

    def _assemble_module(self, train):
        inputs, table = self._make_inputs(train)
        encoder = make_encoder(self, inputs.output_size)
        n_outputs = train.X.n_features if table is None else table.num_embeddings
        return nn.NextStepModel(
            inputs,
            encoder,
            n_outputs,
            dropout=self.dropout_,
            tied_to=table if self.tie_weights else None,
        )

    def _make_inputs(self, train):
        """Return the first layer, and the embedding of tokens, if there are tokens."""
        if self._reads_notes:
            n_notes = train.X.n_features
            inputs, table = (
                nn.Standardize(torch.zeros(n_notes), torch.ones(n_notes)),
                None,
            )
        else:
            inputs = nn.TokenEmbedding(
                len(self.tokens_) - 1, self._find_embedding_size()
            )
            table = inputs.table
        if self._has_classes:
            inputs = nn.ConditionedInputs(inputs, len(self.classes_))
        return inputs, table

    def _find_embedding_size(self):
        size = super()._find_embedding_size()
        limited = is_auto(self.embedding_dim) and not self.tie_weights
        return min(size, _MOST_UNTIED) if limited else size

    def _make_dataset(self, train):
        inputs, targets = shift(train.X, end=self._ends)
        if len(inputs.values) == 0:
            raise ValueError("X has no step: all sequences are empty.")
        values = targets.values if self._reads_notes else targets.values[:, 0]
        weight = train.sample_weight
        inputs = self._add_classes(inputs, train.targets)
        truncate = min(int(self.truncate), len(values))
        return WindowDataset(inputs, values.copy(), weight, truncate)

    def _apply(self, module, X):
        return apply_to_steps(module, X, _run_to_log_likelihood)

    # Likelihood -----------------------------------------------------------------------

    @neutral_torch_state()
    def _score_samples(self, X, y):
        """Return the log-likelihood and the number of steps of each sequence."""
        data = self._validate_pairs(X, y)
        return self._sum_steps(make_batch_invariant(self.module_), data)

    def _sum_steps(self, module, data):
        inputs, targets = shift(data.X, end=self._ends)
        inputs = self._add_classes(inputs, data.targets)
        columns = np.concatenate([inputs.values, targets.values], axis=1)
        steps = self._apply(module, RaggedArray(columns, inputs.offsets))[:, 0]
        rows = np.repeat(np.arange(len(inputs)), inputs.lengths)
        # one after the other, as `draw` adds them
        total = np.bincount(rows, steps.astype(np.float64), minlength=len(inputs))
        return total, inputs.lengths

    def _add_classes(self, inputs, codes):
        """Return inputs with the number of the class, from 1 on, as the last column."""
        if self.classes_ is None:
            return inputs
        column = np.repeat(codes + 1, inputs.lengths)[:, np.newaxis]
        values = np.concatenate([inputs.values, column.astype(inputs.dtype)], axis=1)
        return RaggedArray(values, inputs.offsets)

    # Streams --------------------------------------------------------------------------

    def _list_stream_obstacles(self):
        obstacles = super()._list_stream_obstacles()
        if self._reads_texts and self.level != "char":
            obstacles["level"] = "'char'"
        return obstacles

    def _encode_stream_classes(self, y, n_streams):
        codes = self._encode_y(self._spread_classes(y, n_streams))
        return codes + 1 if self._has_classes else None

    def _make_stream_network(self, module, n_streams, method, classes):
        n_columns = module.head.out_features if self._reads_notes else 1
        dtype = np.float32 if self._reads_notes else np.int64
        classes = np.empty((n_streams, 0)) if classes is None else classes[:, None]
        zeros = np.zeros((1, n_columns), dtype)
        return NextStepNetwork(module, n_streams, zeros, classes)

    def _check_stream(self, X, name):
        X = self._check_X(X, name)
        return X if self._codec is None else self._codec.encode(X)

    def _make_response(self, method):
        responses = {
            "predict_proba": lambda p: p,
            "predict": self._choose_most_probable,
        }
        respond = check_stream_method(method, responses)
        return lambda outputs: respond(self._to_probabilities(outputs.numpy()))

    # Samples --------------------------------------------------------------------------

    @neutral_torch_state()
    def _sample(self, n_samples, y, prompt, options, random_state):
        """Return samples, and the log-likelihood of what was drawn of each."""
        self._check_fitted()
        codes = self._encode_y(self._spread_classes(y, n_samples))
        prefix = self._encode_prompt(prompt)
        seed = draw_seed(make_random_state(random_state))
        module = make_batch_invariant(self.module_)
        decoder = ModelDecoder(module, self._has_classes, self._reads_notes)
        parts = []
        with (
            torch.inference_mode(),
            threads_for(module),
            constant_weights(),
            Progress(n_samples, "sample", shows=self.verbose > 0) as progress,
        ):
            for start in range(0, n_samples, _MOST_ROWS):
                rows = range(start, min(start + _MOST_ROWS, n_samples))
                first = decoder.start(prefix, codes[rows.start : rows.stop])
                n_draws = first[0].shape[1] if self._reads_notes else 1
                uniforms = Uniforms(seed, rows, n_draws)
                watched = WatchedDecoder(decoder, progress, len(rows))
                parts.append(self._draw(watched, first, uniforms, **options))
                watched.finish()
        samples = [sample for part, _ in parts for sample in part]
        log_likelihood = np.concatenate([total for _, total in parts])
        return self._decode(samples, prompt, prefix), log_likelihood

    def _draw(
        self, decoder, first, uniforms, *, max_length, temperature, top_k, top_p, stop
    ):
        if self._reads_notes:
            if not (top_k is top_p is stop is None):
                raise ValueError("top_k, top_p and stop are for tokens, not for notes.")
            return draw_sets(decoder, first, max_length, temperature, uniforms)
        forbidden = [UNKNOWN] if self._ends else [UNKNOWN, BOUNDARY]
        settings = Settings(temperature, top_k, top_p, np.array(forbidden))
        end = BOUNDARY if self._ends else None
        options = {"end": end, "stops": self._make_stops(stop)}
        return draw(decoder, first, max_length, settings, uniforms, **options)

    def _make_stops(self, stop):
        """Return a function that finds a stop string among the last tokens."""
        if stop is None:
            return None
        strings = [stop] if isinstance(stop, str) else list(stop)
        valid = all(isinstance(text, str) and text for text in strings)
        if not strings or not valid or not self._reads_texts:
            raise ValueError(
                "stop must be a string, or a list of strings, none of them empty, for "
                f"a generator of texts. Got {stop!r} instead."
            )
        # a token has at least one character, or one byte of four
        n_last = 4 * max(map(len, strings))

        def stops(tokens):
            (text,) = self._codec.decode([tokens[-n_last:]])
            return any(text.find(string) >= 0 for string in strings)

        return stops

    def _spread_classes(self, y, n_samples):
        if y is not None and np.ndim(y) == 0:
            y = np.full(n_samples, y)
        return self._check_y(y, np.empty(n_samples))

    def _encode_prompt(self, prompt):
        """Return the tokens or notes of the prompt, (n_steps, n_columns)."""
        if prompt is None:
            n_notes = self.module_.head.out_features
            return np.zeros((0, n_notes if self._reads_notes else 1), np.int64)
        if isinstance(prompt, str) != self._reads_texts:
            raise TypeError(
                "prompt must be like an element of X in fit, "
                f"{'a string' if self._reads_texts else 'not a string'}. Got "
                f"{type(prompt).__name__} instead."
            )
        X = self._check_X([prompt], "prompt")
        if self._codec is None:
            return X.values
        tokens = self._codec.encode(X).values
        self._warn_of_unknown(tokens, prompt)
        return tokens

    def _warn_of_unknown(self, tokens, prompt):
        n_unknown = int((tokens == UNKNOWN).sum())
        if n_unknown > 0:
            names = ""
            if self._reads_texts and self.level == "char":
                names = f", {sorted(set(prompt) - set(self.tokens_[FIRST:]))}"
            warnings.warn(
                f"{n_unknown} of {len(tokens)} tokens of the prompt are unknown from "
                f"fit{names}, and carry no information.",
                UserWarning,
                stacklevel=4,
            )

    def _decode(self, samples, prompt, prefix):
        if self._codec is None:
            sequences = [np.concatenate([prefix, sample]) for sample in samples]
            return RaggedArray.from_sequences(sequences)
        if prompt is None:
            return self._codec.decode(samples)
        if not self._reads_texts:
            prompt = np.asarray(prompt).ravel()
        return self._codec.decode(samples, prompt)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "generator"
        tags.target_tags.required = False
        return tags


def _run_to_log_likelihood(module, x, lengths):
    """Return the log-likelihood of each step; the last columns of x are its targets."""
    n_targets = module.head.out_features if x.is_floating_point() else 1
    x, target = x[..., :-n_targets], flatten_steps(x[..., -n_targets:], lengths)
    states = module.project(flatten_steps(*module.hidden_states(x, lengths)))
    if x.is_floating_point():
        return nn.note_log_likelihood(states, module.head, target)[:, None]
    return nn.token_log_likelihood(states, module.head, target[:, 0])[:, None]


def _run_to_last_logits(module, x, lengths):
    states, lengths = module.hidden_states(x, lengths)
    return module.read_out(nn.gather_last(states, lengths))


def _refuse_fractions(values):
    """Refuse measurements, which are neither ids nor notes."""
    if (
        values.dtype.kind == "f"
        and (values != np.floor(values))[np.isfinite(values)].any()
    ):
        raise ValueError(
            "X has numbers with fractions, but RNNGenerator generates texts, token ids "
            "or notes. To continue series of numbers there is RNNForecaster."
        )
