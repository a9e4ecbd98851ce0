"""Sequences to numbers of tokens and back, inside the estimators that generate.

Token 0 is the step before the first and after the last, 1 is every unknown token, and
the vocabulary begins at 2.
"""

import re
from itertools import pairwise

import numpy as np

from sklearn_rnn._sequences import (
    RaggedArray,
    check_texts,
    lengths_to_offsets,
    step_index,
)
from sklearn_rnn.preprocessing import SequenceTokenizer
from sklearn_rnn.utils import TEXT, Kind, array_of, check_state, list_of, read_state

BOUNDARY, UNKNOWN, FIRST = 0, 1, 2
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_JOINER = "\N{HALFWIDTH BLACK SQUARE}"  # no space is before this word
_WORD = re.compile(r"\w+|[^\w\s]")


def holds_texts(X, name="X"):
    """Whether X is a collection of strings; one string is an error."""
    if isinstance(X, str | bytes):
        raise TypeError(
            f"{name} must be a list, 1-D array or Series of strings, one per sequence. "
            f"Got one {type(X).__name__}: pass [text] instead, or split a long text "
            "into pieces, as in text.split('\\n\\n')."
        )
    if hasattr(X, "to_pylist"):
        return any(isinstance(text, str) for text in X.to_pylist())
    is_flat = getattr(X, "ndim", 1) == 1 and not hasattr(X, "columns")
    if not is_flat or not hasattr(X, "__len__") or isinstance(X, RaggedArray | dict):
        return False
    return any(isinstance(text, str) for text in X)


def refuse_tables(X, estimator):
    """Refuse a table with a column of texts, and name the column."""
    for column in getattr(X, "columns", ()):
        values = list(X[column])
        if values and all(isinstance(value, str) for value in values):
            raise TypeError(
                f"X is a {type(X).__name__}. {type(estimator).__name__} takes texts: "
                f"pass its column, X[{column!r}]."
            )


def read_texts(X, name="X"):
    """Return texts as an array of objects, which is indexed by rows."""
    texts = check_texts(X, name)
    result = np.empty(len(texts), dtype=object)
    result[:] = texts
    return result


_INT = Kind("an int", lambda v, s: type(v) is int)
_TOKENS = Kind(
    "a list of different tokens in order, all int or all str",
    lambda v, s: (
        (list_of(_INT).fits(v, s) or list_of(TEXT).fits(v, s))
        and all(a < b for a, b in pairwise(v))
    ),
)
_IDS = Kind(
    "an ascending array of int64, none below 0",
    lambda v, s: (
        array_of("i").fits(v, s)
        and v.dtype == np.int64
        and bool((v >= 0).all() and (v[1:] > v[:-1]).all())
    ),
)


class TextCodec:
    """Strings to tokens and back.

    Parameters
    ----------
    level : {"char", "word", "subword"}
        Unit of a token. A word that follows the one before without a space between
        them has a mark, so that words are joined to the same text; white space between
        words becomes one space.
    max_tokens, min_count
        As for `SequenceTokenizer`.
    """

    def __init__(self, level, max_tokens, min_count):
        self.level = level
        self.tokenizer = SequenceTokenizer(
            split_words if level == "word" else level,
            max_tokens=max_tokens,
            min_count=min_count,
            lowercase=False,
        )

    def fit(self, texts):
        """Learn the vocabulary; return self."""
        self.tokenizer.fit(sorted(set(texts)))  # a copy is a weight of 2: not counted
        self._list_tokens()
        return self

    def _list_tokens(self):
        numbers = self.tokenizer.vocabulary_
        self.tokens = np.array([None, _REPLACEMENT, *sorted(numbers, key=numbers.get)])

    def to_state(self):
        """Return what was learned, as plain values."""
        learned = vars(self.tokenizer).keys() - self.tokenizer.get_params()
        values = {name: vars(self.tokenizer)[name] for name in learned}
        return self.tokenizer._pack_learned(values)

    def restore(self, state):
        """Learn from a state, or raise ValueError; return self."""
        learned = check_state(state, "TextCodec", self.tokenizer._learned)
        vars(self.tokenizer).update(self.tokenizer._unpack_learned(learned))
        self._list_tokens()
        if max(self.tokenizer.vocabulary_.values()) != len(self.tokens) - 1:
            raise ValueError("the ids of TextCodec must have no gaps.")
        return self

    def encode(self, texts, name="X"):
        """Return the tokens of each text as a RaggedArray; it may have empty ones."""
        ids = self.tokenizer.transform(texts)
        is_token = ids.values[:, 0] != self.tokenizer.padding_id_  # of an empty text
        offsets = lengths_to_offsets(is_token)[ids.offsets]
        return RaggedArray(ids.values[is_token], offsets)

    def decode(self, sequences, prompt=""):
        """Return an array of objects: the text of each list of tokens.

        With a prompt, the text continues it.
        """
        result = np.empty(len(sequences), dtype=object)
        if self.level == "word":
            for i, tokens in enumerate(sequences):
                result[i] = join_words(self.tokens[tokens], prompt)
        elif self.level == "char":
            get = self.tokens.tolist().__getitem__
            result[:] = [prompt + "".join(map(get, tokens)) for tokens in sequences]
        else:
            texts = self.tokenizer.inverse_transform([np.array(t) for t in sequences])
            result[:] = [prompt + text for text in texts]
        return result


class ListCodec:
    """Lists of tokens, all integers or all strings, to tokens and back."""

    def fit(self, sequences):
        """Learn which tokens there are; return self."""
        self.numbers = {
            token: i for i, token in enumerate(_list_distinct(sequences), start=FIRST)
        }
        self.tokens = np.array([None, _REPLACEMENT, *self.numbers], object)
        return self

    def to_state(self):
        """Return what was learned, as plain values."""
        return {"tokens": [t if isinstance(t, str) else int(t) for t in self.numbers]}

    def restore(self, state):
        """Learn from a state, or raise ValueError; return self."""
        (tokens,) = read_state(state, "ListCodec", {"tokens": _TOKENS})
        return self.fit([tokens])

    def encode(self, sequences, name="y"):
        """Return the tokens of each sequence as a RaggedArray."""
        get = self.numbers.get
        numbers = [[get(token, UNKNOWN) for token in found] for found in sequences]
        values = np.array([i for found in numbers for i in found], np.int64)
        offsets = lengths_to_offsets([len(found) for found in numbers])
        return RaggedArray(values[:, np.newaxis], offsets)

    def decode(self, sequences):
        """Return an array of objects: a list of tokens each."""
        result = np.empty(len(sequences), dtype=object)
        for i, tokens in enumerate(sequences):
            result[i] = self.tokens[tokens].tolist()
        return result


def _list_distinct(sequences):
    distinct = {token for found in sequences for token in found}
    if len({isinstance(token, str) for token in distinct}) > 1:
        raise TypeError("Tokens must be all integers or all strings.")
    return sorted(distinct)


class IdCodec:
    """Token ids to tokens and back."""

    def fit(self, X):
        """Learn which ids there are; return self."""
        return self._set_known(np.unique(X.values))

    def _set_known(self, known):
        self.known = known
        self.tokens = np.array([None, _REPLACEMENT, *known.tolist()], object)
        return self

    def to_state(self):
        """Return what was learned, as plain values."""
        return {"known": self.known}

    def restore(self, state):
        """Learn from a state, or raise ValueError; return self."""
        return self._set_known(*read_state(state, "IdCodec", {"known": _IDS}))

    def encode(self, X, name="X"):
        """Return the tokens of each sequence as a RaggedArray."""
        place = np.searchsorted(self.known, X.values)
        found = self.known[np.minimum(place, len(self.known) - 1)] == X.values
        return RaggedArray(np.where(found, place + FIRST, UNKNOWN), X.offsets)

    def decode(self, sequences, prompt=()):
        """Return a RaggedArray of ids; with a prompt, they continue it."""
        ids = [
            np.concatenate([prompt, self.known[np.array(tokens, int) - FIRST]])
            for tokens in sequences
        ]
        return RaggedArray.from_sequences(
            [sequence.astype(np.int64) for sequence in ids]
        )


def shift(X, *, end):
    """Return what the network reads at each step, the step before, and its targets.

    Parameters
    ----------
    X : RaggedArray
        Tokens or notes.
    end : bool
        Whether each sequence has one more step, whose target is zeros: `BOUNDARY`.

    Returns
    -------
    inputs : RaggedArray
        Zeros at the first step of each sequence.
    targets : RaggedArray
    """
    lengths = X.lengths + bool(end)
    offsets = lengths_to_offsets(lengths)
    targets = np.zeros((offsets[-1], X.n_features), X.dtype)
    targets[step_index(offsets[:-1], X.lengths)] = X.values
    inputs = np.zeros_like(targets)
    inputs[1:] = targets[:-1]
    inputs[offsets[:-1][lengths > 0]] = 0
    return RaggedArray(inputs, offsets), RaggedArray(targets, offsets)


def split_words(text):
    """Return words and punctuation marks, with a mark where no space is before them."""
    words, end = [], 0
    for match in _WORD.finditer(text):
        joins = match.start() == end > 0
        words.append(_JOINER + match[0] if joins else match[0])
        end = match.end()
    return words


def remove_joiner(word):
    """Return a word from `split_words` without its mark, for display."""
    return word[1:] if len(word) > 1 and word[0] == _JOINER else word


def join_words(words, prompt=""):
    """Return the text of words from `split_words`, after a prompt."""
    parts = [prompt] if prompt else []
    for word in words:
        if len(word) > 1 and word[0] == _JOINER:
            parts.append(word[1:])
        else:
            needs_space = bool(parts) and not parts[-1][-1:].isspace()
            parts.append(" " * needs_space + word)
    return "".join(parts)
