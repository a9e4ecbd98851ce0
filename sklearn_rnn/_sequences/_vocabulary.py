"""Which tokens or categories there are, and the row of an embedding for each."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import RaggedArray, group_columns
from sklearn_rnn.utils import BOOL, COUNT, Kind, array_of, list_of, read_state

_STATE = {
    "columns": Kind(
        "a list of different columns in order",
        lambda v, s: list_of(COUNT).fits(v, s) and len(v) > 0 and v == sorted(set(v)),
    ),
    "known": list_of(
        Kind(
            "an ascending array of int64 or float32",
            lambda v, s: (
                array_of("if").fits(v, s)
                and v.dtype in (np.int64, np.float32)
                and bool((v[1:] > v[:-1]).all())
            ),
        )
    ),
    "has_rare_values": BOOL,
}
_FEW = 100  # occurrences
_AT_A_TIME = 1 << 18  # steps
_ALWAYS_KNOWN = 2**31  # sequences, where nobody counts them


class Vocabulary:
    """Values of some columns in ascending order: value k has row k + 1, others row 0.

    The columns of characters have one vocabulary together. There, 0 stays 0, the end of
    the word, an unknown character has row 1, and value k has row k + 2.

    Parameters
    ----------
    parts : iterable of RaggedArray
        Steps, with token ids or categories in some columns.
    columns : sequence of int
        Which columns.
    characters : range or None, default=None
        Those among them that spell a word, a character each.
    min_sequences : int, default=1
        Number of different sequences that a value must occur in to be known, except a
        character. If no value of a column does, all are known.
    """

    def __init__(
        self,
        parts: Iterable[RaggedArray],
        columns: Sequence[int],
        characters: range | None = None,
        min_sequences: int = 1,
    ) -> None:
        self.groups = group_columns(columns, characters)
        self.columns = list(columns)
        found: list[list[_Values]] = [[] for _ in self.groups]
        n_steps, seen = 0, set[bytes]()
        for X in parts:
            if min_sequences > 1:
                X = _drop_repetitions(X, seen)
            n_steps += len(X.values)
            for values, group in zip(found, self.groups, strict=True):
                values.append(_list_values(X, group, counts=min_sequences > 1))
        self.known = [_choose_known(values, min_sequences) for values in found]
        largest = max(map(len, self.known))
        self.has_rare_values = n_steps < _FEW * largest

    def to_state(self) -> dict[str, Any]:
        """Return the attributes, as plain values."""
        return {name: getattr(self, name) for name in _STATE}

    @classmethod
    def from_state(cls, state: Any, characters: range | None) -> "Vocabulary":
        """Return the vocabulary of a state, or raise ValueError."""
        vocabulary = cls.__new__(cls)
        vars(vocabulary).update(
            zip(_STATE, read_state(state, "Vocabulary", _STATE), strict=True)
        )
        vocabulary.groups = group_columns(vocabulary.columns, characters)
        if len(vocabulary.groups) != len(vocabulary.known):
            raise ValueError(
                f"'known' of Vocabulary must have {len(vocabulary.groups)} arrays. Got "
                f"{len(vocabulary.known)} instead."
            )
        return vocabulary

    def encode(self, X: RaggedArray) -> RaggedArray:
        """Return X with rows of the embeddings in the columns of the vocabulary."""
        values = X.values.copy()
        for start in range(0, len(values), _AT_A_TIME):
            self._encode_in_place(values[start : start + _AT_A_TIME])
        return RaggedArray(values, X.offsets)

    def _encode_in_place(self, values: NDArray) -> None:
        for columns, known in zip(self.groups, self.known, strict=True):
            given = values[:, columns]
            rows = _find_rows(known, given)
            if len(columns) > 1:
                rows = np.where(given == 0, 0, rows + 1)
            values[:, columns] = rows


def _drop_repetitions(X: RaggedArray, seen: set[bytes]) -> RaggedArray:
    """Return each different sequence once: a copy counts as much as a weight of 2.

    `seen` has a digest of each sequence of the parts before, and of X afterwards.
    """
    kept = []
    for i, sequence in enumerate(X):
        digest = blake2b(sequence.tobytes(), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            kept.append(i)
    return X if len(kept) == len(X) else X[kept]


class _Values(NamedTuple):
    """Values of a group of columns, ascending, and how many sequences have each."""

    values: NDArray
    n_sequences: NDArray[np.int64]


def _list_values(X: RaggedArray, columns: list[int], *, counts: bool) -> _Values:
    """Return the values of a group of columns; without 0, the end of a word."""
    parts = [(X.values[:0], X.lengths[:0]), *_cut(X)]
    values = np.unique(
        np.concatenate([np.unique(part[:, columns]) for part, _ in parts])
    )
    if len(columns) > 1:
        values = values[values != 0]
    if len(columns) > 1 or not counts:
        return _Values(values, np.full(len(values), _ALWAYS_KNOWN))
    n_sequences = np.zeros(len(values), np.int64)
    for part, lengths in parts[1:]:
        number = np.searchsorted(values, part[:, columns[0]])
        sequence = np.repeat(np.arange(len(lengths)), lengths)
        pairs = np.unique(sequence * len(values) + number)  # a sequence and a value
        n_sequences += np.bincount(pairs % len(values), minlength=len(values))
    return _Values(values, n_sequences)


def _cut(X: RaggedArray) -> Iterator[tuple[NDArray, NDArray[np.int64]]]:
    """Yield some sequences at a time, and their lengths: to sort all takes memory."""
    starts = np.searchsorted(X.offsets, np.arange(0, X.offsets[-1], _AT_A_TIME))
    for a, b in pairwise(np.union1d(starts, len(X))):
        yield X.values[X.offsets[a] : X.offsets[b]], X.lengths[a:b]


def _choose_known(found: list[_Values], min_sequences: int) -> NDArray:
    """Return the known values of a group of columns, in ascending order."""
    known, number = np.unique(
        np.concatenate([part.values for part in found]), return_inverse=True
    )
    counts = np.concatenate([part.n_sequences for part in found])
    n_sequences = np.bincount(number, counts, minlength=len(known))
    frequent = known[n_sequences >= min_sequences]
    return frequent if len(frequent) else known


def _find_rows(known: NDArray, given: NDArray) -> NDArray[np.intp]:
    """Return 1 for the first known value, and so on; 0 for an unknown one."""
    if len(known) == 0:
        return np.zeros(given.shape, np.intp)
    row = np.searchsorted(known, given)
    found = known[np.minimum(row, len(known) - 1)] == given
    return np.where(found, row + 1, 0)
