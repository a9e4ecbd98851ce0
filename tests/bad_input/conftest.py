"""Fixtures of the tests of bad input: small estimators and data that fit them."""

import numpy as np
import pytest
from bad_input_tools import MAKERS, N_FEATURES, N_SAMPLES, N_STEPS, SMALL

from sklearn_rnn import RNNClassifier, RNNRegressor


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def estimator(request):
    return request.param(**SMALL)


@pytest.fixture
def classifier():
    return RNNClassifier(**SMALL)


@pytest.fixture
def regressor():
    return RNNRegressor(**SMALL)


@pytest.fixture
def cube(rng):
    return rng.normal(size=(N_SAMPLES, N_STEPS, N_FEATURES))


@pytest.fixture
def table(rng):
    return rng.normal(size=(N_SAMPLES, N_STEPS))


@pytest.fixture
def sequences(cube):
    return [x[: 2 + i % 3].copy() for i, x in enumerate(cube)]


@pytest.fixture
def y():
    return np.arange(N_SAMPLES) % 2


@pytest.fixture
def ids(rng):
    return rng.integers(0, 5, (N_SAMPLES, N_STEPS))
