"""Spans: equal to seqeval and nervaluate, strict, and with clear errors."""

import warnings

import numpy as np
import pytest

from sklearn_rnn._sequences._schemes import allowed_transitions
from sklearn_rnn.metrics import (
    convert_scheme,
    extract_spans,
    span_classification_report,
    span_f1_score,
)

LETTERS = {"iob2": "BI", "iobes": "BIES", "bilou": "BILU"}


def random_tags(rng, scheme, n_samples, types=("PER", "LOC", "ORG")):
    labels = ["O", *(f"{a}-{t}" for a in LETTERS[scheme] for t in types)]
    return [rng.choice(labels, rng.integers(1, 9)).tolist() for _ in range(n_samples)]


def perturb(rng, tags, scheme):
    other = random_tags(rng, scheme, len(tags))
    return [
        [u[k] if k < len(u) and rng.random() < 0.2 else v for k, v in enumerate(t)]
        for t, u in zip(tags, other, strict=True)
    ]


@pytest.mark.parametrize("scheme", LETTERS)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
def test_f1_equals_strict_seqeval_on_random_tags(scheme, average):
    metrics = pytest.importorskip("seqeval.metrics")
    schemes = pytest.importorskip("seqeval.scheme")
    rng = np.random.default_rng(0)
    for _ in range(50):
        y_true = random_tags(rng, scheme, 40)
        y_pred = perturb(rng, y_true, scheme)
        expected = metrics.f1_score(
            y_true,
            y_pred,
            mode="strict",
            scheme=getattr(schemes, scheme.upper()),
            average=average,
            zero_division=0,
        )
        got = span_f1_score(
            y_true, y_pred, scheme=scheme, average=average, zero_division=0.0
        )
        np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("scheme", LETTERS)
def test_report_equals_strict_seqeval(scheme):
    metrics = pytest.importorskip("seqeval.metrics")
    schemes = pytest.importorskip("seqeval.scheme")
    rng = np.random.default_rng(1)
    y_true = random_tags(rng, scheme, 300)
    y_pred = perturb(rng, y_true, scheme)
    expected = metrics.classification_report(
        y_true,
        y_pred,
        mode="strict",
        scheme=getattr(schemes, scheme.upper()),
        output_dict=True,
    )
    got = span_classification_report(y_true, y_pred, scheme=scheme, output_dict=True)
    assert got.keys() == expected.keys()
    for name, row in expected.items():
        assert got[name] == pytest.approx(row)


def test_f1_equals_nervaluate_on_valid_tags():
    nervaluate = pytest.importorskip("nervaluate")
    rng = np.random.default_rng(2)
    types = ["PER", "LOC", "ORG"]

    def valid_tags(lengths):
        sequences = []
        for length in lengths:
            tags = []
            while len(tags) < length:
                kind = rng.choice(types)
                span = [f"B-{kind}"] + [f"I-{kind}"] * rng.integers(3)
                tags += span if rng.random() < 0.6 else ["O"]
            sequences.append(tags[:length])
        return sequences

    for _ in range(20):
        lengths = rng.integers(1, 9, 50)
        y_true, y_pred = valid_tags(lengths), valid_tags(lengths)
        evaluator = nervaluate.Evaluator(y_true, y_pred, tags=types, loader="list")
        strict = evaluator.evaluate()["overall"]["strict"]
        assert span_f1_score(y_true, y_pred) == pytest.approx(strict.f1)


def test_inside_without_begin_is_no_span():
    assert extract_spans(["O", "I-PER", "I-PER"]) == []
    assert extract_spans(["B-PER", "I-LOC"]) == [("PER", 0, 1)]
    assert extract_spans(["B-PER", "I-PER", "O"], scheme="iobes") == []


def test_iob1_begins_with_inside_and_separates_with_begin():
    tags = ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"]
    assert extract_spans(tags, scheme="iob1") == [
        ("PER", 0, 2),
        ("PER", 2, 3),
        ("LOC", 4, 5),
        ("PER", 5, 6),
    ]
    assert convert_scheme([tags], "iob1", "iob2")[0].tolist() == [
        *("B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-PER")
    ]


@pytest.mark.parametrize("target", ["iob1", "iobes", "bilou"])
def test_conversion_there_and_back_changes_nothing(target):
    tags = [["B-A", "I-A", "B-A", "B-B", "O"], ["B-A"], ["B-A", "I-A", "I-A", "O"]]
    there = convert_scheme(tags, "iob2", target)
    for i, sequence in enumerate(tags):
        assert extract_spans(there[i], scheme=target) == extract_spans(sequence)
    back = convert_scheme(there, target, "iob2")
    assert [t.tolist() for t in back] == tags


def test_broken_tags_are_named_with_their_place():
    y = [["O"]] * 3 + [["O"] * 7 + ["I-PER"]]
    message = r"y\[3\], step 7: 'I-PER' may not follow 'O' in the scheme 'iob2'\."
    with pytest.raises(ValueError, match=message):
        convert_scheme(y, "iob2", "iobes")
    with pytest.raises(ValueError, match=r"step 0: 'I-A' may not begin a sequence"):
        convert_scheme([["I-A"]], "iob2", "iobes")
    with pytest.raises(ValueError, match=r"step 0: 'B-A' may not end a sequence"):
        convert_scheme([["B-A"], ["O"]], "iobes", "iob2")


@pytest.mark.parametrize("tag", ["X-PER", "PER", "B-", "E-PER", ""])
def test_a_label_that_is_no_tag_is_named(tag):
    with pytest.raises(ValueError, match=f"'{tag}' is no tag of the scheme 'iob2'"):
        span_f1_score([["O", tag]], [["O", "O"]])


@pytest.mark.parametrize("scheme", LETTERS)
def test_allowed_transitions_are_those_of_tags_that_convert(scheme):
    classes = np.array(["O", *(f"{a}-{t}" for a in LETTERS[scheme] for t in "XY")])
    allowed, start, end = allowed_transitions(classes, scheme)
    for i, a in enumerate(classes):
        for j, b in enumerate(classes):
            expected = start[i] and allowed[i, j] and end[j]
            # every tag but "O" is part of a span exactly if all is allowed
            spans = extract_spans([a, b], scheme=scheme)
            covered = sum(stop - first for _, first, stop in spans)
            assert expected == (covered == (a != "O") + (b != "O"))


def test_no_spans_score_zero_division():
    with pytest.warns(UserWarning, match="F-score is ill-defined"):
        assert span_f1_score([["O"]], [["O"]]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert span_f1_score([["O"]], [["O"]], zero_division=1.0) == 1
        assert np.isnan(span_f1_score([["O"]], [["O"]], zero_division=np.nan))


def test_weight_repeats_sequences():
    y_true, y_pred = [["B-A", "B-B"], ["B-A"]], [["B-A", "O"], ["B-B"]]
    got = span_f1_score(y_true, y_pred, sample_weight=[3, 1])
    repeated = [0, 0, 0, 1]
    expected = span_f1_score(
        [y_true[i] for i in repeated], [y_pred[i] for i in repeated]
    )
    assert got == pytest.approx(expected)
