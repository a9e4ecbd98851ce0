"""
Part-of-speech tagging
======================

Is "book" a noun or a verb? It depends on the words around it. In this example, an
:class:`~sklearn_rnn.RNNTagger` predicts the part of speech of each word of a sentence.
It represents words, including new ones, by their prefix, suffix and shape.
"""

# %%
# The data are sentences of the English Web Treebank (Universal Dependencies) with 17
# tags, if the files are in ``../shared/data``, with one word and its tag per line.
# Otherwise the example uses invented sentences, in which the same words are nouns after
# "the" and verbs after "they". A quarter of the training sentences is enough here.
import gzip
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTagger
from sklearn_rnn.metrics import step_accuracy_score
from sklearn_rnn.preprocessing import WordAttributes

FOLDER = Path("..", "shared", "data") / "ud_ewt_pos"


def read(part):
    """Return the words and the tags of each sentence."""
    text = gzip.decompress((FOLDER / f"{part}.tsv.gz").read_bytes()).decode()
    sentences = [
        [line.split("\t")[:2] for line in sentence.splitlines()]
        for sentence in text.strip().split("\n\n")
    ]
    return [[[row[j] for row in s] for s in sentences] for j in (0, 1)]


def invent(n_sentences, random_state):
    """Make sentences whose words are nouns or verbs, depending on their position."""
    rng = np.random.default_rng(random_state)
    words = ["book", "play", "drink", "watch", "run", "plan", "walk", "help"]
    X, y = [], []
    for _ in range(n_sentences):
        verb, noun = rng.choice(words, 2)
        ending = rng.choice(["quietly", "slowly", f"{rng.choice(words)}ingly"])
        X.append(["They", str(verb), "the", str(noun), str(ending), "."])
        y.append(["PRON", "VERB", "DET", "NOUN", "ADV", "PUNCT"])
        X.append(["The", str(noun), "is", "here", "."])
        y.append(["DET", "NOUN", "AUX", "ADV", "PUNCT"])
    return X, y


if FOLDER.exists():
    X, y = read("train")
    X, y = X[::4], y[::4]
    X_test, y_test = read("test")
else:
    print("The treebank is not available. Using invented sentences instead.")
    X, y = invent(300, 0)
    X_test, y_test = invent(100, 1)
print(f"{len(X)} training sentences, {len(X_test)} test sentences")

# %%
# The baseline predicts the most frequent tag of each word, and for new words the most
# frequent tag of all. The network reads four attributes per word, each with its own
# embedding. Attributes that occur only once are treated as unknown, so the network
# learns a vector for unknown attributes. More epochs would overfit, so the warning that
# the training loss is still falling is suppressed.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
counts = defaultdict(Counter)
for words, tags in zip(X, y, strict=True):
    for word, tag in zip(words, tags, strict=True):
        counts[word][tag] += 1
most_frequent = {word: count.most_common(1)[0][0] for word, count in counts.items()}
default = sum(counts.values(), Counter()).most_common(1)[0][0]

tagger = make_pipeline(
    WordAttributes(min_count=2),
    RNNTagger(
        dropout=0.5, optimizer="adamw", weight_decay=0.1, max_epochs=8, random_state=0
    ),
)
predictions = {
    "most frequent tag": [[most_frequent.get(w, default) for w in s] for s in X_test],
    "network": tagger.fit(X, y).predict(X_test),
}
is_new = [np.array([float(word not in counts) for word in words]) for words in X_test]
for name, tags in predictions.items():
    print(f"{name}: accuracy {step_accuracy_score(y_test, tags):.3f}")
    if any(new.any() for new in is_new):
        new = step_accuracy_score(y_test, tags, sample_weight=is_new)
        print(f"    on words that are not in the training data: {new:.3f}")

# %%
# The figure shows the accuracy for each part of speech.
truth = np.concatenate(y_test)
tags = [tag for tag, n in Counter(truth).most_common() if n >= 50]
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
for shift, (name, y_pred) in zip((-0.2, 0.2), predictions.items(), strict=True):
    correct = np.concatenate(y_pred) == truth
    accuracy = [correct[truth == tag].mean() for tag in tags]
    axis.bar(np.arange(len(tags)) + shift, accuracy, width=0.4, label=name)
axis.set_xticks(range(len(tags)), tags, rotation=45)
axis.set(
    ylim=(0, 1.15),
    ylabel="accuracy",
    title="Accuracy by part of speech",
)
axis.legend(loc="upper center", ncols=2)
figure.savefig("part_of_speech.png", dpi=100)
print("figure saved: part_of_speech.png")

# %%
# Named entities are tagged in the same way, with tags such as "B-person" and
# "I-person", ``crf=True`` and ``scheme="iob2"``; see :doc:`/tagging`.
