"""CTC: loss, likelihood, alignment and beam search against sums over all paths."""

from itertools import groupby, product

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp
from torch.nn import functional

from sklearn_rnn._ctc import (
    compute_log_likelihood,
    decode_greedily,
    find_best_alignment,
    search_beam,
)
from sklearn_rnn.nn import CTC
from sklearn_rnn.nn._models import Frames

TEXTS = [(), (1,), (2,), (1, 2), (1, 1), (2, 1, 2), (1, 1, 2), (2, 2, 2)]


def collapse(path):
    return tuple(token for token, _ in groupby(path) if token != 0)


def sum_paths(log_probability):
    """Return the log-probability of every text, summed over all paths."""
    n_frames, n_columns = log_probability.shape
    sums = {}
    for path in product(range(n_columns), repeat=n_frames):
        score = log_probability[range(n_frames), path].sum()
        sums.setdefault(collapse(path), []).append(score)
    return {text: logsumexp(scores) for text, scores in sums.items()}


def draw_frames(n_frames, n_columns=3, seed=0, scale=2.0):
    scores = scale * np.random.default_rng(seed).normal(size=(n_frames, n_columns))
    return log_softmax(scores, axis=1)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 6])
def test_likelihood_equals_sum_over_paths(n_frames):
    frames = draw_frames(n_frames)
    sums = sum_paths(frames)
    for text in {*sums, *TEXTS}:
        found = compute_log_likelihood(frames, np.array(text, np.int64))
        assert found == pytest.approx(sums.get(text, -np.inf), rel=1e-12)
    assert logsumexp(list(sums.values())) == pytest.approx(0, abs=1e-12)


def make_batch(dtype=torch.float64):
    """Return scores of rows of different length, and texts, the first one empty."""
    lengths = [3, 6, 5, 1, 6]
    texts = [(), (1, 1, 2), (2, 2), (1,), (2, 1, 2)]
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 6, 3, generator=generator, dtype=dtype) * 2
    target = torch.full((5, 3), -1)
    for row, text in zip(target, texts, strict=True):
        row[: len(text)] = torch.tensor(text)
    return scores, torch.tensor(lengths), target, texts


def test_loss_equals_sum_over_paths():
    scores, lengths, target, texts = make_batch()
    losses = CTC()(Frames(scores, lengths), target)
    for row, n, text, loss in zip(scores, lengths, texts, losses, strict=True):
        sums = sum_paths(log_softmax(row[:n].numpy(), axis=1))
        assert loss.item() == pytest.approx(-sums[text], rel=1e-12)


def test_loss_equals_torch_on_log_probabilities():
    scores, lengths, target, _ = make_batch()
    losses = CTC()(Frames(scores, lengths), target)
    n_tokens = (target >= 0).sum(1)
    expected = functional.ctc_loss(
        scores.log_softmax(2).transpose(0, 1),
        target[target >= 0],
        lengths,
        n_tokens,
        reduction="none",
    )
    torch.testing.assert_close(losses, expected)


def test_gradient_of_logits_is_right_and_zero_at_padding():
    scores, lengths, target, _ = make_batch()
    scores.requires_grad_()

    def compute(x):
        return CTC()(Frames(x, lengths), target)

    assert torch.autograd.gradcheck(compute, scores)
    compute(scores).sum().backward()
    for row, n in zip(scores.grad, lengths, strict=True):
        assert not row[n:].any()
        torch.testing.assert_close(row.sum(1), torch.zeros(6).double())  # of a softmax


def test_loss_of_a_row_is_independent_of_padding_and_batch():
    scores, lengths, target, texts = make_batch(torch.float32)
    losses = CTC()(Frames(scores, lengths), target)
    for row, n, text, loss in zip(scores, lengths, texts, losses, strict=True):
        alone = torch.tensor([text], dtype=torch.int64)
        assert CTC()(Frames(row[None, :n], None), alone).item() == loss.item()


@pytest.mark.parametrize("seed", range(8))
def test_wide_beam_finds_the_most_probable_text(seed):
    frames = draw_frames(5, seed=seed, scale=0.5)
    sums = sum_paths(frames)
    best = max(sums, key=sums.get)
    assert tuple(search_beam(frames, len(sums))) == best


def test_beam_sums_over_alignments_where_greedy_does_not():
    frames = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert decode_greedily(frames).tolist() == []  # 0.36
    assert search_beam(frames, 4).tolist() == [1]  # 0.16 + 2 * 0.24


def test_narrow_beams_on_long_sequences_are_no_worse_than_greedy():
    frames = draw_frames(60, n_columns=6, scale=3.0)
    likelihoods = [
        compute_log_likelihood(frames, tokens)
        for tokens in (
            decode_greedily(frames),
            *(search_beam(frames, k) for k in (4, 16)),
        )
    ]
    assert likelihoods[0] <= likelihoods[1] <= likelihoods[2]


def test_greedy_decoding_merges_repeats_and_drops_blanks():
    path = [0, 1, 1, 0, 1, 2, 2, 0, 0]
    assert decode_greedily(np.eye(3)[path]).tolist() == [1, 1, 2]


@pytest.mark.parametrize("text", TEXTS)
def test_alignment_is_the_most_probable_path_of_a_text(text):
    frames = draw_frames(5, seed=3)
    paths = [p for p in product(range(3), repeat=5) if collapse(p) == text]
    spans = find_best_alignment(frames, np.array(text, np.int64))
    if not paths:
        assert spans is None
        return
    best = max(paths, key=lambda path: frames[range(5), path].sum())
    expected, begin = [], 0
    for token, run in groupby(best):
        end = begin + len(list(run))
        if token:
            expected.append([begin, end])
        begin = end
    assert spans.tolist() == expected
    assert spans.shape == (len(text), 2)


def test_long_sequences_do_not_underflow():
    frames = np.full((5000, 4), np.log(0.25))
    tokens = np.tile([1, 2, 3], 100)
    expected = functional.ctc_loss(
        torch.from_numpy(frames)[:, None],
        torch.from_numpy(tokens)[None],
        torch.tensor([5000]),
        torch.tensor([300]),
        reduction="none",
    )
    found = compute_log_likelihood(frames, tokens)
    assert found == pytest.approx(-expected.item(), rel=1e-10)
