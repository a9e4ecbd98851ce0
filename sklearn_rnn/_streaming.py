"""StreamingMixin: the method `stream` of estimators."""

from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._parameters import refuse_changed_parameters
from sklearn_rnn._stream import RNNStream


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
        check_is_fitted(self, "net_")
        refuse_changed_parameters(self, self._fixed_parameters)
        return RNNStream(self, n_streams, method=method)

    def _make_response(self, method):
        """Return the function from outputs of the network to what a method returns."""
        links = {"predict": "predict"}  # of the loss
        if hasattr(self, "predict_proba"):
            links |= {"predict_proba": "predict", "predict_log_proba": "predict_log"}
        if method not in links:
            raise ValueError(
                f"The 'method' parameter must be one of {list(links)}. Got {method!r} "
                "instead."
            )
        link = getattr(self._loss, links[method])
        if method == "predict":
            return lambda outputs: self._decode_predictions(link(outputs).numpy())
        return lambda outputs: link(outputs).numpy()

    def _decode_predictions(self, predictions):
        """Return predictions of the loss as values of y."""
        return self._targets.decode(predictions)
