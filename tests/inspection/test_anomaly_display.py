"""AnomalyDisplay: signals, scores and stretches."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNAnomalyDetector, RNNTagger
from sklearn_rnn.inspection import AnomalyDisplay
from sklearn_rnn.preprocessing import Stepwise

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    X = list(rng.normal(size=(3, 60, 2)))
    X[1][30] += 20
    return X


@pytest.fixture(scope="module")
def detector(series):
    return RNNAnomalyDetector(**SMALL).fit(series)


def row_names(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def read_strip(display, row, n_steps):
    """Return which steps a bar of a row covers."""
    found = np.zeros(n_steps, bool)
    for collection in display.ax_.collections:
        if not isinstance(collection, PolyCollection):
            continue
        for path in collection.get_paths():
            low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
            if low[1] < -row < high[1]:
                found[int(low[0] + 0.5) : int(high[0] + 0.5)] = True
    return found


def test_rows_show_what_the_detector_finds(pyplot, series, detector):
    y = np.zeros((3, 60), int)
    y[1, 28:33] = 1
    display = AnomalyDisplay.from_estimator(detector, series, y, sample=1)
    assert row_names(display) == ["x0", "x1", "score", "found", "true"]
    np.testing.assert_array_equal(
        read_strip(display, 3, 60), detector.predict_steps(series)[1] == 1
    )
    np.testing.assert_array_equal(read_strip(display, 4, 60), y[1] == 1)
    assert read_strip(display, 3, 60)[30]


def test_scores_stand_above_the_threshold_where_found(pyplot, series, detector):
    display = AnomalyDisplay.from_estimator(detector, series, sample=1)
    _, _, scores, threshold = display.ax_.lines
    above = scores.get_ydata() > threshold.get_ydata()[0]
    expected = detector.score_steps(series)[1] > detector.step_threshold_
    np.testing.assert_array_equal(above, expected)
    found = read_strip(display, 3, 60)
    assert 0 < found.sum() < above.sum()  # a smoothed score stays high for some steps
    np.testing.assert_allclose(
        np.corrcoef(scores.get_ydata(), detector.score_steps(series)[1])[0, 1], 1
    )


def test_given_scores_are_drawn_as_those_of_the_estimator(pyplot, series, detector):
    by_estimator = AnomalyDisplay.from_estimator(detector, series, sample=2)
    given = AnomalyDisplay.from_predictions(
        detector.score_steps(series)[2],
        threshold=detector.step_threshold_,
        signals=series[2],
        y_pred=detector.predict_steps(series)[2],
    )
    assert row_names(given) == row_names(by_estimator)
    for a, b in zip(given.ax_.lines, by_estimator.ax_.lines, strict=True):
        np.testing.assert_array_equal(a.get_ydata(), b.get_ydata())


def test_scores_above_the_threshold_are_found_by_default(pyplot):
    display = AnomalyDisplay.from_predictions([1.0, 3, 3, 1], threshold=2)
    np.testing.assert_array_equal(read_strip(display, 1, 4), [0, 1, 1, 0])
    display = AnomalyDisplay.from_predictions(
        [1.0, 3, 3, 1], threshold=2, y_pred=[0, 1, 0, 0]
    )
    np.testing.assert_array_equal(read_strip(display, 1, 4), [0, 1, 0, 0])


def test_pipelines_one_series_and_given_axes(pyplot, series):
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNAnomalyDetector(**SMALL))
    display = AnomalyDisplay.from_estimator(pipeline.fit(series), series)
    assert row_names(display) == ["x0", "x1", "score", "found"]
    x = series[1][:, 0]
    _, ax = pyplot.subplots()
    detector = RNNAnomalyDetector(**SMALL).fit(x)
    assert AnomalyDisplay.from_estimator(detector, x, ax=ax).ax_ is ax
    np.testing.assert_allclose(
        ax.lines[0].get_ydata(), 0.8 * (x - x.min()) / np.ptp(x) - 0.4
    )


def test_bad_input_is_named(pyplot, series, detector):
    with pytest.raises(TypeError, match="Got RNNTagger"):
        AnomalyDisplay.from_estimator(RNNTagger(), series)
    with pytest.raises(ValueError, match="'sample' parameter"):
        AnomalyDisplay.from_estimator(detector, series, sample=3)
    with pytest.raises(ValueError, match="y"):
        AnomalyDisplay.from_estimator(detector, series, np.zeros((3, 59), int))
    with pytest.raises(ValueError, match="signals must have 3 steps"):
        AnomalyDisplay.from_predictions([1.0, 2, 3], threshold=2, signals=[1, 2])
    with pytest.raises(ValueError, match="y_pred must have 3 steps"):
        AnomalyDisplay.from_predictions([1.0, 2, 3], threshold=2, y_pred=[1, 0])
