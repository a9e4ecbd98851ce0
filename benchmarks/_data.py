"""The standard splits of the real data sets that benchmarks use."""

import os
from pathlib import Path

from sklearn_rnn.datasets import read_ts

DATA = Path(
    os.environ.get(
        "SKLEARN_RNN_BENCHMARK_DATA",
        Path(__file__).resolve().parents[2] / "shared" / "data",
    )
)
CLASSIFICATION = {
    "JapaneseVowels": "japanese_vowels/JapaneseVowels_{}.ts",
    "NATOPS": "natops/NATOPS_{}.ts.gz",
    "BasicMotions": "basic_motions/BasicMotions_{}.ts",
    "GunPoint": "gunpoint/GunPoint_{}.ts",
    "ArrowHead": "arrowhead/ArrowHead_{}.ts",
    "ItalyPowerDemand": "italy_power_demand/ItalyPowerDemand_{}.ts",
}


def load_classification(name):
    """Return X_train, y_train, X_test, y_test of the standard split."""
    pattern = CLASSIFICATION[name]
    return (
        *read_ts(DATA / pattern.format("TRAIN")),
        *read_ts(DATA / pattern.format("TEST")),
    )
