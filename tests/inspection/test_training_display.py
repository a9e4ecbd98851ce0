"""TrainingDisplay: what the panels show."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
)
from sklearn_rnn.inspection import TrainingDisplay
from sklearn_rnn.preprocessing import Stepwise

TINY = {"hidden_size": 2, "conv_channels": None, "random_state": 0}


@pytest.fixture
def stopping(ragged):
    return RNNClassifier(**TINY, max_epochs=6, early_stopping=True).fit(*ragged)


@pytest.fixture
def plain(ragged):
    return RNNRegressor(**TINY, max_epochs=4).fit(ragged[0], np.arange(40.0))


def titles(display):
    return [panel.get_ylabel() for panel in display.axes_]


def test_panels_show_what_the_fit_has_recorded(stopping, pyplot):
    display = TrainingDisplay.from_estimator(stopping)
    assert titles(display) == ["training loss", "validation score", "learning rate"]
    expected = [
        stopping.loss_curve_,
        stopping.validation_scores_,
        stopping.history_[:, "lr"],
    ]
    for panel, values in zip(display.axes_, expected, strict=True):
        (line,) = panel.lines
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 7))
        np.testing.assert_array_equal(line.get_ydata(), values)
        low, high = panel.get_ylim()
        assert low <= min(values) <= max(values) <= high
    assert display.axes_[-1].get_xlabel() == "epoch"


def test_the_best_epoch_is_that_of_the_highest_score(stopping, pyplot):
    display = TrainingDisplay.from_estimator(stopping)
    best = int(np.argmax(stopping.validation_scores_)) + 1
    assert display.best_epochs_ == [best]
    for panel in display.axes_:
        assert panel.lines[0].get_markevery() == [best - 1]
    (label,) = display.axes_[0].get_legend().get_texts()
    assert label.get_text() == f"RNNClassifier (best epoch: {best})"


def test_without_scores_the_best_epoch_is_that_of_the_lowest_loss(plain, pyplot):
    display = TrainingDisplay.from_estimator(plain)
    assert titles(display) == ["training loss", "learning rate"]
    assert display.best_epochs_ == [int(np.argmin(plain.loss_curve_)) + 1]


def test_several_estimators_are_told_apart_in_colour_and_in_grey(
    stopping, plain, pyplot
):
    display = TrainingDisplay.from_estimators([stopping, plain, stopping])
    assert display.names == ["RNNClassifier 1", "RNNRegressor", "RNNClassifier 2"]
    lines = display.axes_[0].lines
    assert [len(line.get_xdata()) for line in lines] == [6, 4, 6]
    for property_of in ("get_color", "get_linestyle", "get_marker"):
        assert len({getattr(line, property_of)() for line in lines}) == 3
    assert np.isnan(display.validation_scores[1]).all()
    named = TrainingDisplay.from_estimators([stopping, plain], names=["a", "b"])
    labels = [text.get_text() for text in named.axes_[0].get_legend().get_texts()]
    assert [label[0] for label in labels] == ["a", "b"]


def test_it_fills_given_axes(stopping, pyplot):
    figure, (left, right) = pyplot.subplots(1, 2, layout="constrained")
    display = TrainingDisplay.from_estimator(stopping, ax=right, linewidth=3)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not right.axison
    figure.canvas.draw()
    frame = right.get_position()
    tops = [panel.get_position().y1 for panel in display.axes_]
    assert tops == sorted(tops, reverse=True)
    for panel in display.axes_:
        place = panel.get_position()
        assert frame.x0 - 1e-9 <= place.x0 < place.x1 <= frame.x1 + 1e-9
        assert frame.y0 - 1e-9 <= place.y0 < place.y1 <= frame.y1 + 1e-9
        assert panel.lines[0].get_linewidth() == 3
    assert not left.lines


def test_results_can_be_drawn_again(stopping, pyplot):
    display = TrainingDisplay.from_estimator(stopping)
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first


def test_searches_and_pipelines_show_the_fit_of_their_network(ragged, pyplot):
    pipeline = make_pipeline(
        Stepwise(StandardScaler()), RNNClassifier(**TINY, max_epochs=2)
    )
    search = GridSearchCV(pipeline, {"rnnclassifier__max_epochs": [2, 3]}, cv=2)
    search.fit(*ragged)
    display = TrainingDisplay.from_estimator(search)
    np.testing.assert_array_equal(
        display.losses[0], search.best_estimator_[-1].loss_curve_
    )


def test_epochs_of_partial_fit_follow_those_of_fit(ragged, stopping, pyplot):
    stopping.set_params(early_stopping=False).partial_fit(*ragged)
    display = TrainingDisplay.from_estimator(stopping)
    assert len(display.losses[0]) == 7
    assert np.isnan(display.validation_scores[0][6])
    assert display.learning_rates[0][6] == 0.01


def test_forecasters_and_detectors_show_their_epochs(pyplot):
    series = [np.sin(np.arange(60.0 + i)) for i in range(3)]
    small = {"hidden_size": 2, "max_epochs": 3, "random_state": 0}
    forecaster = RNNForecaster(**small).fit(series)
    detector = RNNAnomalyDetector(**small).fit(series)
    display = TrainingDisplay.from_estimators([forecaster, detector])
    assert display.names == ["RNNForecaster", "RNNAnomalyDetector"]
    for losses, fitted in zip(display.losses, (forecaster, detector), strict=True):
        assert losses.tolist() == fitted.loss_curve_


def test_bad_arguments_are_named(stopping):
    with pytest.raises(ValueError, match=r"'names' parameter.*a list of 1 names.*Got"):
        TrainingDisplay.from_estimators([stopping], names=["a", "b"])
    with pytest.raises(
        ValueError, match="'estimators' parameter must contain at least one"
    ):
        TrainingDisplay.from_estimators([])
    with pytest.raises(NotFittedError):
        TrainingDisplay.from_estimator(RNNClassifier())


def test_without_matplotlib_the_error_says_what_to_install(stopping, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[plot\]"'):
        TrainingDisplay.from_estimator(stopping)
