"""TrainingDisplay: training curves, epoch by epoch."""

from collections import Counter

import numpy as np

from sklearn_rnn._base import BaseRNN
from sklearn_rnn.inspection._common import unwrap
from sklearn_rnn.inspection._plot._style import make_axes, series_style

_LINESTYLES = ("-", "--", "-.", ":")
_GAP = 0.06  # between panels, relative to the total height


class TrainingDisplay:
    """Training curves: loss, validation score and learning rate per epoch.

    Each curve has its own panel; the panel of the score is drawn only if there is
    validation data. A marker shows the best epoch: the one with the highest validation
    score or, without validation, with the lowest training loss.

    It is recommended to use :meth:`from_estimator`, or :meth:`from_estimators` for
    several estimators in one plot.

    Parameters
    ----------
    losses : list of ndarray of shape (n_epochs_i,)
        Training loss of each epoch, for each estimator.
    validation_scores : list of ndarray of shape (n_epochs_i,)
        Validation score after each epoch, for each estimator; NaN without validation.
    learning_rates : list of ndarray of shape (n_epochs_i,)
        Learning rate at the start of each epoch, for each estimator.
    names : list of str
        Names of the estimators in the legend.

    Attributes
    ----------
    best_epochs_ : list of int
        The best epoch of each estimator, counted from 1.
    ax_ : matplotlib Axes
        Invisible axes around all panels.
    axes_ : ndarray of matplotlib Axes
        The panels, from top to bottom.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    GradientFlowDisplay : Gradient norm by number of steps back.

    Notes
    -----
    With ``early_stopping=True`` the estimator keeps the weights of the best epoch,
    otherwise those of the last epoch. The loss is averaged over the batches of an epoch
    while the weights change; the score is computed after the epoch. With warm starts or
    `partial_fit`, the curves show the epochs of all fits in sequence.

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
        """Plot the curves of one fitted estimator.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn, Pipeline or search
            Fitted. A search is replaced by its `best_estimator_`, and a pipeline by its
            last step.
        name : str, default=None
            Name in the legend. By default, the class of the estimator.
        ax : matplotlib Axes, default=None
            Axes to replace by the panels. By default, a new figure is created.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            The display, already plotted.

        Raises
        ------
        TypeError, NotFittedError
            If the final estimator is not a fitted sklearn_rnn estimator.
        """
        names = None if name is None else [name]
        return cls.from_estimators([estimator], names=names, ax=ax, **kwargs)

    @classmethod
    def from_estimators(cls, estimators, *, names=None, ax=None, **kwargs):
        """Plot the curves of several fitted estimators in the same panels.

        Parameters
        ----------
        estimators : list of estimator of sklearn_rnn, Pipeline or search
            Fitted.
        names : list of str, default=None
            Names in the legend. By default, the classes of the estimators, numbered if
            a class occurs more than once.
        ax : matplotlib Axes, default=None
            Axes to replace by the panels. By default, a new figure is created.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            The display, already plotted.

        Raises
        ------
        ValueError
            If there is no estimator, or the number of names differs.
        TypeError, NotFittedError
            If a final estimator is not a fitted sklearn_rnn estimator.
        """
        fitted = [unwrap(estimator, _is_trained)[0] for estimator in estimators]
        if not fitted:
            raise ValueError(
                "The 'estimators' parameter must contain at least one estimator."
            )
        names = _name_classes(fitted) if names is None else list(names)
        if len(names) != len(fitted):
            raise ValueError(
                f"The 'names' parameter must be a list of {len(fitted)} names, one for "
                f"each estimator. Got {names!r} instead."
            )
        return cls(
            losses=[_column(rnn, "train_loss") for rnn in fitted],
            validation_scores=[_column(rnn, "valid_score") for rnn in fitted],
            learning_rates=[_column(rnn, "lr") for rnn in fitted],
            names=names,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Plot the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to replace by the panels. By default, a new figure is created.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingDisplay
            The display itself.
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


def _is_trained(estimator):
    is_detector = hasattr(type(estimator), "history_")  # trains a regressor of its own
    return is_detector or isinstance(estimator, BaseRNN)


def _column(rnn, name):
    """Return one value per epoch; NaN where it was not recorded."""
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
    """Divide axes into panels, one below the other, with a shared epoch axis."""
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
