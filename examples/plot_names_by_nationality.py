"""
Names that sound real, by nationality
=====================================

A generator learns the probability of each next letter of a surname, given the letters
before it and the nationality. It then draws names that nobody has, and tells which
nationality explains a name best. See :doc:`/generation`.
"""

# %%
# The data set has 20,050 surnames of 18 nationalities, nearly half of them Russian.
# Five nationalities are used here, with at most 1,000 names each. The data are
# downloaded once. If the download fails, the example uses invented names of two groups
# that differ in their endings instead.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from sklearn_rnn import RNNGenerator
from sklearn_rnn.datasets import fetch_names


def invent_names(n_names=1000):
    rng = np.random.default_rng(0)
    endings = np.array(["ov", "ini"])
    letters = rng.choice(list("abdegiklmnorstu"), size=(n_names, 4))
    target = rng.integers(2, size=n_names)
    data = ["".join(stem) + endings[i] for stem, i in zip(letters, target, strict=True)]
    return Bunch(data=data, target=target, target_names=["Russian", "Italian"])


try:
    surnames = fetch_names()
except OSError as error:
    print(f"{error}\nUsing invented names instead.")
    surnames = invent_names()
labels = np.array(surnames.target_names)[surnames.target]
chosen = [
    label
    for label in ("Arabic", "German", "Italian", "Japanese", "Russian")
    if label in labels
]
order = np.random.default_rng(0).permutation(len(labels))
rows = np.concatenate([order[labels[order] == label][:1000] for label in chosen])
names, y = np.array(surnames.data, dtype=object)[rows], labels[rows]
names, test_names, y, y_test = train_test_split(
    names, y, test_size=0.1, stratify=y, random_state=0
)

# %%
# The names go into the estimator as they are; `level="char"` is the default. y is a
# condition: the nationality is an input of the network at each step. More epochs would
# lower the training loss further, of which the estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
generator = RNNGenerator(
    hidden_size=64, dropout=0.2, max_epochs=8, learning_rate=0.01, random_state=0
)
generator.fit(names, y)
perplexity = generator.perplexity(test_names, y_test)
print(f"perplexity of held-out names: {perplexity:.1f} letters")

# %%
# A temperature below 1 prefers probable letters. The same `random_state` draws the same
# names, and a prompt asks for names with a given beginning.
known = set(names) | set(test_names)
for label in chosen:
    drawn = generator.sample(6, y=label, temperature=0.7, random_state=0)
    new = sum(name not in known for name in drawn)
    print(f"{label:>9}: {', '.join(drawn)} ({new} of 6 are new)")
for label in chosen:
    drawn = generator.sample(1, y=label, prompt="Mar", temperature=0.5, random_state=1)
    print(f"{label:>9}: {drawn[0]}")

# %%
# `score_samples` returns the log-likelihood of a name under any nationality. The
# picture shows the means over the held-out names. In each row, the name's own
# nationality explains it best: Bayes' rule would make a classifier of the generator.
log_likelihood = np.array(
    [
        [
            generator.score(test_names[y_test == row], [column] * (y_test == row).sum())
            for column in chosen
        ]
        for row in chosen
    ]
)
fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
image = ax.imshow(log_likelihood, cmap="viridis")
ax.set_xticks(range(len(chosen)), chosen)
ax.set_yticks(range(len(chosen)), chosen)
ax.set(xlabel="condition", ylabel="nationality of held-out names")
for i, j in np.ndindex(log_likelihood.shape):
    ax.text(
        j,
        i,
        f"{log_likelihood[i, j]:.2f}",
        ha="center",
        color="white" if log_likelihood[i, j] < -2.5 else "black",
    )
fig.colorbar(image, label="log-likelihood per letter, in nats")
fig.savefig("names_by_nationality.png", dpi=120)
