"""AttentionDisplay: which states attention pooling looks at."""

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

_MAX_ROWS = 40  # that have a label each
_SMALLEST_TOKEN = 5  # points


class AttentionDisplay:
    """Weights of attention pooling as a heat map: a row a sequence, a column a state.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    weights : ndarray of shape (n_samples, n_states) or RaggedArray
        As from :func:`attention_weights`.
    y : array-like of shape (n_samples,), default=None
        The class of each sequence: rows are sorted by it and called after it. None: in
        the order of the sequences, by number.
    tokens : list of list of str, default=None
        The token at each step, written into the cells where there is room. With
        several steps to a state they are left out.
    steps_per_state : int, default=1
        Steps of the input between two states. State k is drawn at step
        ``k * steps_per_state``, on which it is centred.

    Attributes
    ----------
    order_ : ndarray of shape (n_samples,)
        Which sequence each row is, from top to bottom.
    ax_ : matplotlib Axes
        The axes with the picture.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    attention_weights : Computes them.

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
        """Compute the weights for some sequences, and draw.

        Parameters
        ----------
        estimator : RNNClassifier, RNNRegressor, Pipeline or search
            Fitted, with ``pooling="attention"``. The transformers of a pipeline are
            applied to X first.
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            The class of each sequence, to sort by.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : AttentionDisplay
            After `plot`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError, ValueError
            If it is not an sklearn_rnn estimator or has another pooling, or X or y does
            not suit it.
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
            Where to draw; by default in a new figure.

        Returns
        -------
        display : AttentionDisplay
            The object itself.
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
    """Return y as an array of one label a sequence."""
    y = np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(
            f"y must have one label for each of the {n_samples} sequences. Got shape "
            f"{y.shape} instead."
        )
    return y


def _as_masked(weights):
    """Return (n_samples, n_states) weights, masked after the end of a sequence."""
    if isinstance(weights, RaggedArray):
        return np.ma.masked_invalid(weights.to_padded()[:, :, 0])
    return np.ma.asarray(weights)
