"""Several labels a step, each 0 or 1."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from sklearn_rnn._sequences import StepArray
from sklearn_rnn._targets._base import Part, Targets
from sklearn_rnn._targets._validation import read_n_outputs


class StepLabelTargets(Targets):
    """A set of labels at each step: columns of 0 and 1."""

    def read(self, y: StepArray, name: str = "y") -> StepArray:
        return y

    def fit(self, parts: Iterable[Part]) -> "StepLabelTargets":
        y = next(iter(parts))[0]
        self._set_columns(y.values.shape[1])
        return self

    def _set_columns(self, n_columns: int) -> None:
        self.n_outputs = self.n_columns = n_columns
        self.classes = np.arange(n_columns)

    def to_state(self) -> dict[str, Any]:
        return {"n_outputs": self.n_outputs}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "StepLabelTargets":
        targets = cls(owner)
        targets._set_columns(read_n_outputs(state, "StepLabelTargets"))
        return targets

    def encode(self, y: StepArray, name: str = "y") -> StepArray:
        if y.values.ndim != 2 or y.values.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} must have {self.n_outputs} columns of 0 and 1 a step, as in "
                f"the first fit. Got steps of shape {y.values.shape[1:]}."
            )
        known = y.weight > 0
        numeric = y.values.dtype.kind in "biuf"
        right = np.isin(y.values, (0, 1)).all(axis=1) if numeric else ~known
        bad = known & ~right
        if bad.any():
            row = int(bad.argmax())
            i, step = y.locate(row)
            raise ValueError(
                f"{name} must have columns of 0 and 1. {name}[{i}] has "
                f"{y.values[row].tolist()} at step {step}."
            )
        numbers = np.zeros(y.values.shape, np.float32)
        numbers[known] = y.values[known]
        return StepArray(numbers, y.offsets, y.weight)

    def decode(self, predictions: NDArray) -> NDArray[np.int64]:
        return (predictions > 0.5).astype(int)

    def score(
        self, encoded: StepArray, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        weight = encoded.repeat(sample_weight)
        return accuracy_score(
            encoded.values > 0.5, predictions > 0.5, sample_weight=weight
        )

    def attributes(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs, "classes_": self.classes}
