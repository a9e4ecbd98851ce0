"""BaseRNN: the steps of fit, shared by all estimators."""

import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_tables
from sklearn_rnn._block_data import (
    BlockData,
    check_arguments,
    errors_of_block,
    join_targets,
    read_block,
)
from sklearn_rnn._building import (
    make_column_inputs,
    make_encoder,
    make_net,
    make_standardize,
    make_stem,
    make_token_embedding,
)
from sklearn_rnn._checkpoints import open_checkpoint
from sklearn_rnn._defaults import (
    is_auto,
    resolve,
    suggest_conv_channels,
    suggest_dropout,
    suggest_early_stopping,
    suggest_max_epochs,
)
from sklearn_rnn._inference import (
    check_finite_predictions,
    compute_states,
    make_batch_invariant,
    open_module,
)
from sklearn_rnn._parameters import get_fixed_parameters, refuse_changed_parameters
from sklearn_rnn._sequences import (
    CategoryEncoder,
    SequenceSource,
    TokenIds,
    Vocabulary,
    get_characters,
    get_layout,
    read_argument,
    read_targets,
    refuse_source,
    validate_sequences,
)
from sklearn_rnn._training import Checkpoint, Monitor, Plan
from sklearn_rnn._training_data import (
    RandomSplitter,
    TrainingData,
    list_targets,
    read_weights,
    scale_weights,
)
from sklearn_rnn.nn import threads_for
from sklearn_rnn.utils import (
    AdviceMixin,
    draw_seed,
    estimator_html_repr,
    finally_do,
    isolated_seed,
    learning_curve_svg,
    list_versions,
    make_generator,
    make_random_state,
    neutral_torch_state,
    resolve_device,
    safe_indexing,
    warn_of_other_versions,
    warn_once_in_search,
)

_PICKLED_BY = "_pickled_by"  # versions, in a pickle alone
_ANNEALED = ("onecycle", "cosine")  # schedules that end at a rate of nearly zero


class BaseRNN(AdviceMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of all estimators. Think twice before adding to it."""

    # Members that subclasses define ---------------------------------------------------

    _kinds_of_targets: tuple  # subclasses of `Targets` that `_make_targets` returns
    _reads_blocks = False  # whether `fit` takes a SequenceSource
    _min_sequences = 1  # that a token or category must occur in to be known

    @abstractmethod
    def _make_targets(self, y, **options):
        """Return an unfitted `Targets` for y.

        Options come from `partial_fit`.
        """

    @abstractmethod
    def _make_loss(self):
        """Return the loss, which defines the link from outputs to predictions."""

    @abstractmethod
    def _make_model(self, inputs, stem, encoder, n_outputs):
        """Return the network around these parts."""

    @abstractmethod
    def _make_dataset(self, train):
        """Return the dataset that batches are drawn from."""

    @abstractmethod
    def _apply(self, module, X):
        """Return outputs of the network, a row a prediction."""

    def _make_splitter(self, data):
        """Return the `Splitter` of early stopping: samples are in no order."""
        strata = [self._targets.strata(part.targets) for part in data.parts]
        strata = None if strata[0] is None else np.concatenate(strata)
        return RandomSplitter(self.validation_fraction, self._seed, strata)

    def _initialize_head(self, module, train):
        """Initialize the head, if random weights do not suit."""

    def _hold_out_for_trial(self, train):
        """Return what to train on and what to try the network on; None: no trial."""

    def _learn_held_out(self, train, held_out):
        """Fit to all samples what is fitted in closed form, at the end."""

    def _try_network(self, tried, whole):
        """Set what depends on how well the network does on samples held out."""

    # Fit -----------------------------------------------------------------------------

    def _fit(self, X, y, sample_weight, X_val, y_val, sample_weight_val, groups):
        """Train the network: the steps of `fit`."""
        continues = self.warm_start and hasattr(self, "net_")
        with neutral_torch_state(), self._rollback_on_error(continues):
            data = self._check_data(X, y, sample_weight, groups, continues)
            validation = self._check_held_out(X_val, y_val, sample_weight_val)
            checkpoint = open_checkpoint(self, data, continues, validation)
            if not continues:
                self._draw_seeds(checkpoint)
            train, held_out = data, None
            suggested = suggest_early_stopping(len(data), data.nbytes)
            self.early_stopping_ = bool(resolve(self, "early_stopping", suggested))
            if self.early_stopping_ and validation is None:
                train, held_out = self._hold_out(data)
            if not continues:
                self._learn_encoding(data, train)
            train = self._encode(train)
            if held_out is not None:
                held_out = self._encode(held_out)
            elif validation is not None:
                held_out = self._encode_held_out(validation)
            self._resolve_parameters(train)
            trial = None if continues else self._hold_out_for_trial(train)
            whole, train = train, train if trial is None else trial[0]
            net = self._rebuild_net() if continues else self._build_net(train)
            monitor = self._make_monitor(held_out)
            plan = Plan(
                int(self.max_epochs_),
                self.learning_rate_schedule,
                self.weight_averaging,
            )
            interrupt = self._train(net, train, monitor, plan, checkpoint)
            if trial is not None:
                self._try_network(trial[1], whole)
            if held_out is not None and validation is None and not continues:
                self._learn_held_out(train, held_out)
        if interrupt is not None:
            raise interrupt
        self._warn_if_still_improving(monitor)
        return self

    def _partial_fit(self, X, y, sample_weight, **options):
        """Train for one epoch at a constant learning rate, from the current weights."""
        refuse_source(X, "X")
        if self.early_stopping is not False and not is_auto(self.early_stopping):
            raise ValueError("partial_fit does not support early_stopping=True.")
        continues = hasattr(self, "net_")
        with neutral_torch_state(), self._rollback_on_error(continues):
            data = self._check_data(X, y, sample_weight, None, continues, **options)
            if not continues:
                self._draw_seeds()
                self._learn_encoding(data, data)
            train = self._encode(data)
            self.early_stopping_ = False
            self._resolve_parameters(train, in_parts=True)
            net = self.net_ if continues else self._build_net(train)
            nn.set_dropout(net.module_, self.dropout_)
            monitor = Monitor(None, None, 0.0, False)
            interrupt = self._train(net, train, monitor, Plan(epochs=1))
        if interrupt is not None:
            raise interrupt
        return self

    @contextmanager
    def _rollback_on_error(self, continues):
        """Restore the previous state if a fit fails or is interrupted.

        Attributes change in a copy of the dict: one assignment restores all of them.
        Weights change in place where training continues.
        """
        before, aside, is_done = vars(self), dict(vars(self)), False
        checkpoint = Checkpoint(self.net_, self._random_state) if continues else None

        def roll_back():
            if is_done or vars(self) is not aside:
                return
            if checkpoint is not None:
                checkpoint.restore()
            self.__dict__ = before

        with finally_do(roll_back):
            self.__dict__ = aside
            yield
            is_done = True

    def _check_data(self, X, y, sample_weight, groups, continues, **options):
        """Validate the arguments of `fit`; without `continues`, learn the kind of data.

        Neither X nor y is encoded: what the encoding is learned from is chosen later.
        """
        if isinstance(X, SequenceSource):
            check_arguments(X, y=y, sample_weight=sample_weight, groups=groups)
            return self._check_source(X, continues)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        self._start_checks(X, continues)
        data = self._check_samples(X, y, sample_weight, groups, reset=not continues)
        weight = scale_weights(data.sample_weight)
        if not continues:
            self._targets = self._make_targets(data.targets, **options)
        targets = self._targets.read(data.targets)
        return replace(data, targets=targets, sample_weight=weight)

    def _start_checks(self, X, continues):
        """Learn the kind of X; if the fit continues, check that it may."""
        if continues:
            refuse_changed_parameters(self, self._fixed_parameters)
            self._targets.class_weight = getattr(self, "class_weight", None)
        else:
            self._learn_kind(X)

    def _check_samples(self, X, y, sample_weight, groups=None, *, reset=False):
        """Return the samples with a weight above 0; y is not read yet."""
        X = self._check_X(X, reset=reset)
        y, groups = read_targets(y, "y"), read_argument(groups, "groups")
        with advise_on_tables(get_layout(self)):
            check_consistent_length(X, y, groups)
        y, weight = self._check_y(y, X, sample_weight)
        kept = np.flatnonzero(weight)
        if len(kept) < len(X):  # a weight of 0 excludes the sample and its label
            X, y, weight = X[kept], self._take(y, kept), weight[kept]
            groups = None if groups is None else np.asarray(groups)[kept]
        return TrainingData(X, y, weight, groups)

    # A source in place of X ----------------------------------------------------------

    def _check_source(self, source, continues):
        """Validate all blocks of a source, as `_check_data` does X, y and weights."""
        self._start_checks(read_block(source, 0)[0], continues)
        self._refuse_learned_categories()
        weights, lengths, n_steps = [], set(), 0
        for i in range(len(source)):
            is_first = i == 0 and not continues
            data = self._check_block(source, i, reset=is_first)
            if is_first:
                self._targets = self._make_targets(data.targets)
            weights.append(data.sample_weight)
            lengths.add(data.X.common_length)
            n_steps += len(data.X.values)
        return BlockData(
            load=partial(self._read_block, source),
            sizes=[len(weight) for weight in weights],
            rows=[None] * len(weights),
            sample_weight=scale_weights(np.concatenate(weights)),
            n_features=data.X.n_features,
            has_equal_lengths=len(lengths) == 1 and None not in lengths,
            n_steps=n_steps,
        )

    def _check_block(self, source, i, *, reset=False):
        with errors_of_block(i):
            return self._check_samples(*read_block(source, i), reset=reset)

    def _read_block(self, source, i):
        data = self._check_block(source, i)
        with errors_of_block(i):
            return replace(data, targets=self._targets.read(data.targets))

    def _refuse_learned_categories(self):
        if self._category_encoder.categories:
            raise ValueError(
                "The blocks of a SequenceSource must hold numbers or token ids, not "
                "DataFrames with columns of categories. Replace these by codes, and "
                "pass their positions as 'categorical_features'."
            )

    # Encoding ------------------------------------------------------------------------

    def _learn_encoding(self, data, train):
        """Learn classes from all data; a scale and a vocabulary from the training set.

        The validation set must not influence the scale and the vocabulary.
        """
        self._targets.fit(list_targets(data))
        self._targets.fit_scale(list_targets(train))
        self.__dict__.update(self._targets.attributes())
        self._vocabulary = self._make_vocabulary(train)

    def _encode(self, data):
        """Encode data for the network and the loss."""
        encoded = data.map(self._encode_part)
        factors = self._targets.find_factors(list_targets(encoded))
        if factors is None:
            return encoded

        def weigh(part):
            weighted = self._targets.weigh(part.targets, part.sample_weight, factors)
            return TrainingData(part.X, *weighted, part.groups)

        return encoded.reweigh(weigh)

    def _encode_part(self, data):
        X, targets = self._index_tokens(data.X), self._targets.encode(data.targets)
        return TrainingData(X, targets, data.sample_weight, data.groups)

    def _check_y(self, y, X, sample_weight, name="y"):
        """Return y, a row a sample, and the weight of each sample."""
        return y, read_weights(sample_weight, X)

    def _take(self, y, rows):
        """Return some rows of the result of `_check_y`."""
        return safe_indexing(y, rows)

    def _learn_kind(self, X):
        """Learn which columns of X hold tokens or categories."""
        encoder = CategoryEncoder(self.categorical_features, type(self).__name__)
        self._category_encoder = encoder.fit(X)
        self._reads_tokens = self._takes_tokens(X)
        self._characters = get_characters(X) if self._reads_tokens else None

    def _describe_kind(self):
        """Return the kind of data as plain values: a checkpoint belongs to it."""
        characters = self._characters
        return {
            "categories": self._category_encoder.to_state(),
            "tokens": self._reads_tokens,
            "characters": characters and [characters.start, characters.stop],
        }

    def _takes_tokens(self, X):
        if self.embedding_dim is None or self._category_encoder.has_columns:
            return False
        return isinstance(X, TokenIds) or self.embedding_dim != "auto"

    def _make_vocabulary(self, data):
        """Return the vocabulary of the columns of X that are to be embedded."""
        if self._reads_tokens:
            columns = list(range(data.n_features))
        else:
            columns = self._category_encoder.find_columns(data.n_features)
        if not columns:
            return None
        parts = (part.X for part in data.parts)
        vocabulary = Vocabulary(parts, columns, self._characters, self._min_sequences)
        if not self._reads_tokens:
            known = dict(zip(columns, vocabulary.known, strict=True))
            self._category_encoder.warn_of_means(known)
        return vocabulary

    def _check_X(self, X, name="X", *, reset=False, **options):
        X = self._category_encoder.transform(X, name)
        options = {
            "name": name,
            "tokens": self._reads_tokens,
            "find_categories": self._category_encoder.find_columns,
            **options,
        }
        checked = validate_sequences(self, X, reset=reset, **options)
        if self._reads_tokens and get_characters(X) != self._characters:
            raise ValueError(
                f"{name} has {_describe_characters(get_characters(X))}, but "
                f"{type(self).__name__} was fitted with "
                f"{_describe_characters(self._characters)}."
            )
        return checked

    def _index_tokens(self, X):
        """Convert token ids and categories to rows of the embedding."""
        return X if self._vocabulary is None else self._vocabulary.encode(X)

    def _check_held_out(self, X_val, y_val, sample_weight_val):
        """Validate a validation set, which is not encoded yet; None without one."""
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val requires X_val.")
            return None
        for name, value in (("X_val", X_val), ("y_val", y_val)):
            if value is None:
                raise ValueError(f"X_val and y_val belong together. Got no {name}.")
        X = self._check_X(X_val, "X_val")
        if len(X) < 2:
            raise ValueError("X_val must have at least 2 samples. Got 1 instead.")
        y_val = read_targets(y_val, "y_val")
        check_consistent_length(X, y_val)
        y, weight = self._check_y(y_val, X, sample_weight_val, "y_val")
        targets = self._targets.read(y, "y_val")
        return TrainingData(X, targets, scale_weights(weight))

    def _encode_held_out(self, data):
        """Encode a validation set; the weights of classes are for training alone."""
        y = self._targets.encode(data.targets, "y_val")
        return TrainingData(self._index_tokens(data.X), y, data.sample_weight)

    def _hold_out(self, data):
        """Split into a training and a validation set; train on all if too few."""
        parts = data.split(self._make_splitter(data))
        if parts is not None:
            return parts
        warnings.warn(
            f"{len(data)} samples are too few to hold out a part for early stopping "
            f"(validation_fraction={self.validation_fraction}): all of them are "
            "trained on, and training stops by the training loss.",
            UserWarning,
            stacklevel=6,
        )
        return data, None

    def _resolve_parameters(self, train, in_parts=False):
        """Replace "auto" by values that suit the training set."""
        embeds = self._vocabulary is not None
        has_rare_values = self._has_rare_values()
        n_updates = -(-len(train) // self.batch_size)
        suggested = suggest_conv_channels(embeds)
        self.conv_channels_ = resolve(self, "conv_channels", suggested)
        n_kernels = self._resolve_random_kernels(len(train), embeds, in_parts)
        if not is_classifier(self):  # the network of numbers is trained as if alone
            n_kernels = None
        suggested = suggest_dropout(embeds, n_kernels, len(train))
        self.dropout_ = resolve(self, "dropout", suggested)
        suggested = suggest_max_epochs(embeds, has_rare_values, n_updates, n_kernels)
        self.max_epochs_ = resolve(self, "max_epochs", suggested)

    def _resolve_random_kernels(self, n_samples, embeds, in_parts):
        """Return the number of random kernels, of estimators that have them."""

    def _has_rare_values(self):
        """Whether tokens or categories are so rare that few epochs are enough."""
        return self._vocabulary is not None and self._vocabulary.has_rare_values

    # The network ---------------------------------------------------------------------

    def _build_net(self, train):
        """Return a new net with fresh weights; discard the previous fit."""
        device = resolve_device(self.device)
        self._loss = self._make_loss()
        module = self._make_module(train)
        self._initialize_head(module, train)
        self._fixed_parameters = get_fixed_parameters(self)
        self.loss_curve_ = []
        self.validation_scores_ = None
        return make_net(self, module, self._loss, device)

    def _draw_seeds(self, checkpoint=None):
        self._random_state = make_random_state(self.random_state)
        if checkpoint is not None:
            if self.random_state is None and checkpoint.start is not None:
                self._random_state.set_state(checkpoint.start.get_state())
            checkpoint.set_start(self._random_state)
        self._seed = draw_seed(self._random_state)  # for splits and dropout

    def _rebuild_net(self):
        """Return a net with the current parameters and weights."""
        nn.set_dropout(self.module_, self.dropout_)
        net = make_net(self, self.module_, self._loss, resolve_device(self.device))
        net.history_ = self.history_
        return net

    def _make_module(self, train):
        generator = make_generator(self._random_state)
        with isolated_seed(draw_seed(self._random_state)):  # layer classes of users
            module = self._assemble_module(train)
        return nn.initialize(module, generator)

    def _assemble_module(self, train):
        """Return the network; of `train`, inputs take the moments of X."""
        inputs = self._make_inputs(train)
        stem = make_stem(self, inputs.output_size)
        encoder = make_encoder(self, (stem or inputs).output_size)
        n_outputs = self._targets.n_columns * self._loss.outputs_per_target
        return self._make_model(inputs, stem, encoder, n_outputs)

    def _make_inputs(self, train):
        if self._vocabulary is None:
            return make_standardize(train)
        if self._reads_tokens and train.n_features == 1:
            return make_token_embedding(self, len(self._vocabulary.known[0]))
        return make_column_inputs(self, train, self._vocabulary)

    # The loop ------------------------------------------------------------------------

    def _make_monitor(self, held_out):
        watch_score = self.early_stopping_ and held_out is not None
        patience = self.n_iter_no_change
        if not watch_score and self.learning_rate_schedule in _ANNEALED:
            patience = None  # the schedule is planned to the last epoch
        score = None if held_out is None else self._make_validation_score(held_out)
        return Monitor(score, patience, self.tol, watch_score)

    def _make_validation_score(self, held_out):
        """Return the function from the network to the score of held-out data."""
        return partial(self._score_module, held_out)

    def _score_module(self, held_out, module):
        targets, predictions = zip(
            *(
                (part.targets, self._predict_encoded(module, part.X))
                for part in held_out.parts
            ),
            strict=True,
        )
        return self._targets.score(
            join_targets(targets), join_targets(predictions), held_out.sample_weight
        )

    def _predict_encoded(self, module, X):
        """Return predictions in the form of encoded targets."""
        with threads_for(module):
            outputs = torch.from_numpy(self._apply(module, X))
            return self._loss.predict(outputs).numpy()

    def _train(self, net, train, monitor, plan, checkpoint=None):
        """Train a net; keep the finished epochs if Ctrl-C interrupts.

        Returns the KeyboardInterrupt, if one came after an epoch, or in the first
        epoch of a first fit; an earlier one is raised.
        """
        interrupt = None
        if len(train) <= self.batch_size:
            train = train.merge_equal()
        net.verbose = int(self.verbose)
        net.lr = self.learning_rate
        net.batch_size = int(self.batch_size)
        net.max_grad_norm = self.max_grad_norm
        try:
            net.run_epochs(
                self._make_dataset(train),
                plan,
                random_state=self._random_state,
                seed=self._seed,
                monitor=monitor,
                checkpoint=checkpoint,
            )
        except KeyboardInterrupt as error:
            never_fitted = not hasattr(self, "net_") and monitor.best_weights_
            if not monitor.losses_ and not never_fitted:
                raise
            interrupt = error
        if monitor.watch_score or interrupt is not None:
            monitor.restore_best(net)
        self._set_fitted_attributes(net, monitor)
        return interrupt

    def _set_fitted_attributes(self, net, monitor):
        self.net_ = net
        self.loss_curve_ = self.loss_curve_ + monitor.losses_
        if monitor.scores_:
            self.validation_scores_ = (self.validation_scores_ or []) + monitor.scores_
        self._summarise_curves()

    def _summarise_curves(self):
        self.n_iter_ = len(self.loss_curve_)
        self.best_loss_ = min(self.loss_curve_, default=None)
        self.best_validation_score_ = max(self.validation_scores_ or [], default=None)

    def _warn_if_still_improving(self, monitor):
        if not monitor.still_improves(self.n_iter_no_change):
            return
        watched = "training loss is still falling"
        if monitor.scores_:
            watched = "validation score is still rising"
        warn_once_in_search(
            f"Maximum epochs ({self.max_epochs_}) reached and the {watched}: more "
            "'max_epochs' or a higher 'learning_rate' may improve the result.",
            ConvergenceWarning,
            kind=watched,
            stacklevel=6,
        )

    # Use -----------------------------------------------------------------------------

    def _link(self, X, *links):
        """Apply methods of the loss to the outputs of the network.

        X comes from `_validate_for_predict`.
        """
        with open_module(self.module_, X) as module:
            outputs = torch.from_numpy(self._apply(module, X)).double()
            results = [getattr(self._loss, link)(outputs).numpy() for link in links]
        for result in results:
            check_finite_predictions(result, X)
        return results

    @neutral_torch_state()
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
        states = compute_states(module, X)
        lengths = states.lengths
        if (lengths == lengths[0]).all():
            return states.values.reshape(len(states), lengths[0], states.n_features)
        return states

    def _validate_for_predict(self, X):
        if not hasattr(self, "net_"):
            check_is_fitted(self, "net_")  # raises; it takes longer than this line
        refuse_changed_parameters(self, self._fixed_parameters)
        return self._index_tokens(self._check_X(X))

    @property
    def module_(self):
        """The trained :class:`torch.nn.Module`."""
        return self.net_.module_

    @property
    def history_(self):
        """Skorch's history: a row an epoch."""
        return self.net_.history_

    def __getstate__(self):
        return {**super().__getstate__(), _PICKLED_BY: list_versions()}

    def __setstate__(self, state):
        state = dict(state)
        warn_of_other_versions(state.pop(_PICKLED_BY, {}), type(self).__name__)
        super().__setstate__(state)

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


def _describe_characters(characters):
    if characters is None:
        return "no columns of characters"
    return f"characters in columns {characters.start} to {characters.stop - 1}"
