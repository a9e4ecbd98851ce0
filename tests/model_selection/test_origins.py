"""Origins of forecasts, and the splitter by time."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from sklearn_rnn import RNNForecaster
from sklearn_rnn.model_selection import RollingOriginSplit, make_origins

SERIES = [np.arange(10.0), np.arange(100.0, 115.0)]


def test_every_beginning_is_followed_by_its_future():
    X, y, origins = make_origins(SERIES, horizon=3, first=4)
    assert len(X) == len(y) == len(origins) == (7 - 4 + 1) + (12 - 4 + 1)
    for past, future, origin in zip(X, y, origins, strict=True):
        series = SERIES[0] if past[0] == 0 else SERIES[1]
        np.testing.assert_array_equal(past, series[:origin])
        np.testing.assert_array_equal(future, series[origin : origin + 3])


def test_beginnings_are_views():
    X, _, _ = make_origins(SERIES, horizon=3)
    assert all(np.shares_memory(x, SERIES[0]) for x in X if x[0] == 0)


def test_the_last_origin_is_always_there():
    for step in (1, 2, 5, 100):
        _, _, origins = make_origins(SERIES[0], horizon=3, step=step)
        assert origins[-1] == 7
        assert (np.diff(origins) == step).all()


def test_one_series_and_several_variables():
    X, y, _ = make_origins(np.arange(6), 2)
    assert X[0].tolist() == [0, 1]
    assert y.shape == (3, 2)
    X, y, _ = make_origins([np.ones((6, 3))], 2)
    assert X[0].shape == (2, 3)
    assert y.shape == (3, 2, 3)


def test_equal_beginnings_stay_objects():
    X, _, _ = make_origins([np.arange(5), np.arange(5)], 2, first=3)
    assert X.shape == (2,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "'horizon' parameter of make_origins must be an int"),
        ({"horizon": 2, "step": 0.5}, "'step' parameter"),
        ({"horizon": 2, "first": 0}, "'first' parameter"),
        ({"horizon": 8}, r"series\[0\] has 10 steps, fewer than first=8 plus"),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        make_origins(SERIES, **options)


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_no_training_future_reaches_into_the_test_set(horizon):
    X, _, origins = make_origins([np.arange(30), np.arange(22)], horizon, first=1)
    shuffled = np.random.default_rng(0).permutation(len(X))
    origins = origins[shuffled]
    splitter = RollingOriginSplit(2, horizon=horizon)
    tested = []
    for train, test in splitter.split(X, groups=origins):
        assert (origins[train] + horizon).max() <= origins[test].min()
        tested.append(origins[test])
    assert len(tested) == splitter.get_n_splits() == 2
    assert tested[0].max() < tested[1].min()
    assert tested[1].max() == origins.max()


def test_splitter_says_what_is_missing():
    X, y, origins = make_origins(SERIES[0], 3)
    with pytest.raises(ValueError, match="needs groups: the origin of each sample"):
        next(RollingOriginSplit().split(X, y))
    with pytest.raises(ValueError, match="No origin is 3 steps before 5, the first"):
        next(RollingOriginSplit(3, horizon=3).split(X, y, origins))
    with pytest.raises(ValueError, match="'horizon' parameter of RollingOriginSplit"):
        next(RollingOriginSplit(horizon=0).split(X, y, origins))


def test_forecasters_are_cross_validated_over_origins():
    wave = np.sin(np.arange(80) / 3)
    X, y, origins = make_origins(wave, 4, first=20)
    forecaster = RNNForecaster(horizon=4, context=12, max_epochs=2, random_state=0)
    splitter = RollingOriginSplit(3, horizon=4)
    scores = cross_val_score(forecaster, X, y, groups=origins, cv=splitter)
    assert (scores > 0.5).all()
