"""RNNTagger: a label at every step, with a CRF and without."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score

from sklearn_rnn import RaggedArray, RNNTagger, config_context
from sklearn_rnn.datasets import make_parity
from sklearn_rnn.preprocessing import SequenceTokenizer

TINY = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
WORDS = np.array(["high", "low"])


@pytest.fixture
def steps(rng):
    """30 sequences of 2 to 9 steps; the sign of the first feature is the label."""
    X = [rng.normal(size=(n, 2)).astype("f4") for n in rng.integers(2, 10, 30)]
    return X, [WORDS[(x[:, 0] < 0).astype(int)] for x in X]


@pytest.fixture
def spans(rng):
    """30 sequences of tags in IOB2; a feature marks first, second and other steps."""
    y = [
        ["O", "B-X", "I-X", "O", "B-Y", "B-X"][: rng.integers(2, 7)] for _ in range(30)
    ]
    letters = ["O", "B-X", "I-X", "B-Y"]
    X = [np.eye(4)[[letters.index(tag) for tag in tags]] for tags in y]
    return [x + rng.normal(scale=0.5, size=x.shape) for x in X], y


def to_objects(sequences):
    array = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        array[i] = sequence
    return array


def values_of(sequences):
    return np.concatenate(list(sequences))


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


# What predictions are -----------------------------------------------------------------


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("lengths", [[3, 1, 5], [4, 4, 4], [1, 1, 1]])
def test_predictions_are_an_object_array_of_arrays(lengths, crf, steps):
    tagger = RNNTagger(**TINY, crf=crf).fit(*steps)
    X = [np.ones((n, 2)) for n in lengths]
    y = tagger.predict(X)
    assert (y.shape, y.dtype) == ((3,), object)
    assert [labels.shape for labels in y] == [(n,) for n in lengths]
    probability = tagger.predict_proba(X)
    assert isinstance(probability, RaggedArray)
    assert probability.lengths.tolist() == lengths
    assert_allclose(probability.values.sum(axis=1), 1, rtol=1e-6)
    log_probability = tagger.predict_log_proba(X)
    assert_allclose(log_probability.values, np.log(probability.values), rtol=1e-5)


def test_sets_of_labels_are_columns_of_each_step(steps):
    X, _ = steps
    y = [(x > 0).astype(int) for x in X]
    tagger = RNNTagger(hidden_size=16, max_epochs=60, random_state=0).fit(X, y)
    predictions = tagger.predict(X)
    assert [p.shape for p in predictions] == [labels.shape for labels in y]
    assert (tagger.n_outputs_, tagger.classes_.tolist()) == (2, [0, 1])
    score = accuracy_score(values_of(y), values_of(predictions))
    assert tagger.score(X, y) == score > 0.9
    probability = tagger.predict_proba(X).values
    assert_array_equal(values_of(predictions), probability > 0.5)
    on = np.where(values_of(y) == 1, probability, 1 - probability)
    sums = [
        np.log(part).sum() for part in np.split(on, np.cumsum([len(x) for x in X]))[:-1]
    ]
    assert_allclose(tagger.path_log_proba(X, y), sums, rtol=1e-4)


@pytest.mark.parametrize(
    "parameter", [{"crf": True}, {"scheme": "iob2"}, {"class_weight": "balanced"}]
)
def test_sets_of_labels_take_no_parameter_of_single_labels(parameter, steps):
    X, _ = steps
    with pytest.raises(
        ValueError, match="several labels at once, but " + next(iter(parameter))
    ):
        RNNTagger(**TINY, **parameter).fit(X, [(x > 0).astype(int) for x in X])


@pytest.mark.parametrize("crf", [False, True])
def test_score_is_the_accuracy_over_all_steps(crf, steps, rng):
    X, y = steps
    tagger = RNNTagger(**TINY, crf=crf).fit(X, y)
    predicted = values_of(tagger.predict(X))
    assert tagger.score(X, y) == accuracy_score(values_of(y), predicted)
    weight = rng.uniform(1, 3, len(X))
    repeated = np.repeat(weight, [len(x) for x in X])
    expected = accuracy_score(values_of(y), predicted, sample_weight=repeated)
    assert_allclose(tagger.score(X, y, sample_weight=weight), expected)
    weight = [rng.integers(0, 3, len(x)) for x in X]
    expected = accuracy_score(values_of(y), predicted, sample_weight=values_of(weight))
    assert_allclose(tagger.score(X, y, sample_weight=weight), expected)


def test_a_label_that_fit_has_not_seen_is_scored_as_wrong(steps):
    X, y = steps
    tagger = RNNTagger(**TINY).fit(X, y)
    assert tagger.score(X, [["other"] * len(x) for x in X]) == 0


# Tasks --------------------------------------------------------------------------------


def test_a_label_that_the_next_step_decides_needs_both_directions(rng):
    X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 12, 120)]
    y = [np.append(x[1:, 0] > 0, False) for x in X]
    options = {"hidden_size": 8, "max_epochs": 40, "random_state": 0}
    assert RNNTagger(**options).fit(X, y).score(X, y) > 0.95
    assert RNNTagger(**options, bidirectional=False).fit(X, y).score(X, y) < 0.75


def test_alternating_tags_that_nothing_shows_need_the_crf(rng):
    X = [np.zeros((n, 1)) for n in rng.integers(4, 12, 80)]
    y = [(np.arange(len(x)) + rng.integers(2)) % 2 for x in X]
    options = {"cell": "rnn", "hidden_size": 2, "max_epochs": 60, "random_state": 0}
    crf = RNNTagger(**options, crf=True).fit(X, y)
    plain = RNNTagger(**options).fit(X, y)
    assert all((np.diff(labels) != 0).all() for labels in crf.predict(X))
    assert not all((np.diff(labels) != 0).all() for labels in plain.predict(X))
    # log 2 a sequence, and not log 2 a step
    assert crf.path_log_proba(X, y).sum() > plain.path_log_proba(X, y).sum() / 2


def test_running_parity_needs_memory():
    X, _ = make_parity(200, n_steps=12, random_state=0)
    y = X[:, :, 0].astype(int).cumsum(axis=1) % 2
    options = {"max_epochs": 80, "bidirectional": False, "random_state": 0}
    tagger = RNNTagger(hidden_size=16, **options).fit(X[:150], y[:150])
    assert tagger.score(X[150:], y[150:]) > 0.95  # a memoryless model: about 0.5


# The CRF ------------------------------------------------------------------------------


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


# Weights ------------------------------------------------------------------------------


UNKNOWN = {
    "another label": "low",
    "a new label": "new",
    "None": None,
    "NaN": np.nan,
    "pd.NA": pd.NA,
    "a number": 3,
}


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("label", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_label_may_be_anything(label, crf, steps):
    X, y = steps
    weight = [np.ones(len(x)) for x in X]
    weight[3][1] = weight[7][0] = weight[7][-1] = 0
    expected = RNNTagger(**TINY, crf=crf).fit(X, y, sample_weight=weight)
    spoiled = [
        [label if w == 0 else v for v, w in zip(*p, strict=True)]
        for p in zip(y, weight, strict=True)
    ]
    tagger = RNNTagger(**TINY, crf=crf).fit(X, spoiled, sample_weight=weight)
    assert tagger.loss_curve_ == expected.loss_curve_
    assert tagger.classes_.tolist() == ["high", "low"]
    assert tagger.score(X, spoiled, weight) == expected.score(X, y, weight)
    full = RNNTagger(**TINY, crf=crf).fit(X, y)
    assert full.loss_curve_ != expected.loss_curve_


def test_unknown_sets_of_labels_may_be_anything(steps):
    X, _ = steps
    y = [(x > 0).astype(int) for x in X]
    weight = [np.ones(len(x)) for x in X]
    weight[3][1] = 0
    expected = RNNTagger(**TINY).fit(X, y, sample_weight=weight)
    y[3] = [row if i != 1 else None for i, row in enumerate(y[3])]
    tagger = RNNTagger(**TINY).fit(X, y, sample_weight=weight)
    assert tagger.loss_curve_ == expected.loss_curve_


def test_the_labels_of_a_sequence_of_weight_0_may_be_anything(steps):
    X, y = steps
    weight = np.ones(len(X))
    weight[2] = 0
    expected = RNNTagger(**TINY).fit(X[:2] + X[3:], y[:2] + y[3:])
    tagger = RNNTagger(**TINY).fit(X, [*y[:2], [None] * len(X[2]), *y[3:]], weight)
    assert tagger.loss_curve_ == expected.loss_curve_


def test_the_crf_sums_over_unknown_labels(spans):
    X, y = spans
    X, y = X[:1], y[:1]
    options = {**TINY, "crf": True, "max_epochs": 1, "scheme": "iob2"}
    weight = [np.ones(len(y[0]))]
    weight[0][1] = 0
    tagger = RNNTagger(**options).fit(*spans).set_params(warm_start=True)
    paths = [[*y[0][:1], tag, *y[0][2:]] for tag in tagger.classes_]
    likelihood = np.exp(tagger.path_log_proba(X * len(paths), paths)).sum()
    loss = tagger.fit(X, y, sample_weight=weight).loss_curve_[-1]
    n_known = len(y[0]) - 1  # the loss of a sequence is divided by its known steps
    assert_allclose(loss, -np.log(likelihood) / n_known, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"sample_weight": "ragged"}, {"class_weight": "balanced"}]
)
def test_the_crf_refuses_weights_of_steps_and_classes(options, steps):
    X, y = steps
    weight = None
    if "sample_weight" in options:
        weight = [np.linspace(1, 2, len(x)) for x in X]
    class_weight = options.get("class_weight")
    with pytest.raises(ValueError, match="crf=True takes weights of sequences"):
        RNNTagger(**TINY, crf=True, class_weight=class_weight).fit(X, y, weight)


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("per_step", [False, True])
def test_a_weight_of_2_is_two_copies(per_step, crf, steps):
    X, y = (part[:12] for part in steps)
    weight = np.array([2.0, 1, 1, 3, 1, 0] * 2)
    rows = np.repeat(np.arange(12), weight.astype(int))
    repeated = RNNTagger(**TINY, crf=crf).fit(
        [X[i] for i in rows], [y[i] for i in rows]
    )
    if per_step:
        weight = [np.full(len(x), w) for x, w in zip(X, weight, strict=True)]
    weighted = RNNTagger(**TINY, crf=crf).fit(X, y, weight)
    assert_allclose(
        weighted.predict_proba(X).values, repeated.predict_proba(X).values, rtol=1e-5
    )
    plain = RNNTagger(**TINY, crf=crf).fit(X, y)
    assert not np.allclose(
        plain.predict_proba(X).values, weighted.predict_proba(X).values, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (
            lambda X: [np.ones(len(x) + 1) for x in X],
            r"X\[0\] has . steps, but sample_weight\[0\] has . weights",
        ),
        (lambda X: [-np.ones(len(x)) for x in X], "one weight >= 0 a sequence or a"),
        (lambda X: [np.ones((len(x), 2)) for x in X], r"of shape \(2,\) a step"),
        (lambda X: [["a"] * len(x) for x in X], "one weight >= 0"),
        (lambda X: [[np.nan] * len(x) for x in X], r"sample_weight\[0\], step 0"),
        (lambda X: [np.zeros(len(x)) for x in X], "at least one non-zero"),
        (lambda X: np.zeros(len(X)), "at least one non-zero"),
        (lambda X: np.ones(len(X) - 1), "sample_weight.shape"),
    ],
)  # fmt: skip
def test_wrong_weights_are_refused(weight, message, steps):
    X, y = steps
    with pytest.raises(ValueError, match=message):
        RNNTagger(**TINY).fit(X, y, weight(X))


def test_a_number_is_one_weight_for_all(steps):
    assert (
        RNNTagger(**TINY).fit(*steps, 2.0).loss_curve_
        == RNNTagger(**TINY).fit(*steps).loss_curve_
    )


def test_class_weight_is_a_weight_of_the_steps_of_a_class(steps):
    both = [i for i, labels in enumerate(steps[1]) if len(set(labels)) == 2]
    X, y = ([part[i] for i in both] for part in steps)
    by_class = RNNTagger(**TINY, class_weight={"high": 1, "low": 4}).fit(X, y)
    weight = [np.where(labels == "low", 4.0, 1.0) for labels in y]
    by_step = RNNTagger(**TINY).fit(X, y, weight)
    assert_allclose(by_class.loss_curve_, by_step.loss_curve_, rtol=1e-6)
    balanced = RNNTagger(**TINY, class_weight="balanced").fit(X, y)
    counts = np.unique(values_of(y), return_counts=True)[1]
    expected = dict(zip(["high", "low"], counts.sum() / (2 * counts), strict=True))
    as_dict = RNNTagger(**TINY, class_weight=expected).fit(X, y)
    assert_allclose(balanced.loss_curve_, as_dict.loss_curve_, rtol=1e-6)


def test_a_class_weight_of_0_hides_a_class(steps):
    X, y = steps
    tagger = RNNTagger(
        hidden_size=4,
        max_epochs=20,
        learning_rate=0.1,
        random_state=0,
        class_weight={"high": 0, "low": 1},
    )
    assert set(values_of(tagger.fit(X, y).predict(X))) == {"low"}
    with pytest.raises(ValueError, match="class_weight"):
        tagger.set_params(class_weight={"high": 0, "low": 0}).fit(X, y)


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


# The course of fit --------------------------------------------------------------------


def test_early_stopping_holds_whole_groups_out(steps):
    X, y = steps
    seen = []

    class Spy(RNNTagger):
        def _hold_out(self, data):
            parts = super()._hold_out(data)
            seen.extend(parts)
            return parts

    groups = np.arange(len(X)) // 5
    tagger = Spy(**TINY, early_stopping=True, validation_fraction=0.3)
    tagger.fit(X, y, groups=groups)
    assert [len(part) for part in seen] == [20, 10]
    assert len(tagger.validation_scores_) == 2
    held_out = {x.tobytes() for x in map(np.asarray, seen[1].X)}
    sides = [{x.tobytes() in held_out for x in X[5 * g : 5 * g + 5]} for g in range(6)]
    assert all(len(side) == 1 for side in sides)


@pytest.mark.parametrize("crf", [False, True])
def test_validation_scores_are_scores_of_steps(crf, steps):
    X, y = steps
    weight = [np.arange(len(x)) % 3 for x in X]
    tagger = RNNTagger(**TINY, crf=crf, early_stopping=True)
    tagger.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    assert_allclose(tagger.best_validation_score_, tagger.score(X, y, weight))
    with pytest.raises(
        ValueError, match=r"X_val\[0\] has \d steps, but sample_weight_val\[0\]"
    ):
        tagger.fit(X, y, X_val=X, y_val=y, sample_weight_val=[[1.0]] + weight[1:])


def test_warm_start_continues(steps):
    tagger = RNNTagger(**TINY, warm_start=True, crf=True).fit(*steps)
    first = tagger.loss_curve_[-1]
    tagger.fit(*steps)
    assert tagger.n_iter_ == 4
    assert tagger.loss_curve_[-1] < first


@pytest.mark.parametrize("crf", [False, True])
def test_partial_fit_learns_batch_by_batch(crf, steps):
    X, y = steps
    tagger = RNNTagger(hidden_size=8, random_state=0, crf=crf)
    with pytest.raises(ValueError, match="classes must be passed on the first"):
        tagger.partial_fit(X, y)
    classes = ["high", "low", "never seen"]
    for _ in range(15):
        tagger.partial_fit(X[:15], y[:15], classes=classes)
        tagger.partial_fit(
            X[15:], y[15:], sample_weight=[np.ones(len(x)) for x in X[15:]]
        )
    assert tagger.classes_.tolist() == classes
    assert tagger.n_iter_ == 30
    assert tagger.score(X, y) > 0.85
    with pytest.raises(ValueError, match="is not the same as on last call"):
        tagger.partial_fit(X, y, classes=["other"])
    with pytest.raises(ValueError, match=r"y\[0\] has 'x' at step 0"):
        tagger.partial_fit(X[:1], [["x"] * len(X[0])])


def test_partial_fit_of_sets_of_labels_needs_no_classes(steps):
    X, _ = steps
    tagger = RNNTagger(**TINY).partial_fit(X, [(x > 0).astype(int) for x in X])
    assert tagger.n_outputs_ == 2


@pytest.mark.parametrize("crf", [False, True])
def test_pickle_and_clone(crf, spans):
    X, y = spans
    tagger = RNNTagger(**TINY, crf=crf, scheme="iob2").fit(X, y)
    loaded = pickle.loads(pickle.dumps(tagger))
    assert_array_equal(loaded.predict_proba(X).values, tagger.predict_proba(X).values)
    assert_array_equal(values_of(loaded.predict(X)), values_of(tagger.predict(X)))
    copy = clone(tagger)
    assert not hasattr(copy, "net_")
    assert copy.fit(X, y).loss_curve_ == tagger.loss_curve_


# Invariance ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kernels", [pytest.param("numba", marks=pytest.mark.numba), "torch"]
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"crf": True},
        {"cell": "lstm", "num_layers": 2},
        {"conv_channels": 4},
        {"bidirectional": False, "cell": "rnn", "crf": True},
    ],
    ids=str,
)
def test_predictions_are_batch_and_thread_invariant(options, kernels, steps):
    X, y = steps
    with config_context(kernels=kernels):
        tagger = RNNTagger(**TINY, **options).fit(X, y)
        together = tagger.predict_proba(X)
        order = np.random.default_rng(0).permutation(len(X))
        shuffled = tagger.predict_proba([X[i] for i in order])
        many = tagger.predict_proba(X * 40)
        paths = tagger.path_log_proba(X, y)
        for i, j in enumerate(order):
            assert_array_equal(shuffled[i], together[j])
            assert_array_equal(tagger.predict_proba([X[i]])[0], together[i])
            assert_array_equal(many[30 * 39 + i], together[i])
            assert_array_equal(tagger.predict([X[i]])[0], tagger.predict(X)[i])
            assert tagger.path_log_proba([X[i]], [y[i]]) == paths[i]
        try:
            torch.set_num_threads(2)
            assert_array_equal(tagger.predict_proba(X).values, together.values)
        finally:
            torch.set_num_threads(1)


def test_hidden_states_are_one_a_step(steps):
    X, y = steps
    states = RNNTagger(**TINY, conv_channels=3).fit(X, y).hidden_states(X)
    assert states.lengths.tolist() == [len(x) for x in X]
    assert states.n_features == 8
