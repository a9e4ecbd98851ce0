"""AlignmentDisplay: which source tokens each target token of a translation reads."""

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_rnn._inspectable import name_alignment
from sklearn_rnn.inspection._plot._sequences import (
    check_sample,
    draw_heat,
    label_steps,
    make_wide_axes,
    show_token,
)

_CELL = 0.32  # inches


class AlignmentDisplay:
    """Heat map of a translator's attention: target tokens as rows, source as columns.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    weights : ndarray of shape (n_target_tokens, n_steps)
        Weights, as from the method `attention_weights` of a translator.
    target_tokens : list of str of length n_target_tokens
        Names of the rows.
    source_tokens : list of str of length n_steps, default=None
        Names of the columns. None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    AttentionDisplay : Weights of attention pooling, for one prediction a sequence.

    Examples
    --------
    >>> from sklearn_rnn import RNNTranslator
    >>> from sklearn_rnn.inspection import AlignmentDisplay
    >>> X, y = ["one two", "two one", "one"], ["1 2", "2 1", "1"]
    >>> translator = RNNTranslator(hidden_size=8, max_epochs=2, random_state=0)
    >>> display = AlignmentDisplay.from_estimator(translator.fit(X, y), X, y)
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['one', 'two', 'end']
    """

    def __init__(self, weights, *, target_tokens, source_tokens=None):
        self.weights = weights
        self.target_tokens = target_tokens
        self.source_tokens = source_tokens

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, sample=0, ax=None):
        """Compute the weights of one pair and plot them.

        Parameters
        ----------
        estimator : RNNTranslator, or Pipeline that ends with one
            Fitted, with ``attention=True``.
        X : like X in `fit`
            The sources.
        y : like y in `fit`, default=None
            The targets. By default, those that the translator predicts.
        sample : int, default=0
            Index of the pair.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AlignmentDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is not a translator.
        ValueError
            If it has no attention, or X, y or `sample` is invalid.
        """
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        if not hasattr(estimator, "predict_n_best"):
            raise TypeError(
                f"{cls.__name__} draws the attention of an RNNTranslator. Got "
                f"{type(estimator).__name__} instead."
            )
        check_sample(sample, len(X))
        X = [X[sample]]
        y = estimator.predict(X) if y is None else [y[sample]]
        (weights,) = estimator.attention_weights(X, y)
        source, target = name_alignment(estimator, X, y)
        return cls(weights, target_tokens=target, source_tokens=source).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AlignmentDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        weights = np.asarray(self.weights)
        self.figure_, self.ax_ = make_wide_axes(ax)
        if ax is None:
            n_rows, n_columns = weights.shape
            self.figure_.set_size_inches(2 + _CELL * n_columns, 1.5 + _CELL * n_rows)
        image = draw_heat(self.ax_, weights, steps_per_state=1, low=0, high=1)
        names = [show_token(token) for token in self.target_tokens]
        self.ax_.set_yticks(range(len(names)), names, parse_math=False)
        self.ax_.set_ylabel("target token")
        label_steps(self.ax_, self.source_tokens)
        self.ax_.set_xlabel("source token" if self.source_tokens else "source step")
        self.figure_.colorbar(image, ax=self.ax_, label="weight")
        return self
