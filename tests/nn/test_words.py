"""WordEncoder: the vector of a word depends on its characters alone."""

import copy

import pytest
import torch

from sklearn_rnn.nn import ColumnInputs, WordEncoder, config_context, initialize

N = 9  # characters, with rows 2 to 10; 1 is unknown, 0 is none
WORDS = [[2, 3, 4, 5], [5, 0, 0, 0], [10, 2, 0, 0], [1, 1, 3, 0], [0, 0, 0, 0]]


@pytest.fixture(params=["numba", "torch"])
def kernels(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    with config_context(kernels=request.param):
        yield request.param


@pytest.fixture
def encoder():
    layer = WordEncoder(N, embedding_dim=3, output_size=8)
    return initialize(layer, torch.Generator().manual_seed(0))


def read_slowly(encoder, word):
    """Return the vector of one word by a loop over its characters, both ways."""
    characters = [i for i in word if i] or [1]
    states = []
    for layers, ids in (
        (encoder.encoder.forward_layers, characters),
        (encoder.encoder.backward_layers, characters[::-1]),
    ):
        state = None
        for i in ids:
            vector = encoder.table.weight[i - 1]
            _, state = layers[0].step(vector[None], state)
        states.append(state[0])
    return torch.cat(states)


def test_each_word_is_read_as_by_a_plain_loop(encoder, kernels):
    x = torch.tensor([WORDS, [WORDS[1], WORDS[0], *WORDS[:3]]])
    vectors = encoder(x)
    assert vectors.shape == (2, 5, 8)
    for i, t in torch.cartesian_prod(torch.arange(2), torch.arange(5)).tolist():
        expected = read_slowly(encoder, x[i, t].tolist())
        torch.testing.assert_close(vectors[i, t], expected)


@pytest.mark.numba
def test_a_vector_depends_on_its_word_alone_to_the_last_bit(encoder):
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(1, N + 2, (7, 30, 4), generator=generator)
    ends = torch.randint(0, 5, (7, 30, 1), generator=generator)
    x = x * (torch.arange(4) < ends)
    with torch.inference_mode():
        vectors = encoder(x)
        wider = torch.nn.functional.pad(x, (0, 3))
        assert torch.equal(encoder(wider), vectors)
        assert torch.equal(encoder(x.flip(0, 1)).flip(0, 1), vectors)
        for i in range(7):
            assert torch.equal(encoder(x[i : i + 1, :2])[0], vectors[i, :2])


def test_a_word_without_characters_is_one_unknown_character(encoder, kernels):
    torch.nn.init.ones_(encoder.table.weight)
    vectors = encoder(torch.tensor([[[0, 0], [1, 0], [1, 1]]]))[0]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[1], vectors[2])


def test_unknown_characters_start_as_zero(encoder):
    assert (encoder.table.weight[0] == 0).all()
    assert (encoder.table.weight[1:] != 0).all()


def test_the_size_is_rounded_up_to_an_even_number():
    assert WordEncoder(N, 3, 7).output_size == 8


def test_gradients_are_those_of_the_loop_in_double(encoder, kernels):
    x = torch.tensor([[*WORDS, WORDS[0], WORDS[0]]])  # one word three times
    weight = torch.arange(56.0).reshape(1, 7, 8).sin()
    (encoder(x) * weight).sum().backward()
    twin = copy.deepcopy(encoder).double()
    twin.zero_grad()
    slowly = torch.stack([read_slowly(twin, word) for word in x[0].tolist()])
    (slowly * weight[0].double()).sum().backward()
    for fast, slow in zip(encoder.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(fast.grad.double(), slow.grad, rtol=1e-4, atol=1e-5)


def test_columns_of_characters_stand_beside_numbers(encoder):
    inputs = ColumnInputs([([1, 2, 3, 4], encoder)], [0], torch.nn.Identity())
    assert inputs.output_size == 9
    words = torch.tensor([WORDS])
    x = torch.cat([torch.full((1, 5, 1), 0.5), words.float()], dim=2)
    torch.testing.assert_close(inputs(x)[..., 1:], encoder(words))
    assert (inputs(x)[..., 0] == 0.5).all()
