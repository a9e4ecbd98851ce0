"""RNNTagger: one label, or one set of labels, per step."""

import copy
from itertools import pairwise

import numpy as np
import torch
from sklearn.metrics import accuracy_score

from sklearn_rnn import nn
from sklearn_rnn._inference import apply_to_steps, make_batch_invariant
from sklearn_rnn._parameters import constraints_of
from sklearn_rnn._sequences import RaggedArray, split_steps
from sklearn_rnn._step_base import StepRNN
from sklearn_rnn._targets import StepClassTargets, StepLabelTargets
from sklearn_rnn._training import PathDataset
from sklearn_rnn._training_data import list_targets
from sklearn_rnn.nn import (
    BinaryCrossEntropy,
    CrossEntropy,
    PathLikelihood,
    flatten_steps,
)
from sklearn_rnn.utils import check_partial_fit_first_call, neutral_torch_state


class RNNTagger(StepRNN):
    """Recurrent neural network that gives each step a label.

    For part of speech and names in text, states in a sensor log, the notes of a
    piece of music: wherever :class:`RNNClassifier` would give one answer too few. With
    columns of 0 and 1 as y, for several labels at once (multilabel).

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
    crf : bool, default=False
        Whether a linear-chain conditional random field scores the transitions between
        labels [4]_. `predict` then returns the most probable path of labels.
    scheme : {"iob2", "iobes", "bilou"} or None, default=None
        Tag scheme of y. Tags that break the scheme raise an error in `fit`. With
        ``crf=True``, forbidden transitions have a probability of exactly 0.
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
    transitions_ : ndarray of shape (n_classes, n_classes)
        Scores of transitions from a label (row) to the next (column); -inf if the
        scheme forbids the transition. Defined only with ``crf=True``.
    start_transitions_ : ndarray of shape (n_classes,)
        Score of each label at the first step. Defined only with ``crf=True``.
    end_transitions_ : ndarray of shape (n_classes,)
        Score of each label at the last step. Defined only with ``crf=True``.
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features. Defined only if X is a DataFrame or a list of DataFrames
        whose column names are all strings, or a RaggedArray with names.
    n_outputs_ : int
        Number of targets per step: the number of labels if y is multilabel, otherwise
        1.
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
        Mean training loss per step of each epoch.
    validation_scores_ : list of float or None
        Accuracy over the steps of the validation set after each epoch; None without a
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
    RNNStepRegressor : Numbers instead of labels.
    RNNClassifier : One label for each sequence.

    Notes
    -----
    scikit-learn has no estimators of one label a step. So the tagger is no
    classifier to it (``is_classifier`` is False), and cross-validation uses
    :class:`~sklearn.model_selection.KFold`; `score` is the accuracy over steps. For
    other scores there is :mod:`sklearn_rnn.metrics`.

    Without a CRF the probability of a label at a step is
    :math:`\\mathrm{softmax}(W h_t + b)`. With one, that of a path of labels is

    .. math::

        p(y \\mid x) \\propto \\exp(s_{y_1} + \\sum_t (W h_t + b)_{y_t}
        + \\sum_{t > 1} T_{y_{t-1}, y_t} + e_{y_n})

    with scores of transitions :math:`T`, of the first label :math:`s` and of the last
    label :math:`e`.

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
    .. [4] J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields:
       probabilistic models for segmenting and labeling sequence data", ICML 2001.

    Examples
    --------
    >>> from sklearn_rnn import RNNTagger
    >>> from sklearn_rnn.preprocessing import SequenceTokenizer
    >>> texts = ["aabba", "abab", "bbaab"] * 10
    >>> y = [["same" if a == b else "new" for a, b in zip(t, "x" + t)] for t in texts]
    >>> tagger = RNNTagger(hidden_size=16, max_epochs=40, random_state=0)
    >>> X = SequenceTokenizer(level="char").fit_transform(texts)
    >>> tagger.fit(X, y).predict(X[:1])[0]
    array(['new', 'same', 'new', 'same', 'new'], dtype='<U4')
    """  # noqa: D301

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
        crf=False,
        scheme=None,
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
        self.conv_channels = conv_channels
        self.conv_kernel_size = conv_kernel_size
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.crf = crf
        self.scheme = scheme
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
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    _parameter_constraints: dict = constraints_of(__init__)
    _kinds_of_targets = (StepClassTargets, StepLabelTargets)

    _answers = "labels"

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some samples, from the current weights.

        The learning rate is constant, as a stream has no planned end; the first call
        decides the standardisation of X and the known token ids.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            The labels of each step of each sequence.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come, in the first call; optional afterwards.
            Multilabel y needs none.
        sample_weight : array-like of shape (n_samples,), or like y, default=None
            Weight of each sequence, or of each step. A weight of 2 counts as two
            samples. The target of a step of weight 0 is unknown, whatever it is.

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
        """Predict the label of each step.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        y : ndarray of shape (n_samples,) of ndarray of shape (n_steps_i,) or \
                (n_steps_i, n_labels)
            An object array, also if all sequences are equally long. With
            ``crf=True``, the most probable path of labels [1]_, else the most
            probable label of each step.

        References
        ----------
        .. [1] A. Viterbi, "Error bounds for convolutional codes and an asymptotically
           optimum decoding algorithm", IEEE Transactions on Information Theory 13,
           1967.
        """
        X = self._validate_for_predict(X)
        return split_steps(self._predict_labels(X), X.offsets)

    def predict_proba(self, X):
        """Predict the probability of each label at each step.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        probability : RaggedArray, of ndarray of shape (n_steps_i, n_classes)
            In the order of `classes_`. With ``crf=True``, marginal probabilities.
            Each step sums to 1, but not of multilabel y.
        """
        X = self._validate_for_predict(X)
        return RaggedArray(self._predict_probability(X), X.offsets)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each label at each step.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        log_probability : RaggedArray, of ndarray of shape (n_steps_i, n_classes)
            In the order of `classes_`; -inf for labels that the CRF scheme forbids.
        """
        X = self._validate_for_predict(X)
        if self.module_.crf is None:
            return RaggedArray(self._link(X, "predict_log")[0], X.offsets)
        with np.errstate(divide="ignore"):
            return RaggedArray(np.log(self._predict_probability(X)), X.offsets)

    def path_log_proba(self, X, y):
        """Return the logarithm of the probability of given labels.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            A label for each step.

        Returns
        -------
        log_probability : ndarray of shape (n_samples,)
            Joint log-probability of each label sequence; -inf for a path that the
            CRF scheme forbids.
        """
        X = self._validate_for_predict(X)
        y, _ = self._check_y(y, X, None)
        if isinstance(self._targets, StepLabelTargets):
            labels = self._targets.encode(y).values > 0.5
            on, off = self._link(X, "predict_log", "predict_log_not")
            steps = np.where(labels, on, off).sum(axis=1)
        else:
            y = self._targets.encode_paths(y)
            if self.module_.crf is not None:
                return self._path_log_likelihood(X, y)
            log_probability = self._link(X, "predict_log")[0]
            steps = np.take_along_axis(log_probability, y.values[:, None], 1)[:, 0]
        return np.array([steps[a:b].sum() for a, b in pairwise(X.offsets)])

    def score(self, X, y, sample_weight=None):
        """Return the accuracy over all steps.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.
        y : like y in `fit`
            True labels.
        sample_weight : array-like of shape (n_samples,), or like y, default=None
            Weight of each sequence, or of each step; a step of weight 0 is not
            scored.

        Returns
        -------
        accuracy : float
            Share of the steps whose label, or whole set of labels, is right.
        """
        X = self._validate_for_predict(X)
        y, weight = self._check_y(y, X, sample_weight)
        weight = y.repeat(weight)
        known = weight > 0
        labels, predictions = y.values[known], self._predict_labels(X)[known]
        return accuracy_score(labels, predictions, sample_weight=weight[known])

    @property
    def transitions_(self):
        """Scores of transitions, for ``crf=True``."""
        crf = self._get_crf("transitions_")
        return _forbid(crf.transitions, crf.allowed)

    @property
    def start_transitions_(self):
        """Scores of the first label, for ``crf=True``."""
        crf = self._get_crf("start_transitions_")
        return _forbid(crf.start_transitions, crf.allowed_start)

    @property
    def end_transitions_(self):
        """Scores of the last label, for ``crf=True``."""
        crf = self._get_crf("end_transitions_")
        return _forbid(crf.end_transitions, crf.allowed_end)

    def _get_crf(self, name):
        crf = self.module_.crf if hasattr(self, "net_") else None
        if crf is None:
            raise AttributeError(
                f"{type(self).__name__} has {name!r} after fit with crf=True only."
            )
        return crf

    # Methods that BaseRNN requires ----------------------------------------------------

    def _make_targets(self, y, **options):
        name = type(self).__name__
        if y.values.ndim == 1:
            return StepClassTargets(name, self.class_weight, self.scheme, **options)
        for parameter in ("crf", "scheme", "class_weight"):
            if getattr(self, parameter):
                raise ValueError(
                    f"y has {y.values.shape[1]} columns a step, which are several "
                    f"labels at once, but {parameter}={getattr(self, parameter)!r} "
                    "needs one label a step."
                )
        return StepLabelTargets(name)

    def _make_loss(self):
        if self.crf:
            return PathLikelihood()
        multilabel = isinstance(self._targets, StepLabelTargets)
        return BinaryCrossEntropy() if multilabel else CrossEntropy()

    def _make_model(self, inputs, stem, encoder, n_outputs):
        crf = None
        if self.crf:
            allowed, start, end = self._targets.rules or (None, None, None)
            crf = nn.CRF(
                n_outputs, allowed=allowed, allowed_start=start, allowed_end=end
            )
        return nn.StepModel(
            inputs, stem, encoder, n_outputs, dropout=self.dropout_, crf=crf
        )

    def _check_data(self, X, y, sample_weight, groups, continues, **options):
        data = super()._check_data(X, y, sample_weight, groups, continues, **options)
        if not self.crf:
            return data
        all_or_none = all(
            np.isin(y.weight, (0, 1)).all() for y, _ in list_targets(data)
        )
        if self.class_weight is not None or not all_or_none:
            raise ValueError(
                "crf=True takes weights of sequences, and weights of 0 and 1 of steps "
                "(0: the label is unknown), but neither other weights of steps nor "
                "class_weight."
            )
        return data

    def _choose_dataset(self):
        if isinstance(self._loss, PathLikelihood):
            return PathDataset
        return super()._choose_dataset()

    def _predict_encoded(self, module, X):
        if module.crf is not None:
            return _decode(module, X)
        return self._choose_labels(super()._predict_encoded(module, X))

    def _predict_labels(self, X):
        """Return the labels of all steps end to end."""
        if self.module_.crf is not None:
            return self._targets.decode(_decode(make_batch_invariant(self.module_), X))
        return self._decode_predictions(self._link(X, "predict")[0])

    def _decode_predictions(self, predictions):
        return self._targets.decode(self._choose_labels(predictions))

    def _choose_labels(self, probability):
        """Return class numbers; probabilities as they are if y is multilabel."""
        if isinstance(self._targets, StepLabelTargets):
            return probability
        return probability.argmax(axis=1)

    @neutral_torch_state()
    def _predict_probability(self, X):
        if self.module_.crf is None:
            return self._link(X, "predict")[0]
        module = make_batch_invariant(self.module_)
        return apply_to_steps(module, X, nn.StepModel.marginals)

    @neutral_torch_state()
    def _path_log_likelihood(self, X, y):
        """Return the log-likelihood of paths under the CRF, (n_samples,)."""
        module = make_batch_invariant(self.module_)
        scores = torch.from_numpy(apply_to_steps(module, X, _run_to_scores))
        labels = torch.from_numpy(y.values)
        crf = copy.deepcopy(self.module_.crf).cpu()
        broken, unfinished = self._targets.find_forbidden(y)
        result = np.zeros(len(X))
        for i, (a, b) in enumerate(pairwise(X.offsets)):
            if (broken | unfinished)[a:b].any():
                result[i] = -np.inf
            elif b > a:
                path = crf.path_log_likelihood(scores[None, a:b], labels[None, a:b])
                result[i] = path.item()
        return result

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "tagger"
        tags.target_tags.multi_output = True
        return tags


@neutral_torch_state()
def _decode(module, X):
    """Return the numbers of the labels of the best paths, (n_steps_total,)."""
    return apply_to_steps(module, X, nn.StepModel.decode)[:, 0]


def _run_to_scores(module, x, lengths):
    return flatten_steps(module(x, lengths).scores, lengths)


def _forbid(scores, allowed):
    """Return scores, -inf for forbidden transitions."""
    scores = scores.detach().cpu().numpy().astype(np.float64)
    return scores if allowed is None else np.where(allowed.cpu(), scores, -np.inf)
