"""Boxes with text and arrows between them, for the figures of the documentation."""

import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN, GREY = "#cfe4f3", "#fbe3c3", "#cfeade", "#ececec"


def make_canvas(width, height):
    """Return axes whose units are inches, without ticks."""
    _, axes = plt.subplots(figsize=(width, height))
    axes.set_position([0, 0, 1, 1])
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return axes


def draw_box(axes, x, y, text, *, width, height=0.5, color=BLUE, **options):
    """Draw a box with text, centred at (x, y)."""
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(
        plt.Rectangle(corner, width, height, facecolor=color, edgecolor="#444444")
    )
    axes.text(x, y, text, ha="center", va="center", **options)


def draw_arrow(axes, start, end, **options):
    """Draw an arrow from one point to another."""
    style = {"arrowstyle": "-|>", "color": "#444444", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style | options)
