"""Choosing parameters: questions from top to bottom, parameters on the right."""

from boxes import BLUE, GREEN, ORANGE, draw_arrow, draw_box, make_canvas

STEPS = [
    (
        "Does the order of\nthe steps matter?",
        "no",
        "SequenceFeatures and\na model of tables",
    ),
    (
        "Are the steps words,\ncharacters, codes?",
        "yes",
        "SequenceTokenizer or\nembedding_dim=32",
    ),
    ("Few steps, each with\nmuch information?", "yes", "conv_channels=None"),
    (
        "Counting, or copying\nfrom far away?",
        "yes",
        'conv_channels=None,\nbidirectional=False,\npooling="last"',
    ),
    ("Hundreds of steps?", "yes", "conv_channels=\n(64, 64, 64)"),
    ("Does the end of the\nsequence decide?", "yes", 'pooling="last"'),
    (
        "Several sequences of\none person, machine?",
        "yes",
        "fit(X, y, groups=...),\ncv=GroupKFold()",
    ),
]
LAST = [
    ("early_stopping=True", GREEN),
    ("search learning_rate,\nhidden_size, max_epochs", GREEN),
]
ROW, LEFT, RIGHT = 0.82, 1.25, 3.98

height = ROW * (len(STEPS) + len(LAST) + 1)
axes = make_canvas(5.2, height)
y = height - ROW / 2
draw_box(axes, LEFT, y, "RNNClassifier()\nRNNRegressor()", width=2.2, color=GREEN)
for question, answer, setting in STEPS:
    draw_arrow(axes, (LEFT, y - 0.25), (LEFT, y - ROW + 0.25))
    y -= ROW
    draw_box(axes, LEFT, y, question, width=2.2, color=BLUE)
    draw_arrow(axes, (LEFT + 1.1, y), (RIGHT - 1.1, y))
    axes.text(2.6, y + 0.05, answer, ha="center", fontsize=10)
    draw_box(axes, RIGHT, y, setting, width=2.2, height=0.66, color=ORANGE)
for text, color in LAST:
    draw_arrow(axes, (LEFT, y - 0.25), (LEFT, y - ROW + 0.25))
    y -= ROW
    draw_box(axes, LEFT, y, text, width=2.2, color=color)
axes.text(
    RIGHT - 1.1,
    y + ROW / 2,
    "Continue downwards after\neach answer: parameters\nadd up.",
    va="center",
    fontsize=10,
)
