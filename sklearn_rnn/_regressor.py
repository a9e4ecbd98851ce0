"""RNNRegressor: one or several numbers per sequence."""

from numbers import Real

import numpy as np
import torch
from sklearn.base import RegressorMixin

from sklearn_rnn._base import BaseRNN
from sklearn_rnn._sequence_base import SequenceRNN
from sklearn_rnn._targets import NumberTargets
from sklearn_rnn.nn import _losses
from sklearn_rnn.utils._sklearn import Interval, StrOptions, fit_context

_LOSSES = {
    "squared_error": _losses.SquaredError,
    "absolute_error": _losses.AbsoluteError,
    "huber": _losses.Huber,
    "poisson": _losses.Poisson,
    "gaussian": _losses.Gaussian,
}


class RNNRegressor(RegressorMixin, SequenceRNN):
    """Recurrent neural network that gives each sequence one or several numbers.

    For sequences of equal or different length, of numbers or of tokens.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"} or type, default="gru"
        The recurrent layer.

        - "gru": gated recurrent unit, :class:`~sklearn_rnn.nn.GRU`. As good as the
          LSTM on most tasks, with a quarter fewer weights.
        - "lstm": long short-term memory, :class:`~sklearn_rnn.nn.LSTM`.
        - "rnn": Elman's network without gates, :class:`~sklearn_rnn.nn.Elman`. The
          fastest; forgets after tens of steps.
        - a class: ``cell(input_size, hidden_size)`` returns a module with
          ``outputs, state = layer(x, lengths, state=None)`` as the layers of
          :mod:`sklearn_rnn.nn` have it.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of ``cell="rnn"``; the others ignore it.
    hidden_size : int or sequence of int, default=64
        Units of each recurrent layer, in one direction. A sequence has one number for
        each layer: the LSTM(128) and LSTM(64) of Keras are ``(128, 64)``.
    num_layers : int, default=1
        Recurrent layers on top of each other, where `hidden_size` is an int.
    bidirectional : bool, default=True
        Whether each layer also reads from each sequence's own last step to its first.
    pooling : {"last", "mean", "max", "meanmax", "attention"}, default="meanmax"
        How the states of all steps become one vector.

        - "last": the state after each sequence's own last step (of the backward
          direction: after its first). Good when the end decides.
        - "mean", "max": over the steps, unit by unit. Good when evidence is spread
          out, or somewhere.
        - "meanmax": both side by side.
        - "attention": a learned weighted mean.
    conv_channels : int, sequence of int or None, default=(64, 64)
        Output channels of convolutions over time in front of the recurrent layers,
        one number for each; None: no convolution. They find short local shapes, as in
        motion or sound, and shorten what the recurrent layers read. Without them each
        step has a state of its own.
    conv_kernel_size : int, default=9
        Steps that an output of a convolution sees.
    conv_stride : int, default=2
        Steps between two outputs of a convolution. With 2, each convolution halves the
        steps, and the recurrent layers see fewer.
    embedding_dim : int, "auto" or None, default="auto"
        What X holds.

        - an int: token ids, integers from 0 on, one a step, each of which gets a
          learned vector of this size. Ids that `fit` did not see share one vector,
          zero.
        - "auto": 32 for what :class:`~sklearn_rnn.preprocessing.SequenceTokenizer`
          returns, else None.
        - None: numbers.
    dropout : float, default=0.0
        Part of the values zeroed in training: of the outputs of each recurrent layer
        but the last, and of the pooled vector before the last, linear layer. So it
        acts with one recurrent layer too. Never inside the recurrence.
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson", \
            "gaussian"}, default="squared_error"
        What a prediction costs, and so what is predicted.

        - "squared_error": the mean.
        - "absolute_error": the median; outliers weigh less.
        - "huber": squared for errors below one standard deviation of y, absolute
          above.
        - "quantile": the quantile `quantile`.
        - "poisson": the mean of counts, y >= 0, through an exponential.
        - "gaussian": mean and standard deviation of a normal distribution;
          ``predict(X, return_std=True)`` returns both.
    quantile : float, default=0.5
        Which quantile ``loss="quantile"`` predicts.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or type, default="adam"
        What updates the weights: a name ("sgd" has a momentum of 0.9), or a class of
        optimizers as in :mod:`torch.optim`, called with ``lr=learning_rate``.
    learning_rate : float, default=0.01
        Step size; with a schedule, the highest.
    learning_rate_schedule : {"onecycle", "cosine", "plateau"} or None, \
            default="onecycle"
        How the learning rate changes.

        - "onecycle": up from 1/25 to the full rate in the first 30 % of the batches,
          then down to nearly zero [2]_.
        - "cosine": down to zero along a cosine.
        - "plateau": halved after 5 epochs without a lower training loss.
        - None: constant.
    weight_decay : float, default=0.0
        L2 penalty on the weights, not on biases: what the optimizer of torch calls
        ``weight_decay``.
    max_grad_norm : float or None, default=1.0
        Clipping: gradients of all weights together that have a larger norm are scaled
        down to this one [3]_. None: no clipping.
    batch_size : int, default=32
        Samples of an update of the weights, at most; an epoch is cut into batches of
        nearly one size.
    max_epochs : int, default=100
        Passes over the training data, at most.
    tol : float, default=1e-4
        A training loss or validation score must improve by more than this, absolute,
        to count as an improvement.
    n_iter_no_change : int, default=10
        Epochs without improvement after which training stops: of the validation score
        with ``early_stopping=True``, else of the training loss. The "onecycle" and
        "cosine" schedules are planned to their end and do not stop by the training
        loss.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the samples, or to use `X_val`,
        stop when their score no longer improves, and keep the weights of the best
        epoch.
    validation_fraction : float, default=0.1
        Part of the samples (of the groups, where `groups` are given) that
        ``early_stopping=True`` holds out; drawn at random.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the previous `fit`.
    device : str or torch.device, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU of CUDA where
        there is one and the CPU elsewhere.
    callbacks : list of skorch.callbacks.Callback or None, default=None
        Called in the course of training, after the package's own.
    random_state : int, RandomState instance or None, default=None
        Decides first weights, held-out samples, order of samples, and dropout. An int
        makes two fits equal to the last bit on the CPU. The global generators of
        NumPy and torch are never touched.
    verbose : int, default=0
        0: silent. 1: a progress bar with loss, score and time left. 2: a table, a row
        an epoch.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a step; of a 2-D X, number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X is a DataFrame or a list of them and all names
        are strings.
    n_outputs_ : int
        Number of targets.
    n_iter_ : int
        Number of epochs trained, in all fits of a warm start together.
    loss_curve_ : list of float
        Training loss of each epoch, in units of standardised targets.
    validation_scores_ : list of float or None
        :math:`R^2` (:math:`D^2` of an absolute or quantile loss) of the held-out
        samples after each epoch; None without any.
    best_loss_ : float
        Lowest training loss.
    best_validation_score_ : float or None
        Highest validation score.
    history_ : skorch.history.History
        A row an epoch: loss, score, mean gradient norm before clipping, learning
        rate, seconds.
    net_ : skorch.NeuralNet
        The net that was trained.
    module_ : torch.nn.Module
        The network: ``module_(x, lengths)``.

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

    _parameter_constraints: dict = {
        **BaseRNN._parameter_constraints,
        "loss": [StrOptions({*_LOSSES, "quantile"})],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        *,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=64,
        num_layers=1,
        bidirectional=True,
        pooling="meanmax",
        conv_channels=(64, 64),
        conv_kernel_size=9,
        conv_stride=2,
        embedding_dim="auto",
        dropout=0.0,
        loss="squared_error",
        quantile=0.5,
        optimizer="adam",
        learning_rate=0.01,
        learning_rate_schedule="onecycle",
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
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.loss = loss
        self.quantile = quantile
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
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
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some samples, from the weights that are there.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X and y and the known token ids.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target of each sequence.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

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
            Predictions, float64, as exact as float32 allows.
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
        y, *std = self._predict_linked(X, *links)
        y = self._targets.decode(y)
        return (y, self._targets.decode_std(std[0])) if return_std else y

    def _make_targets(self, y):
        return NumberTargets(type(self).__name__, self.loss, self.quantile)

    def _make_loss(self):
        if self.loss == "quantile":
            return _losses.Quantile(self.quantile)
        return _LOSSES[self.loss]()

    def _initialize_head(self, module, train):
        if self.loss == "poisson":  # start at the mean count, however large
            mean = np.average(train.targets, axis=0, weights=train.sample_weight)
            with torch.no_grad():
                module.head.bias.copy_(torch.from_numpy(np.log(mean + 1e-6)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
