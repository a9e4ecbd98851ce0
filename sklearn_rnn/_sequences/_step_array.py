"""Answers at every step: what y is for a tagger."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._sequences._ragged import lengths_to_offsets, step_index


@dataclass(frozen=True)
class StepArray:
    """Answers of all steps end to end, each with a weight.

    Indexed by rows, it is a StepArray of some samples, as an ndarray of targets is.

    Parameters
    ----------
    values : ndarray of shape (n_steps_total,) or (n_steps_total, n_columns)
        The answer of each step.
    offsets : ndarray of shape (n_samples + 1,)
        Where each sequence begins.
    weight : ndarray of shape (n_steps_total,)
        Weight of each step relative to its sequence; 0 for an unknown answer.
    numbers : ndarray of shape (n_samples,), default=None
        Position of each sequence in y, for error messages. By default, 0, 1, 2, ...
    """

    values: NDArray
    offsets: NDArray[np.int64]
    weight: NDArray[np.float64]
    numbers: NDArray[np.int64] | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        """Position of each sequence in y, (n_samples,)."""
        return np.arange(len(self)) if self.numbers is None else self.numbers

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each sequence, (n_samples,)."""
        return np.diff(self.offsets)

    def __getitem__(self, rows: NDArray[np.intp]) -> "StepArray":
        rows = np.atleast_1d(np.arange(len(self))[rows])
        steps, lengths = self.steps_of(rows), self.lengths[rows]
        offsets = lengths_to_offsets(lengths)
        return StepArray(
            self.values[steps], offsets, self.weight[steps], self.rows[rows]
        )

    def steps_of(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the positions of all steps of some samples, end to end."""
        return step_index(self.offsets[rows], self.lengths[rows])

    def locate(self, row: int) -> tuple[int, int]:
        """Return sequence, as y counts them, and step of a position among all steps."""
        i = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return int(self.rows[i]), row - int(self.offsets[i])

    def tobytes(self) -> bytes:
        """Return what tells different answers apart."""
        return self.values.tobytes() + self.weight.tobytes()

    def repeat(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weight of each step, from one of each sequence."""
        return np.repeat(weights, self.lengths) * self.weight


def join_steps(parts: Sequence[StepArray]) -> StepArray:
    """Return the answers of all parts, one after the other."""
    return StepArray(
        np.concatenate([part.values for part in parts]),
        lengths_to_offsets(np.concatenate([part.lengths for part in parts])),
        np.concatenate([part.weight for part in parts]),
    )


def split_steps(values: NDArray, offsets: NDArray[np.int64]) -> NDArray:
    """Return answers of all steps as a 1-D object array: an array a sequence."""
    result = np.empty(len(offsets) - 1, dtype=object)
    for i in range(len(result)):  # item by item: equal lengths make no 2-D array
        result[i] = values[offsets[i] : offsets[i + 1]]
    return result
