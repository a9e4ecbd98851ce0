"""partial_fit: one epoch at a constant learning rate."""

import numpy as np
import pytest
from sklearn.base import clone
from training_tools import (
    assert_weights_equal,
    make_classifier,
    make_regressor,
    weights_of,
)

from sklearn_rnn import RNNGenerator, RNNTranscriber, RNNTranslator


def test_partial_fit_is_an_epoch_at_a_constant_rate(ragged):
    X, y = ragged
    params = {"learning_rate_schedule": None, "max_epochs": 4}
    whole = make_classifier(**params, batch_size=8, dropout=0.3).fit(X, y)
    streamed = make_classifier(batch_size=8, dropout=0.3)
    for _ in range(4):
        streamed.partial_fit(X, y, classes=["down", "up"])
    assert streamed.loss_curve_ == whole.loss_curve_
    assert_weights_equal(weights_of(streamed), weights_of(whole))


def test_partial_fit_accepts_classes_that_come_later(ragged):
    X, y = ragged
    up = y == "up"
    classifier = make_classifier().partial_fit(
        [x for x, u in zip(X, up, strict=True) if u], y[up], classes=["up", "down"]
    )
    assert list(classifier.classes_) == ["down", "up"]
    classifier.partial_fit(X, y)
    assert classifier.n_iter_ == 2
    with pytest.raises(ValueError, match="classes"):
        make_classifier().partial_fit(X, y)


def test_partial_fit_after_fit_uses_the_full_learning_rate(ragged):
    regressor = make_regressor().fit(ragged[0], np.arange(40.0))
    regressor.partial_fit(ragged[0], np.arange(40.0))
    assert regressor.history_[-2]["lr"] < 0.005
    assert regressor.history_[-1]["lr"] == 0.01


PLAIN = {"hidden_size": 4, "batch_size": 8, "dropout": 0.3, "random_state": 0}
TEXTS = ["ab", "abba", "", "cab"] * 5
CURVES = [np.eye(3)[["abc".index(c) for c in t + "a" for _ in "12345"]] for t in TEXTS]
WRITERS = {  # what writes texts, and data for it
    "generator": (RNNGenerator(**PLAIN), TEXTS, None),
    "generator of classes": (RNNGenerator(**PLAIN), TEXTS, ["x", "y"] * 10),
    "translator": (RNNTranslator(**PLAIN, level="char", target_level="char"), TEXTS,
                   [text[::-1] for text in TEXTS]),
    "transcriber": (RNNTranscriber(**PLAIN, conv_channels=None), CURVES, TEXTS),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.filterwarnings("ignore:Maximum epochs")
def test_estimators_that_write_texts_learn_in_parts(name):
    model, X, y = WRITERS[name]
    whole = clone(model).set_params(learning_rate_schedule=None, max_epochs=3)
    whole.fit(X, y)
    parts = clone(model)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert parts.loss_curve_ == whole.loss_curve_
    assert_weights_equal(weights_of(parts), weights_of(whole))
    before = weights_of(parts)
    with pytest.raises(ValueError, match=r"inconsistent|texts|fitted without y"):
        parts.partial_fit(X[1:], ["x"])
    assert_weights_equal(weights_of(parts), before)
    assert parts.n_iter_ == 3


def test_tokens_of_later_parts_are_unknown_or_refused():
    generator = RNNGenerator(**PLAIN).partial_fit(["ab", "ba"])
    generator.partial_fit(["cab"])
    assert generator.tokens_.tolist() == [None, "\N{REPLACEMENT CHARACTER}", "a", "b"]
    translator = RNNTranslator(**PLAIN, level="char", target_level="char")
    translator.partial_fit(["ab"], ["b" * 9]).partial_fit(["cab"], ["cc"])
    assert translator.max_length_ == 28
    assert len(translator.target_tokens_) == 3
    transcriber = RNNTranscriber(**PLAIN, conv_channels=None)
    transcriber.partial_fit(CURVES[:1], ["ab"])
    with pytest.raises(ValueError, match=r"y\[0\] has 'c' at position 0"):
        transcriber.partial_fit(CURVES[:1], ["c"])
