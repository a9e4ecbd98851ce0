"""Networks in one call of the kernels: the results of the modules, to the last bit."""

import copy
import gc
import pickle
import weakref
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from sklearn_rnn import RaggedArray, RNNClassifier, config_context
from sklearn_rnn._inference import apply_to_sequences, apply_to_steps
from sklearn_rnn.nn import (
    GRU,
    LSTM,
    ColumnInputs,
    ConvStem,
    Elman,
    Encoder,
    NGramBranch,
    Pooling,
    RandomBranch,
    ResetBeforeGRU,
    SequenceModel,
    Standardize,
    StepModel,
    TokenEmbedding,
    find_packed_network,
    initialize,
)

pytestmark = pytest.mark.numba

POOLINGS = "last", "mean", "max", "meanmax", "attention"


def run_modules(module, x, lengths):
    """Run layer by layer: another function than the one that is packed."""
    return module(x, lengths)


def predict(model, X):
    """Return the outputs of the packed network, and of the modules."""
    apply = apply_to_steps if type(model) is StepModel else apply_to_sequences
    return apply(model, X), apply(model, X, run_modules)


def relu(input_size, hidden_size):
    return Elman(input_size, hidden_size, "relu")


def randomize(model, seed=0):
    model = initialize(model, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def draw_network(rng):
    n_features, reads_tokens = int(rng.integers(1, 9)), rng.random() < 0.3
    if reads_tokens:
        inputs, size = TokenEmbedding(20, n_features), n_features
    elif rng.random() < 0.3:
        inputs = draw_columns(rng, n_features)
        n_features = size = inputs.output_size
    else:
        mean = torch.from_numpy(rng.normal(size=n_features).astype("f4"))
        scale = torch.from_numpy(rng.uniform(0.5, 2, n_features).astype("f4"))
        inputs, size = Standardize(mean, scale), n_features
    stem = None
    if rng.random() < 0.5:
        channels = tuple(map(int, rng.integers(1, 40, rng.integers(1, 3))))
        kernel_sizes = [draw_kernel_size(rng, n) for n in channels]
        stem = ConvStem(size, channels, kernel_sizes, int(rng.integers(1, 4)))
        size = stem.output_size
    bidirectional = bool(rng.integers(2))
    sizes = tuple(map(int, rng.integers(1, 50, rng.integers(1, 4))))
    cell = [Elman, relu, GRU, LSTM, ResetBeforeGRU][rng.integers(5)]
    encoder = Encoder(size, sizes, cell, bidirectional=bidirectional)
    n_outputs = int(rng.integers(1, 40))
    if rng.random() < 0.3 and stem is None:
        return StepModel(inputs, None, encoder, n_outputs)
    kind = POOLINGS[rng.integers(5)]
    pooling = Pooling(kind, encoder.output_size, bidirectional=bidirectional)
    stem_pooling = None
    if stem is not None and rng.random() < 0.5:
        stem_pooling = Pooling(POOLINGS[rng.integers(1, 4)], stem.output_size)
    branch = draw_branch(rng, n_features, n_outputs) if rng.random() < 0.5 else None
    ngrams = None
    if reads_tokens and rng.random() < 0.5:
        ngrams = draw_ngrams(rng, 20, int(rng.integers(1, 6)), n_outputs)
    return SequenceModel(
        inputs,
        stem,
        encoder,
        pooling,
        n_outputs,
        stem_pooling=stem_pooling,
        random_branch=branch,
        ngram_branch=ngrams,
    )


def draw_kernel_size(rng, n_channels):
    """Return the size of a convolution, or those of several side by side."""
    n = int(rng.integers(1, min(n_channels, 4) + 1)) if rng.random() < 0.5 else 1
    sizes = tuple(map(int, rng.integers(1, 8, n)))
    return sizes[0] if n == 1 else sizes


def draw_columns(rng, n_columns):
    """Return inputs of numbers and of tokens, in any order; at least one of tokens."""
    columns = rng.permutation(n_columns).tolist()
    n_embeddings = int(rng.integers(1, n_columns + 1))
    embeddings = [
        ([column], TokenEmbedding(int(rng.integers(1, 5)), int(rng.integers(1, 20))))
        for column in columns[:n_embeddings]
    ]
    numbers, scale = columns[n_embeddings:], None
    if numbers:
        moments = rng.normal(size=(2, len(numbers))).astype("f4")
        scale = Standardize(*torch.from_numpy(moments))
    return ColumnInputs(embeddings, numbers, scale)


def draw_ngrams(rng, n_tokens, longest, n_outputs):
    """Return a branch that knows some of the n-grams of random sequences."""
    branch = NGramBranch(n_tokens, longest, n_outputs)
    tokens = rng.integers(0, n_tokens + 1, (200, 1))
    offsets = np.unique([0, *rng.integers(0, 200, 40), 200])
    digits = branch.write_digits(tokens, offsets)
    keys = torch.cat(list(branch.iterate_keys(digits))).unique()[1:].numpy()
    keys = np.sort(rng.choice(keys, rng.integers(1, len(keys)), replace=False))
    idf, coef = rng.uniform(0.3, 3, len(keys)), rng.normal(size=(len(keys), n_outputs))
    branch.set_ngrams(keys, idf, coef, rng.normal(size=n_outputs))
    branch.network_share.fill_(float(rng.choice([0, 0.5, 1, rng.random()])))
    return branch


def draw_branch(rng, n_features, n_outputs):
    n_kernels, n_last = int(rng.integers(1, 60)), int(rng.choice([0, 1, 12]))
    options = {"n_last": n_last, "most_deviations": rng.choice([None, 0.5])}
    branch = RandomBranch(n_features, n_kernels, n_outputs, **options)
    generator = torch.Generator().manual_seed(int(rng.integers(9)))
    if n_last:
        draw_last_steps(branch, generator)
    kernels = branch.convolutions
    kernels.draw(int(rng.integers(1, 40)), generator)
    n_features = kernels.output_size
    kernels.set_thresholds(torch.rand(n_features, generator=generator))
    kernels.set_moments(
        torch.randn(n_features, generator=generator),
        1 + torch.rand(n_features, generator=generator),
    )
    branch.weight.copy_(torch.randn(branch.weight.shape, generator=generator))
    branch.bias.copy_(torch.randn(n_outputs, generator=generator))
    return branch


def draw_last_steps(branch, generator):
    last = branch.last_steps
    mean = torch.randn(last.output_size, generator=generator)
    last.set_moments(mean, 1 + torch.rand(last.output_size, generator=generator))
    if not branch.has_limits:
        return
    n_outputs = len(branch.bias)
    branch.lowest.copy_(-2 * torch.rand(n_outputs, generator=generator))
    branch.highest.copy_(2 * torch.rand(n_outputs, generator=generator))


def attends(model):
    return type(model) is SequenceModel and model.pooling.kind == "attention"


def draw_sequences(rng, model, n=9):
    lengths = rng.integers(1, 30, n)
    if type(model.inputs) is TokenEmbedding:
        return RaggedArray.from_sequences(
            [rng.integers(0, 21, (length, 1)) for length in lengths]
        )
    if type(model.inputs) is ColumnInputs:
        return RaggedArray.from_sequences(
            [draw_table(rng, model.inputs, length) for length in lengths]
        )
    size = model.inputs.output_size
    return RaggedArray.from_sequences(
        [rng.normal(size=(length, size)).astype("f4") for length in lengths]
    )


def draw_table(rng, inputs, length):
    n_columns = len(inputs.numbers) + len(inputs.columns)
    table = rng.normal(size=(length, n_columns)).astype("f4")
    for (column,), embedding in zip(inputs.columns, inputs.embeddings, strict=True):
        n_tokens = embedding.table.num_embeddings
        table[:, column] = rng.integers(0, n_tokens, length)
    return table


@pytest.mark.parametrize("seed", range(6))
def test_results_are_those_of_the_modules(seed):
    rng = np.random.default_rng(seed)
    for _ in range(15):
        model = randomize(draw_network(rng), seed)
        X = draw_sequences(rng, model)
        assert find_packed_network(model) is not None
        packed, by_modules = predict(model, X)
        # torch does not round square roots correctly, and has another tanh
        has_roots = getattr(model, "ngram_branch", None) is not None
        rounds = has_roots or attends(model)
        rtol = 2e-6 if rounds else 0
        np.testing.assert_allclose(packed, by_modules, rtol=rtol, atol=rtol)
        alone = [predict(model, X[i : i + 1])[0] for i in range(len(X))]
        np.testing.assert_array_equal(np.concatenate(alone), packed)


def test_results_do_not_depend_on_threads():
    model = make_model(hidden=64)
    rng = np.random.default_rng(0)
    X = RaggedArray.from_sequences(
        [rng.normal(size=(n, 4)).astype("f4") for n in rng.integers(20, 90, 64)]
    )
    n_threads, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(predict(model, X)[0])
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


@pytest.mark.parametrize("seed", range(3))
def test_kernels_stay_within_their_memory(seed, monkeypatch):
    from sklearn_rnn._kernels import _network

    blocks, n_guards = [], 64

    def take(n):
        blocks.append((torch.full((n + n_guards,), 7.0), n))
        return blocks[-1][0]

    monkeypatch.setattr(_network, "empty", take)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        model = randomize(draw_network(rng), seed)
        X = draw_sequences(rng, model, 5)
        network = find_packed_network(model)
        for rows in ([0], [1, 2], np.arange(5)):
            network.run(X.values, X.offsets, np.array(rows))
        only = X[:1]
        network.run(only.values, only.offsets, np.array([0]))
    for block, n in blocks:
        assert (block[n:] == 7).all()
        assert (block[:n] != 7).any()


# Changes --------------------------------------------------------------------------


def make_model(cell=GRU, hidden=4):
    inputs = Standardize(torch.zeros(4), torch.ones(4))
    stem = ConvStem(4, (4,), 3, 1)
    encoder = Encoder(4, (hidden,), cell, bidirectional=True)
    pooling = Pooling("meanmax", encoder.output_size, bidirectional=True)
    branch = draw_branch(np.random.default_rng(0), 4, 3)
    return randomize(
        SequenceModel(
            inputs,
            stem,
            encoder,
            pooling,
            n_outputs=3,
            dropout=0.5,
            random_branch=branch,
        )
    )


def kernels_of(model):
    return model.random_branch.convolutions


def gru_of(model):
    return model.encoder.forward_layers[0].rnn


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def set_numbers(model):
    gru_of(model).weight_hh_l0.data[0, 0] += 1


def set_numbers_by_numpy(model):
    model.stem.convolutions[0].weight.detach().numpy()[0, 0, 0] += 1


def set_last_number(model):
    model.stem.norms[0].bias.data[-1] += 1


def set_head(model):
    model.head.bias.data += 1


def set_scale(model):
    model.inputs.scale *= 2


def set_threshold(model):
    kernels_of(model).threshold.data[-1] -= 1


def set_scale_of_branch(model):
    kernels_of(model).scale.detach().numpy()[0] += 1


def scale_kernel(model):
    kernels_of(model).weight.data[0] *= 2


def set_dilation(model):
    kernels_of(model).dilation.data[-1] = 3
    kernels_of(model)._groups = None


def set_ridge(model):
    model.random_branch.weight.data[0, -1] += 1


def replace_branch(model):
    model.random_branch = draw_branch(np.random.default_rng(1), 4, 3)


def load(model):
    other = {name: 2 * value for name, value in model.state_dict().items()}
    model.load_state_dict(other)


def load_in_place_of_old(model):
    other = {name: 2 * value for name, value in model.state_dict().items()}
    model.load_state_dict(other, assign=True)


def set_memory(model):
    weight = gru_of(model).weight_hh_l0
    weight.data = 2 * weight.data


def transpose(model):
    weight = model.encoder.backward_layers[0].rnn.weight_hh_l0
    square = weight.data[:4]
    weight.data = torch.cat([square.t(), weight.data[4:]])


def transpose_view(model):
    weight = model.stem.convolutions[0].weight  # (4, 4, 3)
    weight.data = weight.data.transpose(0, 1)


def replace_weight(model):
    model.head.weight = nn.Parameter(2 * model.head.weight.detach())


def replace_module(model):
    head = nn.Linear(16, 3)
    nn.init.ones_(head.weight)
    model.head = head


def replace_child(model):
    model.encoder.forward_layers[0].rnn = copy.deepcopy(gru_of(model))
    gru_of(model).bias_ih_l0.data += 1


def set_pooling(model):
    model.pooling.kind = "mean"
    model.head = nn.Linear(8, 3)
    nn.init.ones_(model.head.weight)
    nn.init.ones_(model.head.bias)


def set_epsilon(model):
    model.stem.norms[0].eps = 3.0


def set_list(model):
    model.stem.strides[0] = 2
    model.stem.convolutions[0].stride = (2,)


def add_hook(model):
    model.encoder.register_forward_hook(lambda module, x, output: 2 * output)


def add_pre_hook(model):
    model.head.register_forward_pre_hook(lambda module, x: (2 * x[0],))


def replace_forward(model):
    model.pooling.forward = lambda outputs, lengths: outputs[:, 0].repeat(1, 2)


def parametrize_weight(model):
    parametrize.register_parametrization(gru_of(model), "weight_hh_l0", Doubled())


def prune_weight(model):
    prune.l1_unstructured(gru_of(model), "weight_hh_l0", amount=0.5)


CHANGES = [
    *(set_numbers, set_numbers_by_numpy, set_last_number, set_head, set_scale, load),
    *(load_in_place_of_old, set_memory, transpose, transpose_view, replace_weight),
    *(replace_module, replace_child, set_pooling, set_epsilon, set_list, add_hook),
    *(set_threshold, set_scale_of_branch, scale_kernel, set_dilation, set_ridge),
    *(replace_branch,),
    *(add_pre_hook, replace_forward, parametrize_weight, prune_weight),
]


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return RaggedArray.from_sequences(
        [rng.normal(size=(n, 4)).astype("f4") for n in (5, 1, 8)]
    )


@pytest.mark.parametrize("change", CHANGES)
def test_changes_act(change, sequences):
    model = make_model()
    before, _ = predict(model, sequences)
    change(model)
    packed, by_modules = predict(model, sequences)
    np.testing.assert_array_equal(packed, by_modules)
    assert (packed != before).any()


def test_nothing_is_packed_anew_without_a_change():
    model = make_model()
    network = find_packed_network(model)
    model.zero_grad()
    model.head.note = "a remark"
    other = find_packed_network(model)
    assert other is not network  # an attribute more might be a method
    assert find_packed_network(model) is other


def test_layers_that_do_not_fit_are_left_to_torch(sequences):
    model = make_model()
    model.head = nn.Linear(15, 3)
    assert find_packed_network(model) is None
    with pytest.raises(Exception, match=r"15|shape"):
        predict(model, sequences)


def test_training_acts(rng):
    X, y = rng.normal(size=(40, 6, 2)).astype("f4"), np.arange(40) % 2
    classifier = RNNClassifier(random_kernels=None, max_epochs=1, random_state=0)
    classifier.fit(X, y)
    checked = RaggedArray.from_sequences(X)
    for _ in range(3):
        packed, by_modules = predict(classifier.module_, checked)
        np.testing.assert_array_equal(packed, by_modules)
        assert find_packed_network(classifier.module_) is not None
        classifier.partial_fit(X, y)


def test_convolutions_side_by_side_call_no_stem(rng, monkeypatch):
    X, y = rng.normal(size=(20, 9, 2)).astype("f4"), np.arange(20) % 2
    classifier = RNNClassifier(
        conv_channels=(9, 4),
        conv_kernel_size=[[2, 3, 5], 3],
        max_epochs=1,
        random_state=0,
    ).fit(X, y)
    expected = classifier.predict_proba(X)

    def fail(self, *arguments):
        raise AssertionError

    monkeypatch.setattr(ConvStem, "forward", fail)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


def test_other_weights_beside_a_network_are_left_to_torch(sequences):
    model = make_model()
    kernels_of(model).weight[0, 0, 0] += 1
    assert find_packed_network(model) is None
    packed, by_modules = predict(model, sequences)
    np.testing.assert_array_equal(packed, by_modules)


def test_a_branch_of_another_size_is_left_to_torch(sequences):
    model = make_model()
    model.random_branch = draw_branch(np.random.default_rng(0), 4, 2)
    assert find_packed_network(model) is None
    with pytest.raises(RuntimeError, match="size"):
        predict(model, sequences)


def test_a_branch_of_a_module_in_training_mode_is_left_out(sequences):
    model = make_model()
    model.dropout.p = 0.0
    before, _ = predict(model, sequences)
    model.train()
    assert find_packed_network(model) is not None
    packed, by_modules = predict(model, sequences)
    np.testing.assert_array_equal(packed, by_modules)
    assert (packed != before).any()


def test_dropout_of_a_module_in_training_mode_is_not_skipped():
    model = make_model()
    assert find_packed_network(model) is not None
    assert find_packed_network(model.train()) is None


@pytest.mark.parametrize("hook", ["forward_pre", "forward"])
def test_global_hooks_act(hook, sequences):
    model = make_model()
    assert find_packed_network(model) is not None
    register = getattr(nn.modules.module, f"register_module_{hook}_hook")
    handle = register(lambda *arguments: None)
    try:
        assert find_packed_network(model) is None
    finally:
        handle.remove()
    assert find_packed_network(model) is not None


def test_settings_decide():
    model = make_model()
    with config_context(kernels="torch"):
        assert find_packed_network(model) is None
    assert find_packed_network(model) is not None
    assert find_packed_network(copy.deepcopy(model).double()) is None


def test_packed_networks_neither_keep_a_module_nor_are_kept_with_it():
    model = make_model()
    size = len(pickle.dumps(model))  # another model has other addresses in its pickle
    find_packed_network(model)
    assert len(pickle.dumps(model)) == size
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_kernels_refuse_what_lies_outside():
    network = find_packed_network(make_model())
    values, offsets = np.zeros((7, 4), "f4"), np.array([0, 3, 7])
    run = partial(network.run, offsets=offsets, rows=np.array([0, 1]))
    assert run(values)[0][1].shape == (2, 3)
    with pytest.raises(ValueError, match="float32"):
        run(values.astype(float))
    with pytest.raises(ValueError, match="float32"):
        run(np.zeros((4, 7), "f4").T)
    with pytest.raises(ValueError, match="4"):
        run(np.zeros((7, 3), "f4"))
    with pytest.raises(ValueError, match="offsets"):
        run(values[:6])
    with pytest.raises(ValueError, match="float32"):
        network.run(values.astype(float), np.array([0, 7]), np.array([0]))
    embedding = StepModel(TokenEmbedding(3, 2), None, Encoder(2, (3,), GRU), 2)
    network = find_packed_network(randomize(embedding))
    for token in (-1, 4):
        tokens = np.array([[0], [token]])
        with pytest.raises(ValueError, match="from 0 to 3"):
            network.run(tokens, np.array([0, 2]), np.array([0]))
    inputs = ColumnInputs(
        [([1], TokenEmbedding(3, 2))], [0], Standardize(torch.zeros(1), torch.ones(1))
    )
    network = find_packed_network(
        randomize(StepModel(inputs, None, Encoder(3, (3,), GRU), 2))
    )
    for token in (-1, 4, np.nan):
        steps = np.array([[9, 0], [9, token]], "f4")
        with pytest.raises(ValueError, match="from 0 to 3"):
            network.run(steps, np.array([0, 2]), np.array([0]))
