"""RNNClassifier: one label, or one set of labels, per sequence."""

from sklearn.base import ClassifierMixin

from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._block_data import join_data
from sklearn_rnn._building import make_ngram_branch
from sklearn_rnn._defaults import resolve, suggest_ngrams
from sklearn_rnn._ngrams import fit_ngram_branch
from sklearn_rnn._parameters import constraints_of
from sklearn_rnn._random_kernels import fit_class_branch
from sklearn_rnn._sequence_base import SequenceRNN
from sklearn_rnn._targets import ClassTargets, LabelTargets, make_label_targets
from sklearn_rnn.nn import BinaryCrossEntropy, CrossEntropy
from sklearn_rnn.utils import (
    check_partial_fit_first_call,
    fit_context,
)


class RNNClassifier(ClassifierMixin, SequenceRNN):
    """Recurrent neural network that gives each sequence a class.

    For sequences of equal or different length, of numbers or of tokens; with a matrix
    of 0 and 1 as y, for several labels at once (multilabel).

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
    pooling : {"last", "mean", "max", "meanmax", "attention"}, default="meanmax"
        Method to combine the states of all steps into one vector per sequence.

        - "last": state after the last step of each sequence (backward direction: after
          the first step). Suits targets that depend on the end of the sequence.
        - "mean", "max": mean or maximum of each unit over the steps. Suits evidence
          that is spread over the sequence, or located anywhere in it.
        - "meanmax": mean and maximum, concatenated.
        - "attention": weighted mean with learned weights.
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
    conv_pooling : bool, default=False
        Whether the mean and the maximum of the last convolution's outputs over the
        steps join the pooled states of the recurrent layers, as in LSTM-FCN. Suits
        shapes that may be anywhere in long sequences.
    random_kernels : int, "auto" or None, default="auto"
        Number of random convolution kernels, for X of numbers alone. A ridge regression
        on their pooled outputs, as in MiniRocket, the mean and the last step is fitted,
        too; the logits of a prediction are the mean of both, in which the network has
        `network_share_`: a third, but from 1,000 samples on, with
        ``early_stopping="auto"``, what suits `validation_fraction` of them, on which
        the network is tried and not trained: whole groups, or blocks of samples of a
        class that follow each other, as windows of a recording do. Suits shapes. "auto"
        is 1000, but None for more than 10,000 sequences, with ``conv_channels=None``,
        and if `partial_fit` comes first. None: the network alone. A warm start and
        `partial_fit` keep the regression and the share of the first `fit`.
    ngrams : int, "auto" or None, default="auto"
        Number of tokens of the longest n-grams, for X of token ids, one a step. A
        logistic regression on all n-grams up to this length that are in two sequences
        or more, weighted by their inverse document frequency, is fitted, too; the
        logits of a prediction are the mean of both. An n-gram can begin before the
        first token or end after the last one. "auto" is 4 for characters and 2 for
        tokens that occur fewer than 100 times on average, such as words, but None with
        ``bidirectional=False``, as streams need it, for more than 10 million tokens,
        and if `partial_fit` comes first. None: the network alone. A warm start and
        `partial_fit` keep the regression of the first `fit`.
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
    dropout : float or "auto", default="auto"
        Dropout probability. "auto" is 0.5 if X holds tokens or categories; with
        `random_kernels`, 0.5 for fewer than 1,000 training samples and 0.2 for more;
        otherwise 0. Dropout is applied to the outputs of each recurrent layer except
        the last, and to the input of the final linear layer; it is therefore also
        active with a single recurrent layer. The vectors of tokens that occur fewer
        than 100 times on average are dropped out, too. Recurrent connections are never
        dropped.
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
    max_epochs : int or "auto", default="auto"
        Maximum number of passes over the training data. "auto" is as many as 10,000
        mini-batches need for numbers, at least 20 and at most 100; with
        `random_kernels`, as many as 3,000 need, at least 20 and at most 50. For tokens
        and categories it is as many as 4,000 need, at least 10 and at most 100; if they
        occur fewer than 100 times on average, as words do, it is as many as 500 need,
        at least 3.
    tol : float, default=1e-4
        Tolerance of the stopping criterion. The training loss or the validation score
        must improve by more than this absolute amount to count as an improvement.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops. The validation
        score is monitored with ``early_stopping=True``, otherwise the training loss.
        The training loss never stops the "onecycle" and "cosine" schedules, which need
        `max_epochs` to complete.
    early_stopping : bool or "auto", default="auto"
        Whether to stop training when the validation score no longer improves, and to
        restore the weights of the best epoch. The validation set is `X_val` if passed
        to `fit`, otherwise `validation_fraction` of the training samples. "auto" is
        True for more than 10,000 sequences that take less than 100 MB: training then
        has a copy of its part.
    scoring : str, callable or None, default=None
        Score of the validation set.

        - None: the one of `score`, or what suits the `loss`, see `validation_scores_`.
        - "loss": the training loss, with its sign changed.
        - another str: a scorer of scikit-learn, such as "balanced_accuracy", "f1_macro"
          or "neg_mean_absolute_error", see
          :func:`sklearn.metrics.get_scorer_names`.
        - a callable: ``scoring(estimator, X, y)`` returns a number, higher is better. X
          is encoded, for the methods of `estimator` alone.
    validation_fraction : float, default=0.1
        Fraction of the training samples held out as validation set with
        ``early_stopping=True``. If `groups` are passed to `fit`, it is a fraction of
        the groups. Without groups, the split is stratified by class if each class has
        enough samples.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, ``{label: weight}``. "balanced" uses weights inversely
        proportional to the class frequencies; None weights all classes equally. Class
        weights are multiplied with `sample_weight`.
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
        Class labels; if y is multilabel, the indices of its columns.
    network_share_ : float
        Share of the network in a prediction, beside the regression on random kernels or
        n-grams.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    n_outputs_ : int
        Number of targets: the number of labels if y is multilabel, otherwise 1.
    conv_channels_ : int, sequence of int or None
        Value of `conv_channels`, or the one chosen for "auto".
    random_kernels_ : int or None
        Value of `random_kernels`, or the one chosen for "auto".
    ngrams_ : int or None
        Value of `ngrams`, or the one chosen for "auto".
    dropout_ : float
        Value of `dropout`, or the one chosen for "auto".
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    n_iter_ : int
        Number of epochs trained, including those of earlier fits with a warm start.
    early_stopping_ : bool
        Whether a validation score could stop the training.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float or None
        Accuracy, or the score `scoring`, on the validation set after each epoch; None
        without one.
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
    RNNRegressor : Numbers instead of classes.

    Notes
    -----
    Steps are standardised inside the network, feature by feature, with the mean and
    standard deviation of all training steps: the scale of X does not matter. Weights
    start orthogonal in the recurrence, with the forget gate of an LSTM open; see
    :func:`~sklearn_rnn.nn.initialize`. Training is by backpropagation through all
    steps of each sequence [1]_, in float32.

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

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(5, 15), 2)) for _ in range(60)]
    >>> y = ["up" if x[:, 0].sum() > 0 else "down" for x in X]
    >>> classifier = RNNClassifier(max_epochs=30, random_state=0).fit(X, y)
    >>> classifier.classes_
    array(['down', 'up'], dtype='<U4')
    >>> classifier.predict_proba(X).shape
    (60, 2)
    """

    def __init__(
        self,
        *,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        pooling="meanmax",
        conv_channels="auto",
        conv_kernel_size=9,
        conv_stride=2,
        conv_pooling=False,
        random_kernels="auto",
        ngrams="auto",
        categorical_features="from_dtype",
        embedding_dim="auto",
        dropout="auto",
        optimizer="adam",
        learning_rate=0.01,
        learning_rate_schedule="onecycle",
        weight_averaging=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=32,
        max_epochs="auto",
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping="auto",
        scoring=None,
        validation_fraction=0.1,
        class_weight=None,
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
        self.pooling = pooling
        self.conv_channels = conv_channels
        self.conv_kernel_size = conv_kernel_size
        self.conv_stride = conv_stride
        self.conv_pooling = conv_pooling
        self.random_kernels = random_kernels
        self.ngrams = ngrams
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
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
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = constraints_of(__init__)
    _kinds_of_targets = (ClassTargets, LabelTargets)

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some samples, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X and the known token ids.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target of each sequence.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come, in the first call; optional afterwards.
            Multilabel y needs none.
        sample_weight : array-like of shape (n_samples,), default=None
            Per-sample weights.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        if not hasattr(self, "net_"):
            options = {"in_parts": True, "announced": classes}
            return self._partial_fit(X, y, sample_weight, **options)
        if classes is not None:
            check_partial_fit_first_call(self, classes)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the class of each sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Labels; of multilabel y, a matrix of 0 and 1.
        """
        probability = self.predict_proba(X)
        return self._targets.decode(probability)

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Each row sums to 1, but not of
            multilabel y, where a column is the probability of its label.
        """
        return self._link(self._validate_for_predict(X), "predict")[0]

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._link(self._validate_for_predict(X), "predict_log")[0]

    def _resolve_parameters(self, train, in_parts=False):
        super()._resolve_parameters(train, in_parts)
        if not hasattr(self, "net_") or not (in_parts or self.warm_start):
            self._resolve_ngrams(train, in_parts)

    def _resolve_ngrams(self, train, in_parts):
        suggested = None
        suits = self._reads_tokens and train.n_features == 1 and not in_parts
        if suits and self.bidirectional:  # one direction is for streams
            suggested = suggest_ngrams(self._has_rare_values(), train.n_steps)
        self.ngrams_ = resolve(self, "ngrams", suggested)
        if in_parts and self.ngrams_ is not None:
            raise ValueError(
                "partial_fit does not support ngrams, which are fitted to all samples "
                f"at once. Got ngrams={self.ngrams!r}."
            )

    def _make_module(self, train):
        module = super()._make_module(train)
        if module.ngram_branch is not None:
            fit_ngram_branch(module, train)
        return module

    def _learn_held_out(self, train, held_out):
        branch = self.module_.ngram_branch
        if branch is not None:
            device = branch.bias.device
            fit_ngram_branch(self.module_, join_data([train, held_out]))
            branch.to(device)

    def _make_model(self, inputs, stem, encoder, n_outputs):
        model = super()._make_model(inputs, stem, encoder, n_outputs)
        if self.ngrams_ is not None:
            model.ngram_branch = make_ngram_branch(self, inputs, n_outputs)
        return model

    def _fit_random_branch(self, module, train, generator):
        fit_class_branch(module, train, self._loss, generator)

    def _make_targets(self, y, **options):
        return make_label_targets(y, type(self).__name__, self.class_weight, **options)

    def _make_loss(self):
        multilabel = isinstance(self._targets, LabelTargets)
        return BinaryCrossEntropy() if multilabel else CrossEntropy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
