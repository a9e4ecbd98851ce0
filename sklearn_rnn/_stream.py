"""RNNStream: predictions of a fitted estimator, step by step."""

import copy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._stream_network import check_finite
from sklearn_rnn.utils import is_torch_state_neutral, neutral_torch_state

_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


class RNNStream:
    """Predictions of a fitted estimator for steps as they come.

    An object of this class is made by the `stream` method of an estimator. It keeps the
    state of one or many streams, so that a step costs the same however long the stream
    is. A prediction equals that of the batch methods for all steps so far, on the CPU
    to the last bit.

    A copy of the network is made: what happens to the estimator afterwards changes
    nothing. A stream can be pickled with its state, and goes on where it was.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator whose network reads from the first step to the last.
    n_streams : int, default=1
        Number of independent streams.
    method : str, default="predict"
        What is predicted, as the method of this name does. See `stream` of the
        estimator.
    y : label or array-like of shape (n_streams,), default=None
        Class of all streams, or of each, for an :class:`RNNGenerator` with classes.

    Attributes
    ----------
    n_steps : ndarray of shape (n_streams,)
        Number of steps that each stream has had.

    See Also
    --------
    RNNClassifier.stream : Makes a stream of predictions.
    RNNAnomalyDetector.stream : Makes a stream of scores.
    RNNGenerator.stream : Makes a stream of probabilities of the next step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(5, 15), 2)) for _ in range(60)]
    >>> y = ["up" if x[:, 0].sum() > 0 else "down" for x in X]
    >>> classifier = RNNClassifier(
    ...     bidirectional=False, conv_channels=None, max_epochs=30, random_state=0
    ... ).fit(X, y)
    >>> stream = classifier.stream()
    >>> for x_t in X[0]:
    ...     label = stream.update(x_t)
    >>> bool(label == classifier.predict(X[:1])[0])
    True
    """

    def __init__(
        self,
        estimator: Any,
        n_streams: int = 1,
        *,
        method: str = "predict",
        y: Any = None,
    ) -> None:
        _check_n_streams(n_streams)
        _refuse_obstacles(estimator)
        self._method = method
        self._classes = estimator._encode_stream_classes(y, n_streams)
        self._owner = estimator._copy_for_stream()
        self._module = copy.deepcopy(estimator.module_).eval()
        self._start(int(n_streams))

    def _start(self, n_streams: int) -> None:
        self.n_streams = n_streams
        owner = self._owner
        self._respond = owner._make_response(self._method)
        with neutral_torch_state():
            self._network = owner._make_stream_network(
                self._module, n_streams, self._method, self._classes
            )
        self._reads_texts = getattr(owner, "_reads_texts", False)
        self._n_features = getattr(owner, "n_features_in_", 1)
        self._shapes = [(n_streams, self._n_features)]
        if n_streams == 1:
            self._shapes.append((self._n_features,))
        self._step = step = self._network.fast_step
        if step is not None:  # made once: it takes as long as half a step
            self._x, self._read_x = step.x, step.run
            self._tensor = torch.from_numpy(step.doubles)

    @property
    def n_steps(self) -> NDArray[np.int64]:
        """Number of steps that each stream has had."""
        return self._network.count_steps()

    def update(self, x_t: Any, rows: Any = None) -> Any:
        """Read one step, and predict.

        Parameters
        ----------
        x_t : array-like of shape (n_streams, n_features) or (n_features,), or DataFrame
            One step of each stream. With one stream, a step may come without the first
            axis; with one feature or token, without the last one. A step of texts is a
            character.
        rows : array-like of int of shape (n_rows,), default=None
            Which streams have a step; `x_t` then has a row for each of them. The others
            stay as they are. None: all streams.

        Returns
        -------
        prediction : ndarray of shape (n_streams, ...) or (n_rows, ...)
            For all steps so far, or, if the estimator predicts at each step, at this
            one. Without the first axis if `x_t` comes without it.

        Raises
        ------
        ValueError, TypeError
            If the step is not one that the estimator accepts, or drives the network out
            of the range of numbers. The stream stays as it was.
        """
        if rows is None and self._step is not None:
            x = np.asarray(x_t) if type(x_t) is list else x_t
            if self._take_step(x):
                prediction = self._respond(self._tensor)
                return prediction if x.ndim == 2 else prediction[0]
        rows = self._check_rows(rows)
        X, single = self._split(x_t, len(rows))
        prediction = self._read(self._owner._check_stream(X, "x_t"), rows)
        return prediction[0] if single else prediction

    def extend(self, X: Any, rows: Any = None) -> Any:
        """Read several steps of each stream, and predict.

        Parameters
        ----------
        X : like X in `fit`
            One sequence for each stream: its next steps. An empty one leaves the stream
            as it is.
        rows : array-like of int of shape (n_rows,), default=None
            Which streams have steps, one sequence of X for each. None: all streams.

        Returns
        -------
        prediction : ndarray of shape (n_rows, ...) or RaggedArray
            For all steps so far. If the estimator predicts at each step: at the new
            ones, in the form of the batch methods.

        Raises
        ------
        ValueError, TypeError
            If X is not what the estimator accepts, has another number of sequences, or
            has no step of a stream that had none before. All streams stay as they were.
        """
        rows = self._check_rows(rows)
        X = self._owner._check_stream(X, "X")
        if len(X) != len(rows):
            raise ValueError(
                f"X must have a sequence for each of {len(rows)} streams. Got {len(X)}."
            )
        prediction = self._read(X, rows)
        if not self._network.per_step:
            return prediction
        return self._owner._split_response(prediction, X.offsets, self._method)

    def reset(self, rows: Any = None) -> None:
        """Return streams to where they have had no step.

        Parameters
        ----------
        rows : array-like of int of shape (n_rows,), default=None
            Which streams. None: all.
        """
        rows = self._check_rows(rows)
        with neutral_torch_state():
            self._network.reset(rows)

    # Steps ---------------------------------------------------------------------------

    def _take_step(self, x: Any) -> bool:
        """Read a step if it is a plain array of finite floats; return whether."""
        if (
            type(x) is not np.ndarray
            or x.shape not in self._shapes
            or x.dtype not in _FLOATS
            or not is_torch_state_neutral()
        ):
            return False
        self._x[...] = x
        return self._read_x()

    def _check_rows(self, rows: Any) -> NDArray[np.intp]:
        if rows is None:
            return np.arange(self.n_streams)
        checked = np.asarray(rows)
        in_range = (
            checked.ndim == 1
            and checked.dtype.kind in "iu"
            and (checked >= 0).all()
            and (checked < self.n_streams).all()
        )
        if not in_range or len(np.unique(checked)) < len(checked) or not len(checked):
            raise ValueError(
                "rows must be different numbers of streams, from 0 to "
                f"{self.n_streams - 1}. Got {rows!r} instead."
            )
        return checked.astype(np.intp)

    def _split(self, x_t: Any, n_rows: int) -> tuple[Any, bool]:
        """Return a sequence of one step for each stream, and whether x_t is but one."""
        if self._reads_texts:
            return _split_characters(x_t, n_rows)
        if hasattr(x_t, "columns"):
            table, single = x_t, False
        else:
            table, single = self._as_rows(x_t, n_rows)
        if len(table) != n_rows:
            raise ValueError(
                f"x_t must have one step for each of {n_rows} streams, with "
                f"{self._n_features} features. Got the shape {np.shape(x_t)} instead."
            )
        is_array = isinstance(table, np.ndarray) and table.ndim == 2
        if is_array and table.dtype.kind in "fiu":  # for many streams: no list of them
            return RaggedArray(table, np.arange(n_rows + 1)), single
        return [table[i : i + 1] for i in range(n_rows)], single

    def _as_rows(self, x_t: Any, n_rows: int) -> tuple[NDArray, bool]:
        array = np.asarray(x_t)
        if array.dtype.kind in "US":  # numbers beside text would become text
            array = np.asarray(x_t, object)
        if array.ndim == 2:
            return array, False
        if array.ndim == 1 and n_rows == 1 and len(array) == self._n_features:
            return array.reshape(1, -1), True
        if array.ndim == 0 and n_rows == 1:
            return array.reshape(1, 1), True
        return array.reshape(-1, 1) if array.ndim == 1 else array, False

    @neutral_torch_state()
    def _read(self, X: RaggedArray, rows: NDArray[np.intp]) -> Any:
        outputs, updates = self._network.read(X, rows)
        without = (self._network.n_steps[rows] == 0) & (X.lengths == 0)
        if without.any() and self._network.needs_step:
            raise ValueError(
                f"The stream {rows[without.argmax()]} has had no step: nothing can be "
                "predicted for it."
            )
        check_finite(outputs)
        prediction = self._respond(torch.from_numpy(outputs).double())
        self._network.keep(updates)
        return prediction

    # State ---------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """State after the steps so far: arrays, the streams along the first axis.

        "n_steps", "layers" (h of each layer; a pair h and c of an LSTM), "outputs" of
        the network after the last step, and the running "total" and "highest" of a
        pooling. A detector has this dict as "network", and besides "n_steps" the scaled
        "steps" and the "outputs" of the network at the last steps, the smoothed
        "means" of deviations, and the running "score". A copy; assigned to the `state`
        of a stream of the same network, that stream goes on from there.
        """
        return self._network.export()

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._network.restore(state)

    def __getstate__(self) -> dict[str, Any]:
        names = "_owner", "_method", "_classes", "_module", "n_streams"
        return {name: vars(self)[name] for name in names} | {"state": self.state}

    def __setstate__(self, content: dict[str, Any]) -> None:
        content = dict(content)
        state = content.pop("state")
        self.__dict__.update(content)
        self._start(self.n_streams)
        self.state = state

    def __repr__(self) -> str:
        name = type(self._owner).__name__
        return f"<RNNStream: {self.n_streams} x {name}.{self._method}>"


def _split_characters(x_t: Any, n_rows: int) -> tuple[list[str], bool]:
    single = isinstance(x_t, str)
    texts = list(x_t) if np.iterable(x_t) and not single else [x_t]
    is_character = [isinstance(text, str) and len(text) == 1 for text in texts]
    if len(texts) != n_rows or not all(is_character):
        raise ValueError(
            f"x_t must be one character for each of {n_rows} streams. Got {x_t!r} "
            "instead."
        )
    return texts, single


def _check_n_streams(n_streams: Any) -> None:
    if not isinstance(n_streams, Integral) or n_streams < 1:
        raise ValueError(
            f"The 'n_streams' parameter must be an int >= 1. Got {n_streams!r} instead."
        )


def _refuse_obstacles(estimator: Any) -> None:
    obstacles = estimator._list_stream_obstacles()
    if not obstacles:
        return
    name = type(estimator).__name__
    now = ", ".join(f"{key}={getattr(estimator, key)!r}" for key in obstacles)
    needed = ", ".join(f"{key}={values}" for key, values in obstacles.items())
    raise ValueError(
        f"{name} with {now} needs later steps, or all of them at once: it cannot "
        f"stream. Fit it with {needed}."
    )
