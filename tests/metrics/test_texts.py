"""Metrics of texts: equal to a table of distances, to jiwer and to sacrebleu."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import cross_val_score

from sklearn_rnn import RaggedArray
from sklearn_rnn.metrics import (
    bleu_score,
    bleu_scorer,
    character_error_rate,
    chrf_score,
    chrf_scorer,
    exact_match_score,
    exact_match_scorer,
    neg_character_error_rate_scorer,
    neg_word_error_rate_scorer,
    word_error_rate,
)

TRUE = [
    "A man in an orange hat starring at something.",
    "A Boston Terrier is running on lush green grass in front of a white fence.",
    'The price &amp; size: 1,000.50 in 2-3 shops, "all" sold.',
    "",
    " ab  12-\n3 ",
]
PRED = [
    "A man with an orange hat looking at something.",
    "A Boston Terrier runs on the green grass in front of the fence",
    'price & size: 1,000.5 in 2 - 3 shops, "all" sold .',
    "x",
    "ab 12",
]
# of jiwer 4.0 and sacrebleu 2.6
RECORDED = {
    character_error_rate: 0.22826086956521738,
    word_error_rate: 0.5135135135135135,
    bleu_score: 52.250488443393046,
    chrf_score: 65.38369311364333,
}
METRICS = [*RECORDED, exact_match_score]


def table_of_distances(a, b):
    distance = np.zeros((len(a) + 1, len(b) + 1), int)
    distance[:, 0], distance[0] = range(len(a) + 1), range(len(b) + 1)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            distance[i, j] = min(
                distance[i - 1, j] + 1,
                distance[i, j - 1] + 1,
                distance[i - 1, j - 1] + (x != y),
            )
    return distance[-1, -1]


def draw_texts(rng, n_texts, letters="ab .,&-1\nQé😀"):
    sizes = rng.integers(0, 30, n_texts)
    return ["".join(rng.choice(list(letters), n)) for n in sizes]


def test_error_rate_equals_table_of_distances():
    rng = np.random.default_rng(0)
    for _ in range(40):
        true, pred = (rng.integers(0, 4, rng.integers(0, 80)).tolist() for _ in "tp")
        true.append(0)
        error = character_error_rate([true], [pred])
        assert error == table_of_distances(true, pred) / len(true)


def test_words_are_separated_by_white_space():
    assert word_error_rate(["a\tbb\nc  d "], ["a bb d"]) == 0.25


def test_scores_equal_recorded_ones_of_jiwer_and_sacrebleu():
    for metric, score in RECORDED.items():
        assert metric(TRUE, PRED) == pytest.approx(score, rel=1e-12)
    assert exact_match_score(TRUE, PRED) == 0


def test_error_rates_equal_jiwer():
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(1)
    for n_texts in (1, 1, 2, 3, 20):
        true, pred = draw_texts(rng, n_texts), draw_texts(rng, n_texts)
        assert character_error_rate(true, pred) == pytest.approx(jiwer.cer(true, pred))
        true, pred = ([t.replace("\n", " ") for t in texts] for texts in (true, pred))
        assert word_error_rate(true, pred) == pytest.approx(jiwer.wer(true, pred))


def test_bleu_and_chrf_equal_sacrebleu():
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.default_rng(2)
    for n_texts in (1, 1, 2, 3, 20):
        true, pred = draw_texts(rng, n_texts), draw_texts(rng, n_texts)
        pred = [p + t[5:] for p, t in zip(pred, true, strict=True)]
        expected = sacrebleu.corpus_bleu(pred, [true]).score
        assert bleu_score(true, pred) == pytest.approx(expected)
        expected = sacrebleu.corpus_chrf(pred, [true]).score
        assert chrf_score(true, pred) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_weight_2_equals_two_copies(metric):
    twice = [TRUE[0], *TRUE], [PRED[0], *PRED]
    weighted = metric(TRUE, PRED, sample_weight=[2, 1, 1, 1, 1])
    assert weighted == pytest.approx(metric(*twice))
    assert weighted != pytest.approx(metric(TRUE, PRED)) or metric is exact_match_score
    assert metric(TRUE, PRED, sample_weight=[0, 3, 0, 0, 0]) == pytest.approx(
        metric(TRUE[1:2], PRED[1:2])
    )


def test_empty_texts():
    for metric in (character_error_rate, word_error_rate):
        assert metric(["", ""], ["", ""]) == 0
        assert metric(["ab"], [""]) == 1
    assert character_error_rate([""], ["abc"]) == 3
    assert word_error_rate([" "], ["ab c"]) == 2
    for metric in (bleu_score, chrf_score):
        assert metric(["", ""], ["", ""]) == 0
        assert metric(["a b c d"], [""]) == metric([""], ["a b c d"]) == 0
    assert bleu_score(["a b c"], ["a b c"]) == 0  # no n-gram of four words
    assert bleu_score(["a b c d"], ["a b c d"]) == pytest.approx(100)
    assert chrf_score(["a b"], ["a b"]) == pytest.approx(100)
    assert exact_match_score(["", "a"], ["", ""]) == 0.5


@pytest.mark.parametrize(
    "container", [list, tuple, np.array, pd.Series, lambda y: np.array(y, dtype=object)]
)
def test_containers_of_strings(container):
    for metric in METRICS:
        assert metric(container(TRUE), container(PRED)) == metric(TRUE, PRED)


def test_containers_of_tokens():
    true, pred = [[1, 2, 2], [3]], [[1, 2], [3]]
    texts = [["a", "b", "b"], ["c"]], [("a", "b"), np.array(["c"])]
    arrays = [[np.array(x) for x in y] for y in (true, pred)]
    columns = [[np.array(x, float)[:, None] for x in y] for y in (true, pred)]
    ragged = [RaggedArray.from_sequences(x) for x in arrays]
    for y_true, y_pred in ((true, pred), texts, arrays, columns, ragged):
        assert character_error_rate(y_true, y_pred) == 0.25
        assert word_error_rate(y_true, y_pred) == 0.25
        assert exact_match_score(y_true, y_pred) == 0.5
    assert character_error_rate(np.eye(2, dtype=int), [[1, 0], [1]]) == 0.25
    assert character_error_rate([[], [1]], [[2], [1]]) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ("abc", ["abc"], r"y_true must be .* Got one str: pass \[text\] instead"),
        (["abc"], "abc", r"y_pred must be .* Got one str"),
        (b"abc", ["abc"], "y_true must be .* Got one bytes"),
        (["a", None], ["a", "b"], r"y_true\[1\] is missing \(None\)"),
        (["a", "b"], ["a", np.nan], r"y_pred\[1\] is missing \(nan\)"),
        (["a", b"b"], ["a", "b"], r"y_true\[1\] is not a string but bytes"),
        ([1, 2], ["a", "b"], r"y_true\[0\] is not a string but int"),
        ([], ["a"], "Found y_true with 0 sample"),
        (pd.DataFrame({"text": ["a"]}), ["a"], "y_true must be .* Got a table"),
        ({"a"}, ["a"], "y_true must be .* Got set"),
        (3, ["a"], "y_true must be .* Got int"),
        (["a", "b", "c"], ["a"], r"3 texts, but y_pred has 1.*\(y_true, y_pred\)"),
        (["a"], [["a"]], r"The order is \(y_true, y_pred\).*sacrebleu"),
        (["a", ["b"]], ["a", "b"], r"y_true\[1\] is not a string but list"),
        ([["b"], "a"], ["a", "b"], r"y_true\["),
    ],
)
def test_errors_name_the_argument(metric, y_true, y_pred, message):
    with pytest.raises((TypeError, ValueError), match=message):
        metric(y_true, y_pred)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1], [0.5]], r"y_true\[1\] must have integers or strings.*0.5 at position 0"),
        ([[1], [True]], r"y_true\[1\] must have integers or strings"),
        ([[1], [None]], r"y_true\[1\] must have integers or strings"),
        ([[1], None], r"y_true\[1\] must be a sequence"),
        ([[1], 3], r"y_true\[1\] must be a sequence"),
        ([[1], "ab"], r"y_true\[1\] is a string, but y_true\[0\] is not"),
        ([np.ones((2, 2)), [1]], r"y_true\[0\] must have one token per step"),
    ],
)
def test_errors_name_the_token(y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        character_error_rate(y, [[1], [1]])


def test_weights_are_validated():
    for metric in METRICS:
        with pytest.raises(ValueError, match="sample_weight must have shape"):
            metric(TRUE, PRED, sample_weight=[1, 2])
        with pytest.raises(ValueError, match="finite and not negative"):
            metric(TRUE, PRED, sample_weight=[1, 2, 3, 4, -1])


class Shorten(BaseEstimator):
    """Predict X without its last word."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array([" ".join(x.split()[:-1]) for x in X], dtype=object)


@pytest.mark.parametrize(
    ("scorer", "metric", "sign"),
    [
        (neg_character_error_rate_scorer, character_error_rate, -1),
        (neg_word_error_rate_scorer, word_error_rate, -1),
        (exact_match_scorer, exact_match_score, 1),
        (bleu_scorer, bleu_score, 1),
        (chrf_scorer, chrf_score, 1),
    ],
)
def test_scorers_are_metrics_of_predictions(scorer, metric, sign):
    X = np.array([f"word {i} and the words after it" for i in range(6)], dtype=object)
    scores = cross_val_score(Shorten(), X, X, scoring=scorer, cv=3)
    expected = [
        metric(X[i : i + 2], Shorten().predict(X[i : i + 2])) for i in (0, 2, 4)
    ]
    np.testing.assert_array_equal(scores, sign * np.array(expected))
