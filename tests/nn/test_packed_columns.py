"""Numbers beside tokens in the call of a network: the bits of the modules."""

import numpy as np
import pandas as pd
import pytest
import torch
from test_packed_networks import draw_sequences, predict, randomize, run_modules
from torch import nn

from sklearn_rnn import RaggedArray, RNNClassifier, config_context
from sklearn_rnn._inference import apply_to_sequences
from sklearn_rnn.nn import (
    GRU,
    ColumnInputs,
    Encoder,
    Pooling,
    SequenceModel,
    Standardize,
    TokenEmbedding,
    find_packed_network,
)
from sklearn_rnn.preprocessing import WordAttributes

pytestmark = pytest.mark.numba


def make_model():
    scale = Standardize(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    embeddings = [([3], TokenEmbedding(3, 2)), ([0], TokenEmbedding(5, 7))]
    inputs = ColumnInputs(embeddings, [2, 1], scale)
    encoder = Encoder(inputs.output_size, (4,), GRU)
    return randomize(SequenceModel(inputs, None, encoder, Pooling("mean", 4), 3))


def set_table(model):
    model.inputs.embeddings[1].table.weight.data[-1, -1] += 9


def set_mean(model):
    model.inputs.standardize.mean += 1


def exchange_numbers(model):
    model.inputs.numbers = [1, 2]


def exchange_tables(model):
    model.inputs.columns = [[0], [3]]
    model.inputs.embeddings[0] = TokenEmbedding(9, 2)
    nn.init.ones_(model.inputs.embeddings[0].table.weight)


def read_a_column_twice(model):
    model.inputs.numbers = [2, 2]


def add_hook(model):
    model.inputs.embeddings[0].register_forward_hook(lambda module, x, out: 2 * out)


CHANGES = [
    *(set_table, set_mean, exchange_numbers, exchange_tables, read_a_column_twice),
    add_hook,
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_act(change):
    model = make_model()
    X = draw_sequences(np.random.default_rng(0), model)
    before, by_modules = predict(model, X)
    np.testing.assert_array_equal(before, by_modules)
    change(model)
    packed, by_modules = predict(model, X)
    np.testing.assert_array_equal(packed, by_modules)
    assert (packed != before).any()


@pytest.mark.parametrize("change", [read_a_column_twice, add_hook])
def test_other_inputs_are_left_to_torch(change):
    model = make_model()
    assert find_packed_network(model) is not None
    change(model)
    assert find_packed_network(model) is None


def test_tables_of_a_data_frame_are_packed():
    rng = np.random.default_rng(0)
    n, n_steps = 20, 6
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), n_steps),
            "step": np.tile(np.arange(n_steps), n),
            "number": rng.normal(size=n * n_steps),
            "kind": pd.Categorical(rng.choice(list("abc"), n * n_steps)),
        }
    )
    X = [own[["number", "kind"]] for _, own in frame.groupby("id")]
    rnn = RNNClassifier(max_epochs=1, random_state=0).fit(X, np.arange(n) % 3)
    assert type(rnn.module_.inputs) is ColumnInputs
    assert find_packed_network(rnn.module_) is not None
    expected = rnn.predict_proba(X)
    alone = [rnn.predict_proba(X[i : i + 1]) for i in range(n)]
    np.testing.assert_array_equal(np.concatenate(alone), expected)
    unknown = X[0].assign(kind="z")
    steps = np.hstack([X[0][["number"]], np.zeros((n_steps, 1))]).astype("f4")
    checked = RaggedArray.from_sequences([steps])
    by_modules = apply_to_sequences(rnn.module_, checked, run_modules)
    found = rnn.predict_proba([unknown])[0]
    expected = torch.softmax(torch.tensor(by_modules[0]), dim=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_ids_in_several_columns_are_predicted_alone_and_together(rng):
    sentences = [rng.choice(["ab", "ba", "abc"], n).tolist() for n in (3, 1, 7, 4)]
    X = WordAttributes().fit_transform(sentences)
    classifier = RNNClassifier(max_epochs=2).fit(X, [0, 1, 0, 1])
    assert find_packed_network(classifier.module_) is not None
    together = classifier.predict_proba(X)
    for i in range(len(X)):
        np.testing.assert_array_equal(classifier.predict_proba(X[[i]])[0], together[i])
    with config_context(kernels="torch"):
        np.testing.assert_allclose(classifier.predict_proba(X), together, atol=2e-6)
