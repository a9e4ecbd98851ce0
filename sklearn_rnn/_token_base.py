"""TokenRNN: base class of the estimators that write sequences, step by step."""

from abc import abstractmethod

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_rnn._base import BaseRNN
from sklearn_rnn._building import list_hidden_sizes
from sklearn_rnn._codecs import holds_texts, read_texts
from sklearn_rnn._defaults import count_epochs, is_auto, resolve
from sklearn_rnn._parameters import refuse_changed_parameters
from sklearn_rnn._sequences import as_rows, read_argument
from sklearn_rnn._training_data import RandomSplitter, TrainingData, check_weights

_N_UPDATES, _LEAST_EPOCHS, _MOST_EPOCHS = 4000, 5, 100


class TokenRNN(BaseRNN):
    """The next step of a sequence, given all steps before: codecs encode the steps."""

    _kinds_of_targets = ()

    # Members that subclasses define ---------------------------------------------------

    @abstractmethod
    def _learn_kind(self, X, y):
        """Learn what X and y hold; `_reads_texts` says whether X holds strings."""

    @abstractmethod
    def _check_steps(self, X, name, *, reset):
        """Return X, which holds no strings, as a RaggedArray."""

    @abstractmethod
    def _check_y(self, y, X, name="y"):
        """Return y as an array, a row a sequence."""

    @abstractmethod
    def _sum_steps(self, module, data):
        """Return the log-likelihood and the number of steps of each sequence."""

    def _make_targets(self, y):
        raise NotImplementedError("Codecs encode the steps.")

    def _make_model(self, inputs, stem, encoder, n_outputs):
        raise NotImplementedError("`_assemble_module` makes the network.")

    # Steps of fit ---------------------------------------------------------------------

    def _check_data(self, X, y, sample_weight, groups, continues):
        if continues:
            refuse_changed_parameters(self, self._fixed_parameters)
        else:
            self._learn_kind(X, y)
        X = self._check_X(X, reset=not continues)
        y, groups = self._check_y(y, X), read_argument(groups, "groups")
        check_consistent_length(X, groups)
        weight = check_weights(sample_weight, as_rows(len(X)))
        kept = np.flatnonzero(weight)  # a weight of 0 excludes the sample and its class
        groups = None if groups is None else np.asarray(groups)[kept]
        return TrainingData(X[kept], y[kept], weight[kept], groups)

    def _check_X(self, X, name="X", *, reset=False):
        """Return texts as an array of objects, and all else as a RaggedArray."""
        if holds_texts(X, name) != self._reads_texts:
            kinds = ("no strings", "strings")
            raise ValueError(
                f"{name} has {kinds[not self._reads_texts]}, but "
                f"{type(self).__name__} was fitted with {kinds[self._reads_texts]}."
            )
        if self._reads_texts:
            return read_texts(X, name)
        return self._check_steps(X, name, reset=reset)

    def _check_held_out(self, X_val, y_val, sample_weight_val):
        if X_val is None:
            for name, value in (
                ("y_val", y_val),
                ("sample_weight_val", sample_weight_val),
            ):
                if value is not None:
                    raise ValueError(f"{name} requires X_val.")
            return None
        X = self._check_X(X_val, "X_val")
        y = self._check_y(y_val, X, "y_val")
        return TrainingData(X, y, check_weights(sample_weight_val, as_rows(len(X))))

    def _encode_held_out(self, data):
        return self._encode(data)

    def _make_splitter(self, data):
        return RandomSplitter(self.validation_fraction, self._seed)

    def _plan_epochs(self, n_batches):
        """Learn the number of epochs, from the mini-batches of one, and the dropout."""
        auto = count_epochs(_N_UPDATES, n_batches, _LEAST_EPOCHS, _MOST_EPOCHS)
        self.max_epochs_ = int(resolve(self, "max_epochs", auto))
        self.dropout_ = self.dropout

    def _warn_if_still_improving(self, monitor):
        if not is_auto(self.max_epochs):  # a budget: the loss may still fall
            super()._warn_if_still_improving(monitor)

    def _find_embedding_size(self):
        """Return the size of the vector of a token."""
        if is_auto(self.embedding_dim):
            return list_hidden_sizes(self)[-1]
        return int(self.embedding_dim)

    # Use ------------------------------------------------------------------------------

    def _score_module(self, held_out, module):
        log_likelihood, n_steps = self._sum_steps(module, held_out)
        weight = held_out.sample_weight
        return weight @ log_likelihood / (weight @ n_steps)

    def _check_fitted(self):
        check_is_fitted(self, "net_")
        refuse_changed_parameters(self, self._fixed_parameters)

    def _validate_pairs(self, X, y):
        """Return X and y, encoded for the fitted network."""
        self._check_fitted()
        X = self._check_X(X)
        y = self._check_y(y, X)
        return self._encode(TrainingData(X, y, np.ones(len(X))))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags
