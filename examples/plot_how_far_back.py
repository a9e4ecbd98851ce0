"""
Memory length of Elman, GRU and LSTM cells
==========================================

The target is the first step of a sequence, and the prediction is made after the last
one. This example measures how long a sequence may be before Elman, GRU and LSTM
networks forget its first step.
"""

# %%
# :func:`~sklearn_rnn.datasets.make_delayed_copy` draws one of four symbols per step;
# the class is the first symbol. The other steps carry no information, so a model
# without memory is correct one time in four.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_delayed_copy
from sklearn_rnn.preprocessing import SequenceFeatures

# %%
# To measure the memory alone, the networks have no convolutions, which would shorten
# the sequence; they read in one direction, since the backward network would read the
# first step last; and they use only the last state. All have the same small budget, 25
# epochs of 500 sequences. With a larger budget they learn to remember longer.
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
# The baseline uses the length and, for each symbol, the mean, spread, extremes, last
# value and slope. In short sequences, these reveal more about the first step.
models["gradient boosting"] = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(max_iter=20, random_state=0)
)

# %%
# Each of three random splits has 500 training and 500 test sequences.
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
# Each point is one split, each line the mean of three. The accuracy does not decline
# gradually: most networks either remember or do not, and near the limit the outcome
# varies by chance. To learn the task, the network must propagate the error from the
# last step to the first. It reaches farthest through the gates of an LSTM, whose forget
# gate starts open.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, drawn), marker in zip(scores.items(), "so^x", strict=True):
    (line,) = ax.plot(n_steps, np.mean(drawn, axis=1), label=name)
    ax.plot(n_steps, drawn, marker, color=line.get_color())
ax.axhline(1 / 4, color="gray", linestyle=":", label="chance")
ax.set(xticks=n_steps, ylim=(0, 1.03))
ax.set(xlabel="steps of the sequence", ylabel="test accuracy")
ax.set_title("Recall of the first symbol by sequence length")
ax.legend(loc="upper right")
figure.savefig("how_far_back.png", dpi=100)
print("figure saved: how_far_back.png")

# %%
# For the equations behind these results, see :doc:`/networks`. For parameters that suit
# distant steps, see :doc:`/settings`.
