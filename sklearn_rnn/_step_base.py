"""StepRNN: base class of estimators that predict at every step."""

import numpy as np

from sklearn_rnn import nn
from sklearn_rnn._advice import advise_on_arguments
from sklearn_rnn._base import BaseRNN
from sklearn_rnn._inference import apply_to_steps
from sklearn_rnn._sequences import (
    RaggedArray,
    read_step_targets,
    split_steps,
    split_weights,
)
from sklearn_rnn._streaming import StreamingMixin
from sklearn_rnn._training import StepDataset, TokenDropout
from sklearn_rnn._training_data import list_targets, read_weights
from sklearn_rnn.utils import fit_context


class StepRNN(StreamingMixin, BaseRNN):
    """One prediction per step: the last layer reads the state of each step."""

    _reads_blocks = True
    conv_stride = 1  # a prediction for each step, not every second one
    _answers: str  # name of the items of y in error messages

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
        """Train the network on sequences with a target at every step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,), or SequenceSource
            The sequences. A :class:`SequenceSource` has y and weights in its blocks.
        y : array-like of shape (n_samples, n_steps), RaggedArray, or list of \
                array-like of shape (n_steps_i,) or (n_steps_i, n_outputs), default=None
            The targets of each step of each sequence. None only if X is a
            :class:`SequenceSource`.
        sample_weight : array-like of shape (n_samples,), or like y, default=None
            Weight of each sequence, or of each step. A weight of 2 counts as two
            samples. The target of a step of weight 0 is unknown, whatever it is.
        X_val : like X, default=None
            Sequences to compute `validation_scores_` on after each epoch. With
            ``early_stopping=True`` they take the place of a part of X.
        y_val : like y, default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val_samples,), or like y_val, \
                default=None
            Weights of the sequences or steps of `X_val`.
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

    def _check_X(self, X, name="X", *, reset=False, allow_empty=True):
        return super()._check_X(X, name, reset=reset, allow_empty=allow_empty)

    def _check_y(self, y, X, sample_weight, name="y"):
        end = name.removeprefix("y")  # "_val"
        names = f"X{end}", name, self._answers
        weights = split_weights(sample_weight, X, (f"X{end}", f"sample_weight{end}"))
        weight, step_weight = read_weights(weights[0], X), weights[1]
        step_weight[np.repeat(weight == 0, X.lengths)] = 0
        answers = read_step_targets(y, X, step_weight, names)
        weight = np.where(X.lengths == 0, 0.0, weight)
        if not weight.any():
            raise ValueError(f"X{end} has no step with a weight above 0.")
        return answers, weight

    def _take(self, y, rows):
        return y[rows]

    def _make_model(self, inputs, stem, encoder, n_outputs):
        return nn.StepModel(inputs, stem, encoder, n_outputs, dropout=self.dropout_)

    def _has_rare_values(self):
        return False  # each step is an answer, and rare tokens are dropped

    def _make_dataset(self, train):
        kind, drop = self._choose_dataset(), self._make_token_dropout(train)
        unit = sum(y.repeat(w).sum() for y, w in list_targets(train)) / len(train)

        def make(part):
            return kind(part.X, part.targets, part.sample_weight, unit, drop)

        return train.make_dataset(make)

    def _choose_dataset(self):
        """Return the class of the dataset."""
        return StepDataset

    def _make_token_dropout(self, train):
        groups = [] if self._vocabulary is None else self._vocabulary.groups
        columns = [group[0] for group in groups if len(group) == 1]
        return TokenDropout((part.X for part in train.parts), columns, self.dropout_)

    def _split_response(self, predictions, offsets, method):
        """Return predictions of all steps end to end in the form of a method."""
        if method == "predict":
            return split_steps(predictions, offsets)
        return RaggedArray(predictions, offsets)

    def _apply(self, module, X):
        return apply_to_steps(module, X)
