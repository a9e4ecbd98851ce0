"""Texts: a sequence of tokens per sample, of another length than X."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import StepArray, lengths_to_offsets, read_texts
from sklearn_rnn._targets._base import Part, Targets
from sklearn_rnn._targets._validation import CLASSES
from sklearn_rnn.utils import Kind, read_state

_LEVELS = ("char", "word", "token")


@dataclass(frozen=True)
class Texts(StepArray):
    """Tokens of all texts, concatenated.

    Parameters
    ----------
    values : ndarray of shape (n_tokens_total,)
        Tokens as str or int, of type object.
    offsets, weight, numbers
        As for :class:`StepArray`.
    level : {"char", "word", "token"}, default="char"
        Unit of a token of a string; "token" if y has sequences of tokens.
    """

    level: str = "char"

    def __getitem__(self, rows: NDArray[np.intp]) -> "Texts":
        part = super().__getitem__(rows)
        return Texts(part.values, part.offsets, part.weight, part.numbers, self.level)

    def count_fewest_frames(self) -> NDArray[np.int64]:
        """Return the frames that CTC needs for each text.

        One per token, and one for a blank between equal neighbours.
        """
        repeats = np.zeros(len(self.values), np.int64)
        repeats[1:] = self.values[1:] == self.values[:-1]
        repeats[self.offsets[:-1][self.lengths > 0]] = 0
        sums = np.concatenate([[0], np.cumsum(repeats)])
        return self.lengths + np.diff(sums[self.offsets])


def split_texts(y: Any, level: str, name: str = "y") -> Texts:
    """Read strings, or sequences of tokens, and split the strings.

    Parameters
    ----------
    y : array-like of shape (n_samples,) of str, or of sequences of int or str
        Texts.
    level : {"char", "word"}
        Unit of a token of a string.
    name : str, default="y"
        Name of y in error messages.

    Returns
    -------
    texts : Texts
    """
    found: list[Any] = read_texts(y, name)
    if isinstance(found[0], str):
        found = [list(text) if level == "char" else text.split() for text in found]
    else:
        level = "token"
    offsets = lengths_to_offsets([len(tokens) for tokens in found])
    values = np.empty(offsets[-1], dtype=object)
    values[:] = [token for tokens in found for token in tokens]
    return Texts(values, offsets, np.ones(len(values)), level=level)


class TextTargets(Targets):
    """Texts over the tokens of the first fit.

    The network predicts the blank (column 0) and each token.
    """

    n_outputs = 1

    def read(self, y: Texts, name: str = "y") -> Texts:
        return y

    def fit(self, parts: Iterable[Part]) -> "TextTargets":
        ((y, _),) = parts
        tokens = set(y.values)
        kinds = {type(token) for token in tokens}
        if len(kinds) > 1:
            raise ValueError("y mixes integers and strings as tokens: use one type.")
        if not tokens:
            raise ValueError(
                f"{self.owner} needs at least one token in y, but all texts are empty."
            )
        dtype = object if str in kinds else np.int64
        self._set_tokens(np.array(sorted(tokens), dtype=dtype), y.level)
        return self

    def _set_tokens(self, classes: NDArray, level: str) -> None:
        self.classes, self.level = classes, level
        self.n_columns = 1 + len(classes)
        self._numbers = {token: k for k, token in enumerate(classes.tolist(), start=1)}

    def find_numbers(self, y: Texts, name: str = "y") -> NDArray[np.int64]:
        """Return the number of each token; 0 for those that are unknown."""
        if y.level != self.level:
            kinds = [
                "sequences of tokens" if level == "token" else "strings"
                for level in (y.level, self.level)
            ]
            raise ValueError(
                f"{name} has {kinds[0]}, but {self.owner} was fitted with {kinds[1]}."
            )
        get = self._numbers.get
        return np.array([get(token, 0) for token in y.values], dtype=np.int64)

    def encode(self, y: Texts, name: str = "y") -> StepArray:
        numbers = self.find_numbers(y, name)
        if not numbers.all():
            row = int(numbers.argmin())
            i, position = y.locate(row)
            raise ValueError(
                f"{name}[{i}] has {y.values[row]!r} at position {position}, which is "
                f"not among the tokens of fit: {self.classes.tolist()!r:.200}."
            )
        return StepArray(numbers, y.offsets, y.weight, y.numbers)

    def decode(self, predictions: list[NDArray[np.int64]]) -> NDArray:
        """Decode numbers of tokens into texts, or sequences of tokens."""
        result = np.empty(len(predictions), dtype=object)
        for i, numbers in enumerate(predictions):
            tokens = self.classes[numbers - 1]
            separator = " " if self.level == "word" else ""
            result[i] = tokens if self.level == "token" else separator.join(tokens)
        return result

    def score(
        self, encoded: StepArray, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        """Return the mean of log-likelihoods."""
        return float(np.average(predictions, weights=sample_weight))

    def to_state(self) -> dict[str, Any]:
        return {"classes": self.classes, "level": self.level}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "TextTargets":
        kinds = {
            "classes": CLASSES,
            "level": Kind(f"one of {_LEVELS}", lambda v, s: v in _LEVELS),
        }
        classes, level = read_state(state, "TextTargets", kinds)
        tokens = classes.tolist()
        kind = int if classes.dtype == np.int64 and level == "token" else str
        if not all(type(token) is kind for token in tokens) or not tokens:
            raise ValueError(f"the tokens of {owner} must be strings or integers.")
        if tokens != sorted(set(tokens)):
            raise ValueError(f"the tokens of {owner} must be in order, each once.")
        targets = cls(owner)
        targets._set_tokens(classes, level)
        return targets

    def attributes(self) -> dict[str, Any]:
        return {"classes_": self.classes}
