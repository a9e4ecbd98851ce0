"""Forecasters: the window at the end of each series, both parts, and quantiles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_rnn._forecaster import LEAST_HALF
from sklearn_rnn._forecasting import FARTHEST, FLAT
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn.onnx._files import (
    check_close,
    declare,
    make_file,
    name_output,
    run_file,
)
from sklearn_rnn.onnx._graph import DOUBLE, FLOAT, Graph
from sklearn_rnn.onnx._modules import add_loss, add_model


def make_forecaster(estimator: Any) -> dict[str, bytes]:
    """Return the file of an RNNForecaster."""
    graph, columns = Graph(), estimator._columns
    horizon, n_known = int(estimator.horizon), len(columns.known)
    inputs = [
        declare("X", np.float64, ["batch", "time", columns.n_features]),
        declare("lengths", np.int64, ["batch"]),
    ]
    if n_known > 0:
        shape = ["batch", horizon, n_known]
        inputs.append(declare("X_future", np.float64, shape))
    forecast = _Forecast(graph, estimator)
    shape = ["batch", horizon, len(columns.targets)]
    found = forecast.take_level(estimator._middle)
    outputs = [name_output(graph, found, "prediction", np.float64, shape)]
    levels = estimator.quantiles
    if levels is not None:
        shape = [*shape, len(levels)]
        found = forecast.add_quantiles()
        outputs.append(name_output(graph, found, "quantiles", np.float64, shape))
    data = make_file(
        estimator,
        graph,
        inputs,
        outputs,
        targets=[columns.describe(j) for j in columns.targets],
        known=[columns.describe(j) for j in columns.known],
        context=estimator.context_,
        quantiles=[] if levels is None else [float(level) for level in levels],
    )
    return {"": data}


class _Forecast:
    """Names of the parts of a forecast, all in double precision but the network.

    Windows are (batch, n_targets, context), forecasts (batch, n_targets, horizon,
    n_levels).
    """

    def __init__(self, graph: Graph, estimator: Any) -> None:
        self.graph, self.estimator = graph, estimator
        self.columns = estimator._columns
        self.n_targets = len(self.columns.targets)
        steps = self._cut_window()
        self.past = self._take_columns(steps, self.columns.targets, [0, 2, 1])
        self.location, self.scale = self._measure_scale()
        centred = graph.add("Sub", self.past, self.location)
        self.scaled = self._limit(graph.add("Div", centred, self.scale))
        self._standardize_covariates(steps)
        self.values = self._add_both_parts()

    # Windows --------------------------------------------------------------------------

    def _cut_window(self) -> str:
        """Add the last steps of each series; the first one is repeated before it."""
        graph = self.graph
        back = graph.integers(*range(-self.estimator.context_, 0))
        place = graph.add("Unsqueeze", "lengths", graph.integers(1))
        place = graph.add("Add", place, back)
        place = graph.add("Max", place, graph.integers(0))
        place = graph.add("Unsqueeze", place, graph.integers(2))
        return graph.add("GatherND", "X", place, batch_dims=1)

    def _take_columns(self, steps: str, columns: NDArray, order: list[int]) -> str:
        found = self.graph.add("Gather", steps, self.graph.integers(*columns), axis=2)
        return self.graph.add("Transpose", found, perm=order)

    def _measure_scale(self) -> tuple[str, str]:
        """Add location and scale of each window, (batch, n_targets, 1)."""
        graph, past = self.graph, self.past
        encoder = self.estimator._encoder
        if encoder.scaling is None:
            location, scale = encoder.target_moments.T[:, np.newaxis, :, np.newaxis]
            return graph.constant(location), graph.constant(scale)
        if encoder.scaling == "mean":
            middle = graph.add("ReduceMean", past, axes=[2])
            deviation = graph.add("Sub", past, middle)
            square = graph.add("Mul", deviation, deviation)
            scale = graph.add("Sqrt", graph.add("ReduceMean", square, axes=[2]))
        else:
            middle = self._add_median()
            deviation = graph.add("Abs", graph.add("Sub", past, middle))
            scale = graph.add("ReduceMean", deviation, axes=[2])
        reach = graph.add("ReduceMax", graph.add("Abs", past), axes=[2])
        least = graph.add("Mul", reach, self._number(FLAT))
        varies = graph.add("Greater", scale, least)
        own = graph.add("Max", reach, self._number(1))
        if encoder.scaling == "last":
            middle = graph.add("Gather", past, graph.integers(-1), axis=2)
        return middle, graph.add("Where", varies, scale, own)

    def _add_median(self) -> str:
        graph, context = self.graph, self.estimator.context_
        size = graph.integers(context)
        in_order, _ = graph.add("TopK", self.past, size, n_outputs=2, largest=0)
        middle = graph.integers((context - 1) // 2, context // 2)
        both = graph.add("Gather", in_order, middle, axis=2)
        return graph.add("ReduceMean", both, axes=[2])

    def _standardize_covariates(self, steps: str) -> None:
        """Add covariates, (batch, context, n), and those known ahead."""
        columns = self.columns
        mean, std = self.estimator._encoder.covariate_moments
        if len(mean) > 0:
            past = self._take_columns(steps, columns.covariates, [0, 1, 2])
            self.covariates = self._standardize(past, mean, std)
        if len(columns.known) > 0:
            first = len(columns.past)
            self.known = self._standardize("X_future", mean[first:], std[first:])

    def _standardize(self, x: str, mean: NDArray, std: NDArray) -> str:
        centred = self.graph.add("Sub", x, self.graph.constant(mean, "mean"))
        scaled = self.graph.add("Div", centred, self.graph.constant(std, "scale"))
        return self._limit(scaled)

    def _limit(self, x: str) -> str:
        limits = self._number(-FARTHEST), self._number(FARTHEST)
        return self.graph.add("Clip", x, *limits)

    def _number(self, value: float) -> str:
        return self.graph.constant(np.float64(value))

    # Both parts -----------------------------------------------------------------------

    def _add_both_parts(self) -> str:
        """Add forecasts in the units of the series."""
        graph, linear = self.graph, self.estimator._linear
        shape = graph.integers(-1, self.n_targets, *self._shape_of_rest())
        rest = graph.add("Reshape", self._add_network(), shape)
        spread = graph.constant(linear.spread[:, np.newaxis], "spread")
        first = graph.add("Unsqueeze", self._add_linear(), graph.integers(3))
        total = graph.add("Add", first, graph.add("Mul", rest, spread))
        scale, location = (
            graph.add("Unsqueeze", value, graph.integers(3))
            for value in (self.scale, self.location)
        )
        return graph.add("Add", graph.add("Mul", total, scale), location)

    def _shape_of_rest(self) -> tuple[int, int]:
        levels = self.estimator._levels
        return int(self.estimator.horizon), 1 if levels is None else len(levels)

    def _add_linear(self) -> str:
        """Add the forecasts of the ridge regression, of scaled windows."""
        graph, linear = self.graph, self.estimator._linear
        inputs = self.scaled
        if len(self.columns.covariates) > 0:
            last = graph.constant(np.int64(-1))
            parts = [graph.add("Gather", self.covariates, last, axis=1)]
            if len(self.columns.known) > 0:
                parts.append(graph.add("Flatten", self.known))
            both = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
            both = self._repeat(graph.add("Unsqueeze", both, graph.integers(1)), 3)
            inputs = graph.add("Concat", inputs, both, axis=2)
        products = graph.add("MatMul", inputs, graph.constant(linear.coef.T, "coef"))
        return graph.add("Add", products, graph.constant(linear.intercept))

    def _repeat(self, x: str, n_axes: int) -> str:
        """Repeat what all targets share along the second axis."""
        shape = self.graph.integers(1, self.n_targets, *[1] * (n_axes - 2))
        return self.graph.add("Expand", x, shape)

    def _add_network(self) -> str:
        """Add what the network forecasts of the rest."""
        graph = self.graph
        segments, n_segments = self._add_segments()
        shape = graph.integers(-1, n_segments, self._count_inputs())
        rows = graph.add("Reshape", segments, shape)
        rows = graph.add("Cast", rows, to=FLOAT)
        n_rows = graph.add("Shape", rows, start=0, end=1)
        lengths = graph.add("Expand", graph.integers(n_segments), n_rows)
        outputs = add_model(graph, self.estimator.module_, rows, lengths, [])
        found = add_loss(graph, self.estimator._loss, outputs)
        return graph.add("Cast", found, to=DOUBLE)

    def _count_inputs(self) -> int:
        n_covariates, length = len(self.columns.covariates), self._segment_length()
        return length * (1 + n_covariates) + (n_covariates > 0)

    def _segment_length(self) -> int:
        return int(self.estimator.segment_length_)

    def _add_segments(self) -> tuple[str, int]:
        """Add the segments of each target, and return how many there are."""
        graph, length = self.graph, self._segment_length()
        context = self.estimator.context_
        n_past = context // length
        newest = graph.integers(*range(context - n_past * length, context))
        segments = graph.add("Gather", self.scaled, newest, axis=2)
        shape = graph.integers(0, 0, n_past, length)
        segments = graph.add("Reshape", segments, shape)
        if len(self.columns.covariates) == 0:
            return segments, n_past
        covariates = graph.add("Gather", self.covariates, newest, axis=1)
        covariates = self._fold(covariates, n_past)
        past = graph.add("Concat", segments, covariates, axis=3)
        past = self._pad(past, after=1, value=0.0)
        if len(self.columns.known) == 0:
            return past, n_past
        n_future = -(-int(self.estimator.horizon) // length)
        future = self._add_future(n_future)
        return graph.add("Concat", past, future, axis=2), n_past + n_future

    def _fold(self, steps: str, n_segments: int) -> str:
        """Add segments of all columns of steps, (batch, time, n), for each target."""
        graph = self.graph
        n_inputs = self._segment_length() * len(self.columns.covariates)
        rows = graph.add("Reshape", steps, graph.integers(0, 1, n_segments, n_inputs))
        return self._repeat(rows, 4)

    def _add_future(self, n_future: int) -> str:
        """Add the segments of the columns that are known ahead, with a mark."""
        graph, length = self.graph, self._segment_length()
        steps = np.minimum(np.arange(n_future * length), self.estimator.horizon - 1)
        known = graph.add("Gather", self.known, graph.integers(*steps), axis=1)
        known = self._pad(known, before=len(self.columns.past), value=0.0, n_axes=3)
        future = self._fold(known, n_future)
        future = self._pad(future, before=length, value=0.0)
        return self._pad(future, after=1, value=1.0)

    def _pad(
        self, x: str, *, value: float, before: int = 0, after: int = 0, n_axes: int = 4
    ) -> str:
        """Extend the last axis."""
        others = [0] * (n_axes - 1)
        amounts = self.graph.integers(*others, before, *others, after)
        return self.graph.add("Pad", x, amounts, self._number(value))

    # Outputs --------------------------------------------------------------------------

    def take_level(self, level: int) -> str:
        """Add the forecasts of one level, (batch, horizon, n_targets)."""
        number = self.graph.constant(np.int64(level))
        found = self.graph.add("Gather", self.values, number, axis=3)
        return self.graph.add("Transpose", found, perm=[0, 2, 1])

    def add_quantiles(self) -> str:
        """Add what `predict_quantiles` returns, (batch, horizon, n_targets, n)."""
        graph, estimator = self.graph, self.estimator
        levels = [float(level) for level in estimator.quantiles]
        if estimator.calibration_origins == 0:
            chosen = [estimator._levels.index(level) for level in levels]
            found = graph.add("Gather", self.values, graph.integers(*chosen), axis=3)
        else:
            width = estimator._calibration.find_quantiles(np.array(levels))
            found = self._add_calibrated(width)
        return graph.add("Transpose", found, perm=[0, 2, 1, 3])

    def _add_calibrated(self, width: NDArray) -> str:
        """Add the median and a number of units below or above it.

        `width` is (horizon, n_levels), in units of the distance of the median to the
        lowest or the highest quantile.
        """
        graph = self.graph
        n_levels = len(self.estimator._levels)
        lowest, middle, highest = (
            graph.add("Gather", self.values, graph.integers(k), axis=3)
            for k in (0, self.estimator._middle, n_levels - 1)
        )
        least = graph.add("Mul", self.scale, self._number(LEAST_HALF))
        least = graph.add("Unsqueeze", least, graph.integers(3))
        below = graph.add("Max", graph.add("Sub", middle, lowest), least)
        above = graph.add("Max", graph.add("Sub", highest, middle), least)
        is_below = graph.constant(width < 0, "is_below")
        unit = graph.add("Where", is_below, below, above)
        distance = graph.add("Mul", unit, graph.constant(width, "width"))
        return graph.add("Add", middle, distance)


# Comparison ---------------------------------------------------------------------------


def compare_forecaster(estimator: Any, files: dict[str, bytes], X: Any) -> None:
    """Raise ValueError if onnxruntime computes something else.

    With columns that are known ahead, the last steps of X are their future.
    """
    series = estimator._check_for_predict(X)
    known = None
    if len(estimator._columns.known) > 0:
        held_back = estimator._hold_back(series, np.ones(len(series)))
        series, known = held_back.X, held_back.known
    inputs = {"X": series.to_padded(np.nan).astype(np.float64)}
    inputs["lengths"] = series.lengths
    if known is not None:
        inputs["X_future"] = known
    outputs = run_file(files[""], inputs)
    scale = _measure_scale(estimator, series, known)
    expected = estimator.predict(series, known).reshape(outputs["prediction"].shape)
    check_close(estimator, outputs["prediction"], expected, scale)
    if "quantiles" in outputs:
        found = outputs["quantiles"]
        expected = estimator.predict_quantiles(series, X_future=known)
        expected = expected.reshape(found.shape)
        check_close(estimator, found, expected, scale[..., np.newaxis])


def _measure_scale(estimator: Any, series: RaggedArray, known: Any) -> NDArray:
    """Return the scale of each window, (n_samples, 1, n_targets)."""
    windows = estimator._cut_ends_of(series, known)
    scale = estimator._encoder.measure_scale(windows.take(np.arange(len(windows))))
    return scale.scale.reshape(len(series), 1, -1)
