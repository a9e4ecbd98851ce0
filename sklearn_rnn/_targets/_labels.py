"""Several labels a sequence, each 0 or 1."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from sklearn_rnn._targets._base import Part, Targets
from sklearn_rnn._targets._classes import ClassTargets
from sklearn_rnn._targets._validation import (
    MULTILABEL,
    check_labels,
    class_weight_error,
    read_n_outputs,
    warn_if_one_hot,
)


class LabelTargets(Targets):
    """A set of labels: a matrix of 0 and 1, a column a label.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    class_weight : dict, "balanced" or None
        As the parameter of the estimator.
    """

    def __init__(self, owner: str, class_weight: Any = None) -> None:
        super().__init__(owner)
        self.class_weight = class_weight

    def read(self, y: Any, name: str = "y") -> NDArray:
        y, kind = check_labels(y, self.owner, name)
        if kind != MULTILABEL:
            raise ValueError(
                f"{name} must be a matrix of 0 and 1, as in the first fit. Got {kind} "
                f"{name} of shape {y.shape} instead."
            )
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"{name} must be a matrix of 0 and 1, a column a label. Got the values "
                f"{np.unique(y).tolist()} instead: compare with one of them, as in "
                f"({name} == {y.max()}).astype(int)."
            )
        return y

    def fit(self, parts: Iterable[Part]) -> "LabelTargets":
        matrices = [y for y, _ in parts]
        warn_if_one_hot(matrices)
        self._set_columns(matrices[0].shape[1])
        return self

    def _set_columns(self, n_columns: int) -> None:
        self.n_outputs = self.n_columns = n_columns
        self.classes = np.arange(n_columns)

    def to_state(self) -> dict[str, Any]:
        return {"n_outputs": self.n_outputs}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "LabelTargets":
        targets = cls(owner, parameters["class_weight"])
        targets._set_columns(read_n_outputs(state, "LabelTargets"))
        return targets

    def encode(self, y: NDArray, name: str = "y") -> NDArray[np.float32]:
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} must be a matrix of 0 and 1 with {self.n_outputs} columns, as "
                f"in the first fit. Got {name} of shape {y.shape} instead."
            )
        return y.astype(np.float32)

    def decode(self, predictions: NDArray) -> NDArray[np.int64]:
        return (predictions > 0.5).astype(int)

    def score(
        self, encoded: Any, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        predicted = predictions > 0.5
        return accuracy_score(encoded > 0.5, predicted, sample_weight=sample_weight)

    def find_factors(self, parts: Iterable[Part]) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, dict):
            raise class_weight_error(
                "be 'balanced' or None for multilabel y, whose columns are no classes",
                self.class_weight,
                self.owner,
            )
        counts = np.zeros((2, self.n_outputs))
        for matrix, _ in parts:
            counts += [(matrix == value).sum(axis=0) for value in (0, 1)]
        factors = np.ones(counts.shape)
        for j in range(self.n_outputs):
            present = np.flatnonzero(counts[:, j])
            factors[present, j] = compute_class_weight(
                self.class_weight,
                classes=present,
                y=present,
                sample_weight=counts[present, j],
            )
        return factors

    def weigh(
        self,
        encoded: Any,
        sample_weight: NDArray[np.float64],
        factors: NDArray[np.float64],
    ) -> tuple[Any, NDArray[np.float64]]:
        chosen = np.where(encoded > 0.5, factors[1], factors[0])
        return encoded, sample_weight * np.prod(chosen, axis=1)

    def attributes(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs, "classes_": self.classes}


def make_label_targets(
    y: Any, owner: str, class_weight: Any, **options: Any
) -> ClassTargets | LabelTargets:
    """Return the kind of targets that y holds: classes, or sets of labels.

    Options are those of :class:`ClassTargets`.
    """
    if check_labels(y, owner)[1] == MULTILABEL:
        return LabelTargets(owner, class_weight)
    return ClassTargets(owner, class_weight, **options)
