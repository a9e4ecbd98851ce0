"""From parameters to a network: cells, layer sizes, embeddings, pooling, strides."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from training_tools import make_classifier

from sklearn_rnn.nn import GRU, LSTM


class MeanCell(torch.nn.Module):
    """A user's layer: the running mean of a linear map. Draws from torch's global."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.map = torch.nn.Linear(input_size, hidden_size)

    def forward(self, x, lengths=None, state=None):
        outputs = self.map(x).cumsum(1)
        outputs = outputs / torch.arange(1, x.shape[1] + 1).unsqueeze(-1)
        if lengths is not None:
            mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
            outputs = outputs * mask.unsqueeze(-1)
        return outputs, None


def test_cell_accepts_a_layer_class(ragged):
    X, y = ragged
    before = torch.get_rng_state()
    classifier = make_classifier(cell=MeanCell, bidirectional=True, max_epochs=40)
    assert classifier.fit(X, y).score(X, y) > 0.9
    assert torch.equal(before, torch.get_rng_state())
    assert classifier.loss_curve_ == clone(classifier).fit(X, y).loss_curve_
    alone = np.concatenate([classifier.predict_proba([x]) for x in X])
    np.testing.assert_array_equal(alone, classifier.predict_proba(X))


def test_hidden_size_sets_the_size_of_each_layer(ragged):
    stacked = make_classifier(hidden_size=(6, 3), cell="lstm", bidirectional=True)
    encoder = stacked.fit(*ragged).module_.encoder
    sizes = [(layer.input_size, layer.hidden_size) for layer in encoder.forward_layers]
    assert sizes == [(2, 6), (12, 3)]
    assert all(isinstance(layer, LSTM) for layer in encoder.backward_layers)
    equal = make_classifier(hidden_size=4, num_layers=3, cell="gru").fit(*ragged)
    assert [c.hidden_size for c in equal.module_.encoder.forward_layers] == [4, 4, 4]
    assert isinstance(equal.module_.encoder.forward_layers[0], GRU)


def test_unseen_tokens_share_one_vector(rng):
    X = [rng.integers(0, 5, n) * 10**9 for n in rng.integers(2, 8, 40)]
    y = np.array([int((x == 10**9).any()) for x in X])
    options = {"embedding_dim": 4, "max_epochs": 80, "dropout": 0.0}
    classifier = make_classifier(**options).fit(X, y)
    assert classifier.score(X, y) > 0.9
    one, other = ([[0, unseen, 0]] for unseen in (3, 77 * 10**10))
    np.testing.assert_array_equal(
        classifier.predict_proba(one), classifier.predict_proba(other)
    )


def test_last_pooling_returns_the_state_at_each_last_step(ragged):
    X, y = ragged
    classifier = make_classifier(pooling="last").fit(X, y)
    states = classifier.hidden_states(X)
    expected = np.array([state[-1] for state in states])
    np.testing.assert_array_equal(classifier.encode(X), expected)


def test_stride_shortens_hidden_states(ragged):
    X, y = ragged
    classifier = make_classifier(conv_channels=4, conv_stride=2).fit(X, y)
    expected = [-(-len(x) // 2) for x in X]
    assert classifier.hidden_states(X).lengths.tolist() == expected
    same = classifier.hidden_states(np.zeros((3, 7, 2)))
    assert same.shape == (3, 4, 8)


def test_each_layer_has_its_own_stride_and_kernel_sizes(ragged):
    X, y = ragged
    options = {"conv_channels": (7, 4), "conv_kernel_size": ((3, 5), 2)}
    classifier = make_classifier(**options, conv_stride=(1, 3)).fit(X, y)
    assert classifier.hidden_states(X).lengths.tolist() == [-(-len(x) // 3) for x in X]
    shapes = [tuple(c.weight.shape) for c in classifier.module_.stem.convolutions]
    assert shapes == [(4, 2, 3), (3, 2, 5), (4, 7, 2)]


def test_conv_pooling_appends_the_pooled_convolutions(ragged):
    X, y = ragged
    options = {"conv_channels": 4, "conv_stride": 2, "conv_kernel_size": 3}
    classifier = make_classifier(**options, conv_pooling=True).fit(X, y)
    vectors = classifier.encode(X)
    stem, inputs = classifier.module_.stem, classifier.module_.inputs
    for x, vector in zip(X, vectors, strict=True):
        with torch.no_grad():
            outputs = stem(inputs(torch.as_tensor(x, dtype=torch.float32)[None]))[0][0]
        pooled = torch.cat([outputs.mean(0), outputs.amax(0)]).numpy()
        np.testing.assert_allclose(vector[-8:], pooled, rtol=1e-5, atol=1e-6)
    classifier.set_params(conv_pooling=False).fit(X, y)
    assert classifier.encode(X).shape[1] == vectors.shape[1] - 8


@pytest.mark.parametrize("conv_pooling", [False, True])
def test_predictions_behind_several_kernel_sizes_are_batch_invariant(
    ragged, conv_pooling
):
    X, y = ragged
    sizes = {"conv_channels": (7, 4), "conv_kernel_size": ((3, 5), (2, 9))}
    classifier = make_classifier(
        **sizes,
        conv_stride=(2, 1),
        conv_pooling=conv_pooling,
        bidirectional=True,
        random_kernels=None,
        max_epochs=2,
    ).fit(X, y)
    together = classifier.predict_proba(X)
    alone = np.concatenate([classifier.predict_proba([x]) for x in X])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(classifier.predict_proba(X[::-1]), together[::-1])
