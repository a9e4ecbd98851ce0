"""TrainingDisplay: how a fit went, epoch by epoch."""

from collections import Counter

import numpy as np

from sklearn_rnn.inspection._common import unwrap
from sklearn_rnn.inspection._plot._style import make_axes, series_style

_LINESTYLES = ("-", "--", "-.", ":")
_GAP = 0.06  # between panels, as a part of the whole height


class TrainingDisplay:
    """How a fit went: loss, validation score and learning rate per epoch.

    One panel for each, below one another; that of the score only where something was
    held out. A marker shows the best epoch: that of the highest validation score or,
    without any, of the lowest training loss.

    It is recommended to use :meth:`from_estimator`, or :meth:`from_estimators` for
    several in one picture.

    Parameters
    ----------
    losses : list of ndarray of shape (n_epochs_i,)
        Training loss of each epoch, for each estimator.
    validation_scores : list of ndarray of shape (n_epochs_i,)
        Validation score after each epoch, for each estimator; NaN where nothing was
        held out.
    learning_rates : list of ndarray of shape (n_epochs_i,)
        Learning rate at the start of each epoch, for each estimator.
    names : list of str
        Names of the estimators in the legend.

    Attributes
    ----------
    best_epochs_ : list of int
        The best epoch of each estimator, counted from 1.
    ax_ : matplotlib Axes
        The frame around all panels, itself invisible.
    axes_ : ndarray of matplotlib Axes
        The panels, from top to bottom.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    GradientFlowDisplay : How far back the gradient of the loss reaches.

    Notes
    -----
    The weights of the best epoch are those of the estimator only with
    ``early_stopping=True``; else they are those of the last one. The loss is that of
    the batches of an epoch while the weights change; the score is that after the epoch.
    Epochs of all fits of a warm start, and of `partial_fit`, follow one another.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.datasets import make_delayed_copy
    >>> from sklearn_rnn.inspection import TrainingDisplay
    >>> X, y = make_delayed_copy(100, n_steps=5, random_state=0)
    >>> classifier = RNNClassifier(
    ...     max_epochs=15, early_stopping=True, random_state=0
    ... ).fit(X, y)
    >>> display = TrainingDisplay.from_estimator(classifier)
    >>> [panel.get_ylabel() for panel in display.axes_]
    ['training loss', 'validation score', 'learning rate']
    """

    def __init__(self, *, losses, validation_scores, learning_rates, names):
        self.losses = losses
        self.validation_scores = validation_scores
        self.learning_rates = learning_rates
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Draw the curves of one fitted estimator.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn, Pipeline or search
            Fitted. Of a search, its `best_estimator_`; of a pipeline, the last step.
        name : str, default=None
            What it is called; by default its class.
        ax : matplotlib Axes, default=None
            Figure for the panels; by default a new figure.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            After `plot`.

        Raises
        ------
        TypeError, NotFittedError
            If there is no fitted recurrent network at the end of the estimator.
        """
        names = None if name is None else [name]
        return cls.from_estimators([estimator], names=names, ax=ax, **kwargs)

    @classmethod
    def from_estimators(cls, estimators, *, names=None, ax=None, **kwargs):
        """Draw the curves of several fitted estimators over one another.

        Parameters
        ----------
        estimators : list of estimator of sklearn_rnn, Pipeline or search
            Fitted.
        names : list of str, default=None
            What they are called; by default their classes, with a number if one occurs
            again.
        ax : matplotlib Axes, default=None
            Figure for the panels; by default a new figure.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            After `plot`.

        Raises
        ------
        ValueError
            If there is no estimator, or `names` are not as many.
        TypeError, NotFittedError
            If there is no fitted recurrent network at the end of an estimator.
        """
        fitted = [unwrap(estimator)[0] for estimator in estimators]
        if not fitted:
            raise ValueError("The 'estimators' parameter must hold one at least.")
        names = _name_classes(fitted) if names is None else list(names)
        if len(names) != len(fitted):
            raise ValueError(
                "The 'names' parameter must be a list of a name for each of the "
                f"{len(fitted)} estimators. Got {names!r} instead."
            )
        return cls(
            losses=[_column(rnn, "train_loss") for rnn in fitted],
            validation_scores=[_column(rnn, "valid_score") for rnn in fitted],
            learning_rates=[_column(rnn, "lr") for rnn in fitted],
            names=names,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Figure for the panels; by default a new figure.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            The object itself.
        """
        self.figure_, self.ax_ = make_axes(ax)
        self.best_epochs_ = [
            _best_epoch(*curves)
            for curves in zip(self.losses, self.validation_scores, strict=True)
        ]
        panels = {"training loss": self.losses}
        if any(np.isfinite(scores).any() for scores in self.validation_scores):
            panels["validation score"] = self.validation_scores
        panels["learning rate"] = self.learning_rates
        self.axes_ = _make_panels(self.ax_, [3] * (len(panels) - 1) + [2])
        for panel, (title, curves) in zip(self.axes_, panels.items(), strict=True):
            self._plot_panel(panel, curves, kwargs)
            panel.set_ylabel(title)
        self.axes_[-1].set_xlabel("epoch")
        self.axes_[0].legend(fontsize="small")
        return self

    def _plot_panel(self, panel, curves, kwargs):
        named = zip(curves, self.names, self.best_epochs_, strict=True)
        for index, (curve, name, best) in enumerate(named):
            style = {
                "label": f"{name} (best epoch: {best})",
                "linestyle": _LINESTYLES[index % len(_LINESTYLES)],
                "markevery": [best - 1],
                **series_style(index),
                **kwargs,
            }
            panel.plot(np.arange(1, len(curve) + 1), curve, **style)


def _column(rnn, name):
    """Return one number of each epoch; NaN where it was not recorded."""
    return np.array([row.get(name, np.nan) for row in rnn.history_])


def _name_classes(fitted):
    names = [type(rnn).__name__ for rnn in fitted]
    count, seen = Counter(names), Counter()
    for i, name in enumerate(names):
        seen[name] += 1
        names[i] = f"{name} {seen[name]}" if count[name] > 1 else name
    return names


def _best_epoch(losses, validation_scores):
    if np.isfinite(validation_scores).any():
        return int(np.nanargmax(validation_scores)) + 1
    return int(np.argmin(losses)) + 1


def _make_panels(ax, heights):
    """Cut axes into panels below one another, with the epochs as a common axis."""
    from matplotlib.ticker import MaxNLocator

    ax.set_axis_off()
    unit = (1 - (len(heights) - 1) * _GAP) / sum(heights)
    panels, top = [], 1
    for height in heights:
        bounds = [0, top - height * unit, 1, height * unit]
        panels.append(ax.inset_axes(bounds, sharex=panels[0] if panels else None))
        top -= height * unit + _GAP
    for panel in panels[:-1]:
        panel.tick_params(labelbottom=False)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return np.array(panels)
