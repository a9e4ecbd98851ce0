"""Attention, and a pooling of the stem, in the call of a network: plain sums."""

import copy

import numpy as np
import pytest
import torch
from test_packed_networks import draw_branch, predict, randomize, run_modules
from torch import nn

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn._inference import apply_to_sequences
from sklearn_rnn.nn import (
    GRU,
    ConvStem,
    Encoder,
    Pooling,
    SequenceModel,
    Standardize,
    find_packed_network,
)

pytestmark = pytest.mark.numba

N_FEATURES, N_OUTPUTS = 2, 3
LENGTHS = 1, 63, 64, 65, 130, 2


def make_model(
    hidden=5, *, bidirectional=False, kind="attention", beside=None, stride=1
):
    mean, scale = torch.zeros(N_FEATURES), torch.ones(N_FEATURES)
    stem, size, stem_pooling = None, N_FEATURES, None
    if beside is not None:
        stem, size = ConvStem(N_FEATURES, (7,), 3, stride), 7
        stem_pooling = Pooling(beside, size)
    encoder = Encoder(size, (hidden,), GRU, bidirectional=bidirectional)
    pooling = Pooling(kind, encoder.output_size, bidirectional=bidirectional)
    return randomize(
        SequenceModel(
            Standardize(mean, scale),
            stem,
            encoder,
            pooling,
            N_OUTPUTS,
            stem_pooling=stem_pooling,
        )
    )


def draw(rng, lengths=LENGTHS):
    return RaggedArray.from_sequences(
        [rng.normal(size=(n, N_FEATURES)).astype("f4") for n in lengths]
    )


def run_in_double_precision(model, X):
    """Return the outputs of the modules, sequence by sequence."""
    double = copy.deepcopy(model).double()
    with torch.no_grad():
        rows = [double(torch.tensor(x)[None].double()) for x in X]
    return torch.cat(rows).numpy()


def pool_plainly(model, X):
    """Return the outputs, with a loop over the steps in place of a pooling."""
    weights = [t.double().numpy() for t in model.pooling.state_dict().values()]
    project, bias, score = weights
    head = [t.detach().double().numpy() for t in (model.head.weight, model.head.bias)]
    outputs = []
    for x in X:
        with torch.no_grad():
            states = model.encoder(torch.tensor(x)[None], None)[0].double().numpy()
        scores = [score[0] @ np.tanh(project @ h + bias) for h in states]
        powers = np.exp(scores - np.max(scores))
        pooled = sum(p * h for p, h in zip(powers, states, strict=True)) / powers.sum()
        outputs.append(head[0] @ pooled + head[1])
    return np.stack(outputs)


def assert_same(model, X, atol=2e-6):
    """Compare with doubles, with the modules, and alone with a batch."""
    assert find_packed_network(model) is not None
    packed, by_modules = predict(model, X)
    np.testing.assert_allclose(packed, run_in_double_precision(model, X), atol=atol)
    np.testing.assert_allclose(packed, by_modules, rtol=2e-6, atol=atol)
    alone = [predict(model, X[i : i + 1])[0] for i in range(len(X))]
    np.testing.assert_array_equal(np.concatenate(alone), packed)
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(predict(model, X[order])[0], packed[order])


# Attention ----------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("hidden", [1, 3, 8, 17, 64])
def test_results_are_those_of_a_plain_loop(hidden, bidirectional):
    model = make_model(hidden, bidirectional=bidirectional)
    X = draw(np.random.default_rng(hidden))
    assert_same(model, X)
    np.testing.assert_allclose(predict(model, X)[0], pool_plainly(model, X), atol=2e-6)


def test_very_different_scores_choose_one_step():
    model = make_model()
    model.pooling.score.weight.data *= 1e5
    X = draw(np.random.default_rng(0), [9, 30])
    expected = []
    for x in X:
        with torch.no_grad():
            states = model.encoder(torch.tensor(x)[None], None)
            scores = model.pooling.score(torch.tanh(model.pooling.project(states)))
            best = states[0, scores.argmax()]
            expected.append(model.head(best).numpy())
    np.testing.assert_allclose(predict(model, X)[0], expected, atol=2e-6)


def test_equal_scores_give_the_mean():
    model, other = make_model(), make_model(kind="mean")
    model.pooling.score.weight.data.zero_()
    other.load_state_dict(model.state_dict(), strict=False)
    X = draw(np.random.default_rng(0))
    np.testing.assert_allclose(predict(model, X)[0], predict(other, X)[0], atol=1e-6)


def test_large_batches_in_threads():
    model, rng = make_model(), np.random.default_rng(0)
    X = draw(rng, rng.integers(1, 200, 1500))
    packed, by_modules = predict(model, X)
    np.testing.assert_allclose(packed, by_modules, atol=2e-6)
    for i in range(0, 1500, 100):
        np.testing.assert_array_equal(predict(model, X[i : i + 1])[0][0], packed[i])


def test_sums_beyond_float32_are_those_of_the_module_in_double_precision():
    model = make_model()
    model.pooling.project.bias.data.fill_(1)
    model.pooling.score.weight.data.fill_(3e38)
    X = draw(np.random.default_rng(0))
    ((_, outputs),) = find_packed_network(model).run(X[4], [0, 130], np.zeros(1, int))
    assert not np.isfinite(outputs).any()
    expected = run_in_double_precision(model, X)
    np.testing.assert_allclose(predict(model, X)[0], expected, atol=2e-6)


# A pooling of the stem ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["last", "mean", "max", "meanmax", "attention"])
@pytest.mark.parametrize("beside", ["mean", "max", "meanmax"])
def test_poolings_side_by_side(beside, kind):
    rng = np.random.default_rng(0)
    for stride in (1, 3):
        model = make_model(bidirectional=True, kind=kind, beside=beside, stride=stride)
        assert_same(model, draw(rng))
        model.random_branch = draw_branch(rng, N_FEATURES, N_OUTPUTS)
        assert_same(model, draw(rng), 2e-5)  # outputs near 100


def test_a_pooling_of_the_stem_has_the_bits_of_the_module():
    model = make_model(kind="meanmax", beside="meanmax")
    np.testing.assert_array_equal(*predict(model, draw(np.random.default_rng(0))))


@pytest.mark.parametrize("beside", ["last", "attention"])
def test_other_poolings_of_the_stem_are_left_to_torch(beside):
    model = make_model(beside=beside)
    assert find_packed_network(model) is None
    X = draw(np.random.default_rng(0))
    expected = run_in_double_precision(model, X)
    np.testing.assert_allclose(predict(model, X)[0], expected, atol=2e-6)


# Changes ------------------------------------------------------------------------------


def set_project(model):
    model.pooling.project.weight.data[-1, -1] += 9


def set_bias(model):
    model.pooling.project.bias.detach().numpy()[-1] += 9


def set_score(model):
    model.pooling.score.weight.data[0, -1] += 9


def set_kind(model):
    model.pooling.kind = "mean"


def set_kind_of_stem(model):
    model.stem_pooling.kind = "mean"
    model.head = nn.Linear(12, N_OUTPUTS)
    nn.init.ones_(model.head.weight)


def widen_hidden(model):
    model.pooling.project = nn.Linear(5, 20)
    model.pooling.score = nn.Linear(20, 1, bias=False)


def score_with_bias(model):
    model.pooling.score = nn.Linear(5, 1)


def add_hook(model):
    model.pooling.register_forward_hook(lambda module, x, output: 2 * output)


def add_hook_to_score(model):
    model.pooling.score.register_forward_hook(lambda module, x, output: 9 * output)


def add_hook_to_stem_pooling(model):
    model.stem_pooling.register_forward_hook(lambda module, x, output: 2 * output)


def replace_forward(model):
    model.stem_pooling.forward = lambda outputs, lengths: outputs[:, 0].repeat(1, 2)


@pytest.mark.parametrize(
    "change",
    [
        *(set_project, set_bias, set_score, set_kind, set_kind_of_stem, widen_hidden),
        *(score_with_bias, add_hook, add_hook_to_score, add_hook_to_stem_pooling),
        replace_forward,
    ],
)
def test_changes_act(change):
    model, X = make_model(beside="meanmax"), draw(np.random.default_rng(0))
    before, _ = predict(model, X)
    change(model)
    packed, by_modules = predict(model, X)
    np.testing.assert_allclose(packed, by_modules, rtol=2e-6, atol=2e-6)
    assert (packed != before).any()


def test_scores_that_do_not_fit_are_left_to_torch():
    model, X = make_model(), draw(np.random.default_rng(0))
    model.pooling.score = nn.Linear(6, 1, bias=False)
    assert find_packed_network(model) is None
    with pytest.raises(Exception, match=r"6|shape"):
        predict(model, X)


# Estimators ---------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [RNNClassifier, RNNRegressor])
@pytest.mark.parametrize(
    "parameters",
    [{"pooling": "attention"}, {"conv_channels": (8,), "conv_pooling": True}],
)
def test_predictions_call_no_pooling(estimator, parameters, monkeypatch):
    X = list(draw(np.random.default_rng(0), [5, 9] * 10))
    y = np.arange(20) % 2
    rnn = estimator(**parameters, max_epochs=2, random_state=0).fit(X, y)
    expected = rnn.predict(X)

    def fail(self, *arguments):
        raise AssertionError

    monkeypatch.setattr(Pooling, "forward", fail)
    checked = RaggedArray.from_sequences(X)
    with pytest.raises(AssertionError):
        apply_to_sequences(rnn.module_, checked, run_modules)
    np.testing.assert_array_equal(rnn.predict(X), expected)
    np.testing.assert_array_equal(rnn.predict(X[:1]), expected[:1])
