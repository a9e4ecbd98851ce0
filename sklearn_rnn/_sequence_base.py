"""SequenceRNN: what classifier and regressor share."""

from sklearn_rnn import nn
from sklearn_rnn._base import BaseRNN
from sklearn_rnn._inference import apply_to_sequences, make_batch_invariant
from sklearn_rnn.utils._torch import neutral_torch_state


class SequenceRNN(BaseRNN):
    """One answer a sequence: the states of all steps are pooled to one vector."""

    def _make_model(self, inputs, stem, encoder, n_outputs):
        pooling = nn.Pooling(
            self.pooling, encoder.output_size, bidirectional=self.bidirectional
        )
        return nn.SequenceModel(
            inputs, stem, encoder, pooling, n_outputs, dropout=self.dropout
        )

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
            ``bidirectional=True``, and twice again with ``pooling="meanmax"``.
        """
        X = self._validate_for_predict(X)
        module = make_batch_invariant(self.module_)
        return apply_to_sequences(module, X, "encode")
