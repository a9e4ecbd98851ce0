"""Real data, standard splits; skipped where the data sets are missing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import root_mean_squared_error

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import read_ts

WINDOW = 60  # cycles of an engine that a prediction sees
CAP = 125  # cycles: a healthy engine's remaining life is not to be told apart further


@pytest.mark.parametrize(
    ("files", "at_least"),
    [
        ("japanese_vowels/JapaneseVowels_{}.ts", 0.97),
        ("natops/NATOPS_{}.ts.gz", 0.93),
        ("basic_motions/BasicMotions_{}.ts", 0.95),
    ],
    ids=["JapaneseVowels", "NATOPS", "BasicMotions"],
)
def test_defaults_classify(shared_data, files, at_least):
    X, y = read_ts(shared_data / files.format("TRAIN"))
    X_test, y_test = read_ts(shared_data / files.format("TEST"))
    classifier = RNNClassifier(random_state=0).fit(X, y)
    assert classifier.score(X_test, y_test) >= at_least


def test_remaining_useful_life_of_engines(shared_data):
    folder = shared_data / "cmapss_fd001"
    train = read_engines(folder / "train_FD001.txt.gz")
    X, y = [], []
    for cycles in train:
        for end in range(20, len(cycles) + 1, 5):
            X.append(cycles[max(0, end - WINDOW) : end])
            y.append(min(CAP, len(cycles) - end))
    regressor = RNNRegressor(
        loss="huber",
        dropout=0.3,
        optimizer="adamw",
        weight_decay=0.3,
        max_epochs=8,
        batch_size=64,
        random_state=0,
    ).fit(X, y)
    X_test = [cycles[-WINDOW:] for cycles in read_engines(folder / "test_FD001.txt.gz")]
    y_test = np.minimum(CAP, np.loadtxt(folder / "RUL_FD001.txt"))
    assert root_mean_squared_error(y_test, regressor.predict(X_test)) < 16


def read_engines(path):
    """Return the settings and sensors of each engine, (n_cycles, 24).

    The public copy lacks a few values; the last one before is carried forward.
    """
    table = pd.read_csv(path, sep=r"\s+", header=None, na_values=["'N/A'", "NAN"])
    engines = [engine.ffill().bfill() for _, engine in table.groupby(0)]
    return [engine.iloc[:, 2:].to_numpy(float) for engine in engines]
