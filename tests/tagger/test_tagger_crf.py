"""RNNTagger with a CRF: paths, schemes, transitions."""

import itertools

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from tagger_tools import TINY, values_of

from sklearn_rnn import RNNTagger


@pytest.mark.parametrize("scheme", [None, "iob2"])
def test_path_probabilities_are_those_of_enumeration(scheme, spans):
    X, y = spans
    tagger = RNNTagger(**TINY, crf=True, scheme=scheme).fit(X, y)
    x = X[0][:3]
    emissions = tagger.module_(torch.from_numpy(x[None]).float(), None).scores
    emissions = emissions[0].detach().double().numpy()
    start, end = tagger.start_transitions_, tagger.end_transitions_
    paths = list(itertools.product(range(4), repeat=len(x)))
    scores = np.array(
        [
            start[p[0]]
            + end[p[-1]]
            + emissions[np.arange(len(x)), p].sum()
            + tagger.transitions_[p[:-1], p[1:]].sum()
            for p in map(np.array, paths)
        ]
    )
    log_probability = tagger.path_log_proba(
        [x] * len(paths), [tagger.classes_[list(p)] for p in paths]
    )
    assert_allclose(log_probability, scores - np.logaddexp.reduce(scores), atol=1e-5)
    assert_allclose(np.exp(log_probability).sum(), 1, rtol=1e-6)
    best = tagger.classes_[list(paths[log_probability.argmax()])]
    assert tagger.predict([x])[0].tolist() == best.tolist()
    marginals = np.zeros((len(x), 4))
    for path, p in zip(paths, np.exp(log_probability), strict=True):
        marginals[np.arange(len(x)), path] += p
    assert_allclose(tagger.predict_proba([x])[0], marginals, atol=1e-6)
    assert (scheme is None) == np.isfinite(log_probability).all()


def test_path_probabilities_without_a_crf_are_products_of_steps(steps):
    X, y = steps
    tagger = RNNTagger(**TINY).fit(X, y)
    paths = list(itertools.product(["high", "low"], repeat=4))
    x = np.ones((4, 2))
    log_probability = tagger.path_log_proba([x] * len(paths), paths)
    assert_allclose(np.exp(log_probability).sum(), 1)
    first = tagger.predict_log_proba([x])[0][:, 0].sum()
    assert_allclose(log_probability[0], first)


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_forbidden_tags_have_probability_zero_and_are_never_predicted(scheme, rng):
    tags = {
        "iob2": ["O", "B-X", "I-X", "B-Y", "I-Y"],
        "iobes": ["O", "B-X", "I-X", "E-X", "S-X"],
    }[scheme]
    gold = {
        "iob2": ["O", "B-X", "I-X", "I-X", "B-Y", "I-Y"],
        "iobes": ["O", "B-X", "I-X", "E-X", "S-X"],
    }[scheme]
    X = [rng.normal(size=(len(gold), 2)) for _ in range(20)]
    tagger = RNNTagger(**TINY, crf=True, scheme=scheme).fit(X, [gold] * 20)
    for parameter in tagger.module_.parameters():  # far from what was learned
        parameter.data += torch.randn(
            parameter.shape, generator=torch.Generator().manual_seed(1)
        )
    X = [rng.normal(scale=9, size=(n, 2)) for n in rng.integers(1, 12, 100)]
    allowed = np.isfinite(tagger.transitions_)
    assert not allowed.all()
    numbers = {tag: i for i, tag in enumerate(tagger.classes_)}
    assert set(numbers) == set(tags)
    for labels in tagger.predict(X):
        codes = [numbers[label] for label in labels]
        assert labels[0][0] in "OBS"
        assert allowed[codes[:-1], codes[1:]].all()
    inside = [i for tag, i in numbers.items() if tag[0] in "IE"]
    assert (np.array([p[0] for p in tagger.predict_proba(X)])[:, inside] == 0).all()
    log_probability = tagger.predict_log_proba(X[:1])[0]
    assert (log_probability[0, inside] == -np.inf).all()
    assert tagger.path_log_proba([X[0][:1]], [["I-X"]]) == -np.inf


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["I-X"], r"y\[4\], step 0: 'I-X' may not begin a sequence .*'iob2'"),
        (["B-X", "I-Y"], r"y\[4\], step 1: 'I-Y' may not follow 'B-X'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("crf", [False, True])
def test_gold_tags_that_break_the_scheme_raise_with_the_place(
    crf, tags, message, spans
):
    X, y = spans
    y = [*y[:4], tags, *y[5:29], ["B-Y", "I-Y"]]
    X = [x[: len(labels)] for x, labels in zip(X, y, strict=True)]
    X[4], X[29] = np.ones((len(tags), 4)), np.ones((2, 4))
    with pytest.raises(ValueError, match=message + ".*convert_scheme"):
        RNNTagger(**TINY, crf=crf, scheme="iob2").fit(X, y)


def test_the_place_is_that_in_y_whatever_is_left_out_or_held_out(spans):
    X, y = spans
    X, y = [[], *X[:9], np.ones((1, 4)), *X[9:]], [[], *y[:9], ["I-X"], *y[9:]]
    weight = np.ones(len(X))
    weight[2] = 0
    for early_stopping in (False, True):
        tagger = RNNTagger(**TINY, scheme="iob2", early_stopping=early_stopping)
        with pytest.raises(ValueError, match=r"y\[10\], step 0: 'I-X' may not begin"):
            tagger.fit(X, y, sample_weight=weight)
    sets = [(x > 0).astype(int) for x in X[1:]]
    sets[9][0, 0] = 3
    with pytest.raises(ValueError, match=r"y\[10\] has .* at step 0"):
        RNNTagger(**TINY).fit(X, [[], *sets], sample_weight=weight)


def test_a_label_that_is_no_tag_is_named():
    X = [np.ones((2, 1))] * 4
    with pytest.raises(ValueError, match="'noun' is no tag of the scheme 'iob2'"):
        RNNTagger(**TINY, scheme="iob2").fit(X, [["O", "noun"]] * 4)


def test_zero_transitions_equal_softmax(steps):
    X, y = steps
    crf = RNNTagger(**TINY, crf=True).fit(X, y)
    for name in ("transitions", "start_transitions", "end_transitions"):
        getattr(crf.module_.crf, name).data.zero_()
    plain = RNNTagger(**TINY).fit(X, y)
    weights = {k: v for k, v in crf.module_.state_dict().items() if "crf" not in k}
    plain.module_.load_state_dict(weights)
    assert_allclose(
        crf.predict_proba(X).values, plain.predict_proba(X).values, atol=1e-6
    )
    assert_array_equal(values_of(crf.predict(X)), values_of(plain.predict(X)))
    assert_allclose(crf.path_log_proba(X, y), plain.path_log_proba(X, y), rtol=1e-5)


def test_transitions_exist_with_a_crf_only(steps):
    crf = RNNTagger(**TINY, crf=True)
    with pytest.raises(AttributeError, match="after fit with crf=True only"):
        crf.transitions_
    crf.fit(*steps)
    assert crf.transitions_.shape == (2, 2)
    assert crf.start_transitions_.shape == crf.end_transitions_.shape == (2,)
    assert not hasattr(RNNTagger(**TINY).fit(*steps), "transitions_")
