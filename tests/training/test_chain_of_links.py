"""Whole fits by a chain of links and by autograd: the same loss curves and weights."""

import numpy as np
import pytest
from skorch.callbacks import Callback

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn._training import _net
from sklearn_rnn.nn._chain import Chain
from sklearn_rnn.preprocessing import SequenceTokenizer, WordAttributes

SETTINGS = {"hidden_size": 6, "max_epochs": 3, "batch_size": 8, "random_state": 0}


def make_sequences(n_features=3):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, n_features)) for n in rng.integers(2, 12, 30)]


def label_steps(X):
    return [(x[:, 0] > x[0, 0]).astype(int) for x in X]


NUMBERS = np.random.default_rng(1).normal(size=30)
CLASSES = np.arange(30) % 3
WORDS = [[f"word {k % 7}" for k in range(n % 9 + 1)] for n in range(30)]
CASES = {
    "defaults": (RNNClassifier(), CLASSES),
    "dropout": (RNNClassifier(dropout=0.3, num_layers=2, cell="lstm"), CLASSES),
    "attention": (RNNRegressor(pooling="attention", loss="huber"), NUMBERS),
    "tokens": (RNNClassifier(dropout=0.2, embedding_dim=5), CLASSES),
    "gaussian": (RNNRegressor(loss="gaussian", conv_channels=None), NUMBERS),
    "quantiles": (RNNRegressor(loss="quantile", quantile=(0.1, 0.6, 0.9)), NUMBERS),
    "tagger": (RNNTagger(dropout=0.2), None),
    "paths": (RNNTagger(crf=True, dropout=0.2), None),
    "ids in columns": (RNNClassifier(dropout=0.2), CLASSES),
    "characters": (RNNTagger(), None),
}
TOKENS = {
    "tokens": SequenceTokenizer(level=None),
    "ids in columns": WordAttributes(["lower", "shape"]),
    "characters": WordAttributes(["lower", "characters"]),
}


@pytest.mark.parametrize("case", CASES)
def test_loss_curves_are_those_of_autograd(case, monkeypatch):
    model, y = CASES[case]
    X = TOKENS[case].fit_transform(WORDS) if case in TOKENS else make_sequences()
    y = label_steps(X) if y is None else y
    weight = 1 + np.arange(30) % 4
    curves, weights, chains, suited = [], [], [], []
    make_chain, suits = _net.make_chain, Chain.suits
    monkeypatch.setattr(
        Chain, "suits", lambda *args: suited.append(suits(*args)) or suited[-1]
    )
    for make in (lambda *args: chains.append(make_chain(*args)) or chains[-1],
                 lambda *_: None):  # fmt: skip
        monkeypatch.setattr(_net, "make_chain", make)
        model.set_params(**SETTINGS).fit(X, y, sample_weight=weight)
        curves.append(model.loss_curve_)
        weights.append([p.detach().numpy() for p in model.module_.parameters()])
    assert len(chains) == 1
    assert None not in chains
    assert suited
    assert all(suited)
    np.testing.assert_allclose(*curves, rtol=2e-5)
    for own, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(own, expected, atol=2e-3)


def test_a_network_that_callbacks_see_is_looked_at_in_each_epoch(monkeypatch):
    chains, make_chain = [], _net.make_chain
    monkeypatch.setattr(_net, "make_chain", lambda *a: chains.append(make_chain(*a)))
    model = RNNClassifier(**SETTINGS, callbacks=[Callback()])
    model.fit(make_sequences(), CLASSES)
    assert len(chains) == SETTINGS["max_epochs"]


def test_no_chain_is_left_after_a_fit():
    model = RNNClassifier(**SETTINGS).fit(make_sequences(), CLASSES)
    assert model.net_._chain is None
    assert "_chain" not in model.net_.__getstate__()
