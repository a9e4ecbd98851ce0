"""A CRF and CTC behind the call of a network: the bits of the modules."""

import numpy as np
import pytest
import torch
from test_packed_networks import draw_sequences, randomize

from sklearn_rnn._inference import apply_to_frames, apply_to_steps
from sklearn_rnn.nn import (
    CRF,
    GRU,
    LSTM,
    ConvStem,
    CTCModel,
    Encoder,
    Standardize,
    StepModel,
    TokenEmbedding,
    find_packed_network,
    flatten_steps,
)

pytestmark = pytest.mark.numba

METHODS = StepModel.decode, StepModel.marginals


def make_tagger(allowed=None, *, reads_tokens=False, stem=None):
    inputs = Standardize(torch.zeros(3), torch.ones(3))
    if reads_tokens:
        inputs = TokenEmbedding(20, 3)
    encoder = Encoder(3 if stem is None else 5, (6, 4), LSTM, bidirectional=True)
    crf = CRF(4, allowed=allowed)
    return randomize(StepModel(inputs, stem, encoder, 4, crf=crf))


def make_transcriber(stride, upsample):
    inputs = Standardize(torch.zeros(3), torch.ones(3))
    stem = None
    if stride is not None:
        stem = ConvStem(3, (5, 5), ((3, 5), 3), stride)
    encoder = Encoder(3 if stem is None else 5, (6,), GRU)
    return randomize(CTCModel(inputs, stem, encoder, 7, upsample=upsample))


def run_by_modules(method):
    return lambda module, x, lengths: method(module, x, lengths)


def assert_same_labels(model, X):
    assert find_packed_network(model) is not None
    for method in METHODS:
        packed = apply_to_steps(model, X, method)
        by_modules = apply_to_steps(model, X, run_by_modules(method))
        np.testing.assert_array_equal(packed, by_modules)
        assert packed.dtype == by_modules.dtype
        alone = [apply_to_steps(model, X[i : i + 1], method) for i in range(len(X))]
        np.testing.assert_array_equal(np.concatenate(alone), packed)


@pytest.mark.parametrize("reads_tokens", [False, True])
@pytest.mark.parametrize("has_rules", [False, True])
def test_labels_and_marginals_of_a_crf(has_rules, reads_tokens):
    allowed = np.tri(4) > 0 if has_rules else None
    model = make_tagger(allowed, reads_tokens=reads_tokens)
    assert_same_labels(model, draw_sequences(np.random.default_rng(0), model, 20))


def test_labels_of_many_sequences_in_threads():
    model = make_tagger(stem=ConvStem(3, (5,), 3, 1))
    assert_same_labels(model, draw_sequences(np.random.default_rng(0), model, 1300))


def test_changes_of_a_crf_act():
    model = make_tagger()
    X = draw_sequences(np.random.default_rng(0), model)
    network = find_packed_network(model)
    before = apply_to_steps(model, X, StepModel.marginals)
    model.crf.transitions.data[0] += 3
    assert find_packed_network(model) is network  # which has no transitions
    assert (apply_to_steps(model, X, StepModel.marginals) != before).any()
    assert_same_labels(model, X)
    model.head.bias.data[0] += 3
    assert_same_labels(model, X)
    model.crf = CRF(4)
    assert_same_labels(randomize(model), X)


def test_hooks_of_a_network_with_a_crf_act():
    model = make_tagger()
    X = draw_sequences(np.random.default_rng(0), model)
    before = apply_to_steps(model, X, StepModel.marginals)
    model.head.register_forward_hook(lambda module, x, output: -output)
    assert find_packed_network(model) is None
    assert (apply_to_steps(model, X, StepModel.marginals) != before).any()


@pytest.mark.parametrize("method", METHODS)
def test_emissions_beyond_float32(method):
    model = make_tagger()
    model.head.weight.data *= 1e38
    X = draw_sequences(np.random.default_rng(0), model)
    results = []
    for run in (method, run_by_modules(method)):
        try:
            results.append(apply_to_steps(model, X, run))
        except ValueError as error:
            results.append(str(error))
    np.testing.assert_equal(*results)


@pytest.mark.parametrize("upsample", [1, 3])
@pytest.mark.parametrize("stride", [None, 1, 2, 3])
def test_frames_of_ctc(stride, upsample):
    model = make_transcriber(stride, upsample)
    assert find_packed_network(model) is not None
    for n in (12, 1300):
        X = draw_sequences(np.random.default_rng(0), model, n)
        frames = apply_to_frames(model, X)
        np.testing.assert_array_equal(frames.lengths, model.count_frames(X.lengths))
        for i in range(12):
            alone = apply_to_frames(model, X[i : i + 1])
            np.testing.assert_array_equal(alone[0], frames[i])
            with torch.inference_mode():
                expected = flatten_steps(*model(torch.tensor(X[i])[None]))
            np.testing.assert_array_equal(frames[i], expected)
