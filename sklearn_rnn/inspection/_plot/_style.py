"""Axes and colours of the displays."""

# M. Okabe, K. Ito, "Color universal design", 2008: told apart by colour-blind people.
# Black first; yellow, too light for a line on white, is left out.
PALETTE = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def make_axes(ax):
    """Return the axes to draw into and their figure; new ones if `ax` is None.

    Parameters
    ----------
    ax : matplotlib Axes or None
        What a user gave to `plot`.

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
            'Pictures need matplotlib: pip install "sklearn-rnn[plot]".'
        ) from error

    if ax is None:
        _, ax = plt.subplots()
    return ax.figure, ax


_HATCHES = ("", "///", "...", "xxx")


def fill_style(index):
    """Return the style of areas of one of several labels, different also in grey.

    Parameters
    ----------
    index : int
        The number of the label, from 0. Colours begin again after six, with another
        hatch.

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
    """Return a colour "#rrggbb" mixed with white, of which `share` is left."""
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - share * (255 - p)):02x}" for p in parts)


def series_style(index):
    """Return colour and marker of one of several series, different also in grey.

    Parameters
    ----------
    index : int
        The number of the series, from 0. After seven, styles begin again.

    Returns
    -------
    style : dict
        For `Axes.plot` and, with `color` and `marker`, for `Axes.scatter`.
    """
    return {
        "color": PALETTE[index % len(PALETTE)],
        "marker": MARKERS[index % len(MARKERS)],
    }
