"""SequenceTokenizer: strings to ids and back."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import SequenceTokenizer

TEXTS = ["A good film.", "Not good, not bad!", "it's A film"]
SMALL = {"hidden_size": 4, "max_epochs": 2, "embedding_dim": 4, "random_state": 0}


def lists(ids):
    return [x.ravel().tolist() for x in ids]


def encode_slowly(texts, vocabulary, split):
    return [[vocabulary.get(t, 1) for t in split(text)] or [0] for text in texts]


# What a token is --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "tokens"),
    [
        ("word", ["don", "'", "t", "go", "—", "2nd", "é_1", "!", "?"]),
        ("char", list("don't  go\n— 2nd é_1!?")),
        (str.split, ["don't", "go", "—", "2nd", "é_1!?"]),
        (re.compile(r"\d").findall, ["2", "1"]),
    ],
    ids=["word", "char", "split", "digits"],
)
def test_levels_split_as_documented(level, tokens):
    text = "Don't  go\n— 2nd é_1!?"
    tokenizer = SequenceTokenizer(level).fit([text])
    assert set(tokenizer.vocabulary_) == set(tokens)
    assert lists(tokenizer.transform([text])) == [
        [tokenizer.vocabulary_[token] for token in tokens]
    ]


def test_case_is_kept_on_request():
    assert set(SequenceTokenizer("char").fit(["aA"]).vocabulary_) == {"a"}
    tokenizer = SequenceTokenizer("char", lowercase=False).fit(["aA"])
    assert set(tokenizer.vocabulary_) == {"a", "A"}


def test_counts_of_ids_are_those_of_count_vectorizer():
    tokenizer = SequenceTokenizer(str.split)
    counter = CountVectorizer(tokenizer=str.split, token_pattern=None)
    ids = tokenizer.fit_transform(TEXTS)
    counts = counter.fit_transform(TEXTS).toarray()
    for token, column in counter.vocabulary_.items():
        found = [(x == tokenizer.vocabulary_[token]).sum() for x in ids]
        assert found == counts[:, column].tolist()


# The vocabulary ---------------------------------------------------------------------


def test_ids_are_by_frequency_then_alphabet_from_two_on():
    tokenizer = SequenceTokenizer("char").fit(["cab", "bc", "c"])
    assert tokenizer.vocabulary_ == {"c": 2, "b": 3, "a": 4}
    assert (tokenizer.padding_id_, tokenizer.unknown_id_) == (0, 1)


def test_order_of_texts_does_not_change_the_vocabulary():
    forward = SequenceTokenizer().fit(TEXTS).vocabulary_
    assert SequenceTokenizer().fit(TEXTS[::-1]).vocabulary_ == forward


def test_rare_tokens_are_unknown():
    texts = ["a a a b b c", "c"]
    limited = SequenceTokenizer(max_tokens=1).fit(texts)
    assert limited.vocabulary_ == {"a": 2}
    assert lists(limited.transform(texts)) == [[2, 2, 2, 1, 1, 1], [1]]
    frequent = SequenceTokenizer(min_count=3).fit(texts)
    assert frequent.vocabulary_ == {"a": 2}
    assert SequenceTokenizer(max_tokens=9, min_count=2).fit(texts).vocabulary_ == {
        "a": 2,
        "b": 3,
        "c": 4,
    }


def test_vocabulary_of_one_leaves_the_lengths():
    texts = ["x", "xx", "xxxxxx", "xxxxx"] * 10
    y = ["short", "short", "long", "long"] * 10
    model = make_pipeline(
        SequenceTokenizer("char"),
        RNNClassifier(embedding_dim=4, max_epochs=40, conv_channels=4, random_state=0),
    )
    assert model.fit(texts, y).score(texts, y) == 1


@pytest.mark.parametrize(
    ("tokenizer", "texts"),
    [
        (SequenceTokenizer(), ["", " "]),
        (SequenceTokenizer(min_count=2), ["a", "b"]),
    ],
)
def test_empty_vocabulary_is_an_error(tokenizer, texts):
    with pytest.raises(ValueError, match="The vocabulary is empty"):
        tokenizer.fit(texts)
    assert not hasattr(tokenizer, "vocabulary_")


# Ids and back -----------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("ab .\n", max_size=8), min_size=1), st.sampled_from([0, 1, 2]))
def test_agrees_with_the_plain_loop(texts, which):
    level, split = [
        ("char", list),
        ("word", re.compile(r"\w+|[^\w\s]").findall),
        (str.split, str.split),
    ][which]
    tokenizer = SequenceTokenizer(level).fit(["a ab . \n"])
    ids = tokenizer.transform(texts)
    assert lists(ids) == encode_slowly(texts, tokenizer.vocabulary_, split)
    again = tokenizer.transform(tokenizer.inverse_transform(ids))
    assert lists(again) == lists(ids)  # unknown ones, too
    if level == "char" and "b" in tokenizer.vocabulary_:
        assert tokenizer.inverse_transform(ids) == texts


def test_a_text_without_tokens_is_one_step_of_padding():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    ids = tokenizer.transform(["", " \n", "film"])
    assert lists(ids)[:2] == [[0], [0]]
    assert tokenizer.inverse_transform(ids) == ["", "", "film"]


def test_padded_arrays_go_back():
    tokenizer = SequenceTokenizer("char").fit(["abc", "a"])
    padded = tokenizer.transform(["abc", "a"]).to_padded(0)[:, :, 0]
    assert tokenizer.inverse_transform(padded) == ["abc", "a"]
    assert tokenizer.inverse_transform(padded.astype(float)) == ["abc", "a"]


@pytest.mark.parametrize("bad", [99, -1, 2.5, np.nan])
def test_ids_of_no_token_do_not_go_back(bad):
    tokenizer = SequenceTokenizer("char").fit(["abc"])
    with pytest.raises(
        ValueError, match=r"X\[1\] has .* at step 2, .* not the id of a token"
    ):
        tokenizer.inverse_transform([[2], [2, 3, bad]])


def test_several_features_do_not_go_back():
    with pytest.raises(ValueError, match="one token id per step"):
        SequenceTokenizer().fit(["a"]).inverse_transform(RaggedArray([[2, 2]], [0, 1]))


def test_output_is_ragged_int64():
    tokenizer = SequenceTokenizer()
    ids = tokenizer.fit_transform(TEXTS)
    assert isinstance(ids, RaggedArray)
    assert ids.dtype == np.int64
    assert tokenizer.get_feature_names_out().tolist() == ["token_id"]


@pytest.mark.parametrize(
    "container",
    [
        tuple,
        np.array,
        lambda t: np.array(t, dtype=object),
        pd.Series,
        lambda t: pd.Series(t, index=[5, 3, 1]),
        lambda t: pd.Series(t, dtype="string"),
        pl.Series,
        pa.array,
        lambda t: pa.chunked_array([t]),
    ],
)
def test_containers_are_equivalent(container):
    expected = lists(SequenceTokenizer().fit_transform(TEXTS))
    assert lists(SequenceTokenizer().fit_transform(container(TEXTS))) == expected


# Bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("one text", r"Got one str: pass \[text\]"),
        (b"one text", r"Got one bytes"),
        (None, "Got NoneType"),
        (7, "Got int"),
        ({"a": 1}, "Got dict"),
        ((t for t in TEXTS), "Got generator"),
        (pd.DataFrame({"text": TEXTS}), r"a table: choose a column, as in X\['text'\]"),
        (pl.DataFrame({"text": TEXTS}), "a table"),
        (pa.table({"text": TEXTS}), "a table"),
        (np.array([TEXTS]), "an array of 2 dimensions"),
        (np.array("text"), "0 dimensions|Got ndarray"),
        ([], r"0 sample\(s\)"),
        (["a", None], r"X\[1\] is missing \(None\). Fill missing texts first"),
        (["a", np.nan], r"X\[1\] is missing \(nan\)"),
        (pd.Series(["a", None], dtype="string"), r"X\[1\] is missing"),
        (pd.Series(["a", None]), r"X\[1\] is missing"),
        (pl.Series(["a", None]), r"X\[1\] is missing"),
        (["a", b"b"], r"X\[1\] is not a string but bytes. Decode it first"),
        (["a", 3], r"X\[1\] is not a string but int"),
        (np.arange(3), r"X\[0\] is not a string but int64"),
        (["a", ["b", "c"]], r"X\[1\] is not a string but list. Join tokens"),
    ],
)
def test_bad_texts_are_named(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SequenceTokenizer().fit(X)
    if not hasattr(X, "__next__"):
        with pytest.raises((TypeError, ValueError), match=message):
            SequenceTokenizer().fit(TEXTS).transform(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"level": "sentence"},
        {"level": 3},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"min_count": 0},
        {"lowercase": "no"},
    ],
)
def test_bad_parameters_are_named(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"'{name}' parameter of SequenceTokenizer"):
        SequenceTokenizer(**parameters).fit(TEXTS)


@pytest.mark.parametrize(
    ("level", "got"),
    [
        (str.upper, "Got str"),
        (lambda t: {"input_ids": [1]}, "Got dict"),
        (lambda t: [1, 2], "Got 1"),
    ],
)
def test_a_callable_must_return_a_list_of_strings(level, got):
    with pytest.raises(TypeError, match=f"must return a list of strings. {got}"):
        SequenceTokenizer(level).fit(TEXTS)


def test_not_fitted():
    for method in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(SequenceTokenizer(), method)(TEXTS)


# In scikit-learn --------------------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_param_validation,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learn_that_need_no_table(check):
    check("SequenceTokenizer", SequenceTokenizer())


def test_clone_and_pickle():
    tokenizer = SequenceTokenizer("char", max_tokens=5).fit(TEXTS)
    again = pickle.loads(pickle.dumps(tokenizer))
    assert lists(again.transform(TEXTS)) == lists(tokenizer.transform(TEXTS))
    assert not hasattr(clone(tokenizer), "vocabulary_")


def test_vocabulary_of_a_fold_is_of_its_training_part():
    seen = []

    class Spy(SequenceTokenizer):
        def fit(self, X, y=None):
            super().fit(X)
            seen.append(set(self.vocabulary_))
            return self

    texts = np.array([f"word{i}" for i in range(12)])
    model = make_pipeline(Spy(), RNNClassifier(**SMALL))
    scores = cross_val_score(model, texts, ["a", "b"] * 6, cv=3, error_score="raise")
    assert np.isfinite(scores).all()
    assert [len(words) for words in seen] == [8, 8, 8]


def test_grid_search_over_levels():
    texts = pd.Series(["good", "bad", "so good", "so bad", "good good", "bad bad"] * 3)
    y = ["+", "-"] * 9
    model = make_pipeline(SequenceTokenizer(), RNNClassifier(**SMALL))
    grid = {"sequencetokenizer__level": ["char", "word", str.split]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(texts, y)
    unseen = ["", "unseen words", "good"]
    assert set(search.predict(unseen)) <= {"+", "-"}


def test_estimators_tell_ids_from_numbers():
    small = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
    texts, y = np.array(TEXTS * 4), ["a", "b", "a"] * 4
    ids = SequenceTokenizer().fit_transform(texts)
    as_tokens = RNNClassifier(**small, embedding_dim=32).fit(ids, y).predict_proba(ids)
    default = make_pipeline(SequenceTokenizer(), RNNClassifier(**small))
    again = pickle.loads(pickle.dumps(default.fit(texts, y)))
    plain = RaggedArray(ids.values, ids.offsets)
    for model, X in [
        (default, texts),
        (again, texts),
        (RNNClassifier(**small).fit(ids[np.arange(12)], y), ids),
        (RNNClassifier(**small).fit(ids, y), list(plain)),
        (RNNClassifier(**small, embedding_dim=32).fit(plain, y), plain),
    ]:
        np.testing.assert_array_equal(model.predict_proba(X), as_tokens)
    as_numbers = RNNClassifier(**small, embedding_dim=None).fit(ids, y)
    numbers = RNNClassifier(**small).fit(plain, y)
    np.testing.assert_array_equal(
        as_numbers.predict_proba(ids), numbers.predict_proba(ids)
    )
    assert abs(numbers.predict_proba(ids) - as_tokens).max() > 0.01


# Sentences split into words ---------------------------------------------------------

SENTENCES = [["A", "good", "film", "."], [], ["Don't", "film", "a", "film"]]


def test_each_word_of_a_split_sentence_is_a_token():
    tokenizer = SequenceTokenizer(level=None)
    ids = tokenizer.fit_transform(SENTENCES)
    assert tokenizer.vocabulary_ == {"film": 2, "a": 3, ".": 4, "don't": 5, "good": 6}
    assert lists(ids) == [[3, 6, 2, 4], [], [5, 2, 3, 2]]
    assert ids.lengths.tolist() == [4, 0, 4]
    assert isinstance(ids[[0, 1]], type(ids))


def test_words_agree_with_texts_split_at_spaces():
    sentences = [text.split() for text in TEXTS]
    for params in [{}, {"min_count": 2}, {"max_tokens": 3}, {"lowercase": False}]:
        split = SequenceTokenizer(level=None, **params).fit(sentences)
        joined = SequenceTokenizer(str.split, **params).fit(TEXTS)
        assert split.vocabulary_ == joined.vocabulary_
        assert lists(split.transform(sentences)) == lists(joined.transform(TEXTS))


@given(st.lists(st.lists(st.text(max_size=3), max_size=4), min_size=1))
@settings(max_examples=50, deadline=None)
def test_split_sentences_go_there_and_back(sentences):
    tokenizer = SequenceTokenizer(level=None, lowercase=False)
    tokenizer.fit([*sentences, ["one"]])
    ids = tokenizer.transform(sentences)
    assert tokenizer.inverse_transform(ids) == sentences
    assert tokenizer.inverse_transform(lists(ids)) == sentences


def test_unknown_words_go_back_as_unknown():
    tokenizer = SequenceTokenizer(level=None, min_count=2).fit([["a", "a", "b"]])
    ids = tokenizer.transform([["a", "b", "c"], []])
    assert lists(ids) == [[2, 1, 1], []]
    assert tokenizer.inverse_transform(ids) == [["a", "�", "�"], []]


@pytest.mark.parametrize(
    "bad",
    [
        ([["a"], "b c"], r"X\[1\] is one string. Split it"),
        (["a b", "c"], r"X\[0\] is one string. Split it"),
        ("a b", r"each a list of words \(str\). Got str"),
        ([["a"], None], r"X\[1\] is missing \(None\); an empty sentence is \[\]"),
        ([["a"], 3], r"X\[1\] is int"),
        ([["a", "b"], ["c", 3.5]], r"X\[1\] has 3.5 at step 1, of type float"),
        ([["a", None]], r"X\[0\] has None at step 1"),
        ([["a", b"b"]], r"X\[0\] has b'b' at step 1, of type bytes"),
        ([["a", ["b"]]], r"X\[0\] has \['b'\] at step 1, of type list"),
        ([], r"0 sample\(s\)"),
        (np.zeros((2, 3)), r"X\[0\] has .* at step 0, of type float"),
        (np.zeros((2, 3, 1)), "Got an array of 3 dimensions"),
        (pd.DataFrame({"words": [["a"]]}), r"a table: choose a column"),
        (RaggedArray([["a", "b"]], [0, 1]), "Got 2 features per step"),
        ([{"a": 1}], r"X\[0\] is dict"),
    ],
    ids=str,
)
def test_bad_sentences_are_named(bad):
    X, message = bad
    with pytest.raises((TypeError, ValueError), match=message):
        SequenceTokenizer(level=None).fit(X)
    with pytest.raises((TypeError, ValueError), match=message):
        SequenceTokenizer(level=None).fit(SENTENCES).transform(X)


@pytest.mark.parametrize("level", ["word", "char", str.split])
def test_split_sentences_are_refused_by_other_levels(level):
    with pytest.raises(TypeError, match=r"X\[0\] is not .*list.*or set level=None"):
        SequenceTokenizer(level).fit(SENTENCES)
    with pytest.raises(TypeError, match=r"X\[0\] is not .*ndarray.*set level=None"):
        SequenceTokenizer(level).fit([np.array(["a"])])


def test_empty_sentences_alone_are_an_empty_vocabulary():
    with pytest.raises(ValueError, match="The vocabulary is empty"):
        SequenceTokenizer(level=None).fit([[], []])


# A trained tokenizer ------------------------------------------------------------------


@pytest.fixture
def ready():
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.BpeTrainer(
        special_tokens=["[UNK]"], vocab_size=40, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def test_ready_tokenizer_keeps_its_ids(ready):
    tokenizer = SequenceTokenizer(ready).fit(TEXTS)
    texts = ["good film", "", "zzz"]
    ids = tokenizer.transform(texts)
    n_tokens = ready.get_vocab_size()
    assert lists(ids) == [ready.encode(t).ids or [n_tokens] for t in texts]
    assert tokenizer.vocabulary_ == ready.get_vocab()
    assert (tokenizer.padding_id_, tokenizer.unknown_id_) == (n_tokens, None)
    assert tokenizer.inverse_transform(ids)[0] == ready.decode(ids[0].ravel())
    assert tokenizer.inverse_transform(ids)[1] == ""


def test_padding_of_a_ready_tokenizer_is_cut_off(ready):
    alone = lists(SequenceTokenizer(ready).fit(TEXTS).transform(TEXTS))
    ready.enable_padding(pad_id=3, direction="left")
    assert lists(SequenceTokenizer(ready).fit(TEXTS).transform(TEXTS)) == alone


def test_ready_tokenizer_in_scikit_learn(ready):
    model = make_pipeline(SequenceTokenizer(ready), RNNClassifier(**SMALL))
    texts, y = TEXTS * 4, ["a", "b", "a"] * 4
    scores = cross_val_score(model, texts, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    model.fit(texts, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.predict_proba(TEXTS), model.predict_proba(TEXTS)
    )


def test_ready_tokenizer_has_a_vocabulary_of_its_own(ready):
    with pytest.raises(ValueError, match="use max_tokens=None and min_count=1"):
        SequenceTokenizer(ready, max_tokens=3).fit(TEXTS)


def test_untrained_tokenizer_is_an_error():
    tokenizers = pytest.importorskip("tokenizers")
    untrained = tokenizers.Tokenizer(tokenizers.models.BPE())
    with pytest.raises(ValueError, match="The vocabulary is empty: the tokenizer"):
        SequenceTokenizer(untrained).fit(TEXTS)


# Real text --------------------------------------------------------------------------


def test_surnames_go_there_and_back(shared_data):
    files = sorted((shared_data / "names").glob("*.txt"))
    names = [n for file in files for n in file.read_text("utf-8").splitlines()]
    tokenizer = SequenceTokenizer("char", lowercase=False)
    ids = tokenizer.fit_transform(names)
    assert ids.lengths.tolist() == [len(name) or 1 for name in names]
    assert tokenizer.inverse_transform(ids) == names


def test_words_of_reviews_find_their_sentiment(shared_data):
    lines = (shared_data / "sst2" / "train.tsv").read_text("utf-8").splitlines()
    texts, y = zip(*(line.rsplit("\t", 1) for line in lines[:2000]), strict=True)
    classifier = RNNClassifier(
        embedding_dim=16,
        hidden_size=16,
        conv_channels=None,
        max_epochs=5,
        random_state=0,
    )
    model = make_pipeline(SequenceTokenizer(str.split, min_count=2), classifier)
    model.fit(texts[:1500], y[:1500])
    assert model.score(texts[1500:], y[1500:]) > 0.62  # 0.52 by always the same


# Begin, end and subwords ------------------------------------------------------------


@pytest.mark.parametrize("level", ["char", str.split])
@pytest.mark.parametrize(("begin", "end"), [(True, False), (False, True), (True, True)])
def test_begin_and_end_are_around_each_text(level, begin, end):
    texts = ["a b", "b a a", ""]
    plain = SequenceTokenizer(level).fit(texts)
    tokenizer = SequenceTokenizer(level, begin=begin, end=end).fit(texts)
    first = max(plain.vocabulary_.values()) + 1
    assert tokenizer.begin_id_ == (first if begin else None)
    assert tokenizer.end_id_ == (first + begin if end else None)
    X = tokenizer.transform(texts)
    for ids, bare in zip(lists(X), lists(plain.transform(texts)), strict=True):
        bare = [] if bare == [0] else bare
        assert ids == [first] * begin + bare + [first + begin] * end
    assert tokenizer.inverse_transform(X) == plain.inverse_transform(
        plain.transform(texts)
    )


def test_without_begin_and_end_there_are_no_ids_of_them():
    tokenizer = SequenceTokenizer().fit(["a"])
    assert tokenizer.begin_id_ is None
    assert tokenizer.end_id_ is None


def test_subwords_restore_any_text():
    pytest.importorskip("tokenizers")
    train = ["the cat sat on the mat", "the dog sat on the log"] * 3
    tokenizer = SequenceTokenizer("subword", max_tokens=270, lowercase=False)
    tokenizer.fit(train)
    assert sorted(tokenizer.vocabulary_.values()) == list(range(2, 272))
    texts = [*train, "Zebra\N{ZEBRA FACE}\0\n  x", ""]
    X = tokenizer.transform(texts)
    assert tokenizer.inverse_transform(X) == texts
    assert X[0].size < len(train[0]) / 2
    again = pickle.loads(pickle.dumps(tokenizer))
    assert lists(again.transform(texts)) == lists(X)
    assert lists(clone(tokenizer).fit(train).transform(texts)) == lists(X)


def test_subwords_have_a_token_for_each_byte():
    pytest.importorskip("tokenizers")
    with pytest.raises(ValueError, match="must be at least 256"):
        SequenceTokenizer("subword", max_tokens=255).fit(["a"])


def test_subwords_need_their_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-rnn\[subword\]'"):
        SequenceTokenizer("subword").fit(["a"])
