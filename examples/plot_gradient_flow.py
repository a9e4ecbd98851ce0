"""
Why plain recurrent networks forget, and what gates and clipping do
===================================================================

The loss stands at the end of a sequence, and what it depends on may stand at the start.
Training has to carry a gradient from one to the other, step by step. Here we look at
what arrives.
"""

# %%
# In the adding problem, a sequence has two marked numbers, one in its first half and
# one in its second. The target is their sum. Always to guess the mean gives an R² of 0,
# to remember the later number alone 0.5, both 1.
#
# Three networks that differ in their cell alone read the sequences in one direction,
# and answer from their last state: whatever they know has come through all the steps.
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNRegressor
from sklearn_rnn.datasets import make_adding_problem
from sklearn_rnn.inspection import GradientFlowDisplay, TrainingDisplay

X, y = make_adding_problem(1500, n_steps=60, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=500, random_state=0)
cells = {"rnn": "Elman", "gru": "GRU", "lstm": "LSTM"}


def make_regressor(cell, **params):
    return RNNRegressor(
        cell=cell,
        hidden_size=32,
        bidirectional=False,
        pooling="last",
        conv_channels=None,
        max_epochs=30,
        random_state=0,
        **params,
    )


# %%
# We fit each of them with gradient clipping, which is the default, and without. Before
# training, weights are as they were drawn: an epoch with a learning rate of next to
# nothing leaves them there.
untrained, clipped, unclipped = {}, {}, {}
for cell in cells:
    untrained[cell] = make_regressor(cell, learning_rate=1e-12)
    untrained[cell].partial_fit(X_train, y_train)
    clipped[cell] = make_regressor(cell).fit(X_train, y_train)
    unclipped[cell] = make_regressor(cell, max_grad_norm=None).fit(X_train, y_train)
    print(
        f"{cells[cell]}: R² {clipped[cell].score(X_test, y_test):.2f} with clipping, "
        f"{unclipped[cell].score(X_test, y_test):.2f} without"
    )

# %%
# :class:`~sklearn_rnn.inspection.GradientFlowDisplay` shows the norm of the gradient of
# the loss with respect to the state, for each number of steps back from the end.
titles = ["before training", "after training, clipped", "after training, unclipped"]
figure, axes = plt.subplots(1, 3, figsize=(13, 4), sharey=True, layout="constrained")
for ax, title, fitted in zip(
    axes, titles, [untrained, clipped, unclipped], strict=True
):
    for cell, name in cells.items():
        GradientFlowDisplay.from_estimator(
            fitted[cell], X_test[:100], y_test[:100], name=name, ax=ax
        )
    ax.set_title(title)
    ax.label_outer()
figure.savefig("gradient_flow.png", dpi=100)
print("figure saved: gradient_flow.png")

# %%
# How large the gradient of all weights was in each epoch, before it was clipped, is in
# `history_`.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for fitted, style, how in ((clipped, "-", "clipped"), (unclipped, "--", "unclipped")):
    for cell, marker, color in zip(
        cells, "os^", ("#000000", "#0072B2", "#D55E00"), strict=True
    ):
        ax.plot(
            fitted[cell].history_[:, "epoch"],
            fitted[cell].history_[:, "grad_norm"],
            style,
            marker=marker,
            markevery=5,
            color=color,
            label=f"{cells[cell]}, {how}",
        )
ax.axhline(1, color="grey", linestyle=":", label="where clipping begins")
ax.set(xlabel="epoch", ylabel="mean norm of the gradient", yscale="log")
ax.legend()

# %%
# And the course of training.
display = TrainingDisplay.from_estimators(
    [clipped["rnn"], unclipped["rnn"], clipped["gru"], clipped["lstm"]],
    names=["Elman", "Elman, unclipped", "GRU", "LSTM"],
)
