"""RNNAnomalyDetector as a detector of pyod."""

import numpy as np
from pyod.models.base import BaseDetector
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._anomaly_detector import RNNAnomalyDetector


class PyodDetector(BaseDetector):
    """:class:`~sklearn_rnn.RNNAnomalyDetector` in the form of pyod.

    X is one series, as for pyod's detectors of time series. Scores and labels are
    those of its steps: higher for more abnormal ones, and 1 for outliers.

    Parameters
    ----------
    detector : RNNAnomalyDetector or None, default=None
        Settings; it is cloned. None: the defaults.
    contamination : float, default=0.1
        Share of the steps of `fit` that are labelled as outliers. The detector's own
        `contamination` has no effect here.

    Attributes
    ----------
    detector_ : RNNAnomalyDetector
        Fitted.
    decision_scores_ : ndarray of shape (n_steps,)
        Scores of the steps of `fit`.
    threshold_ : float
        Score above which a step is an outlier.
    labels_ : ndarray of shape (n_steps,)
        1 for outliers among the steps of `fit`, 0 for others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNAnomalyDetector
    >>> from sklearn_rnn.adapters.pyod import PyodDetector
    >>> x = np.sin(np.arange(200) / 4)
    >>> x[150] = 4.0
    >>> settings = RNNAnomalyDetector(max_epochs=2, random_state=0)
    >>> detector = PyodDetector(settings, contamination=0.05).fit(x)
    >>> int(detector.decision_scores_.argmax()), int(detector.labels_[150])
    (150, 1)
    """

    def __init__(self, detector=None, contamination=0.1):
        super().__init__(contamination=contamination)
        self.detector = detector

    def fit(self, X, y=None):
        """Learn what is normal.

        Parameters
        ----------
        X : array-like of shape (n_steps,) or (n_steps, n_features)
            One series.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
        """
        self._set_n_classes(None)
        settings = RNNAnomalyDetector() if self.detector is None else self.detector
        self.detector_ = clone(settings).fit([np.asarray(X)])
        self.decision_scores_ = self.decision_function(X)
        self._process_decision_scores()
        return self

    def decision_function(self, X):
        """Return the score of each step, higher for more abnormal ones.

        Parameters
        ----------
        X : array-like of shape (n_steps,) or (n_steps, n_features)
            One series.

        Returns
        -------
        scores : ndarray of shape (n_steps,)
        """
        check_is_fitted(self, "detector_")
        return self.detector_.score_steps([np.asarray(X)])[0]
