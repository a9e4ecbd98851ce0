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
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    return ax.figure, ax


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
