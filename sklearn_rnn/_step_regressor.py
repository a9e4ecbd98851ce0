"""RNNStepRegressor: one number, or several, per step."""

import numpy as np
import torch
from sklearn.metrics import r2_score

from sklearn_rnn._parameters import check_quantile, constraints_of
from sklearn_rnn._sequences import split_steps
from sklearn_rnn._step_base import StepRNN
from sklearn_rnn._targets import NumberTargets, StepNumberTargets, score_quantiles
from sklearn_rnn._training_data import average_parts, list_targets
from sklearn_rnn.nn import make_regression_loss


class RNNStepRegressor(StepRNN):
    """Recurrent neural network that predicts numbers at each step.

    For the life that remains at each cycle of an engine, a hidden quantity behind a
    sensor, a smooth curve behind a noisy one: one pass over a sequence gives an answer
    at every step. With ``bidirectional=True``, the default, an answer reads later
    steps too; for answers while a sequence is still running set it to False.

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
    conv_channels : int, sequence of int or None, default=None
        Number of output channels of each convolution over time before the recurrent
        layers, of stride 1. A sequence stacks one convolution per entry; None disables
        convolutions.
    conv_kernel_size : int or sequence of (int or sequence of int), default=9
        Kernel size of the convolutions, in steps. A sequence has an entry for each one
        of `conv_channels`; several sizes in an entry are convolutions side by side,
        which share its channels: ``((9, 19, 39), 9)`` for shapes of several widths.
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
        single recurrent layer. Recurrent connections are never dropped. Tokens and
        categories are dropped, too, so that training knows unknown ones: one that
        occurs n times in X is read as unknown with probability
        ``dropout / (dropout + n)``.
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
    weight_averaging : float, default=0.5
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
        categories it is as many as 4,000 need, at least 10 and at most 100.
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
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    n_outputs_ : int
        Number of targets per step.
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
        Mean training loss per step of each epoch, computed on standardised targets
        except with ``loss="poisson"``.
    validation_scores_ : list of float or None
        :math:`R^2` (:math:`D^2` for the losses "absolute_error" and "quantile") over
        the steps of the validation set after each epoch; None without a validation set.
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
    RNNTagger : Labels instead of numbers.
    RNNRegressor : Numbers for each sequence.

    Notes
    -----
    scikit-learn has no estimators of one number a step. So this is no regressor to it
    (``is_regressor`` is False); `score` is :math:`R^2` over steps. For other scores
    there is :mod:`sklearn_rnn.metrics`.

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
    >>> from sklearn_rnn import RNNStepRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(5, 20, 100)]
    >>> y = [x[:, 0].cumsum() for x in X]  # needs memory
    >>> regressor = RNNStepRegressor(max_epochs=30, random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.95
    True
    >>> regressor.predict(X[:1])[0].shape == y[0].shape
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
        conv_channels=None,
        conv_kernel_size=9,
        categorical_features="from_dtype",
        embedding_dim="auto",
        dropout="auto",
        loss="squared_error",
        quantile=0.5,
        optimizer="adam",
        learning_rate=0.01,
        learning_rate_schedule="onecycle",
        weight_averaging=0.5,
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
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.conv_channels = conv_channels
        self.conv_kernel_size = conv_kernel_size
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
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = constraints_of(__init__)
    _kinds_of_targets = (StepNumberTargets,)

    _answers = "targets"

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some samples, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X and y and the known token ids.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            The targets of each step of each sequence.
        sample_weight : array-like of shape (n_samples,), or like y, default=None
            Weight of each sequence, or of each step. A weight of 2 counts as two
            samples. The target of a step of weight 0 is unknown, whatever it is.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X, return_std=False):
        """Predict the targets of each step.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        return_std : bool, default=False
            Whether to return the predicted standard deviation too; needs
            ``loss="gaussian"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) of ndarray of shape (n_steps_i,) or \
                (n_steps_i, n_outputs)
            An object array, also if all sequences are equally long. If `quantile` has
            several levels, they are a further axis of its arrays, the last.
        std : ndarray of the same shapes
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
        X = self._validate_for_predict(X)
        links = ("predict", "predict_std") if return_std else ("predict",)
        y, *std = self._link(X, *links)
        y = split_steps(self._targets.decode(y), X.offsets)
        if not return_std:
            return y
        return y, split_steps(self._targets.decode_std(std[0]), X.offsets)

    def score(self, X, y, sample_weight=None):
        """Return :math:`R^2` over all steps, or the mean :math:`D^2` of quantiles.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            True targets.
        sample_weight : array-like of shape (n_samples,), or like y, default=None
            Weight of each sequence, or of each step; a step of weight 0 is not
            scored.

        Returns
        -------
        r2 : float
            1 for a perfect prediction, 0 for the mean of y.
        """
        X = self._validate_for_predict(X)
        y, weight = self._check_y(y, X, sample_weight)
        weight = y.repeat(weight)
        known = weight > 0
        predictions = self._targets.decode(self._link(X, "predict")[0])
        if predictions.ndim > y.values.ndim:
            return score_quantiles(
                y.values[known], predictions[known], self.quantile, weight[known]
            )
        return r2_score(
            y.values[known], predictions[known], sample_weight=weight[known]
        )

    def _make_targets(self, y):
        check_quantile(self)
        numbers = NumberTargets(type(self).__name__, self.loss, self.quantile)
        return StepNumberTargets(numbers)

    def _make_loss(self):
        return make_regression_loss(self.loss, self.quantile)

    def _initialize_head(self, module, train):
        if self.loss == "poisson":  # start at the mean count, however large
            steps = ((y.values, y.repeat(w)) for y, w in list_targets(train))
            mean = average_parts(steps)
            with torch.no_grad():
                module.head.bias.copy_(torch.from_numpy(np.log(mean + 1e-6)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "step_regressor"
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
