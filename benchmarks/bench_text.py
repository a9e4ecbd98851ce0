"""Classifiers of texts with nothing set, beside TF-IDF and logistic regression.

    python benchmarks/bench_text.py > docs/text_table.rst
    python benchmarks/bench_text.py MR surnames  # some data sets

The defaults for tokens were chosen on training data of TweetEmotion, SST-2 and the
surnames, those of n-grams on MR's, too; no test set had a part in the choice. The
n-grams and the regularisation of the linear model are chosen by cross-validation on the
training data. Prints test scores, the mean over seeds and its spread.
"""

import argparse
import warnings

import numpy as np
import torch
from _data import DATA, fetch_from_here
from bench_defaults import print_row
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_names, fetch_sst2
from sklearn_rnn.preprocessing import SequenceTokenizer

WORDS = {"token_pattern": r"\S+"}
LETTERS = {"analyzer": "char_wb"}
GRID = {
    "tfidfvectorizer__ngram_range": [(1, 1), (1, 2), (1, 4)],
    "logisticregression__C": [1, 10, 100],
}


def load_sst2():
    train = fetch_sst2(subset="train", return_X_y=True)
    return *train, *fetch_sst2(subset="test", return_X_y=True)


def load_mr():
    parts = [
        f"{kind}_{part}" for part in ("train", "test") for kind in ("text", "label")
    ]
    return [read_lines(DATA / "mr" / f"{part}.txt", "latin-1") for part in parts]


def load_tweets():
    parts = [
        f"{part}_{kind}" for part in ("train", "test") for kind in ("text", "labels")
    ]
    return [read_lines(DATA / "tweet_emotion" / f"{part}.txt") for part in parts]


def load_names():
    X, y = fetch_names(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=0
    )
    return X, y, X_test, y_test


def read_lines(path, encoding="utf-8"):
    return np.array(path.read_text(encoding).rstrip("\n").split("\n"), dtype=object)


# data, level of the tokens, options of TF-IDF, score
TASKS = {
    "SST-2": (load_sst2, "word", WORDS, "accuracy"),
    "MR": (load_mr, "word", WORDS, "accuracy"),
    "TweetEmotion": (load_tweets, "word", WORDS, "f1_macro"),
    "surnames": (load_names, "char", LETTERS, "accuracy"),
}


def measure(model, data, scoring):
    """Return the test score of a model."""
    X, y, X_test, y_test = data
    return get_scorer(scoring)(model.fit(X, y), X_test, y_test)


def run(name, n_seeds):
    load, level, options, scoring = TASKS[name]
    data = load()
    linear = make_pipeline(
        TfidfVectorizer(**options), LogisticRegression(max_iter=1000)
    )
    linear = GridSearchCV(linear, GRID, cv=3, scoring=scoring)
    results = [
        measure(
            make_pipeline(SequenceTokenizer(level), RNNClassifier(random_state=seed)),
            data,
            scoring,
        )
        for seed in range(n_seeds)
    ]
    network = f"{np.mean(results):.3f} ± {np.std(results):.3f}"
    return [f"{name}, {scoring}", network, f"{measure(linear, data, scoring):.3f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(".. list-table::\n   :header-rows: 1\n")
    print_row(["data", "``RNNClassifier()``", "TF-IDF and logistic regression"])
    with fetch_from_here():
        for name in args.names or TASKS:
            print_row(run(name, args.seeds))


if __name__ == "__main__":
    main()
