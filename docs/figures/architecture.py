"""Who imports whom: every arrow points down."""

from boxes import BLUE, GREEN, GREY, ORANGE, draw_arrow, draw_box, make_canvas

axes = make_canvas(6.6, 5.0)
ESTIMATORS = "estimators\n_base, _classifier, _tagger, ..."
ROOMS = {  # name: x, y, words, width, colour
    "inspection": (1.35, 4.6, "inspection", 1.6, GREY),
    "estimators": (2.2, 3.65, ESTIMATORS, 3.3, GREEN),
    "preprocessing": (5.6, 3.65, "preprocessing", 1.5, GREEN),
    "training": (0.75, 2.6, "_training\n(skorch)", 1.3, ORANGE),
    "targets": (2.75, 2.6, "_targets", 1.2, GREEN),
    "metrics": (4.0, 2.6, "metrics", 1.0, GREEN),
    "nn": (1.1, 1.55, "nn\n(torch)", 1.2, BLUE),
    "kernels": (0.95, 0.5, "_kernels\n(numba, llvmlite)", 1.7, BLUE),
    "sequences": (3.45, 1.55, "_sequences\n(NumPy)", 1.5, BLUE),
    "datasets": (5.6, 2.6, "datasets", 1.3, GREEN),
    "utils": (3.45, 0.5, "utils", 1.3, GREY),
}
ARROWS = [
    ((1.35, 4.35), (1.35, 3.9)),
    ((0.85, 3.4), (0.85, 2.85)),
    ((2.75, 3.4), (2.75, 2.85)),
    ((3.5, 3.4), (3.9, 2.85)),
    ((1.75, 3.4), (1.5, 1.8)),
    ((5.05, 3.4), (4.2, 1.7)),
    ((0.95, 2.35), (0.95, 1.8)),
    ((0.25, 2.35), (0.25, 0.75)),
    ((1.35, 2.35), (2.7, 1.7)),
    ((2.85, 2.35), (3.15, 1.8)),
    ((3.95, 2.35), (3.7, 1.8)),
    ((5.3, 2.35), (4.2, 1.45)),
    ((0.95, 1.3), (0.95, 0.75)),
    ((3.45, 1.3), (3.45, 0.75)),
]
for start, end in ARROWS:
    draw_arrow(axes, start, end)
for x, y, words, width, color in ROOMS.values():
    draw_box(axes, x, y, words, width=width, color=color)
