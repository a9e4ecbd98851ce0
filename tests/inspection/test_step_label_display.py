"""StepLabelDisplay: strips of labels below signals."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.patches import StepPatch
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNStepRegressor, RNNTagger
from sklearn_rnn.inspection import StepLabelDisplay
from sklearn_rnn.preprocessing import WordAttributes

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture
def labels(ragged):
    return [np.where(x[:, 0] > 0, "high", "low") for x in ragged[0]]


@pytest.fixture
def tagger(ragged, labels):
    return RNNTagger(**SMALL).fit(ragged[0], labels)


def row_names(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def read_strip(display, row, n_steps):
    """Return the colour that is drawn at each step of a row."""
    found = [None] * n_steps
    for collection in display.ax_.collections:
        if not isinstance(collection, PolyCollection):
            continue
        for path in collection.get_paths():
            low, high = path.vertices.min(axis=0), path.vertices.max(axis=0)
            if low[1] < -row < high[1]:
                for step in range(int(low[0] + 0.5), int(high[0] + 0.5)):
                    found[step] = tuple(collection.get_facecolor()[0])
    return found


def test_a_strip_has_the_colour_of_each_label(pyplot, rng):
    y = rng.choice(["a", "b", "c"], 40)
    truth = np.where(rng.random(40) < 0.2, "c", y)
    display = StepLabelDisplay.from_predictions(y, truth)
    assert row_names(display) == ["predicted", "true", "wrong"]
    predicted, true, wrong = (read_strip(display, row, 40) for row in range(3))
    assert len(set(predicted)) == 3
    color = dict(zip(y, predicted, strict=True))
    assert predicted == [color[label] for label in y]
    assert true == [color[label] for label in truth]
    assert [c is not None for c in wrong] == (y != truth).tolist()
    legend = display.ax_.get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["a", "b", "c"]
    patches = [p.get_facecolor() for p in legend.get_patches()]
    np.testing.assert_allclose(patches, [color[c] for c in "abc"])


def test_signals_have_a_row_each_to_their_own_scale(pyplot, ragged, labels, tagger):
    X = ragged[0]
    display = StepLabelDisplay.from_estimator(tagger, X, labels, sample=3)
    assert row_names(display) == ["x0", "x1", "predicted", "true", "wrong"]
    for j, line in enumerate(display.ax_.lines):
        drawn = line.get_ydata()
        assert np.corrcoef(drawn, X[3][:, j])[0, 1] == pytest.approx(1)
        assert [drawn.min(), drawn.max()] == pytest.approx([-j - 0.4, -j + 0.4])
    np.testing.assert_array_equal(display.y_pred, tagger.predict(X)[3])
    np.testing.assert_array_equal(display.y_true, labels[3])


def test_bands_are_as_tall_as_the_probabilities(pyplot, ragged, tagger):
    X = ragged[0]
    display = StepLabelDisplay.from_estimator(
        tagger, X, sample=1, response_method="predict_proba"
    )
    assert row_names(display) == ["x0", "x1", "probability"]
    bands = [p.get_data() for p in display.ax_.patches if isinstance(p, StepPatch)]
    heights = np.stack([band.values - band.baseline for band in bands], axis=1)
    np.testing.assert_allclose(heights / 0.8, tagger.predict_proba(X)[1], atol=1e-6)


def test_colours_are_those_of_all_classes(pyplot, ragged, tagger):
    display = StepLabelDisplay.from_estimator(tagger, ragged[0], sample=0)
    texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert texts == ["high", "low"]


def test_many_labels_differ_in_colour_or_hatch(pyplot):
    display = StepLabelDisplay.from_predictions(np.arange(20))
    looks = [
        (p.get_facecolor(), p.get_hatch())
        for p in display.ax_.get_legend().get_patches()
    ]
    assert len(set(looks)) == 20


def test_the_legend_of_long_names_fits_into_the_figure(pyplot):
    labels = [f"a rather long name of state {i}" for i in range(8)]
    display = StepLabelDisplay.from_predictions(labels)
    display.figure_.draw_without_rendering()
    extent = display.ax_.get_legend().get_window_extent()
    assert display.figure_.bbox.x0 <= extent.x0
    assert extent.x1 <= display.figure_.bbox.x1
    assert extent.y1 <= display.figure_.bbox.y1


def test_words_have_strips_without_signals(pyplot):
    words, tags = [["Ada", "runs"]] * 10, [["N", "V"]] * 10
    tagger = make_pipeline(WordAttributes(), RNNTagger(**SMALL)).fit(words, tags)
    display = StepLabelDisplay.from_estimator(tagger, words, tags)
    assert row_names(display) == ["predicted", "true", "wrong"]


def test_it_draws_into_given_axes(pyplot, ragged, tagger):
    figure, (left, right) = pyplot.subplots(1, 2)
    display = StepLabelDisplay.from_estimator(tagger, ragged[0], ax=right)
    assert display.ax_ is right
    assert not left.has_data()
    assert display.plot() is display
    assert display.figure_ is not figure


def test_what_does_not_fit_is_refused(ragged, labels, tagger):
    X = ragged[0]
    show = StepLabelDisplay.from_estimator
    with pytest.raises(ValueError, match="'response_method' parameter must be"):
        show(tagger, X, response_method="score")
    with pytest.raises(ValueError, match="'sample' parameter must be"):
        show(tagger, X, sample=40)
    with pytest.raises(ValueError, match=r"X\[0\] has \d+ steps, but y\[0\] has"):
        show(tagger, X, [labels[0][:-1], *labels[1:]])
    with pytest.raises(TypeError, match="StepLabelDisplay requires an RNNTagger"):
        show(RNNStepRegressor(**SMALL).fit(X, X), X)
    for name in ("y_true", "signals"):
        with pytest.raises(ValueError, match=f"{name} must have 3 steps"):
            StepLabelDisplay.from_predictions([1, 2, 1], **{name: [1, 2]})
