"""SequenceRNN: base class of classifier and regressor."""

import copy
import warnings
from abc import abstractmethod
from functools import partial
from types import SimpleNamespace

import torch
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._base import BaseRNN
from sklearn_rnn._building import make_random_branch
from sklearn_rnn._defaults import (
    is_auto,
    is_enough_for_trial,
    resolve,
    suggest_random_kernels,
)
from sklearn_rnn._inference import apply_to_sequences, make_batch_invariant
from sklearn_rnn._sequences import (
    is_ragged_answer,
    may_be_labels_of_steps,
    read_argument,
)
from sklearn_rnn._streaming import StreamingMixin
from sklearn_rnn._training import SequenceDataset, find_unit
from sklearn_rnn._training_data import BlockSplitter, average_parts
from sklearn_rnn.nn import threads_for
from sklearn_rnn.utils import BaseScorer, fit_context, neutral_torch_state

_SHARES = [0.0, 0.02, 0.05, 0.1, 0.2, 1 / 3, 0.5, 0.7, 0.85, 1.0]  # of the network


class SequenceRNN(StreamingMixin, BaseRNN):
    """One prediction per sequence: the states of all steps are pooled to one vector."""

    _reads_blocks = True
    _min_sequences = 2

    @abstractmethod
    def _fit_random_branch(self, module, train, generator):
        """Fit the regression on random kernels."""

    @fit_context(prefer_skip_nested_validation=True)
    @advise_on_arguments
    def fit(
        self,
        X,
        y=None,
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
                (n_steps_i, n_features) or (n_steps_i,), or SequenceSource
            The sequences. A :class:`SequenceSource` has y and weights in its blocks.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target of each sequence. None only if X is a :class:`SequenceSource`.
        sample_weight : array-like of shape (n_samples,), default=None
            Per-sample weights; a weight of 2 counts as two samples, a weight of
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
            If a parameter or the data is invalid, or the training loss
            becomes NaN or infinite.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val, groups)

    def _check_y(self, y, X, sample_weight, name="y"):
        owner = type(self).__name__
        y = read_argument(y, name)
        if is_ragged_answer(y):
            raise ValueError(
                f"{owner} needs one answer a sequence. Got a ragged {name}, with an "
                "array or list for each sequence; for one label a step there is "
                "RNNTagger, for numbers RNNStepRegressor. For a set of labels a "
                "sequence, encode them: sklearn.preprocessing.MultiLabelBinarizer()"
                f".fit_transform({name})."
            )
        if is_classifier(self) and may_be_labels_of_steps(y, X):
            warnings.warn(
                f"{owner} takes {name}, a matrix of 0 and 1, for sets of "
                f"{X.common_length} labels of whole sequences. It has as many columns "
                "as steps: for one label a step use RNNTagger.",
                UserWarning,
                stacklevel=7,
            )
        return super()._check_y(y, X, sample_weight, name)

    def _resolve_random_kernels(self, n_samples, embeds, in_parts):
        if hasattr(self, "net_") and (in_parts or self.warm_start):
            return self.random_kernels_  # the network has these, or none
        suits = not embeds and not in_parts and self.conv_channels_ is not None
        suits = suits and self._suits_random_kernels()
        suggested = suggest_random_kernels(n_samples) if suits else None
        self.random_kernels_ = resolve(self, "random_kernels", suggested)
        if in_parts and self.random_kernels_ is not None:
            raise ValueError(
                "partial_fit does not support random_kernels, which are fitted to all "
                f"samples at once. Got random_kernels={self.random_kernels!r}."
            )
        return self.random_kernels_

    def _hold_out_for_trial(self, train):
        tries = self.random_kernels_ is not None and is_auto(self.early_stopping)
        tries = tries and not self.early_stopping_
        if not tries or not is_enough_for_trial(len(train), train.nbytes):
            return None
        return train.split(self._make_trial_splitter(train))

    def _make_trial_splitter(self, train):
        """Return the `Splitter` of samples to try the network on."""
        splitter = self._make_splitter(train)
        if getattr(train, "groups", None) is not None:  # blocks of a source have none
            return splitter
        return BlockSplitter(self.validation_fraction, splitter.strata)

    def _try_network(self, tried, whole):
        """Choose the share of the network, and fit the regression to all samples."""
        share = self._choose_network_share(tried.gather())
        module = copy.deepcopy(self.module_).cpu()
        n_outputs = module.head.out_features
        module.random_branch = self._make_random_branch(module.inputs, n_outputs)
        self._fit_random_branch(module, whole, self._make_kernel_generator())
        branch = module.random_branch.to(self.module_.head.weight.device)
        branch.set_network_share(share)
        self.module_.random_branch = branch

    def _choose_network_share(self, tried):
        """Return the share that has the least loss for samples held out."""
        with threads_for(self.module_):
            network, kernels = (self._compute_part(tried, s) for s in (1.0, 0.0))
        targets, weight = map(torch.from_numpy, (tried.targets, tried.sample_weight))

        def measure(share):
            losses = self._loss(share * network + (1 - share) * kernels, targets)
            return float((weight * losses.double()).sum())

        return min(_SHARES, key=measure)

    def _compute_part(self, data, share):
        """Return the outputs of the network alone (1) or of the regression (0)."""
        self.module_.random_branch.set_network_share(share)
        return torch.from_numpy(self._apply(self.module_, data.X))

    @property
    def network_share_(self):
        """Share of the network in a prediction, beside random kernels or n-grams."""
        branch = self.module_.random_branch or self.module_.ngram_branch
        return 1.0 if branch is None else float(branch.network_share)

    def _suits_random_kernels(self):
        """Whether the loss allows a mean with the output of a ridge regression."""
        return True

    def _make_module(self, train):
        module = nn.shrink_embeddings(super()._make_module(train))
        if module.random_branch is not None:
            # the network is trained as without them: its draws are others
            self._fit_random_branch(module, train, self._make_kernel_generator())
        return module

    def _make_kernel_generator(self):
        return torch.Generator().manual_seed(self._seed)

    def _make_model(self, inputs, stem, encoder, n_outputs):
        pooling = nn.Pooling(
            self.pooling, encoder.output_size, bidirectional=self.bidirectional
        )
        stem_pooling = None
        if stem is not None and self.conv_pooling:
            stem_pooling = nn.Pooling("meanmax", stem.output_size)
        random_branch = None
        if self.random_kernels_ is not None:
            random_branch = self._make_random_branch(inputs, n_outputs)
        return nn.SequenceModel(
            inputs,
            stem,
            encoder,
            pooling,
            n_outputs,
            dropout=self.dropout_,
            drops_inputs=self._has_rare_values(),
            stem_pooling=stem_pooling,
            random_branch=random_branch,
        )

    def _make_random_branch(self, inputs, n_outputs):
        has_classes = is_classifier(self)
        return make_random_branch(self, inputs, n_outputs, has_classes=has_classes)

    def _make_monitor(self, held_out):
        if held_out is None and self.scoring is not None:
            warnings.warn(
                f"scoring={self.scoring!r} has no effect without a validation set: set "
                "early_stopping=True, or pass X_val and y_val to fit.",
                UserWarning,
                stacklevel=7,
            )
        return super()._make_monitor(held_out)

    def _make_validation_score(self, held_out):
        if self.scoring is None:
            return super()._make_validation_score(held_out)
        if self.scoring == "loss":
            return partial(self._score_by_loss, held_out)
        scorer, held_out = check_scoring(self, self.scoring), held_out.gather()
        options = {}
        if isinstance(scorer, BaseScorer):
            options["sample_weight"] = held_out.sample_weight
        y = self._targets.restore(held_out.targets)

        def score(module):
            try:
                estimator = _predicts_encoded(self, module)
                return float(scorer(estimator, held_out.X, y, **options))
            except (TypeError, ValueError, AttributeError) as error:
                raise ValueError(
                    f"scoring={self.scoring!r} cannot score this "
                    f"{type(self).__name__} on the validation set: {error}"
                ) from error

        return score

    def _score_by_loss(self, held_out, module):
        """Return the mean loss, with its sign changed."""
        with threads_for(module):
            losses = (
                (self._list_losses(part, module), part.sample_weight)
                for part in held_out.parts
            )
            return -average_parts(losses)

    def _list_losses(self, part, module):
        """Return the loss of each sample."""
        outputs = torch.from_numpy(self._apply(module, part.X))
        losses = self._loss(outputs, torch.from_numpy(part.targets))
        return losses.double().numpy()

    def _make_dataset(self, train):
        unit = find_unit(train.sample_weight)

        def make(part):
            return SequenceDataset(part.X, part.targets, part.sample_weight, unit)

        return train.make_dataset(make)

    def _apply(self, module, X):
        return apply_to_sequences(module, X)

    @neutral_torch_state()
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
            ``bidirectional=True``, and twice again with ``pooling="meanmax"``. With
            `conv_pooling`, twice the channels of the last convolution follow.
        """
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        return apply_to_sequences(module, X, nn.SequenceModel.encode)


def _predicts_encoded(rnn, module):
    """Return a copy that predicts by a module, from X as the network takes it."""
    rnn = copy.copy(rnn)
    rnn.net_ = SimpleNamespace(module_=module)
    rnn._validate_for_predict = lambda X: X
    return rnn
