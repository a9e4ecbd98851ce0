"""One class a sequence."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d

from sklearn_rnn._sequences import errors_that_name
from sklearn_rnn._targets._base import Part, Targets
from sklearn_rnn._targets._validation import (
    CLASSES,
    check_classes,
    check_labels,
    find_class_factors,
)
from sklearn_rnn.utils import read_state


class ClassTargets(Targets):
    """One of several classes; encoded as class numbers.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    class_weight : dict, "balanced" or None
        As the parameter of the estimator.
    in_parts : bool, default=False
        Whether y is the first part of more, so that classes must be announced.
    announced : array-like, default=None
        All classes that will ever come.
    """

    n_outputs = 1

    def __init__(
        self,
        owner: str,
        class_weight: Any = None,
        *,
        in_parts: bool = False,
        announced: Any = None,
    ) -> None:
        super().__init__(owner)
        self.class_weight = class_weight
        self.in_parts = in_parts
        self.announced = announced

    def read(self, y: Any, name: str = "y") -> NDArray:
        return column_or_1d(check_labels(y, self.owner, name)[0], warn=True)

    def fit(self, parts: Iterable[Part]) -> "ClassTargets":
        with errors_that_name("y"):  # labels that cannot be sorted
            self.classes = np.unique(np.concatenate([np.unique(y) for y, _ in parts]))
        if self.in_parts:
            if self.announced is None:
                raise ValueError("classes must be passed on the first partial_fit.")
            self.classes = np.unique(self.announced)
        if len(self.classes) < 2:
            raise ValueError(
                f"y has one class only, {self.classes.tolist()[0]!r} (samples of "
                f"weight 0 do not count), but {self.owner} needs at least 2 classes."
            )
        self.n_columns = len(self.classes)
        return self

    def to_state(self) -> dict[str, Any]:
        return {"classes": self.classes}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "ClassTargets":
        targets = cls(owner, parameters["class_weight"])
        (targets.classes,) = read_state(state, "ClassTargets", {"classes": CLASSES})
        check_classes(targets.classes, owner)
        targets.n_columns = len(targets.classes)
        return targets

    def encode(self, y: NDArray, name: str = "y") -> NDArray[np.int64]:
        unseen = np.setdiff1d(y, self.classes)
        if len(unseen):
            raise ValueError(
                f"{name} has the labels {unseen.tolist()}, which are not among the "
                f"classes {self.classes.tolist()}."
            )
        return np.searchsorted(self.classes, y).astype(np.int64)

    def decode(self, predictions: NDArray) -> NDArray:
        return self.classes[predictions.argmax(axis=1)]

    def restore(self, encoded: Any) -> NDArray:
        return self.classes[encoded]

    def score(
        self, encoded: Any, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        predicted = predictions.argmax(axis=1)
        return accuracy_score(encoded, predicted, sample_weight=sample_weight)

    def find_factors(self, parts: Iterable[Part]) -> NDArray[np.float64] | None:
        return find_class_factors(self, parts)

    def weigh(
        self,
        encoded: Any,
        sample_weight: NDArray[np.float64],
        factors: NDArray[np.float64],
    ) -> tuple[Any, NDArray[np.float64]]:
        return encoded, sample_weight * factors[encoded]

    def strata(self, y: NDArray) -> NDArray:
        return y

    def attributes(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs, "classes_": self.classes}
