"""BaseRNN: the story of fit, told once."""

import math
import re
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
)
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn import nn
from sklearn_rnn._sequences._batching import merge_equal_samples, weighted_moments
from sklearn_rnn._sequences._ragged import RaggedArray, TokenIds
from sklearn_rnn._sequences._validation import check_sequences
from sklearn_rnn._training._callbacks import (
    Monitor,
    check_callbacks,
    make_reporters,
)
from sklearn_rnn._training._inference import (
    apply_to_sequences,
    make_batch_invariant,
    states_of_sequences,
)
from sklearn_rnn._training._loader import SequenceDataset
from sklearn_rnn._training._net import SequenceNet
from sklearn_rnn._training._optimizers import Adam, AdamW
from sklearn_rnn.nn._gated import threads_for
from sklearn_rnn.utils._html import learning_curve_svg
from sklearn_rnn.utils._sklearn import (
    Interval,
    StrOptions,
    check_sample_weight,
    estimator_html_repr,
    fit_context,
    safe_indexing,
)
from sklearn_rnn.utils._torch import (
    draw_seed,
    isolated_seed,
    make_generator,
    make_random_state,
    resolve_device,
)

_ANNEALED = ("onecycle", "cosine")  # schedules that end at a rate of nearly zero
_EMBEDDING_SIZE = 32  # of embedding_dim="auto"
_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.Elman}
_OPTIMIZERS = {
    "adam": (Adam, {"fused": True}),
    "adamw": (AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "rmsprop": (torch.optim.RMSprop, {}),
}


class BaseRNN(BaseEstimator, metaclass=ABCMeta):
    """What all estimators share. Think twice before adding to it."""

    _parameter_constraints: dict = {
        "cell": [StrOptions(set(_CELLS)), type],
        "nonlinearity": [StrOptions({"tanh", "relu"})],
        "hidden_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
        "pooling": [StrOptions({"last", "mean", "max", "meanmax", "attention"})],
        "conv_channels": [
            Interval(Integral, 1, None, closed="left"),
            tuple,
            list,
            None,
        ],
        "conv_kernel_size": [Interval(Integral, 1, None, closed="left")],
        "conv_stride": [Interval(Integral, 1, None, closed="left")],
        "embedding_dim": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "optimizer": [StrOptions(set(_OPTIMIZERS)), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [
            StrOptions({"onecycle", "cosine", "plateau"}),
            None,
        ],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # What a final class says about its targets ---------------------------------------

    @abstractmethod
    def _encode_targets(self, y, sample_weight, reset):
        """Validate y and turn it into what the loss takes."""

    @abstractmethod
    def _make_loss(self):
        """Return the loss, which knows the link from outputs to predictions."""

    @abstractmethod
    def _count_outputs(self):
        """Return the size of the network's output."""

    @abstractmethod
    def _score_encoded(self, y_true, y_pred, sample_weight):
        """Return the validation score of predictions for encoded targets."""

    def _apply_class_weight(self, y, sample_weight):
        return sample_weight

    def _initialize_head(self, module, y, sample_weight):
        """Choose the head's first weights, where the drawn ones will not do."""

    # Fit -----------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
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
        """Train the network on sequences and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target of each sequence.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; a weight of 2 counts as two samples, a weight of
            0 as none.
        X_val : like X, default=None
            Sequences to compute `validation_scores_` on after each epoch. With
            ``early_stopping=True`` they take the place of a part of X.
        y_val : like y, default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the samples of `X_val`.
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
            If a parameter or the data is not what is accepted, or the training loss
            becomes NaN or infinite.
        """
        continues = self.warm_start and hasattr(self, "net_")
        with self._rollback_on_error():
            train = self._check_data(X, y, sample_weight, groups, reset=not continues)
            held_out = self._check_held_out(X_val, y_val, sample_weight_val)
            net = self._rebuild_net() if continues else self._build_net(*train[:3])
            if self.early_stopping and held_out is None:
                train, held_out = self._hold_out(*train)
            monitor = self._make_monitor(held_out)
            schedule = self.learning_rate_schedule
            self._train(net, train, monitor, int(self.max_epochs), schedule)
        self._warn_if_still_falling(monitor)
        return self

    def _partial_fit(self, X, y, sample_weight):
        """One epoch at a constant learning rate, from the weights that are there."""
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        continues = hasattr(self, "net_")
        with self._rollback_on_error():
            train = self._check_data(X, y, sample_weight, None, reset=not continues)
            net = self.net_ if continues else self._build_net(*train[:3])
            self._train(net, train, Monitor(None, None, 0.0, False), 1, None)
        return self

    @contextmanager
    def _rollback_on_error(self):
        """Put all attributes back should a fit fail, so that none is half new."""
        before = dict(vars(self))
        try:
            yield
        except Exception:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _check_data(self, X, y, sample_weight, groups, reset):
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        X = self._check_X(X, reset)
        check_consistent_length(X, y, groups)
        weight = check_weights(sample_weight, X)
        kept = weight > 0
        if not kept.all():  # a weight of 0 is as good as not there, label included
            X, y, weight = X[kept], safe_indexing(y, np.flatnonzero(kept)), weight[kept]
            groups = None if groups is None else np.asarray(groups)[kept]
        y = self._encode_targets(y, weight, reset)
        weight = self._apply_class_weight(y, weight)
        return self._index_tokens(X, reset), y, weight, groups

    def _check_X(self, X, reset):
        if reset:
            self._embedding_size = self._choose_embedding_size(X)
        tokens = self._embedding_size is not None
        return check_sequences(X, estimator=self, reset=reset, tokens=tokens)

    def _choose_embedding_size(self, X):
        if self.embedding_dim == "auto":
            return _EMBEDDING_SIZE if isinstance(X, TokenIds) else None
        return self.embedding_dim

    def _check_held_out(self, X_val, y_val, sample_weight_val):
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val is of no use without X_val.")
            return None
        for name, value in (("X_val", X_val), ("y_val", y_val)):
            if value is None:
                raise ValueError(f"X_val and y_val belong together. Got no {name}.")
        with _errors_speak_of("X_val"):
            X = self._index_tokens(self._check_X(X_val, reset=False), reset=False)
        if len(X) < 2:
            raise ValueError("X_val must have at least 2 samples. Got 1 instead.")
        check_consistent_length(X, y_val)
        weight = check_weights(sample_weight_val, X)
        with _errors_speak_of("y_val"):
            return X, self._encode_targets(y_val, weight, reset=False), weight

    def _index_tokens(self, X, reset):
        """Turn token ids into rows of the embedding; ids unseen at fit share row 0."""
        if self._embedding_size is None:
            return X
        if reset:
            self._token_ids = np.unique(X.values)
        row = np.searchsorted(self._token_ids, X.values)
        known = self._token_ids[np.minimum(row, len(self._token_ids) - 1)] == X.values
        return RaggedArray(np.where(known, row + 1, 0), X.offsets)

    def _hold_out(self, X, y, sample_weight, groups):
        """Split into a training and a validation part; all is trained on if too few."""
        everything = X, y, sample_weight, groups
        splitter = self._make_splitter(y, groups)
        if splitter is None:
            warnings.warn(
                f"{len(X)} samples are too few to hold out a part for early stopping "
                f"(validation_fraction={self.validation_fraction}): all of them are "
                "trained on, and training stops by the training loss.",
                UserWarning,
                stacklevel=4,
            )
            return everything, None
        rows, held = next(splitter.split(np.empty(len(X)), y, groups))
        train = X[rows], y[rows], sample_weight[rows], None
        return train, (X[held], y[held], sample_weight[held])

    def _make_splitter(self, y, groups):
        options = {"test_size": self.validation_fraction, "random_state": self._seed}
        if groups is not None:
            few = len(np.unique(groups)) < 2
            return None if few else GroupShuffleSplit(n_splits=1, **options)
        n_held = math.ceil(self.validation_fraction * len(y))
        if n_held < 2 or len(y) - n_held < 1:
            return None
        if y.dtype == np.int64:  # classes: stratify if there are enough of each
            counts = np.unique(y, return_counts=True)[1]
            n_classes = len(counts)
            if counts.min() >= 2 and n_classes <= n_held <= len(y) - n_classes:
                return StratifiedShuffleSplit(n_splits=1, **options)
        return ShuffleSplit(n_splits=1, **options)

    # The network ---------------------------------------------------------------------

    def _build_net(self, X, y, sample_weight):
        """Return a new net with fresh weights, and forget what was learned before."""
        device = resolve_device(self.device)
        self._random_state = make_random_state(self.random_state)
        self._seed = draw_seed(self._random_state)  # of splits and dropout
        self._loss = self._make_loss()
        module = self._make_module(X, sample_weight)
        self._initialize_head(module, y, sample_weight)
        self.loss_curve_ = []
        self.validation_scores_ = None
        return self._make_net(module, device)

    def _rebuild_net(self):
        """Return a net with today's parameters around the weights that are there."""
        net = self._make_net(self.module_, resolve_device(self.device))
        net.history_ = self.history_
        return net

    def _make_module(self, X, sample_weight):
        generator = make_generator(self._random_state)
        inputs = self._make_inputs(X, sample_weight)
        stem = self._make_stem(inputs.output_size)
        with isolated_seed(draw_seed(self._random_state)):  # layer classes of users
            encoder = nn.Encoder(
                (stem or inputs).output_size,
                self._list_hidden_sizes(),
                self._make_layer,
                bidirectional=self.bidirectional,
                dropout=self.dropout,
            )
        pooling = nn.Pooling(
            self.pooling, encoder.output_size, bidirectional=self.bidirectional
        )
        n_outputs = self._count_outputs()
        module = nn.SequenceModel(
            inputs, stem, encoder, pooling, n_outputs, dropout=self.dropout
        )
        return nn.initialize(module, generator)

    def _make_inputs(self, X, sample_weight):
        if self._embedding_size is not None:
            return nn.TokenEmbedding(len(self._token_ids), int(self._embedding_size))
        mean, std = weighted_moments(X, sample_weight)
        return nn.Standardize(torch.tensor(mean).float(), torch.tensor(std).float())

    def _make_stem(self, input_size):
        if self.conv_channels is None:
            return None
        channels = self._check_sizes("conv_channels")
        return nn.ConvStem(
            input_size, channels, int(self.conv_kernel_size), int(self.conv_stride)
        )

    def _make_layer(self, input_size, hidden_size):
        if self.cell == "rnn":
            return nn.Elman(input_size, hidden_size, self.nonlinearity)
        layer_class = _CELLS[self.cell] if isinstance(self.cell, str) else self.cell
        of_torch = layer_class.__module__.startswith("torch.")  # takes no lengths
        if not issubclass(layer_class, torch.nn.Module) or of_torch:
            raise ValueError(
                f"The 'cell' parameter of {type(self).__name__} must be a str among "
                f"{set(_CELLS)} or a subclass of torch.nn.Module that takes lengths, "
                f"as the layers of sklearn_rnn.nn do. Got {self.cell!r} instead."
            )
        return layer_class(input_size, hidden_size)

    def _list_hidden_sizes(self):
        sizes = self._check_sizes("hidden_size")
        if isinstance(self.hidden_size, Integral):
            return sizes * self.num_layers
        if self.num_layers not in (1, len(sizes)):
            raise ValueError(
                f"The 'num_layers' parameter of {type(self).__name__} must be 1 or the "
                f"length of hidden_size={self.hidden_size!r}, one int a layer. Got "
                f"{self.num_layers} instead."
            )
        return sizes

    def _check_sizes(self, name):
        value = getattr(self, name)
        sizes = [value] if isinstance(value, Integral) else list(value)
        if not sizes or any(not isinstance(s, Integral) or s < 1 for s in sizes):
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__} must be an int >= 1 "
                f"or a sequence of them. Got {value!r} instead."
            )
        return [int(size) for size in sizes]

    def _make_net(self, module, device):
        """Return a net around a module, with a new optimizer."""
        named = isinstance(self.optimizer, str)
        optimizer, options = (
            _OPTIMIZERS[self.optimizer] if named else (self.optimizer, {})
        )
        if not issubclass(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"The 'optimizer' parameter of {type(self).__name__} must be a str "
                f"among {set(_OPTIMIZERS)} or a subclass of torch.optim.Optimizer. Got "
                f"{self.optimizer!r} instead."
            )
        if self.weight_decay > 0:
            spared = [(p, {"weight_decay": 0.0}) for p in ("*bias*", "*norms*")]
            options = options | {
                "weight_decay": self.weight_decay,
                "param_groups": spared,
            }
        net = SequenceNet(
            module,
            criterion=self._loss,
            optimizer=optimizer,
            callbacks=check_callbacks(self.callbacks, type(self).__name__),
            device=str(device),
            verbose=0,
            **{f"optimizer__{name}": value for name, value in options.items()},
        )
        return net.initialize()

    # The loop ------------------------------------------------------------------------

    def _make_monitor(self, held_out):
        watch_score = self.early_stopping and held_out is not None
        patience = self.n_iter_no_change
        if not watch_score and self.learning_rate_schedule in _ANNEALED:
            patience = None  # the course of the rate is planned to the end
        score = None if held_out is None else partial(self._score_module, held_out)
        return Monitor(score, patience, self.tol, watch_score)

    def _score_module(self, held_out, module):
        X, y, sample_weight = held_out
        device = next(module.parameters()).device
        with threads_for(module):
            outputs = apply_to_sequences(module, X, device)
        y_pred = self._loss.predict(torch.from_numpy(outputs)).numpy()
        return self._score_encoded(y, y_pred, sample_weight)

    def _train(self, net, train, monitor, max_epochs, schedule):
        """Train a net, and keep what was learned also when a person interrupts."""
        X, y, sample_weight, _ = train
        if len(X) <= self.batch_size:
            X, y, sample_weight = merge_equal_samples(X, y, sample_weight)
        net.verbose = int(self.verbose)
        net.lr = self.learning_rate
        net.batch_size = int(self.batch_size)
        net.max_grad_norm = self.max_grad_norm
        try:
            net.run_epochs(
                SequenceDataset(X, y, sample_weight),
                epochs=max_epochs,
                random_state=self._random_state,
                seed=self._seed,
                schedule=schedule,
                monitor=monitor,
                reporters=make_reporters(self.verbose, max_epochs),
            )
        except KeyboardInterrupt:
            monitor.restore_best(net)
            self._set_fitted_attributes(net, monitor)
            raise
        except Exception:
            monitor.restore_best(net)
            raise
        if monitor.watch_score:
            monitor.restore_best(net)
        self._set_fitted_attributes(net, monitor)

    def _set_fitted_attributes(self, net, monitor):
        self.net_ = net
        self.loss_curve_ = self.loss_curve_ + monitor.losses_
        self.n_iter_ = len(self.loss_curve_)
        self.best_loss_ = min(self.loss_curve_, default=None)
        if monitor.scores_:
            self.validation_scores_ = (self.validation_scores_ or []) + monitor.scores_
        self.best_validation_score_ = max(self.validation_scores_ or [], default=None)

    def _warn_if_still_falling(self, monitor):
        if monitor.still_falling(self.n_iter_no_change):
            warnings.warn(
                f"Maximum epochs ({self.max_epochs}) reached and the training loss is "
                "still falling: more 'max_epochs' or a higher 'learning_rate' may "
                "improve the result.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # Use -----------------------------------------------------------------------------

    def _predict_linked(self, X, *links):
        """Return what methods of the loss make of the outputs of the network."""
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        with threads_for(module):  # torch's own would spin on after a link
            outputs = apply_to_sequences(module, X, self._get_device())
            outputs = torch.from_numpy(outputs).double()
            return [getattr(self._loss, link)(outputs).numpy() for link in links]

    def encode(self, X):
        """Return the vector that each sequence is pooled to, before the last layer.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_pooled)
            `n_pooled` is the size of the last layer's state, twice that with
            ``bidirectional=True``, and twice again with ``pooling="meanmax"``.
        """
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        with threads_for(module):
            return apply_to_sequences(module, X, self._get_device(), "encode")

    def hidden_states(self, X):
        """Return the state of the last recurrent layer at every step.

        Parameters
        ----------
        X : like X in `fit`
            The sequences.

        Returns
        -------
        states : ndarray of shape (n_samples, n_states, n_units) or RaggedArray
            An array if all sequences are equally long. `n_states` is the number of
            steps, or after a convolutional stem ``ceil(n_steps / conv_stride)`` for
            each of its convolutions; `n_units` counts both directions.
        """
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        states = states_of_sequences(module, X, self._get_device())
        lengths = states.lengths
        if (lengths == lengths[0]).all():
            return states.values.reshape(len(states), lengths[0], -1)
        return states

    def _validate_for_predict(self, X):
        check_is_fitted(self, "net_")
        return self._index_tokens(self._check_X(X, reset=False), reset=False)

    def _get_device(self):
        return torch.device(self.net_.device)

    @property
    def module_(self):
        """The trained :class:`torch.nn.Module`."""
        return self.net_.module_

    @property
    def history_(self):
        """Skorch's history: a row an epoch."""
        return self.net_.history_

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    def _html_repr(self):
        html = estimator_html_repr(self)
        if not hasattr(self, "net_"):
            return html
        return html + learning_curve_svg(self.loss_curve_, self.validation_scores_)


def check_weights(sample_weight, X):
    """Return the weights of the samples, float64, not negative and not all zero.

    Scaled by a power of two, exactly, so that the largest is near 1.
    """
    weight = check_sample_weight(
        sample_weight, X.offsets[1:], dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return np.ldexp(weight, -np.frexp(weight.max())[1])


@contextmanager
def _errors_speak_of(name):
    """Let errors about X or y call it by the name of the argument that it came as."""
    try:
        yield
    except (ValueError, TypeError) as error:
        message = re.sub(rf"\b{name[0]}\b", name, str(error))
        raise type(error)(message) from error
