"""`ngrams`: a logistic regression whose output joins that of the network."""

import itertools

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from training_tools import make_classifier

import sklearn_rnn
from sklearn_rnn import RNNClassifier, RNNRegressor, SequenceSource
from sklearn_rnn._defaults import suggest_ngrams
from sklearn_rnn._ngrams import _fit_logits
from sklearn_rnn.nn import find_packed_network
from sklearn_rnn.preprocessing import SequenceTokenizer, WordAttributes

SMALL = {"embedding_dim": 3, "ngrams": 2, "max_epochs": 2}
N_TOKENS = 12


def make_ids(n=90, seed=0):
    """Sequences of ids; the class is that of the last pair of tokens."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, N_TOKENS, length) for length in rng.integers(2, 9, n)]
    return X, np.array([x[-1] % 3 for x in X])


@pytest.fixture(scope="module")
def ids():
    return make_ids()


@pytest.fixture(scope="module")
def fitted(ids):
    return make_classifier(**SMALL).fit(*ids)


def make_pairs(X):
    """Two ids a step."""
    words = [[f"w{v}" for v in x] for x in X]
    return WordAttributes(("lower", "shape")).fit_transform(words)


def outputs_of_branch(classifier, X):
    """Return the logits of the regression."""
    rows = classifier._validate_for_predict(X)
    with torch.no_grad():
        return np.concatenate(
            [classifier.module_.ngram_branch(torch.tensor(x)[None]) for x in rows]
        )


def outputs_of_network(classifier, X):
    head = classifier.module_.head
    return classifier.encode(X) @ head.weight.detach().numpy().T + head.bias.numpy(
        force=True
    )


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n", [1, 90])  # one sequence, and many
def test_predictions_are_the_mean_of_both(n, fitted, ids):
    X = ids[0][:n]
    mean = (outputs_of_network(fitted, X) + outputs_of_branch(fitted, X)) / 2
    np.testing.assert_allclose(fitted.predict_proba(X), softmax(mean), rtol=1e-4)
    assert fitted.network_share_ == 0.5


def test_the_regression_is_that_of_scikit_learn():
    # no n-gram comes twice in a sequence, and no sequence twice
    rng = np.random.default_rng(0)
    X, y = [rng.permutation(N_TOKENS)[:6] for _ in range(90)], np.arange(90) % 3
    rnn = make_classifier(**SMALL).fit(X, y)
    tfidf = TfidfVectorizer(analyzer=list_ngrams, min_df=2)
    regression = LogisticRegression(C=10, tol=1e-3, max_iter=200)
    expected = make_pipeline(tfidf, regression).fit(X, y).predict_proba(X)
    found = softmax(outputs_of_branch(rnn, X))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def list_ngrams(x):
    """Return all tokens and pairs of them, with a marker on either side."""
    pairs = itertools.pairwise(["begin", *x, "end"])
    return [*map(str, x), *map(str, pairs)]


def test_the_network_is_trained_as_without_ngrams(ids, fitted):
    alone = make_classifier(**{**SMALL, "ngrams": None}).fit(*ids)
    for name, weight in alone.module_.state_dict().items():
        assert torch.equal(weight, fitted.module_.state_dict()[name]), name
    assert alone.loss_curve_ == fitted.loss_curve_
    assert alone.network_share_ == 1


def test_a_network_that_learns_nothing_predicts_as_the_regression_does():
    (X, y), (X_test, y_test) = make_ids(900), make_ids(200, seed=1)
    lazy = make_classifier(**SMALL, learning_rate=1e-12).fit(X, y)
    with torch.no_grad():
        lazy.module_.head.weight.zero_()
        lazy.module_.head.bias.zero_()
    assert lazy.score(X_test, y_test) == 1  # the last token, and the marker after it


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_predictions_are_batch_and_padding_invariant(ids, cell, bidirectional):
    X, y = ids
    options = {**SMALL, "cell": cell, "bidirectional": bidirectional}
    rnn = make_classifier(**options).fit(X, y)
    together = rnn.predict_proba(X)
    np.testing.assert_array_equal(
        together, np.concatenate([rnn.predict_proba([x]) for x in X])
    )
    np.testing.assert_array_equal(together[::-1], rnn.predict_proba(X[::-1]))


def test_changed_weights_of_ngrams_count_at_once(ids):
    rnn = make_classifier(**SMALL).fit(*ids)
    rnn.predict(ids[0])  # packs the network
    rnn.module_.ngram_branch.table[:, 1:] = 0
    rnn.module_.ngram_branch.bias[:] = torch.tensor([0.0, 99.0, 0.0])
    assert (rnn.predict(ids[0]) == 1).all()


@pytest.mark.numba
def test_loaded_classifiers_are_packed_and_predict_the_same(fitted, ids, tmp_path):
    path = tmp_path / "model.safetensors"
    sklearn_rnn.save(fitted, path)
    loaded = sklearn_rnn.load(path)
    assert find_packed_network(loaded.module_) is not None
    np.testing.assert_array_equal(
        loaded.predict_proba(ids[0]), fitted.predict_proba(ids[0])
    )


def test_weight_2_equals_two_copies(ids):
    X, y = ids
    weight = np.where(np.arange(len(X)) < 15, 2.0, 1.0)
    weighted = make_classifier(**SMALL).fit(X, y, sample_weight=weight)
    copied = make_classifier(**SMALL).fit([*X, *X[:15]], [*y, *y[:15]])
    np.testing.assert_allclose(
        outputs_of_branch(weighted, X), outputs_of_branch(copied, X), atol=1e-5
    )


def test_class_weights_reach_the_regression(ids):
    options = {**SMALL, "class_weight": {0: 100, 1: 1, 2: 1}}
    weighted = make_classifier(**options).fit(*ids)
    plain = make_classifier(**SMALL).fit(*ids)
    shares = [softmax(outputs_of_branch(m, ids[0]))[:, 0] for m in (weighted, plain)]
    assert shares[0].mean() > shares[1].mean() + 0.1


def test_a_warm_start_keeps_the_regression(ids, fitted):
    again = make_classifier(**SMALL, warm_start=True).fit(*ids)
    again.fit(ids[0][:9], ids[1][:9])
    np.testing.assert_array_equal(
        outputs_of_branch(again, ids[0]), outputs_of_branch(fitted, ids[0])
    )


def test_several_labels_at_once_one_of_which_all_have(ids):
    X, y = ids
    labels = np.column_stack([y == 0, y != 0, np.ones_like(y)]).astype(int)
    rnn = make_classifier(**SMALL).fit(X, labels)
    outputs = outputs_of_branch(rnn, X)
    np.testing.assert_allclose(outputs[:, 0], -outputs[:, 1], atol=0.02)
    assert (outputs[:, 2] == 0).all()


def test_two_classes_have_opposite_logits(ids):
    X, y = ids
    two = make_classifier(**SMALL).fit(X, y > 0)
    outputs = outputs_of_branch(two, X)
    np.testing.assert_allclose(outputs[:, 0], -outputs[:, 1], atol=1e-6)
    assert ((outputs[:, 1] > 0) == (y > 0)).mean() > 0.9


def test_a_class_without_samples_is_as_unlikely_as_the_rarest():
    # before the end of a fit, a rare class may be among the samples held out
    features, targets = sparse.csr_matrix(np.eye(6)), np.array([0, 0, 2, 0, 3, 3])
    coef, bias = _fit_logits(features, targets, np.ones(6), n_outputs=4)
    assert (coef[:, 1] == 0).all()
    assert bias[1] == bias[2] == bias.min()


def test_samples_held_out_are_learned_at_the_end(ids):
    X, y = ids
    rnn = make_classifier(**SMALL, early_stopping=True).fit(X, y)
    whole = make_classifier(**SMALL).fit(X, y)
    assert rnn._vocabulary.known[0].tolist() == whole._vocabulary.known[0].tolist()
    np.testing.assert_allclose(
        outputs_of_branch(rnn, X), outputs_of_branch(whole, X), atol=0.05
    )
    given = make_classifier(**SMALL, early_stopping=True)
    given.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    part = make_classifier(**SMALL).fit(X[:60], y[:60])
    np.testing.assert_array_equal(
        outputs_of_branch(given, X), outputs_of_branch(part, X)
    )


def test_validation_scores_are_those_of_both(ids):
    X, y = ids
    rnn = make_classifier(**SMALL).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert rnn.validation_scores_[-1] == rnn.score(X[60:], y[60:])


def test_sequences_without_a_common_ngram():
    X = [[i] for i in range(20)]
    rnn = make_classifier(**{**SMALL, "ngrams": 1}).fit(X, np.arange(20) % 2)
    assert rnn.module_.ngram_branch.keys.tolist()[0] == 0
    assert rnn.predict_proba([[99]]).shape == (1, 2)


def test_auto_is_for_tokens_in_both_directions(ids):
    X, y = ids
    options = {**SMALL, "ngrams": "auto", "bidirectional": True}
    assert make_classifier(**options).fit(X, y).ngrams_ == 2  # 12 tokens, of 495
    assert make_classifier(**options).fit(X * 4, np.tile(y, 4)).ngrams_ == 2
    many = make_ids(600)
    assert make_classifier(**options).fit(*many).ngrams_ == 4
    one_way = make_classifier(**{**options, "bidirectional": False}).fit(X, y)
    assert one_way.ngrams_ is None
    assert one_way.module_.ngram_branch is None
    one_way.stream()
    numbers = make_classifier(**{**options, "embedding_dim": "auto"})
    assert numbers.fit([np.c_[x] * 1.0 for x in X], y).ngrams_ is None
    assert make_classifier(max_epochs=1).fit(make_pairs(X), y).ngrams_ is None


def test_large_data_have_no_ngrams():
    assert suggest_ngrams(has_rare_values=False, n_steps=10_000_000) == 4
    assert suggest_ngrams(has_rare_values=True, n_steps=10_000_001) is None


class Blocks(SequenceSource):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return 2

    def block(self, i):
        return self.X[i::2], self.y[i::2], None


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_source_has_the_ngrams_of_all_its_blocks(early_stopping, ids, monkeypatch):
    X, y = ids
    options = {**SMALL, "bidirectional": True, "early_stopping": early_stopping}
    options["ngrams"] = "auto"
    source = make_classifier(**options).fit(Blocks(X, y))
    whole = make_classifier(**options).fit([*X[::2], *X[1::2]], [*y[::2], *y[1::2]])
    assert source.ngrams_ == whole.ngrams_ == 2
    np.testing.assert_allclose(
        outputs_of_branch(source, X), outputs_of_branch(whole, X), atol=1e-4
    )
    n_steps = sum(map(len, X))
    monkeypatch.setattr("sklearn_rnn._defaults._MOST_TOKENS", n_steps - 1)
    assert make_classifier(**options).fit(Blocks(X, y)).ngrams_ is None


def test_errors_name_the_parameter(ids):
    X, y = ids
    match = "'ngrams' parameter of RNNClassifier"
    with pytest.raises(ValueError, match=match):
        make_classifier(ngrams=2).fit([np.c_[x] * 1.0 for x in X], y)
    with pytest.raises(ValueError, match=match):
        make_classifier(max_epochs=1, ngrams=2).fit(make_pairs(X), y)
    with pytest.raises(ValueError, match=f"{match} must be smaller with 12 different"):
        make_classifier(**{**SMALL, "ngrams": 40}).fit(X, y)


def test_partial_fit_goes_on_from_fit_but_starts_without(ids, fitted):
    X, y = ids
    stream = make_classifier(**{**SMALL, "ngrams": "auto", "bidirectional": True})
    stream.partial_fit(X, y, classes=[0, 1, 2])
    assert stream.ngrams_ is None
    with pytest.raises(ValueError, match="partial_fit does not support ngrams"):
        make_classifier(**SMALL).partial_fit(X, y, classes=[0, 1, 2])
    more = make_classifier(**SMALL).fit(X, y).partial_fit(X[:9], y[:9])
    assert more.ngrams_ == 2
    np.testing.assert_array_equal(
        outputs_of_branch(more, X), outputs_of_branch(fitted, X)
    )


def test_streams_name_the_parameter(fitted):
    with pytest.raises(ValueError, match="ngrams=None"):
        fitted.stream()


def test_regressors_have_no_ngrams(ids):
    X, y = ids
    regressor = RNNRegressor(embedding_dim=3, max_epochs=1).fit(X, y)
    assert regressor.module_.ngram_branch is None
    assert regressor.network_share_ == 1


def test_texts_that_differ_by_a_pair_of_words():
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(30)])
    texts, y = [], np.arange(400) % 2
    for label in y:
        text = rng.choice(words, 12).tolist()
        start = rng.integers(11)
        text[start : start + 2] = ["good", "not"] if label else ["not", "good"]
        texts.append(" ".join(text))
    model = make_pipeline(
        SequenceTokenizer(), RNNClassifier(max_epochs=1, random_state=0)
    )
    model.fit(texts[:300], y[:300])
    assert model[-1].ngrams_ == 4
    assert model.score(texts[300:], y[300:]) > 0.95
