"""N-grams and the linear layer on them, against plain loops."""

import itertools

import numpy as np
import pytest
import torch

from sklearn_rnn.nn import NGramBranch

LENGTHS = torch.tensor([9, 1, 5, 9, 2])
N_TOKENS = 3


def make_x():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, N_TOKENS + 1, (len(LENGTHS), 9, 1), generator=generator)


def number(digits):
    """Return the number of an n-gram, from the digits of its tokens."""
    total = 0
    for digit in digits:
        total = total * (N_TOKENS + 4) + digit
    return total


def list_ngrams(tokens, longest):
    """Return the n-grams of a sequence as digits: tokens are 1 to 4, markers 5 and 6.

    With them, the steps of their tokens.
    """
    digits = [N_TOKENS + 2, *(int(token) + 1 for token in tokens), N_TOKENS + 3]
    found = []
    for n in range(1, longest + 1):
        for start in range(len(digits) - n + 1):
            steps = [t for t in range(start - 1, start + n - 1) if 0 <= t < len(tokens)]
            if steps:
                found.append((tuple(digits[start : start + n]), steps))
    return found


def make_branch(longest):
    """Know every other n-gram."""
    rng = np.random.default_rng(0)
    known = [
        digits
        for n in range(1, longest + 1)
        for digits in itertools.product(range(1, N_TOKENS + 4), repeat=n)
    ][::2]
    branch = NGramBranch(N_TOKENS, longest, n_outputs=2)
    keys = np.array([number(digits) for digits in known])
    idf, coef = rng.uniform(1, 3, len(keys)), rng.normal(size=(len(keys), 2))
    branch.set_ngrams(keys, idf, coef, np.array([0.5, -0.5]))
    return branch, dict(zip(known, zip(idf, coef, strict=True), strict=True))


def sum_by_loops(tokens, known, longest):
    """Return the outputs of a sequence, and what each step adds to them."""
    parts, squares = np.zeros((len(tokens), 2)), 0.0
    for digits, steps in list_ngrams(tokens, longest):
        if digits in known:
            idf, coef = known[digits]
            squares += idf**2
            parts[steps] += idf * coef / len(steps)
    parts /= max(squares, 1) ** 0.5
    return parts.sum(0) + [0.5, -0.5], parts


@pytest.mark.parametrize("longest", [1, 2, 4])
def test_outputs_are_those_of_loops(longest):
    x, (branch, known) = make_x(), make_branch(longest)
    found = branch(x, LENGTHS)
    for tokens, n, own in zip(x[..., 0], LENGTHS, found, strict=True):
        expected, parts = sum_by_loops(tokens[:n], known, longest)
        np.testing.assert_allclose(own, expected, atol=1e-5)
        alone = tokens[None, :n, None]
        np.testing.assert_allclose(branch.contributions(alone)[0], parts, atol=1e-5)


def test_no_other_sequence_and_no_padding_changes_a_bit():
    x, (branch, _) = make_x(), make_branch(4)
    together = branch(x, LENGTHS)
    for i, n in enumerate(LENGTHS):
        assert torch.equal(branch(x[i : i + 1, :n])[0], together[i])


def test_keys_of_sequences_end_to_end_are_those_of_padded_ones():
    x, branch = make_x(), NGramBranch(N_TOKENS, 4, 1)
    values = np.concatenate(
        [own[:n].numpy() for own, n in zip(x, LENGTHS, strict=True)]
    )
    offsets = np.concatenate([[0], np.cumsum(LENGTHS.numpy())])
    digits = branch.write_digits(values, offsets)
    for n, keys in enumerate(branch.iterate_keys(digits), start=1):
        expected = [
            number(digits)
            for own, length in zip(x[..., 0], LENGTHS, strict=True)
            for digits, _ in list_ngrams(own[:length], n)
            if len(digits) == n
        ]
        assert keys[keys > 0].tolist() == expected


def test_without_a_known_ngram_the_output_is_the_constant():
    branch = NGramBranch(N_TOKENS, 2, 2)
    branch.bias += torch.tensor([1.0, 2.0])
    assert torch.equal(branch(make_x(), LENGTHS), branch.bias.expand(5, 2))


def test_numbers_of_ngrams_have_63_bits():
    assert NGramBranch(2**31 - 5, 2, 1).has_room()
    assert not NGramBranch(2**31, 3, 1).has_room()
    assert not NGramBranch(1, 10**30, 1).has_room()
