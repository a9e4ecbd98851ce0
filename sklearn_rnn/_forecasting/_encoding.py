"""From windows to what both parts of a forecaster read."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._forecasting._windows import Cut, Windows

Floats = NDArray[np.float64]

FARTHEST = 20.0  # in units of the scale: a jump after a flat window outweighs no other
FLAT = 1e-9  # of the largest value: a window that varies less has no scale of its own


class Scale(NamedTuple):
    """Location and scale of each window, (n_windows, 1)."""

    location: Floats
    scale: Floats

    def apply(self, steps: Floats) -> Floats:
        """Return steps in units of their window, not farther than a limit."""
        return np.clip((steps - self.location) / self.scale, -FARTHEST, FARTHEST)

    def invert(self, steps: Floats) -> Floats:
        """Return steps, (n_windows, horizon, n), in the units of the series."""
        axis = np.newaxis
        return steps * self.scale[..., axis] + self.location[..., axis]


class WindowEncoder:
    """Scale windows; learn location and scale of what is not scaled by itself.

    Parameters
    ----------
    scaling : {"last", "robust", "mean"} or None
        As the parameter of the forecaster.
    segment_length : int
        Number of steps of a segment.
    """

    def __init__(self, scaling: str | None, segment_length: int) -> None:
        self.scaling = scaling
        self.segment_length = segment_length

    def fit(self, windows: Windows, weight: Floats) -> "WindowEncoder":
        """Learn the moments of targets and covariates in all windows.

        Parameters
        ----------
        windows : Windows
            Windows of the training.
        weight : ndarray of shape (n_rows,)
            Weight of each.
        """
        columns = windows.columns
        self.target_moments = np.tile([0.0, 1.0], (len(columns.targets), 1))
        self.covariate_moments = np.zeros((2, len(columns.covariates)))
        if len(columns.covariates) > 0:
            moments = _Moments()
            for rows in windows.chunks():
                cut = windows.take(rows)
                moments.add(cut.covariates, weight[rows])
            self.covariate_moments = np.stack(moments.compute())
        if self.scaling is None:
            each = [_Moments() for _ in columns.targets]
            for rows in windows.chunks():
                cut = windows.take(rows)
                for j, moments in enumerate(each):
                    own = cut.target == j
                    moments.add(cut.past[own, :, np.newaxis], weight[rows][own])
            found = [np.concatenate(moments.compute()) for moments in each]
            self.target_moments = np.stack(found)
        return self

    def measure_scale(self, cut: Cut) -> Scale:
        """Return location and scale of each window.

        A window without variation has a scale of 1, or its size if that is larger.
        """
        past = cut.past
        if self.scaling is None:
            location, scale = self.target_moments[cut.target].T
            return Scale(location[:, np.newaxis], scale[:, np.newaxis])
        center = np.mean if self.scaling == "mean" else np.median
        middle = center(past, axis=1, keepdims=True)
        if self.scaling == "mean":
            scale = past.std(axis=1, keepdims=True)
        else:
            scale = np.abs(past - middle).mean(axis=1, keepdims=True)
        reach = np.abs(past).max(axis=1, keepdims=True)
        location = past[:, -1:] if self.scaling == "last" else middle
        varies = scale > FLAT * reach
        return Scale(location, np.where(varies, scale, np.fmax(reach, 1.0)))

    @property
    def moves_with_window(self) -> bool | None:
        """Whether the location of a window is its last step.

        False if it is the same for all windows, None if it is another one.
        """
        return {"last": True, None: False}.get(self.scaling)

    def list_linear_inputs(self, cut: Cut, scaled: Floats) -> Floats:
        """Return what the linear part reads of each window.

        All scaled steps, the covariates at the last step, and those known ahead at
        all steps of the future.
        """
        if cut.covariates.shape[2] == 0:
            return scaled
        covariates, known = self._standardize(cut)
        n = len(scaled)
        return np.hstack([scaled, covariates[:, -1], known.reshape(n, -1)])

    def make_segments(self, cut: Cut, scaled: Floats) -> NDArray[np.float32]:
        """Return the sequences that the network reads.

        Parameters
        ----------
        cut : Cut
            Windows.
        scaled : ndarray of shape (n_windows, context)
            Their scaled steps.

        Returns
        -------
        segments : ndarray of shape (n_windows, n_segments, n_inputs)
            Steps of the past, a segment a row; the oldest that do not fill one are
            left out. With covariates, these follow the steps. With columns known
            ahead, the segments of the future come last, with a mark as last input.
        """
        n, length = len(scaled), self.segment_length
        n_past = scaled.shape[1] // length
        past = slice(scaled.shape[1] - n_past * length, None)
        segments = scaled[:, past].reshape(n, n_past, length)
        if cut.covariates.shape[2] == 0:
            return segments.astype(np.float32)
        covariates, known = self._standardize(cut)
        n_covariates, n_known = covariates.shape[2], known.shape[2]
        n_future = -(-known.shape[1] // length) if n_known > 0 else 0
        shape = (n, n_past + n_future, length * (1 + n_covariates) + 1)
        result = np.zeros(shape, np.float32)
        result[:, :n_past, :length] = segments
        flat = covariates[:, past].reshape(n, n_past, -1)
        result[:, :n_past, length:-1] = flat
        if n_future > 0:
            missing = n_future * length - known.shape[1]
            known = np.pad(known, ((0, 0), (0, missing), (0, 0)), mode="edge")
            ahead = np.zeros((n, n_future * length, n_covariates))
            ahead[:, :, n_covariates - n_known :] = known
            result[:, n_past:, length:-1] = ahead.reshape(n, n_future, -1)
            result[:, n_past:, -1] = 1
        return result

    def _standardize(self, cut: Cut) -> tuple[Floats, Floats]:
        mean, std = self.covariate_moments
        first_known = len(mean) - cut.known.shape[2]
        covariates = (cut.covariates - mean) / std
        known = (cut.known - mean[first_known:]) / std[first_known:]
        return (
            np.clip(covariates, -FARTHEST, FARTHEST),
            np.clip(known, -FARTHEST, FARTHEST),
        )


class _Moments:
    """Mean and standard deviation of columns, from parts.

    Sums are taken about the first row, so that a large mean costs no digits.
    """

    def __init__(self) -> None:
        self.reference: Floats | None = None
        self.total, self.sums, self.squares = 0.0, 0.0, 0.0

    def add(self, steps: Floats, weight: Floats) -> None:
        """Add windows, (n_windows, n_steps, n_columns), with a weight each."""
        if len(steps) == 0:
            return
        if self.reference is None:
            self.reference = steps[0, 0]
        deviation = steps - self.reference
        self.total += weight.sum() * steps.shape[1]
        self.sums = self.sums + weight @ deviation.sum(axis=1)
        self.squares = self.squares + weight @ (deviation**2).sum(axis=1)

    def compute(self) -> tuple[Floats, Floats]:
        """Return means and standard deviations; 1 where a column does not vary."""
        mean = self.sums / self.total
        variance = np.maximum(self.squares / self.total - mean**2, 0)
        std = np.sqrt(variance)
        assert self.reference is not None
        return self.reference + mean, np.where(std > 1e-7 * np.abs(mean), std, 1.0)
