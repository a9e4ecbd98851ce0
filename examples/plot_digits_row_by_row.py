"""
Handwritten digits, read row by row
===================================

An image can be read as a sequence: eight rows from top to bottom, with eight numbers
each. A recurrent network reads the rows one by one. This example shows how its
predicted probabilities change after each row.
"""

# %%
# scikit-learn includes the data: 1797 images of 8 x 8 grey values. The array of images
# has the shape (n_samples, n_steps, n_features), so it needs no conversion.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_rnn import RNNClassifier

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, stratify=digits.target, random_state=0
)
print(f"training data: {X_train.shape[0]} images as sequences of {X_train.shape[1:]}")


# %%
# An :class:`~sklearn_rnn.RNNClassifier` works in a pipeline like any other classifier,
# and its parameters are tuned like any others. There are only eight steps, so no
# convolution is needed.
def to_unit_range(images):
    return images / 16


pipeline = Pipeline(
    [
        ("scale", FunctionTransformer(to_unit_range)),
        ("rnn", RNNClassifier(conv_channels=None, max_epochs=20, random_state=0)),
    ]
)
search = GridSearchCV(
    pipeline,
    {"rnn__cell": ["lstm", "gru"], "rnn__hidden_size": [32, 64]},
    cv=3,
    n_jobs=2,
)
search.fit(X_train, y_train)
print(f"best parameters: {search.best_params_}")
print(f"cross-validated accuracy: {search.best_score_:.3f}")
print(f"test accuracy: {search.score(X_test, y_test):.3f}")

# %%
# Sequences passed to ``predict_proba`` may be shorter than the training sequences. The
# figure shows the probabilities predicted from the first rows only. Each row of a heat
# map is a separate prediction, without knowledge of the remaining rows.
row_counts = np.arange(1, 9)
shown = [np.flatnonzero(y_test == digit)[0] for digit in (3, 5, 7, 9)]
figure, axes = plt.subplots(
    len(shown), 2, figsize=(7, 8), width_ratios=[1, 2.2], layout="constrained"
)
for (left, right), i in zip(axes, shown, strict=True):
    belief = [search.predict_proba(X_test[i : i + 1, :n])[0] for n in row_counts]
    left.imshow(X_test[i], cmap="gray_r")
    left.set(xticks=[], yticks=range(8), yticklabels=row_counts, ylabel="row")
    picture = right.imshow(
        np.array(belief), cmap="Blues", vmin=0, vmax=1, aspect="auto"
    )
    right.set(xticks=range(10), yticks=range(8), yticklabels=row_counts)
    right.set(ylabel="rows read so far")
axes[0, 0].set_title("image")
axes[0, 1].set_title("predicted probabilities")
axes[-1, 1].set_xlabel("digit")
figure.colorbar(picture, ax=axes[:, 1], label="probability")
figure.savefig("digits_row_by_row.png", dpi=100)
print("figure saved: digits_row_by_row.png")

# %%
# For other formats of X, see :doc:`/data`. For other scikit-learn tools, see
# :doc:`/scikit_learn`.
