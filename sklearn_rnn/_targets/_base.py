"""The contract of every kind of answer."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Targets(ABC):
    """One kind of answer, learned from the y of the first fit.

    `read` validates y. `fit` learns what the answers are: classes, or a number of
    outputs; `fit_scale` learns their scale. `encode` turns y into what the loss takes,
    and `decode` turns predictions of the network back.

    Parameters
    ----------
    owner : str
        Name of the estimator, for error messages.
    """

    n_outputs: int  # answers a sequence, or a step
    n_columns: int  # numbers that the network predicts for them

    def __init__(self, owner: str) -> None:
        self.owner = owner

    @abstractmethod
    def read(self, y: Any, name: str = "y") -> Any:
        """Return a valid y, indexed by rows; `name` is what error messages call it."""

    @abstractmethod
    def fit(self, y: Any, sample_weight: NDArray[np.float64]) -> "Targets":
        """Learn what the answers are: classes, or the number of outputs."""

    def fit_scale(self, y: Any, sample_weight: NDArray[np.float64]) -> "Targets":
        """Learn the scale of numbers, from the training set alone."""
        return self

    @abstractmethod
    def encode(self, y: Any, name: str = "y") -> Any:
        """Return targets as the loss takes them, of a y that was read."""

    @abstractmethod
    def decode(self, predictions: Any) -> Any:
        """Return predictions of the network as users get them."""

    @abstractmethod
    def score(
        self, encoded: Any, predictions: Any, sample_weight: NDArray[np.float64]
    ) -> float:
        """Return the validation score of predictions of the network."""

    def weigh(
        self, encoded: Any, sample_weight: NDArray[np.float64]
    ) -> tuple[Any, NDArray[np.float64]]:
        """Return targets and sample weights that include weights of classes."""
        return encoded, sample_weight

    def strata(self, y: Any) -> NDArray | None:
        """Return the class of each row, to stratify a validation set; None without."""
        return None

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of the estimator that describe its targets."""
        return {"n_outputs_": self.n_outputs}
