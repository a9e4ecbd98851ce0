"""One class a step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import type_of_target

from sklearn_rnn._sequences._schemes import allowed_transitions
from sklearn_rnn._sequences._step_array import StepArray
from sklearn_rnn._targets._base import Targets
from sklearn_rnn._targets._validation import check_class_weight


class StepClassTargets(Targets):
    """One of several classes at each step; encoded as class numbers, -1 for unknown.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    class_weight : dict, "balanced" or None
        As the parameter of the estimator.
    scheme : {"iob2", "iobes", "bilou"} or None, default=None
        What tags may follow each other.
    """

    n_outputs = 1

    def __init__(
        self, owner: str, class_weight: Any = None, scheme: str | None = None
    ) -> None:
        super().__init__(owner)
        self.class_weight = class_weight
        self.scheme = scheme

    def read(self, y: StepArray, name: str = "y") -> StepArray:
        return y

    def fit(
        self, y: StepArray, sample_weight: NDArray[np.float64]
    ) -> "StepClassTargets":
        known = y.values[y.weight > 0]
        _check_classes(known, self.owner)
        self.classes = np.unique(known)
        if len(self.classes) < 2:
            raise ValueError(
                f"y has one class only, {self.classes.tolist()} (steps of weight 0 do "
                f"not count), but {self.owner} needs at least 2 classes."
            )
        self.n_columns = len(self.classes)
        self.allowed: Any = None
        self.allowed_start: Any = None
        self.allowed_end: Any = None
        if self.scheme is not None:
            rules = allowed_transitions(self.classes, self.scheme)
            self.allowed, self.allowed_start, self.allowed_end = rules
        return self

    def encode(self, y: StepArray, name: str = "y") -> StepArray:
        known = y.weight > 0
        labels = y.values[known]
        _check_classes(labels, self.owner, name)
        unseen = np.setdiff1d(labels, self.classes)
        if len(unseen):
            raise ValueError(
                f"{name} has the labels {unseen.tolist()}, which are not among the "
                f"classes {self.classes.tolist()}."
            )
        numbers = np.full(len(y.values), -1, np.int64)
        numbers[known] = np.searchsorted(self.classes, labels)
        encoded = StepArray(numbers, y.offsets, y.weight)
        if self.scheme is not None:
            self._check_scheme(encoded, name)
        return encoded

    def _check_scheme(self, y: StepArray, name: str) -> None:
        """Refuse tags that the scheme forbids."""
        numbers = y.values
        first, last = y.offsets[:-1], y.offsets[1:] - 1
        inside = np.ones(len(numbers), bool)
        inside[first] = False
        step = np.flatnonzero(inside)
        pairs = numbers[step - 1], numbers[step]
        known = (pairs[0] >= 0) & (pairs[1] >= 0)
        self._refuse(y, step, known & ~self.allowed[pairs], name, "may not follow")
        starts, ends = numbers[first], numbers[last]
        forbidden = (starts >= 0) & ~self.allowed_start[starts]
        self._refuse(y, first, forbidden, name, "may not begin a sequence")
        forbidden = (ends >= 0) & ~self.allowed_end[ends]
        self._refuse(y, last, forbidden, name, "may not end a sequence")

    def _refuse(
        self, y: StepArray, steps: NDArray, forbidden: NDArray, name: str, rule: str
    ) -> None:
        if not forbidden.any():
            return
        step = int(steps[forbidden.argmax()])
        i = int(np.searchsorted(y.offsets, step, side="right")) - 1
        tag = self.classes[y.values[step]]
        before = f" {self.classes[y.values[step - 1]]!r}" if "follow" in rule else ""
        raise ValueError(
            f"{name}[{i}], step {step - y.offsets[i]}: {str(tag)!r} {rule}{before} in "
            f"the scheme {self.scheme!r}. Convert the tags with "
            "sklearn_rnn.metrics.convert_scheme, or use scheme=None."
        )

    def decode(self, predictions: NDArray) -> NDArray:
        """Return labels of class numbers."""
        return self.classes[predictions]

    def score(
        self, encoded: StepArray, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        weight = encoded.repeat(sample_weight)
        known = weight > 0
        return accuracy_score(
            encoded.values[known], predictions[known], sample_weight=weight[known]
        )

    def weigh(
        self, encoded: StepArray, sample_weight: NDArray[np.float64]
    ) -> tuple[StepArray, NDArray[np.float64]]:
        if self.class_weight is None:
            return encoded, sample_weight
        check_class_weight(self.class_weight, self.owner)
        weight = encoded.repeat(sample_weight)
        known = weight > 0
        numbers = encoded.values[known]
        present = np.unique(numbers)
        factors = np.ones(len(self.classes))
        factors[present] = compute_class_weight(
            self.class_weight,
            classes=self.classes[present],
            y=self.classes[numbers],
            sample_weight=weight[known],
        )
        weighted = encoded.weight * factors[encoded.values]
        return StepArray(encoded.values, encoded.offsets, weighted), sample_weight

    def attributes(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs, "classes_": self.classes}


def _check_classes(labels: NDArray, owner: str, name: str = "y") -> None:
    """Refuse answers that are no classes: numbers with fractions."""
    if labels.dtype.kind == "f" and type_of_target(labels).startswith("continuous"):
        raise ValueError(
            f"{owner} needs labels of a few classes. Got numbers with fractions in "
            f"{name}; for these there is RNNStepRegressor."
        )
