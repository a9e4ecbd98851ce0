"""SktimeForecaster: sktime's own checks, and the same forecasts as RNNForecaster.

sktime is in no extra: ``pip install sktime`` in an environment of its own.
"""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from sktime.utils.estimator_checks import check_estimator

from sklearn_rnn import RNNForecaster
from sklearn_rnn.adapters.sktime import SktimeForecaster

SMALL = {"context": 6, "hidden_size": 4, "max_epochs": 2, "random_state": 0}
rng = np.random.default_rng(0)
INDEX = pd.period_range("2020-01", periods=60, freq="M")
Y = pd.DataFrame(rng.normal(size=(60, 2)).cumsum(axis=0), INDEX, columns=["a", "b"])
X = pd.DataFrame(rng.normal(size=(60, 1)), INDEX, columns=["known"])


@pytest.mark.filterwarnings("ignore")
def test_sktime_accepts_it():
    results = check_estimator(SktimeForecaster, raise_exceptions=False, verbose=False)
    assert len(results) > 100
    assert not [name for name, result in results.items() if result != "PASSED"]


def test_forecasts_are_those_of_the_forecaster():
    adapter = SktimeForecaster(RNNForecaster(**SMALL)).fit(Y[:55], X[:55], fh=[1, 3, 5])
    forecasts = adapter.predict(X=X[55:])
    own = RNNForecaster(**SMALL, horizon=5, target_features=[0, 1], known_features=[2])
    series = np.hstack([Y, X])
    expected = own.fit([series[:55]]).predict([series[:55]], X[55:].to_numpy()[None])
    np.testing.assert_array_equal(forecasts, expected[0][[0, 2, 4]])
    assert list(forecasts.index) == list(INDEX[[55, 57, 59]])


def test_an_update_moves_the_origin():
    adapter = SktimeForecaster(RNNForecaster(**SMALL)).fit(Y["a"][:50], fh=[1, 2])
    moved = adapter.update(Y["a"][50:55], update_params=False).predict()
    assert list(moved.index) == list(INDEX[[55, 56]])
    own = adapter.forecaster_.predict(Y["a"][:55].to_numpy())
    np.testing.assert_array_equal(moved, own[0])
