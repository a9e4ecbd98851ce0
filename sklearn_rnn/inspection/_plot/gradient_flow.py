"""GradientFlowDisplay: gradient norm by number of steps back."""

import numpy as np

from sklearn_rnn.inspection._common import unwrap
from sklearn_rnn.inspection._gradient_flow import compute_gradient_norms
from sklearn_rnn.inspection._plot._style import make_axes, series_style

_DIRECTIONS = ("forward", "backward")
_N_MARKERS = 8  # on a line
_LEAST_RANGE = 1000  # of the axis of norms


class GradientFlowDisplay:
    r"""Gradient norm by number of steps back.

    There is one line per recurrent layer and direction. It shows the norm of
    :math:`\partial L / \partial h_t`, the gradient of a sequence's loss with respect to
    the state after step :math:`t`, by the number of steps between :math:`t` and the
    last step that the layer reads. A line that falls by orders of magnitude is a
    vanishing gradient: the network cannot learn dependencies over so many steps. A
    rising line is an exploding gradient. Norms are on a logarithmic axis.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    gradient_norms : ndarray of shape (n_layers, n_directions, n_steps)
        Mean norm over the sequences. The last axis is the number of steps back: 0 is
        the last step that the layer reads, which for the backward direction is the
        first step of the sequence.
    estimator_name : str, default=None
        Name of the lines in the legend, before layer and direction.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    lines_ : list of matplotlib Line2D
        The lines: layer by layer, forward before backward.

    See Also
    --------
    TrainingDisplay : Loss, score and learning rate per epoch.

    Notes
    -----
    This is the total gradient: through all later steps, and through the layers above
    and the pooling, which read step :math:`t` itself. With ``pooling="mean"``,
    "meanmax" or "attention" the loss reaches most states directly, so lines fall less;
    ``pooling="last"`` shows the recurrence alone. Estimators with one prediction per
    step resemble the former: their loss is the sum over steps. For an LSTM, the
    gradient with respect to :math:`h_t` keeps the cell state :math:`c_t` fixed. After a
    convolutional stem, steps are those of the recurrent layers, fewer than those of X.

    The loss is the training loss, on the scale of the scaled targets, without sample
    and class weights. Dropout is off. The gradient is computed step by step, on the CPU
    in double precision.

    References
    ----------
    Y. Bengio, P. Simard, P. Frasconi, "Learning long-term dependencies with gradient
    descent is difficult", IEEE Transactions on Neural Networks 5(2), 1994.

    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
    networks", ICML 2013.

    Examples
    --------
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.datasets import make_adding_problem
    >>> from sklearn_rnn.inspection import GradientFlowDisplay
    >>> X, y = make_adding_problem(50, n_steps=30, random_state=0)
    >>> regressor = RNNRegressor(
    ...     cell="rnn", conv_channels=None, bidirectional=False, pooling="last",
    ...     random_state=0,
    ... ).partial_fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(regressor, X, y)
    >>> display.gradient_norms.shape
    (1, 1, 30)
    """

    def __init__(self, gradient_norms, *, estimator_name=None):
        self.gradient_norms = gradient_norms
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, ax=None, **kwargs):
        """Compute the gradient norms for some sequences and plot them.

        If several networks are drawn on the same axes, each has its own colours.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn, Pipeline or search
            Fitted. A search is replaced by its `best_estimator_`. The transformers of a
            pipeline are applied to X first.
        X : like X in `fit`
            The sequences. About a hundred are enough.
        y : like y in `fit`
            Their targets.
        name : str, default=None
            Name of the lines. By default, the class of the estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : GradientFlowDisplay
            The display, already plotted.

        Raises
        ------
        ValueError, TypeError
            If X or y does not match the estimator, if `estimator` is not an sklearn_rnn
            estimator, or if its custom cell has no method ``step``.
        NotFittedError
            If the estimator is not fitted.
        """
        name = type(unwrap(estimator)[0]).__name__ if name is None else name
        norms = compute_gradient_norms(estimator, X, y)
        return cls(norms, estimator_name=name).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, **kwargs):
        """Plot a line for each layer and direction.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.
        name : str, default=None
            Name of the lines. By default, `estimator_name`.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : GradientFlowDisplay
            The display itself.
        """
        self.figure_, self.ax_ = make_axes(ax)
        name = self.estimator_name if name is None else name
        n_layers, n_directions, n_steps = self.gradient_norms.shape
        n_before = len(self.ax_.lines)
        self.lines_ = []
        for index in range(n_layers * n_directions):
            layer, direction = divmod(index, n_directions)
            style = {
                "label": self._label(name, layer, direction),
                "linestyle": "--" if direction else "-",
                "markevery": max(1, n_steps // _N_MARKERS),
                "markersize": 4,
                **series_style(n_before + index),
                **kwargs,
            }
            norms = self.gradient_norms[layer, direction]
            self.lines_ += self.ax_.plot(np.arange(n_steps), norms, **style)
        self.ax_.set(
            xlabel="steps back",
            ylabel=r"mean norm of $\partial\,$loss$\,/\,\partial h_t$",
            yscale="log",
        )
        low, high = self.ax_.get_ylim()  # a factor of two should not look like a fall
        self.ax_.set_ylim(bottom=min(low, high / _LEAST_RANGE), auto=None)
        self.ax_.legend()
        return self

    def _label(self, name, layer, direction):
        n_layers, n_directions, _ = self.gradient_norms.shape
        parts = [] if name is None else [name]
        if n_layers > 1 or (name is None and n_directions == 1):
            parts.append(f"layer {layer + 1}")
        if n_directions > 1:
            parts.append(_DIRECTIONS[direction])
        return ", ".join(parts)
