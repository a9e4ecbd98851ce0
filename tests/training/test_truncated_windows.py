"""Windows of long sequences: truncated backpropagation through time."""

import numpy as np
import pytest
import torch

from sklearn_rnn import RaggedArray
from sklearn_rnn._training import WindowDataset
from sklearn_rnn.nn import (
    GRU,
    LSTM,
    Encoder,
    Memory,
    NextStepModel,
    TokenEmbedding,
    TokenLikelihood,
    initialize,
)

CPU = torch.device("cpu")


def make_dataset(lengths, truncate, weight=None):
    """Each step has its own number, as input and as target."""
    n = sum(lengths)
    X = RaggedArray(np.arange(n), np.concatenate([[0], np.cumsum(lengths)]))
    weight = np.ones(len(lengths)) if weight is None else weight
    return WindowDataset(X, np.arange(n), weight, truncate)


def read(dataset, batch_size=4):
    loader = dataset.make_loader(batch_size, CPU, np.random.RandomState(0))
    batches = list(loader)
    assert len(batches) == len(loader)
    return batches


LENGTHS = [[5, 3, 8, 1, 2, 7], [100], [40, 3, 0, 17, 90, 2], [12] * 9]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("truncate", [1, 7, 1000])
def test_each_step_is_in_one_window(lengths, truncate):
    seen = []
    for inputs, (target, weight) in read(make_dataset(lengths, truncate)):
        x, n = inputs["x"], inputs["lengths"]
        assert x.shape[0] <= 4
        assert x.shape[1] <= truncate
        flat = x.flatten()
        if n is not None:
            flat = torch.cat([row[:k, 0] for row, k in zip(x, n, strict=True)])
        assert torch.equal(flat, target)
        assert len(weight) == len(target)
        seen += target.tolist()
    assert sorted(seen) == list(range(sum(lengths)))


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_weights_of_steps_add_up_to_those_of_the_sequences(lengths):
    given = np.arange(1.0, 1 + len(lengths))
    batches = read(make_dataset(lengths, 7, given))
    counts = np.zeros(sum(lengths))
    for _, (target, weight) in batches:
        counts[target] = weight / len(target) / len(batches)
    expected = np.repeat(given, lengths) / np.repeat(given, lengths).sum()
    np.testing.assert_allclose(counts, expected, rtol=1e-5)


def test_windows_of_a_sequence_follow_one_another_in_the_same_row():
    last, memories = {}, {}
    for inputs, _ in read(make_dataset([40, 3, 17, 90, 2, 64], 8)):
        memory, x = inputs["carried"], inputs["x"][..., 0]
        rows = last.setdefault(id(memory), {})
        memories[id(memory)] = memory  # ids of living objects differ
        n = inputs["lengths"]
        sizes = [x.shape[1]] * len(x) if n is None else n.tolist()
        for row, size in enumerate(sizes):
            if row in rows:
                assert x[row, 0] == rows[row] + 1
            rows[row] = x[row, size - 1]


def test_one_long_text_fills_the_rows():
    batches = read(make_dataset([1000], 10))
    assert {len(inputs["x"]) for inputs, _ in batches} == {4}
    assert len(batches) == 25


def test_sequences_that_fit_into_a_window_are_not_cut():
    for inputs, _ in read(make_dataset([100, 90], 100)):
        assert inputs["carried"] is None
        assert len(inputs["x"]) == 2


@pytest.fixture(params=[GRU, LSTM])
def model(request):
    inputs = TokenEmbedding(6, 5)
    encoder = Encoder(5, (8, 8), request.param)
    model = NextStepModel(inputs, encoder, 7, tied_to=inputs.table)
    return initialize(model, torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def tokens():
    return torch.randint(7, (3, 30, 1), generator=torch.Generator().manual_seed(0))


def test_carried_windows_equal_one_long_pass(model, tokens):
    with torch.no_grad():
        memory, parts = Memory(), []
        for window in tokens.split(11, dim=1):
            parts.append(model(window, None, memory).states.view(3, -1, 5))
        whole = model(tokens, torch.tensor([30, 30, 30])).states.view(3, 30, 5)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_rows_that_ended_leave_the_memory(model, tokens):
    with torch.no_grad():
        memory = Memory()
        model(tokens[:, :11], None, memory)
        rest = model(tokens[:2, 11:], None, memory).states.view(2, 19, 5)
        whole = model(tokens, None).states.view(3, 30, 5)
    torch.testing.assert_close(rest, whole[:2, 11:])


def test_the_gradient_stops_at_the_border_of_a_window(model, tokens):
    memory = Memory()
    model(tokens[:, :11], None, memory)
    for state in memory.state:
        parts = state if isinstance(state, tuple) else (state,)
        assert not any(part.requires_grad for part in parts)


def test_a_step_equals_the_whole_pass(model, tokens):
    with torch.no_grad():
        states, head = model(tokens)
        expected = head(states).view(3, 30, 7)
        state = None
        for t in range(30):
            logits, state = model.step(tokens[:, t], state)
            torch.testing.assert_close(logits, expected[:, t])


def test_network_equals_torch(tokens):
    """Embedding, GRU, tied head: by torch, with the same weights."""
    inputs = TokenEmbedding(6, 8)
    model = NextStepModel(inputs, Encoder(8, (8,), GRU), 7, tied_to=inputs.table)
    model = initialize(model, torch.Generator().manual_seed(0))
    assert model.head.weight is inputs.table.weight
    gru = torch.nn.GRU(8, 8, batch_first=True)
    gru.load_state_dict(model.encoder.forward_layers[0].rnn.state_dict())
    weight = inputs.table.weight.detach().clone().requires_grad_()
    states, _ = gru(torch.nn.functional.embedding(tokens[..., 0], weight))
    logits = states @ weight.T + model.head.bias.detach()
    target = tokens.roll(-1, dims=1).flatten()
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target)
    expected.backward()
    loss = TokenLikelihood()(model(tokens), target).mean()
    loss.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(inputs.table.weight.grad, weight.grad)
