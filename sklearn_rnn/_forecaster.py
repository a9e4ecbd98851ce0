"""RNNForecaster: the next steps of series."""

import math
import warnings
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn._advice import AdviceMixin, advise_on_arguments
from sklearn_rnn._defaults import count_epochs, is_auto, resolve
from sklearn_rnn._forecasting import (
    check_series,
    choose_context,
    cut_last_windows,
    cut_training_windows,
    join_features,
    make_segments,
    measure_scale,
    seasonal_naive,
    split_features,
)
from sklearn_rnn._parameters import (
    constraints_of,
    get_fixed_parameters,
    refuse_changed_parameters,
)
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._sequences import RaggedArray, errors_that_name
from sklearn_rnn._training_data import check_weights
from sklearn_rnn.utils import StrOptions, fit_context

_N_UPDATES = 15_000  # of max_epochs="auto"
_RIDGE = 1e-3  # penalty a window
# constructor parameters of the recurrent part that are passed on as they are
_PASSED_ON = (
    *("cell", "nonlinearity", "hidden_size", "num_layers", "dropout", "loss"),
    *("optimizer", "learning_rate", "learning_rate_schedule", "weight_decay"),
    *("max_grad_norm", "batch_size", "device", "callbacks", "checkpoint"),
    *("random_state", "verbose"),
)


class RNNForecaster(AdviceMixin, BaseEstimator):
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
        step of theirs. "auto": `season_length`.
    scaling : {"last", "robust", "mean"}, default="last"
        Location and scale that each window is standardised with.

        - "last": last value; mean absolute deviation from the median.
        - "robust": median; mean absolute deviation from the median.
        - "mean": mean; standard deviation. Sensitive to outliers.
    calibration_origins : int, default=0
        Number of last origins of each series that are held out from training, to
        calibrate `predict_interval`.
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
        Number of passes over the windows. "auto": as many as 15,000 mini-batches need,
        from 1 to 100.
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
    linear_ : sklearn.linear_model.Ridge
        Linear part of the forecast, of scaled windows.
    regressor_ : RNNRegressor
        Recurrent part, of scaled windows in segments; trained on what the linear part
        leaves.
    n_features_in_ : int
        Number of variables of a series.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings.
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    loss_curve_ : list of float
        Mean training loss of the recurrent part in each epoch.
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
    [4]_. The recurrent network reads the window in segments and forecasts all steps at
    once [5]_; it is trained on what the ridge regression leaves, by backpropagation
    through all segments [1]_. So ``a * X + b`` gives ``a * y + b``, and a forecast
    depends neither on the steps before the window nor on the other series.

    The variables of a series share one model; each is forecast from its own past.

    Windows are cut at every origin of every series. If they have more than 30 million
    numbers, only every second, third, ... origin is taken.

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
    """

    def __init__(
        self,
        *,
        horizon=1,
        context="auto",
        season_length=1,
        segment_length="auto",
        scaling="last",
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
        self.scaling = scaling
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
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = {
        **constraints_of(__init__),
        "loss": [StrOptions({"absolute_error", "squared_error", "huber"})],
    }

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(self, X, y=None, sample_weight=None):
        """Learn to continue series.

        Parameters
        ----------
        X : array-like of shape (n_steps,), (n_samples, n_steps) or (n_samples, \
                n_steps, n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i,) or (n_steps_i, n_features)
            One series of one variable, or several series.
        y : array-like of shape (n_samples, horizon) or (n_samples, horizon, \
                n_features), default=None
            The steps that follow each series. By default, every step of X with a
            past is forecast; with y, only y.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each series.

        Returns
        -------
        self : object
            The fitted forecaster.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data is invalid, or a series is too short.
        """
        before = dict(vars(self))
        try:
            return self._fit(X, y, sample_weight)
        except BaseException:
            self.__dict__ = before  # the previous fit, if there was one
            raise

    def predict(self, X):
        """Forecast the steps that follow each series.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.

        Returns
        -------
        y : ndarray of shape (n_samples, horizon) or (n_samples, horizon, n_features)
            Forecasts; two-dimensional for series of one variable.
        """
        forecasts, _ = self._forecast(self._check_for_predict(X))
        return join_features(forecasts, self.n_features_in_)

    def predict_interval(self, X, coverage=0.9):
        """Forecast an interval for each of the steps that follow.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        coverage : float, default=0.9
            Probability that a future value is inside.

        Returns
        -------
        lower, upper : ndarray of the shape of ``predict(X)``
            Limits, symmetric about the forecast.

        Raises
        ------
        ValueError
            If `calibration_origins` was 0 in `fit`, or too small for the coverage.

        Notes
        -----
        Split conformal prediction [1]_ with the errors of the held-out origins, in
        units of the scale of each window, separately for each step ahead. The
        coverage is exact on average if the errors are exchangeable.

        References
        ----------
        .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman,
           "Distribution-free predictive inference for regression", JASA 2018.
        """
        series = self._check_for_predict(X)
        width = self._interval_width(coverage)
        forecasts, scale = self._forecast(series)
        return tuple(
            join_features(forecasts + sign * width * scale, self.n_features_in_)
            for sign in (-1, 1)
        )

    def score(self, X, y=None, sample_weight=None):
        """Return the skill: 1 less the error relative to the seasonal naive forecast.

        Parameters
        ----------
        X : like X in `fit`
            The series, up to now.
        y : array-like of shape (n_samples, horizon) or (n_samples, horizon, \
                n_features), default=None
            The steps that follow. By default, the last `horizon` steps of each series
            are held back from X and forecast.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each series.

        Returns
        -------
        score : float
            1 is perfect; 0 is as good as to repeat the last season. The mean absolute
            errors are taken over all series and steps.
        """
        series = self._check_for_predict(X)
        if y is None:
            _check_lengths(series, self.horizon)
            y = np.stack([x[len(x) - self.horizon :] for x in series])
            series = RaggedArray.from_sequences(
                [x[: len(x) - self.horizon] for x in series]
            )
        y = self._check_future(y, series)
        weight = check_weights(sample_weight, series)
        forecasts, _ = self._forecast(series)
        forecasts = join_features(forecasts, self.n_features_in_).reshape(y.shape)
        naive = seasonal_naive(series, self.horizon, self.season_length)
        error, naive_error = (
            np.average(np.abs(y - f).mean(axis=(1, 2)), weights=weight)
            for f in (forecasts, naive)
        )
        if naive_error == 0:  # nothing can be better
            return float(error == 0)
        return float(1 - error / naive_error)

    # Steps of fit ---------------------------------------------------------------------

    def _fit(self, X, y, sample_weight):
        X = check_series(X, self, reset=True)
        weight = check_weights(sample_weight, X)
        y = None if y is None else self._check_future(y, X)
        kept = np.flatnonzero(weight)  # a weight of 0 excludes the series
        X, weight, y = X[kept], weight[kept], None if y is None else y[kept]
        self._choose_lengths(X, y)
        windows, futures, rows = self._cut_windows(X, y)
        self._fit_windows(windows, futures, weight[rows])
        self._fixed_parameters = get_fixed_parameters(self)
        if self.calibration_origins > 0:
            self._calibrate(X)
        return self

    def _cut_windows(self, X, y):
        """Return windows, their futures, and the series of each."""
        if y is not None:
            self._refuse_calibration()
            return cut_last_windows(X, self.context_), y, np.arange(len(X))
        held_out = self._count_held_out()
        _check_lengths(X, self.horizon + held_out)
        known = RaggedArray.from_sequences([x[: len(x) - held_out] for x in X])
        return cut_training_windows(known, self.context_, self.horizon)

    def _choose_lengths(self, X, y):
        auto = choose_context(
            X.lengths + (0 if y is None else self.horizon),
            self.horizon,
            self.season_length,
        )
        self.context_ = int(resolve(self, "context", auto))
        wanted = int(resolve(self, "segment_length", self.season_length))
        self.segment_length_ = min(wanted, self.context_)

    def _refuse_calibration(self):
        if self.calibration_origins > 0:
            raise ValueError(
                f"calibration_origins={self.calibration_origins} needs y=None: the "
                "ends of series are held out."
            )

    def _count_held_out(self):
        """Return how many last steps no training window may see."""
        if self.calibration_origins == 0:
            return 0
        return self.horizon + self.calibration_origins - 1

    def _fit_windows(self, windows, futures, weight):
        n_features = windows.shape[2]
        windows, futures = split_features(windows), split_features(futures)
        weight = np.repeat(weight, n_features)
        scale = measure_scale(windows, self.scaling)
        scaled, targets = scale.apply(windows), scale.apply(futures)
        self.linear_ = Ridge(alpha=_RIDGE * weight.sum())
        self.linear_.fit(scaled, targets, sample_weight=weight)
        rest = targets - self.linear_.predict(scaled).reshape(targets.shape)
        n_batches = math.ceil(len(windows) / self.batch_size)
        auto = count_epochs(_N_UPDATES, n_batches, most=100)
        self.max_epochs_ = int(resolve(self, "max_epochs", auto))
        self.regressor_ = RNNRegressor(
            **{name: getattr(self, name) for name in _PASSED_ON},
            max_epochs=self.max_epochs_,
            bidirectional=False,
            pooling="last",
            conv_channels=None,
            categorical_features=None,
            embedding_dim=None,
            early_stopping=False,
        )
        segments = make_segments(scaled, self.segment_length_)
        with warnings.catch_warnings():
            if is_auto(self.max_epochs):  # a budget: the loss may still fall
                warnings.simplefilter("ignore", ConvergenceWarning)
            self.regressor_.fit(segments, rest, sample_weight=weight)
        self.loss_curve_ = self.regressor_.loss_curve_
        self.module_ = self.regressor_.module_

    def _calibrate(self, X):
        """Keep the errors of the held-out origins, in units of their windows' scale."""
        n_origins, horizon = self.calibration_origins, self.horizon
        parts = []
        for i in range(n_origins):
            stops = X.lengths - horizon - i
            known = RaggedArray.from_sequences(
                [x[:n] for x, n in zip(X, stops, strict=True)]
            )
            future = np.stack(
                [x[n : n + horizon] for x, n in zip(X, stops, strict=True)]
            )
            forecasts, scale = self._forecast(known)
            parts.append(np.abs(split_features(future) - forecasts) / scale)
        self._errors = np.sort(np.concatenate(parts), axis=0)  # (n_errors, horizon)

    # Steps of predict -----------------------------------------------------------------

    def _check_for_predict(self, X):
        check_is_fitted(self)
        refuse_changed_parameters(self, self._fixed_parameters)
        return check_series(X, self, reset=False)

    def _forecast(self, X):
        """Return forecasts, (n_samples * n_features, horizon), and scales, (..., 1)."""
        windows = split_features(cut_last_windows(X, self.context_))
        scale = measure_scale(windows, self.scaling)
        scaled = scale.apply(windows)
        segments = make_segments(scaled, self.segment_length_)
        rest = self.regressor_.predict(segments).reshape(len(scaled), -1)
        return scale.invert(self._predict_linear(scaled) + rest), scale.scale

    def _predict_linear(self, scaled):
        # row by row: a matrix product rounds differently in batches of another size
        weights = np.atleast_2d(self.linear_.coef_)
        products = np.stack([(weights * window).sum(axis=1) for window in scaled])
        return products + self.linear_.intercept_

    def _interval_width(self, coverage):
        """Return the half width of an interval, in units of the scale, (horizon,)."""
        if not (isinstance(coverage, Real) and 0 < coverage < 1):
            raise ValueError(
                f"coverage must be a float between 0 and 1. Got {coverage!r} instead."
            )
        if self.calibration_origins == 0:
            raise ValueError(
                "predict_interval needs errors of held-out origins: fit with "
                "calibration_origins > 0."
            )
        n_errors = len(self._errors)
        rank = math.ceil((n_errors + 1) * coverage)
        if rank > n_errors:
            least = math.ceil(coverage / (1 - coverage) - 1e-9)
            raise ValueError(
                f"coverage={coverage} needs at least {least} held-out origins. There "
                f"are {n_errors}: fit with more calibration_origins."
            )
        return self._errors[rank - 1]

    # Checks ---------------------------------------------------------------------------

    def _check_future(self, y, X):
        """Return y of shape (n_samples, horizon, n_features)."""
        with errors_that_name("y"):
            y = np.asarray(y, dtype=np.float64)
        if y.ndim == 2:
            y = y[..., np.newaxis]
        check_consistent_length(X, y)
        if y.shape[1:] != (self.horizon, X.n_features):
            raise ValueError(
                f"y must have shape (n_samples, horizon={self.horizon}) or (n_samples, "
                f"{self.horizon}, n_features={X.n_features}). Got {y.shape} instead."
            )
        finite = np.isfinite(y)
        if not finite.all():
            i, step, _ = np.unravel_index(finite.argmin(), y.shape)
            raise ValueError(f"y[{i}] has NaN or infinity at step {step}.")
        return y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "forecaster"
        tags.target_tags.required = False
        tags.target_tags.two_d_labels = True
        tags.input_tags.three_d_array = True
        tags.input_tags.one_d_array = True
        return tags


def _check_lengths(X, horizon):
    """Refuse series without a step before the last `horizon`."""
    short = X.lengths <= horizon
    if short.any():
        i = int(short.argmax())
        raise ValueError(
            f"X[{i}] has {X.lengths[i]} steps, but {horizon + 1} are needed: one to "
            f"forecast from, and {horizon} to forecast."
        )
