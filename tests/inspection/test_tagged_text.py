"""TaggedTextDisplay: words, boxes and colours, in HTML and as a picture."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNStepRegressor, RNNTagger
from sklearn_rnn.inspection import TaggedTextDisplay
from sklearn_rnn.preprocessing import SequenceTokenizer, WordAttributes

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
SENTENCES = [["Ada", "sees", "Bob"], ["Bob", "Lee", "and", "Ada", "run"]]
TAGS = [["B-P", "O", "B-P"], ["B-P", "I-P", "O", "B-P", "O"]]


class Reader(HTMLParser):
    """The text of HTML, and the style of what it stands in."""

    def __init__(self, html):
        super().__init__()
        self.open, self.marks, self.text = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "mark":
            self.marks.append((dict(attrs)["style"], []))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if "mark" in self.open:
            self.marks[-1][1].append(data.strip())


def boxes(display):
    return [p for p in display.ax_.patches if isinstance(p, Rectangle)]


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


@pytest.fixture(
    params=[SequenceTokenizer(level=None), WordAttributes()], ids=["1", "4"]
)
def tagger(request):
    rnn = RNNTagger(**SMALL, crf=True, scheme="iob2")
    return make_pipeline(request.param, rnn).fit(SENTENCES * 8, TAGS * 8)


def test_each_word_has_its_predicted_tag(pyplot, tagger):
    display = TaggedTextDisplay.from_estimator(tagger, SENTENCES)
    lowered = [[word.lower() for word in s] for s in display.words]
    assert lowered == [[word.lower() for word in s] for s in SENTENCES]
    for tags, predicted in zip(display.tags, tagger.predict(SENTENCES), strict=True):
        np.testing.assert_array_equal(tags, predicted)
    assert display.scheme == "iob2"
    assert display.plot() is display
    assert display.ax_.figure is display.figure_


def test_texts_of_a_tokenizer_show_their_characters():
    texts = ["aab", "ba"] * 10
    tagger = make_pipeline(SequenceTokenizer(level="char"), RNNTagger(**SMALL))
    tagger.fit(texts, [list("xxy"), list("yx")] * 10)
    display = TaggedTextDisplay.from_estimator(tagger, texts[:2])
    assert display.words == [["a", "a", "b"], ["b", "a"]]


def test_a_span_is_one_box_with_its_type(pyplot):
    display = TaggedTextDisplay.from_predictions(SENTENCES, TAGS, scheme="iob2").plot()
    assert len(boxes(display)) == 4
    assert texts(display)[-7:] == ["Bob", "P", "Lee", "and", "Ada", "P", "run"]
    marks = Reader(display._repr_html_()).marks
    assert [text for _, text in marks] == [[w, "P"] for w in ("Ada", "Bob")] + [
        ["Bob Lee", "P"],
        ["Ada", "P"],
    ]


def test_without_a_scheme_each_word_has_a_box(pyplot):
    tags = [["NOUN", "VERB", "NOUN"], ["NOUN", "NOUN", "CONJ", "NOUN", "VERB"]]
    display = TaggedTextDisplay.from_predictions(SENTENCES, tags).plot()
    assert len(boxes(display)) == 8
    colors = {}
    for box, tag in zip(boxes(display), [*tags[0], *tags[1]], strict=True):
        colors.setdefault(tag, set()).add(box.get_facecolor())
    assert [len(same) for same in colors.values()] == [1, 1, 1]
    assert len(set.union(*colors.values())) == 3


def test_boxes_hold_their_words_and_do_not_overlap(pyplot):
    rng = np.random.default_rng(0)
    words = [rng.choice(["a", "longer", "extraordinarily"], 30).tolist()]
    tags = [rng.choice(["N", "A-VERY-LONG-TAG"], 30)]
    display = TaggedTextDisplay.from_predictions(words, tags).plot()
    display.figure_.draw_without_rendering()
    places = [box.get_window_extent() for box in boxes(display)]
    figure = display.figure_.bbox
    for place in places:
        assert figure.x0 - 1 <= place.x0 < place.x1 <= figure.x1 + 1
        others = [o for o in places if o is not place]
        assert not any(place.shrunk(0.98, 0.98).overlaps(other) for other in others)
    for text in display.ax_.texts:
        inner = text.get_window_extent()
        assert any(p.x0 <= inner.x0 and inner.x1 <= p.x1 for p in places)


def test_wrong_tags_are_marked_with_the_true_one(pyplot):
    truth = [TAGS[0], ["B-P", "O", "O", "B-Q", "O"]]
    display = TaggedTextDisplay.from_predictions(SENTENCES, TAGS, truth, scheme="iob2")
    display.plot()
    styles = [box.get_linestyle() for box in boxes(display)]
    assert styles == ["solid", "solid", "--", "--"]
    assert "P (B-P O)" in texts(display)
    assert "P (B-Q)" in texts(display)
    assert display.ax_.get_legend() is not None
    reader = Reader(display._repr_html_())
    assert ["dashed" in style for style, _ in reader.marks] == [0, 0, 1, 1]
    assert any("true tag in brackets" in text for text in reader.text)


def test_a_missed_span_is_marked(pyplot):
    display = TaggedTextDisplay.from_predictions(
        [["Ada", "runs"]], [["O", "O"]], [["B-P", "O"]], scheme="iob2"
    ).plot()
    assert [box.get_linestyle() for box in boxes(display)] == ["--"]
    assert texts(display) == ["Ada", "O (B-P)", "runs"]


def test_html_of_words_is_escaped():
    words = [["<script>alert('x')</script>", "&amp;", '"']]
    html = TaggedTextDisplay.from_predictions(
        words, [["<b>", "N", "N"]], [["</mark>", "N", "N"]]
    )._repr_html_()
    assert "<script>" not in html
    reader = Reader(html)
    assert [text[0] for _, text in reader.marks] == words[0]
    assert reader.open == []


def test_mathematics_and_spaces_are_drawn_as_they_are(pyplot):
    words = [["$x^2$", " ", "\\frac", ""]]
    display = TaggedTextDisplay.from_predictions(words, [["N"] * 4]).plot()
    display.figure_.draw_without_rendering()
    assert texts(display)[::2] == ["$x^2$", "␣", "\\frac", ""]


def test_the_colour_of_a_tag_does_not_depend_on_the_truth_being_right():
    truth = [["O", "O", "O"], ["B-Q", "I-Q", "O", "O", "O"]]
    plain = TaggedTextDisplay.from_predictions(SENTENCES, truth, scheme="iob2")
    html = TaggedTextDisplay.from_predictions(
        SENTENCES, truth, truth, scheme="iob2"
    )._repr_html_()
    assert html == plain._repr_html_()


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes", "bilou"])
def test_all_schemes_are_known(scheme):
    tags = {"iobes": "S-P", "bilou": "U-P", "iob1": "I-P", "iob2": "B-P"}[scheme]
    html = TaggedTextDisplay.from_predictions([["Ada"]], [[tags]], scheme=scheme)
    assert re.search(r"<small[^>]*>P</small>", html._repr_html_())


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"tags": [["N"]]}, ValueError, "words has 2 sequences, but tags has 1"),
        (
            {"tags": [["N"] * 3, ["N"]]},
            ValueError,
            r"words\[1\] has 5 steps, but tags\[1\] has 1",
        ),
        (
            {"y_true": [["N"] * 2, ["N"] * 5]},
            ValueError,
            r"words\[0\] has 3 steps, but y_true\[0\] has 2",
        ),
        ({"scheme": "iob"}, ValueError, "'scheme' parameter must be a str among"),
        ({"tags": [["N"] * 3, ["N"] * 5], "scheme": "iob2"}, ValueError, "no tag of"),
        ({"tags": [[[0, 1]] * 3, [[1, 0]] * 5]}, ValueError, "one label per word"),
    ],
)
def test_what_does_not_fit_is_refused(given, error, message):
    arguments = {"words": SENTENCES, "tags": TAGS, **given}
    with pytest.raises(error, match=message):
        TaggedTextDisplay.from_predictions(**arguments)


def test_other_estimators_and_numbers_are_refused(ragged):
    X, y = ragged
    steps = [(x > 0).astype(int) for x in X]
    show = TaggedTextDisplay.from_estimator
    with pytest.raises(
        TypeError, match="requires an RNNTagger with one label per step"
    ):
        show(RNNClassifier(**SMALL).fit(X, y), X)
    with pytest.raises(TypeError, match="Got RNNStepRegressor"):
        show(RNNStepRegressor(**SMALL).fit(X, X), X)
    with pytest.raises(TypeError, match="several labels per step"):
        show(RNNTagger(**SMALL).fit(X, steps), X)
    with pytest.raises(TypeError, match="Use StepLabelDisplay for numbers"):
        show(RNNTagger(**SMALL).fit(X, [s[:, 0] for s in steps]), X)
