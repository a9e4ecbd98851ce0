"""PyodDetector: the form of pyod's detectors, and the scores of RNNAnomalyDetector.

pyod is in no extra: ``pip install pyod`` in an environment of its own.
"""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

pytest.importorskip("pyod")

from pyod.models.base import BaseDetector
from sklearn.base import clone

from sklearn_rnn import RNNAnomalyDetector
from sklearn_rnn.adapters.pyod import PyodDetector

SMALL = RNNAnomalyDetector(hidden_size=4, max_epochs=1, random_state=0)
rng = np.random.default_rng(0)
X = np.sin(np.arange(200)[:, np.newaxis] / 4 + [0, 1]) + rng.normal(0, 0.1, (200, 2))
X[150] += 9
pytestmark = pytest.mark.filterwarnings("ignore:Maximum epochs")


@pytest.fixture(scope="module")
def fitted():
    return PyodDetector(SMALL, contamination=0.05).fit(X)


def test_scores_are_those_of_the_detector(fitted):
    own = clone(SMALL).fit([X])
    np.testing.assert_array_equal(fitted.decision_scores_, own.score_steps([X])[0])
    new = X[20:60] + 1
    np.testing.assert_array_equal(
        fitted.decision_function(new), own.score_steps([new])[0]
    )


def test_labels_have_the_sign_of_pyod(fitted):
    assert isinstance(fitted, BaseDetector)
    assert fitted.decision_scores_.argmax() == 150
    assert fitted.labels_[150] == 1
    assert fitted.labels_.mean() == pytest.approx(0.05)
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
    above = fitted.decision_scores_ > fitted.threshold_
    np.testing.assert_array_equal(above, fitted.labels_ == 1)
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (200, 2)
    assert probabilities[150, 1] == 1


def test_clones_and_pickles(fitted):
    copy = clone(fitted).set_params(contamination=0.1)
    assert copy.get_params()["detector"].hidden_size == 4
    assert not hasattr(copy, "detector_")
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(X), fitted.labels_)


def test_one_variable_and_defaults():
    adapter = PyodDetector(clone(SMALL)).fit(X[:, 0].tolist())
    assert adapter.decision_scores_.shape == (200,)
    assert PyodDetector().contamination == 0.1
    with pytest.raises(NotFittedError):
        PyodDetector().decision_function(X)
    with pytest.raises(ValueError, match="NaN at step 3"):
        PyodDetector(SMALL).fit(np.where(np.arange(200) == 3, np.nan, X[:, 0]))
