"""RNNForecaster as a forecaster of sktime."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sktime.forecasting.base import BaseForecaster

from sklearn_rnn._forecaster import RNNForecaster


class SktimeForecaster(BaseForecaster):
    """:class:`~sklearn_rnn.RNNForecaster` in the form of sktime.

    The columns of y are the targets; those of X are known ahead. `horizon` and the
    columns of the forecaster are set by `fit`.

    Parameters
    ----------
    forecaster : RNNForecaster or None, default=None
        Settings; it is cloned. None: the defaults.

    Attributes
    ----------
    forecaster_ : RNNForecaster
        Fitted.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_rnn import RNNForecaster
    >>> from sklearn_rnn.adapters.sktime import SktimeForecaster
    >>> y = pd.Series(range(40), pd.period_range("2020-01", periods=40, freq="M"))
    >>> adapter = SktimeForecaster(RNNForecaster(max_epochs=2, random_state=0))
    >>> adapter.fit(y.astype(float), fh=[1, 2]).predict().shape
    (2,)
    """

    _tags = {
        "y_inner_mtype": "pd.DataFrame",
        "X_inner_mtype": "pd.DataFrame",
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:insample": False,
        "capability:pred_int": False,
        "capability:missing_values": False,
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": True,
        "python_dependencies": ["sktime"],
    }
    # predict continues all of y, that of update included
    _config = {"remember_data": True}

    def __init__(self, forecaster=None):
        self.forecaster = forecaster
        super().__init__()

    def _fit(self, y, X, fh):
        horizon = int(max(fh.to_relative(self.cutoff)))
        n_targets, n_known = y.shape[1], 0 if X is None else X.shape[1]
        settings = RNNForecaster() if self.forecaster is None else self.forecaster
        self.forecaster_ = clone(settings).set_params(
            horizon=horizon,
            target_features=list(range(n_targets)),
            known_features=list(range(n_targets, n_targets + n_known)) or None,
        )
        self.forecaster_.fit([_join(y, X)])
        return self

    def _predict(self, fh, X):
        steps = np.asarray(fh.to_relative(self.cutoff), dtype=int)
        known = None if self._X is None else self._read_ahead(fh, X)[np.newaxis]
        values = self.forecaster_.predict([_join(self._y, self._X)], known)[0]
        values = values.reshape(len(values), -1)[steps - 1]
        index = fh.to_absolute_index(self.cutoff)
        return pd.DataFrame(values, index=index, columns=self._y.columns)

    def _read_ahead(self, fh, X):
        """Return X at all steps up to the horizon; rows that lack are the nearest."""
        steps = range(1, self.forecaster_.horizon + 1)
        wanted = type(fh)(list(steps), is_relative=True).to_absolute_index(self.cutoff)
        rows = X.reindex(wanted).ffill().bfill()
        return rows.to_numpy(dtype=float)

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Return settings for the tests of sktime.

        Parameters
        ----------
        parameter_set : str, default="default"
            Not used.

        Returns
        -------
        params : list of dict
        """
        small = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
        return [
            {"forecaster": RNNForecaster(**small)},
            {"forecaster": RNNForecaster(context=4, scaling=None, **small)},
        ]


def _join(y, X):
    """Return one series: targets, then what is known ahead."""
    parts = [y] if X is None else [y, X.loc[y.index]]
    return np.hstack([part.to_numpy(dtype=float) for part in parts])
