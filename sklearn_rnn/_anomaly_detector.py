"""RNNAnomalyDetector: a score for each series and each step."""

import copy
import math
import warnings

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._anomalies import (
    N_KINDS,
    Level,
    Segments,
    accumulate,
    clip_inputs,
    drop_gradual,
    find_episodes,
    fit_lags,
    fit_segments,
    forecast_lags,
    forecast_seasons,
    measure_level,
    measure_scatter,
    median_of_known,
    robust_threshold,
    segment_errors,
    smooth,
    to_energies,
)
from sklearn_rnn._defaults import count_epochs, is_auto, resolve
from sklearn_rnn._forecasting import check_series
from sklearn_rnn._parameters import (
    constraints_of,
    get_fixed_parameters,
    refuse_changed_parameters,
)
from sklearn_rnn._sequences import RaggedArray, split_steps
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._stream_scores import StreamScores
from sklearn_rnn._streaming import StreamingMixin, check_stream_method
from sklearn_rnn.utils import (
    ANYTHING,
    BOOL,
    COUNT,
    FEATURE_NAMES,
    NUMBER,
    AdviceMixin,
    Kind,
    check_pandas_support,
    fit_context,
    may_lack,
)

_LEAST_SPAN, _SPAN_OF_ROOT = 60, 1.5  # of smoothing="auto"
_TRAINED_SHARE = 0.8  # of each series; the rest calibrates
_N_UPDATES = 400  # of max_epochs="auto"
_PIECE = 128  # steps of a series that the network is trained on at once
_LEAST_STEPS = 10  # of all series together: fewer have no distribution
_LEAST_ERRORS = 20  # that calibrate; with fewer, those of all steps
_N_SCATTERS = 3.0  # of contamination="auto"
_LEAST_SAMPLES = 10  # that the scores of samples have a distribution with
_TYPICAL, _RARE = 0.5, 0.99  # quantiles that smoothed and single energies are units of
_LEAST_UNIT = 0.1
_MOST_SPANS = 2  # between parts of a stretch: then 2 % of the smoothed mean are left
_N_NAMED = 3  # features of an anomaly, at most
# constructor parameters of the recurrent part that are passed on as they are
_PASSED_ON = (
    *("cell", "nonlinearity", "hidden_size", "num_layers", "dropout", "optimizer"),
    *("learning_rate", "learning_rate_schedule", "weight_decay", "max_grad_norm"),
    *("batch_size", "device", "callbacks", "checkpoint", "random_state", "verbose"),
)


def _is_finite(value):
    """Return whether a value is an array of finite floats."""
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return is_float and bool(np.isfinite(value).all())


def _floats(shape, positive=False):
    """Return the kind of finite arrays whose shape the number of features gives."""
    return Kind(
        "a finite array of floats" + ", all above 0" * positive,
        lambda v, s: (
            _is_finite(v)
            and v.shape == shape(s["n_features_in_"])
            and (not positive or bool((v > 0).all()))
        ),
    )


class RNNAnomalyDetector(StreamingMixin, AdviceMixin, OutlierMixin, BaseEstimator):
    """Recurrent neural network that finds anomalies in series, as they happen.

    Each step is compared with the usual level of its series, with a forecast made one
    step before, with one made a season before, and with what the other features and the
    last steps imply. A score reads no later step: it is the same when it is
    computed on the fly. No labels are needed, and the series of `fit` may contain
    anomalies.

    Parameters
    ----------
    contamination : float or "auto", default="auto"
        Where normal ends.

        - "auto": three robust standard deviations above the median of the logarithms of
          the scores in `fit`; those of the steps for `predict_steps`, and for `predict`
          those of the sequences too if there are ten or more: the higher limit counts.
        - a float, at most 0.5: the share of the sequences of `fit` that `predict` calls
          outliers, and the share of their steps with scores above `step_threshold_`.
    smoothing : int or "auto", default="auto"
        Span, in steps, of the exponential mean over deviations so far: the newest step
        has a weight of ``2 / (smoothing + 1)``. Long spans find anomalous stretches,
        short ones single steps. "auto": 60, or 1.5 times the square root of the length
        of a typical series if that is more, but at most a tenth of the length.
    aggregation : {"max", "mean"}, default="max"
        How the scores of its steps become the score of a sequence.

        - "max": one anomalous step makes the sequence anomalous.
        - "mean": short anomalies in long sequences hardly count.
    context : int or "auto", default="auto"
        Number of steps that the linear part of a forecast reads; the recurrent part
        carries its state from the first step of a series. "auto": a season and eight
        steps, or 32 steps without a season, but at most a quarter of a typical series.
    season_length : int, default=1
        Number of steps after which the series repeats itself, such as 24 for hours with
        a daily pattern; 1 if it does not. Each step is compared with a forecast made
        one step before and with the last five seasons; without a season, with a
        forecast made `context` steps before.
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
    hidden_size : int or sequence of int, default=32
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
    batch_size : int, default=8
        Maximum number of pieces of series in a mini-batch. Each epoch is split into
        mini-batches of nearly equal size.
    max_epochs : int or "auto", default="auto"
        Number of passes over the series. "auto": as many as 400 mini-batches need.
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
        Controls the initial weights, the order of the pieces and dropout. Pass an int
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
        Value of `context`, or the one chosen for "auto".
    offset_ : float
        ``decision_function(X) = score_samples(X) - offset_``.
    step_threshold_ : float
        Score of a step above which an anomalous stretch begins.
    smoothing_ : int
        Value of `smoothing`, or the one chosen for "auto".
    regressor_ : RNNStepRegressor
        Recurrent part; trained on what the linear part leaves.
    n_features_in_ : int
        Number of variables of a series.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    max_epochs_ : int
        Value of `max_epochs`, or the one chosen for "auto".
    loss_curve_ : list of float
        Mean training loss of the recurrent part in each epoch.
    history_ : skorch.history.History
        One row per epoch: loss, score, mean gradient norm before clipping, learning
        rate, duration in seconds.
    module_ : torch.nn.Module
        Trained network, called as ``module_(x, lengths)``.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Detector for samples without order.
    RNNForecaster : Forecasts of the next steps.

    Notes
    -----
    Each feature is centred on its median and divided by a robust scale. A forecast is
    the sum of a linear part and a share of the output of a recurrent network, which
    reads the whole past and is trained on what the linear part leaves. The linear part
    is a ridge regression on `context_` steps; a season ahead, it is the median of the
    same step of the last five seasons. The share, between 0 and 1, minimises the error
    in the last fifth of each series, which neither is fitted on: a network that does
    not help there is left out. A linear autoencoder rebuilds the last ten steps of all
    features from the principal axes that hold nine tenths of their variance; the newest
    step is compared. The errors in the last fifth also give the scatter:
    1.48 times their median absolute deviation, shrunk to that of the feature if there
    are few.

    The deviation from the median, the error of the forecast one step before [1]_, that
    of the forecast a season before and that of the autoencoder are taken in units of
    their scatter, squared, smoothed over time, averaged over features and divided by
    their usual size in `fit`. The score is the root of the mean of these four and of
    the mean square of the step alone. A kind that is not known yet has its usual
    size: in the first `context_` steps after the first forecast, in the first season
    and in the first nine steps.

    A score depends on its own series alone and on no later step, to the last bit on
    the CPU.

    References
    ----------
    .. [1] P. Malhotra, L. Vig, G. Shroff, P. Agarwal, "Long short term memory networks
       for anomaly detection in time series", ESANN 2015.
    .. [2] L. Smith, N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", arXiv:1708.07120.
    .. [3] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
       neural networks", ICML 2013.
    .. [4] K. Hundman, V. Constantinou, C. Laporte, I. Colwell, T. Soderstrom,
       "Detecting spacecraft anomalies using LSTMs and nonparametric dynamic
       thresholding", KDD 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNAnomalyDetector
    >>> x = np.sin(np.arange(400) / 24 * 2 * np.pi)
    >>> x[300] = 4.0
    >>> detector = RNNAnomalyDetector(season_length=24, max_epochs=2, random_state=0)
    >>> scores = detector.fit([x]).score_steps([x])
    >>> int(scores[0].argmax())
    300
    """

    def __init__(
        self,
        *,
        contamination="auto",
        smoothing="auto",
        aggregation="max",
        context="auto",
        season_length=1,
        cell="gru",
        nonlinearity="tanh",
        hidden_size=32,
        num_layers=1,
        dropout=0.0,
        optimizer="adam",
        learning_rate=0.003,
        learning_rate_schedule="onecycle",
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=8,
        max_epochs="auto",
        device="auto",
        callbacks=None,
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.contamination = contamination
        self.smoothing = smoothing
        self.aggregation = aggregation
        self.context = context
        self.season_length = season_length
        self.cell = cell
        self.nonlinearity = nonlinearity
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
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

    _parameter_constraints: dict = constraints_of(__init__)

    # what a file holds of a fitted detector
    _learned = {
        "n_features_in_": COUNT,
        "feature_names_in_": may_lack(FEATURE_NAMES),
        "_reads_table": BOOL,
        "context_": COUNT,
        "smoothing_": Kind("an int above 0", lambda v, s: type(v) is int and v > 0),
        "max_epochs_": COUNT,
        "_aheads": Kind(
            "two ints above 0",
            lambda v, s: (
                isinstance(v, tuple)
                and len(v) == 2
                and all(type(h) is int and h > 0 for h in v)
            ),
        ),
        "_center": _floats(lambda n: (n,)),
        "_spread": _floats(lambda n: (n,), positive=True),
        "_weights": Kind(
            "one finite array, or two, a row a step of the context",
            lambda v, s: (
                isinstance(v, list)
                and len(v) in (1, 2)
                and all(_floats(lambda n: (s["context_"], n)).fits(w, s) for w in v)
            ),
        ),
        "_network_share": _floats(lambda n: (2, n)),
        "_segment_mean": Kind(
            "a finite array, some steps of all features",
            lambda v, s: (
                _is_finite(v)
                and v.ndim == 1
                and len(v) > 0
                and len(v) % s["n_features_in_"] == 0
            ),
        ),
        "_segment_axes": Kind(
            "a finite array, a row a value of `_segment_mean`",
            lambda v, s: (
                _is_finite(v) and v.ndim == 2 and len(v) == len(s["_segment_mean"])
            ),
        ),
        "_scatter": _floats(lambda n: (3, n), positive=True),
        "_usual": _floats(lambda n: (n, N_KINDS)),
        "_units": _floats(lambda n: (N_KINDS + 1,), positive=True),
        "step_threshold_": NUMBER,
        "offset_": NUMBER,
        "regressor_": Kind(
            "a fitted RNNStepRegressor of the same features",
            lambda v, s: (
                type(v) is RNNStepRegressor
                and hasattr(v, "net_")
                and v.n_features_in_ == s["n_features_in_"]
                and v.n_outputs_ == 2 * s["n_features_in_"]
            ),
        ),
        "_fixed_parameters": ANYTHING,
    }

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(self, X, y=None):
        """Learn what is normal.

        Parameters
        ----------
        X : array-like of shape (n_steps,), (n_samples, n_steps) or (n_samples, \
                n_steps, n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i,) or (n_steps_i, n_features)
            One series of one variable, or several series. For one series of several
            variables pass ``[x]``.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data is invalid, or all series together have fewer
            than ten steps.
        """
        before = dict(vars(self))
        try:
            return self._fit(X)
        except BaseException:
            self.__dict__ = before  # the previous fit, if there was one
            raise

    def score_samples(self, X):
        """Return the score of each series, lower for more abnormal ones.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The negative of the largest score of its steps, or of their mean with
            ``aggregation="mean"``.
        """
        X = self._check_for_predict(X)
        return self._aggregate(self._score(X))

    def decision_function(self, X):
        """Return the score of each series, less `offset_`.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Return which series are outliers.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        is_inlier : ndarray of shape (n_samples,)
            -1 for outliers, 1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def score_steps(self, X):
        """Return the score of each step, higher for more abnormal ones.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        scores : ndarray of shape (n_samples,) of ndarray of shape (n_steps_i,)
            Near 1 or below at normal steps. The scores of the beginning of a series
            are those of the whole.
        """
        X = self._check_for_predict(X)
        return split_steps(np.concatenate(self._score(X)), X.offsets)

    def predict_steps(self, X):
        """Return which steps are anomalous.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        is_anomaly : ndarray of shape (n_samples,) of ndarray of shape (n_steps_i,)
            1 at the steps of the stretches that `find_anomalies` lists, 0 at others.
        """
        X = self._check_for_predict(X)
        flags = np.zeros(len(X.values), np.int64)
        for start, energies in zip(X.offsets, self._measure_energies(X), strict=False):
            for part in self._find_episodes(energies)[0]:
                flags[start + part.start : start + part.stop] = 1
        return split_steps(flags, X.offsets)

    def find_anomalies(self, X):
        """Return the anomalous stretches as a table. Needs pandas.

        Parameters
        ----------
        X : like X in `fit`
            The series.

        Returns
        -------
        anomalies : DataFrame
            A row for each stretch, in order of time, with the columns

            - "sample": number of the series,
            - "start", "end": its first step, and the one after its last,
            - "severity": its highest score, relative to `step_threshold_`,
            - "features": names or numbers of up to three features that deviate most.

        Notes
        -----
        A stretch begins where the score exceeds `step_threshold_`. It ends with the
        last step that deviates at least as much as the mean that it adds to: the score
        stays high for some steps more. Stretches at most ``smoothing_ / 2`` steps apart
        are one. If `contamination` is a float, some normal steps are above the
        threshold, too. Then stretches are one up to ``2 * (smoothing_ - 1)`` steps
        apart, while the first has a share in the score, and stretches whose peaks
        decrease gradually to the scores of normal steps, with no drop by 15 %, are left
        out (Hundman et al., in the references of the class), unless the peak is 1.35
        times the threshold.
        """
        pd = check_pandas_support("find_anomalies")

        X = self._check_for_predict(X)
        rows = []
        for i, energies in enumerate(self._measure_energies(X)):
            episodes, scores = self._find_episodes(energies)
            for part in episodes:
                severity = scores[part].max() / self.step_threshold_
                names = self._name_features(energies[part])
                rows.append((i, part.start, part.stop, severity, names))
        columns = ["sample", "start", "end", "severity", "features"]
        return pd.DataFrame(rows, columns=columns)

    def stream(self, n_streams=1, *, method="score_steps"):
        """Return an object that scores each step as it comes.

        Parameters
        ----------
        n_streams : int, default=1
            Number of independent streams.
        method : {"score_steps", "score_samples", "decision_function", "predict"}, \
                default="score_steps"
            What is returned, as the method of this name does. "score_steps" is about
            the new step: above `step_threshold_`, it is an alarm. The others are about
            the series so far.

        Returns
        -------
        stream : RNNStream
            See :class:`~sklearn_rnn.RNNStream`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_rnn import RNNAnomalyDetector
        >>> x = np.sin(np.arange(400) / 24 * 2 * np.pi)
        >>> detector = RNNAnomalyDetector(
        ...     season_length=24, max_epochs=2, random_state=0
        ... ).fit([x])
        >>> stream = detector.stream()
        >>> x[300] = 4.0
        >>> scores = [stream.update(x_t) for x_t in x]
        >>> int(np.argmax(scores))
        300
        """
        return self._open_stream(n_streams, method)

    @property
    def loss_curve_(self):
        """Mean training loss of the recurrent part in each epoch."""
        return self.regressor_.loss_curve_

    @property
    def history_(self):
        """One row per epoch, a :class:`skorch.history.History`."""
        return self.regressor_.history_

    @property
    def module_(self):
        """The trained :class:`torch.nn.Module`."""
        return self.regressor_.module_

    # Steps of fit ---------------------------------------------------------------------

    def _fit(self, X):
        X = check_series(X, self, reset=True)
        if len(X.values) < _LEAST_STEPS:
            raise ValueError(
                f"X has {len(X.values)} step(s) in all series together, but at least "
                f"{_LEAST_STEPS} are needed to learn what is normal."
            )
        self._choose_lengths(X)
        level = measure_level(X.values.astype(np.float64))
        self._center, self._spread = level.location, level.scale
        scaled = self._scale(X)
        n_trained = [math.ceil(_TRAINED_SHARE * len(x)) for x in scaled]
        trained = [x[:n] for x, n in zip(scaled, n_trained, strict=True)]
        inputs = [clip_inputs(x) for x in trained]
        aheads = self._aheads if self.season_length == 1 else self._aheads[:1]
        self._weights = [fit_lags(inputs, self.context_, h) for h in aheads]
        self._segment_mean, self._segment_axes = fit_segments(inputs)
        self._fit_network(trained)
        self._calibrate(scaled, n_trained)
        self._choose_thresholds(X)
        self._fixed_parameters = get_fixed_parameters(self)
        return self

    def _choose_lengths(self, X):
        typical = int(np.median(X.lengths))
        season = self.season_length
        most = max(typical // 4, 1)
        auto = min(season + 8 if season > 1 else 32, most)
        self.context_ = int(resolve(self, "context", auto))
        wanted = max(_LEAST_SPAN, round(_SPAN_OF_ROOT * math.sqrt(typical)))
        auto = min(wanted, max(typical // 10, 1))
        self.smoothing_ = int(resolve(self, "smoothing", auto))
        self._aheads = (1, int(season) if season > 1 else self.context_)

    def _scale(self, X):
        return [self._scale_steps(x) for x in X]

    def _scale_steps(self, x):
        return Level(self._center, self._spread).apply(x.astype(np.float64))

    def _fit_network(self, trained):
        """Train the network on what the linear parts leave, piece by piece."""
        pieces, targets = [], []
        for x in trained:
            errors = x[:, np.newaxis] - self._forecast_linearly(x)
            rest = np.zeros_like(errors)
            for i, h in enumerate(self._aheads):
                # at step t: of the forecast of step t + h; 0 where that is unknown
                rest[: max(len(x) - h, 0), i] = errors[h:, i]
            rest, inputs = clip_inputs(rest.reshape(len(x), -1)), clip_inputs(x)
            for start in range(0, len(x), _PIECE):
                pieces.append(inputs[start : start + _PIECE])
                targets.append(rest[start : start + _PIECE])
        n_batches = math.ceil(len(pieces) / self.batch_size)
        auto = count_epochs(_N_UPDATES, n_batches)
        self.max_epochs_ = int(resolve(self, "max_epochs", auto))
        self.regressor_ = RNNStepRegressor(
            **{name: getattr(self, name) for name in _PASSED_ON},
            max_epochs=self.max_epochs_,
            bidirectional=False,
            loss="huber",
            categorical_features=None,
            embedding_dim=None,
        )
        with warnings.catch_warnings():
            if is_auto(self.max_epochs):  # a budget: the loss may still fall
                warnings.simplefilter("ignore", ConvergenceWarning)
            self.regressor_.fit(RaggedArray.from_sequences(pieces), targets)

    def _calibrate(self, scaled, n_trained):
        """Measure the use of the network, and the scatter, on the ends of series."""
        pairs = list(self._forecast(scaled))
        if sum(map(len, scaled)) - sum(n_trained) < _LEAST_ERRORS:
            n_trained = [0] * len(scaled)
        ends = [
            (x[n:, np.newaxis] - linear[n:], network[n:])
            for x, n, (linear, network) in zip(scaled, n_trained, pairs, strict=True)
        ]
        errors, network = (np.concatenate(part) for part in zip(*ends, strict=True))
        norm = (network**2).sum(axis=0)
        share = (clip_inputs(errors) * network).sum(axis=0) / np.where(
            norm > 0, norm, 1
        )
        self._network_share = np.clip(share, 0, 1)  # (n_aheads, n_features)
        of_segments = [
            self._measure_segments(x)[n:]
            for x, n in zip(scaled, n_trained, strict=True)
        ]
        self._scatter = np.concatenate(
            [
                measure_scatter(errors - self._network_share * network),
                measure_scatter(np.concatenate(of_segments))[np.newaxis],
            ]
        )

    def _choose_thresholds(self, X):
        self._usual = np.full((self.n_features_in_, N_KINDS), np.nan)
        energies = list(self._measure_energies(X))
        self._usual = median_of_known(np.concatenate(energies))
        energies = [np.where(np.isnan(e), self._usual, e) for e in energies]
        smoothed = np.concatenate([self._smooth(e).mean(axis=1) for e in energies])
        single = np.concatenate([e.mean(axis=(1, 2)) for e in energies])
        typical = np.quantile(smoothed, _TYPICAL, axis=0)
        self._units = np.fmax(np.r_[typical, np.quantile(single, _RARE)], _LEAST_UNIT)
        scores = [self._to_scores(e) for e in energies]
        steps, of_samples = np.concatenate(scores), self._aggregate(scores)
        if not is_auto(self.contamination):
            self.step_threshold_ = float(np.quantile(steps, 1 - self.contamination))
            self.offset_ = float(np.quantile(of_samples, self.contamination))
            return
        self.step_threshold_ = robust_threshold(steps, _N_SCATTERS)
        few = len(of_samples) < _LEAST_SAMPLES
        typical = (
            self.step_threshold_ if few else robust_threshold(-of_samples, _N_SCATTERS)
        )
        self.offset_ = -max(typical, self.step_threshold_)

    # Steps of predict -----------------------------------------------------------------

    def _check_for_predict(self, X):
        check_is_fitted(self)
        refuse_changed_parameters(self, self._fixed_parameters)
        return check_series(X, self, reset=False)

    def _forecast(self, scaled):
        """Yield forecasts of the linear parts and of the network for each series.

        Both have shape (n_steps, n_aheads, n_features): forecasts of a step, made
        before.
        """
        inputs = [clip_inputs(x) for x in scaled]
        outputs = self.regressor_.predict(RaggedArray.from_sequences(inputs))
        for x, output in zip(scaled, outputs, strict=True):
            rest = output.reshape(len(x), len(self._aheads), -1)
            network = np.zeros_like(rest)
            for i, h in enumerate(self._aheads):
                network[h:, i] = rest[: max(len(x) - h, 0), i]
            yield self._forecast_linearly(x), network

    def _forecast_linearly(self, x):
        inputs, (_, season) = clip_inputs(x), self._aheads
        forecasts = [
            forecast_lags(inputs, w, h)
            for h, w in zip(self._aheads, self._weights, strict=False)
        ]
        if self.season_length > 1:
            forecasts.append(forecast_seasons(x, season))
        return np.stack(forecasts, axis=1)

    def _measure_segments(self, x):
        segments = Segments(self._segment_mean, self._segment_axes)
        return segment_errors(clip_inputs(x), segments)

    def _measure_energies(self, X):
        """Yield squared deviations in units of their scatter for each series.

        Their shape is (n_steps, n_features, n_kinds).
        """
        scaled = self._scale(X)
        for x, (linear, network) in zip(scaled, self._forecast(scaled), strict=True):
            segments = self._measure_segments(x)
            yield self._compare(x, linear, network, segments, np.arange(len(x)))

    def _compare(self, x, linear, network, segments, ages):
        """Return the energies of steps, with so many steps of their series before."""
        errors = x[:, np.newaxis] - linear - self._network_share * network
        errors = np.concatenate([errors, segments[:, np.newaxis]], axis=1)
        kinds = np.concatenate([x[:, np.newaxis], errors / self._scatter], axis=1)
        energies = to_energies(kinds.transpose(0, 2, 1))
        is_young = ages[:, np.newaxis] < np.r_[0, self._count_young()]
        return np.where(is_young[:, np.newaxis], self._usual, energies)

    def _count_young(self):
        """Return the number of first steps whose past is too short for each kind."""
        one_step, season = self._aheads
        return (
            self.context_ + one_step,
            season if self.season_length > 1 else self.context_ + season,
            len(self._segment_mean) // self.n_features_in_ - 1,
        )

    def _smooth(self, energies):
        return smooth(energies, self.smoothing_, self._usual)

    def _to_scores(self, energies):
        """Return the scores of the steps of one series."""
        return self._combine(self._smooth(energies), energies)

    def _combine(self, smoothed, energies):
        smoothed, single = smoothed.mean(axis=1), energies.mean(axis=(1, 2))
        parts = np.column_stack([smoothed, single]) / self._units
        return np.sqrt(parts.mean(axis=1))

    def _score(self, X):
        return [self._to_scores(e) for e in self._measure_energies(X)]

    def _find_episodes(self, energies):
        """Return the anomalous stretches of one series, and the scores of its steps."""
        smoothed = self._smooth(energies)
        scores = self._combine(smoothed, energies)
        # without the last kind: a spike spoils the segments of the steps after it
        sums = [
            (part.mean(axis=1) / self._units[:-1])[:, :-1].sum(axis=1)
            for part in (energies, smoothed)
        ]
        is_share = not is_auto(self.contamination)
        gap = _MOST_SPANS * (self.smoothing_ - 1) if is_share else self.smoothing_ // 2
        episodes = find_episodes(scores, self.step_threshold_, *sums, gap)
        if is_share:  # above the threshold, however normal they are
            episodes = drop_gradual(episodes, scores, self.step_threshold_)
        return episodes, scores

    def _aggregate(self, scores):
        """Return the score of each series from those of its steps."""
        start = np.float64(0)
        totals = np.array([accumulate(s, self.aggregation, start) for s in scores])
        return self._negate(totals, [len(s) for s in scores])

    def _negate(self, totals, n_steps):
        """Return scores of series from what `accumulate` has made of their steps."""
        return -(totals if self.aggregation == "max" else totals / n_steps)

    def _name_features(self, energies):
        """Return the features that deviate most in a stretch, the first most."""
        sizes = (energies.mean(axis=0) / self._units[:-1]).sum(axis=1)
        order = np.argsort(-sizes, kind="stable")[:_N_NAMED]
        names = getattr(self, "feature_names_in_", np.arange(len(sizes)))
        return tuple(names[order[sizes[order] >= sizes.max() / 2]].tolist())

    # Streams --------------------------------------------------------------------------

    def _copy_for_stream(self):
        owner = copy.copy(self)
        owner.regressor_ = self.regressor_._copy_for_stream()
        return owner

    def _make_stream_network(self, module, n_streams, method, classes):
        return StreamScores(self, module, n_streams, per_step=method == "score_steps")

    def _check_stream(self, X, name):
        return check_series(X, self, reset=False, name=name, allow_empty=True)

    def _make_response(self, method):
        responses = {
            "score_steps": np.copy,
            "score_samples": np.copy,
            "decision_function": lambda scores: scores - self.offset_,
            "predict": lambda scores: np.where(scores - self.offset_ < 0, -1, 1),
        }
        respond = check_stream_method(method, responses)
        return lambda scores: respond(scores.numpy())

    def _split_response(self, predictions, offsets, method):
        return split_steps(predictions, offsets)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
