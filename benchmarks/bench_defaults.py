"""Effect of changing one default parameter of the network at a time.

    python benchmarks/bench_defaults.py --jobs 2 > docs/defaults_table.rst

The script prints a table of test accuracies on six public data sets (standard splits,
mean over seeds), and the mean of the six with its spread over seeds. The network is
alone: bench_archive.py compares it with random kernels beside it.
"""

import argparse
import warnings

import numpy as np
import torch
from _data import CLASSIFICATION, load_classification
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNClassifier

# a typical first attempt in PyTorch
PLAIN = {
    "conv_channels": None,
    "bidirectional": False,
    "pooling": "last",
    "learning_rate_schedule": None,
    "learning_rate": 1e-3,
}
SETTINGS = [
    {},
    {**PLAIN, "max_epochs": 60},
    {"conv_channels": None},
    {"conv_channels": 64},
    {"conv_channels": (64, 64, 64)},
    {"conv_channels": (128, 128)},
    {"conv_stride": 1},
    {"conv_kernel_size": 5},
    {"bidirectional": False},
    {"pooling": "last"},
    {"pooling": "mean"},
    {"pooling": "max"},
    {"pooling": "attention"},
    {"cell": "lstm"},
    {"cell": "rnn"},
    {"hidden_size": 32},
    {"hidden_size": 128},
    {"num_layers": 2},
    {"dropout": 0.2},
    {"learning_rate_schedule": None, "learning_rate": 1e-3},
    {"learning_rate_schedule": "cosine"},
    {"learning_rate": 3e-3},
    {"learning_rate": 3e-2},
    {"optimizer": "adamw", "weight_decay": 0.01},
    {"max_grad_norm": None},
    {"batch_size": 16},
    {"batch_size": 64},
    {"max_epochs": 50},
    {"max_epochs": 200},
]


def run(settings, seeds):
    """Return accuracies of shape (n_sets, n_seeds)."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    scores = []
    for name in CLASSIFICATION:
        X, y, X_test, y_test = load_classification(name)
        row = []
        for seed in seeds:
            classifier = RNNClassifier(
                random_kernels=None, **settings, random_state=seed
            )
            row.append(classifier.fit(X, y).score(X_test, y_test))
        scores.append(row)
    return np.array(scores)


def describe(settings):
    if settings == SETTINGS[1]:
        return "a plain GRU [#plain]_"
    return ", ".join(f"``{k}={v!r}``" for k, v in settings.items()) or "**defaults**"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    results = Parallel(n_jobs=args.jobs)(
        delayed(run)(settings, range(args.seeds)) for settings in SETTINGS
    )
    print(".. list-table::\n   :header-rows: 1\n")
    print_row(["changed", "mean", "spread", *CLASSIFICATION])
    for settings, scores in zip(SETTINGS, results, strict=True):
        means = scores.mean(axis=0)
        numbers = [f"{means.mean():.3f}", f"± {means.std():.3f}"]
        numbers += [f"{value:.3f}" for value in scores.mean(axis=1)]
        print_row([describe(settings), *numbers])
    plain = ", ".join(f"``{k}={v!r}``" for k, v in SETTINGS[1].items())
    print(f"\n.. [#plain] {plain}")


def print_row(cells):
    lines = [f"     - {cell}" for cell in cells]
    lines[0] = f"   * - {cells[0]}"
    print("\n".join(lines))


if __name__ == "__main__":
    main()
