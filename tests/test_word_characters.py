"""Words that estimators read by their characters."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNTagger, config_context
from sklearn_rnn.nn import WordEncoder
from sklearn_rnn.preprocessing import WordAttributes

SMALL = {"hidden_size": 6, "max_epochs": 3, "random_state": 0}


def make_sentences(n=40, seed=0):
    """Return made-up words, whose tags are their last letters."""
    rng = np.random.default_rng(seed)
    letters = list("abcdefgh")
    words = [
        ["".join(rng.choice(letters, size)) for size in rng.integers(1, 7, n_words)]
        for n_words in rng.integers(0, 6, n)
    ]
    return words, [[word[-1] in "abcd" for word in sentence] for sentence in words]


@pytest.fixture(params=[["characters"], ["lower", "characters", "shape"]])
def model(request):
    first = WordAttributes(request.param, n_characters=6)
    return make_pipeline(first, RNNTagger(**SMALL)).fit(*make_sentences())


def test_tags_of_new_words_are_learned_from_their_last_letters():
    tagger = RNNTagger(hidden_size=8, max_epochs=40, random_state=0)
    X, y = make_sentences(80)
    scores = {
        name: make_pipeline(WordAttributes([name]), clone(tagger))
        .fit(X, y)
        .score(*make_sentences(80, seed=1))
        for name in ("lower", "characters")
    }
    assert scores["characters"] > 0.97
    assert scores["lower"] < 0.9  # a word that is new says nothing


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_a_prediction_depends_on_its_sentence_alone_to_the_last_bit(model, kernels):
    sentences, _ = make_sentences(60, seed=2)
    sentences += [[""], ["ä", "abcdefghabcdefgh"], ["a" * 6]]
    with config_context(kernels=kernels):
        together = model.predict_proba(sentences)
        backwards = model.predict_proba(sentences[::-1]).to_list()[::-1]
        for sentence, p, q in zip(sentences, together, backwards, strict=True):
            np.testing.assert_array_equal(p, q)
            np.testing.assert_array_equal(model.predict_proba([sentence])[0], p)


def test_kernels_and_torch_agree(model):
    sentences, _ = make_sentences(20, seed=3)
    with config_context(kernels="torch"):
        expected = model.predict_proba(sentences)
    np.testing.assert_allclose(
        model.predict_proba(sentences).values, expected.values, atol=1e-5
    )


def test_a_fit_is_repeated_to_the_last_bit_and_pickled(model):
    X, y = make_sentences()
    expected = model.predict_proba(X).values
    for other in (clone(model).fit(X, y), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(X).values, expected)


def test_characters_are_searched_in_a_grid(model):
    X, y = make_sentences()
    grid = {
        "wordattributes__n_characters": [2, 6],
        "rnntagger__hidden_size": [2, 4],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert set(np.concatenate(search.predict(X)).tolist()) <= {True, False}


def test_each_attribute_has_a_size_and_characters_one_together():
    first = WordAttributes(["shape", "characters", "lower"])
    sizes = {"embedding_dim": [3, 10, 5]}
    tagger = make_pipeline(first, RNNTagger(**SMALL, **sizes)).fit(*make_sentences())
    embeddings = tagger[-1].module_.inputs.embeddings
    assert [e.output_size for e in embeddings] == [3, 10, 5]
    assert isinstance(embeddings[1], WordEncoder)
    wrong = make_pipeline(first, RNNTagger(embedding_dim=[3, 4]))
    with pytest.raises(ValueError, match="for each of the 3 columns of tokens"):
        wrong.fit(*make_sentences())


def test_a_classifier_reads_characters_too():
    X = [["walking", "talks"], ["running"], ["sat"], ["sits", "sung"]] * 5
    y = ["ing" in " ".join(x) for x in X]
    first = WordAttributes(["characters"])
    model = make_pipeline(first, RNNClassifier(**{**SMALL, "max_epochs": 30}))
    assert model.fit(X, y).score(X, y) == 1


def test_partial_fit_goes_on_with_the_characters_of_the_first_call():
    X, y = make_sentences()
    first = WordAttributes(["characters"]).fit(X)
    tagger = RNNTagger(**SMALL)
    for _ in range(2):
        tagger.partial_fit(first.transform(X), y, classes=[False, True])
    before = tagger.loss_curve_[-1]
    tagger.partial_fit(first.transform([["xyz"]]), [[True]])
    assert len(tagger.module_.inputs.embeddings[0].table.weight) == 9
    assert np.isfinite(before)


def test_other_characters_than_those_of_fit_are_refused():
    X, y = make_sentences()
    tagger = RNNTagger(**SMALL)
    tagger.fit(WordAttributes(["shape", "characters"]).fit_transform(X), y)
    other = WordAttributes(["characters", "shape"]).fit_transform(X)
    message = (
        "X has characters in columns 0 to 15, but RNNTagger was fitted with "
        "characters in columns 1 to 16."
    )
    with pytest.raises(ValueError, match=message):
        tagger.predict(other)
    names = ["prefix1", "prefix2", "suffix1"]
    plain = WordAttributes(["characters"], n_characters=3).fit_transform(X)
    with pytest.raises(ValueError, match="X has no columns of characters, but"):
        clone(tagger).fit(plain, y).predict(WordAttributes(names).fit_transform(X))
