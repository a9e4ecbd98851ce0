"""Axes and colours of the displays."""

# M. Okabe, K. Ito, "Color universal design", 2008: safe for colour-blind people.
# Black comes first; yellow is omitted, too light for a line on white.
PALETTE = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def make_axes(ax):
    """Return the axes to draw on and their figure; new ones if `ax` is None.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Argument of `plot`.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'Plotting requires matplotlib: pip install "sklearn-rnn[plot]".'
        ) from error

    if ax is None:
        _, ax = plt.subplots()
    return ax.figure, ax


_HATCHES = ("", "///", "...", "xxx")


def fill_style(index):
    """Return the fill style of a label, distinguishable also in grey.

    Parameters
    ----------
    index : int
        Index of the label. Colours repeat after six, with another hatch.

    Returns
    -------
    style : dict
        `facecolor`, `edgecolor` (of the hatch) and `hatch` of a patch.
    """
    colors = PALETTE[1:]  # black would hide what is drawn over it
    return {
        "facecolor": colors[index % len(colors)],
        "edgecolor": "white",
        "hatch": _HATCHES[index // len(colors) % len(_HATCHES)],
    }


def lighten(color, share):
    """Return a mixture of white and `share` of a colour "#rrggbb"."""
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - share * (255 - p)):02x}" for p in parts)


def series_style(index):
    """Return colour and marker of a series, distinguishable also in grey.

    Parameters
    ----------
    index : int
        Index of the series. Styles repeat after seven.

    Returns
    -------
    style : dict
        For `Axes.plot` and, with `color` and `marker`, for `Axes.scatter`.
    """
    return {
        "color": PALETTE[index % len(PALETTE)],
        "marker": MARKERS[index % len(MARKERS)],
    }
