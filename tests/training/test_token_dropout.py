"""Rare tokens that training reads as unknown."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RaggedArray, RNNTagger
from sklearn_rnn._training import TokenDropout
from sklearn_rnn.preprocessing import SequenceTokenizer, WordAttributes

SMALL = {"hidden_size": 8, "bidirectional": False, "random_state": 0}


@pytest.fixture
def random_state():
    return np.random.RandomState(0)


def count_unknown(dropout, X, random_state, n_draws):
    """Return how often each step is unknown, as a share of the draws."""
    drawn = [dropout.draw(X, random_state).values == 0 for _ in range(n_draws)]
    return np.mean(drawn, axis=0)


def test_a_token_is_unknown_the_more_often_the_rarer_it_is(random_state):
    tokens = np.repeat([1, 2, 3], [1, 2, 7]).reshape(-1, 1)
    X = RaggedArray(tokens, [0, 4, 10])
    dropout = TokenDropout([X[:1], X[1:]], [0], rate=0.5)
    share = count_unknown(dropout, X, random_state, 4000)
    expected = 0.5 / (0.5 + np.repeat([1, 2, 7], [1, 2, 7]))
    np.testing.assert_allclose(share[:, 0], expected, atol=0.03)


def test_columns_of_a_step_share_a_draw(random_state):
    """The first column is rarer: it is unknown wherever the second one is."""
    values = np.column_stack([np.arange(1, 21), np.ones(20), np.full(20, 5.0)])
    X = RaggedArray(values, [0, 20])
    drawn = TokenDropout([X], [0, 1], rate=20.0).draw(X, random_state).values
    first, second = drawn[:, 0] == 0, drawn[:, 1] == 0
    assert second.any()
    assert (first & ~second).any()
    assert not (second & ~first).any()
    np.testing.assert_array_equal(drawn[:, 2], 5)
    np.testing.assert_array_equal(X.values, values)


def test_nothing_is_drawn_at_rate_0(random_state):
    X = RaggedArray([[1], [2]], [0, 2])
    assert TokenDropout([X], [0], rate=0.0).draw(X, random_state) is X
    assert random_state.random_sample() == np.random.RandomState(0).random_sample()


@pytest.fixture(scope="module")
def sentences():
    """Sentences of two frequent words and a name, new in each; its tag is NAME."""
    words = [["the", f"name{i}", "the", "is"] for i in range(60)]
    return words, [["DET", "NAME", "DET", "VERB"]] * 60


def fit(words, tags, transformer, **params):
    ids = transformer.fit_transform(words)
    return RNNTagger(**SMALL, max_epochs=12, **params).fit(ids, tags)


def start_with_a_new_word(tagger, transformer):
    return tagger.predict(transformer.transform([["name99", "the"]]))[0][0]


def test_a_new_word_is_tagged_as_rare_words_are(sentences):
    tokenizer = SequenceTokenizer(level=None)
    tagger = fit(*sentences, tokenizer, dropout=0.5)
    assert start_with_a_new_word(tagger, tokenizer) == "NAME"
    again = fit(*sentences, tokenizer, dropout=0.5)
    assert again.loss_curve_ == tagger.loss_curve_


def test_only_dropout_trains_the_vector_of_unknown_words(sentences):
    tokenizer = SequenceTokenizer(level=None)
    changes = []
    for dropout in (0.0, 0.5):
        tagger = fit(*sentences, tokenizer, dropout=dropout)
        start = fit(*sentences, tokenizer, dropout=dropout, learning_rate=1e-30)
        tables = (t.module_.inputs.table.weight[0] for t in (tagger, start))
        changes.append(float((next(tables) - next(tables)).detach().abs().max()))
    assert changes[0] == pytest.approx(0, abs=1e-12)
    assert changes[1] > 1e-3


def test_characters_are_never_unknown(sentences, monkeypatch):
    columns = []
    plain = TokenDropout.__init__

    def record(self, X, given, rate):
        columns.append(given)
        plain(self, X, given, rate)

    monkeypatch.setattr(TokenDropout, "__init__", record)
    words, tags = sentences
    transformer = WordAttributes(("lower", "characters", "shape"), n_characters=6)
    RNNTagger(**SMALL, max_epochs=1, dropout=0.5).fit(
        transformer.fit_transform(words[:4]), tags[:4]
    )
    assert columns == [[0, 7]]


@pytest.mark.parametrize("crf", [False, True])
def test_weight_2_equals_two_copies(sentences, crf):
    """In one mini-batch, where equal sequences are merged."""
    words, tags = sentences[0][:10], sentences[1][:10]
    tokenizer = SequenceTokenizer(level=None).fit(words)
    params = {**SMALL, "max_epochs": 3, "dropout": 0.5, "crf": crf}
    copies = RNNTagger(**params).fit(tokenizer.transform(words * 2), tags * 2)
    weighted = RNNTagger(**params)
    weighted.fit(tokenizer.transform(words), tags, sample_weight=[2] * 10)
    for a, b in zip(
        copies.module_.parameters(), weighted.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
