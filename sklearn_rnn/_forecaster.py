"""RNNForecaster: the next steps of series."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._base import BaseRNN
from sklearn_rnn._building import make_encoder
from sklearn_rnn._conformal import check_coverage
from sklearn_rnn._defaults import count_epochs, is_auto, resolve
from sklearn_rnn._forecasting import (
    FEW_WINDOWS,
    N_BLOCKS,
    Calibration,
    Shape,
    WindowEncoder,
    Windows,
    calibrate,
    check_future,
    check_known_future,
    check_lengths,
    check_series,
    choose_columns,
    choose_context,
    choose_segment_length,
    choose_share,
    find_quantiles,
    fit_linear,
    is_surely_useful,
    seasonal_naive,
)
from sklearn_rnn._inference import (
    apply_to_sequences,
    compute_states,
    make_batch_invariant,
)
from sklearn_rnn._parameters import constraints_of, refuse_changed_parameters
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._training import LazyDataset, Plan, TrainingFile
from sklearn_rnn._training_data import check_weights
from sklearn_rnn.nn import make_regression_loss
from sklearn_rnn.utils import StrOptions, fit_context, neutral_torch_state

_N_UPDATES = 1000  # of max_epochs="auto": windows overlap, and soon are known by heart
_LEAST_EPOCHS, _MOST_EPOCHS = 2, 100
_MOST_VIEWS = 160  # of a step, which is in the futures of `horizon` windows
_VIEWS_A_WINDOW = 2  # few windows teach little
_MOST_BATCHES = 15_000  # of an epoch
_ROWS = 4096  # windows that are forecast at a time
LEAST_HALF = 1e-3  # of the scale: unit of errors where quantiles meet


@dataclass
class SeriesData:
    """Series with what follows them, validated.

    Parameters
    ----------
    X : RaggedArray
        The series.
    y : ndarray of shape (n_samples, horizon, n_targets) or None
        The steps that follow; None if the future is within the series.
    known : ndarray of shape (n_samples, horizon, n_known) or None
        The same steps of the columns that are known ahead.
    weight : ndarray of shape (n_samples,)
        Weight of each series.
    """

    X: RaggedArray
    y: np.ndarray | None
    known: np.ndarray | None
    weight: np.ndarray

    def take(self, rows):
        """Return some series."""
        y, known = (None if v is None else v[rows] for v in (self.y, self.known))
        return SeriesData(self.X[rows], y, known, self.weight[rows])


@dataclass
class TrainingWindows:
    """Rows of windows with their weights: what the network is trained on."""

    windows: Windows
    rows: np.ndarray
    sample_weight: np.ndarray

    def __len__(self):
        return len(self.rows)

    def divide(self):
        """Return the windows before the last block of origins, and those in it.

        No step is in the future of both parts.
        """
        begin = self.windows.cut_blocks(N_BLOCKS)[-2]
        n_before = self.windows.count_before(self.rows)
        horizon = self.windows.shape.horizon
        parts = n_before + horizon <= begin, n_before >= begin
        return [
            replace(self, rows=self.rows[part], sample_weight=self.sample_weight[part])
            for part in parts
        ]

    def merge_equal(self):
        """Return each different window once, with all its weight."""
        cut = self.windows.take(self.rows)
        parts = [part.reshape(len(self), -1) for part in cut]
        _, first, number = np.unique(
            np.hstack(parts), axis=0, return_index=True, return_inverse=True
        )
        weight = np.bincount(number.ravel(), self.sample_weight)
        return replace(self, rows=self.rows[first], sample_weight=weight)


class RNNForecaster(BaseRNN):
    """Recurrent neural network that forecasts the next steps of series.

    One model for all series, of equal or different length, with one or several
    variables. `predict` continues each series that it is given: it needs no series of
    `fit`, so the tools of scikit-learn work unmodified.

    Parameters
    ----------
    horizon : int, default=1
        Number of steps to forecast.
    context : int or "auto", default="auto"
        Number of last steps of a series that a forecast depends on. The first step of a
        shorter series is repeated. "auto": two horizons or seven seasons, whichever is
        longer, but at most half of the steps that a typical series has before its
        last horizon.
    season_length : int, default=1
        Number of steps after which the series repeats itself, such as 24 for hours with
        a daily pattern; 1 if it does not. `score` compares with the last season.
    segment_length : int or "auto", default="auto"
        Number of steps of the series that the recurrent layers read at once, as one
        step of theirs. "auto": `season_length`, or without a season a 32nd of the
        context.
    target_features : array-like of int or str, or None, default=None
        Columns to forecast, by number or, if X is a list of DataFrames, by name. The
        others are covariates: columns that a forecast reads, too. None: all columns but
        `known_features`.
    known_features : array-like of int or str, or None, default=None
        Covariates that are known ahead, such as the calendar, prices or a weather
        forecast. `predict` needs them for the next steps, as `X_future`. None: no
        column is known ahead.
    scaling : {"last", "robust", "mean"} or None, default="last"
        Location and scale that each window is standardised with.

        - "last": last value; mean absolute deviation from the median.
        - "robust": median; mean absolute deviation from the median.
        - "mean": mean; standard deviation. Sensitive to outliers.
        - None: mean and standard deviation of all windows. For series of one unit whose
          level matters.
    quantiles : array-like of float or None, default=None
        Levels of the quantiles that the network forecasts, between 0 and 1, beside the
        median; they never cross. The mean of their pinball losses replaces `loss`.
        None: one forecast, of `loss`.
    calibration_origins : int, default=0
        Number of last origins of each series that are held out from training, to
        calibrate `predict_interval` and `predict_quantiles`.
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
        Number of units in each recurrent layer. A sequence sets the size of each layer:
        ``(128, 64)`` stacks a layer of 64 units on a layer of 128.
    num_layers : int, default=1
        Number of stacked recurrent layers if `hidden_size` is an int. If `hidden_size`
        is a sequence, its length is the number of layers.
    dropout : float, default=0.0
        Dropout probability. Dropout is applied to the outputs of each recurrent layer
        except the last, and to the input of the final linear layer; it is therefore
        also active with a single recurrent layer. Recurrent connections are never
        dropped.
    loss : {"absolute_error", "squared_error", "huber"}, default="absolute_error"
        Loss function of the network, in units of each window's scale.

        - "absolute_error": median of what comes; less sensitive to outliers.
        - "squared_error": mean.
        - "huber": squared error up to one standard deviation, absolute error above.
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
        Number of passes over the windows. "auto": as many as 1,000 mini-batches need,
        from 2 to 100, but at most 160 / `horizon`, or twice the number of windows /
        `horizon`: a step that is forecast in many windows is soon known by heart. A
        pass has at most 15,000 mini-batches, drawn at random from all windows; with
        "auto" and a horizon over 160, it draws a share of 160 / `horizon`.
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
        restore the weights of the best epoch. The validation set is the last origins of
        each series, a `validation_fraction` of them. No step that they forecast is
        trained on.
    validation_fraction : float, default=0.1
        Fraction of the origins of each series held out as validation set with
        ``early_stopping=True``.
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
        Controls the initial weights, the order of the windows and dropout. Pass an int
        for fits that are identical to the last bit on the CPU. The global random state
        of NumPy and torch is left unchanged.
    verbose : int, default=0
        Verbosity level.

        - 0: silent.
        - 1: progress bar with loss, score and remaining time.
        - 2: table with one row per epoch.

    Attributes
    ----------
    context_ : int
        Length of the windows.
    segment_length_ : int
        Length of the segments.
    target_features_ : ndarray of int of shape (n_targets,)
        Numbers of the columns that are forecast.
    coef_ : ndarray of shape (horizon, n_inputs)
        Weights of the linear part of the forecast, of scaled windows.
    intercept_ : ndarray of shape (horizon,)
        Constant terms of the linear part.
    network_share_ : float
        Share of the network in the forecast, from 0 to 1; with `quantiles`, 0 or 1. It
        is 1 unless a simple forecast replaces the ridge regression; see the notes.
    n_features_in_ : int
        Number of variables of a series.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    n_iter_ : int
        Number of epochs trained.
    early_stopping_ : bool
        Whether a validation score could stop the training.
    loss_curve_ : list of float
        Mean training loss of the recurrent part in each epoch.
    validation_scores_ : list of float or None
        Skill over the linear part, 1 less the ratio of mean absolute errors, on the
        validation set after each epoch; None without a validation set.
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
    RNNRegressor : One or several numbers per sequence, from any features.
    sklearn_rnn.model_selection.make_origins : Beginnings of series, to be continued.
    sklearn_rnn.metrics.mean_absolute_scaled_error : An error that compares series.

    Notes
    -----
    A forecast is the sum of two parts. Both read the last `context` steps of the
    series, less their location and divided by their scale. A ridge regression on all
    these steps is fitted first, in closed form, as a linear path around the network
    [4]_. It is drawn to the last step, the last season or the last season with its
    growth: which one, and how strongly, is chosen by generalised cross-validation. If
    there are fewer than 20 windows for each step of a horizon longer than a season, and
    no covariates, it forecasts season after season. In a random walk, the past says
    nothing about the next steps. So the best of these simple forecasts replaces the
    ridge regression if that is not surely better on parts of the time that it is not
    fitted on: five parts, and two standard errors of the mean. The network is then
    trained on all but the last of them, where its share in the forecast is chosen: the
    share of least squares, less two standard errors. This needs 20 origins in time for
    each step of the horizon. Quantiles of the network count as a whole if their loss is
    surely lower than that of constant ones, in units of the window, with the simple
    forecast as median; or else those take their place.

    The recurrent network reads the window in segments and forecasts all steps at once
    [5]_; it is trained on what the ridge regression leaves, by backpropagation through
    all segments [1]_. So ``a * X + b`` gives ``a * y + b``, and a forecast depends
    neither on the steps before the window nor on the other series.

    The targets of a series share one model; each is forecast from its own past and
    from the covariates, which are standardised over all windows. The ridge regression
    reads the covariates of the last step, and those known ahead at all steps to
    forecast. The network reads all of them; those known ahead are further segments. A
    covariate that is constant within each series is a static one: nothing about it
    needs to be known ahead.

    Windows are cut at every origin of every series when a mini-batch is drawn, and are
    never stored.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016,
       chapter 10.
    .. [2] L. Smith, N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", arXiv:1708.07120.
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
       neural networks", ICML 2013.
    .. [4] A. Zeng, M. Chen, L. Zhang, Q. Xu, "Are transformers effective for time
       series forecasting?", AAAI 2023 (NLinear).
    .. [5] S. Lin, W. Lin, W. Wu, F. Zhao, R. Mo, H. Zhang, "SegRNN: segment recurrent
       neural network for long-term time series forecasting", arXiv:2308.11200.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNForecaster
    >>> hours = np.arange(24 * 20)
    >>> X = [np.sin(hours / 24 * 2 * np.pi + shift) for shift in range(5)]
    >>> forecaster = RNNForecaster(horizon=24, season_length=24, max_epochs=2)
    >>> forecaster.fit(X).predict(X).shape
    (5, 24)

    With the temperature as a covariate of which there is a forecast:

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3, 60, 2)).cumsum(axis=1)
    >>> forecaster = RNNForecaster(horizon=2, known_features=[1], max_epochs=2)
    >>> forecaster.fit(X).predict(X, X_future=np.zeros((3, 2, 1))).shape
    (3, 2)
    """

    def __init__(
        self,
        *,
        horizon=1,
        context="auto",
        season_length=1,
        segment_length="auto",
        target_features=None,
        known_features=None,
        scaling="last",
        quantiles=None,
        calibration_origins=0,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=64,
        num_layers=1,
        dropout=0.0,
        loss="absolute_error",
        optimizer="adam",
        learning_rate=0.003,
        learning_rate_schedule="onecycle",
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=32,
        max_epochs="auto",
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        device="auto",
        callbacks=None,
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.horizon = horizon
        self.context = context
        self.season_length = season_length
        self.segment_length = segment_length
        self.target_features = target_features
        self.known_features = known_features
        self.scaling = scaling
        self.quantiles = quantiles
        self.calibration_origins = calibration_origins
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.loss = loss
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
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = {
        **constraints_of(__init__),
        "loss": [StrOptions({"absolute_error", "squared_error", "huber"})],
    }

    bidirectional = False
    conv_channels = None
    weight_averaging = 0.0
    _kinds_of_targets = ()

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(self, X, y=None, sample_weight=None, *, X_future=None):
        """Learn to continue series.

        Parameters
        ----------
        X : array-like of shape (n_steps,), (n_samples, n_steps) or (n_samples, \
                n_steps, n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i,) or (n_steps_i, n_features)
            One series of one variable, or several series.
        y : array-like of shape (n_samples, horizon), (n_samples, horizon, \
                n_targets) or (n_samples, horizon, n_features), default=None
            The steps that follow each series: the targets, or all columns, as
            `make_origins` returns them. By default, every step of X with a past is
            forecast; with y, only y.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each series.
        X_future : array-like of shape (n_samples, horizon, n_known), RaggedArray, or \
                list of array-like or DataFrame, default=None
            The columns `known_features` at the steps of y, if y has only targets.

        Returns
        -------
        self : object
            The fitted forecaster.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data is invalid, or a series is too short.
        """
        return self._fit(X, y, sample_weight, X_future)

    def predict(self, X, X_future=None):
        """Forecast the steps that follow each series.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        X_future : array-like of shape (n_samples, horizon, n_known), RaggedArray, or \
                list of array-like or DataFrame, default=None
            The columns `known_features` at the next `horizon` steps. A DataFrame, or
            an array with all columns of X, may have others, which are ignored.

        Returns
        -------
        y : ndarray of shape (n_samples, horizon) or (n_samples, horizon, n_targets)
            Forecasts; two-dimensional for one target. With `quantiles`, medians.
        """
        forecasts, _ = self._forecast(self._cut_ends_of(X, X_future))
        return self._columns.join(forecasts[..., self._middle])

    def predict_quantiles(self, X, quantiles=None, X_future=None):
        """Forecast quantiles of each of the steps that follow.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        quantiles : array-like of float, default=None
            Their levels, between 0 and 1. By default, those of the parameter
            `quantiles`. With ``calibration_origins > 0`` any level; otherwise some of
            the parameter's.
        X_future : like X_future in `predict`, default=None
            The columns that are known ahead.

        Returns
        -------
        y : ndarray of shape (n_samples, horizon, n_quantiles) or (n_samples, \
                horizon, n_targets, n_quantiles)
            Quantiles in the order of `quantiles`. A higher one is never below a lower
            one.

        Raises
        ------
        ValueError
            If a level is not available.
        """
        check_is_fitted(self)
        levels = self._check_levels(quantiles)
        forecasts, scale = self._forecast(self._cut_ends_of(X, X_future))
        if self.calibration_origins == 0:
            chosen = [self._levels.index(level) for level in levels]
            return self._columns.join(forecasts[..., chosen])
        middle, below, above = self._split_forecasts(forecasts, scale)
        width = self._calibration.find_quantiles(np.array(levels))
        unit = np.where(width < 0, below[..., np.newaxis], above[..., np.newaxis])
        return self._columns.join(middle[..., np.newaxis] + width * unit)

    def predict_interval(self, X, coverage=0.9, X_future=None):
        """Forecast an interval for each of the steps that follow.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        coverage : float, default=0.9
            Probability that a future value is inside.
        X_future : like X_future in `predict`, default=None
            The columns that are known ahead.

        Returns
        -------
        lower, upper : ndarray of the shape of ``predict(X)``
            Limits; without `quantiles` symmetric about the forecast.

        Raises
        ------
        ValueError
            If `calibration_origins` was 0 in `fit`, or too small for the coverage.

        Notes
        -----
        Split conformal prediction [1]_ with the errors of the held-out origins,
        separately for each step ahead. The unit of an error is the scale of its
        window; with `quantiles`, the distance from the median to the lowest or the
        highest quantile, so that the width depends on the window [2]_. The coverage
        is exact on average if the errors are exchangeable.

        References
        ----------
        .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman,
           "Distribution-free predictive inference for regression", JASA 2018.
        .. [2] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile
           regression", NeurIPS 2019.
        """
        check_coverage(coverage)
        windows = self._cut_ends_of(X, X_future)
        if self.calibration_origins == 0:
            raise ValueError(
                "predict_interval needs errors of held-out origins: fit with "
                "calibration_origins > 0."
            )
        forecasts, scale = self._forecast(windows)
        width = self._calibration.find_width(coverage)
        middle, below, above = self._split_forecasts(forecasts, scale)
        return (
            self._columns.join(middle - width * below),
            self._columns.join(middle + width * above),
        )

    def score(self, X, y=None, sample_weight=None, X_future=None):
        """Return the skill: 1 less the error relative to the seasonal naive forecast.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        y : array-like of shape (n_samples, horizon), (n_samples, horizon, \
                n_targets) or (n_samples, horizon, n_features), default=None
            The steps that follow: the targets or all columns. By default, the last
            `horizon` steps of each series are held back from X and forecast.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each series.
        X_future : like X_future in `predict`, default=None
            The columns that are known ahead, if y has only targets.

        Returns
        -------
        score : float
            1 is perfect; 0 is as good as to repeat the last season. The mean absolute
            errors are taken over all series, steps and targets.
        """
        data = self._check_data(self._check_for_predict(X), y, sample_weight, X_future)
        if data.y is None:
            data = self._hold_back(data.X, data.weight)
        forecasts, _ = self._forecast(self._cut_ends(data))
        forecasts = self._columns.join(forecasts[..., self._middle])
        past = RaggedArray(data.X.values[:, self._columns.targets], data.X.offsets)
        naive = seasonal_naive(past, self.horizon, self.season_length)
        error, naive_error = (
            np.average(np.abs(data.y - f).mean(axis=(1, 2)), weights=data.weight)
            for f in (forecasts.reshape(data.y.shape), naive)
        )
        if naive_error == 0:  # nothing can be better
            return float(error == 0)
        return float(1 - error / naive_error)

    @neutral_torch_state()
    def hidden_states(self, X, X_future=None):
        """Return the state of the last recurrent layer at every segment.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        X_future : like X_future in `predict`, default=None
            The columns that are known ahead.

        Returns
        -------
        states : ndarray of shape (n_samples * n_targets, n_segments, n_units)
            States of each target of each series.
        """
        windows = self._cut_ends_of(X, X_future)
        cut = windows.take(np.arange(len(windows)))
        scaled = self._encoder.measure_scale(cut).apply(cut.past)
        segments = _as_ragged(self._encoder.make_segments(cut, scaled))
        states = compute_states(make_batch_invariant(self.module_), segments)
        return states.values.reshape(len(states), -1, states.n_features)

    # Steps of fit ---------------------------------------------------------------------

    def _fit(self, X, y, sample_weight, X_future):
        with neutral_torch_state(), self._rollback_on_error(False):
            data = self._check_fit_data(X, y, sample_weight, X_future)
            checkpoint = self._open_checkpoint(data)
            self._draw_seeds(checkpoint)
            self._choose_lengths(data)
            self.early_stopping_ = bool(self.early_stopping)
            windows, held_out = self._cut_windows(data)
            weight = windows.repeat(data.weight)
            train = TrainingWindows(windows, np.arange(len(windows)), weight)
            trial = None
            if self._fit_linear(windows, weight):
                train, trial = train.divide()
            self._resolve_parameters(train)
            net = self._build_net(train)
            monitor = self._make_monitor(held_out)
            plan = Plan(self.max_epochs_, self.learning_rate_schedule)
            interrupt = self._train(net, train, monitor, plan, checkpoint)
            self._choose_share(trial)
            self._calibrate(data)
        if interrupt is not None:
            raise interrupt
        if not is_auto(self.max_epochs):  # a budget: the loss may still fall
            self._warn_if_still_improving(monitor)
        return self

    def _check_fit_data(self, X, y, sample_weight, X_future):
        X = check_series(X, self, reset=True)
        self._set_columns()
        data = self._check_data(X, y, sample_weight, X_future)
        for name in ("calibration_origins", "early_stopping"):
            if y is not None and getattr(self, name):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} needs y=None: the ends of series "
                    "are held out."
                )
        kept = np.flatnonzero(data.weight)  # a weight of 0 excludes the series
        return data if len(kept) == len(X) else data.take(kept)

    def _check_data(self, X, y, sample_weight, X_future):
        """Return the arguments of `fit` and `score`, validated."""
        weight = check_weights(sample_weight, X)
        if y is None:
            if X_future is not None:
                raise ValueError(
                    "X_future needs y: without it, the future is within X."
                )
            return SeriesData(X, None, None, weight)
        y = check_future(y, X, self._columns, self.horizon)
        known = y[..., self._columns.known] if y.shape[2] == X.n_features else None
        if known is None or X_future is not None:
            known = check_known_future(
                X_future, X, self._columns, self.horizon, type(self).__name__
            )
        if y.shape[2] == X.n_features:
            y = y[..., self._columns.targets]
        return SeriesData(X, y, known, weight)

    def _set_columns(self):
        """Learn what is forecast from what, by the parameters and the columns of X."""
        self._levels = self._sort_levels()
        self._middle = 0 if self._levels is None else self._levels.index(0.5)
        self._columns = choose_columns(
            self.n_features_in_,
            getattr(self, "feature_names_in_", None),
            self.target_features,
            self.known_features,
        )
        self.target_features_ = self._columns.targets

    def _sort_levels(self):
        """Return the quantiles that the network forecasts, with the median."""
        if self.quantiles is None:
            return None
        levels = [float(level) for level in self.quantiles]
        if not levels or not all(0 < level < 1 for level in levels):
            raise ValueError(
                "The 'quantiles' parameter of RNNForecaster must be None or floats "
                f"between 0 and 1. Got {self.quantiles!r} instead."
            )
        return sorted({*levels, 0.5})

    def _open_checkpoint(self, data):
        if self.checkpoint is None:
            return None
        parameters = self.get_params(deep=False)
        for name in ("checkpoint", "verbose"):  # without effect on the result
            del parameters[name]
        inputs = {
            "parameters": parameters,
            "names": getattr(self, "feature_names_in_", None),
            "data": [data.X.values, data.X.offsets, data.y, data.known, data.weight],
        }
        return TrainingFile(self.checkpoint, type(self).__name__, inputs)

    def _choose_lengths(self, data):
        lengths = data.X.lengths + (0 if data.y is None else self.horizon)
        auto = choose_context(lengths, self.horizon, self.season_length)
        self.context_ = int(resolve(self, "context", auto))
        auto = choose_segment_length(self.context_, self.season_length)
        wanted = int(resolve(self, "segment_length", auto))
        self.segment_length_ = min(wanted, self.context_)
        self._shape = Shape(self.context_, int(self.horizon))

    def _cut_windows(self, data):
        """Return the windows to train on, and those of the validation set or None."""
        if data.y is not None:
            return self._cut_ends(data), None
        held_out = self._count_held_out()
        check_lengths(data.X, self.horizon, held_out)
        stops = data.X.lengths - held_out
        windows = Windows.at_all_origins(data.X, stops, self._shape, self._columns)
        if not self.early_stopping:
            return windows, None
        train, validation = windows.split(self.validation_fraction)
        weight = validation.repeat(data.weight)
        rows = np.arange(len(validation))
        return train, TrainingWindows(validation, rows, weight)

    def _cut_ends(self, data):
        """Return the window at the end of each series, with y if there is one."""
        return Windows.at_ends(data.X, data.y, data.known, self._shape, self._columns)

    def _count_held_out(self):
        """Return how many last steps no training window may see."""
        if self.calibration_origins == 0:
            return 0
        return self.horizon + self.calibration_origins - 1

    def _fit_linear(self, windows, weight):
        """Fit the linear part; return whether a simple forecast took its place."""
        self._encoder = WindowEncoder(self.scaling, self.segment_length_)
        self._encoder.fit(windows, weight)
        season = int(self.season_length)
        found = fit_linear(windows, weight, self._encoder, season)
        self._linear, is_simple = found
        self.coef_, self.intercept_ = self._linear.coef, self._linear.intercept
        return is_simple

    def _resolve_parameters(self, train):
        n_batches = math.ceil(len(train) / self.batch_size)
        n_views = min(_MOST_VIEWS, _VIEWS_A_WINDOW * len(train))
        most = np.clip(round(n_views / self.horizon), 1, _MOST_EPOCHS)
        auto = count_epochs(_N_UPDATES, n_batches, _LEAST_EPOCHS, most)
        self.max_epochs_ = int(resolve(self, "max_epochs", auto))
        self.dropout_ = self.dropout

    def _choose_share(self, trial):
        """Reduce what the network adds to what it is worth on windows it has not met.

        Without a trial, all of it counts. Quantiles count as a whole, or not at all.
        """
        self.network_share_ = 1.0
        if trial is None:
            return
        if self._levels is not None:
            self._prove_quantiles(trial)
            return
        parts = [
            (weight * (rest * added).sum(axis=1), weight * (added**2).sum(axis=1))
            for weight, rest, added in self._list_rests(trial, self.module_)
        ]
        products, squares = (np.concatenate(part) for part in zip(*parts, strict=True))
        n_before = trial.windows.count_before(trial.rows)
        self.network_share_ = choose_share(n_before, products, squares)
        spread = self.network_share_ * self._linear.spread
        self._linear = self._linear._replace(spread=spread)

    def _prove_quantiles(self, trial):
        """Replace quantiles that are not surely better than constant ones by those."""
        parts = [
            (weight, rest, self._measure_loss(outputs, rest))
            for weight, rest, outputs in self._list_outputs(trial, self.module_)
        ]
        weight, rest, losses = map(np.concatenate, zip(*parts, strict=True))
        constants = find_quantiles(rest, weight, self._levels, LEAST_HALF)
        outputs = self._loss.invert(torch.from_numpy(constants)[np.newaxis])
        gains = self._measure_loss(outputs, rest) - losses
        n_before = trial.windows.count_before(trial.rows)
        if not is_surely_useful(n_before, gains, weight):
            self.network_share_ = 0.0
            head = self.module_.head
            with torch.no_grad():
                head.weight.zero_()
                head.bias.copy_(outputs[0])

    def _measure_loss(self, outputs, rest):
        """Return the loss of each window, (n_windows,)."""
        losses = self._loss.elementwise_loss(outputs, torch.from_numpy(rest))
        return losses.mean(1).numpy()

    def _calibrate(self, data):
        """Keep the errors of the held-out origins."""
        n_origins = self.calibration_origins
        if n_origins == 0:
            return
        X = data.X
        first = X.lengths - self._count_held_out()
        counts = np.full(len(X), n_origins)
        windows = Windows(X, first, counts, self._shape, self._columns)
        forecasts, scale = self._forecast(windows)
        parts = self._split_forecasts(forecasts, scale)
        future = np.concatenate([windows.take(r).future for r in windows.chunks()])
        self._calibration = Calibration(calibrate(future, *parts))

    # Methods that BaseRNN requires ----------------------------------------------------

    def _make_targets(self, y):
        raise NotImplementedError  # targets are cut with their windows

    def _make_loss(self):
        if self._levels is None:
            return make_regression_loss(self.loss, 0.5)
        return make_regression_loss("quantile", self._levels)

    def _assemble_module(self, train):
        """Return the network around the moments that the linear part has met."""
        mean, std = self._list_moments()
        inputs = nn.Standardize(mean, std)
        encoder = make_encoder(self, inputs.output_size)
        n_outputs = self.horizon * self._loss.outputs_per_target
        return self._make_model(inputs, None, encoder, n_outputs)

    def _initialize_head(self, module, train):
        if len(train) < FEW_WINDOWS * self.horizon:
            with torch.no_grad():  # stay near the forecast of the linear part
                module.head.weight.zero_()
                module.head.bias.zero_()

    def _list_moments(self):
        """Return mean and deviation of each input of a segment.

        Covariates are standardised already.
        """
        length = self.segment_length_
        n_used = self.context_ // length * length
        mean, square = self._linear.moments[:, -n_used:].reshape(2, -1, length).mean(1)
        std = np.sqrt(np.maximum(square - mean**2, 0))
        std = np.where(std > 1e-6 * np.sqrt(square), std, 1.0)
        n_covariates = len(self._columns.covariates)
        if n_covariates > 0:
            n_others = n_covariates * length + 1
            mean = np.concatenate([mean, np.zeros(n_others)])
            std = np.concatenate([std, np.ones(n_others)])
        return torch.tensor(mean).float(), torch.tensor(std).float()

    def _make_model(self, inputs, stem, encoder, n_outputs):
        pooling = nn.Pooling("last", encoder.output_size)
        return nn.SequenceModel(
            inputs, stem, encoder, pooling, n_outputs, dropout=self.dropout_
        )

    def _make_dataset(self, train):
        encoder, linear = self._encoder, self._linear

        def make(rows):
            """Return segments, and what the linear part leaves of their future."""
            cut = train.windows.take(train.rows[rows])
            scale = encoder.measure_scale(cut)
            scaled = scale.apply(cut.past)
            inputs = encoder.list_linear_inputs(cut, scaled)
            rest = scale.apply(cut.future) - linear.predict_batch(inputs)
            segments = encoder.make_segments(cut, scaled)
            return segments, (rest / linear.spread).astype(np.float32)

        return LazyDataset(make, train.sample_weight, self._count_drawn(len(train)))

    def _count_drawn(self, n_windows):
        """Return how many windows an epoch draws at most."""
        n_drawn = _MOST_BATCHES * int(self.batch_size)
        if is_auto(self.max_epochs) and self.horizon > _MOST_VIEWS:
            n_drawn = min(n_drawn, math.ceil(n_windows * _MOST_VIEWS / self.horizon))
        return n_drawn

    def _apply(self, module, X):
        return apply_to_sequences(module, X)

    def _score_module(self, held_out, module):
        """Return the skill over the linear part, on the validation windows."""
        error = linear_error = 0.0
        for weight, rest, forecasts in self._list_rests(held_out, module):
            error += weight @ np.abs(rest - forecasts).mean(axis=1)
            linear_error += weight @ np.abs(rest).mean(axis=1)
        return float(1 - error / linear_error) if linear_error > 0 else 0.0

    def _list_rests(self, held_out, module):
        """Yield weights, what the linear part leaves, and the network's forecast."""
        for weight, rest, outputs in self._list_outputs(held_out, module):
            forecasts = self._loss.predict(outputs).numpy()
            forecasts = forecasts.reshape(*rest.shape, -1)[..., self._middle]
            yield weight, rest, forecasts

    def _list_outputs(self, held_out, module):
        """Yield weights, what the linear part leaves, and the network's outputs."""
        dataset = self._make_dataset(held_out)
        n = len(held_out)
        for rows in np.array_split(np.arange(n), -(-n // _ROWS)):
            segments, rest = dataset.make(rows)
            outputs = torch.from_numpy(self._apply(module, _as_ragged(segments)))
            yield held_out.sample_weight[rows], rest, outputs

    # Steps of predict -----------------------------------------------------------------

    def _check_for_predict(self, X):
        check_is_fitted(self)
        refuse_changed_parameters(self, self._fixed_parameters)
        return check_series(X, self, reset=False)

    def _cut_ends_of(self, X, X_future):
        """Return the windows at the ends of series, validated."""
        X = self._check_for_predict(X)
        known = check_known_future(
            X_future, X, self._columns, self.horizon, type(self).__name__
        )
        return Windows.at_ends(X, None, known, self._shape, self._columns)

    def _hold_back(self, X, weight):
        """Return series without their last steps, which become y."""
        check_lengths(X, self.horizon)
        ends = np.stack([x[len(x) - self.horizon :] for x in X])
        X = RaggedArray.from_sequences([x[: len(x) - self.horizon] for x in X])
        y, known = ends[..., self._columns.targets], ends[..., self._columns.known]
        return SeriesData(X, y, known, weight)

    def _forecast(self, windows):
        """Return forecasts, (n_rows, horizon, n_levels), and scales, (n_rows, 1)."""
        n_parts = -(-len(windows) // _ROWS)
        parts = [
            self._forecast_rows(windows.take(rows))
            for rows in np.array_split(np.arange(len(windows)), n_parts)
        ]
        forecasts, scales = zip(*parts, strict=True)
        return np.concatenate(forecasts), np.concatenate(scales)

    def _forecast_rows(self, cut):
        scale = self._encoder.measure_scale(cut)
        scaled = scale.apply(cut.past)
        linear = self._linear.predict(self._encoder.list_linear_inputs(cut, scaled))
        segments = _as_ragged(self._encoder.make_segments(cut, scaled))
        (rest,) = self._link(segments, "predict")
        rest = rest.reshape(*linear.shape, -1) * self._linear.spread[:, np.newaxis]
        return scale.invert(linear[..., np.newaxis] + rest), scale.scale

    def _split_forecasts(self, forecasts, scale):
        """Return medians, and the units of errors below and above them."""
        middle = forecasts[..., self._middle]
        if self._levels is None:
            unit = np.broadcast_to(scale, middle.shape)
            return middle, unit, unit
        least = LEAST_HALF * scale
        below = np.maximum(middle - forecasts[..., 0], least)
        above = np.maximum(forecasts[..., -1] - middle, least)
        return middle, below, above

    def _check_levels(self, quantiles):
        """Return the levels that `predict_quantiles` is to return."""
        if quantiles is None:
            if self.quantiles is None:
                raise ValueError(
                    "predict_quantiles needs quantiles: none were given in the "
                    "constructor."
                )
            quantiles = self.quantiles
        levels = np.atleast_1d(quantiles)
        is_list = levels.ndim == 1 and levels.dtype.kind in "fiu" and levels.size > 0
        if not is_list or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(
                f"quantiles must be floats between 0 and 1. Got {quantiles!r} instead."
            )
        levels = levels.astype(float).tolist()
        available = [] if self._levels is None else self._levels
        for level in levels:
            if self.calibration_origins == 0 and level not in available:
                raise ValueError(
                    f"The quantile {level} is none of those of fit, {available}. Any "
                    "other needs errors of held-out origins: fit with "
                    "calibration_origins > 0."
                )
        return levels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "forecaster"
        tags.target_tags.required = False
        tags.target_tags.two_d_labels = True
        tags.input_tags.three_d_array = True
        tags.input_tags.one_d_array = True
        return tags


def _as_ragged(segments):
    """Return sequences of equal length as the network takes them."""
    n, n_steps, n_inputs = segments.shape
    return RaggedArray(segments.reshape(-1, n_inputs), np.arange(n + 1) * n_steps)
