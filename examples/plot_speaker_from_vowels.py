"""
Speaker recognition from vowels
===============================

Nine men say the same two vowels, "ae". The utterances have between 7 and 29 frames. The
estimators accept such sequences of different length directly. This example measures how
many frames are needed to recognise the speaker.
"""

# %%
# Each frame has 12 coefficients of the sound. The data are downloaded once. If the
# download fails, the example uses mixtures of sines of different length instead.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_japanese_vowels, make_sine_mixtures
from sklearn_rnn.preprocessing import SequenceFeatures

try:
    X_train, y_train = fetch_japanese_vowels(return_X_y=True)
    X_test, y_test = fetch_japanese_vowels(subset="test", return_X_y=True)
except OSError as error:
    print(f"{error}\nUsing mixtures of sines instead.")
    X, y = make_sine_mixtures(640, n_steps=(7, 29), n_classes=9, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
print(f"training data: {X_train}\ntest data:     {X_test}")

# %%
# Both models are fitted on whole utterances. The network reads them frame by frame. The
# baseline is gradient boosting on a summary of each utterance: the length and, for each
# coefficient, the mean, spread, extremes, last value and slope.
models = {
    "recurrent network": RNNClassifier(random_state=0),
    "summary and gradient boosting": make_pipeline(
        SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
    ),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name}: accuracy {model.score(X_test, y_test):.3f} on whole utterances")

# %%
# Sequences passed to ``predict`` may be shorter than all training sequences. Both
# models are therefore scored on the first frames of the same utterances.
n_heard = np.array([1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 25, 29])
figure, axes = plt.subplots(
    2, 1, figsize=(7, 5.5), sharex=True, height_ratios=[3, 1], layout="constrained"
)
for name, model in models.items():
    accuracy = [model.score([x[:n] for x in X_test], y_test) for n in n_heard]
    axes[0].plot(n_heard, accuracy, marker="o", label=name)
axes[0].axhline(
    np.bincount(y_test).max() / len(y_test), color="grey", ls=":", label="most frequent"
)
axes[0].set(ylabel="test accuracy", ylim=(0, 1.02))
axes[0].set_title("Accuracy by number of frames")
axes[0].legend(loc="lower right")
axes[1].hist(X_test.lengths, bins=np.arange(0.5, 30.5), color="grey")
axes[1].set(xlabel="number of first frames", ylabel="utterances\nof this length")
figure.savefig("speaker_from_vowels.png", dpi=100)
print("figure saved: speaker_from_vowels.png")

# %%
# For other containers of sequences of different length, see :doc:`/data`.
