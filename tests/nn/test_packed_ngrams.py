"""N-grams in the call of a network: the sums of a plain loop, to the last bit."""

import copy

import numpy as np
import pytest
import torch
from test_packed_networks import draw_branch, draw_ngrams, predict, randomize

from sklearn_rnn import RaggedArray
from sklearn_rnn.nn import (
    GRU,
    Encoder,
    NGramBranch,
    Pooling,
    SequenceModel,
    TokenEmbedding,
    find_packed_network,
)

pytestmark = pytest.mark.numba
f4 = np.float32


def make_model(branch, n_tokens=None):
    n_tokens = branch.n_tokens if n_tokens is None else n_tokens
    encoder = Encoder(2, (3,), GRU)
    n_outputs = len(branch.bias)
    model = SequenceModel(
        TokenEmbedding(n_tokens, 2),
        None,
        encoder,
        Pooling("last", 3),
        n_outputs,
        ngram_branch=branch,
    )
    return randomize(model)


def draw_tokens(rng, n_tokens, n=12):
    return RaggedArray.from_sequences(
        [rng.integers(0, n_tokens + 1, (length, 1)) for length in rng.integers(1, 9, n)]
    )


def add_up(branch, tokens):
    """Return the outputs of the branch for one sequence, by Python's integers."""
    row_of = {key: row for row, key in enumerate(branch.keys.tolist()) if row > 0}
    table = branch.table.numpy()
    digits = [branch.begin, *(int(token) + 1 for token in tokens), branch.end]
    sums = np.zeros(table.shape[1], f4)
    for n in range(1, branch.longest + 1):
        for start in range(len(digits) + 1 - n):
            ngram, key = digits[start : start + n], 0
            for digit in ngram:
                key = key * branch.radix + digit
            if key in row_of and ngram not in ([branch.begin], [branch.end]):
                sums += table[row_of[key]]
    return branch.bias.numpy() + sums[1:] / np.sqrt(max(sums[0], f4(1)))


def mix_plainly(model, X):
    """Return the mean of the outputs of the network and of `add_up`."""
    branch, alone = model.ngram_branch, copy.deepcopy(model)
    alone.ngram_branch = None
    share = branch.network_share.numpy()
    own = np.stack([add_up(branch, x[:, 0]) for x in X])
    return share * predict(alone, X)[0] + (f4(1) - share) * own


def assert_same(model, X):
    """Compare with the plain loop, alone and in a batch, and with the module."""
    assert find_packed_network(model) is not None
    packed, by_modules = predict(model, X)
    np.testing.assert_array_equal(packed, mix_plainly(model, X))
    np.testing.assert_allclose(packed, by_modules, rtol=2e-6, atol=2e-6)
    alone = [predict(model, X[i : i + 1])[0] for i in range(len(X))]
    np.testing.assert_array_equal(np.concatenate(alone), packed)


@pytest.mark.parametrize("longest", range(1, 6))
@pytest.mark.parametrize("n_tokens", [1, 2, 30])
def test_results_are_those_of_a_plain_loop(n_tokens, longest):
    rng = np.random.default_rng(longest)
    for n_outputs in (1, 2, 9, 33):
        branch = draw_ngrams(rng, n_tokens, longest, n_outputs)
        assert_same(make_model(branch), draw_tokens(rng, n_tokens))


@pytest.mark.parametrize(
    ("n_tokens", "longest"), [(6200, 5), (55_100, 4), (2_097_147, 3), (1, 27)]
)
def test_numbers_of_ngrams_near_the_largest_integer(n_tokens, longest):
    rng = np.random.default_rng(0)
    branch = draw_ngrams(rng, n_tokens, longest, 2)
    assert branch.has_room()
    assert not NGramBranch(n_tokens, longest + 1, 2).has_room()
    # the last tokens have the largest numbers
    last = [[n_tokens], [n_tokens - 1]] * (longest // 2 + 1)
    X = RaggedArray.from_sequences([np.array(last), np.array(last[1:]), [[1]]])
    digits = branch.write_digits(X.values, X.offsets)
    keys = torch.cat(list(branch.iterate_keys(digits))).unique()[1:].numpy()
    assert keys[-1] >= 2**61
    coef = rng.normal(size=(len(keys), 2))
    branch.set_ngrams(keys, np.ones(len(keys)), coef, np.zeros(2))
    assert_same(make_model(branch), X)


def test_a_vocabulary_without_ngrams():
    rng = np.random.default_rng(0)
    branch = NGramBranch(7, 3, 2)
    branch.bias[:] = torch.tensor([1.0, -2.0])
    assert_same(make_model(branch), draw_tokens(rng, 7))


def test_markers_alone_tell_nothing():
    branch = NGramBranch(7, 2, 2)
    known = np.array([branch.begin, branch.end])
    branch.set_ngrams(known, np.ones(2), np.ones((2, 2)), np.zeros(2))
    branch.network_share.fill_(0)
    model, X = make_model(branch), draw_tokens(np.random.default_rng(0), 7)
    assert_same(model, X)
    assert (predict(model, X)[0] == 0).all()


def test_sequences_of_unknown_tokens_have_the_bias():
    branch = draw_ngrams(np.random.default_rng(0), 7, 2, 2)
    branch.keys[1:], branch.network_share[...] = branch.keys[1:] + 20, 0.0
    model = make_model(branch)
    X = RaggedArray.from_sequences([np.zeros((n, 1), int) for n in (1, 4)])
    assert_same(model, X)
    unknown = branch.radix + 1, branch.begin * branch.radix + 1
    assert not np.isin(branch.keys, (1, *unknown)).any()
    np.testing.assert_array_equal(predict(model, X)[0], [branch.bias.tolist()] * 2)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_of_both_alone(share):
    rng = np.random.default_rng(0)
    branch = draw_ngrams(rng, 7, 2, 3)
    branch.network_share.fill_(share)
    assert_same(make_model(branch), draw_tokens(rng, 7))


def test_large_batches_in_threads():
    rng = np.random.default_rng(0)
    branch = draw_ngrams(rng, 30, 4, 2)
    model, X = make_model(branch), draw_tokens(rng, 30, 3000)
    np.testing.assert_array_equal(predict(model, X)[0], mix_plainly(model, X))


def test_ngrams_beside_random_convolutions():
    rng = np.random.default_rng(0)
    model = make_model(draw_ngrams(rng, 7, 2, 3))
    model.random_branch = draw_branch(rng, 2, 3)
    assert_same(model, draw_tokens(rng, 7))


def test_outputs_beyond_float32_are_those_of_the_module_in_double_precision():
    rng = np.random.default_rng(0)
    branch, X = draw_ngrams(rng, 2, 2, 2), draw_tokens(rng, 2)
    branch.table[1:] = torch.tensor([4, 2e38, -2e38])
    branch.network_share.fill_(0.5)
    model = make_model(branch)
    packed, _ = predict(model, X)
    x = [torch.tensor(row)[None] for row in X]
    with torch.no_grad():
        double = copy.deepcopy(model).double()
        expected = np.concatenate([double(row) for row in x])
    with np.errstate(over="ignore"):
        assert np.isinf([add_up(branch, row[:, 0]) for row in X]).any()
    np.testing.assert_allclose(packed, expected, rtol=1e-5)


# Changes ------------------------------------------------------------------------------


def set_share(branch):
    branch.network_share.fill_(0.9)


def set_bias(branch):
    branch.bias.numpy()[-1] += 1


def set_table(branch):
    branch.table[1:] += 1


def set_keys(branch):
    branch.keys[1:] += 1


def set_ngrams(branch):
    known = np.arange(1, 8)
    branch.set_ngrams(known, np.ones(7), np.ones((7, 3)), np.ones(3))


def set_longest(branch):
    branch.longest = 1


def add_hook(branch):
    branch.register_forward_hook(lambda module, x, output: 2 * output)


def replace_forward(branch):
    branch.forward = lambda x, lengths: torch.full((len(x), 3), 7.0)


@pytest.mark.parametrize(
    "change",
    [
        *(set_share, set_bias, set_table, set_keys, set_ngrams, set_longest),
        *(add_hook, replace_forward),
    ],
)
def test_changes_act(change):
    rng = np.random.default_rng(0)
    model, X = make_model(draw_ngrams(rng, 7, 2, 3)), draw_tokens(rng, 7)
    before, _ = predict(model, X)
    change(model.ngram_branch)
    packed, by_modules = predict(model, X)
    np.testing.assert_allclose(packed, by_modules, rtol=2e-6, atol=2e-6)
    assert (packed != before).any()


def test_a_model_in_training_mode_is_without_ngrams():
    rng = np.random.default_rng(0)
    model, X = make_model(draw_ngrams(rng, 7, 2, 3)), draw_tokens(rng, 7)
    packed, _ = predict(model.train(), X)
    model.ngram_branch = None
    np.testing.assert_array_equal(packed, predict(model, X)[0])


def test_branches_that_do_not_fit_are_left_to_torch():
    rng = np.random.default_rng(0)
    branch = draw_ngrams(rng, 7, 2, 3)
    more_tokens = make_model(branch, n_tokens=8)
    assert find_packed_network(more_tokens) is None
    X = draw_tokens(rng, 7)
    np.testing.assert_allclose(*predict(more_tokens, X))
    overflowing = make_model(draw_ngrams(rng, 7, 2, 3))
    overflowing.ngram_branch.longest = 40
    assert find_packed_network(overflowing) is None
    fewer_outputs = make_model(branch)
    fewer_outputs.ngram_branch = draw_ngrams(rng, 7, 2, 2)
    assert find_packed_network(fewer_outputs) is None


def test_predictions_call_no_module_of_ngrams(monkeypatch):
    rng = np.random.default_rng(0)
    model, X = make_model(draw_ngrams(rng, 7, 2, 3)), draw_tokens(rng, 7)
    expected, _ = predict(model, X)

    def fail(self, *arguments):
        raise AssertionError

    monkeypatch.setattr(NGramBranch, "forward", fail)
    with pytest.raises(AssertionError):
        predict(model, X)  # of the modules
    from sklearn_rnn._inference import apply_to_sequences

    np.testing.assert_array_equal(apply_to_sequences(model, X), expected)
