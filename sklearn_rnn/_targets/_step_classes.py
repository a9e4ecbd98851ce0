"""One class a step."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from sklearn_rnn._sequences import (
    StepArray,
    allowed_transitions,
    describe_broken,
    find_broken,
)
from sklearn_rnn._targets._base import Part, Targets, list_known
from sklearn_rnn._targets._validation import (
    CLASSES,
    check_classes,
    find_class_factors,
)
from sklearn_rnn.utils import read_state


class StepClassTargets(Targets):
    """One of several classes at each step; encoded as class numbers, -1 for unknown.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    class_weight : dict, "balanced" or None
        As the parameter of the estimator.
    scheme : {"iob2", "iobes", "bilou"} or None, default=None
        Tagging scheme, which restricts the order of tags.
    in_parts : bool, default=False
        Whether more parts of y follow, so that classes must be announced.
    announced : array-like, default=None
        All classes that will ever come.
    """

    n_outputs = 1

    def __init__(
        self,
        owner: str,
        class_weight: Any = None,
        scheme: str | None = None,
        *,
        in_parts: bool = False,
        announced: Any = None,
    ) -> None:
        super().__init__(owner)
        self.class_weight = class_weight
        self.scheme = scheme
        self.in_parts = in_parts
        self.announced = announced

    def read(self, y: StepArray, name: str = "y") -> StepArray:
        return y

    def fit(self, parts: Iterable[Part]) -> "StepClassTargets":
        found = []
        for y, _ in parts:
            known = y.values[y.weight > 0]
            _check_classes(known, self.owner)
            found.append(np.unique(known))
        self.classes = np.unique(np.concatenate(found))
        if self.in_parts:
            if self.announced is None:
                raise ValueError("classes must be passed on the first partial_fit.")
            self.classes = np.unique(self.announced)
        if len(self.classes) < 2:
            raise ValueError(
                f"y has one class only, {self.classes.tolist()[0]!r} (steps of weight "
                f"0 do not count), but {self.owner} needs at least 2 classes."
            )
        self._prepare_classes()
        return self

    def _prepare_classes(self) -> None:
        self.n_columns = len(self.classes)
        self.rules: Any = None
        if self.scheme is not None:
            self.rules = allowed_transitions(self.classes, self.scheme)

    def to_state(self) -> dict[str, Any]:
        return {"classes": self.classes}

    @classmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "StepClassTargets":
        targets = cls(owner, parameters["class_weight"], parameters["scheme"])
        (targets.classes,) = read_state(state, "StepClassTargets", {"classes": CLASSES})
        check_classes(targets.classes, owner)
        targets._prepare_classes()
        return targets

    def encode(self, y: StepArray, name: str = "y") -> StepArray:
        encoded = self.encode_paths(y, name)
        forbidden = self.find_forbidden(encoded)
        found = describe_broken(y.values, y.offsets, self.scheme or "", *forbidden)
        if found is not None:
            i, step, problem = found
            raise ValueError(
                f"{name}[{y.rows[i]}], step {step}: {problem} Convert the tags with "
                "sklearn_rnn.metrics.convert_scheme, or use scheme=None."
            )
        return encoded

    def encode_paths(self, y: StepArray, name: str = "y") -> StepArray:
        """Encode labels, whether or not they follow the scheme."""
        known = y.weight > 0
        labels = y.values[known]
        _check_classes(labels, self.owner, name)
        unseen = self._find_unseen(labels)
        if unseen.any():
            i, step = y.locate(np.flatnonzero(known)[unseen.argmax()])
            raise ValueError(
                f"{name}[{i}] has {labels[unseen.argmax()].item()!r} at step {step}, "
                f"which is not among the classes {self.classes.tolist()}."
            )
        numbers = np.full(len(y.values), -1, np.int64)
        numbers[known] = np.searchsorted(self.classes, labels)
        return StepArray(numbers, y.offsets, y.weight, y.rows)

    def _find_unseen(self, labels: NDArray) -> NDArray[np.bool_]:
        if (labels.dtype.kind == "U") != (self.classes.dtype.kind == "U"):
            return np.ones(len(labels), dtype=bool)
        return ~np.isin(labels, self.classes)

    def find_forbidden(
        self, encoded: StepArray
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the steps whose tag the scheme does not allow, as `find_broken`."""
        if self.rules is None:
            none = np.zeros(len(encoded.values), dtype=bool)
            return none, none
        return find_broken(encoded.values, encoded.offsets, self.rules)

    def decode(self, predictions: NDArray) -> NDArray:
        """Decode class numbers into labels."""
        return self.classes[predictions]

    def score(
        self, encoded: StepArray, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        weight = encoded.repeat(sample_weight)
        known = weight > 0
        return accuracy_score(
            encoded.values[known], predictions[known], sample_weight=weight[known]
        )

    def find_factors(self, parts: Iterable[Part]) -> NDArray[np.float64] | None:
        return find_class_factors(self, (list_known(y, w) for y, w in parts))

    def weigh(
        self,
        encoded: StepArray,
        sample_weight: NDArray[np.float64],
        factors: NDArray[np.float64],
    ) -> tuple[StepArray, NDArray[np.float64]]:
        known = encoded.repeat(sample_weight) > 0
        weighted = encoded.weight.copy()
        weighted[known] *= factors[encoded.values[known]]
        return StepArray(encoded.values, encoded.offsets, weighted), sample_weight

    def attributes(self) -> dict[str, Any]:
        return {"n_outputs_": self.n_outputs, "classes_": self.classes}


def _check_classes(labels: NDArray, owner: str, name: str = "y") -> None:
    """Raise an error if labels are not classes but numbers with fractions."""
    if labels.dtype.kind == "f" and type_of_target(labels).startswith("continuous"):
        raise ValueError(
            f"{owner} needs labels of a few classes. Got numbers with fractions in "
            f"{name}; for these there is RNNStepRegressor."
        )
