"""HiddenStateDisplay: states over time, as a heat map or as paths."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.decomposition import PCA

from sklearn_rnn._inference import compute_states
from sklearn_rnn._inspectable import answers_each_step
from sklearn_rnn.inspection._common import copy_module, resolve_inputs
from sklearn_rnn.inspection._plot._sequences import (
    HEAT,
    check_sample,
    draw_heat,
    label_steps,
    make_wide_axes,
)
from sklearn_rnn.inspection._plot._style import series_style
from sklearn_rnn.inspection._plot.attention import check_labels
from sklearn_rnn.inspection._steps import name_tokens, read_step_labels, steps_per_state
from sklearn_rnn.utils import neutral_torch_state

_LINESTYLES = ("-", "--", ":", "-.")  # classes are distinguishable also in grey


class HiddenStateDisplay:
    """Hidden states of a network over time.

    There are two kinds of plot: a heat map of the states of one sequence, with one row
    per unit, and the paths of many sequences through the state space. Paths are
    projected on the first two principal components of all states and coloured by class.

    It is recommended to use :meth:`from_estimator`. To plot gates, pass an array from
    :func:`gate_activations` as `states`.

    Parameters
    ----------
    states : ndarray of shape (n_samples, n_states, n_units) or RaggedArray
        States, as from ``estimator.hidden_states(X)``.
    y : array-like of shape (n_samples,), or list of ndarray of shape (n_states_i,), \
            default=None
        Values that the paths are coloured by: class labels or floats, of sequences or
        of single steps. None uses a single colour.
    tokens : list of list of str, default=None
        Token at each step, written below the heat map.
    steps_per_state : int, default=1
        Number of input steps from one state to the next. State k is drawn at step
        ``k * steps_per_state``, on which it is centred.
    bidirectional : bool, default=False
        Whether the second half of the units reads the sequence backwards.
    name : str, default="state"
        Name of the values.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    gate_activations : The gates of LSTM and GRU.
    AttentionDisplay : Weights of the states in attention pooling.

    Notes
    -----
    The states are those of the last recurrent layer. States of the backward direction
    depend on the steps after them.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.datasets import make_delayed_copy
    >>> from sklearn_rnn.inspection import HiddenStateDisplay, gate_activations
    >>> X, y = make_delayed_copy(60, n_steps=8, n_classes=3, random_state=0)
    >>> classifier = RNNClassifier(
    ...     conv_channels=None, bidirectional=False, max_epochs=5, random_state=0
    ... ).fit(X, y)
    >>> display = HiddenStateDisplay.from_estimator(classifier, X, y, kind="path")
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['0', '1', '2', 'first step']
    >>> gates = gate_activations(classifier, X)
    >>> display = HiddenStateDisplay(gates["update"], name="update gate").plot()
    >>> display.ax_.get_ylabel()
    'unit'
    """

    def __init__(
        self,
        states,
        *,
        y=None,
        tokens=None,
        steps_per_state=1,
        bidirectional=False,
        name="state",
    ):
        self.states = states
        self.y = y
        self.tokens = tokens
        self.steps_per_state = steps_per_state
        self.bidirectional = bidirectional
        self.name = name

    @classmethod
    @neutral_torch_state()
    def from_estimator(cls, estimator, X, y=None, *, kind="heatmap", sample=0, ax=None):
        """Compute the states of some sequences and plot them.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn, Pipeline or search
            Fitted. The transformers of a pipeline are applied to X first.
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences, as passed to the estimator.
        y : like y in `fit`, default=None
            The class or target of each sequence, or of each step if the estimator
            predicts at each step. None uses the predictions if they are single labels
            or numbers.
        kind : {"heatmap", "path"}, default="heatmap"
            Kind of plot.
        sample : int, default=0
            Index of the sequence in the heat map.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : HiddenStateDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            If `estimator` is not an sklearn_rnn estimator, or X, y or a parameter is
            invalid for it.
        """
        seen = resolve_inputs(estimator, X)
        if answers_each_step(seen.rnn):
            y = read_step_labels(estimator.predict(X) if y is None else y, seen)
        elif y is None:
            y = estimator.predict(X)
            y = y if y.ndim == 1 else None
        if y is not None and not answers_each_step(seen.rnn):  # labels may be floats
            y = np.asarray(y, dtype=object if is_classifier(seen.rnn) else float)
            y = check_labels(y, len(seen.X))
        module = copy_module(seen.rnn)
        return cls(
            compute_states(module, seen.index_tokens()),
            y=y,
            tokens=name_tokens(estimator, seen),
            steps_per_state=steps_per_state(module),
            bidirectional=len(module.encoder.backward_layers) > 0,
        ).plot(ax=ax, kind=kind, sample=sample)

    def plot(self, ax=None, *, kind="heatmap", sample=0):
        """Plot the states.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.
        kind : {"heatmap", "path"}, default="heatmap"
            Kind of plot.
        sample : int, default=0
            Index of the sequence in the heat map.

        Returns
        -------
        display : HiddenStateDisplay
            The display itself.
        """
        if kind not in ("heatmap", "path"):
            raise ValueError(
                f"The 'kind' parameter must be 'heatmap' or 'path'. Got {kind!r}."
            )
        check_sample(sample, len(self.states))
        y, is_stepwise = self.y, _has_steps(self.y)
        if y is not None and not is_stepwise:
            y = check_labels(y, len(self.states))
        if kind == "path" and self.states[0].shape[1] < 2:
            raise ValueError("kind='path' requires at least 2 units. Got 1.")
        self.figure_, self.ax_ = make_wide_axes(ax)
        if kind == "heatmap":
            self._plot_heat_map(sample, None if is_stepwise else y)
        else:
            self._plot_paths(y)
        return self

    def _plot_heat_map(self, sample, y):
        states = self.states[sample].T
        high = np.abs(states).max()
        low = -high if states.min() < 0 else 0
        image = draw_heat(
            self.ax_, states, steps_per_state=self.steps_per_state, low=low, high=high
        )
        self.figure_.colorbar(image, ax=self.ax_, label=self.name)
        label_steps(self.ax_, None if self.tokens is None else self.tokens[sample])
        self.ax_.set_ylabel("unit")
        if self.bidirectional:
            half = len(states) / 2
            self.ax_.axhline(half - 0.5, color="black", linewidth=2)
            self.ax_.axhline(half - 0.5, color="white", linewidth=1)
            ticks = [half / 2 - 0.5, 1.5 * half - 0.5]
            self.ax_.set_yticks(
                ticks, ["forward", "backward"], rotation=90, va="center"
            )
        kept = "" if y is None else f": {_short(y[sample])}"
        self.ax_.set_title(f"sequence {sample}{kept}")

    def _plot_paths(self, y):
        sequences = list(self.states)
        pca = PCA(2).fit(np.concatenate(sequences))
        paths = [pca.transform(states) for states in sequences]
        if y is None:
            self._draw(paths, series_style(1))
        elif _has_steps(y):
            self._draw_steps(paths, np.concatenate(list(y)))
        elif y.dtype.kind == "f":
            self._draw_numbers(paths, y)
        else:
            for index, label in enumerate(np.unique(y)):
                chosen = [p for p, of in zip(paths, y, strict=True) if of == label]
                dashes = _LINESTYLES[index % len(_LINESTYLES)]
                self._draw(chosen, series_style(index + 1), dashes, label=str(label))
        first = np.array([path[0] for path in paths])
        self.ax_.scatter(
            *first.T, s=12, c="white", edgecolors="black", zorder=3, label="first step"
        )
        _, labels = self.ax_.get_legend_handles_labels()
        title = "each step" if _has_steps(y) else "last step"
        self.ax_.legend(title=title if len(labels) > 1 else None)
        shares = 100 * pca.explained_variance_ratio_
        self.ax_.set_xlabel(f"1st principal component ({shares[0]:.0f} % of variance)")
        self.ax_.set_ylabel(f"2nd principal component ({shares[1]:.0f} % of variance)")

    def _draw(self, paths, style, dashes="-", label=None):
        """Draw paths in one style, with a marker at the end of each."""
        thin = {"color": style["color"], "linewidth": 0.8, "alpha": 0.5}
        for path in paths:
            self.ax_.plot(*path.T, linestyle=dashes, **thin)
        last = np.array([path[-1] for path in paths])
        self.ax_.scatter(*last.T, s=30, zorder=2, label=label, **style)

    def _draw_steps(self, paths, labels):
        """Draw thin paths, and a marker for each step in the style of its label."""
        for path in paths:
            self.ax_.plot(*path.T, color="0.7", linewidth=0.6, zorder=0)
        steps = np.concatenate(paths)
        if labels.dtype.kind == "f":
            points = self.ax_.scatter(*steps.T, s=12, c=labels, cmap=HEAT)
            self.figure_.colorbar(points, ax=self.ax_, label="y")
            return
        for index, label in enumerate(np.unique(labels)):
            chosen = steps[labels == label].T
            self.ax_.scatter(*chosen, s=12, label=str(label), **series_style(index + 1))

    def _draw_numbers(self, paths, y):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        scale = ScalarMappable(Normalize(y.min(), y.max()), HEAT)
        for path, color in zip(paths, scale.to_rgba(y), strict=True):
            self._draw([path], {"color": color, "marker": "o"})
        self.figure_.colorbar(scale, ax=self.ax_, label="y")


def _has_steps(y):
    """Return whether y has a label for each step."""
    return y is not None and all(np.ndim(labels) == 1 for labels in y)


def _short(value):
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)
