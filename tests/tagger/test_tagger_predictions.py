"""Predictions of RNNTagger: their form, scores and invariance; tasks."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score
from tagger_tools import TINY, values_of

from sklearn_rnn import RaggedArray, RNNTagger, config_context
from sklearn_rnn.datasets import make_parity

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
