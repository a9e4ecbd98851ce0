"""Windows of series and the steps that follow, cut when they are asked for."""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._forecasting._columns import Columns
from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FEW_WINDOWS = 20  # for each step ahead: fewer futures overlap too much
_CHUNK = 2**21  # numbers in the windows that are cut at a time


class Shape(NamedTuple):
    """Number of steps of a window, and of what follows."""

    context: int
    horizon: int


class Cut(NamedTuple):
    """Some windows.

    Parameters
    ----------
    past : ndarray of shape (n_rows, context)
        Steps of one target.
    future : ndarray of shape (n_rows, horizon)
        The steps that follow.
    covariates : ndarray of shape (n_rows, context, n_covariates)
        Other columns at the steps of the past.
    known : ndarray of shape (n_rows, horizon, n_known)
        The columns that are known ahead, at the steps of the future.
    target : ndarray of shape (n_rows,)
        Number of the target.
    """

    past: Floats
    future: Floats
    covariates: Floats
    known: Floats
    target: Rows


class Windows:
    """All windows at consecutive origins of series: a row for each origin and target.

    Only the steps of the series are stored. The first step of a series is repeated
    before it where a window is longer.

    Parameters
    ----------
    X : RaggedArray
        The series, of finite numbers.
    first : ndarray of shape (n_series,)
        First origin of each series: the number of steps before what is forecast.
    counts : ndarray of shape (n_series,)
        Number of origins of each series.
    shape : Shape
        Length of window and future.
    columns : Columns
        Which column is what.
    """

    def __init__(
        self,
        X: RaggedArray,
        first: NDArray[np.int64],
        counts: NDArray[np.int64],
        shape: Shape,
        columns: Columns,
    ) -> None:
        self.steps = X.values.astype(np.float64, copy=False)
        self.begins = X.offsets[:-1]
        self.origins = self.begins + first
        self.n_before = first
        self.limits = lengths_to_offsets(counts)
        self.shape = shape
        self.columns = columns

    @classmethod
    def at_all_origins(
        cls, X: RaggedArray, stops: NDArray[np.int64], shape: Shape, columns: Columns
    ) -> "Windows":
        """Return windows that end, with their future, up to `stops` in each series.

        The first window begins at the first step. A series that is too short for a
        window and its future has one origin, the last.
        """
        last = stops - shape.horizon
        first = np.minimum(shape.context, last)
        return cls(X, first, last - first + 1, shape, columns)

    @classmethod
    def at_ends(
        cls,
        X: RaggedArray,
        y: Floats | None,
        known: Floats,
        shape: Shape,
        columns: Columns,
    ) -> "Windows":
        """Return one window for each series, at its end, with the steps y after it."""
        future = np.zeros((len(X), shape.horizon, X.n_features))
        if y is not None:
            future[:, :, columns.targets] = y
        future[:, :, columns.known] = known
        joined = RaggedArray.from_sequences(
            [
                np.concatenate([x[-shape.context :], ahead])
                for x, ahead in zip(X, future, strict=True)
            ]
        )
        first = joined.lengths - shape.horizon
        windows = cls(joined, first, np.ones_like(first), shape, columns)
        windows.n_before = X.lengths
        return windows

    def split(self, fraction: float) -> tuple["Windows", "Windows"]:
        """Divide by time, so that no step is in the future of both parts.

        Parameters
        ----------
        fraction : float
            Share of the origins of each series, the last ones, in the second part.
            Between both, ``horizon - 1`` origins are left out.

        Returns
        -------
        first, second : Windows

        Raises
        ------
        ValueError
            If no origin is left in the first part.
        """
        counts = np.diff(self.limits)
        n_last = np.ceil(fraction * counts).astype(np.int64)
        n_first = np.maximum(counts - n_last - (self.shape.horizon - 1), 0)
        if not n_first.any():
            raise ValueError(
                "The series are too short to hold out their last origins: the longest "
                f"has {counts.max()} origins, and horizon={self.shape.horizon}."
            )
        first, second = copy.copy(self), copy.copy(self)
        first.limits = lengths_to_offsets(n_first)
        second.origins = self.origins + counts - n_last
        second.n_before = self.n_before + counts - n_last
        second.limits = lengths_to_offsets(n_last)
        return first, second

    def __len__(self) -> int:
        return int(self.limits[-1]) * len(self.columns.targets)

    def repeat(self, values: Floats) -> Floats:
        """Return the value of the series of each row."""
        n_targets = len(self.columns.targets)
        return np.repeat(values, np.diff(self.limits) * n_targets)

    def cut_blocks(self, n_blocks: int) -> Floats:
        """Return the limits of equal blocks of origins, by the number of steps before.

        Returns
        -------
        limits : ndarray of shape (n_blocks + 1,)
            Block i has the origins from one limit to the next, which is excluded.
        """
        counts = np.diff(self.limits)
        first, counts = self.n_before[counts > 0], counts[counts > 0]
        return np.linspace(first.min(), (first + counts).max(), n_blocks + 1)

    def count_before(self, rows: Rows) -> Rows:
        """Return the number of steps of the series before the origin of each row."""
        _, series, number = self._locate(rows)
        return self.n_before[series] + number

    def take(self, rows: Rows) -> Cut:
        """Cut some windows."""
        columns = self.columns
        target, series, number = self._locate(rows)
        origin = self.origins[series] + number
        back = origin[:, np.newaxis] + np.arange(-self.shape.context, 0)
        back = np.maximum(back, self.begins[series][:, np.newaxis])
        ahead = origin[:, np.newaxis] + np.arange(self.shape.horizon)
        column = columns.targets[target][:, np.newaxis]
        return Cut(
            self.steps[back, column],
            self.steps[ahead, column],
            self._read(back, columns.covariates),
            self._read(ahead, columns.known),
            target,
        )

    def chunks(self) -> Iterator[Rows]:
        """Yield all rows, in order, some at a time."""
        size = max(1, _CHUNK // (sum(self.shape) * self.columns.n_features))
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))

    def _locate(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Return the target, the series, and the number of the origin in it."""
        number, target = np.divmod(rows, len(self.columns.targets))
        series = np.searchsorted(self.limits, number, side="right") - 1
        return target, series, number - self.limits[series]

    def _read(self, steps: Rows, columns: Rows) -> Floats:
        if len(columns) == 0:
            return np.empty((*steps.shape, 0))
        return self.steps[steps[..., np.newaxis], columns]
