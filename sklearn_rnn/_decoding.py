"""Sequences from a network, step by step: random draws, and beams.

A *decoder* has three methods:

- ``start(n_rows)`` returns the state before the first step;
- ``step(tokens, state)`` returns log probabilities of the next token, a float64 array
  of shape (n_rows, n_tokens), and the state after;
- ``reorder(state, rows)`` returns the state of some rows.

A decoder of sets has binary arrays of shape (n_rows, n_notes) instead of tokens, and
``step`` returns log odds. That of a beam returns `Candidates` instead.
"""

from typing import NamedTuple

import numpy as np

_AT_ONCE = 64  # random numbers of a row that are drawn


class Settings(NamedTuple):
    """How tokens are drawn.

    Parameters
    ----------
    temperature : float
        Log probabilities are divided by it; 0: the most probable token.
    top_k : int or None
        Number of tokens that can be drawn.
    top_p : float or None
        Probability of the most probable tokens, that can be drawn.
    forbidden : ndarray of int
        Tokens that cannot be drawn.
    """

    temperature: float
    top_k: int | None
    top_p: float | None
    forbidden: np.ndarray


class Uniforms:
    """Uniform random numbers of several rows, step by step.

    Row i of all has its own stretch of each stream of numbers. So its numbers depend
    neither on how many rows there are, nor on those that have been left out.

    Parameters
    ----------
    seed : int
    rows : range
        Numbers of the rows.
    size : int, default=1
        How many numbers a row needs for a step.
    """

    def __init__(self, seed, rows, size=1):
        self.seed, self.rows, self.size = seed, rows, size
        self.kept = np.arange(len(rows))
        self.n_at_once = max(1, _AT_ONCE // size)
        self.n_steps = 0

    def next(self):
        """Return the numbers of a step, (n_rows, size)."""
        block, step = divmod(self.n_steps, self.n_at_once)
        if step == 0:
            self.drawn = self._draw(block)[self.kept]
        self.n_steps += 1
        return self.drawn[:, step]

    def _draw(self, block):
        bits = np.random.PCG64([self.seed, block])
        bits.advance(self.rows.start * self.n_at_once * self.size)
        shape = len(self.rows), self.n_at_once, self.size
        return np.random.Generator(bits).random(shape)

    def keep(self, rows):
        """Leave out all rows but some."""
        self.kept, self.drawn = self.kept[rows], self.drawn[rows]


def draw(decoder, first, max_length, settings, uniforms, *, end=None, stops=None):
    """Draw sequences of tokens.

    Parameters
    ----------
    decoder : object
        See the beginning of this file.
    first : tuple of (log probabilities, state)
        As ``decoder.step`` returns them, after the prompt.
    max_length : int
        Maximum number of tokens of a row.
    settings : Settings
    uniforms : Uniforms
    end : int or None, default=None
        Token that ends a row. It is drawn, but not returned.
    stops : callable or None, default=None
        ``stops(tokens)`` says whether a row is complete without `end`.

    Returns
    -------
    tokens : list of list of int
    log_probability : ndarray of shape (n_rows,)
        Sum over the tokens that were drawn, including `end`, in the order of steps.
    """
    log_p, state = first
    drawn = _Rows(len(log_p))
    total, active = np.zeros(len(log_p)), np.arange(len(log_p))
    for _ in range(max_length):
        chosen = choose(log_p, settings, uniforms.next()[:, 0])
        total[active] += log_p[np.arange(len(active)), chosen]
        goes_on = chosen != (-1 if end is None else end)
        drawn.append(active[goes_on], chosen[goes_on])
        if stops is not None:
            goes_on &= [not stops(drawn.get(i)) for i in active]
        kept = np.flatnonzero(goes_on)
        if len(kept) == 0:
            break
        if len(kept) < len(active):
            state = decoder.reorder(state, kept)
            active, chosen = active[kept], chosen[kept]
            uniforms.keep(kept)
        log_p, state = decoder.step(chosen, state)
    return [drawn.get(i) for i in range(len(total))], total


class _Rows:
    """Rows of tokens that grow by one at a time."""

    def __init__(self, n_rows):
        self.values = np.empty((n_rows, 16), int)
        self.lengths = np.zeros(n_rows, int)

    def append(self, rows, tokens):
        """Append tokens to some rows, all of the same length."""
        if len(rows) == 0:
            return
        place = self.lengths[rows[0]]
        if place == self.values.shape[1]:
            self.values = np.concatenate([self.values, self.values], axis=1)
        self.values[rows, place] = tokens
        self.lengths[rows] += 1

    def get(self, row):
        """Return the tokens of a row as a list."""
        return self.values[row, : self.lengths[row]].tolist()


def choose(log_p, settings, uniform):
    """Return the token of each row at which its distribution exceeds a number.

    Parameters
    ----------
    log_p : ndarray of shape (n_rows, n_tokens)
    settings : Settings
    uniform : ndarray of shape (n_rows,)
        From 0 to below 1.

    Returns
    -------
    tokens : ndarray of int of shape (n_rows,)
    """
    log_p = log_p.copy()
    log_p[:, settings.forbidden] = -np.inf
    if settings.temperature == 0:
        return log_p.argmax(axis=1)
    scaled = (log_p - log_p.max(axis=1, keepdims=True)) / settings.temperature
    p = np.exp(scaled)
    if settings.top_k is not None or settings.top_p is not None:
        p = _truncate(p, settings)
    cumulated = p.cumsum(axis=1)
    total = cumulated[:, -1]
    limit = np.minimum(uniform * total, np.nextafter(total, 0))
    return (cumulated <= limit[:, np.newaxis]).sum(axis=1)


def _truncate(p, settings):
    """Return p with zeros for all but the most probable tokens."""
    order = np.argsort(-p, axis=1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=1)
    kept = np.ones_like(ordered, dtype=bool)
    if settings.top_k is not None:
        kept[:, settings.top_k :] = False
    if settings.top_p is not None:
        before = ordered.cumsum(axis=1) - ordered
        kept &= before < settings.top_p * ordered.sum(axis=1, keepdims=True)
    result = np.zeros_like(p)
    np.put_along_axis(result, order, np.where(kept, ordered, 0), axis=1)
    return result


def draw_sets(decoder, first, n_steps, temperature, uniforms):
    """Draw sequences of sets, the notes of a step each by itself.

    Parameters
    ----------
    decoder : object
        See the beginning of this file.
    first : tuple of (log odds, state)
    n_steps : int
    temperature : float
        Log odds are divided by it; 0: the notes with a probability above 0.5.
    uniforms : Uniforms
        As many numbers of a row as there are notes.

    Returns
    -------
    notes : ndarray of shape (n_rows, n_steps, n_notes)
        0 or 1.
    log_probability : ndarray of shape (n_rows,)
        Sum over steps and notes.
    """
    log_odds, state = first
    n_rows, n_notes = log_odds.shape
    notes, total = np.zeros((n_rows, n_steps, n_notes), np.float32), np.zeros(n_rows)
    for t in range(n_steps):
        chosen = _choose_notes(log_odds, temperature, uniforms.next())
        log_p = -np.logaddexp(0, np.where(chosen, -log_odds, log_odds)).sum(axis=1)
        total += log_p.astype(np.float32)  # in the precision of `score_samples`
        notes[:, t] = chosen
        if t < n_steps - 1:
            log_odds, state = decoder.step(notes[:, t], state)
    return notes, total


def _choose_notes(log_odds, temperature, uniform):
    if temperature == 0:
        return log_odds > 0
    with np.errstate(over="ignore"):  # exp(inf): a probability of 0
        p = 1 / (1 + np.exp(-log_odds / temperature))
    return uniform < p


class Candidates(NamedTuple):
    """The most probable next tokens of each row, the best first.

    A beam of some hypotheses needs as many of each one.

    Parameters
    ----------
    log_p : ndarray of shape (n_rows, n_candidates)
        Log probabilities, float64.
    tokens : ndarray of int of shape (n_rows, n_candidates)
    """

    log_p: np.ndarray
    tokens: np.ndarray


class Hypothesis(NamedTuple):
    """A sequence that `beam` has found.

    Parameters
    ----------
    tokens : list of int
        Without the end.
    log_probability : float
        Sum over the tokens, the end included.
    score : float
        Divided by the number of tokens to the power of the length penalty.
    is_complete : bool
        Whether it has an end.
    """

    tokens: list
    log_probability: float
    score: float
    is_complete: bool


def beam(decoder, first, width, max_length, *, end, length_penalty):
    """Search for probable sequences, several at each step.

    A hypothesis that has ended stays in the beam, unless `width` others have a higher
    score. A search ends when all its hypotheses have.

    Parameters
    ----------
    decoder : object
        See the beginning of this file. There are `width` rows for each search, after
        each other.
    first : tuple of (Candidates, state)
        Before the first token; the rows of a search are equal.
    width : int
        Number of hypotheses of a search.
    max_length : int
        Maximum number of tokens, the end included.
    end : int
        Token that ends a hypothesis.
    length_penalty : float
        0: hypotheses are compared by log probability; 1: by its mean per token.

    Returns
    -------
    hypotheses : list of list of Hypothesis
        Those of each search, the best first.
    """
    candidates, state = first
    n = len(candidates.log_p) // width
    beams = _Beams.start(n, width)
    results, active = [None] * n, np.arange(n)
    for _ in range(max_length):
        beams, rows = beams.extend(candidates, end, length_penalty)
        done = beams.have_ended()
        for k in np.flatnonzero(done):
            results[active[k]] = beams.list_hypotheses(k, length_penalty)
        kept = np.flatnonzero(~done)
        active, beams = active[kept], beams.take(kept)
        if len(kept) == 0:
            break
        state = decoder.reorder(state, rows[kept].ravel())
        candidates, state = decoder.step(beams.tokens[:, :, -1].ravel(), state)
    for k, i in enumerate(active):
        results[i] = beams.list_hypotheses(k, length_penalty)
    return results


class _Beams(NamedTuple):
    """Hypotheses of several searches, (n_searches, width)."""

    tokens: np.ndarray  # (n_searches, width, n_steps)
    total: np.ndarray  # sum of log probabilities
    lengths: np.ndarray  # number of tokens, the end included
    ended: np.ndarray

    @classmethod
    def start(cls, n, width):
        """Return beams with one possible hypothesis: that without a token."""
        total = np.full((n, width), -np.inf)
        total[:, 0] = 0
        zeros = np.zeros((n, width), int)
        return cls(np.zeros((n, width, 0), int), total, zeros, zeros > 0)

    def take(self, searches):
        return _Beams(*(field[searches] for field in self))

    def extend(self, candidates, end, length_penalty):
        """Return the best hypotheses with one more token, and the rows they extend."""
        n, width = self.total.shape
        log_p, tokens = (field.reshape(n, width, -1) for field in candidates)
        log_p[self.ended] = -np.inf
        log_p[self.ended, 0], tokens[self.ended, 0] = 0, end  # at no cost
        total = self.total[:, :, np.newaxis] + log_p
        lengths = self.lengths + ~self.ended
        score = total / (lengths**length_penalty)[:, :, np.newaxis]
        best = _find_largest(score.reshape(n, -1), width)
        source, place = np.divmod(best, log_p.shape[2])
        index = np.arange(n)[:, np.newaxis]
        token = tokens[index, source, place]
        beams = _Beams(
            np.concatenate(
                [self.tokens[index, source], token[..., np.newaxis]], axis=2
            ),
            np.take_along_axis(total.reshape(n, -1), best, axis=1),
            lengths[index, source],
            self.ended[index, source] | (token == end),
        )
        return beams, index * width + source

    def have_ended(self):
        """Return which searches have ended; impossible hypotheses do not go on."""
        return (self.ended | np.isinf(self.total)).all(axis=1)

    def list_hypotheses(self, k, length_penalty):
        """Return the possible hypotheses of a search, the best first."""
        found = []
        for j in np.flatnonzero(~np.isinf(self.total[k])):
            n_tokens, ended = int(self.lengths[k, j]), bool(self.ended[k, j])
            tokens = self.tokens[k, j, : n_tokens - ended].tolist()
            total = float(self.total[k, j])
            score = total / n_tokens**length_penalty
            found.append(Hypothesis(tokens, total, score, ended))
        return sorted(found, key=lambda h: -h.score)


def _find_largest(values, k):
    """Return the positions of the k largest values of each row, the largest first."""
    found = np.argpartition(-values, k - 1, axis=1)[:, :k]
    largest = np.take_along_axis(values, found, axis=1)
    order = np.lexsort((found, -largest), axis=1)
    return np.take_along_axis(found, order, axis=1)
