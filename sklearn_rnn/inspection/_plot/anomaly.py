"""AnomalyDisplay: a series, its scores, and the stretches that are found."""

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_rnn._sequences import check_same_steps, check_step_targets
from sklearn_rnn.inspection._plot._sequences import check_sample, make_wide_axes
from sklearn_rnn.inspection._plot._style import PALETTE

_HALF_ROW = 0.4  # of the distance between two rows
_SCORE, _FOUND, _TRUE = PALETTE[1:4]


class AnomalyDisplay:
    """Signals of a series, the score of each step, and anomalous stretches.

    Each signal has a row with its own scale. Below are the scores with the threshold
    as a dashed line, the stretches that are found, and the true ones.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    scores : ndarray of shape (n_steps,)
        Score of each step, higher for more abnormal ones.
    threshold : float
        The dashed line.
    signals : ndarray of shape (n_steps, n_signals), default=None
        Signals in the upper part of the plot.
    y_pred : ndarray of shape (n_steps,), default=None
        1 or True at steps that are found, 0 or False at others. By default, those with
        scores above the threshold.
    y_true : ndarray of shape (n_steps,), default=None
        1 or True at anomalous steps, 0 or False at others.
    signal_names : list of str of length n_signals, default=None
        Names of the signals.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    StepLabelDisplay : Labels of the steps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNAnomalyDetector
    >>> from sklearn_rnn.inspection import AnomalyDisplay
    >>> x = np.sin(np.arange(300) / 4)
    >>> x[200] = 4.0
    >>> detector = RNNAnomalyDetector(max_epochs=2, random_state=0).fit([x])
    >>> display = AnomalyDisplay.from_estimator(detector, [x])
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['x0', 'score', 'found']
    """

    def __init__(
        self,
        scores,
        *,
        threshold,
        signals=None,
        y_pred=None,
        y_true=None,
        signal_names=None,
    ):
        self.scores = scores
        self.threshold = threshold
        self.signals = signals
        self.y_pred = y_pred
        self.y_true = y_true
        self.signal_names = signal_names

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample=0, ax=None):
        """Score one series and plot it.

        Parameters
        ----------
        estimator : RNNAnomalyDetector, or Pipeline that ends with one
            Fitted. The signals are X after the transformers of a pipeline.
        X : like X in `fit`
            The series.
        y : array-like, ragged, of shape (n_samples, n_steps_i), default=None
            1 or True at anomalous steps, 0 or False at others.
        sample : int, default=0
            Index of the series in X.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AnomalyDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator does not score steps.
        ValueError
            If X, y or `sample` is invalid.
        """
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        if not hasattr(estimator, "score_steps"):
            raise TypeError(
                f"{cls.__name__} draws the scores of an RNNAnomalyDetector. Got "
                f"{type(estimator).__name__} instead."
            )
        all_scores = estimator.score_steps(X)
        check_sample(sample, len(all_scores))
        scores = all_scores[sample]
        y_true = None
        if y is not None:
            labels, offsets = check_step_targets(y)
            _, expected = check_step_targets(all_scores, "X")
            check_same_steps(expected, offsets, ("X", "y"))
            y_true = np.split(labels, offsets[1:-1])[sample]
        one_series = np.ndim(X) == 1 and np.ndim(X[0]) == 0
        signals = np.asarray(X if one_series else X[sample], dtype=float)
        names = getattr(estimator, "feature_names_in_", None)
        return cls(
            scores,
            threshold=estimator.step_threshold_,
            signals=signals.reshape(len(scores), -1),
            y_pred=estimator.predict_steps(X)[sample],
            y_true=y_true,
            signal_names=None if names is None else names.tolist(),
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        scores,
        *,
        threshold,
        signals=None,
        y_pred=None,
        y_true=None,
        signal_names=None,
        ax=None,
    ):
        """Plot given scores of one series.

        Parameters
        ----------
        scores : array-like of shape (n_steps,)
            Score of each step, higher for more abnormal ones.
        threshold : float
            The dashed line.
        signals : array-like of shape (n_steps,) or (n_steps, n_signals), default=None
            Signals in the upper part of the plot.
        y_pred : array-like of shape (n_steps,), of 0 and 1, default=None
            1 at steps that are found. By default, those with scores above the
            threshold.
        y_true : array-like of shape (n_steps,), of 0 and 1, default=None
            The true labels.
        signal_names : list of str of length n_signals, default=None
            Names of the signals.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AnomalyDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of steps differs between the arguments.
        """
        scores, _ = check_step_targets([scores], "scores")
        if signals is not None:
            signals = np.asarray(signals, dtype=float)
            signals = signals.reshape(len(signals), -1)
        if y_pred is not None:
            y_pred, _ = check_step_targets([y_pred], "y_pred")
        if y_true is not None:
            y_true, _ = check_step_targets([y_true], "y_true")
        given_steps = {"y_pred": y_pred, "y_true": y_true, "signals": signals}
        for name, given in given_steps.items():
            if given is not None and len(given) != len(scores):
                raise ValueError(
                    f"{name} must have {len(scores)} steps, the same as scores. Got "
                    f"{len(given)} instead."
                )
        return cls(
            scores,
            threshold=threshold,
            signals=signals,
            y_pred=y_pred,
            y_true=y_true,
            signal_names=signal_names,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Plot signals, scores and stretches.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AnomalyDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = make_wide_axes(ax)
        names = self._draw_signals()
        self._draw_scores(-len(names))
        names.append("score")
        if self.y_pred is None:
            found = np.asarray(self.scores) > self.threshold
        else:
            found = np.asarray(self.y_pred) == 1
        strips = [("found", found, _FOUND)]
        if self.y_true is not None:
            strips.append(("true", np.asarray(self.y_true) == 1, _TRUE))
        for name, flags, color in strips:
            self._draw_strip(-len(names), flags, color)
            names.append(name)
        if ax is None:
            self.figure_.set_size_inches(8, 1 + 0.8 * len(names))
        self.ax_.set_yticks(-np.arange(len(names)), names)
        self.ax_.set(
            xlim=(-0.5, len(found) - 0.5), ylim=(0.5 - len(names), 0.5), xlabel="step"
        )
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        return self

    def _draw_signals(self):
        """Draw a row for each signal and return their names."""
        if self.signals is None:
            return []
        signals = np.asarray(self.signals, dtype=float)
        names = self.signal_names
        if names is None:
            names = [f"x{j}" for j in range(signals.shape[1])]
        for row, signal in enumerate(signals.T):
            low, high = signal.min(), signal.max()
            scaled = (2 * signal - low - high) / ((high - low) or 1)
            self.ax_.plot(-row + _HALF_ROW * scaled, color="black", lw=0.8)
        return [str(name) for name in names]

    def _draw_scores(self, place):
        """Draw the scores from the bottom of their row, and the threshold."""
        scores = np.asarray(self.scores, dtype=float)
        unit = 2 * _HALF_ROW / max(scores.max(), self.threshold)
        bottom = place - _HALF_ROW
        self.ax_.plot(bottom + unit * scores, color=_SCORE, lw=1)
        level = bottom + unit * self.threshold
        self.ax_.axhline(level, color="0.4", lw=0.8, linestyle="--")

    def _draw_strip(self, place, flags, color):
        edges = np.flatnonzero(np.diff(np.r_[False, flags, False])).reshape(-1, 2)
        runs = np.column_stack([edges[:, 0] - 0.5, edges[:, 1] - edges[:, 0]])
        if len(runs):
            extent = (place - _HALF_ROW, 2 * _HALF_ROW)
            self.ax_.broken_barh(runs, extent, linewidth=0, facecolor=color)
