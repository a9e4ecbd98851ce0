"""RNNTranscriber: texts of sequences, alone and in the tools of scikit-learn."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RaggedArray, RNNTranscriber, config_context, load, save
from sklearn_rnn.metrics import character_error_rate, neg_word_error_rate_scorer
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise

TINY = {
    "hidden_size": 4,
    "conv_channels": None,
    "max_epochs": 2,
    "random_state": 0,
}
SHAPES = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]])


def make_texts(n_samples, letters="ab", seed=0, longest=3):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, longest + 1, n_samples)
    return ["".join(rng.choice(list(letters), size)) for size in sizes]


def make_sequences(texts, letters="ab", seed=1):
    """Return each letter as some steps of its shape, with noise."""
    rng = np.random.default_rng(seed)
    sequences = []
    for text in texts:
        steps = [
            np.repeat(SHAPES[letters.index(c), None], rng.integers(3, 5), axis=0)
            for c in text
        ]
        x = np.concatenate([*steps, np.zeros((2, 2))])
        sequences.append(x + 0.05 * rng.normal(size=x.shape))
    return sequences


TEXTS = make_texts(24)
X = make_sequences(TEXTS)


@pytest.fixture(scope="module")
def fitted():
    return RNNTranscriber(**TINY).fit(X, TEXTS)


@pytest.fixture(scope="module")
def learned():
    """A transcriber that has learned its task."""
    texts = make_texts(80, longest=4)
    options = {"hidden_size": 16, "max_epochs": 25, "batch_size": 8, "random_state": 0}
    rnn = RNNTranscriber(conv_channels=None, **options)
    return rnn.fit(make_sequences(texts), texts)


class Watch(skorch.callbacks.Callback):
    """Hook that changes nothing, but leaves no chain."""

    def on_train_begin(self, net, **_):
        net.module_.head.register_forward_hook(lambda *_: None)


def as_objects(y):
    result = np.empty(len(y), dtype=object)
    result[:] = y
    return result


# Learning ---------------------------------------------------------------------------


def test_new_sequences_are_transcribed(learned):
    texts = make_texts(40, seed=5, longest=6)  # longer ones, too
    sequences = make_sequences(texts, seed=6)
    assert learned.score(sequences, texts) > 0.95
    assert "aa" in "".join(texts)  # repeats need a blank between them


def test_alignment_finds_the_steps_of_each_letter(learned):
    spans = learned.align(make_sequences(["abab"], seed=9), ["abab"])[0]
    assert spans.shape == (4, 2)
    for k, (first, end) in enumerate(spans):
        assert 3 * k - 2 <= first < end <= 4 * (k + 1) + 2
    assert (spans[1:, 0] >= spans[:-1, 1]).all()


def test_upsampling_writes_more_tokens_than_steps():
    """Each step is two letters, as letters of a word can be two phonemes."""
    pairs = {0: "xy", 1: "yz", 2: "z"}
    rng = np.random.default_rng(0)
    numbers = [rng.integers(0, 3, rng.integers(1, 5)) for _ in range(60)]
    texts = ["".join(pairs[n] for n in row) for row in numbers]
    sequences = [SHAPES[row] for row in numbers]
    rnn = RNNTranscriber(
        **{**TINY, "hidden_size": 12, "max_epochs": 30}, upsample=3, batch_size=8
    )
    assert rnn.fit(sequences, texts).score(sequences, texts) > 0.9
    assert rnn.predict_log_proba(sequences)[0].shape == (3 * len(numbers[0]), 4)
    spans = rnn.align([SHAPES[[0, 1]]], ["xyyz"])[0]
    assert spans.min() >= 0
    assert spans.max() <= 2


def test_early_stopping_watches_the_likelihood():
    options = {**TINY, "max_epochs": 3}
    rnn = RNNTranscriber(**options, early_stopping=True, n_iter_no_change=1)
    rnn.fit(X[:20], TEXTS[:20], X_val=X[20:], y_val=TEXTS[20:])
    expected = rnn.score_samples(X[20:], TEXTS[20:]).mean()
    assert rnn.best_validation_score_ == pytest.approx(expected, rel=1e-6)
    rnn = RNNTranscriber(**options, early_stopping=True, validation_fraction=0.2)
    assert rnn.fit(X, TEXTS).best_validation_score_ < 0


def test_training_loss_is_the_mean_negative_log_likelihood():
    rnn = RNNTranscriber(**{**TINY, "max_epochs": 1, "learning_rate": 1e-12})
    rnn.fit(X, TEXTS)
    expected = -rnn.score_samples(X, TEXTS).mean()
    assert rnn.loss_curve_[0] == pytest.approx(expected, rel=1e-5)


def test_beam_is_at_least_as_likely_as_greedy(fitted):
    beam = copy.deepcopy(fitted).set_params(beam_size=8)
    greedy, searched = fitted.predict(X), beam.predict(X)
    assert (fitted.score_samples(X, searched) >= fitted.score_samples(X, greedy)).all()


def test_bars_show_tokens_a_second(fitted, capfd):
    shown = RNNTranscriber(**TINY, beam_size=8, verbose=1).fit(X, TEXTS)
    bar = capfd.readouterr().err
    assert "tokens/s=" in bar
    assert "perplexity" not in bar
    texts = shown.predict(X)
    bar = capfd.readouterr().err
    assert f"{len(X)}/{len(X)}" in bar
    assert "tokens/s=" in bar
    silent = copy.deepcopy(fitted).set_params(beam_size=8)
    assert silent.predict(X).tolist() == texts.tolist()
    assert capfd.readouterr() == ("", "")


def test_kernels_and_torch_train_the_same_network(fitted):
    with config_context(kernels="torch"):
        other = RNNTranscriber(**TINY).fit(X, TEXTS)
    np.testing.assert_allclose(other.loss_curve_, fitted.loss_curve_, rtol=1e-4)


@pytest.mark.parametrize("stem", [None, 3])
def test_chain_and_autograd_give_the_same_gradients(stem):
    pytest.importorskip("numba", reason="needs numba")
    options = {**TINY, "conv_channels": stem, "upsample": 2, "dropout": 0.3}
    rnn = RNNTranscriber(**options, max_grad_norm=None).fit(X, TEXTS)
    hooked = RNNTranscriber(**options, max_grad_norm=None, callbacks=[Watch()])
    hooked.fit(X, TEXTS)
    np.testing.assert_allclose(hooked.loss_curve_, rnn.loss_curve_, rtol=1e-5)
    for a, b in zip(rnn.module_.parameters(), hooked.module_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


# Predictions ------------------------------------------------------------------------


def test_predictions_are_a_one_dimensional_object_array(fitted):
    predictions = fitted.predict(X[:3])
    assert predictions.shape == (3,)
    assert predictions.dtype == object
    assert all(type(text) is str for text in predictions)


def test_probabilities_of_a_frame_sum_to_one(fitted):
    frames = fitted.predict_log_proba(X)
    assert isinstance(frames, RaggedArray)
    assert frames.lengths.tolist() == [len(x) for x in X]
    np.testing.assert_allclose(np.exp(frames.values).sum(axis=1), 1)


def test_results_depend_on_their_own_sequence_alone(learned):
    texts = make_texts(30, seed=3, longest=5)
    sequences = make_sequences(texts, seed=4)
    beam = copy.deepcopy(learned).set_params(beam_size=3)
    order = np.random.default_rng(0).permutation(30)
    shuffled = [sequences[i] for i in order]
    for results, others in (
        (learned.predict(sequences), learned.predict(shuffled)),
        (beam.predict(sequences), beam.predict(shuffled)),
        (
            learned.score_samples(sequences, texts),
            learned.score_samples(shuffled, [texts[i] for i in order]),
        ),
    ):
        np.testing.assert_array_equal(results[order], others)
    frames = learned.predict_log_proba(sequences)
    for i in (0, 7):
        alone = learned.predict_log_proba(sequences[i : i + 1])
        np.testing.assert_array_equal(alone[0], frames[i])
        span = learned.align(sequences[i : i + 1], texts[i : i + 1])[0]
        np.testing.assert_array_equal(span, learned.align(sequences, texts)[i])


def test_score_is_one_minus_the_character_error_rate(fitted):
    weight = np.arange(1, len(X) + 1)
    expected = 1 - character_error_rate(TEXTS, fitted.predict(X), sample_weight=weight)
    assert fitted.score(X, TEXTS, sample_weight=weight) == expected


def test_likelihood_of_impossible_texts_is_zero(fitted):
    long = "ab" * 40
    found = fitted.score_samples(X[:3], [long, "aé", TEXTS[2]])
    assert found[:2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(found[2])


# Texts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "level", "classes"),
    [
        (["a\0", "\0", "b\n😀", ""], "char", ["\0", "\n", "a", "b", "😀"]),
        (["no yes", " yes  yes ", "", "no"], "word", ["no", "yes"]),
        ([["K", "AE1"], [], ("K",), np.array(["T"])], "char", ["AE1", "K", "T"]),
        ([[3, 1], [1, 1], [], [2]], "char", [1, 2, 3]),
    ],
)
def test_kinds_of_tokens(texts, level, classes):
    rnn = RNNTranscriber(**TINY, target_level=level).fit(X[:4], texts)
    assert rnn.classes_.tolist() == classes
    for i in range(len(texts)):  # a network that is certain
        with torch.no_grad():
            rnn.module_.head.weight.zero_()
            rnn.module_.head.bias.zero_()
            rnn.module_.head.bias[1 + i % len(classes)] = 30
        (prediction,) = rnn.predict(X[:1])
        expected = classes[i % len(classes)]
        if isinstance(texts[1], str):
            assert prediction == expected
        else:
            assert prediction.tolist() == [expected]


def test_words_are_joined_by_a_space():
    rnn = RNNTranscriber(**TINY, target_level="word").fit(X[:2], ["no yes", "no"])
    decoded = rnn._targets.decode([np.array([2, 1, 2]), np.array([], int)])
    assert decoded.tolist() == ["yes no yes", ""]


@pytest.mark.parametrize(
    "container",
    [list, tuple, np.array, as_objects, pd.Series],
    ids=lambda container: container.__name__,
)
def test_containers_of_texts(container, fitted):
    rnn = RNNTranscriber(**TINY).fit(X, container(TEXTS))
    np.testing.assert_array_equal(
        rnn.predict_log_proba(X).values, fitted.predict_log_proba(X).values
    )


def test_containers_of_sequences(fitted):
    frames = fitted.predict_log_proba(X).values
    for container in (
        RaggedArray.from_sequences,
        as_objects,
        lambda x: list(map(torch.tensor, x)),
    ):
        rnn = RNNTranscriber(**TINY).fit(container(X), TEXTS)
        found = rnn.predict_log_proba(container(X)).values
        np.testing.assert_array_equal(found, frames)
    table = np.random.default_rng(0).normal(size=(6, 9))
    rnn = RNNTranscriber(**TINY).fit(table, TEXTS[:6])
    cube = RNNTranscriber(**TINY).fit(table[:, :, None], TEXTS[:6])
    np.testing.assert_array_equal(rnn.predict(table), cube.predict(table[:, :, None]))


def test_tokens_as_input():
    pipeline = make_pipeline(
        SequenceTokenizer("char"),
        RNNTranscriber(**{**TINY, "max_epochs": 40}, upsample=2, batch_size=8),
    )
    pipeline.fit(TEXTS, TEXTS)
    assert pipeline.score(TEXTS, TEXTS) > 0.9


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("one long text", "y must be an array or a list"),
        ([1.5] * 24, r"y\[0\] is not a string but float"),
        ([*TEXTS[:23], None], r"y\[23\] is missing"),
        (TEXTS[:20], "inconsistent numbers of samples"),
        ([""] * 24, "all texts are empty"),
        ([[1], ["a"]] * 12, "y mixes integers and strings"),
        (None, "requires y"),
        (
            [*TEXTS[:17], "aabbaabbaabbaa", *TEXTS[18:]],
            r"y\[17\] needs 21 steps, X\[17\] leaves \d+: one for each token",
        ),
    ],
)
def test_errors_of_y(y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        RNNTranscriber(**TINY).fit(X, y)


def test_too_few_frames_after_a_stride_are_an_error():
    rnn = RNNTranscriber(**{**TINY, "conv_channels": (3, 3)})
    texts = ["ab"] * 23 + ["ababab"]
    sequences = [np.zeros((9, 2))] * 24
    message = (
        r"y\[23\] needs 6 steps, X\[23\] leaves 3: .* 9 steps before 2 convolution"
        r"\(s\) with conv_stride=2, and upsample=1. Use a smaller 'conv_stride'"
    )
    with pytest.raises(ValueError, match=message):
        rnn.fit(sequences, texts)
    with pytest.raises(ValueError, match=r"y_val\[0\] needs 6 steps, X_val\[0\]"):
        rnn.fit(sequences, texts[:1] * 24, X_val=sequences[:2], y_val=texts[-1:] * 2)
    rnn.fit(sequences, texts, sample_weight=[1.0] * 23 + [0.0])
    rnn.set_params(upsample=2).fit(sequences, texts)
    with pytest.raises(ValueError, match=r"y\[0\] needs 9 steps, X\[0\] leaves 6"):
        rnn.align(sequences[:1], ["ababababa"])


def test_errors_after_fit(fitted):
    with pytest.raises(ValueError, match=r"y\[1\] has 'é' at position 1, which is not"):
        fitted.align(X[:2], ["a", "bé"])
    with pytest.raises(ValueError, match="y has sequences of tokens, but RNNTransc"):
        fitted.score_samples(X[:1], [["a"]])
    with pytest.raises(ValueError, match="X has 2 sequences, but y has 1 texts"):
        fitted.score_samples(X[:2], ["a"])
    changed = copy.deepcopy(fitted).set_params(target_level="word")
    with pytest.raises(ValueError, match="'target_level' of this RNNTranscriber ch"):
        changed.predict(X)
    with pytest.raises(ValueError, match=r"y_val\[0\] has 'c' at position 0"):
        RNNTranscriber(**TINY).fit(X, TEXTS, X_val=X[:2], y_val=["c", "a"])


# scikit-learn -----------------------------------------------------------------------


def test_weight_2_equals_two_copies():
    weight = np.ones(len(X))
    weight[[0, 3]] = 2
    weighted = RNNTranscriber(**TINY).fit(X, TEXTS, sample_weight=weight)
    twice = RNNTranscriber(**TINY).fit([*X, X[0], X[3]], [*TEXTS, TEXTS[0], TEXTS[3]])
    np.testing.assert_array_equal(
        weighted.predict_log_proba(X).values, twice.predict_log_proba(X).values
    )
    weight[0] = 0
    without = RNNTranscriber(**TINY).fit(X, TEXTS, sample_weight=weight)
    fewer = RNNTranscriber(**TINY).fit(X[1:], TEXTS[1:], sample_weight=weight[1:])
    np.testing.assert_array_equal(
        without.predict_log_proba(X).values, fewer.predict_log_proba(X).values
    )


def test_equal_seeds_give_equal_networks(fitted):
    again = clone(fitted).fit(X, TEXTS)
    restored = pickle.loads(pickle.dumps(fitted))
    expected = fitted.predict_log_proba(X).values
    for rnn in (again, restored):
        np.testing.assert_array_equal(rnn.predict_log_proba(X).values, expected)


def test_warm_start_goes_on(fitted):
    rnn = copy.deepcopy(fitted).set_params(warm_start=True)
    rnn.fit(X, TEXTS)
    assert rnn.n_iter_ == 4
    assert rnn.loss_curve_[2] < rnn.loss_curve_[0]
    with pytest.raises(ValueError, match=r"y\[0\] has 'é' at position 0"):
        rnn.fit(X, ["é", *TEXTS[1:]])


def test_saved_and_loaded(tmp_path, fitted):
    tokens = RNNTranscriber(**TINY, upsample=2).fit(X[:4], [[3, 1], [1, 1], [], [2]])
    words = RNNTranscriber(**TINY, target_level="word").fit(X[:2], ["é\0 b", "b"])
    for rnn in (fitted, tokens, words):
        save(rnn, tmp_path / "rnn.safetensors")
        loaded = load(tmp_path / "rnn.safetensors")
        assert loaded.classes_.tolist() == rnn.classes_.tolist()
        np.testing.assert_array_equal(
            loaded.predict_log_proba(X).values, rnn.predict_log_proba(X).values
        )
        assert list(map(list, loaded.predict(X))) == list(map(list, rnn.predict(X)))


@pytest.mark.parametrize(
    "state",
    [
        {"classes": np.array([1, 2]), "level": "char"},
        {"classes": np.array(["a", "b"], object), "level": "letter"},
        {"classes": np.array(["b", "a"], object), "level": "char"},
        {"classes": np.array([], object), "level": "char"},
        {"classes": np.array(["a", 1], object), "level": "token"},
        {"classes": np.array([1.0, 2.0]), "level": "token"},
    ],
)
def test_states_from_files_are_validated(fitted, state):
    with pytest.raises(ValueError, match=r"tokens of|must be"):
        type(fitted._targets).from_state(state, "RNNTranscriber", {})


def test_searches_and_cross_validation():
    texts = as_objects(TEXTS)
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNTranscriber(**TINY))
    search = GridSearchCV(
        pipeline, {"rnntranscriber__beam_size": [1, 2]}, cv=2, error_score="raise"
    )
    search.fit(X, texts)
    assert search.best_score_ <= 1
    predictions = cross_val_predict(RNNTranscriber(**TINY), X, texts, cv=KFold(2))
    assert predictions.shape == (24,)
    assert predictions.dtype == object
    scores = cross_val_score(
        RNNTranscriber(**TINY), X, texts, cv=2, scoring=neg_word_error_rate_scorer
    )
    assert (scores <= 0).all()
    sizes, _, test_scores = learning_curve(
        RNNTranscriber(**TINY), X, texts, cv=2, train_sizes=[6, 12]
    )
    assert sizes.tolist() == [6, 12]
    assert np.isfinite(test_scores).all()


def test_tags_describe_the_estimator():
    tags = RNNTranscriber().__sklearn_tags__()
    assert tags.estimator_type == "transcriber"
    assert tags.target_tags.required
    assert not tags.input_tags.allow_nan
