"""RNNTranslator: texts, tokens and features to other sequences."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict

from sklearn_rnn import RaggedArray, RNNTranslator
from sklearn_rnn._codecs import UNKNOWN
from sklearn_rnn.metrics import chrf_score

RNG = np.random.default_rng(0)
SMALL = {
    "hidden_size": 8, "max_epochs": 3, "batch_size": 8, "learning_rate": 0.02,
    "random_state": 0, "max_length": 12,
}  # fmt: skip
CHARS = {**SMALL, "level": "char", "target_level": "char"}
WORDS = ["".join(RNG.choice(list("abc"), RNG.integers(1, 5))) for _ in range(40)]
REVERSED = [word[::-1] for word in WORDS]
FEATURES = [RNG.normal(size=(RNG.integers(1, 6), 2)) for _ in range(30)]
SIGNS = ["".join("+-"[int(v < 0)] for v in x[:, 0]) for x in FEATURES]
IDS = [RNG.integers(3, 7, size=RNG.integers(0, 5)) for _ in range(30)]
KINDS = {
    "texts": (WORDS, REVERSED),
    "features": (FEATURES, SIGNS),
    "ids": (IDS, [x[::-1].tolist() for x in IDS]),
}


@pytest.fixture(scope="module")
def fitted():
    return {kind: RNNTranslator(**CHARS).fit(*pair) for kind, pair in KINDS.items()}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def predict(translator, X):
    """Return predictions as a list, whether or not they are cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return translator.predict(X).tolist()


# The network --------------------------------------------------------------------------


def by_torch(translator, source, target):
    """Log-likelihood of a target: the equations, one step after the other."""
    module = translator.module_.double()
    tokens, targets = list(translator.tokens_), list(translator.target_tokens_)
    x = module.inputs.table.weight[[tokens.index(c) for c in [*source, None]]]
    halves = []
    for layer, order in (
        (module.encoder.forward_layers[0], 1),
        (module.encoder.backward_layers[0], -1),
    ):
        h, states = torch.zeros(1, 8).double(), []
        for x_s in x.numpy(force=True)[::order]:
            h = torch.gru_cell(torch.tensor(x_s[None]), h, *layer.weights)
            states.append(h)
        halves.append(torch.cat(states[::order]))
    memory = torch.cat(halves, dim=1)
    ends = torch.cat([halves[0][-1], halves[1][0]])
    decoder, total, last = module.decoder, 0.0, 0
    h = torch.tanh(module.bridge(ends))[None]
    for c in [*target, None]:
        y = decoder.inputs.table.weight[[last]]
        h = torch.gru_cell(y, h, *decoder.encoder.forward_layers[0].weights)
        a = torch.softmax(memory @ decoder.key.weight.T @ h[0], dim=0)
        o = torch.tanh(decoder.combine.weight @ torch.cat([h[0], a @ memory]))
        last = targets.index(c)
        logits = decoder.inputs.table.weight @ o + decoder.head.bias
        total += torch.log_softmax(logits, dim=0)[last].item()
    return total


def test_scores_are_those_of_the_equations(fitted):
    translator = pickle.loads(pickle.dumps(fitted["texts"]))
    scores = fitted["texts"].score_samples(WORDS[:6], REVERSED[:6])
    with torch.no_grad():
        expected = [
            by_torch(translator, x, y)
            for x, y in zip(WORDS[:6], REVERSED[:6], strict=True)
        ]
    assert_allclose(scores, expected, rtol=1e-5)


def test_training_and_prediction_have_the_same_attention(fitted):
    module = fitted["texts"].module_
    x, y = (
        torch.tensor([[[2], [3], [0]], [[4], [0], [0]]]),
        torch.tensor([[[0], [2]]] * 2),
    )
    args = x, torch.tensor([3, 2]), y, None
    trained = module(*args).states
    with torch.no_grad():
        torch.testing.assert_close(module(*args).states, trained)


def test_attention_weights_are_of_the_source(fitted):
    for kind, end in (("texts", 1), ("features", 0)):
        X, y = KINDS[kind]
        weights = fitted[kind].attention_weights(X, y)
        for x, target, w in zip(X, y, weights, strict=True):
            assert w.shape == (len(target) + 1, len(x) + end)
            assert_allclose(w.sum(axis=1), 1, rtol=1e-5)
        assert_array_equal(
            fitted[kind].attention_weights(X[3:4], y[3:4])[0], weights[3]
        )


@pytest.mark.parametrize("width", [1, 4])
def test_scores_of_predictions_are_what_the_search_found(fitted, kind, width):
    X = KINDS[kind][0]
    translator = fitted[kind]
    found = [h[0] for h in translator._search(X, width)]
    decoded = translator._target_codec.decode([one.tokens for one in found])
    complete = [i for i, one in enumerate(found) if one.is_complete]
    assert len(complete) >= 5
    scores = translator.score_samples(
        [X[i] for i in complete], [decoded[i] for i in complete]
    )
    expected = [found[i].log_probability for i in complete]
    assert_allclose(scores, expected, rtol=1e-6)


# Invariance ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 3])
def test_unknown_tokens_are_not_predicted(width):
    translator = RNNTranslator(**CHARS, tie_weights=False, beam_size=width)
    translator.fit(WORDS, REVERSED)
    with torch.no_grad():
        translator.module_.decoder.head.bias[UNKNOWN] = 50.0
    known = set("".join(REVERSED))
    assert all(known.issuperset(text) for text in predict(translator, WORDS))


@pytest.mark.filterwarnings("ignore:.* were cut")
def test_a_prediction_depends_on_its_own_sequence_alone(fitted, kind):
    (X, y), translator = KINDS[kind], fitted[kind]
    scores = translator.score_samples(X, y)
    for i in (0, 7, 20):
        assert_array_equal(
            translator.score_samples(X[i : i + 1], y[i : i + 1]), scores[i]
        )
    together = predict(translator, X)
    assert predict(translator, X[::-1]) == together[::-1]
    for i in (0, 7, 20):
        assert predict(translator, X[i : i + 1]) == together[i : i + 1]
    best, best_scores = translator.predict_n_best(X, 3)
    one, one_scores = translator.predict_n_best(X[5:6], 3)
    assert one.tolist() == best[5:6].tolist()
    assert_array_equal(one_scores, best_scores[5:6])


def test_weights_count_as_copies():
    weight = np.array([2, 1, 0, 3])
    rows = np.repeat(np.arange(4), weight)
    options = {**CHARS, "dropout": 0.0}
    weighted = RNNTranslator(**options).fit(WORDS[:4], REVERSED[:4], weight)
    repeated = RNNTranslator(**options).fit(
        [WORDS[i] for i in rows], [REVERSED[i] for i in rows]
    )
    scores = weighted.score_samples(WORDS[:4], REVERSED[:4])
    expected = repeated.score_samples(WORDS[:4], REVERSED[:4])
    assert_allclose(scores, expected, rtol=1e-6)


def test_fit_is_deterministic_and_pickled(fitted, kind):
    X, y = KINDS[kind]
    again = clone(fitted[kind]).fit(X, y)
    assert again.loss_curve_ == fitted[kind].loss_curve_
    loaded = pickle.loads(pickle.dumps(again))
    assert_array_equal(loaded.score_samples(X, y), fitted[kind].score_samples(X, y))


# Tasks --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1], ids=["copy", "reverse"])
def test_short_words_are_copied_and_reversed(order):
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(200)]
    options = {**CHARS, "hidden_size": 24, "max_epochs": 30, "dropout": 0.0}
    translator = RNNTranslator(**options).fit(words, [w[::order] for w in words])
    new = ["".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(60)]
    assert translator.predict(new).tolist() == [w[::order] for w in new]
    assert translator.score(new, [w[::order] for w in new]) == 1


# scikit-learn -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [list, pd.Series, lambda X: np.array(X, object)])
@pytest.mark.filterwarnings("ignore:.* predictions reached max_length=")
def test_tools_of_scikit_learn_take_texts(make):
    X, y = make(WORDS), make(REVERSED)
    search = GridSearchCV(RNNTranslator(**CHARS), {"beam_size": [1, 2]}, cv=2)
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()
    predicted = cross_val_predict(RNNTranslator(**CHARS), X, y, cv=2)
    assert predicted.shape == (40,)
    assert all(isinstance(text, str) for text in predicted)


@pytest.mark.filterwarnings("ignore:.* predictions reached max_length=")
def test_score_is_chrf_or_exact_matches(fitted):
    predicted = fitted["texts"].predict(WORDS)
    expected = chrf_score(REVERSED, predicted) / 100
    assert fitted["texts"].score(WORDS, REVERSED) == expected
    X, y = KINDS["ids"]
    matches = [a == b for a, b in zip(fitted["ids"].predict(X), y, strict=True)]
    assert fitted["ids"].score(X, y) == np.mean(matches)


@pytest.mark.parametrize(
    "options",
    [
        {"attention": False, "tie_weights": False},
        {"cell": "lstm", "num_layers": 2, "bidirectional": False},
        {"cell": "rnn", "embedding_dim": 5, "label_smoothing": 0.0},
        {"min_count": 2, "early_stopping": True},
    ],
    ids=str,
)
def test_options_train_a_network_of_finite_scores(options):
    translator = RNNTranslator(**{**CHARS, **options}).fit(WORDS, REVERSED)
    assert np.isfinite(translator.score_samples(WORDS, REVERSED)).all()
    assert translator.loss_curve_[-1] < translator.loss_curve_[0]
    table = translator.module_.decoder.inputs.table.weight
    assert (translator.module_.decoder.head.weight is table) == translator.tie_weights


def test_containers_are_alike(fitted):
    X, y = KINDS["features"]
    expected = fitted["features"].loss_curve_
    for make in (RaggedArray.from_sequences, lambda X: [x.tolist() for x in X]):
        assert RNNTranslator(**CHARS).fit(make(X), y).loss_curve_ == expected


def test_hidden_states_are_those_that_attention_reads(fitted):
    translator = fitted["texts"]
    states = translator.hidden_states(["ab", "c"])
    assert states.lengths.tolist() == [3, 2]  # and the end
    assert states.n_features == translator.module_.encoder.output_size
    np.testing.assert_array_equal(translator.hidden_states(["c"])[0], states[1])
    x = torch.tensor([[[translator.tokens_.tolist().index("c")], [0]]])
    with torch.inference_mode():
        expected, _ = translator.module_.eval().encode(x, None)
    np.testing.assert_allclose(states[1], expected[0], rtol=1e-5, atol=1e-7)


@pytest.mark.filterwarnings("ignore:.* were cut")
def test_a_bar_shows_how_many_sources_are_done(fitted, capfd):
    translator = fitted["texts"]
    silent = translator.predict_n_best(WORDS, 2)
    assert capfd.readouterr() == ("", "")
    try:
        shown = translator.set_params(verbose=1).predict_n_best(WORDS, 2)
    finally:
        translator.set_params(verbose=0)
    assert_array_equal(shown[1], silent[1])
    assert "40/40" in capfd.readouterr().err


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_bar_of_training_shows_perplexity_without_smoothing(
    smoothing, early_stopping, capfd
):
    # one mini-batch an epoch
    options = {**CHARS, "batch_size": 64, "label_smoothing": smoothing}
    options["early_stopping"] = early_stopping
    silent = RNNTranslator(**options).fit(WORDS, REVERSED)
    capfd.readouterr()
    shown = RNNTranslator(**options, verbose=1).fit(WORDS, REVERSED)
    bar = capfd.readouterr().err
    assert shown.loss_curve_ == silent.loss_curve_
    assert "tokens/s=" in bar
    score = -shown.loss_curve_[-1]
    if early_stopping:
        score = shown.validation_scores_[-1]
    elif smoothing:
        n_tokens = sum(len(word) + 1 for word in REVERSED)
        score = shown.score_samples(WORDS, REVERSED).sum() / n_tokens
    assert f"perplexity={np.exp(-score):.2f}" in bar


# Errors -------------------------------------------------------------------------------


def test_a_cut_prediction_is_warned_of():
    translator = RNNTranslator(**{**CHARS, "max_length": 1, "max_epochs": 1})
    translator.fit(WORDS, ["aaaa"] * 40)
    for call in (
        lambda: translator.predict(WORDS).tolist(),
        lambda: translator.predict_n_best(WORDS, 1)[0][:, 0].tolist(),
        lambda: translator.score(WORDS, ["a"] * 40),
    ):
        message = r"predictions reached max_length=1 tokens"
        with pytest.warns(UserWarning, match=message) as caught:
            assert call() in (["a"] * 40, 1.0)
        assert caught[0].filename == __file__


def test_bad_arguments(fitted):
    texts, new = fitted["texts"], RNNTranslator(**CHARS)
    for call, message in [
        (lambda: new.fit("ab", "ba"), r"pass \[text\] instead"),
        (lambda: new.fit(["ab"], None), "requires y to be passed"),
        (lambda: new.fit(["ab"], ["b", "a"]), "inconsistent numbers"),
        (lambda: new.fit([np.array([[np.nan, 1.0]])], ["b"]), r"X\[0\] has NaN"),
        (lambda: new.fit(["a"], ["b"], X_val=["a"]), "Got no y_val"),
        (lambda: texts.predict([[1.0]]), "X has no strings"),
        (lambda: texts.score_samples(["a"], [["b"]]), "y has sequences of tokens"),
        (lambda: texts.predict_n_best(["a"], 0), "n must be an int"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            call()
