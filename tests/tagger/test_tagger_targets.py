"""What RNNTagger accepts as y, in every container; empty sequences."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from tagger_tools import TINY, to_objects, values_of

from sklearn_rnn import RaggedArray, RNNTagger
from sklearn_rnn.preprocessing import SequenceTokenizer

# What y may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contain",
    [
        tuple,
        to_objects,
        pd.Series,
        lambda y: [labels.tolist() for labels in y],
        lambda y: pd.Series([labels.tolist() for labels in y]),
        lambda y: to_objects([labels.tolist() for labels in y]),
        lambda y: [tuple(labels) for labels in y],
        lambda y: [labels.astype(object) for labels in y],
        lambda y: [pd.Series(labels) for labels in y],
        RaggedArray.from_sequences,
    ],
)
def test_every_container_of_y_trains_the_same(contain, steps):
    X, y = steps
    expected = RNNTagger(**TINY).fit(X, y)
    tagger = RNNTagger(**TINY).fit(X, contain(y))
    assert tagger.loss_curve_ == expected.loss_curve_
    assert tagger.classes_.tolist() == ["high", "low"]
    assert tagger.score(X, contain(y)) == expected.score(X, y)


@pytest.mark.parametrize(
    "contain",
    [
        np.array,
        pd.DataFrame,
        torch.tensor,
        lambda y: list(torch.tensor(y)),
        lambda y: torch.nested.nested_tensor(
            list(torch.tensor(y)), layout=torch.jagged
        ),
        lambda y: RaggedArray.from_sequences(y),
        lambda y: y.astype(float),
        lambda y: y.astype(object),
    ],
)
def test_every_container_of_equal_lengths_trains_the_same(contain, rng):
    X = rng.normal(size=(20, 5, 2))
    y = (X[:, :, 0] > 0).astype(int)
    expected = RNNTagger(**TINY).fit(X, y)
    tagger = RNNTagger(**TINY).fit(X, contain(y))
    assert tagger.loss_curve_ == expected.loss_curve_
    assert_array_equal(values_of(tagger.predict(X)), values_of(expected.predict(X)))


@pytest.mark.parametrize("labels", [[False, True], [3, 7], [-1.0, 2.0]])
def test_labels_come_back_in_their_type(labels, steps):
    X, y = steps
    y = [np.array(labels)[(v == "low").astype(int)] for v in y]
    tagger = RNNTagger(**TINY).fit(X, y)
    assert tagger.classes_.tolist() == labels
    assert values_of(tagger.predict(X)).dtype == np.array(labels).dtype


def test_y_may_be_a_table_of_labels_beside_a_table_of_numbers(rng):
    X = rng.normal(size=(20, 5))
    y = np.where(X > 0, "up", "down")
    tagger = RNNTagger(hidden_size=8, max_epochs=30, random_state=0).fit(X, y)
    assert tagger.n_features_in_ == 5
    assert tagger.score(X, y) > 0.9


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: [*y[:3], y[3][1:], *y[4:]], r"X\[3\] has .*, but y\[3\] has"),
        (lambda y: [*y[:3], [], *y[4:]], r"X\[3\] has .*, but y\[3\] has 0 labels"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: [labels[0] for labels in y], "flat list of strings"),
        (lambda y: np.arange(30), "flat list of scalars"),
        (lambda y: [*y[:3], [None] * len(y[3]), *y[4:]], r"y\[3\]"),
        (lambda y: [*y[:3], np.ones(len(y[3])), *y[4:]], r"y\[3\] has numbers"),
        (lambda y: [np.full(len(v), 0.5) for v in y], "numbers with fractions in y"),
        (lambda y: [np.full(len(v), "a") for v in y], "one class only, 'a'"),
        (lambda y: [np.full((len(v), 2), 0.3) for v in y], r"y\[0\] has .* at step 0"),
        (lambda y: [np.full((len(v), 2), "1") for v in y], r"columns of 0 and 1"),
        (lambda y: [v.reshape(1, -1, 1) for v in y], r"y\[0\] must have shape"),
    ],
)  # fmt: skip
def test_a_wrong_y_is_refused_with_its_place(spoil, message, steps):
    X, y = steps
    with pytest.raises(ValueError, match=message):
        RNNTagger(**TINY).fit(X, spoil(y))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda y: [*y[:3], ["x"] * len(y[3]), *y[4:]],
            r"y_val\[3\] has 'x' at step 0, which is not among .*'high', 'low'",
        ),
        (lambda y: [np.ones(len(v), int) for v in y], r"y_val\[0\] has 1 at step 0"),
        (lambda y: [*y[:3], y[3][1:], *y[4:]], r"X_val\[3\] has .*, but y_val\[3\]"),
    ],
)  # fmt: skip
def test_a_wrong_y_val_is_called_y_val(spoil, message, steps):
    X, y = steps
    with pytest.raises(ValueError, match=message):
        RNNTagger(**TINY).fit(X, y, X_val=X, y_val=spoil(y))


# Empty sequences ----------------------------------------------------------------------


@pytest.mark.parametrize("crf", [False, True])
def test_empty_sequences_count_for_nothing(crf, steps):
    X, y = steps
    with_empty = [[], *X[:9], np.empty((0, 2)), *X[9:], np.empty(0)]
    labels = [[], *y[:9], [], *y[9:], np.empty(0, str)]
    expected = RNNTagger(**TINY, crf=crf).fit(X, y)
    tagger = RNNTagger(**TINY, crf=crf).fit(with_empty, labels)
    assert tagger.loss_curve_ == expected.loss_curve_
    predictions = tagger.predict(with_empty)
    assert predictions.shape == (33,)
    assert [len(p) for p in predictions] == [len(x) for x in with_empty]
    assert_array_equal(values_of(predictions), values_of(expected.predict(X)))
    assert tagger.score(with_empty, labels) == expected.score(X, y)
    assert tagger.predict_proba(with_empty).lengths[0] == 0
    assert_array_equal(tagger.path_log_proba(with_empty, labels)[[0, 10, 32]], 0)
    held_out = {"X_val": with_empty, "y_val": labels}
    tagger.fit(with_empty, labels, **held_out)
    assert tagger.validation_scores_[-1] == tagger.score(X, y)


@pytest.mark.parametrize("crf", [False, True])
def test_empty_sequences_alone_have_empty_predictions(crf, steps):
    tagger = RNNTagger(**TINY, crf=crf).fit(*steps)
    for X in ([[]], [[], np.empty((0, 2))], RaggedArray(np.empty((0, 2)), [0, 0, 0])):
        y = tagger.predict(X)
        assert [labels.shape for labels in y] == [(0,)] * len(X)
        assert y[0].dtype == tagger.classes_.dtype
        assert tagger.predict_proba(X).shape == (len(X), None, 2)
        assert tagger.hidden_states(X).shape == (len(X), 0, 8)


def test_empty_sequences_alone_are_nothing_to_learn_from():
    with pytest.raises(ValueError, match="y has no steps"):
        RNNTagger(**TINY).fit([[], []], [[], []])


def test_empty_sentences_are_tagged_as_nothing():
    sentences = [["a", "dog"], [], ["dogs", "bark", "loudly"], ["a"]] * 5
    y = [["DET", "NOUN"], [], ["NOUN", "VERB", "ADV"], ["DET"]] * 5
    tokenizer = SequenceTokenizer(level=None)
    X = tokenizer.fit_transform(sentences)
    tagger = RNNTagger(hidden_size=8, max_epochs=60, random_state=0).fit(X, y)
    assert tagger.score(X, y) == 1
    assert [p.tolist() for p in tagger.predict(X[:3])] == y[:3]
    assert tagger.predict(tokenizer.transform([[]]))[0].shape == (0,)
