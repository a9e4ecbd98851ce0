"""
How far back can a network remember?
====================================

The answer is the first step, and the question comes at the end. The longer the
sequence, the longer the memory must hold: where do Elman's network, the GRU and the
LSTM give up?
"""

# %%
# :func:`~sklearn_rnn.datasets.make_delayed_copy` shows one of four symbols a step,
# drawn anew each time; the class is the first. All others say nothing, so who remembers
# nothing is right one time in four.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_delayed_copy
from sklearn_rnn.preprocessing import SequenceFeatures

# %%
# For once we want nothing but the memory itself: no convolution, which shortens the
# sequence; one direction, as the backward one would see the first step last; and the
# last state alone. All have the same small budget, 25 epochs of 500 sequences: how far
# back they *can* remember is what they learn with it, and with more they learn more.
models = {
    name: RNNClassifier(
        cell=cell,
        hidden_size=32,
        conv_channels=None,
        bidirectional=False,
        pooling="last",
        max_epochs=25,
        random_state=0,
    )
    for name, cell in [("Elman (RNN)", "rnn"), ("GRU", "gru"), ("LSTM", "lstm")]
}

# %%
# The baseline reads length, mean, spread, extremes, last value and slope of each
# symbol. The fewer the steps, the more they betray of the first.
models["gradient boosting"] = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(max_iter=20, random_state=0)
)

# %%
# Three times 500 sequences are drawn to learn from, and 500 to be tested on.
n_steps = [10, 20, 30, 50]
cv = ShuffleSplit(3, train_size=500, test_size=500, random_state=0)
scores = {name: [] for name in models}
for n in n_steps:
    X, y = make_delayed_copy(1000, n_steps=n, random_state=0)
    for name, model in models.items():
        scores[name].append(cross_val_score(model, X, y, cv=cv, n_jobs=2))
    means = [f"{name} {np.mean(drawn[-1]):.2f}" for name, drawn in scores.items()]
    print(f"{n} steps: {', '.join(means)}")

# %%
# Each point is one draw, each line their mean. Memory hardly fades: mostly it is there
# or not, and near the limit luck decides. To learn it, the error at the last step must
# reach the first, through all steps between. The gates of an LSTM, of which the forget
# gate starts open, let it through farthest.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, drawn), marker in zip(scores.items(), "so^x", strict=True):
    (line,) = ax.plot(n_steps, np.mean(drawn, axis=1), label=name)
    ax.plot(n_steps, drawn, marker, color=line.get_color())
ax.axhline(1 / 4, color="gray", linestyle=":", label="chance")
ax.set(xticks=n_steps, ylim=(0, 1.03))
ax.set(xlabel="steps of the sequence", ylabel="test accuracy")
ax.set_title("Which symbol was the first? Told after so many steps")
ax.legend(loc="upper right")
figure.savefig("how_far_back.png", dpi=100)
print("figure saved: how_far_back.png")

# %%
# :doc:`/networks` says why, from the formulas; :doc:`/settings`, what to set where the
# first steps decide.
