"""AttributionDisplay: attributions over a series or over the tokens of a text."""

from dataclasses import replace

import numpy as np

from sklearn_rnn._inspectable import embedded_columns, predicts_one_class
from sklearn_rnn.inspection._attributions import attribute_sequences
from sklearn_rnn.inspection._common import choose_outputs, name_outputs, resolve_inputs
from sklearn_rnn.inspection._plot._sequences import (
    LOWERS,
    RAISES,
    check_sample,
    label_steps,
    make_wide_axes,
    show_token,
    size_in_points,
)
from sklearn_rnn.inspection._steps import check_step, name_tokens

_LONG_NAME = 40  # characters in an output's name: the legend gets one line per entry
_HALF_ROW = 0.45  # of the distance between the rows of two features
_FONT_SIZES = range(14, 4, -1)  # points; the largest that fits is used
_WIDTH, _MARGIN, _MAX_LINES = 6.2, 0.5, 12  # of a new figure; inches, inches, lines
_GLYPH_WIDTH, _LINE_HEIGHT = 0.62, 2.4  # of monospaced text, relative to the font size


class AttributionDisplay:
    """Attributions of an output to the steps of a series or the tokens of a text.

    For numbers, each feature has a row. Bars point up where a step raises the output
    and down where it lowers it, on a common scale. The series are drawn over the bars,
    each on its own scale. For tokens, the display shows the text itself, with a bar
    above tokens that raise the output and a bar below tokens that lower it.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    attributions : ndarray of shape (n_steps, n_features)
        Attributions of one sequence, as from :func:`step_attributions`.
    values : ndarray of shape (n_steps, n_features), default=None
        The sequence. If None, no series is drawn.
    feature_names : list of str of length n_features, default=None
        Names of the rows.
    tokens : list of str of length n_steps, default=None
        The text. With a single feature, only the text is drawn; with several, it is
        written below the rows.
    output_name : str, default="output"
        Name of the output in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.

    See Also
    --------
    step_attributions : Compute the attributions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.inspection import AttributionDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 2))
    >>> regressor = RNNRegressor(max_epochs=10, random_state=0).fit(X, X[:, 1, 0])
    >>> display = AttributionDisplay.from_estimator(regressor, X, sample=3)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['x0', 'x1']
    """

    def __init__(
        self,
        attributions,
        *,
        values=None,
        feature_names=None,
        tokens=None,
        output_name="output",
    ):
        self.attributions = attributions
        self.values = values
        self.feature_names = feature_names
        self.tokens = tokens
        self.output_name = output_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sample=0,
        target=None,
        step=None,
        method="integrated_gradients",
        ax=None,
    ):
        """Compute the attributions of one sequence and plot them.

        Parameters
        ----------
        estimator : estimator of sklearn_rnn, Pipeline or search
            Fitted. The transformers of a pipeline are applied to X first.
        X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, \
                n_features), RaggedArray, or list of array-like of shape \
                (n_steps_i, n_features) or (n_steps_i,)
            The sequences, as passed to the estimator.
        sample : int, default=0
            Index of the sequence in X.
        target : label, int or None, default=None
            Output to explain: a class label for a classifier or tagger, the index of a
            target for a regressor. None selects the class predicted for the sequence
            or at `step`, or the only target.
        step : int or None, default=None
            See :func:`step_attributions`.
        method : {"integrated_gradients", "gradient", "occlusion"}, \
                default="integrated_gradients"
            See :func:`step_attributions`.
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AttributionDisplay
            The display, already plotted.

        Raises
        ------
        ImportError
            If captum or matplotlib is not installed.
        TypeError, ValueError
            If `estimator` is not an sklearn_rnn estimator, a parameter or X is invalid
            for it, or there are several targets and none is selected.
        """
        seen = resolve_inputs(estimator, X)
        check_sample(sample, len(seen.X))
        rnn, one = seen.rnn, seen.index_tokens()[[sample]]
        check_step(step, replace(seen, X=seen.X[[sample]]))
        if target is None and predicts_one_class(rnn):
            target = estimator.predict(X)[sample]
            target = target if step is None else target[step]
        column = _choose_output(rnn, target)
        tokens = name_tokens(estimator, seen)
        is_text = tokens is not None and len(seen.feature_names) == 1
        return cls(
            attribute_sequences(rnn, one, method, [column], step)[0],
            values=None if is_text else _hide_embedded(rnn, one[0]),
            feature_names=None if is_text else list(seen.feature_names),
            tokens=None if tokens is None else tokens[sample],
            output_name=_name_output(rnn, column, step),
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Plot the attributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. By default, a new figure is created.

        Returns
        -------
        display : AttributionDisplay
            The display itself.
        """
        self.figure_, self.ax_ = make_wide_axes(ax)
        attributions = np.asarray(self.attributions, dtype=float)
        self._plot_legend(attributions)
        largest = np.abs(attributions).max() or 1.0
        if not self._is_text(attributions):
            self._plot_series(attributions / largest)
            return self
        if ax is None:
            self.figure_.set_figheight(_MARGIN + _estimate_height(self.tokens))
        self._plot_text(attributions[:, 0] / largest)
        return self

    def _is_text(self, attributions):
        return self.tokens is not None and attributions.shape[1] == 1

    def _plot_series(self, parts):
        n_steps, n_features = parts.shape
        edges = np.arange(n_steps + 1) - 0.5
        for feature in range(n_features):
            middle = n_features - 1 - feature  # the first on top
            for color, heights in (
                (RAISES, parts[:, feature].clip(min=0)),
                (LOWERS, parts[:, feature].clip(max=0)),
            ):
                self.ax_.stairs(
                    middle + _HALF_ROW * heights,
                    edges,
                    baseline=middle,
                    fill=True,
                    color=color,
                )
            self.ax_.axhline(middle, color="0.6", linewidth=0.8, zorder=0)
            if self.values is not None:
                scaled = _to_unit_range(np.asarray(self.values)[:, feature])
                self.ax_.plot(middle + _HALF_ROW * scaled, color="black", linewidth=1.2)
        names = self.feature_names
        if names is None:
            names = [f"x{i}" for i in range(n_features)]
        self.ax_.set_yticks(range(n_features)[::-1], names)
        self.ax_.set(ylim=(-0.55, n_features - 0.45), xlim=(edges[0], edges[-1]))
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        label_steps(self.ax_, self.tokens)

    def _plot_text(self, parts):
        from matplotlib.patches import Rectangle

        self.ax_.set_axis_off()
        size, places, extent = _fit_text(self.tokens, *size_in_points(self.ax_))
        for token, part, (column, line) in zip(self.tokens, parts, places, strict=True):
            width, color = max(len(token), 1), RAISES if part > 0 else LOWERS
            self.ax_.add_patch(
                Rectangle((column, line + 0.3), width, 0.4, color=color, lw=0)
            ).set_alpha(0.4 * abs(part))
            top = line + 0.3 * (1 - part) if part > 0 else line + 0.7
            self.ax_.add_patch(
                Rectangle((column, top), width, 0.3 * abs(part), color=color, lw=0)
            )
            self.ax_.text(
                column + width / 2,
                line + 0.5,
                show_token(token),
                size=size,
                family="monospace",
                ha="center",
                va="center_baseline",
                parse_math=False,
            )
        self.ax_.set(xlim=(0, extent[0]), ylim=(extent[1], 0))

    def _plot_legend(self, attributions):
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        name = self.output_name
        highest, lowest = attributions.max(), attributions.min()
        handles = [
            Patch(color=RAISES, label=f"up: raises {name}{_reach(highest, '+')}"),
            Patch(color=LOWERS, label=f"down: lowers it{_reach(-lowest, '-')}"),
        ]
        if not self._is_text(attributions) and self.values is not None:
            handles.append(Line2D([], [], color="black", label="the series"))
        self.ax_.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(handles) if len(name) < _LONG_NAME else 1,
            frameon=False,
            columnspacing=1.0,
            handlelength=1.0,
            fontsize="small",
        )


def _hide_embedded(rnn, sequence):
    """Return a sequence with NaN in its columns of ids; None if it has no others.

    NaN is not drawn.
    """
    embedded = embedded_columns(rnn)
    if len(embedded) == sequence.shape[1]:
        return None
    values = np.array(sequence, dtype=float)
    values[:, embedded] = np.nan
    return values


def _choose_output(rnn, target):
    """Return the column of the selected target."""
    columns = choose_outputs(rnn, target)
    if len(columns) > 1:
        raise ValueError(
            f"The network has {len(columns)} targets: select one of {columns} with the "
            "'target' parameter."
        )
    return columns[0]


def _name_output(rnn, column, step):
    name = name_outputs(rnn)[column]
    name = f"log-odds of {name}" if hasattr(rnn, "classes_") else name
    return name if step is None else f"{name} at step {step}"


def _reach(largest, sign):
    return f" ({sign}{largest:.2g} at most)" if largest > 0 else ""


def _to_unit_range(series):
    """Scale a series to between -1 and 1; a constant series becomes 0."""
    low, high = series.min(), series.max()
    return (2 * series - low - high) / (high - low or 1)


def _estimate_height(tokens):
    """Return the height of a text in a new figure, in inches."""
    width, size = _WIDTH * 72, _FONT_SIZES[0]
    _, lines = zip(*_place_tokens(tokens, width / (_GLYPH_WIDTH * size)), strict=True)
    return min(lines[-1] + 1, _MAX_LINES) * _LINE_HEIGHT * size / 72


def _fit_text(tokens, width, height):
    """Choose the font size and place the tokens.

    Parameters
    ----------
    tokens : list of str
        The text.
    width, height : float
        Size of the axes, in points.

    Returns
    -------
    size : int
        Font size, in points.
    places : list of tuple (column, line)
        Start of each token, in characters and lines.
    extent : tuple (n_columns, n_lines)
        Number of characters and lines that fit into the axes.
    """
    for size in _FONT_SIZES:
        n_columns = width / (_GLYPH_WIDTH * size)
        n_lines = height / (_LINE_HEIGHT * size)
        places = _place_tokens(tokens, n_columns)
        if places[-1][1] + 1 <= n_lines:
            break
    return size, places, (n_columns, max(n_lines, places[-1][1] + 1))


def _place_tokens(tokens, n_columns):
    """Break the text into lines; single characters are not separated by spaces."""
    gap = 0 if all(len(token) <= 1 for token in tokens) else 1
    column = line = 0
    places = []
    for token in tokens:
        width = max(len(token), 1)
        if column > 0 and column + width > n_columns:
            column, line = 0, line + 1
        places.append((column, line))
        column += width + gap
    return places
