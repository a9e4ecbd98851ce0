"""What the displays of attributions, attention and states show."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import StepPatch
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor, RNNTranslator
from sklearn_rnn.inspection import (
    AlignmentDisplay,
    AttentionDisplay,
    AttributionDisplay,
    HiddenStateDisplay,
    attention_weights,
    gate_activations,
    step_attributions,
)
from sklearn_rnn.preprocessing import SequenceTokenizer

SMALL = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}
PLAIN = {**SMALL, "conv_channels": None}
TEXTS = ["not bad at all", "bad", "so good", "not so good"] * 5


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def classifier(ragged):
    X, y = ragged
    return RNNClassifier(**PLAIN, pooling="attention").fit(X, y)


@pytest.fixture
def reader():
    rnn = RNNClassifier(**PLAIN, pooling="attention")
    return make_pipeline(SequenceTokenizer(), rnn).fit(TEXTS, ["+", "-", "+", "-"] * 5)


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize(
    "display", [AttributionDisplay, AttentionDisplay, HiddenStateDisplay]
)
def test_displays_draw_into_the_axes_they_are_given(ragged, classifier, display):
    X, _ = ragged
    figure, (left, right) = plt.subplots(1, 2)
    drawn = display.from_estimator(classifier, X[:4], ax=right)
    assert drawn.ax_ is right
    assert drawn.figure_ is figure
    assert not left.has_data()
    again = drawn.plot()
    assert again is drawn
    assert drawn.figure_ is not figure


# Attributions ------------------------------------------------------------------------


def test_bars_are_the_attributions_to_one_scale(ragged, classifier):
    X, _ = ragged
    display = AttributionDisplay.from_estimator(classifier, X, sample=2, target="up")
    parts = step_attributions(classifier, X, target="up")[2]
    np.testing.assert_array_equal(display.attributions, parts)
    bars = [p for p in display.ax_.patches if isinstance(p, StepPatch)]
    heights = [p.get_data().values - p.get_data().baseline for p in bars]
    drawn = np.stack([heights[0] + heights[1], heights[2] + heights[3]], axis=1)
    np.testing.assert_allclose(drawn, 0.45 * parts / np.abs(parts).max(), atol=1e-12)
    assert all((h >= -1e-12).all() for h in heights[::2])  # one colour up, one down
    assert all((h <= 1e-12).all() for h in heights[1::2])
    assert bars[0].get_facecolor() == bars[2].get_facecolor()
    assert bars[0].get_facecolor() != bars[1].get_facecolor()


def test_the_series_lies_over_the_bars(ragged, classifier):
    X, _ = ragged
    display = AttributionDisplay.from_estimator(classifier, X, sample=2)
    curves = [
        line.get_ydata()
        for line in display.ax_.lines
        if len(line.get_ydata()) == len(X[2])
    ]
    for feature, curve in enumerate(curves):
        assert np.corrcoef(curve, X[2][:, feature])[0, 1] == pytest.approx(1)
        assert [curve.min(), curve.max()] == pytest.approx(
            [0.55 - feature, 1.45 - feature]
        )


@pytest.fixture
def named(ragged):
    X, y = ragged
    frames = [pd.DataFrame(x, columns=["level", "noise"]) for x in X]
    return RNNClassifier(**PLAIN, pooling="attention").fit(frames, y), frames


def test_rows_and_legend_have_the_names_of_the_data(named):
    display = AttributionDisplay.from_estimator(*named, target="down")
    assert tick_labels(display.ax_.yaxis) == ["level", "noise"]
    texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert texts[0].startswith("up: raises log-odds of down")
    assert texts[2] == "the series"


@pytest.mark.parametrize(
    "display", [AttributionDisplay, AttentionDisplay, HiddenStateDisplay]
)
def test_named_features_bring_no_warning(named, display):
    display.from_estimator(*named)  # warnings are errors


def test_without_a_target_it_is_the_predicted_class(ragged, classifier):
    X, _ = ragged
    for sample in (0, 1):
        display = AttributionDisplay.from_estimator(classifier, X, sample=sample)
        predicted = classifier.predict(X)[sample]
        assert display.output_name == f"log-odds of {predicted}"


def test_of_several_targets_one_must_be_chosen(ragged):
    X, _ = ragged
    regressor = RNNRegressor(**PLAIN).fit(X, np.arange(80.0).reshape(40, 2))
    with pytest.raises(ValueError, match=r"select one of \[0, 1\]"):
        AttributionDisplay.from_estimator(regressor, X)
    display = AttributionDisplay.from_estimator(regressor, X, target=1)
    assert display.output_name == "y1"


def test_no_attribution_at_all_is_drawn_too():
    display = AttributionDisplay(np.zeros((4, 1))).plot()
    assert tick_labels(display.ax_.yaxis) == ["x0"]


def test_text_is_written_with_bars_above_and_below(reader):
    display = AttributionDisplay.from_estimator(reader, TEXTS, target="+")
    words = [text.get_text() for text in display.ax_.texts]
    assert words == ["not", "bad", "at", "all"]
    parts = step_attributions(reader, TEXTS, target="+")[0][:, 0]
    bars = display.ax_.patches[1::2]  # after the tint of each word
    for part, bar, word in zip(parts, bars, display.ax_.texts, strict=True):
        above = bar.get_y() < word.get_position()[1]
        assert above == (part > 0)  # the y axis points down
        assert bar.get_height() == pytest.approx(0.3 * abs(part / abs(parts).max()))


def test_long_texts_are_broken_into_lines_that_fit(reader):
    words = 200 * ["good", "bad"]
    display = AttributionDisplay(np.ones((400, 1)), tokens=words).plot()
    display.figure_.draw_without_rendering()
    frame = display.ax_.get_window_extent()
    for text in display.ax_.texts:
        box = text.get_window_extent()
        assert frame.x0 - 1 < box.x0 < box.x1 < frame.x1 + 1
        assert frame.y0 - 1 < box.y0 < box.y1 < frame.y1 + 1


def test_characters_stand_side_by_side_and_spaces_are_seen():
    display = AttributionDisplay(np.ones((3, 1)), tokens=["a", " ", "$"]).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["a", "\u2423", "$"]
    places = [text.get_position()[0] for text in display.ax_.texts]
    np.testing.assert_allclose(np.diff(places), 1)


def test_ids_without_a_vocabulary_are_shown_as_numbers_and_unknown_tokens_as_such(
    reader,
):
    display = AttributionDisplay.from_estimator(reader, ["so unheard", ""])
    assert display.tokens == ["so", "\N{REPLACEMENT CHARACTER}"]
    ids = [[3, 17], [5]] * 10
    rnn = RNNClassifier(**PLAIN, embedding_dim=2).fit(ids, [0, 1] * 10)
    assert AttributionDisplay.from_estimator(rnn, ids).tokens == ["3", "17"]


# Attention ---------------------------------------------------------------------------


def test_rows_of_the_heat_map_are_the_weights_sorted_by_class(ragged, classifier):
    X, y = ragged
    display = AttentionDisplay.from_estimator(classifier, X, y)
    assert y[display.order_].tolist() == sorted(y)
    (image,) = display.ax_.images
    weights = attention_weights(classifier, X)
    for row, i in zip(image.get_array(), display.order_, strict=True):
        np.testing.assert_allclose(row.compressed(), weights[i][:, 0])
        assert row.count() == len(X[i])  # white after the end
    assert tick_labels(display.ax_.yaxis) == sorted(y)


def test_many_rows_have_a_label_for_each_class_only(ragged, classifier):
    X, y = ragged
    display = AttentionDisplay.from_estimator(classifier, X * 2, [*y, *y])
    assert tick_labels(display.ax_.yaxis) == ["down", "up"]
    np.testing.assert_allclose(display.ax_.get_yticks(), [19.5, 59.5])
    assert AttentionDisplay.from_estimator(classifier, X * 2).ax_.get_ylabel()


def test_states_after_a_stem_stand_at_the_steps_they_are_centred_on(ragged):
    X, y = ragged
    stem = {"conv_channels": (2, 2), "pooling": "attention"}
    classifier = RNNClassifier(**SMALL, **stem).fit(X, y)
    display = AttentionDisplay.from_estimator(classifier, [np.ones((12, 2))] * 2)
    (image,) = display.ax_.images
    assert image.get_array().shape == (2, 3)
    assert image.get_extent() == [-2, 10, 1.5, -0.5]  # centred on steps 0, 4 and 8
    states = HiddenStateDisplay.from_estimator(classifier, [np.ones((12, 2))])
    assert states.ax_.images[0].get_extent()[:2] == [-2, 10]


def test_tokens_are_written_into_the_cells(reader):
    display = AttentionDisplay.from_estimator(reader, TEXTS[:2])
    words = [text.get_text() for text in display.ax_.texts]
    assert words == ["not", "bad", "at", "all", "bad"]


def test_labels_must_be_as_many_as_sequences(ragged, classifier):
    X, _ = ragged
    with pytest.raises(ValueError, match=r"each of the 40 sequences. Got shape \(2,\)"):
        AttentionDisplay.from_estimator(classifier, X, ["a", "b"])


# States ------------------------------------------------------------------------------


def test_the_heat_map_shows_the_states_of_one_sequence(ragged, classifier):
    X, y = ragged
    display = HiddenStateDisplay.from_estimator(classifier, X, y, sample=4)
    (image,) = display.ax_.images
    states = classifier.hidden_states(X)[4]
    np.testing.assert_allclose(image.get_array(), states.T, rtol=1e-5, atol=1e-6)
    assert image.get_clim() == pytest.approx(
        (-np.abs(states).max(), np.abs(states).max()), rel=1e-5
    )
    assert tick_labels(display.ax_.yaxis) == ["forward", "backward"]
    assert display.ax_.get_title() == f"sequence 4: {y[4]}"


def test_gates_start_at_closed(ragged, classifier):
    X, _ = ragged
    gates = gate_activations(classifier, X)
    display = HiddenStateDisplay(gates["update"], name="update gate").plot(sample=1)
    (image,) = display.ax_.images
    np.testing.assert_array_equal(image.get_array(), gates["update"][1].T)
    assert image.get_clim()[0] == 0
    assert image.colorbar.ax.get_ylabel() == "update gate"


def test_tokens_are_below_the_heat_map(reader):
    display = HiddenStateDisplay.from_estimator(reader, TEXTS)
    assert tick_labels(display.ax_.xaxis) == ["not", "bad", "at", "all"]
    assert display.ax_.get_xlabel() == "token"


def test_paths_are_the_states_turned_and_moved(ragged, classifier):
    X, y = ragged
    display = HiddenStateDisplay.from_estimator(classifier, X, y, kind="path")
    states = classifier.hidden_states(X)
    order = np.argsort(y, kind="stable")  # drawn class by class
    for line, i in zip(display.ax_.lines, order, strict=True):
        path = np.column_stack(line.get_data())
        assert len(path) == len(X[i])
    paths = np.concatenate([np.column_stack(li.get_data()) for li in display.ax_.lines])
    centred = np.concatenate([states[i] for i in order])
    centred = centred - centred.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose((paths**2).sum(axis=0), variances[:2], rtol=1e-3)
    share = 100 * variances[0] / variances.sum()
    assert f"({share:.0f} % of variance)" in display.ax_.get_xlabel()


def test_paths_have_colours_and_markers_of_their_classes(ragged, classifier):
    X, y = ragged
    display = HiddenStateDisplay.from_estimator(classifier, X, y, kind="path")
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["down", "up", "first step"]
    down, up = display.ax_.lines[0], display.ax_.lines[-1]
    assert down.get_color() != up.get_color()
    assert down.get_linestyle() != up.get_linestyle()
    ends = display.ax_.collections[:2]
    shapes = [end.get_paths()[0].vertices.shape for end in ends]
    assert shapes[0] != shapes[1]  # also in grey


def test_labels_that_are_floats_are_labels_of_classes(ragged):
    X, y = ragged
    labels = (y == "up").astype(float)
    classifier = RNNClassifier(**PLAIN).fit(X, labels)
    for given in (labels, None):
        display = HiddenStateDisplay.from_estimator(classifier, X, given, kind="path")
        texts = display.ax_.get_legend().get_texts()
        assert {t.get_text() for t in texts} <= {"0.0", "1.0", "first step"}
        assert len(texts) > 1


def test_paths_of_numbers_have_a_colour_scale(ragged):
    X, _ = ragged
    y = np.linspace(-2, 3, 40)
    regressor = RNNRegressor(**PLAIN).fit(X, y)
    for given in (y, None):
        display = HiddenStateDisplay.from_estimator(regressor, X, given, kind="path")
        shown = y if given is not None else regressor.predict(X)
        bar = display.figure_.axes[-1]
        assert bar.get_ylim() == pytest.approx((shown.min(), shown.max()))


def test_without_y_and_with_several_targets_there_is_one_colour(ragged):
    X, _ = ragged
    regressor = RNNRegressor(**PLAIN).fit(X, np.arange(80.0).reshape(40, 2))
    display = HiddenStateDisplay.from_estimator(regressor, X, kind="path")
    assert len({line.get_color() for line in display.ax_.lines}) == 1


@pytest.mark.parametrize("sample", [40, -41, 1.0])
@pytest.mark.parametrize("display", [AttributionDisplay, HiddenStateDisplay])
def test_sequences_that_are_not_there_are_refused(ragged, classifier, display, sample):
    X, _ = ragged
    with pytest.raises(ValueError, match=rf"'sample' .* 0 to 39. Got {sample} instead"):
        display.from_estimator(classifier, X, sample=sample)
    assert plt.get_fignums() == []


def test_methods_that_are_not_there_are_refused(ragged, classifier):
    X, _ = ragged
    with pytest.raises(ValueError, match=r"'method' .* Got 'shap' instead"):
        AttributionDisplay.from_estimator(classifier, X, method="shap")


@pytest.mark.parametrize(
    ("states", "kind", "message"),
    [
        (np.ones((2, 3, 4)), "map", "'heatmap' or 'path'. Got 'map'"),
        (RaggedArray.from_sequences([[1, 2], [3]]), "path", "at least 2 units"),
    ],
)
def test_what_cannot_be_drawn_is_refused(states, kind, message):
    with pytest.raises(ValueError, match=message):
        HiddenStateDisplay(states).plot(kind=kind)
    assert plt.get_fignums() == []


@pytest.fixture(scope="module")
def translator():
    options = {"level": "char", "hidden_size": 4, "max_epochs": 2, "random_state": 0}
    return RNNTranslator(**options).fit(["a b", "ba", "b"], ["eins zwei", "zwei", "a"])


def test_an_alignment_has_a_row_for_each_target_token(translator):
    X, y = ["ba", "a?"], ["zwei", "eins a"]
    display = AlignmentDisplay.from_estimator(translator, X, y, sample=1)
    expected = translator.attention_weights(X, y)[1]
    np.testing.assert_array_equal(display.weights, expected)
    (image,) = display.ax_.images
    np.testing.assert_array_equal(image.get_array(), expected)
    assert tick_labels(display.ax_.yaxis) == ["eins", "a", "end"]
    assert tick_labels(display.ax_.xaxis) == ["a", "\N{REPLACEMENT CHARACTER}", "end"]


def test_punctuation_of_an_alignment_has_no_mark():
    X, y = ["one, two.", "two."], ["eins, zwei.", "zwei."]
    translator = RNNTranslator(hidden_size=4, max_epochs=1, random_state=0).fit(X, y)
    display = AlignmentDisplay.from_estimator(translator, X, y)
    assert display.source_tokens == ["one", ",", "two", ".", "end"]
    assert display.target_tokens == ["eins", ",", "zwei", ".", "end"]


def test_an_alignment_of_features_numbers_the_steps(rng):
    X = [rng.normal(size=(n, 2)) for n in (4, 5, 6)]
    translator = RNNTranslator(target_level="char", hidden_size=4, max_epochs=1)
    translator.fit(X, ["ab", "b", ""])
    display = AlignmentDisplay.from_estimator(translator, X, ["a", "b", ""])
    assert display.source_tokens is None
    assert len(display.weights) == 2
    assert display.weights.shape[1] == 4
    assert display.ax_.get_xlabel() == "source step"


def test_an_alignment_of_what_is_predicted(translator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it may be cut
        y = translator.predict(["a b"])
        other = AlignmentDisplay.from_estimator(translator, ["a b"])
    display = AlignmentDisplay.from_estimator(translator, ["a b"], y)
    np.testing.assert_array_equal(other.weights, display.weights)


def test_an_alignment_needs_a_translator_with_attention(translator, classifier, ragged):
    with pytest.raises(TypeError, match=r"of an RNNTranslator. Got RNNClassifier"):
        AlignmentDisplay.from_estimator(classifier, ragged[0])
    with pytest.raises(ValueError, match=r"'sample' parameter.*0 to 0. Got 1"):
        AlignmentDisplay.from_estimator(translator, ["a"], sample=1)
    plain = RNNTranslator(attention=False, hidden_size=4, max_epochs=1)
    with pytest.raises(ValueError, match="needs attention=True"):
        AlignmentDisplay.from_estimator(plain.fit(["a b"], ["b a"]), ["a b"], ["b a"])
