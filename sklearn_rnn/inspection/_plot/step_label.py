"""StepLabelDisplay: step labels as a strip below the signals."""

import numpy as np

from sklearn_rnn._inspectable import embedded_columns
from sklearn_rnn._sequences import check_same_steps, check_step_targets
from sklearn_rnn.inspection._common import resolve_inputs
from sklearn_rnn.inspection._plot._sequences import check_sample, make_wide_axes
from sklearn_rnn.inspection._plot._style import fill_style
from sklearn_rnn.inspection._plot.tagged_text import check_labels_each_step

_HALF_ROW = 0.4  # of the distance between two rows
_LEGEND_LENGTH = 60  # characters in a line of the legend


class StepLabelDisplay:
    """Step labels of a sequence as coloured strips below its signals.

    Each signal has a row with its own scale. The strips below show the predicted
    labels, the true labels and the steps where they differ. In place of predicted
    labels, their probabilities can be shown as stacked bands: the taller a band, the
    more probable the label.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    y_pred : ndarray of shape (n_steps,)
        The predicted labels.
    y_true : ndarray of shape (n_steps,), default=None
        The true labels.
    probability : ndarray of shape (n_steps, n_classes), default=None
        Probability of each label, in the order of `classes`. Drawn instead of `y_pred`.
    signals : ndarray of shape (n_steps, n_signals), default=None
        Signals in the upper part of the plot.
    signal_names : list of str of length n_signals, default=None
        Names of the signals.
    classes : array-like of shape (n_classes,), default=None
        All labels, in the order of their colours. By default, the labels that occur,
        sorted.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    TaggedTextDisplay : Labels of the words of a text.
    step_attributions : Contribution of each step to the prediction at one step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTagger
    >>> from sklearn_rnn.inspection import StepLabelDisplay
    >>> X = np.random.default_rng(0).normal(size=(20, 30, 1)).cumsum(axis=1)
    >>> y = np.where(X[:, :, 0] > 0, "high", "low")
    >>> tagger = RNNTagger(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> display = StepLabelDisplay.from_estimator(tagger, X, y, sample=2)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['x0', 'predicted', 'true', 'wrong']
    """

    def __init__(
        self,
        y_pred,
        *,
        y_true=None,
        probability=None,
        signals=None,
        signal_names=None,
        classes=None,
    ):
        self.y_pred = y_pred
        self.y_true = y_true
        self.probability = probability
        self.signals = signals
        self.signal_names = signal_names
        self.classes = classes

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, sample=0, response_method="predict", ax=None
    ):
        """Predict the labels of one sequence and plot them.

        Parameters
        ----------
        estimator : RNNTagger, Pipeline or search
            Fitted, with one label per step. The signals are X after the transformers of
            a pipeline; columns of tokens or categories are not drawn.
        X : like X in `fit`
            The sequences.
        y : like y in `fit`, default=None
            The true labels.
        sample : int, default=0
            Index of the sequence in X.
        response_method : {"predict", "predict_proba"}, default="predict"
            Whether to draw labels or probabilities.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : StepLabelDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is not a tagger with one label per step.
        ValueError
            If X, y or a parameter is invalid.
        """
        if response_method not in ("predict", "predict_proba"):
            raise ValueError(
                "The 'response_method' parameter must be 'predict' or 'predict_proba'. "
                f"Got {response_method!r} instead."
            )
        seen = resolve_inputs(estimator, X)
        check_labels_each_step(cls, seen.rnn)
        check_sample(sample, len(seen.X))
        results = {"y_pred": estimator.predict(X)[sample]}
        if response_method == "predict_proba":
            results["probability"] = estimator.predict_proba(X)[sample]
        if y is not None:
            values, offsets = check_step_targets(y)
            check_same_steps(seen.X.offsets, offsets, ("X", "y"))
            results["y_true"] = np.split(values, offsets[1:-1])[sample]
        embedded = embedded_columns(seen.rnn)
        numbers = [j for j in range(seen.X.n_features) if j not in embedded]
        return cls(
            **results,
            signals=seen.X[sample][:, numbers] if numbers else None,
            signal_names=seen.feature_names[numbers].tolist(),
            classes=seen.rnn.classes_,
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, y_pred, y_true=None, *, signals=None, signal_names=None, ax=None
    ):
        """Plot given labels of one sequence.

        Parameters
        ----------
        y_pred : array-like of shape (n_steps,)
            The predicted labels.
        y_true : array-like of shape (n_steps,), default=None
            The true labels.
        signals : array-like of shape (n_steps,) or (n_steps, n_signals), default=None
            Signals in the upper part of the plot.
        signal_names : list of str of length n_signals, default=None
            Names of the signals.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : StepLabelDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of steps differs between the arguments.
        """
        y_pred, _ = check_step_targets([y_pred], "y_pred")
        if y_true is not None:
            y_true, _ = check_step_targets([y_true], "y_true")
        if signals is not None:
            signals = np.asarray(signals, dtype=float)
            signals = signals.reshape(len(signals), -1)
        for name, given in (("y_true", y_true), ("signals", signals)):
            if given is not None and len(given) != len(y_pred):
                raise ValueError(
                    f"{name} must have {len(y_pred)} steps, the same as y_pred. Got "
                    f"{len(given)} instead."
                )
        return cls(
            y_pred, y_true=y_true, signals=signals, signal_names=signal_names
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Plot signals and strips.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : StepLabelDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = make_wide_axes(ax)
        classes = self.classes
        if classes is None:
            y_true = self.y_pred if self.y_true is None else self.y_true
            classes = np.unique(np.concatenate([self.y_pred, y_true]))
        styles = {label: fill_style(i) for i, label in enumerate(list(classes))}
        rows = self._list_rows(styles)
        if ax is None:
            n_lines = -(-len(styles) // _count_columns(styles))
            self.figure_.set_figheight(1 + 0.6 * len(rows) + 0.2 * n_lines)
        for place, (_, draw) in enumerate(rows):
            draw(-place)
        n_steps = len(self.y_pred)
        self.ax_.set_yticks(-np.arange(len(rows)), [name for name, _ in rows])
        self.ax_.set(xlim=(-0.5, n_steps - 0.5), ylim=(0.5 - len(rows), 0.5))
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set_xlabel("step")
        self._plot_legend(styles)
        return self

    def _list_rows(self, styles):
        """Return the name of each row and a function that draws it at a height."""
        rows = []
        if self.signals is not None:
            signals = np.asarray(self.signals, dtype=float)
            names = self.signal_names
            if names is None:
                names = [f"x{j}" for j in range(signals.shape[1])]
            for name, signal in zip(names, signals.T, strict=True):
                rows.append((str(name), self._signal_drawer(signal)))
        if self.probability is not None:
            rows.append(("probability", self._probability_drawer(styles)))
        else:
            rows.append(("predicted", self._label_drawer(self.y_pred, styles)))
        if self.y_true is not None:
            rows.append(("true", self._label_drawer(self.y_true, styles)))
            wrong = np.asarray(self.y_pred) != np.asarray(self.y_true)
            drawer = self._label_drawer(wrong, {True: {"facecolor": "black"}})
            rows.append(("wrong", drawer))
        return rows

    def _signal_drawer(self, signal):
        low, high = signal.min(), signal.max()
        scaled = (2 * signal - low - high) / (high - low or 1)
        return lambda y: self.ax_.plot(y + _HALF_ROW * scaled, color="black", lw=1)

    def _label_drawer(self, labels, styles):
        """Draw runs of one label as boxes; labels without a style are left out."""
        labels = np.asarray(labels)
        starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
        lengths = np.diff(np.append(starts, len(labels)))

        def draw(y):
            for label, style in styles.items():
                chosen = labels[starts] == label
                runs = np.column_stack([starts[chosen] - 0.5, lengths[chosen]])
                if len(runs):
                    extent = (y - _HALF_ROW, 2 * _HALF_ROW)
                    self.ax_.broken_barh(runs, extent, linewidth=0, **style)

        return draw

    def _probability_drawer(self, styles):
        probability = np.asarray(self.probability, dtype=float)
        tops = np.column_stack([np.zeros(len(probability)), probability.cumsum(axis=1)])
        edges = np.arange(len(probability) + 1) - 0.5

        def draw(y):
            heights = y - _HALF_ROW + 2 * _HALF_ROW * tops
            for j, style in enumerate(styles.values()):
                self.ax_.stairs(
                    heights[:, j + 1],
                    edges,
                    baseline=heights[:, j],
                    fill=True,
                    linewidth=0,
                    **style,
                )

        return draw

    def _plot_legend(self, styles):
        from matplotlib.patches import Patch

        self.ax_.legend(
            handles=[Patch(**style) for style in styles.values()],
            labels=[str(label) for label in styles],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=_count_columns(styles),
            frameon=False,
            fontsize="small",
        )


def _count_columns(labels):
    """Return the number of columns in the legend."""
    widest = max(len(str(label)) for label in labels) + 4
    return max(1, min(len(labels), _LEGEND_LENGTH // widest))
