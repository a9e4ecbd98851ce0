"""RNNGenerator: text, token ids and notes."""

import itertools
import pickle
from importlib.util import find_spec

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, learning_curve

from sklearn_rnn import RaggedArray, RNNGenerator
from sklearn_rnn._decoders import ModelDecoder

TEXTS = ["abba", "", "abab c", "b", "ab\n\0a", "cab", "abba", "a\N{GRINNING FACE}"]
SMALL = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "learning_rate": 0.02}
EXACT = 0 if find_spec("numba") else 1e-6  # without kernels: rounding to float32


def ids(n=20, seed=0):
    """Sequences of ids 5, 7 and 30."""
    rng = np.random.default_rng(seed)
    return [rng.choice([5, 7, 30], size=rng.integers(0, 9)) for _ in range(n)]


def notes(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.random((rng.integers(1, 9), 4)) < 0.4) * 1.0 for _ in range(n)]


KINDS = {"texts": TEXTS, "ids": ids(), "notes": notes()}


@pytest.fixture(scope="module")
def fitted():
    models = {kind: RNNGenerator(**SMALL).fit(X) for kind, X in KINDS.items()}
    models["classes"] = RNNGenerator(**SMALL).fit(TEXTS, ["x", "y"] * 4)
    models["no end"] = RNNGenerator(**SMALL, end_token=False).fit(TEXTS)
    return models


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_a_bar_shows_how_many_samples_are_drawn(fitted, kind, capfd):
    model = clone(fitted[kind]).set_params(verbose=1).fit(KINDS[kind])
    capfd.readouterr()
    shown = model.sample(3, max_length=4, random_state=0)
    bar = capfd.readouterr().err
    assert "3/3" in bar
    assert "tokens/s=" in bar
    silent = model.set_params(verbose=0).sample(3, max_length=4, random_state=0)
    assert capfd.readouterr() == ("", "")
    for drawn, expected in zip(shown, silent, strict=True):
        assert_array_equal(drawn, expected)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_bar_of_training_shows_perplexity_and_speed(early_stopping, capfd):
    model = RNNGenerator(**SMALL, verbose=1, early_stopping=early_stopping)
    model.fit(TEXTS * 3)
    bar = capfd.readouterr().err
    scores = model.validation_scores_ or [-loss for loss in model.loss_curve_]
    assert f"perplexity={np.exp(-scores[-1]):.2f}" in bar
    assert "tokens/s=" in bar


# Likelihood -------------------------------------------------------------------------


def by_torch(generator, text):
    """Log-likelihood of a text, step by step, by torch's GRU cell."""
    model = generator.module_
    gru = model.encoder.forward_layers[0].rnn
    weights = [w.double() for w in gru.all_weights[0]]
    table, bias = model.head.weight.double(), model.head.bias.double()
    tokens = list(generator.tokens_)
    h, total, last = torch.zeros(1, gru.hidden_size).double(), 0.0, 0
    for character in [*text, None]:
        h = torch.gru_cell(table[[last]], h, *weights)
        last = tokens.index(character) if character in tokens else 1
        total += torch.log_softmax(h @ table.T + bias, dim=1)[0, last].item()
    return total


def test_scores_are_those_of_a_plain_loop(fitted):
    texts = [*TEXTS, "ab?", "\N{SNOWMAN}"]
    expected = [by_torch(fitted["texts"], text) for text in texts]
    assert_allclose(fitted["texts"].score_samples(texts), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["texts", "ids", "notes", "classes", "no end"])
def test_score_of_samples_is_what_was_drawn(fitted, name):
    generator, y = fitted[name], None
    if name == "classes":
        y = np.array(["x", "y"] * 20)
    options = {
        "max_length": 60, "temperature": 1.0, "top_k": None, "top_p": None, "stop": None
    }  # fmt: skip
    X, drawn = generator._sample(40, y, None, options, 0)
    lengths = np.array([len(x) for x in X])
    complete = (lengths < 60) | (name in ("no end", "notes"))
    assert complete.sum() > 20
    scores = generator.score_samples(X, y)
    assert_allclose(scores[complete], drawn[complete], rtol=EXACT)


def test_probabilities_of_all_texts_add_up_to_one():
    generator = RNNGenerator(**SMALL).fit(["ab", "ba", "b", ""])
    alphabet = ["a", "b", "\N{REPLACEMENT CHARACTER}"]
    texts = [
        "".join(letters)
        for n in range(5)
        for letters in itertools.product(alphabet, repeat=n)
    ]
    short = [text for text in texts if len(text) < 4]
    long = [text for text in texts if len(text) == 4]
    p_end = generator.predict_proba(long)[:, 0]
    longer = np.exp(generator.score_samples(long)) / p_end
    total = np.exp(generator.score_samples(short)).sum() + longer.sum()
    assert_allclose(total, 1, rtol=1e-6)


def test_frequencies_of_samples_are_their_probabilities(fitted):
    counts = pd.Series(fitted["texts"].sample(3000, random_state=0)).value_counts()
    frequent = counts.index[:8].tolist()
    expected = 3000 * np.exp(fitted["texts"].score_samples(frequent))
    assert_allclose(counts[frequent], expected, atol=4 * np.sqrt(expected.max()))


def test_next_token_is_predicted_from_all_before(fitted):
    generator = fitted["texts"]
    p = generator.predict_proba(TEXTS)
    assert_allclose(p.sum(axis=1), 1)
    tokens = list(generator.tokens_)
    for i, text in enumerate(TEXTS):
        longer = generator.score_samples([text + "a"])
        p_end = generator.predict_proba([text + "a"])[0, 0]
        ratio = np.exp(longer - generator.score_samples([text])) / p_end * p[i, 0]
        assert_allclose(p[i, tokens.index("a")], ratio[0], rtol=1e-4)


def test_notes_are_independent_given_the_past(fitted):
    generator, X = fitted["notes"], KINDS["notes"]
    expected = np.zeros(len(X))
    for i, x in enumerate(X):
        for t, step in enumerate(x):
            past = RaggedArray.from_sequences([x[:t]])
            p = generator.predict_proba(past)[0]
            expected[i] += np.log(np.where(step, p, 1 - p)).sum()
    assert_allclose(generator.score_samples(X), expected, rtol=1e-5)
    mean = expected.sum() / sum(map(len, X))
    assert_allclose(generator.score(X), mean, rtol=1e-6)
    assert_allclose(generator.perplexity(X), np.exp(-mean), rtol=1e-5)


def test_score_counts_each_token_once(fitted):
    generator, weight = fitted["texts"], np.arange(8.0)
    scores, n = generator.score_samples(TEXTS), np.array([len(t) + 1 for t in TEXTS])
    expected = (weight * scores).sum() / (weight * n).sum()
    assert_allclose(generator.score(TEXTS, sample_weight=weight), expected)


# Invariance --------------------------------------------------------------------------


def test_a_score_depends_on_its_own_sequence_alone(fitted, kind):
    generator, X = fitted[kind], KINDS[kind]
    together = generator.score_samples(X)
    alone = np.concatenate([generator.score_samples([x]) for x in X])
    assert_array_equal(alone, together)
    assert_array_equal(generator.score_samples(X[::-1]), together[::-1])
    beside_long = [*X, np.concatenate(X * 20) if kind != "texts" else "ab" * 300]
    assert_array_equal(generator.score_samples(beside_long)[:-1], together)
    p = generator.predict_proba(X)
    assert_array_equal(generator.predict_proba(X[2:3]), p[2:3])


def as_lists(samples):
    return [x if isinstance(x, str) else x.tolist() for x in samples]


def test_a_sample_does_not_depend_on_the_others(fitted, kind):
    def draw(n):
        return as_lists(fitted[kind].sample(n, max_length=20, random_state=3))

    many = draw(30)
    assert draw(4) == many[:4]
    assert len(set(map(str, many))) > 5
    assert as_lists(fitted[kind].sample(30, max_length=20, random_state=4)) != many


def rows_of_steps(model, n_samples, monkeypatch):
    """Samples, and how many rows the network has read at each step."""
    counts = []
    step = type(model.module_).step

    def count(module, x, state):
        counts.append(len(x))
        return step(module, x, state)

    options = {"random_state": 0, "max_length": 9}
    if model.classes_ is not None:
        options["y"] = np.resize(model.classes_, n_samples)
    with monkeypatch.context() as patch:
        patch.setattr(type(model.module_), "step", count)
        return model.sample(n_samples, **options), counts


@pytest.mark.parametrize("name", ["texts", "ids", "classes", "no end"])
def test_samples_that_begin_alike_are_computed_once(fitted, name, monkeypatch):
    samples, counts = rows_of_steps(fitted[name], 200, monkeypatch)
    n_classes = 2 if name == "classes" else 1
    n_tokens = 2 + len(set("".join(TEXTS)))
    for t, count in enumerate(counts, start=1):
        assert count <= n_classes * n_tokens**t
    monkeypatch.setattr(
        ModelDecoder,
        "_find_different",
        lambda self, rows, tokens: (np.arange(len(rows)), np.arange(len(rows))),
    )
    others, all_counts = rows_of_steps(fitted[name], 200, monkeypatch)
    assert as_lists(samples) == as_lists(others)
    assert sum(counts) < sum(all_counts)


def test_greedy_draws_are_alike(fitted):
    def draw(**options):
        return fitted["texts"].sample(3, max_length=15, random_state=0, **options)

    greedy = draw(temperature=0)
    assert len(set(greedy)) == 1
    assert_array_equal(draw(top_k=1), greedy)
    assert_array_equal(draw(top_p=1e-9), greedy)


def test_the_global_generators_are_left_alone(fitted):
    state = np.random.get_state
    before, torch_before = state()[1].copy(), torch.get_rng_state()
    fitted["texts"].sample(3)
    assert_array_equal(state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)


@pytest.mark.parametrize(
    "make",
    [
        tuple, np.array, pd.Series, pl.Series, pa.array,
        lambda X: np.array(X, object), lambda X: pd.Series(X, index=range(8, 0, -1)),
    ],
    ids=["tuple", "str", "pandas", "polars", "pyarrow", "object", "index"],
)  # fmt: skip
def test_containers_of_texts_are_alike(make, fitted):
    X = make([text.replace("\0", "") for text in TEXTS])  # NumPy's str drops NUL
    plain = [text.replace("\0", "") for text in TEXTS]
    generator = RNNGenerator(**SMALL).fit(X)
    assert generator.loss_curve_ == RNNGenerator(**SMALL).fit(plain).loss_curve_
    scores = fitted["texts"].score_samples(X)
    assert_array_equal(scores, fitted["texts"].score_samples(plain))


def test_containers_of_ids_and_notes_are_alike():
    for X in (ids(), notes()):
        expected = RNNGenerator(**SMALL).fit(X).loss_curve_
        objects = np.empty(len(X), object)
        objects[:] = X
        for other in (objects, RaggedArray.from_sequences(X), [x.tolist() for x in X]):
            assert RNNGenerator(**SMALL).fit(other).loss_curve_ == expected


# Training ----------------------------------------------------------------------------


def test_a_window_as_long_as_the_sequences_changes_nothing():
    X = ["abcab" * 4, "ab" * 9, "c" * 20] * 3
    options = {**SMALL, "batch_size": 4}
    whole = RNNGenerator(**options, truncate=10**6).fit(X)
    window = RNNGenerator(**options, truncate=21).fit(X)
    assert window.loss_curve_ == whole.loss_curve_
    assert_array_equal(window.score_samples(X), whole.score_samples(X))
    short = RNNGenerator(**options, truncate=20).fit(X)
    assert short.loss_curve_ != whole.loss_curve_


def test_one_long_text_is_learned_in_windows():
    text = "abcd" * 300
    options = {**SMALL, "end_token": False, "truncate": 20, "max_epochs": 15}
    generator = RNNGenerator(**options, batch_size=4).fit([text])
    assert generator.score([text]) > -0.3
    assert generator.sample(prompt="ab", max_length=8, temperature=0)[0] == "abcdabcdab"


def test_entropy_of_a_markov_chain_is_reached():
    rng = np.random.default_rng(0)
    transitions = np.array([[0.9, 0.1, 0.0], [0.0, 0.5, 0.5], [0.3, 0.0, 0.7]])
    limits = transitions.cumsum(axis=1)

    def walk(n):
        state, states = 0, []
        for u in rng.random(n):
            state = int((limits[state] <= u).sum())
            states.append(state)
        return np.array(states)

    generator = RNNGenerator(
        hidden_size=8, end_token=False, max_epochs=6, truncate=50, random_state=0,
        learning_rate=0.02, batch_size=4,
    )  # fmt: skip
    test = walk(10_000)
    generator.fit([walk(10_000)])
    steps = zip([0, *test[:-1]], test, strict=True)
    entropy = -np.mean([np.log(transitions[a, b]) for a, b in steps])
    assert entropy - 0.001 < -generator.score([test]) < entropy + 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_counts_as_copies(kind):
    X = KINDS[kind][:8]
    weight = np.array([2, 1, 0, 3, 1, 1, 2, 1])
    rows = np.repeat(np.arange(8), weight)
    options = {**SMALL, "batch_size": 32}
    weighted = RNNGenerator(**options).fit(X, sample_weight=weight)
    repeated = RNNGenerator(**options).fit([X[i] for i in rows])
    plain = RNNGenerator(**options).fit(X)
    scores = weighted.score_samples(X)
    assert_allclose(scores, repeated.score_samples(X), rtol=1e-6)
    assert not np.allclose(scores, plain.score_samples(X), rtol=1e-4)


def test_fit_is_deterministic_and_can_go_on(kind):
    X = KINDS[kind]
    first, second = (RNNGenerator(**SMALL).fit(X) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    other = clone(first).set_params(random_state=1).fit(X)
    assert other.loss_curve_ != first.loss_curve_
    first.set_params(warm_start=True).fit(X)
    assert len(first.loss_curve_) == 6
    assert first.loss_curve_[-1] < second.loss_curve_[-1]


def test_pickled_it_is_the_same(fitted, kind):
    loaded = pickle.loads(pickle.dumps(fitted[kind]))
    X = KINDS[kind]
    assert_array_equal(loaded.score_samples(X), fitted[kind].score_samples(X))
    samples = (
        g.sample(5, max_length=9, random_state=0) for g in (loaded, fitted[kind])
    )
    assert as_lists(next(samples)) == as_lists(next(samples))


@pytest.mark.parametrize("make", [list, pd.Series, lambda X: np.array(X, object)])
def test_tools_of_scikit_learn_take_texts(make):
    X = make(["abab", "abc", "cba", "bb", "a", "abcabc", "ab", "ba"] * 3)
    search = GridSearchCV(RNNGenerator(**SMALL), {"hidden_size": [4, 8]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    token = cross_val_predict(RNNGenerator(**SMALL), X, cv=2)
    assert set(token) <= {None, "a", "b", "c"}
    p = cross_val_predict(RNNGenerator(**SMALL), X, method="predict_proba", cv=2)
    assert p.shape == (24, 5)
    scores = learning_curve(
        RNNGenerator(**SMALL), X, None, cv=2, train_sizes=[0.5, 1.0]
    )
    assert np.isfinite(scores[2]).all()


def test_tools_of_scikit_learn_take_ragged_arrays():
    for X in (ids(), notes()):
        X = RaggedArray.from_sequences(X)
        search = GridSearchCV(RNNGenerator(**SMALL), {"num_layers": [1, 2]}, cv=2)
        assert np.isfinite(search.fit(X).cv_results_["mean_test_score"]).all()


def test_early_stopping_restores_the_best_epoch():
    X = ["abab", "abc", "cba", "bb", "a", "abcabc"] * 5
    options = {**SMALL, "max_epochs": 8, "learning_rate": 0.3, "early_stopping": True}
    generator = RNNGenerator(**options).fit(X, X_val=["ab", "cc"])
    best = max(generator.validation_scores_)
    assert generator.best_validation_score_ == best
    assert_allclose(generator.score(["ab", "cc"]), best, rtol=1e-6)
    held_out = RNNGenerator(**options).fit(X)
    assert len(held_out.validation_scores_) <= 8


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "num_layers": 2, "dropout": 0.2},
        {"cell": "rnn", "hidden_size": (6, 4), "embedding_dim": 5},
        {"tie_weights": False, "optimizer": "adamw", "weight_decay": 0.01},
        {"level": "word", "learning_rate_schedule": None},
    ],
    ids=str,
)
def test_options_train_a_network_of_finite_scores(options):
    generator = RNNGenerator(**{**SMALL, **options}).fit(TEXTS)
    assert np.isfinite(generator.score_samples(TEXTS)).all()
    assert generator.loss_curve_[-1] < generator.loss_curve_[0]
    table = generator.module_.inputs.table.weight
    assert (generator.module_.head.weight is table) == generator.tie_weights


# Classes, prompts, ends ---------------------------------------------------------------


def test_samples_are_of_the_class():
    X, y = ["aa", "bb"] * 10, ["A", "B"] * 10
    options = {**SMALL, "batch_size": 4, "max_epochs": 20}
    generator = RNNGenerator(**options).fit(X, y)
    assert generator.sample(2, y=["B", "A"], temperature=0).tolist() == ["bb", "aa"]
    assert set(generator.sample(3, y="A", temperature=0)) == {"aa"}
    likely, unlikely = (generator.score_samples(["aa"], [c]) for c in "AB")
    assert likely > unlikely + 1
    assert generator.predict_proba(["a"], ["A"]).shape == (1, 4)
    assert len(generator.hidden_states(["a"], ["A"])[0]) == 2


@pytest.mark.filterwarnings("ignore:.*tokens of the prompt are unknown:UserWarning")
@pytest.mark.parametrize("prompt", ["", "a", "zz\N{SNOWMAN}", "\0\n"])
def test_a_prompt_is_kept_whole(fitted, prompt):
    samples = fitted["texts"].sample(5, prompt=prompt, max_length=4, random_state=0)
    assert all(text.startswith(prompt) for text in samples)
    assert max(map(len, samples)) <= len(prompt) + 4
    assert max(map(len, samples)) > len(prompt)


def test_prompts_of_ids_and_notes_are_kept_whole(fitted):
    with pytest.warns(UserWarning, match="1 of 2 tokens of the prompt are unknown"):
        samples = fitted["ids"].sample(4, prompt=[30, 99], max_length=5, random_state=0)
    assert all(x[:2].ravel().tolist() == [30, 99] for x in samples)
    assert set(samples.values.ravel().tolist()) <= {5, 7, 30, 99}
    prompt = np.eye(4)[:3]
    samples = fitted["notes"].sample(4, prompt=prompt, max_length=5, random_state=0)
    assert samples.lengths.tolist() == [8] * 4
    assert all((x[:3] == prompt).all() for x in samples)
    assert set(samples.values.ravel().tolist()) == {0, 1}


def test_a_prompt_conditions_the_rest(fitted):
    """The sample after a prompt is that of a walk through predict_proba."""
    generator, text = fitted["texts"], "ab"
    for _ in range(5):
        p = generator.predict_proba([text])[0]
        p[1] = 0  # unknown tokens are never drawn
        token = generator.tokens_[p.argmax()]
        if token is None:
            break
        text += token
    assert generator.sample(prompt="ab", temperature=0, max_length=5)[0] == text


def test_without_an_end_samples_have_the_maximum_length(fitted):
    samples = fitted["no end"].sample(5, max_length=30, random_state=0)
    assert {len(text) for text in samples} == {30}
    assert_array_equal(fitted["no end"].predict_proba(TEXTS)[:, 0], 0)
    with pytest.raises(ValueError, match="X has no step"):
        RNNGenerator(end_token=False, warm_start=True, **SMALL).fit(["ab"]).fit([""])


def test_a_stop_string_stops(fitted):
    samples = fitted["no end"].sample(
        20, max_length=40, stop=["ba", "b "], random_state=0
    )
    free = fitted["no end"].sample(20, max_length=40, random_state=0)
    for text, whole in zip(samples, free, strict=True):
        ends = [whole.find(stop) + 2 for stop in ("ba", "b ") if stop in whole]
        assert text == whole[: min(ends, default=40)]


@pytest.mark.parametrize("level", ["char", "word", "subword"])
def test_levels_round_trip(level):
    if level == "subword":
        pytest.importorskip("tokenizers")
    X = ["one two, three", "it's (two) one-two!", "three.", "don't"]
    generator = RNNGenerator(**SMALL, level=level).fit(X)
    codec = generator._codec
    tokens = [t.ravel().tolist() for t in codec.encode(X)]
    assert codec.decode(tokens).tolist() == X
    sample = generator.sample(3, prompt="it's", max_length=5, random_state=0)
    assert all(text.startswith("it's") for text in sample)
    assert np.isfinite(generator.score(["unseen \N{SNOWMAN}"]))


# Errors -------------------------------------------------------------------------------


def test_one_string_is_refused_with_advice():
    with pytest.raises(TypeError, match=r"pass \[text\] instead, or split a long text"):
        RNNGenerator().fit("one long text")
    search = GridSearchCV(RNNGenerator(), {"num_layers": [1]}, error_score="raise")
    with pytest.raises(TypeError, match="as if one long text had been passed"):
        search.fit("one long text")


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a", None], None, r"X\[1\] is missing"),
        ([[0.5], [1.0]], None, "numbers with fractions"),
        ([np.full((2, 3), 2)], None, "which must be 0 or 1"),
        ([np.full((2, 3), np.nan)], None, r"X\[0\] has NaN"),
        (["a", "bc"], ["x"], "inconsistent numbers"),
        (["", ""], None, "vocabulary is empty"),
        ([], None, r"0 sample"),
    ],
)
def test_bad_data_is_named(X, y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        RNNGenerator(max_epochs=1).fit(X, y)


def test_bad_arguments_of_a_fitted_generator(fitted):
    texts, classes = fitted["texts"], fitted["classes"]
    for call, message in [
        (lambda: texts.score([[1, 2]]), "X has no strings, but RNNGenerator was"),
        (lambda: fitted["ids"].score(["a"]), "X has strings, but RNNGenerator was"),
        (lambda: texts.score(["a"], [1]), "fitted without y"),
        (lambda: classes.score(["a"]), "fitted with y"),
        (lambda: classes.score(["a"], ["?"]), r"y has '\?', which is not among .* \['"),
        (lambda: texts.sample(prompt=3), "prompt must be like"),
        (lambda: texts.sample(0), "n_samples"),
        (lambda: texts.sample(temperature=-1), "temperature"),
        (lambda: texts.sample(top_p=1.5), "top_p"),
        (lambda: texts.sample(stop=[""]), "stop must be"),
        (lambda: fitted["ids"].sample(stop="a"), "stop must be"),
        (lambda: fitted["notes"].sample(top_k=3), "not for notes"),
        (lambda: clone(texts).fit(["a"], y_val=[1]), "y_val requires X_val"),
        (lambda: clone(texts).set_params(level="word").sample(), "not fitted"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            call()
    changed = pickle.loads(pickle.dumps(texts)).set_params(level="word")
    with pytest.raises(ValueError, match="'level' of this RNNGenerator changed"):
        changed.score(["a"])
    with pytest.raises(NotFittedError):
        RNNGenerator().sample()


def test_subwords_need_their_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ImportError, match="needs the package tokenizers"):
        RNNGenerator(level="subword").fit(["a"])
