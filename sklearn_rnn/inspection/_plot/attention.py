"""AttentionDisplay: the weights of attention pooling as a heat map."""

import numpy as np

from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn.inspection._attention import find_weights
from sklearn_rnn.inspection._common import resolve_inputs
from sklearn_rnn.inspection._plot._sequences import (
    draw_heat,
    make_wide_axes,
    show_token,
    size_in_points,
)
from sklearn_rnn.inspection._steps import name_tokens, steps_per_state

_MAX_ROWS = 40  # with one label each
_SMALLEST_TOKEN = 5  # points


class AttentionDisplay:
    """Heat map of attention weights, with sequences as rows and states as columns.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    weights : ndarray of shape (n_samples, n_states) or RaggedArray
        Weights, as from :func:`attention_weights`.
    y : array-like of shape (n_samples,), default=None
        Class of each sequence. Rows are sorted and labelled by class. None keeps the
        order of the sequences and labels rows by index.
    tokens : list of list of str, default=None
        Token at each step, written into the cells if there is room. Tokens are omitted
        if `steps_per_state` is greater than 1.
    steps_per_state : int, default=1
        Number of input steps from one state to the next. State k is drawn at step
        ``k * steps_per_state``, on which it is centred.

    Attributes
    ----------
    order_ : ndarray of shape (n_samples,)
        Index of the sequence in each row, from top to bottom.
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    attention_weights : Compute the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import AttentionDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 7, 1))
    >>> y = np.where(X[:, 3, 0] > 0, "up", "down")
    >>> classifier = RNNClassifier(
    ...     conv_channels=None, pooling="attention", max_epochs=3, random_state=0
    ... ).fit(X, y)
    >>> display = AttentionDisplay.from_estimator(classifier, X[:4], y[:4])
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['down', 'down', 'up', 'up']
    """

    def __init__(self, weights, *, y=None, tokens=None, steps_per_state=1):
        self.weights = weights
        self.y = y
        self.tokens = tokens
        self.steps_per_state = steps_per_state

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Compute the attention weights of some sequences and plot them.

        Parameters
        ----------
        estimator : RNNClassifier, RNNRegressor, Pipeline or search
            Fitted, with ``pooling="attention"``. The transformers of a pipeline are
            applied to X first.
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences, as passed to the estimator.
        y : array-like of shape (n_samples,), default=None
            Class of each sequence, used to sort the rows.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AttentionDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            If `estimator` is not an sklearn_rnn estimator or has another pooling, or X
            or y is invalid for it.
        """
        seen = resolve_inputs(estimator, X)
        return cls(
            find_weights(seen),
            y=y,
            tokens=name_tokens(estimator, seen),
            steps_per_state=steps_per_state(seen.rnn.module_),
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AttentionDisplay
            The display itself.
        """
        rows = _as_masked(self.weights)
        y = None if self.y is None else check_labels(self.y, len(rows))
        self.figure_, self.ax_ = make_wide_axes(ax)
        self.order_ = np.arange(len(rows)) if y is None else y.argsort(kind="stable")
        image = draw_heat(
            self.ax_,
            rows[self.order_],
            steps_per_state=self.steps_per_state,
            low=0,
            high=rows.max(),
        )
        self._label_rows(y)
        self.ax_.set_xlabel("step")
        self.figure_.colorbar(image, ax=self.ax_, label="weight")
        if self.tokens is not None and self.steps_per_state == 1:
            self._write_tokens(rows[self.order_])
        return self

    def _label_rows(self, y):
        if y is not None:
            borders = np.flatnonzero(y[self.order_][1:] != y[self.order_][:-1]) + 0.5
            for border in borders:
                self.ax_.axhline(border, color="black", linewidth=2)
                self.ax_.axhline(border, color="white", linewidth=1)
            if len(y) > _MAX_ROWS:  # a name for each class, in its middle
                names, first, count = np.unique(
                    y[self.order_], return_index=True, return_counts=True
                )
                self.ax_.set_yticks(first + (count - 1) / 2, names)
                return
        elif len(self.order_) > _MAX_ROWS:
            self.ax_.set_ylabel("sequence")
            return
        self.ax_.set_ylabel("sequence" if y is None else "class")
        names = self.order_ if y is None else y[self.order_]
        self.ax_.set_yticks(range(len(names)), names)

    def _write_tokens(self, weights):
        rows = [self.tokens[i] for i in self.order_]
        longest = max(len(token) for row in rows for token in row)
        width, height = size_in_points(self.ax_)
        widest = width / max(map(len, rows)) / (0.65 * max(longest, 1))
        size = min(10, widest, height / len(rows) / 1.3)
        if size < _SMALLEST_TOKEN:
            return
        for line, row in enumerate(rows):
            for step, token in enumerate(row):
                dark = weights[line, step] < weights.max() / 2
                self.ax_.text(
                    step,
                    line,
                    show_token(token),
                    color="white" if dark else "black",
                    size=size,
                    ha="center",
                    va="center",
                    parse_math=False,
                )


def check_labels(y, n_samples):
    """Return y as an array with one label per sequence."""
    y = np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(
            f"y must have one label for each of the {n_samples} sequences. Got shape "
            f"{y.shape} instead."
        )
    return y


def _as_masked(weights):
    """Return (n_samples, n_states) weights, masked beyond the end of each sequence."""
    if isinstance(weights, RaggedArray):
        return np.ma.masked_invalid(weights.to_padded()[:, :, 0])
    return np.ma.asarray(weights)
