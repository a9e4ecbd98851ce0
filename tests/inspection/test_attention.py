"""Attention weights: the formula, from the states."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.inspection import attention_weights
from sklearn_rnn.preprocessing import Stepwise

ATTENTION = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
ATTENTION |= {"pooling": "attention"}


@pytest.mark.parametrize("conv_channels", [None, (3, 3)])
def test_weights_are_those_of_the_formula(ragged, conv_channels):
    X, y = ragged
    classifier = RNNClassifier(**ATTENTION, conv_channels=conv_channels).fit(X, y)
    weights = attention_weights(classifier, X)
    assert isinstance(weights, RaggedArray)
    pooling = classifier.module_.pooling
    W, b, v = (p.detach().numpy() for p in pooling.parameters())
    states, vectors = classifier.hidden_states(X), classifier.encode(X)
    for a, h, vector in zip(weights, states, vectors, strict=True):
        score = np.exp(np.tanh(h @ W.T + b) @ v[0])
        np.testing.assert_allclose(a[:, 0], score / score.sum(), rtol=1e-4)
        np.testing.assert_allclose(a[:, 0] @ h, vector, rtol=1e-4, atol=1e-6)


def test_equally_long_sequences_make_an_array_of_a_row_each(ragged):
    X, y = ragged
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNClassifier(**ATTENTION))
    pipeline.fit(X, y)
    cube = np.stack([x[:3] for x in X])
    weights = attention_weights(pipeline, cube)
    assert weights.shape == (40, 1)  # 3 steps, halved by two convolutions: one state
    np.testing.assert_array_equal(weights, 1)


def test_other_poolings_have_no_weights(ragged):
    X, y = ragged
    classifier = RNNClassifier(max_epochs=1, hidden_size=2).fit(X, y)
    classifier.pooling = "attention"  # after the fit: the network has another
    with pytest.raises(ValueError, match="Got pooling='meanmax' instead"):
        attention_weights(classifier, X)
