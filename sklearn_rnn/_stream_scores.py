"""The scores of an anomaly detector, step by step."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sklearn_rnn._anomalies import (
    N_KINDS,
    N_SEASONS,
    Floats,
    Segments,
    accumulate,
    clip_inputs,
    median_seasons,
    newest_errors,
    smooth,
    sum_lags,
)
from sklearn_rnn._sequences import RaggedArray, step_index
from sklearn_rnn._stream_network import StreamNetwork, check_finite, check_state

_ALL = slice(None)


class _Update(NamedTuple):
    """State of some streams after more steps."""

    rows: Any
    n_steps: NDArray[np.int64]
    steps: Floats
    outputs: Floats
    means: Floats
    score: Floats


class StreamScores:
    """A detector with the state of some streams, as `StreamNetwork` is a network.

    Parameters
    ----------
    detector : RNNAnomalyDetector
        A fitted one; its network is not used.
    module : StepModel
        The network.
    n_streams : int
    per_step : bool
        Whether scores are those of steps, not of series.

    Attributes
    ----------
    per_step, needs_step, n_steps
        As of `StreamNetwork`.
    fast_step : StreamScores
        This object, with `x`, `run` and `doubles` as of `FastStep`.
    """

    def __init__(
        self, detector: Any, module: Any, n_streams: int, *, per_step: bool
    ) -> None:
        self.per_step, self.needs_step = per_step, not per_step
        self._detector = detector
        self._network = StreamNetwork(module, n_streams)
        self._respond = detector.regressor_._make_response("predict")
        n_features, farthest = detector.n_features_in_, max(detector._aheads)
        n_read = max(  # steps that a score depends on, beside the newest
            detector.context_ - 1 + farthest,
            N_SEASONS * farthest if detector.season_length > 1 else 0,
            len(detector._segment_mean) // n_features - 1,
        )
        self.n_steps = np.zeros(n_streams, np.int64)
        self._steps = np.zeros((n_streams, n_read, n_features))  # scaled
        shape = n_streams, farthest, len(detector._aheads), n_features
        self._outputs = np.zeros(shape)
        self._means = np.empty((n_streams, n_features, N_KINDS))
        self._score = np.empty(n_streams)
        self.x, self.doubles = np.zeros((n_streams, n_features)), np.zeros(n_streams)
        self.reset(np.arange(n_streams))

    @property
    def fast_step(self) -> "StreamScores | None":
        """The object that reads one step of all streams."""
        return None if self._network.fast_step is None else self

    # Steps ---------------------------------------------------------------------------

    def run(self) -> bool:
        """Read `x`; return False, and change nothing, if a number is not finite."""
        if not np.isfinite(self.x).all():
            return False
        x = self._detector._scale_steps(self.x)[np.newaxis]
        # the output of the network is of use from the next step on
        scores, update = self._advance(x, np.zeros_like(self._outputs[:, :1]), _ALL)
        step = self._network.fast_step
        step.x[...] = clip_inputs(update.steps[:, -1])
        if not step.run():
            return False
        outputs = self._respond(torch.from_numpy(step.doubles))
        update.outputs[:, -1] = outputs.reshape(update.outputs[:, -1].shape)
        self._keep(update)
        of_series = self._score_series(self._score, self.n_steps)
        self.doubles[...] = scores[0] if self.per_step else of_series
        return True

    def read(
        self, X: RaggedArray, rows: NDArray[np.intp]
    ) -> tuple[Floats, tuple[list[Any], list[_Update]]]:
        """Compute scores for more steps of some streams, as `StreamNetwork.read` does.

        Returns
        -------
        scores : ndarray of shape (n_rows,) or (n_steps,)
        updates : tuple
            For `keep`.
        """
        x = self._detector._scale_steps(X.values)
        inputs = RaggedArray(clip_inputs(x), X.offsets)
        inputs = self._detector.regressor_._check_stream(inputs, "X")
        outputs, of_network = self._network.read(inputs, rows)
        check_finite(outputs)
        outputs = self._respond(torch.from_numpy(outputs).double())
        outputs = outputs.reshape(len(x), *self._outputs.shape[2:])
        of_series = self._score_series(self._score[rows], self.n_steps[rows])
        of_steps, updates = np.empty(len(x)), []
        for n_new in np.unique(X.lengths[X.lengths > 0]):
            group = np.flatnonzero(X.lengths == n_new)
            index = step_index(X.offsets[group], X.lengths[group])
            index = index.reshape(-1, n_new).T  # steps along the first axis
            new = outputs[index].swapaxes(0, 1)
            of_steps[index], update = self._advance(x[index], new, rows[group])
            of_series[group] = self._score_series(update.score, update.n_steps)
            updates.append(update)
        return of_steps if self.per_step else of_series, (of_network, updates)

    def _advance(self, x: Floats, outputs: Floats, rows: Any) -> tuple[Floats, _Update]:
        """Return the scores of new steps, (n_new, n_rows).

        Parameters
        ----------
        x : ndarray of shape (n_new, n_rows, n_features)
            Scaled steps.
        outputs : ndarray of shape (n_rows, n_new, n_aheads, n_features)
            Outputs of the network at these steps.
        rows : ndarray of shape (n_rows,) or slice
            Which streams.
        """
        detector, n_new = self._detector, len(x)
        steps = np.concatenate([self._steps[rows], x.swapaxes(0, 1)], axis=1)
        outputs = np.concatenate([self._outputs[rows], outputs], axis=1)
        ages = self.n_steps[rows] + np.arange(n_new)[:, np.newaxis]
        linear = self._forecast(steps.swapaxes(0, 1), ages)
        network = np.empty_like(linear)
        for i, ahead in enumerate(detector._aheads):
            stop = outputs.shape[1] - ahead
            network[:, :, i] = outputs[:, stop - n_new : stop, i].swapaxes(0, 1)

        def flatten(values):
            return values.reshape(-1, *values.shape[2:])

        segments = self._measure_segments(steps, n_new)
        energies = detector._compare(
            *map(flatten, (x, linear, network, segments, ages))
        )
        split = energies.reshape(*x.shape[:2], *energies.shape[1:])
        smoothed = smooth(split, detector.smoothing_, self._means[rows])
        scores = detector._combine(flatten(smoothed), energies).reshape(x.shape[:2])
        score = accumulate(scores, detector.aggregation, self._score[rows])
        n_steps, n_read = ages[-1] + 1, self._steps.shape[1]
        steps, outputs = steps[:, -n_read:], outputs[:, -self._outputs.shape[1] :]
        return scores, _Update(rows, n_steps, steps, outputs, smoothed[-1], score)

    def _forecast(self, steps: Floats, ages: NDArray[np.int64]) -> Floats:
        """Return the linear forecasts of the last steps.

        Parameters
        ----------
        steps : ndarray of shape (n_read + n_new, n_rows, n_features)
        ages : ndarray of shape (n_new, n_rows)

        Returns
        -------
        forecasts : ndarray of shape (n_new, n_rows, n_aheads, n_features)
        """
        detector, n_new = self._detector, len(ages)
        forecasts, inputs = [], clip_inputs(steps)
        for ahead, weights in zip(detector._aheads, detector._weights, strict=False):
            stop = len(inputs) - ahead
            start = stop - n_new - len(weights) + 1
            forecasts.append(sum_lags(inputs[start:stop], weights))
        if detector.season_length > 1:
            forecasts.append(self._forecast_seasons(steps, ages))
        return np.stack(forecasts, axis=2)

    def _forecast_seasons(self, steps: Floats, ages: NDArray[np.int64]) -> Floats:
        """Return the medians of the same step of earlier seasons."""
        first, season = len(steps) - len(ages), self._detector._aheads[1]
        past = np.full((N_SEASONS, len(ages), *steps.shape[1:]), np.inf)
        for i in range(N_SEASONS):
            n_before = (i + 1) * season
            known = ages >= n_before
            past[i][known] = steps[first - n_before : len(steps) - n_before][known]
        return median_seasons(past)

    def _measure_segments(self, steps: Floats, n_new: int) -> Floats:
        """Return what the autoencoder leaves of the last steps.

        Parameters
        ----------
        steps : ndarray of shape (n_rows, n_read + n_new, n_features)
        n_new : int

        Returns
        -------
        errors : ndarray of shape (n_new, n_rows, n_features)
        """
        segments = Segments(self._detector._segment_mean, self._detector._segment_axes)
        n_rows, n_steps, n_features = steps.shape
        length = len(segments.mean) // n_features
        newest = clip_inputs(steps[:, n_steps - n_new - length + 1 :])
        windows = sliding_window_view(newest, length, axis=1).transpose(1, 0, 3, 2)
        parts = windows.reshape(n_new * n_rows, -1)
        errors = newest_errors(parts, segments, n_features)
        return errors.reshape(n_new, n_rows, n_features)

    def _score_series(self, score: Floats, n_steps: NDArray[np.int64]) -> Floats:
        """Return scores of series; those without a step are of no use."""
        return self._detector._negate(score, np.maximum(n_steps, 1))

    def keep(self, updates: tuple[list[Any], list[_Update]]) -> None:
        """Replace the state of streams by that after their new steps."""
        of_network, own = updates
        self._network.keep(of_network)
        for update in own:
            self._keep(update)

    def _keep(self, update: _Update) -> None:
        for name, array in self._arrays().items():
            array[update.rows] = getattr(update, name)

    # State ---------------------------------------------------------------------------

    def _arrays(self) -> dict[str, NDArray]:
        return {
            "n_steps": self.n_steps,
            "steps": self._steps,
            "outputs": self._outputs,
            "means": self._means,
            "score": self._score,
        }

    def count_steps(self) -> NDArray[np.int64]:
        """Return how many steps each stream was given."""
        return self.n_steps.copy()

    def reset(self, rows: NDArray[np.intp]) -> None:
        """Return streams to where they have had no step."""
        self._network.reset(rows)
        self.n_steps[rows] = 0
        self._steps[rows] = self._outputs[rows] = 0  # of no use before the first step
        self._means[rows] = self._detector._usual
        self._score[rows] = 0

    def export(self) -> dict[str, Any]:
        """Return a copy of the state: see `RNNStream.state`."""
        arrays = {name: array.copy() for name, array in self._arrays().items()}
        return {**arrays, "network": self._network.export()}

    def restore(self, state: Any) -> None:
        """Replace the state of all streams, as `StreamNetwork.restore` does."""
        arrays = self._arrays()
        check_state(state, arrays, ["network"])
        self._network.restore(state["network"])
        for name, array in arrays.items():
            array[...] = state[name]
