"""WordAttributes: words to hashed ids."""

import gzip
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.utils import murmurhash3_32

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.preprocessing import WordAttributes
from sklearn_rnn.preprocessing._word_attributes import get_shape

SENTENCES = [["The", "Floridians", "vote", "."], [], ["georgians", "VOTE", "2026"]]


def ids_of(word, attribute, **params):
    transformer = WordAttributes([attribute], **params)
    return transformer.fit_transform([[word]]).values.ravel().tolist()


# The attributes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("Xbox", "Xxxx"),
        ("Floridians", "Xxxxx"),
        ("McDonald's", "XxXxxxx'x"),
        ("2026", "dddd"),
        ("1,234,567.8", "d,ddd,ddd.d"),
        ("123456", "dddd"),
        ("U.S.", "X.X."),
        ("Éa_ß-", "Xx_x-"),
        ("......", "...."),
        ("日本", "xx"),
        ("\n\n\n\n\n", "\n\n\n\n"),
        ("", ""),
    ],
)
def test_the_shape_replaces_letters_and_digits_and_cuts_runs(word, shape):
    assert get_shape(word) == shape


@pytest.mark.parametrize(
    ("attribute", "same", "other"),
    [
        ("word", ["Vote", "Vote"], "vote"),
        ("lower", ["Vote", "vOTE"], "voted"),
        ("prefix", ["Voted", "vot", "votes"], "vo"),
        ("suffix", ["Floridians", "ANS", "fans"], "an"),
        ("shape", ["Vote", "Abcd"], "VOTE"),
        ("prefix1", ["Vote", "v", "VAN"], "ov"),
        ("prefix4", ["Voted", "VOTE"], "vot"),
        ("suffix2", ["Floridians", "NS"], "s"),
        ("suffix4", ["Voting", "ting"], "ing"),
    ],
)
def test_words_share_an_id_if_they_share_the_attribute(attribute, same, other):
    (ids,) = {ids_of(word, attribute)[0] for word in same}
    assert ids_of(other, attribute) != [ids]


def test_each_attribute_is_a_column():
    names = ["shape", "word", "suffix"]
    transformer = WordAttributes(names)
    ids = transformer.fit_transform(SENTENCES)
    assert transformer.get_feature_names_out().tolist() == names
    for j, name in enumerate(names):
        alone = WordAttributes([name]).fit_transform(SENTENCES)
        np.testing.assert_array_equal(ids.values[:, j], alone.values[:, 0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text(max_size=6), max_size=4), min_size=1))
def test_ids_agree_with_the_plain_loop(sentences):
    transformer = WordAttributes(["lower", "shape"], n_buckets=50)
    if not any(sentences):
        with pytest.raises(ValueError, match="X has no words"):
            transformer.fit(sentences)
        return
    values = transformer.fit_transform(sentences).values.tolist()
    words = [word for sentence in sentences for word in sentence]
    assert values == [
        [
            2 + murmurhash3_32(f"{name}={value}".encode(), positive=True) % 50
            for name, value in [("lower", word.lower()), ("shape", get_shape(word))]
        ]
        for word in words
    ]


# Hashing ----------------------------------------------------------------------------


def test_ids_do_not_depend_on_the_process():
    code = (
        "from sklearn_rnn.preprocessing import WordAttributes\n"
        f"print(WordAttributes().fit_transform({SENTENCES}).values.tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    here = str(WordAttributes().fit_transform(SENTENCES).values.tolist())
    assert outputs == {here}


def test_ids_are_those_of_the_first_release():
    assert ids_of("Vote", "word") + ids_of("Vote", "shape", n_buckets=100) == [
        593055,
        75,
    ]


def test_the_number_of_ids_is_limited():
    sentences = [[f"word{i}" for i in range(500)]]
    transformer = WordAttributes(["word", "lower"], n_buckets=[7, 1])
    ids = transformer.fit_transform(sentences).values
    assert sorted(set(ids[:, 0])) == list(range(2, 9))
    assert set(ids[:, 1]) == {2}


def test_attributes_collide_independently():
    words = [[f"word{i}" for i in range(300)]]
    ids = WordAttributes(["word", "lower"], n_buckets=30).fit_transform(words).values
    assert len(np.unique(ids, axis=0)) > 200


def test_the_default_keeps_words_apart(shared_data):
    file = shared_data / "ud_ewt_pos" / "train.tsv.gz"
    words = set(gzip.decompress(file.read_bytes()).decode("utf-8").split())
    ids = WordAttributes(["word"]).fit_transform([list(words)]).values
    assert len(np.unique(ids)) > 0.98 * len(words)


# Rare and unknown -------------------------------------------------------------------


def test_rare_ids_are_unknown():
    train = [["vote", "Vote", "the"], ["voted"]]
    transformer = WordAttributes(["lower", "prefix"], min_count=2).fit(train)
    unknown = transformer.transform(train).values == 1
    assert unknown.tolist() == [
        [False, False],
        [False, False],
        [True, True],
        [True, False],
    ]


def test_ids_that_fit_has_not_seen_are_unknown():
    transformer = WordAttributes().fit([["Floridians"]])
    (new,) = transformer.transform([["Georgians"]]).values.tolist()
    assert new[:2] == [1, 1]
    assert new[2:] == transformer.transform([["Floridians"]]).values[0, 2:].tolist()


# Characters -------------------------------------------------------------------------


def spell(words, **params):
    transformer = WordAttributes(["characters"], **params).fit([words])
    rows = transformer.transform([words]).values.tolist()
    return ["".join(chr(i - 2) if i > 1 else "·?"[i] for i in row) for row in rows]


def test_characters_have_a_column_each():
    words = ["cat", "", "É😀", "\0"]
    assert spell(words, n_characters=4) == ["cat·", "····", "É😀··", "\0···"]


@pytest.mark.parametrize(
    ("n_characters", "kept"), [(2, "ax"), (5, "abcyx"), (6, "abczyx")]
)
def test_a_long_word_keeps_both_ends(n_characters, kept):
    assert spell(["abcdzyx"], n_characters=n_characters) == [kept]


def test_rare_and_new_characters_are_unknown():
    transformer = WordAttributes(["characters"], n_characters=3, min_count=2)
    ids = transformer.fit([["abc", "ab"], ["a"]]).transform([["cab", "dd"]])
    assert ids.values.tolist() == [[1, 99, 100], [1, 1, 0]]
    assert transformer.frequent_ids_[0].tolist() == [99, 100]  # of a and b


def test_characters_stand_among_other_attributes():
    names = ["lower", "characters", "shape"]
    transformer = WordAttributes(names, n_characters=2, n_buckets=[50, 60])
    ids = transformer.fit_transform(SENTENCES)
    assert transformer.get_feature_names_out().tolist() == [
        *("lower", "characters0", "characters1", "shape")
    ]
    ends = sorted(2 + ord(character) for character in "TeFsv.gVE26")
    assert transformer.frequent_ids_[1].tolist() == ends
    others = WordAttributes(["lower", "shape"], n_buckets=[50, 60])
    np.testing.assert_array_equal(
        ids.values[:, [0, 3]], others.fit_transform(SENTENCES).values
    )
    alone = WordAttributes(["characters"], n_characters=2).fit_transform(SENTENCES)
    np.testing.assert_array_equal(ids.values[:, 1:3], alone.values)


def test_ids_know_their_characters_whatever_rows_are_taken():
    ids = WordAttributes(["lower", "characters"], n_characters=5).fit_transform(
        SENTENCES
    )
    for taken in (ids, ids[1:], ids[[2, 0]], pickle.loads(pickle.dumps(ids))):
        assert taken.characters == range(1, 6)
    assert WordAttributes().fit_transform(SENTENCES).characters is None


# Containers, errors, neighbours -----------------------------------------------------


def test_an_empty_sentence_stays_empty():
    ids = WordAttributes().fit_transform(SENTENCES)
    assert ids.lengths.tolist() == [4, 0, 3]
    assert (
        WordAttributes().fit(SENTENCES).transform([[], []]).lengths.tolist() == [0] * 2
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"attributes": []},
            "'attributes' parameter of WordAttributes must be some of",
        ),
        ({"attributes": ["lower", "length"]}, "'attributes' parameter"),
        ({"attributes": ["lower", "suffix5"]}, "'attributes' parameter"),
        ({"attributes": ["lower", "lower"]}, "each once"),
        ({"attributes": "lower"}, "'attributes' parameter"),
        ({"n_buckets": 0}, "'n_buckets' parameter of WordAttributes"),
        ({"n_buckets": [5, 5]}, "one for each of the 4 attributes"),
        ({"n_buckets": [5, 5, 5, 0]}, "'n_buckets' parameter"),
        ({"n_buckets": [5, 5, 5, 1.5]}, "'n_buckets' parameter"),
        ({"min_count": 0}, "'min_count' parameter"),
        ({"n_characters": 1}, "'n_characters' parameter"),
        (
            {"attributes": ["lower", "characters"], "n_buckets": [5, 5]},
            "one for each of the 1 attributes with one id per word",
        ),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        WordAttributes(**params).fit(SENTENCES)


def test_a_column_of_ids_trains_a_classifier():
    sentences, y = [["so", "Good"], ["bad", "!"], ["GOOD"]] * 5, ["+", "-", "+"] * 5
    model = make_pipeline(
        WordAttributes(["lower"]),
        RNNClassifier(hidden_size=8, max_epochs=30, random_state=0),
    )
    assert model.fit(sentences, y).score(sentences, y) == 1


def test_a_ragged_array_of_words_is_read():
    words = RaggedArray(np.array(["the", "cat", "sat"]), [0, 1, 3])
    expected = WordAttributes().fit_transform([["the"], ["cat", "sat"]])
    np.testing.assert_array_equal(
        WordAttributes().fit_transform(words).values, expected.values
    )
