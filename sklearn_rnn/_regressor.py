"""RNNRegressor: one or several numbers per sequence."""

from numbers import Real

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._conformal import find_rank
from sklearn_rnn._defaults import is_auto
from sklearn_rnn._parameters import check_quantile, constraints_of
from sklearn_rnn._random_kernels import fit_number_branch
from sklearn_rnn._sequence_base import SequenceRNN
from sklearn_rnn._sequences import read_targets
from sklearn_rnn._targets import NumberTargets, score_quantiles
from sklearn_rnn._training_data import average_parts, list_targets
from sklearn_rnn.nn import make_regression_loss
from sklearn_rnn.utils import fit_context


class RNNRegressor(RegressorMixin, SequenceRNN):
    """Recurrent neural network that gives each sequence one or several numbers.

    For sequences of equal or different length, of numbers or of tokens.

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
        Number of random convolution kernels, for X of numbers alone and
        ``loss="squared_error"``. A ridge regression on their pooled outputs, the mean
        and the last 24 steps is fitted, too; a prediction is the mean of both, in which
        the network has `network_share_`: a third, but from 1,000 samples on, with
        ``early_stopping="auto"``, what suits `validation_fraction` of them, on which
        the network is tried and not trained. This share and the penalty are chosen on
        blocks of samples that follow each other: leave the windows of a series in their
        order.
        "auto" is 1000, but None for other losses, for more than 10,000 sequences, with
        ``conv_channels=None``, and if `partial_fit` comes first. None: the network
        alone. A warm start and `partial_fit` keep the regression of the first `fit`.
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
        Dropout probability. "auto" is 0.5 if X holds tokens or categories, otherwise 0.
        Dropout is applied to the outputs of each recurrent layer except the last, and
        to the input of the final linear layer; it is therefore also active with a
        single recurrent layer. The vectors of tokens that occur fewer than 100 times on
        average are dropped out, too. Recurrent connections are never dropped.
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson", \
            "gaussian"}, default="squared_error"
        Loss function. It determines which statistic of y is predicted.

        - "squared_error": mean.
        - "absolute_error": median; less sensitive to outliers.
        - "huber": squared error up to one standard deviation of y, absolute error
          above.
        - "quantile": quantile at the level `quantile`, or several.
        - "poisson": mean of counts, y >= 0, with a log link.
        - "gaussian": mean and standard deviation of a normal distribution;
          ``predict(X, return_std=True)`` returns both.
    quantile : float or sequence of float, default=0.5
        Quantile level for ``loss="quantile"``; ignored otherwise. Several levels in
        increasing order, as in ``(0.1, 0.5, 0.9)``, are learned together and never
        cross; they are the last axis of the predictions.
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
        mini-batches need for numbers, at least 20 and at most 100. For tokens and
        categories it is as many as 4,000 need, at least 10 and at most 100; if they
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
    network_share_ : float
        Share of the network in a prediction, beside the regression on random kernels.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    n_outputs_ : int
        Number of targets.
    conv_channels_ : int, sequence of int or None
        Value of `conv_channels`, or the one chosen for "auto".
    random_kernels_ : int or None
        Value of `random_kernels`, or the one chosen for "auto".
    dropout_ : float
        Value of `dropout`, or the one chosen for "auto".
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    n_iter_ : int
        Number of epochs trained, including those of earlier fits with a warm start.
    early_stopping_ : bool
        Whether a validation score could stop the training.
    loss_curve_ : list of float
        Mean training loss of each epoch, computed on standardised targets except with
        ``loss="poisson"``.
    validation_scores_ : list of float or None
        :math:`R^2` (:math:`D^2` for the losses "absolute_error" and "quantile"), or the
        score `scoring`, on the validation set after each epoch; None without one.
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
    RNNClassifier : Classes instead of numbers.

    Notes
    -----
    Steps are standardised inside the network, feature by feature, with the mean and
    standard deviation of all training steps: the scale of X does not matter. Nor does
    that of y, which is standardised too (but for ``loss="poisson"``). Weights start
    orthogonal in the recurrence, with the forget gate of an LSTM open; see
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
    >>> from sklearn_rnn import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 10, 2))
    >>> y = 1000 + 50 * X[:, :, 0].mean(axis=1)
    >>> regressor = RNNRegressor(max_epochs=30, random_state=0).fit(X, y)
    >>> regressor.predict(X[:3]).shape
    (3,)
    >>> regressor.score(X, y) > 0.9
    True
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
        categorical_features="from_dtype",
        embedding_dim="auto",
        dropout="auto",
        loss="squared_error",
        quantile=0.5,
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
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.loss = loss
        self.quantile = quantile
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
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = constraints_of(__init__)
    _kinds_of_targets = (NumberTargets,)

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some samples, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X and y and the known token ids.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target of each sequence.
        sample_weight : array-like of shape (n_samples,), default=None
            Per-sample weights.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X, return_std=False):
        """Predict the target of each sequence.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        return_std : bool, default=False
            Whether to return the predicted standard deviation too; needs
            ``loss="gaussian"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, float64, as exact as float32 allows. If `quantile` has several
            levels, they are a further axis, the last.
        std : ndarray of the same shape
            Only with ``return_std=True``.

        Raises
        ------
        ValueError
            If `return_std` is asked of another loss.
        """
        if return_std and self.loss != "gaussian":
            raise ValueError(
                f"return_std=True needs loss='gaussian'. Got loss={self.loss!r}."
            )
        links = ("predict", "predict_std") if return_std else ("predict",)
        y, *std = self._link(self._validate_for_predict(X), *links)
        y = self._targets.decode(y)
        return (y, self._targets.decode_std(std[0])) if return_std else y

    def calibrate(self, X, y):
        """Measure the errors on held-out samples, for `predict_interval`.

        Parameters
        ----------
        X : like X in `fit`
            Sequences that had no part in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.

        Returns
        -------
        self : object
            The estimator with the errors, until the next `fit`.

        Raises
        ------
        ValueError
            If y does not have the form of y in `fit`.
        """
        check_is_fitted(self, "net_")
        y = self._targets.read(read_targets(y, "y"))
        lower, upper, unit = self._predict_band(X)
        if y.shape != lower.shape:
            raise ValueError(
                f"y must have shape {lower.shape}, as predictions of X. Got "
                f"{y.shape} instead."
            )
        errors = np.maximum(lower - y, y - upper) / unit
        self._calibration_errors = np.sort(errors.reshape(len(y), -1), axis=0)
        return self

    def predict_interval(self, X, coverage=0.9):
        """Predict an interval for each target, from the errors that `calibrate` found.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        coverage : float, default=0.9
            Probability that a target is inside.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Limits, float64.

        Raises
        ------
        ValueError
            If `calibrate` was not called since `fit`, or had too few samples.

        Notes
        -----
        Split conformal prediction [1]_: at least `coverage` of new samples are inside,
        on average over calibration sets, if they come from where those came from. The
        interval is as wide for all samples, but not with ``loss="gaussian"``, where
        it is in units of the predicted standard deviation, and with several
        quantiles, where the lowest and the highest are moved apart or together [2]_.

        References
        ----------
        .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman,
           "Distribution-free predictive inference for regression", JASA 2018.
        .. [2] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile
           regression", NeurIPS 2019.
        """
        check_is_fitted(self, "net_")
        errors = getattr(self, "_calibration_errors", None)
        if errors is None:
            raise ValueError(
                "predict_interval needs errors on held-out samples: call "
                "calibrate(X_held_out, y_held_out) after fit."
            )
        advice = f"held-out samples. calibrate got {len(errors)}."
        width = errors[find_rank(coverage, len(errors), advice) - 1]
        lower, upper, unit = self._predict_band(X)
        if lower.ndim == 1:
            width = width[0]
        middle = (lower + upper) / 2
        # quantiles that are moved together must not cross
        lower = np.minimum(lower - width * unit, middle)
        upper = np.maximum(upper + width * unit, middle)
        return np.maximum(lower, 0) if self.loss == "poisson" else lower, upper

    def _predict_band(self, X):
        """Return lower and upper predictions, and the unit of their errors."""
        if self.loss == "gaussian":
            mean, std = self.predict(X, return_std=True)
            return mean, mean, std
        y = self.predict(X)
        if self.loss != "quantile" or isinstance(self.quantile, Real):
            return y, y, np.ones_like(y)
        return y[..., 0], y[..., -1], np.ones_like(y[..., 0])

    def _set_fitted_attributes(self, net, monitor):
        super()._set_fitted_attributes(net, monitor)
        vars(self).pop("_calibration_errors", None)  # of other weights

    def score(self, X, y, sample_weight=None):
        """Return :math:`R^2`, or with several quantiles their mean :math:`D^2`.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Per-sample weights.

        Returns
        -------
        score : float
            :func:`sklearn.metrics.r2_score`. With several quantiles, the mean of
            :func:`sklearn.metrics.d2_pinball_score` over the levels.
        """
        if self.loss != "quantile" or isinstance(self.quantile, Real):
            return super().score(X, y, sample_weight)
        return score_quantiles(y, self.predict(X), self.quantile, sample_weight)

    def _check_y(self, y, X, sample_weight, name="y"):
        y, weight = super()._check_y(y, X, sample_weight, name)
        if self.loss == "poisson" and np.asarray(y).shape[1:] == (1,):
            y = column_or_1d(y, warn=True)  # as the tag multi_output demands
        return y, weight

    def _resolve_random_kernels(self, n_samples, embeds, in_parts):
        suits, n_kernels = self._suits_random_kernels(), self.random_kernels
        if not suits and n_kernels is not None and not is_auto(n_kernels):
            raise ValueError(
                "random_kernels needs loss='squared_error', by which the regression on "
                f"them is fitted. Got loss={self.loss!r} and "
                f"random_kernels={n_kernels!r}."
            )
        return super()._resolve_random_kernels(n_samples, embeds, in_parts)

    def _suits_random_kernels(self):
        return self.loss == "squared_error"

    def _fit_random_branch(self, module, train, generator):
        fit_number_branch(module, train, generator)

    def _make_targets(self, y):
        check_quantile(self)
        return NumberTargets(type(self).__name__, self.loss, self.quantile)

    def _make_loss(self):
        return make_regression_loss(self.loss, self.quantile)

    def _initialize_head(self, module, train):
        if self.loss == "poisson":  # start at the mean count, however large
            mean = average_parts(list_targets(train))
            with torch.no_grad():
                module.head.bias.copy_(torch.from_numpy(np.log(mean + 1e-6)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # scikit-learn's check of several targets has negative ones, whatever the tags
        tags.target_tags.multi_output = self.loss != "poisson"
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
