"""StreamingMixin: the method `stream` of estimators."""

import copy

from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._parameters import refuse_changed_parameters
from sklearn_rnn._stream import RNNStream
from sklearn_rnn._stream_network import StreamNetwork
from sklearn_rnn.nn import list_stream_obstacles
from sklearn_rnn.utils import suggest


class StreamingMixin:
    """For estimators whose predictions depend on the steps so far alone."""

    def stream(self, n_streams=1, *, method="predict"):
        """Return an object that predicts step by step, as steps come.

        The network must read each sequence from its first step to its last: it needs
        ``bidirectional=False``, ``conv_channels=None`` and, where there is a `pooling`,
        another one than "attention".

        Parameters
        ----------
        n_streams : int, default=1
            Number of independent streams.
        method : {"predict", "predict_proba", "predict_log_proba"}, default="predict"
            What is predicted, as the method of this name does. Regressors have
            "predict" alone.

        Returns
        -------
        stream : RNNStream
            See :class:`~sklearn_rnn.RNNStream`.

        Raises
        ------
        ValueError
            If the network needs later steps. The message names each parameter to
            change.
        """
        return self._open_stream(n_streams, method)

    def _open_stream(self, n_streams, method, y=None):
        check_is_fitted(self)
        refuse_changed_parameters(self, self._fixed_parameters)
        return RNNStream(self, n_streams, method=method, y=y)

    # What `RNNStream` calls -----------------------------------------------------------

    def _list_stream_obstacles(self):
        """Return parameters that keep the network from reading step by step."""
        return list_stream_obstacles(self.module_)

    def _copy_for_stream(self):
        """Return a copy that checks steps and responds; a stream has the network."""
        owner = copy.copy(self)
        del owner.net_  # its optimizer is of no use here
        if getattr(owner, "_reads_table", False):  # a step has one column of it
            owner._reads_table = False
            owner.n_features_in_ = 1
            vars(owner).pop("feature_names_in_", None)
        return owner

    def _encode_stream_classes(self, y, n_streams):
        """Return the class of each stream as the network reads it."""
        if y is not None:
            raise ValueError("y is for streams of an RNNGenerator with classes.")

    def _make_stream_network(self, module, n_streams, method, classes):
        """Return the network with the state of streams."""
        return StreamNetwork(module, n_streams)

    def _check_stream(self, X, name):
        """Return new steps as the network reads them."""
        return self._index_tokens(self._check_X(X, name, allow_empty=True))

    def _make_response(self, method):
        """Return the function from outputs of the network to what a method returns."""
        links = {"predict": "predict"}  # of the loss
        if hasattr(self, "predict_proba"):
            links |= {"predict_proba": "predict", "predict_log_proba": "predict_log"}
        link = getattr(self._loss, check_stream_method(method, links))
        if method == "predict":
            return lambda outputs: self._decode_predictions(link(outputs).numpy())
        return lambda outputs: link(outputs).numpy()

    def _decode_predictions(self, predictions):
        """Return predictions of the loss as values of y."""
        return self._targets.decode(predictions)


def check_stream_method(method, choices):
    """Return the value of a method in a dict of those that a stream may have."""
    if method not in choices:
        raise ValueError(
            f"The 'method' parameter must be one of {list(choices)}. Got {method!r} "
            f"instead.{suggest(str(method), choices)}"
        )
    return choices[method]
