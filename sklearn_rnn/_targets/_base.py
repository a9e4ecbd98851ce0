"""Base class of all kinds of target."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences import StepArray

# a valid y, or a part of it, and the weight of each row
Part = tuple[Any, NDArray[np.float64]]


def list_known(y: StepArray, sample_weight: NDArray[np.float64]) -> Part:
    """Return the known answers of all steps, and the weight of each."""
    weight = y.repeat(sample_weight)
    known = weight > 0
    return y.values[known], weight[known]


class Targets(ABC):
    """One kind of target, learned from the y of the first fit.

    `read` validates y. `fit` learns the classes, or the number of outputs;
    `fit_scale` learns their scale. `encode` turns y into targets of the loss,
    `restore` back,
    and `decode` turns predictions of the network into values of y.

    Parameters
    ----------
    owner : str
        Name of the estimator, for error messages.
    """

    n_outputs: int  # per sequence, or per step
    n_columns: int  # numbers that the network predicts

    def __init__(self, owner: str) -> None:
        self.owner = owner

    @abstractmethod
    def read(self, y: Any, name: str = "y") -> Any:
        """Return a valid y, indexed by rows; error messages refer to it as `name`."""

    @abstractmethod
    def fit(self, parts: Iterable[Part]) -> "Targets":
        """Learn the classes, or the number of outputs."""

    def fit_scale(self, parts: Iterable[Part]) -> "Targets":
        """Learn the scale of numbers, from the training set alone."""
        return self

    @abstractmethod
    def encode(self, y: Any, name: str = "y") -> Any:
        """Encode a validated y as targets of the loss."""

    @abstractmethod
    def decode(self, predictions: Any) -> Any:
        """Decode predictions of the network into values of y."""

    def restore(self, encoded: Any) -> Any:
        """Return the y that was encoded."""
        return self.decode(encoded)

    @abstractmethod
    def score(
        self, encoded: Any, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        """Return the validation score of predictions of the network."""

    def find_factors(self, parts: Iterable[Part]) -> NDArray[np.float64] | None:
        """Return the weights of classes in encoded parts; None if there are none."""
        return None

    def weigh(
        self,
        encoded: Any,
        sample_weight: NDArray[np.float64],
        factors: NDArray[np.float64],
    ) -> tuple[Any, NDArray[np.float64]]:
        """Return targets and sample weights that include weights of classes."""
        raise NotImplementedError(f"{type(self).__name__} has no weights of classes.")

    def strata(self, y: Any) -> NDArray | None:
        """Return the class of each row, to stratify a validation set; None without."""
        return None

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """Return what was learned from y, as plain values."""

    @classmethod
    @abstractmethod
    def from_state(
        cls, state: Any, owner: str, parameters: Mapping[str, Any]
    ) -> "Targets":
        """Return targets as they were, or raise ValueError.

        Parameters
        ----------
        state : object
            A result of `to_state`, or anything else: it comes from a file.
        owner : str
            Name of the estimator.
        parameters : dict
            Those of the estimator.
        """

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of the estimator that describe its targets."""
        return {"n_outputs_": self.n_outputs}
