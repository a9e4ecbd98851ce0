"""Products and means of prediction: right, and the same whatever else is in a batch."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="needs numba")

from sklearn_rnn._kernels._packs import packs_kept
from sklearn_rnn._kernels._rows import (
    attend,
    attend_to_memory,
    convolve,
    mean_over_time,
    multiply,
)

LENGTHS = torch.tensor([9, 1, 4, 9, 2])


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def normal(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape).astype("f4"))


def assert_close(actual, expected):
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, expected.float(), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("batch", "n_steps", "channels", "n_out", "kernel_size"),
    [(1, 1, 1, 1, 1), (3, 7, 2, 5, 3), (9, 12, 5, 17, 5), (2, 9, 33, 16, 9),
     (5, 30, 3, 40, 2)],
)  # fmt: skip
def test_convolution_agrees_with_torch(
    rng, batch, n_steps, channels, n_out, kernel_size, stride
):
    x = normal(rng, batch, n_steps, channels)
    weight, bias = normal(rng, n_out, channels, kernel_size) / 9, normal(rng, n_out)
    expected = torch.nn.functional.conv1d(
        x.double().transpose(1, 2), weight.double(), bias.double(), stride
    )
    assert_close(convolve(x, weight, bias, stride), expected.transpose(1, 2))


@pytest.mark.parametrize("n_out", [1, 3, 16, 37])
@pytest.mark.parametrize("n_in", [1, 8, 65])
@pytest.mark.parametrize("shape", [(1,), (13,), (4, 5)])
def test_product_agrees_with_torch(rng, shape, n_in, n_out):
    x, bias = normal(rng, *shape, n_in), normal(rng, n_out)
    weight = normal(rng, n_out, n_in) / np.sqrt(n_in)
    expected = torch.nn.functional.linear(x.double(), weight.double(), bias.double())
    assert_close(multiply(x, weight, bias), expected)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_means_agree_with_a_loop(rng, lengths):
    x, scores = normal(rng, 5, 9, 6), normal(rng, 5, 9)
    steps = [9] * 5 if lengths is None else lengths.tolist()
    plain, weighted = [], []
    for row, n in enumerate(steps):
        valid = x[row, :n].double()
        weight = torch.softmax(3 * scores[row, :n].double(), 0)
        plain.append(valid.mean(0))
        weighted.append((weight.unsqueeze(1) * valid).sum(0))
    assert_close(mean_over_time(x, lengths), torch.stack(plain))
    assert_close(attend(x, 3 * scores, lengths), torch.stack(weighted))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(("n_queries", "size", "width"), [(1, 1, 3), (4, 19, 33)])
def test_attention_to_a_memory_agrees_with_torch(rng, lengths, n_queries, size, width):
    queries, keys = normal(rng, 5, n_queries, size), normal(rng, 5, 9, size)
    memory = normal(rng, 5, 9, width)
    expected = []
    for row, n in enumerate([9] * 5 if lengths is None else lengths.tolist()):
        products = queries[row].double() @ keys[row, :n].double().T
        expected.append(torch.softmax(products, 1) @ memory[row, :n].double())
    found = attend_to_memory(queries, keys, memory, lengths)
    assert_close(found, torch.stack(expected))


def test_a_query_is_answered_by_itself(rng, two_threads):
    queries, keys = normal(rng, 80, 5, 64), normal(rng, 80, 9, 64)
    memory, lengths = normal(rng, 80, 9, 64), LENGTHS.repeat(16)
    together = attend_to_memory(queries, keys, memory, lengths)
    for row in range(0, 80, 7):
        for k in range(5):
            own, n = slice(row, row + 1), lengths[row]
            alone = attend_to_memory(
                queries[own, k : k + 1], keys[own, :n], memory[own, :n], None
            )
            assert torch.equal(alone[0, 0], together[row, k])


def test_kept_packs_are_those_of_their_weights(rng):
    x, bias = normal(rng, 4, 6), normal(rng, 20)
    weights = [normal(rng, 20, 6) for _ in range(100)]  # more than are kept
    expected = [multiply(x, weight, bias) for weight in weights]
    for copies in (False, True):  # a copy's memory is soon that of the next one
        with packs_kept():
            for _ in range(2):
                found = [multiply(x, w.clone() if copies else w, bias) for w in weights]
                assert all(map(torch.equal, found, expected))
    weights[0].zero_()
    assert torch.equal(multiply(x, weights[0], bias), bias.expand(4, 20))


def test_means_of_long_sequences_lose_no_digits(rng):
    x = torch.from_numpy(rng.uniform(size=(1, 100_000, 2)).astype("f4"))
    expected = x.double().mean(1)
    assert_close(mean_over_time(x, None), expected)
    assert_close(attend(x, torch.zeros(1, 100_000), None), expected)


def test_large_scores_do_not_overflow(rng):
    x = normal(rng, 1, 3, 2)
    scores = torch.tensor([[-3e38, 1e3, 1e3]])
    assert_close(attend(x, scores, None), x[:, 1:].mean(1))


def test_batch_mates_padding_and_memory_order_change_no_bit(rng, two_threads):
    x, scores = normal(rng, 5, 9, 6), normal(rng, 5, 9)
    weight, bias = normal(rng, 7, 6, 3), normal(rng, 7)

    def all_of(x, scores, lengths):
        return [
            mean_over_time(x, lengths),
            attend(x, scores, lengths),
            convolve(x, weight, bias, 2),
            multiply(x, weight[:, :, 0], bias),
        ]

    together = all_of(x, scores, LENGTHS)
    for row, n in enumerate(LENGTHS.tolist()):
        mean, attended, convolved, product = all_of(
            x[row : row + 1, :n] if n >= 3 else x[row : row + 1],
            scores[row : row + 1, :n] if n >= 3 else scores[row : row + 1],
            torch.tensor([n]),
        )
        assert torch.equal(mean[0], together[0][row])
        assert torch.equal(attended[0], together[1][row])
        n_new = convolved.shape[1]
        assert torch.equal(convolved[0], together[2][row, :n_new])
        assert torch.equal(product[0], together[3][row, : product.shape[1]])
    many = all_of(x.repeat(8, 1, 1), scores.repeat(8, 1), LENGTHS.repeat(8))
    strided = all_of(
        x.transpose(0, 1).contiguous().transpose(0, 1),
        scores.T.contiguous().T,
        LENGTHS,
    )
    for one, eight, other in zip(together, many, strided, strict=True):
        assert torch.equal(eight, one.repeat(8, *[1] * (one.dim() - 1)))
        assert torch.equal(other, one)
