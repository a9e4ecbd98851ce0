"""One number, or several, a step."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import StepArray
from sklearn_rnn._targets._base import Part, Targets, list_known
from sklearn_rnn._targets._numbers import NumberTargets


class StepNumberTargets(Targets):
    """Numbers at each step, encoded as :class:`NumberTargets` does.

    Parameters
    ----------
    numbers : NumberTargets
        Reads the numbers of all steps as it reads those of sequences.
    """

    def __init__(self, numbers: NumberTargets) -> None:
        super().__init__(numbers.owner)
        self.numbers = numbers

    def read(self, y: StepArray, name: str = "y") -> StepArray:
        known = y.weight > 0
        numbers = self.numbers.read(y.values[known], name)
        values = np.zeros((len(y.values), *numbers.shape[1:]))
        values[known] = numbers
        return StepArray(values, y.offsets, y.weight)

    def fit(self, parts: Iterable[Part]) -> "StepNumberTargets":
        self.numbers.fit((y.values, weight) for y, weight in parts)
        self._count_outputs()
        return self

    def to_state(self) -> dict[str, Any]:
        return self.numbers.to_state()

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "StepNumberTargets":
        targets = cls(NumberTargets.from_state(state, owner, parameters))
        targets._count_outputs()
        return targets

    def _count_outputs(self) -> None:
        self.n_outputs, self.n_columns = self.numbers.n_outputs, self.numbers.n_columns

    def fit_scale(self, parts: Iterable[Part]) -> "StepNumberTargets":
        self.numbers.fit_scale(list_known(y, weight) for y, weight in parts)
        return self

    def encode(self, y: StepArray, name: str = "y") -> StepArray:
        known = y.weight > 0
        encoded = np.zeros((len(y.values), self.n_outputs), np.float32)
        encoded[known] = self.numbers.encode(y.values[known], name)
        return StepArray(encoded, y.offsets, y.weight)

    def decode(self, predictions: NDArray) -> NDArray[np.float64]:
        return self.numbers.decode(predictions)

    def decode_std(self, deviations: NDArray) -> NDArray[np.float64]:
        """Return standard deviations in the units of y."""
        return self.numbers.decode_std(deviations)

    def score(
        self, encoded: StepArray, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        return self.numbers.score(
            encoded.values, predictions, encoded.repeat(sample_weight)
        )
