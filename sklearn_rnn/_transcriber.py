"""RNNTranscriber: a text per sequence, without an alignment (CTC)."""

import math

import numpy as np
from scipy.special import log_softmax

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._base import BaseRNN
from sklearn_rnn._building import check_sizes, list_one_per_layer
from sklearn_rnn._ctc import (
    compute_log_likelihood,
    decode_greedily,
    find_best_alignment,
    search_beam,
)
from sklearn_rnn._defaults import resolve, suggest_conv_channels
from sklearn_rnn._inference import apply_to_frames, make_batch_invariant
from sklearn_rnn._parameters import constraints_of
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._targets import TextTargets, split_texts
from sklearn_rnn._training import TextDataset
from sklearn_rnn._training_data import check_weights
from sklearn_rnn.metrics import character_error_rate
from sklearn_rnn.nn import CTC, threads_for
from sklearn_rnn.utils import Progress, fit_context, neutral_torch_state


class RNNTranscriber(BaseRNN):
    """Recurrent neural network that writes a text for each sequence, in its order.

    For spoken words, handwriting, Morse code or the phonemes of a spelled word: y is
    shorter than X, follows its order, and nobody has marked which steps belong to which
    character. The network learns this itself, by connectionist temporal classification
    (CTC). If each step has a label, use :class:`RNNTagger`.

    Parameters
    ----------
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
    hidden_size : int or sequence of int, default=64
        Number of units per direction in each recurrent layer. A sequence sets the size
        of each layer: ``(128, 64)`` stacks a layer of 64 units on a layer of 128.
    num_layers : int, default=1
        Number of stacked recurrent layers if `hidden_size` is an int. If `hidden_size`
        is a sequence, its length is the number of layers.
    bidirectional : bool, default=True
        Whether each recurrent layer also reads the sequences backwards, each from its
        own last step to its first.
    conv_channels : int, sequence of int, "auto" or None, default="auto"
        Number of output channels of each convolution over time before the recurrent
        layers. A sequence stacks one convolution per entry; None disables convolutions.
        "auto" is None if X holds tokens or categories, otherwise ``(64, 64)``.
        Convolutions detect short local patterns, as in motion or audio, and a
        `conv_stride` above 1 shortens the sequences for the recurrent layers. Without
        them, every input step has its own hidden state.
    conv_kernel_size : int or sequence of (int or sequence of int), default=9
        Kernel size of the convolutions, in steps. A sequence has an entry for each one
        of `conv_channels`; several sizes in an entry are convolutions side by side,
        which share its channels: ``((9, 19, 39), 9)`` for shapes of several widths.
    conv_stride : int or sequence of int, default=2
        Stride of the convolutions, in steps; a sequence has an entry for each one of
        `conv_channels`. With a stride of 2, a convolution halves the number of steps.
    categorical_features : "from_dtype", array-like of int or str, or None, \
            default="from_dtype"
        Columns of X that hold categories. Each gets an embedding; the other columns are
        numbers. Categories not seen in `fit` share one
        vector; so do those in only one sequence, if there is one prediction a sequence.

        - "from_dtype": columns with a categorical dtype, if X is a list of DataFrames.
        - array-like: names of columns if X is a list of DataFrames or a RaggedArray
          with names, positions, or a boolean mask. Categories in arrays are numbers.
        - None: no column holds categories.
    embedding_dim : int, sequence of int, "auto" or None, default="auto"
        Size of the embedding of tokens or categories. A sequence sets the size of each
        embedded column.

        - an int: if no column holds categories, X holds token ids, one non-negative
          integer per step. Each id is mapped to a learned vector of this size. Ids not
          seen in `fit` share one; so do those in only one sequence, if there is one
          prediction a sequence.
        - "auto": 32 if X was returned by
          :class:`~sklearn_rnn.preprocessing.SequenceTokenizer`. For several columns, at
          most 32, and less for few categories; 64 for the characters of a word, which
          are one feature. Otherwise X is numeric.
        - None: X holds numeric features.
    dropout : float, default=0.0
        Dropout probability. Dropout is applied to the outputs of each recurrent layer
        except the last, and to the input of the final linear layer; it is therefore
        also active with a single recurrent layer. Recurrent connections are never
        dropped.
    target_level : {"char", "word"}, default="char"
        Unit of the tokens that strings in y are split into. Words are separated by
        white space.
    upsample : int, default=1
        Number of frames per hidden state. Each frame has a token or the blank, so texts
        with more tokens than X has steps need more than 1.
    beam_size : int, default=1
        Number of texts that `predict` keeps after each frame. 1 merges the best tokens
        of all frames. A larger beam sums over the alignments of each text, which is
        slower and helps if the network is uncertain.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or type, default="adam"
        Optimizer of the weights. "sgd" uses a momentum of 0.9. A class must be a
        subclass of :class:`torch.optim.Optimizer`; it is called with
        ``lr=learning_rate``.
    learning_rate : float, default=0.01
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
        Maximum mini-batch size. Each epoch is split into mini-batches of nearly equal
        size.
    max_epochs : int, default=100
        Maximum number of passes over the training data.
    tol : float, default=1e-4
        Tolerance of the stopping criterion. The training loss or the validation score
        must improve by more than this absolute amount to count as an improvement.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops. The validation
        score is monitored with ``early_stopping=True``, otherwise the training loss.
        The training loss never stops the "onecycle" and "cosine" schedules, which need
        `max_epochs` to complete.
    early_stopping : bool, default=False
        Whether to stop training when the likelihood of the validation texts no longer
        improves, and to restore the weights of the best epoch. The validation set is
        `X_val` if passed to `fit`, otherwise `validation_fraction` of the training
        samples.
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
    classes_ : ndarray of shape (n_tokens,)
        Characters, words or other tokens of y, in order. The blank is not among them.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    conv_channels_ : int, sequence of int or None
        Value of `conv_channels`, or the one chosen for "auto".
    dropout_ : float
        Value of `dropout`, or the one chosen for "auto".
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    n_iter_ : int
        Number of epochs trained, including those of earlier fits with a warm start.
    early_stopping_ : bool
        Whether a validation score could stop the training.
    loss_curve_ : list of float
        Mean negative log-likelihood of a training text in each epoch.
    validation_scores_ : list of float or None
        Mean log-likelihood of a validation text after each epoch; None without a
        validation set.
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
    RNNTagger : A label for each step.
    sklearn_rnn.preprocessing.AudioFeatures : Spectra of recordings, as X.
    sklearn_rnn.metrics.character_error_rate : The error that `score` counts.

    Notes
    -----
    At each *frame*, a hidden state of the network, the network predicts a token or the
    blank. The text is what is left after repeated tokens are merged and blanks are
    dropped: "aa-ab" is "aab". The likelihood of a text is the sum over all frames that
    lead to it [4]_:

    .. math::

        p(y \\mid x) = \\sum_{\\pi \\to y} \\prod_t p(\\pi_t \\mid x)

    A text needs one frame for each token, and one more between equal neighbours. `fit`
    raises an error if a sequence has too few: a smaller `conv_stride` or a larger
    `upsample` leaves more.

    The network first learns to predict blanks only. The training loss then hardly
    falls, and all predictions are empty, until the first tokens are found; short texts
    are learned sooner. Early stopping therefore watches the likelihood.

    A prediction depends on its own sequence alone: not on the order, on the other
    sequences of a batch, on the batch size, or on padding.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016,
       chapter 10.
    .. [2] L. Smith, N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", arXiv:1708.07120.
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
       neural networks", ICML 2013.
    .. [4] A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural
       networks", ICML 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTranscriber
    >>> rng = np.random.default_rng(0)
    >>> texts = ["".join(rng.choice(list("abc"), 4)) for _ in range(200)]
    >>> X = [np.repeat([np.eye(3)["abc".index(c)] for c in t], 3, 0) for t in texts]
    >>> transcriber = RNNTranscriber(
    ...     conv_channels=None, hidden_size=16, max_epochs=20, random_state=0
    ... )
    >>> transcriber.fit(X, texts).predict(X[:2]).tolist() == texts[:2]
    True
    """  # noqa: D301

    def __init__(
        self,
        *,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        conv_channels="auto",
        conv_kernel_size=9,
        conv_stride=2,
        categorical_features="from_dtype",
        embedding_dim="auto",
        dropout=0.0,
        target_level="char",
        upsample=1,
        beam_size=1,
        optimizer="adam",
        learning_rate=0.01,
        learning_rate_schedule="onecycle",
        weight_averaging=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=32,
        max_epochs=100,
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
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.conv_channels = conv_channels
        self.conv_kernel_size = conv_kernel_size
        self.conv_stride = conv_stride
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.target_level = target_level
        self.upsample = upsample
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

    _parameter_constraints: dict = constraints_of(__init__)
    _kinds_of_targets = (TextTargets,)

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
        """Train the network on sequences and their texts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.
        y : array-like of shape (n_samples,) of str, or of sequences of int or str
            The text of each sequence, which may be empty. Sequences of tokens, such as
            phonemes, are not split; `predict` then returns sequences of tokens.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence. A weight of 2 counts as two samples.
        X_val : like X, default=None
            Sequences to compute `validation_scores_` on after each epoch. With
            ``early_stopping=True`` they take the place of a part of X.
        y_val : like y, default=None
            Targets of `X_val`.
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
            If a parameter or the data is invalid, a sequence has too few frames for its
            text, or the training loss becomes NaN or infinite.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val, groups)

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some samples, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X, the known token ids and the tokens of y.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            The text of each sequence; its tokens are among those of the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence. A weight of 2 counts as two samples.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the text of each sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        y : ndarray of shape (n_samples,) of str or ndarray of shape (n_tokens_i,)
            An object array. Texts, or sequences of tokens if y in `fit` had these.
        """
        self._validate_params()  # some of them may have changed since fit
        X = self._validate_for_predict(X)
        if self.beam_size == 1:
            texts = [decode_greedily(scores) for scores in self._score_frames(X)]
        else:
            texts = self._search(X)
        return self._targets.decode(texts)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each token at each frame.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        log_probability : RaggedArray, of ndarray of shape (n_frames_i, 1 + n_tokens)
            Column 0 is the blank, the others are in the order of `classes_`. There are
            `upsample` frames for each hidden state.
        """
        return self._compute_log_probability(self._validate_for_predict(X))

    def align(self, X, y):
        """Find the steps of each token of given texts.

        The most probable alignment of each text [1]_. CTC predicts most tokens at one
        or a few frames and blanks between them, so spans mark where a token is
        recognised rather than how long it lasts.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            Texts.

        Returns
        -------
        spans : ndarray of shape (n_samples,) of ndarray of shape (n_tokens_i, 2)
            An object array. First step of each token in X, and the step after its last.

        Raises
        ------
        ValueError
            If a sequence has too few frames for its text, or a token is not in
            `classes_`.

        References
        ----------
        .. [1] A. Viterbi, "Error bounds for convolutional codes and an asymptotically
           optimum decoding algorithm", IEEE Transactions on Information Theory 13,
           1967.
        """
        X = self._validate_for_predict(X)
        y, _ = self._check_y(y, X, None)
        frames, texts = self._compute_log_probability(X), self._targets.encode(y)
        spans = np.empty(len(X), dtype=object)
        for i, tokens in enumerate(_split(texts.values, texts.offsets)):
            found = find_best_alignment(frames[i], tokens)
            spans[i] = self._to_steps(found, X.lengths[i])
        return spans

    def score_samples(self, X, y):
        """Return the log-likelihood of given texts.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            Texts.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            Logarithm of the probability of each text; -inf if a sequence has too few
            frames for it, or a token is not in `classes_`.
        """
        X = self._validate_for_predict(X)
        y, _ = self._read_texts(y, X, None)
        numbers = self._targets.find_numbers(y)
        result = self._sum_alignments(self._score_frames(X), numbers, y.offsets)
        unknown = [(tokens == 0).any() for tokens in _split(numbers, y.offsets)]
        return np.where(unknown, -np.inf, result)

    def score(self, X, y, sample_weight=None):
        """Return 1 minus the character error rate.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            True texts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sequence.

        Returns
        -------
        score : float
            1 without errors, negative if there are more errors than characters. For
            sequences of tokens, 1 minus the token error rate.
        """
        return 1 - character_error_rate(y, self.predict(X), sample_weight=sample_weight)

    # Frames --------------------------------------------------------------------------

    @neutral_torch_state()
    def _score_frames(self, X):
        """Return logits, a RaggedArray."""
        module = make_batch_invariant(self.module_)
        with threads_for(module):
            return apply_to_frames(module, X)

    def _compute_log_probability(self, X):
        return _normalize(self._score_frames(X))

    def _search(self, X):
        """Return the tokens of each sequence, by a beam search."""
        texts = []
        with Progress(len(X), "sequence", shows=self.verbose > 0) as progress:
            for frames in self._compute_log_probability(X):
                texts.append(search_beam(frames, int(self.beam_size)))
                progress.advance(1, len(texts[-1]))
        return texts

    @staticmethod
    def _sum_alignments(scores, numbers, offsets):
        """Return the log-likelihood of each text."""
        pairs = zip(_normalize(scores), _split(numbers, offsets), strict=True)
        return np.array([compute_log_likelihood(*pair) for pair in pairs])

    def _count_frames(self, n_steps):
        """Return the number of frames after stem and upsampling, and convolutions."""
        strides = self._list_strides()
        for stride in strides:
            n_steps = -(-n_steps // stride)
        return n_steps * self.upsample, len(strides)

    def _list_strides(self):
        """Return the stride of each convolution."""
        embeds = self._reads_tokens or self._category_encoder.has_columns
        channels = resolve(self, "conv_channels", suggest_conv_channels(embeds))
        if channels is None:
            return []
        n_layers = len(check_sizes(self, "conv_channels", channels))
        return list_one_per_layer(self, "conv_stride", self.conv_stride, n_layers)

    def _to_steps(self, spans, n_steps):
        """Return steps of X, from frames."""
        step = math.prod(self._list_strides())
        first = spans[:, 0] * step // self.upsample
        end = -(-spans[:, 1] * step // self.upsample)
        return np.column_stack([first, np.minimum(end, n_steps)])

    # Methods that BaseRNN requires ----------------------------------------------------

    def _check_y(self, y, X, sample_weight, name="y"):
        texts, weight = self._read_texts(y, X, sample_weight, name)
        needed = texts.count_fewest_frames()
        frames, n_layers = self._count_frames(X.lengths)
        too_short = (needed > frames) & (weight > 0)
        if too_short.any():
            i = int(too_short.argmax())
            x = f"X{name.removeprefix('y')}[{i}]"
            raise ValueError(
                f"{name}[{i}] needs {needed[i]} steps, {x} leaves {frames[i]}: one for "
                f"each token, and one between equal neighbours. {x} has "
                f"{X.lengths[i]} steps before {n_layers} convolution(s) with "
                f"conv_stride={self.conv_stride}, and upsample={self.upsample}. Use a "
                "smaller 'conv_stride' or a larger 'upsample'."
            )
        return texts, weight

    def _read_texts(self, y, X, sample_weight, name="y"):
        texts = split_texts(y, self.target_level, name)
        if len(texts) != len(X):
            raise ValueError(
                f"X has {len(X)} sequences, but {name} has {len(texts)} texts."
            )
        return texts, check_weights(sample_weight, X)

    def _take(self, y, rows):
        return y[rows]

    def _make_targets(self, y):
        return TextTargets(type(self).__name__)

    def _make_loss(self):
        return CTC()

    def _make_model(self, inputs, stem, encoder, n_outputs):
        options = {"upsample": int(self.upsample), "dropout": self.dropout_}
        return nn.CTCModel(inputs, stem, encoder, n_outputs, **options)

    def _make_dataset(self, train):
        return TextDataset(train.X, train.targets, train.sample_weight)

    def _apply(self, module, X):
        return apply_to_frames(module, X).values

    def _score_module(self, held_out, module):
        y = held_out.targets
        with threads_for(module):
            scores = apply_to_frames(module, held_out.X)
        log_likelihood = self._sum_alignments(scores, y.values, y.offsets)
        return self._targets.score(y, log_likelihood, held_out.sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "transcriber"
        return tags


def _normalize(scores):
    """Return log-probabilities in float64, each sequence by itself."""
    values = np.empty(scores.values.shape)
    for a, b in zip(scores.offsets[:-1], scores.offsets[1:], strict=True):
        values[a:b] = log_softmax(scores.values[a:b].astype(np.float64), axis=1)
    return RaggedArray(values, scores.offsets)


def _split(values, offsets):
    return np.split(values, offsets[1:-1])
