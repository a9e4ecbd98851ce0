"""
How far back can a network remember?
====================================

The answer is the first step, and the question comes at the end. The longer the sequence,
the longer the memory must hold: where do Elman's network, the LSTM and the GRU give up?
"""

# %%
# :func:`~sklearn_rnn.datasets.make_delayed_copy` shows one of four symbols a step, drawn
# anew each time; the class is the first. All others are noise, so a model without memory
# is right one time in four. Each cell learns from 500 sequences and is tested on 500
# others, in two folds that change places.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_delayed_copy
from sklearn_rnn.preprocessing import SequenceFeatures

# %%
# For once we want nothing but the memory itself: no convolution, which shortens the
# sequence; one direction, as the backward one would see the first step last; and the
# last state alone.
models = {
    cell: RNNClassifier(
        cell=cell,
        hidden_size=32,
        conv_channels=None,
        bidirectional=False,
        pooling="last",
        max_epochs=25,
        random_state=0,
    )
    for cell in ("rnn", "gru", "lstm")
}
models["gradient boosting"] = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(max_iter=20, random_state=0)
)

# %%
# The baseline reads means, spreads, last values and slopes, which hardly know the first
# step.
n_steps = [5, 10, 20, 40, 80]
scores = {name: [] for name in models}
for n in n_steps:
    X, y = make_delayed_copy(1000, n_steps=n, random_state=0)
    for name, model in models.items():
        scores[name].append(cross_val_score(model, X, y, cv=2, n_jobs=2))
    row = ", ".join(f"{name} {np.mean(s[-1]):.2f}" for name, s in scores.items())
    print(f"{n:3} steps: {row}")

# %%
# A line is the mean of the two folds, the band what lies between them.
names = {"rnn": "Elman (RNN)", "gru": "GRU", "lstm": "LSTM"}
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, folds in scores.items():
    folds = np.array(folds)
    ax.plot(n_steps, folds.mean(axis=1), ".-", label=names.get(name, name))
    ax.fill_between(n_steps, folds.min(axis=1), folds.max(axis=1), alpha=0.2)
ax.axhline(1 / 4, color="gray", linestyle=":", label="chance")
ax.set_xscale("log", base=2)
ax.set(xticks=n_steps, xticklabels=n_steps, ylim=(0, 1.03))
ax.set(xlabel="steps from the first to the last", ylabel="test accuracy")
ax.legend(loc="lower left")
figure.savefig("how_far_back.png", dpi=100)
print("figure saved: how_far_back.png")
