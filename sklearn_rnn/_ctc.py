"""CTC for one sequence: decoding, likelihood and alignment of texts. NumPy only.

`log_probability` has a row per frame and a column per token; column 0 is the blank.
Texts are numbers of tokens, from 1 on.
"""

import numpy as np
from numpy.typing import NDArray

_BLANK = 0


def decode_greedily(scores: NDArray) -> NDArray[np.int64]:
    """Return the text of the best token of each frame.

    Parameters
    ----------
    scores : ndarray of shape (n_frames, n_columns)
        Logits or log-probabilities.

    Returns
    -------
    tokens : ndarray of shape (n_tokens,)
        Repeated tokens are merged, then blanks are dropped.
    """
    best = scores.argmax(axis=1)
    begins = np.ones(len(best), dtype=bool)
    begins[1:] = best[1:] != best[:-1]
    return best[begins & (best != _BLANK)]


def search_beam(
    log_probability: NDArray[np.float64], beam_size: int
) -> NDArray[np.int64]:
    """Return the most probable text, by a beam search over prefixes.

    Parameters
    ----------
    log_probability : ndarray of shape (n_frames, n_columns)
        Log-probability of the blank and of each token.
    beam_size : int
        Number of prefixes that are kept after each frame.

    Returns
    -------
    tokens : ndarray of shape (n_tokens,)
        The text whose alignments have the largest sum of probabilities, if the beam is
        wide enough.

    References
    ----------
    A. Hannun, A. Maas, D. Jurafsky, A. Ng, "First-pass large vocabulary continuous
    speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873.
    """
    beam = _Beam()
    for frame in log_probability:
        beam.advance(frame, beam_size)
    return np.array(beam.prefixes[0], dtype=np.int64)


class _Beam:
    """Prefixes, the most probable first.

    Attributes
    ----------
    prefixes : list of tuple of int
        Texts so far.
    blank, token : ndarray of shape (n_prefixes,)
        Log-probability of all alignments that end with a blank, or a token.
    """

    def __init__(self) -> None:
        self.prefixes: list[tuple[int, ...]] = [()]
        self.blank, self.token = np.zeros(1), np.full(1, -np.inf)

    def advance(self, frame: NDArray[np.float64], size: int) -> None:
        """Read a frame, and keep the best prefixes."""
        n = len(self.prefixes)
        last = np.array([prefix[-1] if prefix else _BLANK for prefix in self.prefixes])
        total = np.logaddexp(self.blank, self.token)
        blank = total + frame[_BLANK]
        token = np.where(last == _BLANK, -np.inf, self.token + frame[last])
        longer = total[:, np.newaxis] + frame
        longer[np.arange(n), last] = self.blank + frame[last]  # a repeat needs a blank
        longer[:, _BLANK] = -np.inf
        places = {prefix: i for i, prefix in enumerate(self.prefixes)}
        for i, prefix in enumerate(self.prefixes):
            parent = places.get(prefix[:-1]) if prefix else None
            if parent is not None:  # two ways to the same prefix
                token[i] = np.logaddexp(token[i], longer[parent, last[i]])
                longer[parent, last[i]] = -np.inf
        scores = np.concatenate([np.logaddexp(blank, token), longer.ravel()])
        best = np.argsort(-scores, kind="stable")[:size]
        best = best[scores[best] > -np.inf]
        parents, added = np.divmod(best - n, len(frame))
        kept = best < n
        self.prefixes = [
            self.prefixes[k] if k < n else (*self.prefixes[parent], int(number))
            for k, parent, number in zip(best, parents, added, strict=True)
        ]
        own = np.where(kept, best, 0)
        self.blank = np.where(kept, blank[own], -np.inf)
        self.token = np.where(kept, token[own], scores[best])


def compute_log_likelihood(
    log_probability: NDArray[np.float64], tokens: NDArray[np.int64]
) -> float:
    """Return the log-probability of a text, the sum over all its alignments.

    Parameters
    ----------
    log_probability : ndarray of shape (n_frames, n_columns)
        Log-probability of the blank and of each token.
    tokens : ndarray of shape (n_tokens,)
        The text.

    Returns
    -------
    log_likelihood : float
        -inf if there are too few frames.
    """
    labels, may_skip = _list_states(tokens)
    alpha = _start(log_probability[0], labels)
    for frame in log_probability[1:]:
        arrived = np.logaddexp(alpha, _shift(alpha, 1))
        arrived = np.logaddexp(arrived, np.where(may_skip, _shift(alpha, 2), -np.inf))
        alpha = arrived + frame[labels]
    return float(np.logaddexp.reduce(alpha[-2:]))


def find_best_alignment(
    log_probability: NDArray[np.float64], tokens: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Return the frames of each token in the most probable alignment.

    Parameters
    ----------
    log_probability : ndarray of shape (n_frames, n_columns)
        Log-probability of the blank and of each token.
    tokens : ndarray of shape (n_tokens,)
        The text.

    Returns
    -------
    spans : ndarray of shape (n_tokens, 2) or None
        First frame, and the one after the last. None if there are too few frames.
    """
    labels, may_skip = _list_states(tokens)
    score = _start(log_probability[0], labels)
    moves = np.zeros((len(log_probability), len(labels)), np.int64)
    for t, frame in enumerate(log_probability[1:], start=1):
        skipped = np.where(may_skip, _shift(score, 2), -np.inf)
        arrived = np.stack([score, _shift(score, 1), skipped])
        moves[t] = arrived.argmax(axis=0)
        score = arrived.max(axis=0) + frame[labels]
    state = len(labels) - 1
    if len(labels) > 1 and score[-2] >= score[-1]:
        state -= 1
    if score[state] == -np.inf:
        return None
    states = np.empty(len(moves), np.int64)
    for t in range(len(moves) - 1, -1, -1):
        states[t] = state
        state -= moves[t, state]
    spans = [np.flatnonzero(states == 2 * k + 1) for k in range(len(tokens))]
    ends = [(frames[0], frames[-1] + 1) for frames in spans]
    return np.array(ends, np.int64).reshape(-1, 2)


def _list_states(
    tokens: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label of each state, and whether the blank before may be skipped.

    States are the tokens, with a blank before, between and after them.
    """
    labels = np.full(2 * len(tokens) + 1, _BLANK)
    labels[1::2] = tokens
    may_skip = np.zeros(len(labels), dtype=bool)
    may_skip[3::2] = tokens[1:] != tokens[:-1]
    return labels, may_skip


def _start(
    frame: NDArray[np.float64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    alpha = np.full(len(labels), -np.inf)
    alpha[:2] = frame[labels[:2]]
    return alpha


def _shift(x: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.concatenate([np.full(by, -np.inf), x])[: len(x)]
