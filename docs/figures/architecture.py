"""Who imports whom: every arrow points down."""

from boxes import BLUE, GREEN, GREY, ORANGE, draw_arrow, draw_box, make_canvas

axes = make_canvas(5.2, 5.0)
ROOMS = {  # name: x, y, words, width, colour
    "inspection": (1.35, 4.6, "inspection", 1.6, GREY),
    "estimators": (1.9, 3.65, "estimators\n_base, _classifier, _regressor", 2.9, GREEN),
    "preprocessing": (4.35, 3.65, "preprocessing", 1.5, GREEN),
    "training": (0.85, 2.6, "_training\n(skorch)", 1.5, ORANGE),
    "nn": (1.1, 1.55, "nn\n(torch)", 1.2, BLUE),
    "kernels": (0.95, 0.5, "_kernels\n(numba, llvmlite)", 1.7, BLUE),
    "sequences": (2.85, 1.55, "_sequences\n(NumPy)", 1.3, BLUE),
    "datasets": (4.45, 2.6, "datasets", 1.3, GREEN),
    "utils": (2.85, 0.5, "utils", 1.3, GREY),
}
ARROWS = [
    ((1.35, 4.35), (1.35, 3.9)),
    ((0.85, 3.4), (0.85, 2.85)),
    ((2.85, 3.4), (2.85, 1.8)),
    ((2.0, 3.4), (1.35, 1.8)),
    ((3.85, 3.4), (3.2, 1.8)),
    ((0.95, 2.35), (0.95, 1.8)),
    ((0.25, 2.35), (0.25, 0.75)),
    ((1.5, 2.35), (2.4, 1.8)),
    ((3.9, 2.35), (3.4, 1.8)),
    ((0.95, 1.3), (0.95, 0.75)),
    ((2.85, 1.3), (2.85, 0.75)),
]
for start, end in ARROWS:
    draw_arrow(axes, start, end)
for x, y, words, width, color in ROOMS.values():
    draw_box(axes, x, y, words, width=width, color=color)
