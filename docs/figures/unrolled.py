"""A recurrent network, folded and unrolled over the steps of a sequence."""

from itertools import pairwise

from boxes import BLUE, GREEN, ORANGE, draw_arrow, draw_box, make_canvas

axes = make_canvas(5.2, 2.9)
LABELS = ["1", "2", "3", "T"]
PLACES = [0.6, 1.75, 2.9, 4.5]
for x, t in zip(PLACES, LABELS, strict=True):
    draw_box(axes, x, 0.35, f"$x_{t}$", width=0.55, height=0.42, color=ORANGE)
    draw_arrow(axes, (x, 0.56), (x, 1.15))
    draw_box(axes, x, 1.4, f"$h_{t}$", width=0.7, height=0.5, color=BLUE)
    axes.text(x + 0.05, 0.8, "$W_{ih}$", fontsize=10)
for left, right in pairwise(PLACES):
    draw_arrow(axes, (left + 0.35, 1.4), (right - 0.35, 1.4))
    if right != PLACES[-1]:
        axes.text((left + right) / 2, 1.48, "$W_{hh}$", fontsize=10, ha="center")
axes.text(3.7, 1.52, ". . .", ha="center", fontsize=12)
draw_box(axes, 2.55, 2.55, "pooling, then a linear layer", width=3.0, color=GREEN)
for x in PLACES:
    draw_arrow(axes, (x, 1.65), (2.55 + (x - 2.55) * 0.55, 2.3))
