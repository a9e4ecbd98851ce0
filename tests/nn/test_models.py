"""Pooling, stem, embedding, dropout and the whole model."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn import (
    GRU,
    ConvStem,
    Dropout,
    Encoder,
    Pooling,
    SequenceModel,
    Standardize,
    TokenEmbedding,
    initialize,
    set_dropout_generator,
)

LENGTHS = [6, 1, 4]
KINDS = ["last", "mean", "max", "meanmax", "attention"]


def make_model(kind="meanmax", *, bidirectional=True, stem=True, stride=2):
    stem = ConvStem(2, (4, 3), 3, stride) if stem else None
    size = 3 if stem else 2
    encoder = Encoder(size, (5, 4), GRU, bidirectional=bidirectional)
    pooling = Pooling(kind, encoder.output_size, bidirectional=bidirectional)
    inputs = Standardize(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5]))
    model = SequenceModel(inputs, stem, encoder, pooling, 3)
    return initialize(model, torch.Generator().manual_seed(0)).eval()


def make_batch(rng, n_padding=0):
    x = torch.from_numpy(rng.normal(size=(3, 6, 2)).astype("f4"))
    x = torch.cat([x, torch.zeros(3, n_padding, 2)], dim=1)
    for row, n in enumerate(LENGTHS):
        x[row, n:] = 1e3
    return x, torch.tensor(LENGTHS)


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_batch_mates_and_padding_change_nothing(rng, kind, bidirectional, stem):
    model = make_model(kind, bidirectional=bidirectional, stem=stem)
    x, lengths = make_batch(rng)
    together = model(x, lengths)
    alone = torch.cat([model(x[i : i + 1, :n]) for i, n in enumerate(LENGTHS)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    more = torch.cat([x, torch.full((3, 5, 2), -1e3)], dim=1)
    torch.testing.assert_close(model(more, lengths), alone, rtol=1e-5, atol=1e-6)


def test_pooling_agrees_with_a_loop(rng):
    outputs = torch.from_numpy(rng.normal(size=(3, 6, 4)).astype("f4"))
    for row, n in enumerate(LENGTHS):
        outputs[row, n:] = 0
    lengths = torch.tensor(LENGTHS)
    rows = [outputs[i, :n] for i, n in enumerate(LENGTHS)]
    expected = {
        "last": [r[-1] for r in rows],
        "mean": [r.mean(0) for r in rows],
        "max": [r.max(0).values for r in rows],
        "meanmax": [torch.cat([r.mean(0), r.max(0).values]) for r in rows],
    }
    for kind, values in expected.items():
        pooled = Pooling(kind, 4)(outputs, lengths)
        torch.testing.assert_close(pooled, torch.stack(values))


def test_last_of_the_backward_direction_is_at_the_first_step(rng):
    outputs = torch.from_numpy(rng.normal(size=(3, 6, 4)).astype("f4"))
    pooled = Pooling("last", 4, bidirectional=True)(outputs, torch.tensor(LENGTHS))
    for row, n in enumerate(LENGTHS):
        expected = torch.cat([outputs[row, n - 1, :2], outputs[row, 0, 2:]])
        assert torch.equal(pooled[row], expected)


def test_attention_weights_are_a_mean_over_valid_steps(rng):
    pooling = initialize(Pooling("attention", 4), torch.Generator().manual_seed(0))
    outputs = torch.from_numpy(rng.normal(size=(3, 6, 4)).astype("f4"))
    weights = pooling.attention_weights(outputs, torch.tensor(LENGTHS)).detach()
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    for row, n in enumerate(LENGTHS):
        assert (weights[row, n:] == 0).all()
        scores = torch.tanh(pooling.project(outputs[row, :n])) @ pooling.score.weight[0]
        torch.testing.assert_close(weights[row, :n], torch.softmax(scores, 0))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_stem_agrees_with_a_loop(rng, kernel_size, stride):
    stem = ConvStem(2, (3,), kernel_size, stride)
    initialize(stem, torch.Generator().manual_seed(0))
    x, lengths = make_batch(rng)
    outputs, new_lengths = stem(x, lengths)
    weight = stem.convolutions[0].weight.detach().numpy()  # (out, in, kernel)
    left = (kernel_size - 1) // 2
    for row, n in enumerate(LENGTHS):
        assert new_lengths[row] == int(np.ceil(n / stride))
        padded = np.zeros((n + 2 * kernel_size, 2))
        padded[left : left + n] = x[row, :n].numpy()
        for i in range(int(new_lengths[row])):
            window = padded[i * stride : i * stride + kernel_size]
            raw = np.einsum("oik,ki->o", weight, window)
            normal = (raw - raw.mean()) / np.sqrt(raw.var() + 1e-5)
            np.testing.assert_allclose(
                outputs[row, i].detach().numpy(),
                np.maximum(normal, 0),
                rtol=1e-4,
                atol=1e-5,
            )


def test_unknown_tokens_start_as_zero():
    table = initialize(TokenEmbedding(4, 3), torch.Generator().manual_seed(0))
    vectors = table(torch.tensor([[[0], [1]]])).detach()
    assert (vectors[0, 0] == 0).all()
    assert (vectors[0, 1] != 0).all()


def test_dropout_draws_from_its_own_generator_only():
    layer = Dropout(0.5)
    x = torch.ones(1000)
    set_dropout_generator(layer, torch.Generator().manual_seed(3))
    before = torch.get_rng_state()
    first = layer(x)
    assert torch.equal(before, torch.get_rng_state())
    set_dropout_generator(layer, torch.Generator().manual_seed(3))
    assert torch.equal(first, layer(x))
    assert set(first.tolist()) == {0.0, 2.0}
    assert abs(first.mean() - 1) < 0.15
    assert torch.equal(layer.eval()(x), x)


def test_dropout_acts_with_one_layer_too(rng):
    encoder = Encoder(2, (8,), GRU)
    pooling = Pooling("last", 8)
    inputs = Standardize(torch.zeros(2), torch.ones(2))
    model = SequenceModel(inputs, None, encoder, pooling, 3, dropout=0.5)
    initialize(model, torch.Generator().manual_seed(0)).train()
    x, lengths = make_batch(rng)
    assert not torch.equal(model(x, lengths), model(x, lengths))


@pytest.mark.parametrize("n_features", [1, 3, 40])
@pytest.mark.parametrize("batch", [1, 50])
def test_standardize_is_numpy_s_standardisation(rng, n_features, batch):
    x = rng.normal(size=(batch, 6, n_features)).astype(np.float32)
    mean, scale = rng.uniform(1, 2, size=(2, n_features)).astype(np.float32)
    inputs = Standardize(torch.from_numpy(mean), torch.from_numpy(scale))
    result = inputs(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(result, (x - mean) / scale)


def test_a_stem_of_one_channel_learns(rng):
    X = rng.normal(size=(80, 10, 1))
    y = (X[:, :, 0].mean(axis=1) > 0).astype(int)
    classifier = RNNClassifier(
        conv_channels=1, conv_stride=1, conv_kernel_size=1, random_state=0
    )
    assert classifier.fit(X, y).score(X, y) > 0.9
